"""One description of a drawn graph without Qt, from which pictures, pages and notebooks are made.

`colors`, `text`, `geometry`: colours by role, widths of text, rectangles. `card_data`,
`card_builder`, `wire_shape`, `wire_routing`, `wire_lanes`, `frame_titles`: contents and geometry,
which the canvas uses, too. `sheet` is what values and `views` are drawn on. `shapes` records a
drawing; `card_drawing` and `graph_drawing` draw cards and whole graphs; `svg` writes them.
"""
