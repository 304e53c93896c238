"""Our ops in terms of ONNX's, one function each, in modules of families."""

from nodeflow.exchange.onnx.rules import (  # noqa: F401
    arrange,
    flow,
    networks,
    numbers,
    pictures,
    spectra,
    windows,
)
