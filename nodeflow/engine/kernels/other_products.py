"""The kernel that computes, for each element of a row, the product of all others, and its
derivative along a direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod

from nodeflow.engine.kernels.expressions import kernel_text, numpy_name
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall, sizes_of
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import OtherProducts


@handles(OtherProducts)
class OtherProductsKernel(CallKernel[OtherProducts]):
    """The kernel of products from the left and from the right."""

    label = "products of others"

    def calls(self, lowering: OtherProducts, types: Sequence[TensorType]) -> list[KernelCall]:
        x = types[0]
        *shape, n = sizes_of(x) or [1]
        rows = prod(shape)
        args = (rows, n, *map(Array, range(len(types))))
        return [KernelCall(others_source(x.dtype, lowering.along), args, rows, rows * n * 2.0)]


@cache
def others_source(dtype: str, along: bool) -> str:
    """Return the source of a kernel that computes, for each element of a row, the product of all
    other elements. With ``along``, it computes the derivative of that along a direction.

    Kernel arguments: rows, n, x, with ``along`` the direction, out, and with ``along`` working
    memory.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    views = ["x", "d", "out", "products"] if along else ["x", "out"]
    lines = [
        f"    rows, n, at = slot(args, 0), slot(args, 1), {size} * slot(args, 1)",
        "    for row in range(rows * task // ntasks, rows * (task + 1) // ntasks):",
        *(f"        {v} = view1(slot(args, {2 + i}) + row * at, n, {name})"
          for i, v in enumerate(views)),
    ]  # fmt: skip
    loops = [
        (
            "range(n)",
            ["products[k] = product", "out[k] = change"] if along else ["out[k] = product"],
        ),
        (
            "range(n - 1, -1, -1)",
            ["out[k] = out[k] * product + products[k] * change"]
            if along
            else ["out[k] = out[k] * product"],
        ),
    ]
    for steps, body in loops:
        lines.append(f"        product, change = {name}(1), {name}(0)")
        lines.append(f"        for k in {steps}:")
        lines += [f"            {line}" for line in body]
        if along:
            lines.append("            change = change * x[k] + product * d[k]")
        lines.append("            product = product * x[k]")
    return kernel_text("slot, view1", "\n".join([*lines, ""]))
