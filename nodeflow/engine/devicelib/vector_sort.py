"""The call of numpy's sort from a kernel, by its address (`numpy_sort`)."""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import I8, I32, I64


@intrinsic
def sort_at(typingctx, sort, address, count):
    """Sort ``count`` numbers at an address; ``sort`` is `sort_address` of their dtype."""
    byte = I8.as_pointer()
    function = ir.FunctionType(I32, [byte, I64, byte]).as_pointer()

    def codegen(context, builder, sig, args):
        routine, start, length = args
        return builder.call(
            builder.inttoptr(routine, function),
            [builder.inttoptr(start, byte), length, byte(None)],
        )

    return types.int32(types.int64, types.int64, types.int64), codegen
