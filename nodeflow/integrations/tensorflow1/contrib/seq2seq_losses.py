"""Losses of lists of steps for `tf.contrib.legacy_seq2seq`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces import nn
from nodeflow.ops.namespaces.arguments import as_float


def sequence_loss_by_example(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    softmax_loss_function: Callable[..., Tensor] | None = None,
    name: str | None = None,
) -> Tensor:
    """Return the weighted cross-entropy of each sequence, (batch,).

    Args:
        logits: (batch, classes) for each step.
        targets: class numbers, (batch,) for each step.
        weights: weight of each target, (batch,) for each step.
        average_across_timesteps: divide by the sum of weights.
        softmax_loss_function: a function that takes ``labels`` and ``logits`` by name.

    Raises:
        GraphError: the lists have different lengths.
    """
    if not len(logits) == len(targets) == len(weights):
        raise GraphError("logits, targets and weights must have the same number of steps")
    loss_of = softmax_loss_function or nn.sparse_softmax_cross_entropy_with_logits
    graph = F.graph_of([*logits, *targets, *weights])
    with graph, graph.name_scope(name or "sequence_loss_by_example"):
        scores = [graph.as_tensor(one) for one in logits]
        factors = [as_float(w, scores[0]) for w in weights]
        steps = [
            loss_of(labels=F.reshape(target, shape=[-1]), logits=score) * factor
            for score, target, factor in zip(scores, targets, factors, strict=True)
        ]
        total = F.add_n(steps)
        return total / (F.add_n(factors) + 1e-12) if average_across_timesteps else total


def sequence_loss(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Callable[..., Tensor] | None = None,
    name: str | None = None,
) -> Tensor:
    """Return the sum of `sequence_loss_by_example`, divided by the batch size if wanted."""
    each = sequence_loss_by_example(
        logits, targets, weights, average_across_timesteps, softmax_loss_function, name
    )
    total = F.reduce_sum(each)
    if not average_across_batch:
        return total
    rows = F.shape(F.graph_of(list(targets)).as_tensor(targets[0]))[0]
    return total / F.cast(rows, dtype=total.dtype)
