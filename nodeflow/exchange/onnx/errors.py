"""Errors of ONNX files, and the error for a missing onnx package."""

from __future__ import annotations

from types import ModuleType

from nodeflow.errors import FileProblem, NodeflowError


class OnnxFileError(FileProblem):
    """An ONNX file is damaged, or uses something that nodeflow cannot read.

    Remedy: Export the file again from the program that made it, with opset 7 or newer.
    """


class OnnxMissing(NodeflowError):
    """The package that reads and writes ONNX is not installed.

    Remedy: Install it with pip install "nodeflow[onnx]".
    """


def onnx_package() -> ModuleType:
    """Return the package onnx.

    Raises:
        OnnxMissing: it is not installed.
    """
    try:
        import onnx
        import onnx.inliner
        import onnx.numpy_helper
    except ImportError:
        raise OnnxMissing(
            "files of ONNX need the package onnx, which is not installed",
            hint='Install it with pip install "nodeflow[onnx]".',
        ) from None
    return onnx
