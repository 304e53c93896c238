"""Attention as a function: its result, and on demand what the values are weighed by."""

from __future__ import annotations

from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F


def attention(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    key_lengths: Any = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    soft_cap: float | None = None,
    groups: int = 1,
    offset: int = 0,
    show: str = "weights",
    return_scores: bool = False,
    name: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """softmax(query @ key^T * scale) @ value: each query gets a mean of the values.

    Keys and values of a past stand before the others: concatenate them, and say by ``offset`` how
    many they are.

    Args:
        query: (..., m, d).
        key: (..., n, d).
        value: (..., n, e); leading axes broadcast, such as batch and heads.
        mask: true where a query may see a key, or floats that are added to the scores.
        key_lengths: for each row how many of its keys count, (rows,).
        causal: queries see no later keys.
        scale: factor of the scores; None is 1 / sqrt(d).
        soft_cap: limit c of the scores, c * tanh(score / c).
        groups: heads of queries that share one of keys and values.
        offset: keys before the first query's own, if causal.
        show: what the scores are: "products", "capped", "masked" or "weights".
        return_scores: whether they are returned as well.

    Returns:
        (..., m, e); with ``return_scores`` that and (..., m, n).

    Raises:
        ShapeError: shapes that do not fit.
    """
    inputs = [query, key, value, mask, key_lengths]
    while inputs[-1] is None:
        inputs.pop()
    found = F.graph_of(inputs).apply(
        "attention", *inputs, causal=causal, scale=scale, soft_cap=soft_cap, groups=groups,
        offset=offset, show=show, name=name,
    )  # fmt: skip
    return found if return_scores else found[0]
