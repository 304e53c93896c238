"""Vectorised copies of rows and squares, which bring an operand into the panels of a product.

Only kernels can call these functions.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import F32, I32, I64
from nodeflow.engine.devicelib.register_tiles import scalar_of, shape_of
from nodeflow.engine.devicelib.result_tile import prefetch_line, splat


@intrinsic
def copied_row(typingctx, count, dtype, source, target):
    """Copy ``count`` floats, a literal number."""
    (length,) = shape_of(count)
    scalar = scalar_of(dtype)

    def codegen(context, builder, sig, args):
        vector, align = ir.VectorType(scalar, length).as_pointer(), 4 if scalar == F32 else 8
        source, target = (builder.inttoptr(address, vector) for address in args[2:])
        builder.store(builder.load(source, align=align), target, align=align)
        return context.get_dummy_value()

    return types.void(count, dtype, types.int64, types.int64), codegen


@intrinsic
def filled_row(typingctx, count, dtype, source, target, wide):
    """Copy ``wide`` floats, and fill up with zeros to ``count`` floats. ``count`` is a literal."""
    (length,) = shape_of(count)
    scalar = scalar_of(dtype)

    def codegen(context, builder, sig, args):
        source, target, wide = args[2:]
        vector, align = ir.VectorType(scalar, length), 4 if scalar == F32 else 8
        places = ir.VectorType(I64, length)
        numbers = ir.Constant(places, [ir.Constant(I64, n) for n in range(length)])
        inside = builder.icmp_signed("<", numbers, splat(builder, wide, places))
        name = f"llvm.masked.load.v{length}{'f32' if scalar == F32 else 'f64'}.p0"
        pointer = vector.as_pointer()
        kind = ir.FunctionType(vector, [pointer, I32, inside.type, vector])
        read = cgutils.get_or_insert_function(builder.module, kind, name)
        zeros = ir.Constant(vector, [ir.Constant(scalar, 0.0)] * length)
        place = builder.inttoptr(source, pointer)
        row = builder.call(read, [place, ir.Constant(I32, align), inside, zeros])
        builder.store(row, builder.inttoptr(target, pointer), align=align)
        return context.get_dummy_value()

    return types.void(count, dtype, *(types.int64,) * 3), codegen


@intrinsic
def turned_block(typingctx, lanes, dtype, source, source_step, target, target_step):
    """Transpose a square of ``lanes`` x ``lanes`` floats in memory.

    Args:
        lanes: a literal, the elements of a vector.
        source: address of the square, ``source_step`` bytes from row to row.
        target: address of the result, ``target_step`` bytes from row to row.
    """
    (count,) = shape_of(lanes)
    scalar = scalar_of(dtype)
    together = min(count, 16 // (4 if scalar == F32 else 8))

    def codegen(context, builder, sig, args):
        source, source_step, target, target_step = args[2:]
        vector = ir.VectorType(scalar, count)
        align = 4 if scalar == F32 else 8

        def pointer(base, step, row):
            at = builder.add(base, builder.mul(step, ir.Constant(I64, row)))
            return builder.inttoptr(at, vector.as_pointer())

        def chosen(x, y, places):
            wanted = ir.Constant(ir.VectorType(I32, count), places)
            return builder.shuffle_vector(x, y, wanted)

        rows = [builder.load(pointer(source, source_step, r), align=align) for r in range(count)]
        # Transpose within 16 bytes by interleaving, then exchange groups of 16 bytes. Each step is
        # one instruction.
        low = [
            first + half + place
            for first in range(0, count, together)
            for place in range(together // 2)
            for half in (0, count)
        ]
        high = [place + together // 2 for place in low]
        for first in range(0, count, together):
            own = rows[first : first + together]
            for _ in range(together.bit_length() - 1):
                pairs = zip(own[: together // 2], own[together // 2 :], strict=True)
                own = [chosen(x, y, side) for x, y in pairs for side in (low, high)]
            rows[first : first + together] = own
        distance = together
        while distance < count:
            upper = [j if not j & distance else j + count - distance for j in range(count)]
            lower = [j + distance if not j & distance else j + count for j in range(count)]
            for r in range(count):
                if not r & distance:
                    x, y = rows[r], rows[r + distance]
                    rows[r], rows[r + distance] = chosen(x, y, upper), chosen(x, y, lower)
            distance *= 2
        for r, row in enumerate(rows):
            builder.store(row, pointer(target, target_step, r), align=align)
        return context.get_dummy_value()

    return types.void(lanes, dtype, *(types.int64,) * 4), codegen


@intrinsic
def fetched_line(typingctx, address):
    """Prefetch the cache line that contains ``address`` into the second-level cache. The address
    may be invalid.
    """

    def codegen(context, builder, sig, args):
        prefetch_line(builder, args[0], cache=2)
        return context.get_dummy_value()

    return types.void(types.int64), codegen
