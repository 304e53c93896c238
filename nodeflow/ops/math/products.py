"""Products of all elements except one, which the gradient of a product needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axes, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.gradient_helpers import Internal
from nodeflow.ops.samples import values


def products_of_others(x: np.ndarray) -> np.ndarray:
    """Return, for each element, the product of the others along the last axis, without division."""
    ones = np.ones((*x.shape[:-1], 1), x.dtype)
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, x[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def products_so_far(x: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each element, the product of the elements before it, and its change along a
    direction.
    """
    products, changes = np.ones_like(x), np.zeros_like(x)
    for k in range(x.shape[-1] - 1):
        changes[..., k + 1] = changes[..., k] * x[..., k] + products[..., k] * direction[..., k]
        products[..., k + 1] = products[..., k] * x[..., k]
    return products, changes


def as_rows(x: np.ndarray, axis: Any) -> tuple[np.ndarray, Any]:
    """Return ``x`` with the axes flattened into one last axis, and a function that reverses
    this.
    """
    axes = normalize_axes(axis, x.ndim)
    kept = [i for i in range(x.ndim) if i not in axes]
    order = [*kept, *axes]
    moved = np.transpose(x, order)
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    rows = moved.reshape(*(x.shape[i] for i in kept), count)
    back = np.argsort(order)
    return rows, lambda r: np.transpose(r.reshape(moved.shape), back).copy()


@register
class ProductOfOthers(Internal):
    """The product of all other elements, for each element; it gives the gradient of a product."""

    id = "product_of_others"
    doc = (
        "For each element of x, the product of all other elements along the axes.\n\nComputed "
        "without division, so it is right where elements are 0."
    )
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (Attr("axis", "axes", None, "Axis or axes of the product; none: all."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        return types[0]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axes = normalize_axes(attrs["axis"], types[0].rank)
        work = lowering.OtherProducts()
        return lowering.last_axis(types, outs[0], axes, lambda rows: (work, [rows]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        if not arrays[0].size:
            return arrays[0].copy()
        rows, back = as_rows(arrays[0], attrs["axis"])
        with np.errstate(all="ignore"):
            return back(products_of_others(rows))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x = node.inputs[0]
        return (F.product_of_others_along(x, grads[0], axis=node.attrs["axis"]),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 3), dtype),), {"axis": 1}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)),), {"axis": (0, 2)}, smooth=True)
        yield Sample((np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]]),), {"axis": 1})
        yield Sample((values((0, 3)),), {"axis": 1})
        yield Sample((values((1, 1)),), {"axis": 1}, smooth=True)


@register
class ProductOfOthersAlong(Internal):
    """The change of `ProductOfOthers` when x moves along a direction."""

    id = "product_of_others_along"
    doc = (
        "The change of product_of_others(x) when x moves along a direction d.\n\nFor element k it "
        "is the sum over i of d[i] times the product of all elements but i and k. The third "
        "derivative of a product uses division, so it is NaN where an element is 0."
    )
    inputs = (
        Port("x", dtypes=FLOATS, group="T"),
        Port("direction", "Direction.", FLOATS, "T"),
    )
    attrs = (Attr("axis", "axes", None, "Axis or axes of the product; none: all."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        return types[0].with_shape(unify_shapes(types[0].shape, types[1].shape))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axes = normalize_axes(attrs["axis"], types[0].rank)
        work = lowering.OtherProducts(along=True)
        return lowering.last_axis(types, outs[0], axes, lambda rows: (work, [rows, rows]))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        if not arrays[0].size:
            return arrays[0].copy()
        x, back = as_rows(arrays[0], attrs["axis"])
        direction, _ = as_rows(arrays[1], attrs["axis"])
        with np.errstate(all="ignore"):
            before, change_before = products_so_far(x, direction)
            after, change_after = products_so_far(x[..., ::-1], direction[..., ::-1])
            after, change_after = after[..., ::-1], change_after[..., ::-1]
            return back(change_before * after + before * change_after)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, direction = node.inputs
        axis = node.attrs["axis"]
        rates = direction / x
        product = F.reduce_prod(x, axis=axis, keepdims=True)
        divided = product * (F.reduce_sum(rates, axis=axis, keepdims=True) - rates) / x
        by_x = gradients(divided, [x], [grads[0]])[0]
        return by_x, F.product_of_others_along(x, grads[0], axis=axis)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 3), dtype), values((2, 3), dtype, start=7)
            yield Sample(arrays, {"axis": 1}, smooth=dtype == "float64")
        yield Sample((np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]]), values((2, 3))), {"axis": 1})
        yield Sample((values((0, 3)), values((0, 3))), {"axis": 1})
        yield Sample((values((1, 1)), values((1, 1))), {"axis": 1})
