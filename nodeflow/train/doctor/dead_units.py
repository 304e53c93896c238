"""Problems inside the network that one batch shows: dead units, saturated units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.train.diagnosis.hints import Edit, Hint, percent
from nodeflow.train.doctor.curves import rate_edit
from nodeflow.train.doctor.examined_nodes import WEIGHTS, needed_nodes, placed
from nodeflow.train.training import Training

Run = Callable[[Sequence[Tensor], Mapping[Tensor, Any]], Sequence[np.ndarray]]
"""A function that computes tensors by inference, with feeds and the current variables."""

BATCH = 256
FEWEST_ROWS, FEWEST_UNITS = 16, 4
DEAD, SATURATED = 0.8, 0.8
_RELU = "relu"
_SQUASHING = {"sigmoid": (0.01, 0.99), "tanh": (-0.98, 0.98)}


def run_of(session: Session) -> Run:
    """Return a function that computes tensors from feeds in a session. It tells the session to
    expect only one run, so that compiling for it does not start.
    """

    def run(tensors: Sequence[Tensor], feeds: Mapping[Tensor, Any]) -> Sequence[np.ndarray]:
        with session.expecting(1):
            return session.run(tensors, feeds)

    return run


def check_batch(training: Training, run: Run) -> Iterator[Hint]:
    """Compute the activations of hidden layers on a batch of training rows. Yield a hint for each
    layer whose units are dead (always 0) or saturated.
    """
    hidden = _hidden(needed_nodes(training))
    feeds = feeds_of(training, hidden)
    if not hidden or feeds is None:
        return
    values = run([node.outputs[0] for node in hidden], feeds)
    for node, value in zip(hidden, values, strict=True):
        if value.ndim < 2 or len(value) < FEWEST_ROWS or value.shape[-1] < FEWEST_UNITS:
            continue
        units = np.asarray(value, np.float64).reshape(-1, value.shape[-1])
        if not np.isfinite(units).all():
            continue
        if node.op.id == _RELU:
            yield from _dead(training, node, units, len(value))
        else:
            yield from _saturated(node, units, len(value))


def _hidden(needed: list[Node]) -> list[Node]:
    """Return the activations whose results another layer reads."""
    inside = ancestors(node.inputs[0].node for node in needed if node.op.id in WEIGHTS)
    activations = (_RELU, *_SQUASHING)
    return [node for node in needed if node.op.id in activations and node in inside]


def feeds_of(training: Training, nodes: list[Node], rows: int = BATCH) -> dict[Tensor, Any] | None:
    """Return the first rows of the training split as feeds, or None if there are none."""
    bindings = training.used_bindings(nodes)
    used = ancestors(nodes)
    feeds: dict[Tensor, Any] = {t: v for t, v in training.feeds.items() if t.node in used}
    for tensor, binding in bindings.items():
        column = binding.dataset.splits.get("train", {}).get(binding.column)
        if column is None:
            return None
        feeds[tensor] = column.rows(slice(0, rows))
    return feeds


def _dead(training: Training, node: Node, units: np.ndarray, rows: int) -> Iterator[Hint]:
    dead = units.max(axis=0) <= 0
    share = float(dead.mean())
    if share < DEAD:
        return
    text, edits = rate_edit(training, 0.1)
    name = placed(node).name
    yield Hint(
        "dead_relu",
        f"Most units of {name} never fire",
        f"{int(dead.sum())} of {len(dead)} are 0 for all of {rows} rows, so nothing trains them.",
        "Lower the learning rate and restart, initialize with he_normal, or use leaky ReLU.",
        name,
        text,
        edits,
    )


def _saturated(node: Node, units: np.ndarray, rows: int) -> Iterator[Hint]:
    low, high = _SQUASHING[node.op.id]
    share = float(np.mean((units < low) | (units > high)))
    if share < SATURATED:
        return
    owner = placed(node)
    edit = Edit("op", owner.name, "", "relu")
    if owner is not node:  # a layer has its activation as an attribute
        edit = Edit("attribute", owner.name, "activation", "relu")
    yield Hint(
        "saturated",
        f"{owner.name} is saturated",
        f"{percent(share)} of its values over {rows} rows are below {low:g} or above {high:g}, "
        "where its gradient is almost 0.",
        "Scale the inputs, start with smaller weights, or use ReLU.",
        owner.name,
        f"Use ReLU in {owner.name}",
        (edit,),
    )
