"""A description of a drawn graph, without Qt. Pictures, pages and notebooks are made from it.

`cards`, `wires` and `frames` have contents and geometry, which the canvas also uses. `colors`,
`text_layout` and `geometry` have colors by role, widths of text, and rectangles. Values and
`views` are drawn on a `sheet`. `graph_drawing` draws a whole graph as `shapes`, and `formats`
writes them as SVG, as a page, or for a notebook.
"""
