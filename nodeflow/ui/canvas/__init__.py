"""The canvas: an editable picture of a document.

`CanvasView` is the widget. The rest of the window uses its parts, such as `canvas.selection`,
`canvas.viewport` and `canvas.edits`. Layers, from top to bottom: `export_image`; `view`;
`gestures` and `a11y`, which do not import each other; `paint`; `scene`; `signals`. A module
imports only from lower layers. From the rest of the window, the canvas imports only `ui.core`
and the declarations in `ui.actions`.
"""

from nodeflow.ui.canvas.gestures.drag_wire import WireContext
from nodeflow.ui.canvas.view.view import CanvasView

__all__ = ["CanvasView", "WireContext"]
