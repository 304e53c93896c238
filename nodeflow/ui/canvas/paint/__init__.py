"""Painting: layers of background, wires and cards, with caches for speed.

`renderer` keeps the painted picture and repairs damaged parts; `card_atlas` keeps painted
cards. A layer is a function of a painter and a `PaintContext`. From outside the canvas, only
`op_icon_painter` and `background_layer.frame_color` are used. The modules import `scene`, but
not `view`, `gestures` or `a11y`.
"""
