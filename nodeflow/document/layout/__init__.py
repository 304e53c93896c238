"""Layout of nodes: sizes of cards, the layered layout, its crossings, alignment.

Computes positions and changes no document; `edit/arrange.py` applies them. Imports `model` and
`analysis`, no Qt.
"""
