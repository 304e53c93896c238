"""Placeholders that take a picture, and outputs that show the graph's answer to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.data.pictures.digit_preparation import picture_size
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.traversal import downstream, topological
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.graph.types import TensorType

SIDES = (6, 512)
"""The limits of a placeholder's height and width for its rows to count as pictures, in pixels."""
MOST_CLASSES = 1000
BINARY_LOSSES = frozenset(("binary_cross_entropy", "focal_loss"))


@dataclass(frozen=True)
class PictureInput:
    """A placeholder that takes a picture.

    Attributes:
        height, width: the size of the picture in pixels.
        shape: the shape of a feed with one picture, including the batch dimension.
    """

    id: str
    name: str
    height: int
    width: int
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Answer:
    """An output that is the graph's answer to an input, such as the probabilities of classes.

    Attributes:
        id, name: id and name of the node.
        kind: ``probabilities``; ``logits``, which softmax turns into probabilities; ``sigmoid`` and
            ``sigmoid_logits`` for classes that do not exclude each other; ``picture`` for a
            reconstruction; else ``values``.
        port: the output's name.
        index: the output's position among the node's outputs.
        size: the number of values per row.
    """

    id: str
    name: str
    kind: str
    port: str
    index: int
    size: int


_RANKS = ("probabilities", "logits", "sigmoid", "sigmoid_logits", "picture", "values")


def picture_inputs(doc: Document, analysis: Analysis) -> list[PictureInput]:
    """Return the placeholders that take a picture; placeholders with a data feed come first."""
    found = filter(None, (picture_input(record, analysis) for record in doc.nodes.values()))
    return sorted(found, key=lambda item: not doc.wires_into(item.id))


def picture_input(record: NodeRecord, analysis: Analysis) -> PictureInput | None:
    """Return the description of a placeholder that takes a picture; None for any other node."""
    type_ = analysis.type_of(record.id, "out") if record.op == "placeholder" else None
    size = picture_size(type_) if type_ is not None else None
    if size is None or type_ is None or type_.shape[0] not in (None, 1):
        return None
    height, width, shape = size
    if not all(SIDES[0] <= side <= SIDES[1] for side in (height, width)):
        return None
    return PictureInput(record.id, record.name, height, width, shape, type_.dtype)


def makes_pictures(doc: Document, analysis: Analysis, node_id: str) -> bool:
    """Return whether each row of a node has as many numbers as a picture that the graph takes has
    pixels.
    """
    found = next(iter((analysis.out_types(node_id) or {}).values()), None)
    if found is None or not found.is_float or not found.has_rank or len(found.shape) < 2:
        return False
    pixels = {math.prod(each.shape[1:]) for each in picture_inputs(doc, analysis)}
    row = [size for size in found.shape[1:] if size is not None]
    return len(row) == len(found.shape) - 1 and math.prod(row) in pixels


def answers(doc: Document, analysis: Analysis, source: str, pixels: int = 0) -> list[Answer]:
    """Return the outputs that may be the graph's answer to an input, the likeliest first.

    These are outputs of nodes that depend on the placeholder, with one row of floats for each row
    of its input, such as class probabilities.

    Args:
        source: the id of the placeholder that takes the input.
        pixels: the number of values of a picture, to recognise a reconstruction; 0 if it takes
            none.
    """
    order, _ = topological(doc, downstream(doc, [source]))
    found: list[Answer] = []
    for node_id in order:
        record = doc.nodes[node_id]
        if node_id == source or record.op == "dataset":
            continue
        for index, (port, type_) in enumerate((analysis.out_types(node_id) or {}).items()):
            size = _row_size(type_)
            if size is None:
                continue
            kind = _kind(doc, record, port, size, pixels)
            found.append(Answer(node_id, record.name, kind, port, index, size))
    found.reverse()  # among nodes of one kind the last one is the answer
    return sorted(found, key=lambda answer: _RANKS.index(answer.kind))


def _row_size(type_: TensorType | None) -> int | None:
    """Return the number of columns of a network's output for one picture.

    Return None if the output is not a float matrix with one row for each picture, or has too many
    columns.
    """
    if type_ is None or not type_.is_float or type_.ndims != 2:
        return None
    rows, size = type_.shape
    return size if rows in (None, 1) and size and size <= max(MOST_CLASSES, SIDES[1] ** 2) else None


def _kind(doc: Document, record: NodeRecord, port: str, size: int, pixels: int) -> str:
    users = [w for w in doc.wires_out_of(record.id) if w.source_port == port]
    activation = record.attrs.get("activation")
    goes_to = [(doc.nodes[w.target], w) for w in users if w.target in doc.nodes]
    if pixels and size == pixels:
        return "picture" if any(w.target_port == "predictions" for _, w in goes_to) else "values"
    if size > MOST_CLASSES:
        return "values"
    if size > 1 and (record.op == "softmax" or activation == "softmax"):
        return "probabilities"
    if record.op == "sigmoid" or activation == "sigmoid":
        return "sigmoid" if _is_measured(goes_to) else "values"
    for user, wire in goes_to:
        taken = scores_taken(user.op, wire.target_port, user.attrs)
        if taken:
            return "sigmoid_logits" if taken == "sigmoid" or size == 1 else "logits"
    return "values"


def scores_taken(op: str, port: str, attrs: Mapping[str, Any]) -> str:
    """Return the name of the function by which a loss turns scores at an in-port into
    probabilities.

    Returns:
        ``softmax``, or ``sigmoid`` for classes that do not exclude each other; "" if the in-port
        takes no scores.
    """
    if port != "logits" and not (port == "predictions" and attrs.get("from_logits")):
        return ""
    return "sigmoid" if op in BINARY_LOSSES else "softmax"


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return the softmax of scores along the last axis, as float64."""
    powers = np.exp(np.clip(scores - scores.max(axis=-1, keepdims=True), -60.0, 0.0))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Return the sigmoid of each score, as float64."""
    return 1.0 / (1.0 + np.exp(-np.clip(scores, -60.0, 60.0)))


def _is_measured(goes_to: list[tuple[NodeRecord, Wire]]) -> bool:
    """Return whether a value is a final result: only a loss or metric reads it, or nothing.

    Hidden layers may also use sigmoid, but other nodes read their values.

    Args:
        goes_to: the nodes that read the value, each with the wire to it.
    """
    return not goes_to or any(w.target_port in ("predictions", "labels") for _, w in goes_to)
