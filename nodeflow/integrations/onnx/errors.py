"""The error of damaged ONNX files, and the package that reads them."""

from __future__ import annotations

from types import ModuleType

from nodeflow.errors import FileProblem, NodeflowError
from nodeflow.manifests import SoftwareMissing


class OnnxFileError(FileProblem):
    """An ONNX file is damaged, or uses something that nodeflow cannot read.

    Remedy: Export the file again from the program that made it, with opset 7 or newer.
    """


class CannotEdit(NodeflowError):
    """A model cannot be changed as asked; the message names the node or tensor.

    Remedy: Choose another node or tensor as the message says.
    """


def onnx_package() -> ModuleType:
    """Return the package onnx.

    Raises:
        SoftwareMissing: it is not installed, or cannot be imported.
    """
    try:
        import onnx
        import onnx.inliner
        import onnx.numpy_helper
    except ImportError as error:
        raise SoftwareMissing(
            f"the package onnx cannot be imported: {error}",
            hint="pip install 'onnx>=1.17' brings it.",
        ) from None
    return onnx
