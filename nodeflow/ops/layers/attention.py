"""Multi-head attention with its own weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, NodeflowError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import BOOL, FLOATS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.layers.dense import USE_BIAS
from nodeflow.ops.layers.layer import (
    TRAINABLE,
    VERSION,
    ZEROS,
    Layer,
    Weights,
    initializer_attr,
    known_size,
)
from nodeflow.ops.samples import values

HEADS = Attr("num_heads", "int", 4, "Number of heads.", minimum=1)
KEY_DIM = Attr(
    "key_dim", "int", None, "Size of each head's queries and keys; none: features / heads.",
    minimum=1, optional=True,
)  # fmt: skip
CAUSAL = Attr("causal", "bool", False, "Steps do not attend to later steps.")
MASK = Port("mask", "True where a step may attend to another: (queries, keys), or one per row.",
     BOOL,
            optional=True)  # fmt: skip
PARTS = ("query", "key", "value", "output")


def head_size(features: int, attrs: dict[str, Any]) -> int:
    """Return the size of a head.

    Raises:
        AttributeProblem: the features cannot be split among the heads.
    """
    heads = attrs["num_heads"]
    if attrs["key_dim"] is not None:
        return attrs["key_dim"]
    if features % heads:
        raise AttributeProblem(
            f"{features} features cannot be split among {heads} heads",
            port="num_heads",
            hint="Set key_dim, or another number of heads.",
        )
    return features // heads


@register
class MultiHeadAttention(Layer):
    """Multi-head attention."""

    id = "layers/multi_head_attention"
    keywords = ("self attention", "transformer", "layer", "query", "key", "cross attention")
    can_share = True
    shown_attrs = ("num_heads",)
    doc = (
        "Multi-head attention: each step of a sequence attends to all steps, in several heads.\n\n"
        "x (rows, steps, features) gives the same shape. Queries, keys and values are products of "
        "x with learned kernels. Each head computes softmax(q k^T / sqrt(key_dim)) v; another "
        "product combines the heads. If `memory` is connected, such as the result of an encoder, "
        "keys and values are computed from it. The variables are NAME/query_kernel, "
        "NAME/query_bias and so on for key, value and output. Kernels are (features, num_heads * "
        "key_dim), the output kernel (num_heads * key_dim, features). Vaswani and others, 2017."
    )
    inputs = (
        Port("x", "Sequences: (rows, steps, features).", FLOATS, "T"),
        Port("memory", "Source of keys and values; x if not connected.", FLOATS, "T",
             optional=True),
        MASK,
    )  # fmt: skip
    attrs = (
        HEADS,
        KEY_DIM,
        CAUSAL,
        USE_BIAS,
        initializer_attr("kernel_initializer", {"op": "glorot_uniform"}, "Initial kernels."),
        initializer_attr("bias_initializer", ZEROS, "Initial biases."),
        TRAINABLE,
        VERSION,
    )

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        x, memory = types[0], _memory(types)
        for port, type_ in (("x", x), ("memory", memory)):
            if type_.rank != 3:
                raise ShapeError(
                    f"{self.short_id} needs sequences (rows, steps, features), not shape "
                    f"{shape_text(type_.shape)}",
                    port=port,
                )
        features = known_size(x, -1, "features")
        wide = attrs["num_heads"] * head_size(features, attrs)
        other = known_size(memory, -1, "features")
        shapes = ((features, wide), (other, wide), (other, wide), (wide, features))
        found: Weights = {}
        for part, shape in zip(PARTS, shapes, strict=True):
            found[f"{part}_kernel"] = (shape, attrs["kernel_initializer"])
            if attrs["use_bias"]:
                found[f"{part}_bias"] = ((shape[1],), attrs["bias_initializer"])
        return found

    def check_weights(self, *types: TensorType, **attrs: Any) -> None:
        try:
            super().check_weights(*types, **attrs)
        except NodeflowError as error:
            error.port = error.port or "kernel_initializer"
            raise

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self.check_weights(*types, **attrs)
        x, memory = types[0], _memory(types)
        if not compatible(x.shape[:1], memory.shape[:1]):
            raise ShapeError(
                f"memory has {memory.shape[0]} rows, and x has {x.shape[0]}", port="memory"
            )
        if len(types) > 2:
            wanted = (x.shape[0], x.shape[1], memory.shape[1])
            mask = types[2].shape
            if mask and not (len(mask) in (2, 3) and compatible(mask, wanted[-len(mask) :])):
                raise ShapeError(
                    f"mask has shape {shape_text(mask)}, not {shape_text(wanted[1:])} or "
                    f"{shape_text(wanted)}",
                    port="mask",
                )
        return x.with_shape((x.shape[0] if x.shape[0] is not None else memory.shape[0],
                             *x.shape[1:]))  # fmt: skip

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        memory = inputs[1] if len(inputs) > 1 else x
        made = self.make_weights(*inputs[:2], **attrs)
        heads = attrs["num_heads"]
        size = made["query_kernel"].shape[1] // heads
        query = _heads(x, made, "query", heads, size)
        key, value = (_heads(memory, made, part, heads, size) for part in ("key", "value"))
        more = []
        if len(inputs) > 2:
            mask = inputs[2]
            more = [F.expand_dims(mask, axis=1) if len(mask.shape) == 3 else mask]
        seen, _ = F.attention(query, key, value, *more, causal=attrs["causal"], name="heads")
        return _joined(seen, made, heads, size)

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        kinds = ("kernel", "bias") if attrs["use_bias"] else ("kernel",)
        return tuple(f"{part}_{kind}" for part in PARTS for kind in kinds)

    def samples(self) -> Iterator[Sample]:
        two: dict[str, Any] = {"num_heads": 2}
        for dtype in FLOATS:
            yield Sample((values((3, 2, 4), dtype),), two, smooth=dtype == "float64")
        x, memory = values((2, 3, 4)), values((2, 5, 6), start=7)
        mask = np.arange(15).reshape(3, 5) % 4 > 0
        yield Sample((x, memory), {**two, "key_dim": 3}, smooth=True)
        yield Sample((x, memory, mask), {**two, "use_bias": False}, smooth=True)
        each = np.stack([mask, ~mask])
        yield Sample((x, memory, each), {**two, "trainable": False}, smooth=True)
        drawn = {"op": "random_normal", "stddev": 0.5}
        begin = {"kernel_initializer": drawn, "bias_initializer": drawn}
        yield Sample((x,), {**two, "causal": True, **begin}, smooth=True)
        yield Sample((values((0, 3, 4)),), two)
        yield Sample((values((1, 1, 1)),), {"num_heads": 1}, smooth=True)


def _memory(types: Any) -> TensorType:
    return types[1] if len(types) > 1 else types[0]


def _product(x: Tensor, made: dict[str, Tensor], part: str) -> Tensor:
    out = F.matmul(x, made[f"{part}_kernel"], name=part)
    bias = made.get(f"{part}_bias")
    return out if bias is None else out + bias


def _heads(x: Tensor, made: dict[str, Tensor], part: str, heads: int, size: int) -> Tensor:
    """Reshape (rows, steps, heads * size) to (rows, heads, steps, size)."""
    out = _product(x, made, part)
    rows, steps, _ = out.shape
    if rows is None and steps is None:
        parts = F.split(out, parts=heads, axis=-1)
        parts = (parts,) if isinstance(parts, Tensor) else parts
        return F.concat([F.expand_dims(p, axis=1) for p in parts], axis=1)
    shape = (-1 if rows is None else rows, -1 if steps is None else steps, heads, size)
    return F.transpose(F.reshape(out, shape=shape), perm=(0, 2, 1, 3))


def _joined(seen: Tensor, made: dict[str, Tensor], heads: int, size: int) -> Tensor:
    """Merge the heads of (rows, heads, steps, size) and multiply by the output kernel."""
    by_step = F.transpose(seen, perm=(0, 2, 1, 3))
    rows, steps, _, _ = by_step.shape
    if rows is None and steps is None:
        parts = F.split(seen, parts=heads, axis=1)
        parts = (parts,) if isinstance(parts, Tensor) else parts
        flat = F.concat([F.squeeze(p, axis=[1]) for p in parts], axis=-1)
    else:
        shape = (-1 if rows is None else rows, -1 if steps is None else steps, heads * size)
        flat = F.reshape(by_step, shape=shape)
    return _product(flat, made, "output")
