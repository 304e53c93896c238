"""The actions of the window: what they are called, their keys, menus and toolbar, and their state.

`specs` declares them, `ActionSet` makes QActions of them, controllers bind what they do. Nothing
here imports a controller, a panel or the canvas.
"""
