"""Scaled dot-product attention."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, ShapeError
from nodeflow.graph.declaration import Attr, Port, StandIn
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import (
    BOOL,
    FLOATS,
    HALVES,
    TensorType,
    broadcast_shapes,
    compatible,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops.activations.softmax import impossible_score
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.lowering import KEYS, NEVER, QUERIES
from nodeflow.ops.norms.batch_and_layer import check_broadcast
from nodeflow.ops.samples import ROUNDED, values


def _every_key(graph: Graph, attrs: Mapping[str, Any]) -> Tensor:
    return graph.apply("constant", value=True, dtype="bool", name="every_key")


@register
class Attention(Composed):
    """Scaled dot-product attention."""

    id = "attention"
    note = "weights wired in"
    category = "Neural network"
    keywords = ("transformer", "scaled dot product", "query", "key", "softmax", "self attention")
    doc = (
        "softmax(query @ key^T * scale) @ value: a weighted mean of the values for each query.\n\n"
        "query (..., m, d), key (..., n, d) and value (..., n, e) give `out` (..., m, e). Leading "
        "axes broadcast, such as batch and heads. scale is 1 / sqrt(d) if not given. A soft_cap c "
        "keeps scores between -c and c: c * tanh(score / c).\n\nA float mask is added to the "
        "scores. A bool mask excludes keys where it is false, `causal` excludes keys after the "
        "query's own position, and key_lengths excludes all keys of a row after the given number. "
        "A query without any key gets the mean of all values. `offset` is the number of keys "
        "before the first query's own, for example cached ones. With `groups` g, queries have g "
        "times as many heads, (..., g h, m, d), as keys and values, (..., h, n, d); g consecutive "
        "query heads share one.\n\n`scores` (..., m, n) shows the weights or an earlier stage, "
        f"chosen by `show`. Without a soft_cap the result is computed in tiles of {QUERIES} "
        f"queries and {KEYS} keys, from left to right. The scores are then never in memory; they "
        "are computed separately if something reads them. Vaswani and others, 2017."
    )
    inputs = (
        Port("query", "Queries.", FLOATS, "T"),
        Port("key", "Keys.", FLOATS, "T"),
        Port("value", "Values.", FLOATS, "T"),
        Port(
            "mask",
            "True where a query may attend to a key, or floats that are added to the scores.",
            (*BOOL, *FLOATS),
            optional=True,
            stand_in=StandIn(TensorType("bool", ()), _every_key),
        ),
        Port("key_lengths", "Number of valid keys in each row.", INDICES, optional=True),
    )
    outputs = (Port("out"), Port("scores"))
    attrs = (
        Attr("causal", "bool", False, "Queries do not attend to later keys."),
        Attr("scale", "float", None, "Factor of the scores; none: 1 / sqrt(d).", optional=True),
        Attr("soft_cap", "float", None, "Bound of the scores; none: no bound.", optional=True),
        Attr("groups", "int", 1, "Query heads that share one head of keys and values.", minimum=1,
             advanced=True),
        Attr("offset", "int", 0, "Keys before the first query's own, if causal.", minimum=0),
        Attr("show", "choice", "weights", "Stage that `scores` shows: products of queries and "
                                          "keys times scale, capped products, masked scores, or "
                                          "weights.",
             choices=("products", "capped", "masked", "weights")),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        query, key, value = types[:3]
        for port, type_ in zip(("query", "key", "value"), types, strict=False):
            if type_.rank < 2:
                raise ShapeError(
                    f"attention needs (..., length, features), not {shape_text(type_.shape)}",
                    port=port,
                )
        for port, a, b, axis in (("key", query, key, -1), ("value", key, value, -2)):
            if None not in (a.shape[axis], b.shape[axis]) and a.shape[axis] != b.shape[axis]:
                raise ShapeError(
                    f"{shape_text(a.shape)} and {shape_text(b.shape)}: {a.shape[axis]} is not "
                    f"{b.shape[axis]}",
                    port=port,
                )
        if attrs["groups"] > 1:
            key, value = (_with_heads(t, query, port, attrs["groups"])
                          for port, t in (("key", key), ("value", value)))  # fmt: skip
        lead = broadcast_shapes(query.shape[:-2], key.shape[:-2])
        scores = query.with_shape((*lead, query.shape[-2], key.shape[-2]))
        if len(types) > 3:
            check_broadcast("mask", types[3], scores)
            if types[3].is_float and types[3].dtype != query.dtype:
                raise DtypeError(
                    f"'mask' is {types[3].dtype} but 'query' is {query.dtype}; "
                    "nodeflow does not cast silently",
                    port="mask",
                    hint=f"Insert a Cast to {query.dtype}.",
                )
        if len(types) > 4 and (
            types[4].rank != 1
            or scores.rank < 3
            or not compatible(types[4].shape, scores.shape[:1])
        ):
            raise ShapeError(
                f"key_lengths {shape_text(types[4].shape)} must have one number for each row of "
                f"{shape_text(scores.shape)}",
                port="key_lengths",
            )
        lead = broadcast_shapes(lead, value.shape[:-2])
        return query.with_shape((*lead, query.shape[-2], value.shape[-1])), scores

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        query, key, value = inputs[:3]
        if attrs["groups"] > 1:
            head = F.floor_divide(F.positions(query, axis=-3), attrs["groups"])
            key, value = (F.gather(t, head, axis=-3) for t in (key, value))
        products = F.matmul(query, key, transpose_y=True) * _scale(query, attrs["scale"])
        scores = products
        if cap := attrs["soft_cap"]:
            scores = F.tanh(scores * (1 / cap)) * cap
        never = impossible_score(scores.dtype)
        shown = {"products": products, "capped": scores}
        allowed = list(self.allowed(scores, inputs, attrs))
        if len(inputs) > 3 and inputs[3].type.is_float:
            scores = scores + inputs[3]
        shown["masked"] = scores
        if attrs["show"] == "masked":
            for mask in allowed:
                shown["masked"] = F.where(mask, shown["masked"], float("-inf"))
        for mask in allowed:
            scores = F.where(mask, scores, never)
        shown["weights"] = weights = F.softmax(scores, name="weights")
        mask = self.one_mask(inputs)
        if attrs["soft_cap"] or mask is None:
            return F.matmul(weights, value), shown[attrs["show"]]
        own = {name: attrs[name] for name in ("causal", "offset", "scale")}
        out, _ = F.tiled_attention(query, key, value, *mask, **own, name="tiles")
        return out, shown[attrs["show"]]

    def one_mask(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
        """Combine the optional inputs of attention, a mask and key lengths, into one mask. Return
        it in a tuple, which is empty if there is neither input.

        Return None if the mask is float16 or bfloat16, which cannot hold the combination.
        """
        key, given = inputs[1], tuple(inputs[3:4])
        if len(inputs) < 5:
            return given
        rank = max(len(inputs[0].shape), len(key.shape))
        counts = F.expand_dims(F.cast(inputs[4], dtype="int64"), axis=tuple(range(1, rank)))
        counted = F.positions(key, axis=-2) < counts
        if not given[0].type.is_float:
            return (F.logical_and(given[0], counted),)
        if given[0].dtype in HALVES:
            return None
        return (F.where(counted, given[0], NEVER),)

    def allowed(
        self, scores: Tensor, inputs: Sequence[Tensor], attrs: dict[str, Any]
    ) -> Iterator[Tensor]:
        """Yield masks that broadcast to the scores: true where a query may attend to a key."""
        query, key = inputs[:2]
        if len(inputs) > 3 and not inputs[3].type.is_float:
            yield inputs[3]
        if attrs["causal"]:
            own = F.expand_dims(F.positions(query, axis=-2) + attrs["offset"], axis=1)
            yield own >= F.positions(key, axis=-2)
        if len(inputs) > 4:
            axes = tuple(range(1, len(scores.shape)))
            counts = F.expand_dims(F.cast(inputs[4], dtype="int64"), axis=axes)
            yield F.positions(key, axis=-2) < counts

    def samples(self) -> Iterator[Sample]:
        for dtype in (*ROUNDED, "float64"):
            arrays = (
                values((2, 3), dtype),
                values((4, 3), dtype, start=5),
                values((4, 5), dtype, start=9),
            )
            yield Sample(arrays, smooth=dtype == "float64")
            yield Sample(arrays, {"causal": True, "scale": 0.5}, smooth=dtype == "float64")
        mask = np.array([[True, False, True, True], [False, False, False, False]])
        yield Sample((*arrays, mask), smooth=True)
        yield Sample((*arrays, values((2, 4), start=3)), smooth=True)
        for show in ("products", "capped", "masked", "weights"):
            attrs = {"show": show, "causal": show != "masked", "offset": 1, "soft_cap": 0.7}
            yield Sample((*arrays, values((2, 4), start=3)), attrs, smooth=True)
        yield Sample(arrays, {"show": "masked", "causal": True, "offset": 2})
        rows = values((2, 3, 4)), values((2, 5, 4), start=5), values((2, 5, 1), start=9)
        for kind in INDICES:
            lengths = np.array([2, 5], kind)
            yield Sample((*rows, np.ones((3, 5), "bool"), lengths), smooth=True)
        yield Sample(arrays, {"soft_cap": 0.5}, smooth=True)
        heads = (
            values((4, 2, 3)),
            values((2, 5, 3), start=5),
            values((2, 5, 6), start=9),
        )
        yield Sample(heads, {"groups": 2}, smooth=True)
        q, k, v = values((2, 1, 3, 4)), values((3, 2, 4), start=5), values((2, 1, 2, 1), start=3)
        yield Sample((q, k, v), smooth=True)
        yield Sample((values((0, 3)), values((4, 3)), values((4, 5))), smooth=True)
        yield Sample((values((1, 1)), values((1, 1)), values((1, 1))), smooth=True)


def _with_heads(type_: TensorType, query: TensorType, port: str, groups: int) -> TensorType:
    """Return the type of keys or values after each head is repeated ``groups`` times, to match the
    number of query heads.

    Raises:
        ShapeError: there is no axis of heads, or the numbers of heads do not match.
    """
    if type_.rank < 3 or query.rank < 3:
        raise ShapeError(f"groups need heads, not {shape_text(type_.shape)}", port=port)
    few, many = type_.shape[-3], query.shape[-3]
    if few is not None and many is not None and few * groups != many:
        raise ShapeError(
            f"{few} key heads in groups of {groups} do not match {many} query heads", port=port
        )
    return type_.with_shape((*type_.shape[:-3], many, *type_.shape[-2:]))


def _scale(query: Tensor, scale: float | None) -> Any:
    features = query.shape[-1]
    if scale is not None:
        return scale
    if features is None:
        return F.rsqrt(F.size(query, axis=-1, dtype=query.dtype))
    return 1 / math.sqrt(max(features, 1))
