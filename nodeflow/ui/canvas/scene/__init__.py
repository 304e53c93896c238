"""The scene: the contents of the canvas, as models without widgets.

`scene_model` follows the document and keeps nodes and wires as numpy arrays. `selection` and
`viewport` hold the selected and visible parts, and report changes by signals. Further modules
compute wires, cards, values and hit tests. From outside the canvas, `card_data` and
`value_preview` are used. The modules import nothing else of the canvas.
"""
