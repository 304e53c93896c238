"""Convolutions of images and volumes, and the two products that are their gradients.

A convolution is linear in the image and in the filter; its gradients are its transposes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.products import convolve_windows
from nodeflow.integrations.jax.registry import Lowered, computes, lowers
from nodeflow.integrations.jax.rules.indices import shape_of
from nodeflow.ops.convolution.conv2d import windows_of
from nodeflow.ops.lowering import Convolve, FilterGradient
from nodeflow.ops.sliding_windows import Windows

_LAYOUTS = {2: ("NHWC", "HWIO"), 3: ("NDHWC", "DHWIO")}
"""By number of spatial axes: the layout of images or volumes, and the layout of filters."""
Layouts = tuple[str, str]
Product = Literal["result", "input", "filter"]


@lowers(Convolve)
def convolve(node: Lowered, x: Any, filter_: Any) -> Any:
    """Return a convolution, or its gradient with respect to the image, for channels-last arrays."""
    lowering = node.lowering
    assert isinstance(lowering, Convolve)
    layouts = _LAYOUTS[len(lowering.windows.axes)]
    return _product(node, lowering.kind, lowering.windows, lowering.groups, layouts, x, filter_)


@lowers(FilterGradient)
def filter_gradient(node: Lowered, x: Any, g: Any) -> Any:
    """Return the gradient of a convolution with respect to its filter, for channels-last arrays."""
    lowering = node.lowering
    assert isinstance(lowering, FilterGradient)
    layouts = _LAYOUTS[len(lowering.windows.axes)]
    return _product(node, "filter", lowering.windows, lowering.groups, layouts, x, g)


@computes("conv2d", "conv3d")
def convolution(node: Lowered, x: Any, filter_: Any) -> Any:
    """Return a convolution: the products of the filters with every window."""
    return _by_attributes(node, "result", node.inputs[1], x, filter_)


@computes("conv2d_input_gradient", "conv3d_input_gradient", "conv2d_transpose", "conv3d_transpose")
def adjoint(node: Lowered, g: Any, filter_: Any, like: Any = None) -> Any:
    """Return the adjoint of a convolution with respect to the image."""
    return _by_attributes(node, "input", node.inputs[1], g, filter_)


@computes("conv2d_filter_gradient", "conv3d_filter_gradient")
def adjoint_in_the_filter(node: Lowered, x: Any, g: Any, like: Any) -> Any:
    """Return the adjoint of a convolution with respect to the filter."""
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
    """Compute a convolution or one of its two gradients: of image, filter and result, compute one
    from the other two.

    Args:
        product: which of the three to compute.
    """
    shape = shape_of(node)
    if 0 in (*shape, *first.shape, *second.shape):
        return jnp.zeros(shape, first.dtype)
    call = _Call(product, windows, groups, layouts, shape)
    return lax.platform_dependent(first, second, cpu=call.as_sums, default=call.as_transpose)


@dataclass(frozen=True)
class _Call:
    """A convolution or one of its two gradients, with the shape of its result."""

    product: Product
    windows: Windows
    groups: int
    layouts: Layouts
    shape: tuple[int, ...]

    def as_transpose(self, first: Any, second: Any) -> Any:
        """Return the convolution of two arrays, or one of its gradients.

        A gradient is computed as JAX's transpose of the convolution, because XLA recognizes that
        form on GPUs.
        """
        if self.product == "result":
            return convolved(first, second, self.windows, self.groups, self.layouts)
        wanted = jax.ShapeDtypeStruct(self.shape, first.dtype)
        if self.product == "input":

            def forward(x: Any) -> Any:
                return convolved(x, second, self.windows, self.groups, self.layouts)

            return jax.linear_transpose(forward, wanted)(first)[0]

        def by_filter(filter_: Any) -> Any:
            return convolved(first, filter_, self.windows, self.groups, self.layouts)

        return jax.linear_transpose(by_filter, wanted)(second)[0]

    def as_sums(self, first: Any, second: Any) -> Any:
        """Return the product as an ordinary convolution of channels-last arrays.

        For other forms, XLA has no fast code on CPUs inside loops, and trainings are loops.
        """
        picture, weights = (_channels_last(layout) for layout in self.layouts)
        moved = {
            "result": (picture, weights, picture),
            "input": (picture, weights, picture),
            "filter": (picture, picture, weights),
        }[self.product]
        shape = tuple(self.shape[axis] for axis in moved[2])
        x, y = (jnp.transpose(a, order) for a, order in zip((first, second), moved, strict=False))
        made = getattr(self, f"_{self.product}")(x, y, shape)
        return jnp.transpose(made, np.argsort(moved[2]).tolist())

    def _result(self, x: Any, filter_: Any, shape: tuple[int, ...]) -> Any:
        return convolved(x, filter_, self.windows, self.groups, self._plain)

    def _input(self, g: Any, filter_: Any, shape: tuple[int, ...]) -> Any:
        """Return the gradient of a convolution with respect to the image, given the gradient ``g``
        of its result. It is the convolution of g, dilated by the strides, with the flipped filter.
        """
        axes, groups = self.windows.axes, self.groups
        *kernel, channels, filters = filter_.shape
        turned = jnp.flip(filter_, range(len(kernel)))
        turned = turned.reshape(*kernel, channels, groups, filters // groups)
        turned = jnp.moveaxis(turned, -1, -3)  # (..., filters of a group, channels, groups)
        turned = jnp.swapaxes(turned, -1, -2).reshape(*kernel, filters // groups, -1)
        pads = []
        for axis, size, count in zip(axes, shape[1:-1], g.shape[1:-1], strict=True):
            before = axis.reach - 1 - axis.pads(size)[0]
            spread = (count - 1) * axis.stride + 1
            pads.append((before, size + axis.reach - 1 - spread - before))
        return convolve_windows(
            g,
            turned,
            [1] * len(axes),
            pads,
            lhs_dilation=[axis.stride for axis in axes],
            rhs_dilation=[axis.dilation for axis in axes],
            dimension_numbers=(self._plain[0], self._plain[1], self._plain[0]),
            feature_group_count=groups,
        )

    def _filter(self, x: Any, g: Any, shape: tuple[int, ...]) -> Any:
        """Return the gradient with respect to the filter: a convolution of each channel with
        the gradients of the results, summed over rows.
        """
        axes, groups = self.windows.axes, self.groups
        n, *sizes, channels = x.shape
        rows = x.reshape(n, *sizes, groups, channels // groups)
        places = range(1, 1 + len(sizes))
        rows = jnp.transpose(rows, (len(sizes) + 2, *places, len(sizes) + 1, 0))
        rows = rows.reshape(channels // groups, *sizes, groups * n)
        pads = []
        for axis, size, count in zip(axes, sizes, g.shape[1:-1], strict=True):
            before = axis.pads(size)[0]
            pads.append((before, axis.reach + (count - 1) * axis.stride - size - before))
        made = convolve_windows(
            rows,
            jnp.moveaxis(g, 0, -2),
            [axis.dilation for axis in axes],
            pads,
            rhs_dilation=[axis.stride for axis in axes],
            dimension_numbers=(self._plain[0], self._plain[1], self._plain[0]),
            feature_group_count=groups,
        )
        return jnp.moveaxis(made, 0, -2)

    @property
    def _plain(self) -> Layouts:
        return _LAYOUTS[len(self.windows.axes)]


def _channels_last(layout: str) -> tuple[int, ...]:
    """Return the permutation that moves a layout's axes to channels-last order: (rows, space,
    channels) for images, (space, channels, filters) for filters.
    """
    space = [layout.index(axis) for axis in layout if axis in "DHW"]
    if "O" in layout:
        return (*space, layout.index("I"), layout.index("O"))
    return (layout.index("N"), *space, layout.index("C"))


def convolved(x: Any, filter_: Any, windows: Windows, groups: int, layouts: Layouts) -> Any:
    """Return the convolution of images with filters."""
    picture, weights = layouts
    sizes = [x.shape[picture.index(axis)] for axis in picture if axis not in "NC"]
    return convolve_windows(
        x,
        filter_,
        [axis.stride for axis in windows.axes],
        windows.pads(sizes),
        rhs_dilation=[axis.dilation for axis in windows.axes],
        dimension_numbers=(picture, weights, picture),
        feature_group_count=groups,
    )
