"""One description of a drawn graph without Qt, from which pictures, pages and notebooks are made.

`cards`, `wires` and `frames` have contents and geometry, which the canvas uses, too. `colors`,
`text_layout` and `geometry` have colours by role, widths of text, and rectangles. Values and
`views` are drawn on a `sheet`. `graph_drawing` draws a whole graph as `shapes`, and `formats`
writes them as SVG, as a page, or for a notebook.
"""
