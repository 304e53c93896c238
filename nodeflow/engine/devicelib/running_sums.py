"""Running sums of eight numbers at a time, in vectors.

`ops.math.cumsum` defines the order of additions.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import F32, F64, I32

_EIGHT = range(8)


@intrinsic
def add_eight(typingctx, source, target, total, exclusive, reverse):
    """Write ``total`` plus the running sums of the eight float32 at ``source`` to ``target``.

    Return the new total (float64). ``exclusive`` and ``reverse`` are literals. ``exclusive``:
    whether each sum leaves out its own element. ``reverse``: whether the sums run from the last
    element to the first.
    """
    if not all(isinstance(t, types.BooleanLiteral) for t in (exclusive, reverse)):
        raise TypingError("add_eight: exclusive and reverse must be literals")
    leaves_out, turned = exclusive.literal_value, reverse.literal_value
    numbers, sums = ir.VectorType(F32, 8), ir.VectorType(F64, 8)
    nothing = ir.Constant(sums, [-0.0] * 8)  # changes no number, not even -0
    order = [7 - k if turned else k for k in _EIGHT]

    def codegen(context, builder, sig, args):
        def chosen(a, b, lanes):
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, 8), list(lanes)))

        def moved(value, by):
            """Return a vector shifted by ``by`` lanes; the first lanes become -0.0, which changes
            no sum.
            """
            return chosen(value, nothing, (k - by if k >= by else 8 for k in _EIGHT))

        pointer = numbers.as_pointer()
        x = builder.load(builder.inttoptr(args[0], pointer), align=4)
        value = builder.fpext(chosen(x, x, order), sums)
        for by in (1, 2, 4):
            value = builder.fadd(moved(value, by), value)
        before = builder.insert_element(ir.Constant(sums, ir.Undefined), args[2], I32(0))
        before = chosen(before, before, [0] * 8)
        shown = builder.fadd(before, moved(value, 1) if leaves_out else value)
        y = builder.fptrunc(shown, numbers)
        builder.store(chosen(y, y, order), builder.inttoptr(args[1], pointer), align=4)
        return builder.fadd(args[2], builder.extract_element(value, I32(7)))

    kinds = types.int64, types.int64, types.float64, exclusive, reverse
    return types.float64(*kinds), codegen
