"""Our ops in terms of ONNX's, one function each, in modules of families."""

from nodeflow.exchange.onnx.rules import arrange, flow, networks, numbers, windows  # noqa: F401
