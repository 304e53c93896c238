"""Linear attention: each step reads and writes a state, instead of comparing all pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.control_flow.control_flow_functions import scan
from nodeflow.ops.samples import values


@register
class LinearAttention(Composed):
    """Linear attention with a matrix as its state."""

    id = "linear_attention"
    everyday = False
    category = "Neural network"
    keywords = (
        "transformer",
        "delta rule",
        "gated delta net",
        "fast weights",
        "state space",
        "rwkv",
    )
    doc = (
        "Causal attention in linear time: each step reads a state that all steps so far have "
        "written.\n\nquery (rows, g heads, steps, d), key (rows, heads, steps, d) and value "
        "(rows, heads, steps, e) give `out` (rows, g heads, steps, e) and `last`, the final state "
        "(rows, heads, d, e). At each step state = exp(decay) * state + key x value (the outer "
        "product), and out = scale * query @ state.\n\ndecay (rows, heads, steps, d or 1) is 0 if "
        "it is not connected, and so is the initial `state`. With beta (rows, heads or 1, steps) "
        "the delta rule writes beta * (value - key @ state) instead of value; without "
        "`delta_rule` it is beta * value. scale is 1 / sqrt(d) if not given. Katharopoulos and "
        "others, 2020; Schlag and others, 2021; Yang and others, 2024."
    )
    inputs = (
        Port("query", "Queries.", FLOATS, "T"),
        Port("key", "Keys.", FLOATS, "T"),
        Port("value", "Values.", FLOATS, "T"),
        Port("decay", "Logarithm of the share of the state kept.", FLOATS, "T", optional=True),
        Port("beta", "Factor of what each step writes.", FLOATS, "T",
             optional=True),
        Port("state", "The state before the first step.", FLOATS, "T", optional=True),
    )  # fmt: skip
    outputs = (Port("out"), Port("last"))
    attrs = (
        Attr("scale", "float", None, "Factor of the queries; none: 1 / sqrt(d).", optional=True),
        Attr("delta_rule", "bool", True, "With beta, write only what the state lacks."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        query, key, value = types[:3]
        for port, type_ in zip(("query", "key", "value"), types, strict=False):
            if type_.rank != 4 or None in type_.shape[1:]:
                raise ShapeError(
                    f"{port} {shape_text(type_.shape)} must be (rows, heads, steps, features), "
                    "with known sizes except rows",
                    port=port,
                )
        rows, heads, steps, size = key.shape
        wanted = {
            "query": (query, (rows, query.shape[1], steps, size)),
            "value": (value, (rows, heads, steps, value.shape[3])),
            "decay": (types[3:4], (rows, heads, steps, size)),
            "state": (types[5:6], (rows, heads, size, value.shape[3])),
            "beta": (types[4:5], (rows, heads, steps)),
        }
        for port, (given, shape) in wanted.items():
            for type_ in (given,) if isinstance(given, TensorType) else given:
                known = type_.shape
                # an axis of size 1 serves all
                if port in ("decay", "beta") and len(known) == len(shape):
                    axis = 3 if port == "decay" else 1
                    known = tuple(
                        shape[a] if a == axis and d == 1 else d for a, d in enumerate(known)
                    )
                if not compatible(known, shape):
                    raise ShapeError(
                        f"{port} {shape_text(type_.shape)} must be {shape_text(shape)}", port=port
                    )
        if not heads or (query.shape[1] or 0) % heads:
            raise ShapeError(
                f"{query.shape[1]} query heads are not a multiple of {heads} key heads",
                port="query",
            )
        rows = query.shape[0] if rows is None else rows
        last = query.with_shape((rows, heads, size, value.shape[3]))
        return query.with_shape((rows, *query.shape[1:3], value.shape[3])), last

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        query, key, value = inputs[:3]
        _, heads, steps, size = (d or 0 for d in key.shape)
        groups = (query.shape[1] or 0) // heads
        scale = attrs["scale"] if attrs["scale"] is not None else 1 / math.sqrt(max(size, 1))
        if len(inputs) > 5:
            start = inputs[5]
        else:  # zeros for any number of rows
            one = F.reduce_sum(key, axis=2, keepdims=True) * 0
            other = F.reduce_sum(value, axis=2, keepdims=True) * 0
            start = F.matmul(one, other, transpose_x=True)
        if not steps:
            return F.matmul(query, F.gather(start, self.served(heads, groups), axis=1)), start
        elems = [key, value, *inputs[3:4], *(F.expand_dims(t, axis=3) for t in inputs[4:5])]
        over = [F.transpose(t, perm=(2, 0, 1, 3)) for t in elems]

        def step(state: Tensor, given: Sequence[Tensor]) -> Tensor:
            k, v = F.expand_dims(given[0], axis=3), F.expand_dims(given[1], axis=2)
            if len(given) > 2:
                state = state * F.exp(F.expand_dims(given[2], axis=3))
            if len(given) > 3:
                if attrs["delta_rule"]:
                    v = v - F.matmul(k, state, transpose_x=True)
                v = v * F.expand_dims(given[3], axis=3)
            return state + k * v

        states = scan(step, tuple(over), initializer=start)  # (steps, rows, heads, d, e)
        last = F.gather(states, steps - 1, axis=0)
        by_step = F.transpose(states, perm=(1, 2, 0, 3, 4))
        read = F.gather(by_step, self.served(heads, groups), axis=1) if groups > 1 else by_step
        out = F.matmul(F.expand_dims(query * scale, axis=3), read)
        return F.squeeze(out, axis=3), last

    def served(self, heads: int, groups: int) -> np.ndarray:
        """Return, for each query head, the index of the key head that it reads."""
        return np.arange(heads * groups) // groups

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            q, k, v = (values((1, 2, 3, size), dtype, -1, 1, size) for size in (4, 4, 5))
            decay, state = values((1, 2, 3, 4), dtype, -1, 0), values((1, 2, 4, 5), dtype)
            beta = values((1, 2, 3), dtype, 0, 1)
            yield Sample((q, k, v), smooth=dtype == "float64")
            yield Sample((q, k, v, decay, beta, state), smooth=dtype == "float64")
            yield Sample((q, k, v, decay, beta), {"delta_rule": False}, dtype == "float64")
        few = values((1, 4, 2, 3)), values((1, 2, 2, 3), start=5), values((1, 2, 2, 1), start=9)
        yield Sample((*few, values((1, 2, 2, 1), "float64", -1, 0)), {"scale": 0.5}, smooth=True)
        yield Sample((values((0, 2, 3, 4)), values((0, 2, 3, 4)), values((0, 2, 3, 4))))
        yield Sample((values((1, 1, 1, 1)), values((1, 1, 1, 1)), values((1, 1, 1, 1))))
