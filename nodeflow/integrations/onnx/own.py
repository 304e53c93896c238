"""Marks in files that nodeflow wrote, so that opening one restores the graph."""

from __future__ import annotations

OPS = "nodeflow"
"""The domain of functions that stand for one node."""
SUBGRAPHS = "nodeflow.subgraphs"
"""The domain of functions that stand for subgraphs."""
FOREIGN = "onnx/"
"""Prefix of the op ids of nodes without a counterpart, in documents."""
OP, ATTRS, INPUTS = "op", "attributes", "inputs"
"""Attributes of a call: the op's id; its attributes as JSON; and for each wired input of the
op, its index and the index of the function's input.
"""
