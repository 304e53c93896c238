"""What can be wrong with a file of ONNX, and what a graph has that ONNX has not."""

from __future__ import annotations

from types import ModuleType

from nodeflow.errors import FileProblem, NodeflowError


class OnnxFileError(FileProblem):
    """A file of ONNX is damaged, or uses what nodeflow does not read.

    Remedy: Export the file again from the program that made it, with opset 7 or newer.
    """


class OnnxMissing(NodeflowError):
    """The package that reads and writes ONNX is not installed.

    Remedy: Install it with pip install "nodeflow[onnx]".
    """


def onnx_package() -> ModuleType:
    """The package onnx.

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
