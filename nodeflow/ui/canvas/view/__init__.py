"""The canvas widget and its parts: mouse, keyboard, edits, overlay, minimap.

A part gets the objects that it works with as arguments: other parts, or the widget as a plain
`QWidget`. Only `ui.canvas` itself imports `view`, the module of the widget's class. The window
imports `CanvasView` from `ui.canvas`, and from here `keyboard` (keys and commands), `minimap`,
`free_position`, and the search contexts and MIME type of the edits.
"""
