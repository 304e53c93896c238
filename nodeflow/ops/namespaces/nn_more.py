"""Rarely used functions of `tf.nn`: moments in parts, samplers, old names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import as_float, scoped, tensor
from nodeflow.public import publish

__all__ = [
    "all_candidate_sampler",
    "batch_norm_with_global_normalization",
    "collapse_repeated",
    "compute_accidental_hits",
    "compute_average_loss",
    "nce_loss",
    "normalize_moments",
    "sampled_softmax_loss",
    "scale_regularization_loss",
    "sufficient_statistics",
    "weighted_moments",
]


# ---- moments ------------------------------------------------------------------------------------


def sufficient_statistics(
    x: Any,
    axes: Sequence[int],
    shift: Any = None,
    keep_dims: bool | None = None,
    name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor, Tensor, Any]:
    """Return the count, the sum and the sum of squares of elements along axes.

    Args:
        shift: a number close to the mean, subtracted first so that no digits are lost.

    Returns:
        The count, the sum, the sum of squares, and the shift.
    """
    x, axes = tensor(x), list(axes)
    keep = bool(keepdims if keep_dims is None else keep_dims)
    with scoped(name, "sufficient_statistics", [x]):
        count = F.cast(F.size(x, axis=axes), dtype=x.dtype)
        moved = x if shift is None else x - shift
        total = F.reduce_sum(moved, axis=axes, keepdims=keep)
        return count, total, F.reduce_sum(F.square(moved), axis=axes, keepdims=keep), shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return mean and variance from the results of `sufficient_statistics`."""
    mean_ss = tensor(mean_ss)
    with scoped(name, "normalize", [mean_ss]):
        divisor = 1 / tensor(counts, mean_ss)
        shifted = mean_ss * divisor
        mean = shifted if shift is None else shifted + shift
        return mean, variance_ss * divisor - F.square(shifted)


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Return mean and variance along axes. A weight says how often its element counts."""
    x = tensor(x)
    weights = as_float(frequency_weights, x)
    keep = bool(keepdims if keep_dims is None else keep_dims)
    with scoped(name, "weighted_moments", [x]):
        each = weights + F.zeros_like(x)
        count = F.reduce_sum(each, axis=axes, keepdims=True)
        mean = F.divide_no_nan(F.reduce_sum(weights * x, axis=axes, keepdims=True), count)
        spread = F.reduce_sum(weights * F.square(x - mean), axis=axes, keepdims=True)
        variance = F.divide_no_nan(spread, count)
        found = mean, variance
        return found if keep else tuple(F.squeeze(t, axis=axes) for t in found)  # type: ignore[return-value]


def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: bool | None = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Tensor:
    """Return (t - m) / sqrt(v + variance_epsilon) * gamma + beta; an old form of
    `batch_normalization`.

    Args:
        scale_after_normalization: whether to use gamma.
        input, mean, variance: newer names of t, m and v.

    Raises:
        GraphError: one of the first six arguments is missing.
    """
    t, m, v = (b if a is None else a for a, b in ((t, input), (m, mean), (v, variance)))
    if any(a is None for a in (t, m, v, beta, gamma, variance_epsilon)):
        raise GraphError("batch_norm_with_global_normalization needs t, m, v, beta, gamma, epsilon")
    from nodeflow.ops.namespaces.nn import batch_normalization

    scale = gamma if scale_after_normalization else None
    return batch_normalization(t, m, v, beta, scale, variance_epsilon, name or "batchnorm")


# ---- losses -------------------------------------------------------------------------------------


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: int | None = None
) -> Tensor:
    """Return the sum of losses, times their weights, divided by the batch size.

    Args:
        global_batch_size: None: the number of losses.
    """
    loss = as_float(per_example_loss)
    with loss.graph.name_scope("compute_average_loss"):
        weighted = loss if sample_weight is None else loss * as_float(sample_weight, loss)
        count = F.size(loss) if global_batch_size is None else global_batch_size
        total = F.reduce_sum(weighted)
        return total / (F.cast(count, dtype=total.dtype) if isinstance(count, Tensor) else count)


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """Return the sum of the regularization losses.

    TensorFlow 1 also divides it by the number of replicas; here there is only one.
    """
    return F.reduce_sum(as_float(regularization_loss))


# ---- candidates ---------------------------------------------------------------------------------


def all_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    seed: int | None = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return every class from 0 to num_sampled - 1 as if it had been sampled: the classes, and the
    expected counts of the true and of the sampled classes, all 1.
    """
    true = tensor(true_classes)
    with scoped(name, "AllCandidateSampler", [true]):
        drawn = true.graph.as_tensor(np.arange(num_sampled))
        ones = (F.cast(F.ones_like(t), dtype="float32") for t in (true, drawn))
        return drawn, *ones


def compute_accidental_hits(
    true_classes: Any,
    sampled_candidates: Any,
    num_true: int,
    seed: int | None = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Find drawn classes that are targets.

    Returns:
        Row (int32) and place in sampled_candidates (int64) of each hit, and as its weight the
        lowest float32, to be added to the score.
    """
    true = tensor(true_classes)
    drawn = tensor(sampled_candidates, true)
    with scoped(name, "compute_accidental_hits", [true, drawn]):
        same = F.reduce_any(F.equal(F.expand_dims(true, axis=-1), drawn), axis=1)
        rows, places = F.unstack(F.nonzero(same), num=2, axis=1)
        lowest = F.fill(F.shape(rows), float(np.finfo("float32").min))
        return F.cast(rows, dtype="int32"), places, lowest


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str | None = None,
    *,
    seed: int | None = None,
) -> Tensor:
    """Return the loss of noise contrastive estimation, one per row.

    Args:
        sampled_values: results of a candidate sampler; None: draw with the log-uniform one.
        partition_strategy: accepted for TensorFlow 1; there is one table of weights.
    """
    return _sampled(
        "nce_loss", weights, biases, labels, inputs, num_sampled, num_classes, num_true,
        sampled_values, remove_accidental_hits, seed, name,
    )  # fmt: skip


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    partition_strategy: str = "mod",
    name: str | None = None,
    seed: int | None = None,
) -> Tensor:
    """Return a softmax loss for each row, computed over the targets and a few sampled classes
    instead of all classes.

    Arguments are the same as for `nce_loss`.
    """
    return _sampled(
        "sampled_softmax_loss", weights, biases, labels, inputs, num_sampled, num_classes, num_true,
        sampled_values, remove_accidental_hits, seed, name,
    )  # fmt: skip


def _sampled(
    op: str, weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int,
    num_classes: int, num_true: int, sampled_values: Any, remove: bool, seed: int | None,
    name: str | None,
) -> Tensor:  # fmt: skip
    if isinstance(weights, (list, tuple)):
        weights = F.concat(list(weights), axis=0)
    given = weights, biases, labels, inputs
    if sampled_values is None:
        return getattr(F, op)(
            *given, num_sampled=num_sampled, num_classes=num_classes, num_true=num_true,
            remove_accidental_hits=remove, seed=seed, name=name,
        )  # fmt: skip
    from nodeflow.graph.registry import REGISTRY

    tensors = [tensor(t) for t in given]
    with scoped(name, op, tensors):
        drawn = [F.stop_gradient(t) for t in sampled_values]
        loss: Any = REGISTRY.lookup(op)
        return loss.of_samples(*tensors, drawn, num_true=num_true, remove_accidental_hits=remove)


def collapse_repeated(
    labels: Any, seq_length: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Merge repeated neighbours of sequences, and pad with 0.

    Args:
        labels: (batch, time): integers.
        seq_length: number of valid labels in each row.

    Returns:
        The merged sequences, as long as the longest, and their lengths.
    """
    x = tensor(labels)
    with scoped(name, "collapse_repeated_labels", [x]):
        places = F.positions(x, axis=1)
        inside = places < F.expand_dims(F.cast(tensor(seq_length), dtype="int64"), axis=1)
        changed = F.not_equal(x[:, 1:], x[:, :-1])
        first = F.cast(F.ones_like(x[:, :1]), dtype="bool")
        kept = F.logical_and(F.concat([first, changed], axis=1), inside)
        lengths = F.reduce_sum(F.cast(kept, dtype="int64"), axis=1)
        order = F.argsort(F.where(kept, places, places + F.size(x, axis=1, dtype="int64")), axis=1)
        merged = F.take_along_axis(F.where(kept, x, F.zeros_like(x)), order, axis=1)
        short = F.gather(merged, F.range(F.cast(F.reduce_max(lengths), dtype="int32")), axis=1)
        return short, F.cast(lengths, dtype=tensor(seq_length).dtype)


publish(globals(), __all__)
