"""Translations of ONNX's ops to public ops, one function each, in modules by family."""

from nodeflow.integrations.onnx.importers import (  # noqa: F401
    control,
    convolution,
    linear,
    math,
    networks,
    pictures,
    quantized,
    recurrent,
    shapes,
)
