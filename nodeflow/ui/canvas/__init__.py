"""The canvas: a document as a picture that can be edited."""

from nodeflow.ui.canvas.gestures.drag_wire import WireContext
from nodeflow.ui.canvas.view.view import CanvasView

__all__ = ["CanvasView", "WireContext"]
