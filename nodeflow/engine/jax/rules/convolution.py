"""Convolutions of images and volumes, and the two products that are their gradients.

XLA has them; the gradients are the transposes of the convolution, which is linear in the image and
in the filter.
"""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from nodeflow.engine.jax.registry import Lowered, computes, lowers
from nodeflow.engine.jax.rules.indices import shape_of
from nodeflow.graph.types import TensorType
from nodeflow.ops.convolution.conv2d import windows_of
from nodeflow.ops.lowering import Convolve, FilterGradient
from nodeflow.ops.sliding_windows import Windows

_LAYOUTS = {2: ("NHWC", "HWIO"), 3: ("NDHWC", "DHWIO")}
"""Of images, and of volumes: the axes of what is convolved, and of filters."""
Layouts = tuple[str, str]
Product = Literal["result", "input", "filter"]


@lowers(Convolve)
def convolve(node: Lowered, x: Any, filter_: Any) -> Any:
    """A convolution, or its gradient by the image, channels last."""
    lowering = node.lowering
    assert isinstance(lowering, Convolve)
    layouts = _LAYOUTS[len(lowering.windows.axes)]
    return _product(node, lowering.kind, lowering.windows, lowering.groups, layouts, x, filter_)


@lowers(FilterGradient)
def filter_gradient(node: Lowered, x: Any, g: Any) -> Any:
    """The gradient of a convolution by its filter, channels last."""
    lowering = node.lowering
    assert isinstance(lowering, FilterGradient)
    layouts = _LAYOUTS[len(lowering.windows.axes)]
    return _product(node, "filter", lowering.windows, lowering.groups, layouts, x, g)


@computes("conv2d", "conv3d")
def convolution(node: Lowered, x: Any, filter_: Any) -> Any:
    """What filters find at each place."""
    return _by_attributes(node, "result", node.inputs[1], x, filter_)


@computes("conv2d_input_gradient", "conv3d_input_gradient", "conv2d_transpose", "conv3d_transpose")
def adjoint(node: Lowered, g: Any, filter_: Any, like: Any = None) -> Any:
    """The adjoint of convolution in the image."""
    return _by_attributes(node, "input", node.inputs[1], g, filter_)


@computes("conv2d_filter_gradient", "conv3d_filter_gradient")
def adjoint_in_the_filter(node: Lowered, x: Any, g: Any, like: Any) -> Any:
    """The adjoint of convolution in the filter."""
    return _by_attributes(node, "filter", node.outputs[0], x, g)


def _by_attributes(
    node: Lowered, product: Product, filter_type: TensorType, first: Any, second: Any
) -> Any:
    windows = windows_of(filter_type, node.attrs)[0]
    layouts = node.attrs["layout"], node.attrs["filter_layout"]
    return _product(node, product, windows, node.attrs["groups"], layouts, first, second)


def _product(
    node: Lowered,
    product: Product,
    windows: Windows,
    groups: int,
    layouts: Layouts,
    first: Any,
    second: Any,
) -> Any:
    """One of image, result and filter from the two others."""
    shape = shape_of(node)
    if 0 in (*shape, *first.shape, *second.shape):
        return jnp.zeros(shape, first.dtype)
    wanted = jax.ShapeDtypeStruct(shape, first.dtype)
    if product == "result":
        return convolved(first, second, windows, groups, layouts)
    if product == "input":
        transposed = jax.linear_transpose(
            lambda x: convolved(x, second, windows, groups, layouts), wanted
        )
        return transposed(first)[0]
    transposed = jax.linear_transpose(
        lambda filter_: convolved(first, filter_, windows, groups, layouts), wanted
    )
    return transposed(second)[0]


def convolved(x: Any, filter_: Any, windows: Windows, groups: int, layouts: Layouts) -> Any:
    """The product of filters with every window."""
    picture, weights = layouts
    sizes = [x.shape[picture.index(axis)] for axis in picture if axis not in "NC"]
    found = lax.conv_general_dilated(
        x,
        filter_,
        [axis.stride for axis in windows.axes],
        windows.pads(sizes),
        rhs_dilation=[axis.dilation for axis in windows.axes],
        dimension_numbers=(picture, weights, picture),
        feature_group_count=groups,
    )
    return found
