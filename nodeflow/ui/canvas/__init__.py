"""The canvas: a document as a picture that can be edited."""

from nodeflow.ui.canvas.view import CanvasView
from nodeflow.ui.canvas.wiring import WireContext

__all__ = ["CanvasView", "WireContext"]
