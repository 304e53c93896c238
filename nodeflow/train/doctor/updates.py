"""Problems with the size of updates, relative to the size of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.number_text import number
from nodeflow.ops.composed import resolve
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.doctor.curves import rate_edit
from nodeflow.train.doctor.dead_units import Run, feeds_of
from nodeflow.train.doctor.examined_nodes import WEIGHTS, needed_nodes, placed
from nodeflow.train.training import Training
from nodeflow.train.watched_tensors.optimizer_tensors import gradient

ROWS = 64
LARGE, SMALL = 0.3, 1e-7
"""Bounds on the change of weights by a step, relative to their size.

About a thousandth is usual. In sound trainings of the examples, it is at most a tenth, and above a
millionth while the loss falls.
"""


def check_updates(training: Training, run: Run, is_early: bool) -> Iterator[Hint]:
    """Yield hints about weights that a step changes far too much, or not at all.

    Args:
        is_early: whether the training has just begun. Later, small updates mean that it has
            converged.
    """
    pairs = _pairs(training)
    targets = [tensor for pair in pairs for tensor in pair[1:]]
    feeds = feeds_of(training, [tensor.node for tensor in targets], ROWS)
    if not pairs or feeds is None:
        return
    values = run(targets, feeds)
    ratios = {}
    for (node, *_), before, after in zip(pairs, values[::2], values[1::2], strict=True):
        ratio = _ratio(before, after)
        if np.isfinite(ratio):
            ratios[placed(node).name] = ratio
    large = {name: ratio for name, ratio in ratios.items() if ratio > LARGE}
    if large:
        name = max(large, key=large.__getitem__)
        text, edits = rate_edit(training, 0.1)
        yield Hint(
            "large_updates",
            f"A step changes {name} too much",
            f"By {number(100 * large[name], 2)} % of its size{_others(large)}. A thousandth is "
            "usual: what one batch teaches, the next one overwrites.",
            "Lower the learning rate, or clip the gradients.",
            name,
            text,
            edits,
        )
    elif is_early and ratios and max(ratios.values()) < SMALL:
        name = max(ratios, key=ratios.__getitem__)
        if not ratios[name] and not _is_steep(pairs, feeds, run):
            return  # nothing to learn, or dead units
        text, edits = rate_edit(training, 10.0)
        yield Hint(
            "small_updates",
            "A step hardly changes any weights",
            f"At most by {ratios[name]:.0e} of their size, in {name}; a thousandth is usual.",
            "Raise the learning rate, or scale the loss and the inputs.",
            name,
            text,
            edits,
        )


def _others(large: dict[str, float]) -> str:
    if len(large) == 1:
        return ""
    others = "another layer" if len(large) == 2 else f"{len(large) - 1} other layers"
    return f", and {others} by more than {100 * LARGE:.0f} %"


def _pairs(training: Training) -> list[tuple[Node, Tensor, Tensor]]:
    """Return the weights of layers in the graph's order, with their values before and after a
    step.
    """
    assigns = [n for n in ancestors([training.optimizer]) if n.op.id == "assign"]
    after = {resolve(node.inputs[0]).node: node.inputs[1] for node in assigns}
    found: dict[Node, tuple[Node, Tensor, Tensor]] = {}
    for node in needed_nodes(training):
        for port in WEIGHTS.get(node.op.id, ()):
            tensor = resolve(node.inputs[[p.name for p in node.op.inputs].index(port)])
            owner = tensor.node
            if owner.op.id == "variable" and owner in after:
                found.setdefault(owner, (owner, tensor, after[owner]))
    return list(found.values())


def _is_steep(
    pairs: Sequence[tuple[Node, Tensor, Tensor]], feeds: Mapping[Tensor, Any], run: Run
) -> bool:
    """Return whether the loss depends on any weights: whether some gradient is not 0, although the
    updates may be too small to change the weights.
    """
    slopes = [slope for _, w, _ in pairs if (slope := gradient(w.graph, w)) is not None]
    return any(np.any(value) for value in run(slopes, feeds))


def _ratio(before: np.ndarray, after: np.ndarray) -> float:
    """Return the norm of the change divided by the norm of the weights; NaN for weights of 0."""
    old, change = np.asarray(before, np.float64), np.array(after, np.float64)
    size = float(np.linalg.norm(old))
    change -= old
    return float(np.linalg.norm(change)) / size if size else np.nan
