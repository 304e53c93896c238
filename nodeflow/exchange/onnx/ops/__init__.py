"""ONNX's ops in terms of public ops, one function each, in modules of families."""

from nodeflow.exchange.onnx.ops import (  # noqa: F401
    control,
    convolution,
    linear,
    math,
    networks,
    pictures,
    recurrent,
    shapes,
)
