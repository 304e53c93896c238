"""Problems that graph and settings show before the first step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.train.diagnosis.hints import Edit, Hint
from nodeflow.train.doctor.examined_nodes import WEIGHTS, before, needed_nodes
from nodeflow.train.settings import usual_batch_size
from nodeflow.train.training import Training


def check_structure(training: Training) -> Iterator[Hint]:
    """Yield hints about untrained variables, layers with equal weights, and too large batches."""
    needed = needed_nodes(training)
    yield from _untrained(training, {*needed})
    yield from _equal_weights(needed)
    yield from _large_batches(training)


def _untrained(training: Training, needed: set[Node]) -> Iterator[Hint]:
    graph = training.loss.node.graph
    lost = [
        node
        for node in graph.nodes
        if node.op.id == "variable" and node.attrs["trainable"] and node not in needed
    ]
    names = dict.fromkeys(phase.loss.name for phase in training.phases)
    losses = " or ".join(names)
    independent = "does not depend" if len(names) == 1 else "do not depend"
    for node in lost:
        yield Hint(
            "untrained",
            f"Nothing trains {node.name}",
            f"{' and '.join(names)} {independent} on {node.name}, so its value never changes.",
            f"Connect it to an input of {losses}, or switch off `trainable`.",
            node.name,
            f"Set trainable of {node.name} to false",
            (Edit("attribute", node.name, "trainable", False),),
        )


def _equal_weights(needed: list[Node]) -> Iterator[Hint]:
    """Yield hints about hidden layers with equal initial weights, whose units stay equal for
    ever.
    """
    layers = list(_layers(needed))
    followed = before(layer for layer, _ in layers)
    for layer, weights in layers:
        attrs = weights.attrs
        if weights.inputs or attrs["initializer"] is not None or np.ndim(attrs["value"]):
            continue
        if layer in followed:
            yield Hint(
                "equal_weights",
                f"All weights of {weights.name} start at {attrs['value']:g}",
                f"{layer.name} is followed by another layer, so each of its units computes the "
                "same and gets the same gradient.",
                "Draw the initial values at random.",
                weights.name,
                f"Initialize {weights.name} with glorot_uniform",
                (Edit("attribute", weights.name, "initializer", {"op": "glorot_uniform"}),),
            )


def _layers(needed: list[Node]) -> Iterator[tuple[Node, Node]]:
    """Yield the layers that the loss depends on, each with its weights."""
    for node in needed:
        for port in WEIGHTS.get(node.op.id, ()):
            names = [p.name for p in node.op.inputs]
            source = node.inputs[names.index(port)].node
            if source.op.id == "variable" and len(source.outputs[0].shape) > 1:
                yield node, source
                break


def _large_batches(training: Training) -> Iterator[Hint]:
    bindings = training.used_bindings([training.optimizer, training.loss.node])
    rows = training.rows(bindings, "train")
    if rows is None or training.batch_size <= rows / 2:
        return
    smaller = usual_batch_size(rows)
    yield Hint(
        "large_batch",
        "A batch holds more than half of the data",
        f"With batches of {training.batch_size} rows and {rows} training rows an epoch has "
        f"{rows // training.batch_size} step{'s' if rows >= 2 * training.batch_size else ''}, and "
        f"{rows % training.batch_size} rows are left out.",
        "Smaller batches give more steps.",
        fix=f"Set the batch size to {smaller}",
        edits=(Edit("setting", "", "batch_size", smaller),),
    )
