"""The canvas widget and its parts: mouse, keyboard, edits, overlay, minimap.

A part gets its collaborators as arguments: other parts, or the widget as a plain `QWidget`. No
module imports `view`, the module of the widget's class, except `ui.canvas` itself. The window
imports `CanvasView` from `ui.canvas`, and from here `keyboard` (keys and commands), `minimap`,
`free_position`, and the search contexts and MIME type of the edits.
"""
