"""Attention tile by tile, so that the scores of all pairs are never in memory at once.

Tiles are `QUERIES` x `KEYS`. For a row of queries, key tiles come from left to right. Each tile
updates the largest score so far, and rescales the sums of the tiles before it. The gradient visits
the key tiles and, for each, the query tiles. Milakov and Gimelshein, "Online normalizer calculation
for softmax", 2018; Dao and others, "FlashAttention", 2022.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import (
    BOOL,
    FLOATS,
    TensorType,
    broadcast_shapes,
    compatible,
    numpy_dtype,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.gradient_helpers import Internal
from nodeflow.ops.lowering import KEYS, NEVER, QUERIES
from nodeflow.ops.norms.batch_and_layer import check_broadcast
from nodeflow.ops.samples import ROUNDED, values

THREE = (
    Port("query", "Queries.", FLOATS, "T"),
    Port("key", "Keys.", FLOATS, "T"),
    Port("value", "Values.", FLOATS, "T"),
)
MASK = Port("mask", "True where a query may attend to a key, or floats that are added to the "
                    "scores.",
            (*BOOL, *FLOATS), optional=True)  # fmt: skip
ATTRS = (
    Attr("causal", "bool", False, "Queries do not attend to later keys."),
    Attr("offset", "int", 0, "Keys before the first query's own, if causal.", minimum=0),
    Attr("scale", "float", None, "Factor of the scores; none: 1 / sqrt(d).", optional=True),
)
RULES = (
    f"scale is 1 / sqrt(d) if not given. A score is {NEVER:g} where a bool mask is false, and "
    "with `causal` for keys after the query's own. A query whose scores are all below half of "
    "that gets the mean of all values."
)


class Tiled(Internal):
    """The base class of the tiled attention ops, with the rules for shapes."""

    def scores_type(self, types: Sequence[TensorType], mask: TensorType | None) -> TensorType:
        """Check the inputs of tiled attention, and return the type of the attention scores (..., m,
        n). The scores are never stored as a whole.

        Raises:
            ShapeError: queries, keys, values and mask do not fit each other.
            DtypeError: a float mask has another dtype than the queries.
        """
        query, key, value = types
        for port, type_ in zip(("query", "key", "value"), types, strict=True):
            if type_.rank < 2:
                raise ShapeError(f"{shape_text(type_.shape)} is not a sequence", port=port)
        if not compatible(query.shape[-1:], key.shape[-1:]):
            raise ShapeError("queries and keys must have the same number of features", port="key")
        if not compatible(key.shape[-2:-1], value.shape[-2:-1]):
            raise ShapeError("there must be as many values as keys", port="value")
        lead = broadcast_shapes(query.shape[:-2], key.shape[:-2])
        lead = broadcast_shapes(lead, value.shape[:-2])
        scores = query.with_shape((*lead, query.shape[-2], key.shape[-2]))
        if mask is not None:
            check_broadcast("mask", mask, scores)
            if mask.is_float and mask.dtype != query.dtype:
                raise DtypeError(
                    f"'mask' is {mask.dtype} but 'query' is {query.dtype}; "
                    "nodeflow does not cast silently",
                    port="mask",
                    hint=f"Insert a Cast to {query.dtype}.",
                )
        return scores


@register
class TiledAttention(Tiled):
    """The computation of attention in tiles."""

    id = "tiled_attention"
    doc = (
        "softmax(query @ key^T * scale) @ value, in tiles.\n\nquery (..., m, d), key (..., n, d) "
        f"and value (..., n, e) give `out` (..., m, e). {RULES} Scores are computed in tiles of "
        f"{QUERIES} queries and {KEYS} keys, from left to right, relative to the largest score so "
        "far. `normalizer` (..., m) is the logarithm of the sum of their exponentials."
    )
    inputs = (*THREE, MASK)
    outputs = (Port("out"), Port("normalizer"))
    attrs = ATTRS

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        query, key, value, *mask = types
        scores = self.scores_type((query, key, value), mask[0] if mask else None)
        out = scores.with_shape((*scores.shape[:-1], value.shape[-1]))
        return out, scores.with_shape(scores.shape[:-1])

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        names = ("query", "key", "value", "mask")[: len(types)]
        found = lowering.Attend(attrs["causal"], attrs["offset"], known_scale(types[0], attrs))
        part = lowering.Part("out", found, names, outs[0], (("normalizer", outs[1]),))
        return lowering.Composite(names, (part,), ("out", "normalizer"))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        query, key, value = arrays[:3]
        mask, n = arrays[3] if len(arrays) > 3 else None, key.shape[-2]
        lead = np.broadcast_shapes(*(a.shape[:-2] for a in arrays[:3]))
        m = query.shape[-2]
        out = np.zeros((*lead, m, value.shape[-1]), query.dtype)
        normalizer = np.full((*lead, m), -np.inf, query.dtype)
        for top in range(0, m, QUERIES):
            rows = slice(top, min(top + QUERIES, m))
            best = np.full((*lead, rows.stop - top), -np.inf, query.dtype)
            total = np.zeros_like(best)
            for columns in key_tiles(rows, n, mask, attrs):
                with np.errstate(all="ignore"):
                    scores = tile_of_scores(query, key, mask, rows, columns, attrs)
                    larger = np.maximum(best, scores.max(axis=-1))
                    shift = np.where(larger == -np.inf, 0, larger).astype(query.dtype)
                    kept = np.exp(best - shift)
                    powers = np.exp(scores - shift[..., None])
                    total = total * kept + powers.sum(axis=-1)
                    added = np.matmul(powers, value[..., columns, :])
                    out[..., rows, :] = out[..., rows, :] * kept[..., None] + added
                    best = larger
            with np.errstate(all="ignore"):
                if n:
                    out[..., rows, :] /= total[..., None]
                normalizer[..., rows] = best + np.log(total)
        return out, normalizer

    def gradient(self, node: Node, *grads: Tensor | None) -> Sequence[Tensor | None]:
        query, key, value, *mask = node.inputs
        out, normalizer = node.outputs
        g = grads[0] if grads[0] is not None else F.zeros_like(out)
        delta = F.reduce_sum(g * out, axis=-1)
        if grads[1] is not None:
            delta = delta - grads[1]
        six = query, key, value, normalizer, delta, g
        found = F.tiled_attention_gradient(*six, *mask, **node.attrs)
        pairs = zip(found, node.inputs, strict=False)
        summed: list[Tensor | None] = [F.sum_to_shape_of(by, x) for by, x in pairs]
        if mask:
            float_mask = mask[0].type.is_float
            slopes = formulas(*six, *mask, **node.attrs)[3] if float_mask else None
            summed.append(None if slopes is None else F.sum_to_shape_of(slopes, mask[0]))
        return summed

    def samples(self) -> Iterator[Sample]:
        q, k, v = values((2, 3)), values((4, 3), start=5), values((4, 5), start=9)
        for dtype in (*ROUNDED, "float64"):
            three = tuple(a.astype(numpy_dtype(dtype)) for a in (q, k, v))
            yield Sample(three, smooth=dtype == "float64")
            yield Sample(three, {"causal": True, "offset": 1}, smooth=dtype == "float64")
        yield Sample((q, k, v, np.array([[True, False, True, True], [False, False, True, False]])),
                     {"scale": 0.5}, smooth=True)  # fmt: skip
        yield Sample((q, k, v, np.array([[True, False, True, True], [False] * 4])))
        yield Sample((q, k, v, values((2, 4), start=3)), smooth=True)
        yield Sample((q, k, v, values((2, 1), start=3)), {"causal": True}, smooth=True)
        for dtype in ("float16", "float32"):
            three = tuple(a.astype(numpy_dtype(dtype)) for a in (q, k, v))
            yield Sample((*three, values((4,), dtype, start=3)))
        few = (values(s, "bfloat16") for s in ((2, 3), (4, 3), (4, 5), (4,)))
        yield Sample(tuple(few))
        lead = values((2, 1, 3, 4)), values((3, 2, 4), start=5), values((2, 1, 2, 1), start=3)
        yield Sample((*lead, values((2, 1, 1, 2), start=7)), smooth=True)
        yield Sample((values((0, 3)), values((4, 3)), values((4, 5))), smooth=True)
        yield Sample((values((2, 3)), values((0, 3)), values((0, 5))))
        yield Sample((values((1, 1)), values((1, 1)), values((1, 1))), smooth=True)
        wide = values((2, 70, 3)), values((2, 150, 3), start=5), values((2, 150, 2), start=9)
        for attrs in ({}, {"causal": True}, {"causal": True, "offset": 40}):
            yield Sample(wide, attrs)
        yield Sample((*wide, np.arange(150) % 7 > 2))
        scores = np.array([[-np.inf, 1.0, np.nan, 2.0], [-np.inf] * 4])
        yield Sample((q, k, v, scores))


@register
class TiledAttentionGradient(Tiled):
    """The gradient of tiled attention."""

    id = "tiled_attention_gradient"
    doc = (
        "The gradients of attention for queries, keys and values, in the same tiles.\n\nWith w = "
        "exp(query @ key^T * scale - normalizer) and s = w * (g @ value^T - delta) * scale they "
        f"are s @ key, s^T @ query and w^T @ g, with all leading axes. {RULES}"
    )
    inputs = (
        *THREE,
        Port("normalizer", "Normalizer of the forward op.", FLOATS, "T"),
        Port("delta", "Sum of g * out for each query.", FLOATS, "T"),
        Port("g", "Gradient of the result.", FLOATS, "T"),
        MASK,
    )
    outputs = (Port("by_query"), Port("by_key"), Port("by_value"))
    attrs = ATTRS

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        query, key, value, normalizer, delta, g = types[:6]
        scores = self.scores_type(types[:3], types[6] if len(types) > 6 else None)
        lead = scores.shape[:-2]
        wanted = scores.shape[:-1]
        expected = (
            ("normalizer", normalizer, wanted),
            ("delta", delta, wanted),
            ("g", g, (*wanted, value.shape[-1])),
        )
        for port, type_, shape in expected:
            if not compatible(type_.shape, shape):
                raise ShapeError(
                    f"{shape_text(type_.shape)} must be {shape_text(shape)}", port=port
                )
        return [t.with_shape((*lead, *t.shape[-2:])) for t in (query, key, value)]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        names = ("query", "key", "value", "normalizer", "delta", "g", "mask")[: len(types)]
        scale = known_scale(types[0], attrs)
        found = lowering.AttendGradient(attrs["causal"], attrs["offset"], scale)
        more = (("by_key", outs[1]), ("by_value", outs[2]))
        part = lowering.Part("by_query", found, names, outs[0], more)
        return lowering.Composite(names, (part,), ("by_query", "by_key", "by_value"))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        query, key, value, normalizer, delta, g = arrays[:6]
        mask = arrays[6] if len(arrays) > 6 else None
        lead, m, n = normalizer.shape[:-1], query.shape[-2], key.shape[-2]
        by_query, by_key, by_value = (np.zeros((*lead, *a.shape[-2:]), a.dtype) for a in arrays[:3])
        scale = query.dtype.type(_scale(query.shape[-1], attrs))
        for left in range(0, n, KEYS):
            columns = slice(left, min(left + KEYS, n))
            for top in range(0, m, QUERIES):
                rows = slice(top, min(top + QUERIES, m))
                if columns not in key_tiles(rows, n, mask, attrs):
                    continue
                with np.errstate(all="ignore"):
                    scores = tile_of_scores(query, key, mask, rows, columns, attrs)
                    impossible = (normalizer[..., rows] <= NEVER / 2)[..., None]
                    weights = np.exp(scores - normalizer[..., rows, None])
                    weights = np.where(impossible, query.dtype.type(1 / n), weights)
                    part = g[..., rows, :]
                    change = np.matmul(part, np.swapaxes(value[..., columns, :], -1, -2))
                    change = weights * (change - delta[..., rows, None])
                    change = np.where(impossible, query.dtype.type(0), change) * scale
                    turned = np.swapaxes(change, -1, -2)
                    by_value[..., columns, :] += np.matmul(np.swapaxes(weights, -1, -2), part)
                    by_key[..., columns, :] += np.matmul(turned, query[..., rows, :])
                    by_query[..., rows, :] += np.matmul(change, key[..., columns, :])
        return by_query, by_key, by_value

    def gradient(self, node: Node, *grads: Tensor | None) -> Sequence[Tensor | None]:
        """Return the gradients for the inputs. They are derived from the untiled formulas, which
        compute all pairs of queries and keys at once, because second-order gradients are rare.
        """
        own = [F.identity(x) for x in node.inputs]  # the inputs may depend on each other
        made = formulas(*own, **node.attrs)
        wanted = [(y, g) for y, g in zip(made, grads, strict=False) if g is not None]
        xs = [x for x in own if x.type.is_float]
        found = iter(gradients([y for y, _ in wanted], xs, [g for _, g in wanted]))
        return [next(found) if x.type.is_float else None for x in node.inputs]

    def samples(self) -> Iterator[Sample]:
        def call(*three: np.ndarray, mask: np.ndarray | None = None, **attrs: Any) -> Sample:
            query, _, value = three
            lead = np.broadcast_shapes(*(a.shape[:-2] for a in three))
            rows, dtype = (*lead, query.shape[-2]), query.dtype
            more = (
                values(rows, start=2),
                values(rows, start=4),
                values((*rows, value.shape[-1]), start=6),
            )
            arrays = (*three, *(a.astype(dtype) for a in more))
            arrays = arrays if mask is None else (*arrays, mask)
            smooth = dtype == np.float64 and query.size < 20 and 0 not in arrays[1].shape
            return Sample(arrays, attrs, smooth=smooth)

        q, k, v = values((2, 3)), values((4, 3), start=5), values((4, 5), start=9)
        for dtype in (*ROUNDED, "float64"):
            three = tuple(a.astype(numpy_dtype(dtype)) for a in (q, k, v))
            yield call(*three)
            yield call(*three, causal=True, offset=1, scale=0.5)
            if dtype not in BOOL:
                yield call(*three, mask=values((4,), dtype, start=3))
        yield call(q, k, v, mask=np.array([[True, False, True, True], [False, False, True, False]]))
        lead = values((2, 1, 3, 2)), values((3, 2, 2), start=5), values((2, 1, 2, 1), start=3)
        yield call(*lead, mask=values((2, 1, 1, 2), start=7))
        yield call(values((0, 3)), values((4, 3)), values((4, 5)))
        yield call(values((2, 3)), values((0, 3)), values((0, 5)))
        yield call(values((1, 1)), values((1, 1)), values((1, 1)))


# ---- shared functions ---------------------------------------------------------------------------


def _scale(features: int, attrs: dict[str, Any]) -> float:
    return 1 / math.sqrt(max(features, 1)) if attrs["scale"] is None else attrs["scale"]


def known_scale(query: TensorType, attrs: dict[str, Any]) -> float:
    """Return the scaling factor of attention scores: the attribute ``scale``, or else 1 / sqrt(d)
    for queries (..., d) with a known d.
    """
    return _scale(query.shape[-1] or 0, attrs)


def key_tiles(rows: slice, n: int, mask: np.ndarray | None, attrs: dict[str, Any]) -> list[slice]:
    """Return the key range of each tile, from left to right.

    Without a mask, tiles that no query of ``rows`` may attend to are left out. With a mask all
    tiles count, because a query that sees no key gets the mean of all values.
    """
    last = n
    if attrs["causal"] and mask is None:
        last = min(n, rows.stop + attrs["offset"])
    return [slice(left, min(left + KEYS, n)) for left in range(0, last, KEYS)]


def tile_of_scores(
    query: np.ndarray,
    key: np.ndarray,
    mask: np.ndarray | None,
    rows: slice,
    columns: slice,
    attrs: dict[str, Any],
) -> np.ndarray:
    """Return the attention scores of a block: queries ``rows`` by keys ``columns``. Masked pairs
    get the very low score `NEVER`.
    """
    dtype = query.dtype.type
    scale = dtype(_scale(query.shape[-1], attrs))
    scores = np.matmul(query[..., rows, :], np.swapaxes(key[..., columns, :], -1, -2)) * scale
    if mask is not None:
        padded = mask.reshape((1,) * (2 - mask.ndim) + mask.shape)
        part = padded[
            ...,
            rows if padded.shape[-2] > 1 else slice(None),
            columns if padded.shape[-1] > 1 else slice(None),
        ]
        if mask.dtype == bool:
            scores = np.where(part, scores, dtype(NEVER))
        else:
            scores = scores + part
    if attrs["causal"]:
        own = np.arange(rows.start, rows.stop)[:, None] + attrs["offset"]
        scores = np.where(own >= np.arange(columns.start, columns.stop), scores, dtype(NEVER))
    return scores


def formulas(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    normalizer: Tensor,
    delta: Tensor,
    g: Tensor,
    mask: Tensor | None = None,
    **attrs: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the results of `TiledAttentionGradient` with ordinary differentiable ops, without
    tiles. Return them and the gradient of the attention scores.
    """
    features = query.shape[-1]
    if attrs["scale"] is None and features is None:
        factor: Any = F.rsqrt(F.size(query, axis=-1, dtype=query.dtype))
    else:
        factor = _scale(features or 0, attrs)
    scores = F.matmul(query, key, transpose_y=True) * factor
    if mask is not None:
        scores = scores + mask if mask.type.is_float else F.where(mask, scores, NEVER)
    if attrs["causal"]:
        own = F.expand_dims(F.positions(query, axis=-2) + attrs["offset"], axis=1)
        scores = F.where(own >= F.positions(key, axis=-2), scores, NEVER)
    normalizer, delta = (F.expand_dims(t, axis=-1) for t in (normalizer, delta))
    impossible = normalizer <= NEVER / 2
    evenly = F.reciprocal(F.size(key, axis=-2, dtype=key.dtype))
    weights = F.where(impossible, evenly, F.exp(scores - normalizer))
    change = weights * (F.matmul(g, value, transpose_y=True) - delta)
    change = F.where(impossible, F.zeros_like(change), change)
    scaled = change * factor
    return (
        F.matmul(scaled, key),
        F.matmul(scaled, query, transpose_x=True),
        F.matmul(weights, g, transpose_x=True),
        change,
    )
