"""Reductions of contiguous floats with 16 lanes, combined pairwise; for use inside kernels.

LLVM does not reorder float additions without fastmath, so a plain loop adds one element per four
cycles. Here the order is fixed: element i goes to lane i % 64, the 64 lanes are combined by
a fixed tree. The result depends on the number of elements alone, never on threads or the machine.
"""

# Intrinsics are typing functions whose first argument, the typing context, numba passes in.
# pyright: reportCallIssue=false
from __future__ import annotations

import math

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nodeflow.engine.devicelib.arithmetic import select

LANES, UNROLLED = 16, 4
_STRIDE = LANES * UNROLLED


def _add(builder, a, b):
    return builder.fadd(a, b)


def _larger(builder, a, b):
    """b where it is larger or NaN; a NaN in a stays, since no comparison with it is true."""
    wins = builder.or_(builder.fcmp_ordered(">", b, a), builder.fcmp_unordered("uno", b, b))
    return builder.select(wins, b, a)


def _smaller(builder, a, b):
    wins = builder.or_(builder.fcmp_ordered("<", b, a), builder.fcmp_unordered("uno", b, b))
    return builder.select(wins, b, a)


def _lanes(dtype, combine, identity):
    """Signature and code of a reduction of ``n`` elements at an address."""
    scalar_type = dtype.dtype
    if scalar_type not in (types.float32, types.float64):
        raise TypingError(f"lanes: expected float32 or float64, got {scalar_type}")

    def codegen(context, builder, sig, args):
        scalar = ir.FloatType() if scalar_type == types.float32 else ir.DoubleType()
        base = builder.inttoptr(args[0], scalar.as_pointer())
        total = _vector_part(builder, base, args[1], scalar, combine, identity)
        return _tree(builder, total, scalar, combine)

    return scalar_type(types.int64, types.int64, dtype), codegen


def _vector_part(builder, base, n, scalar, combine, identity):
    """One vector of 16 partial results."""
    size = 4 if isinstance(scalar, ir.FloatType) else 8
    vector = ir.VectorType(scalar, LANES)
    word = n.type

    def load(index):
        pointer = builder.bitcast(builder.gep(base, [index]), vector.as_pointer())
        return builder.load(pointer, align=size)

    start = ir.Constant(vector, [ir.Constant(scalar, identity)] * LANES)
    lanes = [cgutils.alloca_once(builder, vector) for _ in range(UNROLLED)]
    for lane in lanes:
        builder.store(start, lane)
    rounds = builder.lshr(n, ir.Constant(word, 6))
    with cgutils.for_range(builder, rounds) as loop:
        first = builder.mul(loop.index, ir.Constant(word, _STRIDE))
        for number, lane in enumerate(lanes):
            value = load(builder.add(first, ir.Constant(word, number * LANES)))
            builder.store(combine(builder, builder.load(lane), value), lane)
    done = builder.mul(rounds, ir.Constant(word, _STRIDE))
    more = builder.lshr(builder.sub(n, done), ir.Constant(word, 4))
    with cgutils.for_range(builder, more) as loop:
        at = builder.add(done, builder.mul(loop.index, ir.Constant(word, LANES)))
        builder.store(combine(builder, builder.load(lanes[0]), load(at)), lanes[0])
    done = builder.add(done, builder.mul(more, ir.Constant(word, LANES)))
    rest = _load_some(builder, builder.gep(base, [done]), builder.sub(n, done), start)
    builder.store(combine(builder, builder.load(lanes[1]), rest), lanes[1])
    a, b, c, d = (builder.load(lane) for lane in lanes)
    return combine(builder, combine(builder, a, b), combine(builder, c, d))


def _load_some(builder, pointer, count, others):
    """The first ``count`` elements of a vector, of ``others`` the rest, which is not read."""
    vector, index = others.type, ir.IntType(32)
    width = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    kind = ir.FunctionType(
        vector,
        [vector.as_pointer(), index, ir.VectorType(ir.IntType(1), LANES), vector],
    )
    load = cgutils.get_or_insert_function(
        builder.module, kind, f"llvm.masked.load.v{LANES}{width}.p0"
    )
    numbers = ir.VectorType(index, LANES)
    spread = ir.Constant(numbers, [ir.Constant(index, 0)] * LANES)
    limit = builder.insert_element(
        ir.Constant(numbers, ir.Undefined), builder.trunc(count, index), ir.Constant(index, 0)
    )
    limit = builder.shuffle_vector(limit, limit, spread)
    places = ir.Constant(numbers, [ir.Constant(index, i) for i in range(LANES)])
    mask = builder.icmp_unsigned("<", places, limit)
    at = builder.bitcast(pointer, vector.as_pointer())
    return builder.call(load, [at, ir.Constant(index, 1), mask, others])


def _tree(builder, total, scalar, combine):
    """Halve the vector until one element is left."""
    width = LANES
    index = ir.IntType(32)
    while width > 1:
        width //= 2
        low, high = (
            builder.shuffle_vector(
                total,
                ir.Constant(total.type, ir.Undefined),
                ir.Constant(
                    ir.VectorType(index, width),
                    [ir.Constant(index, start + i) for i in range(width)],
                ),
            )
            for start in (0, width)
        )
        total = combine(builder, low, high)
    return builder.extract_element(total, ir.Constant(index, 0))


@intrinsic
def sum_lanes(typingctx, address, n, dtype):
    """Sum of ``n`` floats at ``address``; -0, which changes no number, for none."""
    return _lanes(dtype, _add, -0.0)


@intrinsic
def max_lanes(typingctx, address, n, dtype):
    """Maximum, NaN if any is NaN; -inf for none."""
    return _lanes(dtype, _larger, -math.inf)


@intrinsic
def min_lanes(typingctx, address, n, dtype):
    """Minimum, NaN if any is NaN; inf for none."""
    return _lanes(dtype, _smaller, math.inf)


@njit(nogil=True, error_model="numpy")
def max_of(a, b):
    """The larger of two numbers of one type, NaN if either is."""
    return select((b > a) | (b != b), b, a)


@njit(nogil=True, error_model="numpy")
def min_of(a, b):
    """The smaller of two numbers of one type, NaN if either is."""
    return select((b < a) | (b != b), b, a)
