"""The canvas for screen readers: accessible objects, their actions, and their descriptions.

The widget calls `interfaces.attach` and `descriptions.canvas_state`; nothing else is used from
outside. The modules import `scene` and `signals`, but not `view`, `gestures` or `paint`.
"""
