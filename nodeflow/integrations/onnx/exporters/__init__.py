"""Rules that write nodeflow's ops as ONNX nodes, one function each, in modules by family."""

from nodeflow.integrations.onnx.exporters import (  # noqa: F401
    arrange,
    convolution,
    flow,
    networks,
    numbers,
    pictures,
    spectra,
)
