"""What files that nodeflow wrote say of themselves, so that opening one gives the graph again."""

from __future__ import annotations

OPS = "nodeflow"
"""The domain of functions that stand for one node."""
SUBGRAPHS = "nodeflow.subgraphs"
"""The domain of functions that stand for subgraphs."""
OUTPUTS = "outputs"
"""The field of a document that names what a model gives."""
OP, ATTRS, INPUTS = "op", "attributes", "inputs"
"""Attributes of a call: the op's id, its attributes as JSON, and for each of its inputs that has a
wire its index and which input of the function it is."""
