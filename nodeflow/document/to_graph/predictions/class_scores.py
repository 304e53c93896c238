"""The meaning of tensors about classes: numbers, probabilities, or scores that become
probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from nodeflow.document.analysis.picture_answers import scores_taken, sigmoid, softmax
from nodeflow.graph.graph import Node, Tensor, ancestors

Users = Mapping[Node, Iterable[Node]]
"""Node -> the nodes that read it."""
PASSING = frozenset("identity reshape squeeze expand_dims cast stop_gradient".split())
PROBABILITIES = frozenset(("softmax", "sigmoid"))
SCORED = frozenset(("softmax", "log_softmax", "argmax", "sigmoid"))
"""Ops that read scores of classes, besides losses."""


def made_by(tensor: Tensor) -> str:
    """Return the name of the op that determines the meaning of a tensor. Ops that pass the value
    on, such as reshapes, are skipped, and a layer stands for its last op.
    """
    while True:
        node = tensor.node
        if node.alias:
            inner = node.alias[tensor.index]
            if inner is None:  # a gradient that does not exist
                return node.op.id
            tensor = inner
        elif node.op.id in PASSING and node.inputs:
            tensor = node.inputs[0]
        else:
            return node.op.id


def reads_scores(users: Users, tensor: Tensor) -> bool:
    """Return whether any consumer of a tensor expects class scores: softmax, sigmoid or a loss of
    logits.
    """
    return any(
        user.op.id in SCORED
        or bool(scores_taken(user.op.id, user.op.input_port(place).name, user.attrs))
        for user, place in _readers(users, tensor)
    )


def is_compared(users: Users, tensor: Tensor) -> bool:
    """Return whether a consumer combines a tensor with data that it does not depend on, such as
    labels.

    Then the tensor is a prediction rather than a hidden layer.
    """
    inputs = ancestors([tensor.node])
    others = (t for user, _ in _readers(users, tensor) for t in user.inputs)
    return any(t.node.op.id == "placeholder" and t.node not in inputs for t in others)


def _readers(users: Users, tensor: Tensor) -> Iterator[tuple[Node, int]]:
    """Yield (node, input index) for each node that reads a tensor, also through ops that only copy
    it.
    """
    waiting, seen = [tensor], {tensor}
    while waiting:
        made = waiting.pop()
        for user in users.get(made.node, ()):
            place = next((i for i, t in enumerate(user.inputs) if t is made), None)
            if place is None or user.derived_from is not None:
                continue
            yield user, place
            if user.op.id in PASSING and user.outputs[0] not in seen:
                seen.add(user.outputs[0])
                waiting.append(user.outputs[0])


def class_shares(users: Users, tensor: Tensor, rows: np.ndarray) -> np.ndarray:
    """Return the probability of each class, float64 (n, classes), from a tensor's values.

    A single column is the probability or score of the second of two classes.

    Args:
        rows: values of the tensor, (n, k).
    """
    op = made_by(tensor)
    values = np.nan_to_num(rows.astype(np.float64), nan=0.0, posinf=1e300, neginf=-1e300)
    if values.shape[1] > 1:
        return values if op in PROBABILITIES else softmax(values)
    if op not in PROBABILITIES and reads_scores(users, tensor):
        values = sigmoid(values)
    second = np.clip(values, 0, 1)
    return np.concatenate([1 - second, second], axis=1)
