"""The distinct elements of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.ir.launches import Bound, Region
from nodeflow.engine.kernels.expressions import kernel_text, numpy_name, typed_literal
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops.lowering import Distinct


@handles(Distinct)
class DistinctKernel(CallKernel[Distinct]):
    """The kernel of distinct elements in order, each element's index among them, and their
    number.
    """

    label = "unique"
    scatters = True

    def calls(self, lowering: Distinct, types: Sequence[TensorType]) -> list[KernelCall]:
        x, n, room = types[0], types[0].size or 0, types[2].size or 0
        source = distinct_source(x.dtype, typed_literal(lowering.fill, x.dtype))
        args = (n, room, *map(Array, range(len(types))))
        writes = (Region(2, bound=Bound(1, room)), Region(3), Region(4))
        return [KernelCall(source, args, 1, n * 4.0, writes=writes)]

    def checks_elements(self, lowering: Distinct) -> bool:
        """Return True, because the kernel fails if there are more distinct elements than the output
        has room for.
        """
        return True


@cache
def distinct_source(dtype: str, fill: str) -> str:
    """Return the source of a kernel that finds the distinct elements of an array, given the order
    that sorts it.

    Kernel arguments: n, room, x, order; values (room), index of each element among them (n), number
    of values.
    """
    name = numpy_name(dtype)
    same = "value == last" + (" or (value != value and last != last)" if dtype in FLOATS else "")
    text = kernel_text(
        "set_slot, slot, store, view1",
        f"""    n, room = slot(args, 0), slot(args, 1)
    x, order = view1(slot(args, 2), n, {name}), view1(slot(args, 3), n, np.int64)
    values, numbers = view1(slot(args, 4), room, {name}), view1(slot(args, 5), n, np.int64)
    count = 0
    last = {typed_literal(0, dtype)}
    for k in range(n):
        value = x[order[k]]
        if count == 0 or not ({same}):
            if count < room:
                values[count] = value
            count += 1
        numbers[order[k]] = count - 1
        last = value
    if count > room:
        set_slot(args, CODE, INDEX_OUT_OF_RANGE)
    for k in range(count, room):
        values[k] = {fill}
    store(slot(args, 6), np.int64(count))
""",
    )
    abi = "from nodeflow.engine.devicelib.abi import CODE, INDEX_OUT_OF_RANGE\n"
    return text.replace("\n\n\ndef", f"\n{abi}\n\ndef")
