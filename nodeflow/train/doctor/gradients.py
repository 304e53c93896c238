"""A check for gradients that vanish or explode on their way from the loss to the first layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.number_text import number
from nodeflow.train.diagnosis.hints import Edit, Hint
from nodeflow.train.doctor.curves import clip_edit
from nodeflow.train.doctor.dead_units import Run, feeds_of
from nodeflow.train.doctor.examined_nodes import WEIGHTS, needed_nodes, placed
from nodeflow.train.training import Training
from nodeflow.train.watched_tensors.optimizer_tensors import gradient

SQUASHING = ("sigmoid", "tanh")
FEWEST_LAYERS = 4
ROWS = 32
"""Few rows, because a backward pass costs twice a forward pass."""
FACTOR = 1000.0
"""A gradient that differs from later layers by this factor has vanished or exploded.

In sound trainings of the examples, the factor is below 20.
"""


def check_gradients(training: Training, run: Run) -> Iterator[Hint]:
    """Compare the gradients of the layers' weights, relative to the size of the weights. Yield a
    hint if they vanish or explode from the last layer to the first.
    """
    layers = _layers(training)
    if len(layers) < FEWEST_LAYERS:
        return
    targets = [tensor for _, weights, slope in layers for tensor in (weights, slope)]
    feeds = feeds_of(training, [tensor.node for tensor in targets], ROWS)
    if feeds is None:
        return
    values = run(targets, feeds)
    sizes = [_relative(values[i], values[i + 1]) for i in range(0, len(values), 2)]
    names = [placed(node).name for node, _, _ in layers]
    known = [(name, size) for name, size in zip(names, sizes, strict=True) if np.isfinite(size)]
    if len(known) < FEWEST_LAYERS:
        return
    yield from _compare(training, known[::-1])


def _compare(training: Training, back: list[tuple[str, float]]) -> Iterator[Hint]:
    """Yield a hint for the first layer, counted back from the loss, with a disproportionate
    gradient.
    """
    last, first = back[0], back[-1]
    for place, (name, size) in enumerate(back[1:], 1):
        nearer = [other for _, other in back[:place] if other > 0]
        if not nearer:
            return
        figures = (
            f"Relative to the weights, the gradient is {number(last[1], 2)} in {last[0]} and "
            f"{number(first[1], 2)} in {first[0]}."
        )
        if size * FACTOR < max(nearer) and first[1] * FACTOR < max(nearer):
            yield Hint(
                "vanishing_gradients",
                f"Gradients vanish from {name} on, on their way back from the loss",
                f"{figures} So the first layers hardly train.",
                "Use ReLU instead of sigmoid or tanh, initialize with he_normal or glorot_uniform, "
                "or add batch normalization or paths around layers.",
                name,
                *_relu_edits(training),
            )
            return
        if size > FACTOR * min(nearer) and first[1] > FACTOR * min(nearer):
            text, edits = clip_edit(training)
            yield Hint(
                "exploding_gradients",
                f"Gradients explode from {name} on, on their way back from the loss",
                f"{figures} So a step that suits the last layers is too large for the first.",
                "Start with smaller weights, add batch normalization, or clip the gradients.",
                name,
                text,
                edits,
            )
            return


def _relu_edits(training: Training) -> tuple[str, tuple[Edit, ...]]:
    """Return a remedy for vanishing gradients: the text of a button, and the edits of the graph
    that replace sigmoid-like activations by ReLU. Both are empty if there are none.
    """
    needed = needed_nodes(training)
    layers = ancestors(node.inputs[0].node for node in needed if node.op.id in WEIGHTS)
    owners = dict.fromkeys(placed(n) for n in needed if n.op.id in SQUASHING and n in layers)
    edits = tuple(
        Edit("op", owner.name, "", "relu")
        if owner.op.id in SQUASHING
        else Edit("attribute", owner.name, "activation", "relu")
        for owner in owners
    )
    several = f"{len(edits)} layers" if len(edits) > 1 else next((e.node for e in edits), "")
    return (f"Use ReLU in {several}", edits) if edits else ("", ())


def _layers(training: Training) -> list[tuple[Node, Tensor, Tensor]]:
    """Return the ops with trained weights, in the graph's order, with the weights and their
    gradients.
    """
    found, seen = [], set()
    for node in needed_nodes(training):
        for port in WEIGHTS.get(node.op.id, ()):
            weights = node.inputs[[p.name for p in node.op.inputs].index(port)]
            if weights.node.op.id != "variable" or weights in seen:
                continue
            seen.add(weights)
            slope = gradient(weights.graph, weights)
            if slope is not None:
                found.append((node, weights, slope))
    return found


def _relative(weights: np.ndarray, slope: np.ndarray) -> float:
    """Return the norm of the gradient divided by the norm of the weights; NaN for weights of 0."""
    size = float(np.linalg.norm(np.asarray(weights, np.float64)))
    return float(np.linalg.norm(np.asarray(slope, np.float64))) / size if size else float("nan")
