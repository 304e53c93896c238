"""The canvas: an editable picture of a document.

`CanvasView` is the widget; it owns parts with narrow interfaces, which the rest of the window uses
as `canvas.selection`, `canvas.viewport`, `canvas.edits` and so on. Layers, from top to bottom:
`export_image`; `view`; `gestures` and `a11y`, which do not import each other; `paint`; `scene`;
`signals`. A module imports only from the layers below its own. The canvas imports `ui.core` and the
declarations in `ui.actions`, nothing else of the window.
"""

from nodeflow.ui.canvas.gestures.drag_wire import WireContext
from nodeflow.ui.canvas.view.view import CanvasView

__all__ = ["CanvasView", "WireContext"]
