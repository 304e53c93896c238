"""Random tensors with TensorFlow 1's arguments: gamma, Poisson, and categorical draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.graph.types import FLOATS, dtype_name
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import as_float, scoped, spelled
from nodeflow.public import publish

__all__ = ["categorical", "get_seed", "multinomial", "random_gamma", "random_poisson"]


def multinomial(
    logits: Any,
    num_samples: int,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:
    """Draw class numbers with the probabilities softmax(logits), new ones in each run.

    Args:
        logits: scores of the classes, (rows, classes).
        num_samples: number of draws per row; the result is (rows, num_samples).
        output_dtype: dtype of the numbers; None: int64.
    """
    return _categorical(logits, num_samples, output_dtype, seed, name or "multinomial")


def categorical(
    logits: Any,
    num_samples: int,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draw class numbers with the probabilities softmax(logits), as `multinomial` does."""
    return _categorical(logits, num_samples, dtype, seed, name or "categorical")


def _categorical(logits: Any, count: int, dtype: Any, seed: int | None, name: str) -> Tensor:
    wanted = "int64" if dtype is None else dtype_name(dtype)
    if wanted == "int64":
        return F.random_categorical(logits, num_samples=count, seed=seed, name=name)
    with scoped(name, name, [logits]):
        return F.cast(F.random_categorical(logits, num_samples=count, seed=seed), dtype=wanted)


def random_gamma(
    shape: Any,
    alpha: Any = 1.0,
    beta: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draw gamma distributed random numbers with mean alpha / beta, new ones in each run.

    Args:
        shape: shape of the draws for each alpha and beta; their broadcast shape comes after it in
            the result.
        alpha: shape of the distribution: numbers or a tensor.
        beta: rate; None: 1. Gradients flow into it.
    """
    rate = 1.0 if beta is None else beta
    if _is_number(alpha) and _is_number(rate):
        return F.random_gamma(shape, alpha=alpha, beta=rate, dtype=dtype, seed=seed, name=name)
    with scoped(name, "random_gamma", [alpha, rate, shape]):
        alpha = as_float(alpha, rate)
        rate = as_float(rate, alpha)
        even = _even(shape, alpha + F.zeros_like(rate), seed)
        return F.gamma_quantile(alpha, even) / rate


@spelled
def random_poisson(
    lam: Any,
    shape: Any,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draw Poisson distributed random numbers with mean lam, new ones in each run.

    Args:
        lam: means: numbers or a tensor.
        shape: shape of the draws for each mean; the shape of lam comes after it in the result.
        dtype: dtype of the numbers, float or integer.
    """
    wanted = dtype_name(dtype)
    own = wanted if wanted in FLOATS else "float32"
    if _is_number(lam) and own == wanted:
        return F.random_poisson(shape, lam=lam, dtype=own, seed=seed, name=name)
    with scoped(name, "random_poisson", [lam, shape]):
        lam = as_float(lam)
        drawn = F.poisson_quantile(lam, _even(shape, lam, seed))
        return drawn if drawn.dtype == wanted else F.cast(drawn, dtype=wanted)


def _even(shape: Any, like: Tensor, seed: int | None) -> Tensor:
    """Return uniform numbers strictly between 0 and 1: ``shape`` of them per element of
    ``like``.
    """
    sizes = F.graph_of([shape, like]).as_tensor(
        np.asarray(shape, "int32") if not isinstance(shape, Tensor) else shape
    )
    sizes = F.reshape(F.cast(sizes, dtype="int32"), shape=[-1])
    whole = F.concat([sizes, F.shape(like)], axis=0)
    drawn = F.random_uniform(whole, dtype=like.dtype, seed=seed)
    return F.maximum(drawn, 2.0**-24)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """Return the seed of the default graph and the seed of an op, as TensorFlow 1 pairs them.

    If neither has a seed, the pair is (None, None). If one is missing, it is TensorFlow's default:
    87654321 for the graph, 0 for the op.
    """
    seed = get_default_graph().seed
    if seed is None:
        return (None, None) if op_seed is None else (87654321, op_seed)
    return seed, 0 if op_seed is None else op_seed


publish(globals(), __all__)
