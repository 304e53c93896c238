"""The actions of the window: names, keys, menus, toolbar and state.

`specs` declares the actions, `ActionSet` makes their QActions, and controllers bind functions to
them. Nothing here imports a controller, a panel or the canvas.
"""
