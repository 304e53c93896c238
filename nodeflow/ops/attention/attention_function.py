"""Attention as a function that returns its result and, on demand, the scores or weights."""

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
    """Return softmax(query @ key^T * scale) @ value: for each query a weighted mean of the values.

    To use cached keys and values, concatenate them before the new ones and pass their number as
    ``offset``.

    Args:
        query: (..., m, d).
        key: (..., n, d).
        value: (..., n, e). Leading axes broadcast, such as batch and heads.
        mask: true where a query may attend to a key, or floats that are added to the scores.
        key_lengths: number of valid keys in each row, (rows,).
        causal: queries do not attend to later keys.
        scale: factor of the scores; None: 1 / sqrt(d).
        soft_cap: bound c of the scores, c * tanh(score / c).
        groups: query heads that share one head of keys and values.
        offset: number of keys before the first query's own position, for ``causal``.
        show: stage of the returned scores: "products", "capped", "masked" or "weights".
        return_scores: return the scores as well.

    Returns:
        (..., m, e); with ``return_scores`` a pair of it and the scores (..., m, n).

    Raises:
        ShapeError: the shapes do not fit.
    """
    inputs = [query, key, value, mask, key_lengths]
    while inputs[-1] is None:
        inputs.pop()
    found = F.graph_of(inputs).apply(
        "attention", *inputs, causal=causal, scale=scale, soft_cap=soft_cap, groups=groups,
        offset=offset, show=show, name=name,
    )  # fmt: skip
    return found if return_scores else found[0]
