"""Reductions of contiguous floats in four vectors of 16 lanes, combined pairwise, for kernels.

LLVM does not reorder float additions without fastmath, so a plain loop adds one element per
four cycles. Here the order is fixed. Element i goes to lane i % 64. After the last multiple of
64, whole vectors of 16 go to the first vector, and the remaining elements to the second. A
fixed tree combines the 64 lanes. The result depends only on the number of elements, never on
threads or the machine.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
# pyright: reportCallIssue=false
from __future__ import annotations

import math

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nodeflow.engine.devicelib.arithmetic import select, settled

LANES, UNROLLED = 16, 4
_STRIDE = LANES * UNROLLED


def add(builder, a, b):
    return builder.fadd(a, b)


def larger(builder, a, b):
    """Emit code that returns the larger of a and b, by one instruction.

    `_Unordered` handles NaN separately.
    """
    return builder.select(builder.fcmp_ordered(">", b, a), b, a)


def smaller(builder, a, b):
    return builder.select(builder.fcmp_ordered("<", b, a), b, a)


class _Unordered:
    """A record of whether any vector contained NaN. One comparison tests two vectors."""

    def __init__(self, builder, vector):
        self.builder = builder
        bits = 32 if isinstance(vector.element, ir.FloatType) else 64
        self.words = ir.VectorType(ir.IntType(bits), LANES)
        self.none = ir.Constant(self.words, [ir.Constant(self.words.element, 0)] * LANES)
        self.seen = cgutils.alloca_once(builder, self.words)
        builder.store(self.none, self.seen)

    def look(self, a, b):
        found = self.builder.sext(self.builder.fcmp_unordered("uno", a, b), self.words)
        self.builder.store(self.builder.or_(self.builder.load(self.seen), found), self.seen)

    def applied(self, result):
        """Emit code that replaces a reduction's result by NaN if any element was NaN.

        If the result is a vector, all its elements are replaced.
        """
        found = self.builder.icmp_unsigned("!=", self.builder.load(self.seen), self.none)
        mask = self.builder.bitcast(found, ir.IntType(LANES))
        any_ = self.builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))
        if isinstance(result.type, ir.VectorType):
            return self.builder.select(any_, _everywhere(result.type, math.nan), result)
        return self.builder.select(any_, ir.Constant(result.type, math.nan), result)


def _scalar(dtype):
    """Return the numba and LLVM types of the elements."""
    scalar_type = dtype.dtype
    if scalar_type not in (types.float32, types.float64):
        raise TypingError(f"lanes: expected float32 or float64, got {scalar_type}")
    return scalar_type, ir.FloatType() if scalar_type == types.float32 else ir.DoubleType()


def _lanes(dtype, combine, identity):
    """Return the signature and the code generator of an intrinsic that reduces ``n`` elements at an
    address to one number.
    """
    scalar_type, scalar = _scalar(dtype)

    def codegen(context, builder, sig, args):
        base = builder.inttoptr(args[0], scalar.as_pointer())
        vector = ir.VectorType(scalar, LANES)
        unordered = None if combine is add else _Unordered(builder, vector)
        lanes = [_everywhere(vector, identity)] * UNROLLED
        lanes = _combined(builder, base, args[1], lanes, combine, identity, unordered)
        result = _all_of(builder, lanes, combine)
        return unordered.applied(result) if unordered else result

    return scalar_type(types.int64, types.int64, dtype), codegen


def _more(dtype, combine, identity):
    """Return the signature and the code generator of an intrinsic that combines ``n`` further
    elements at an address with partial results.
    """
    _, scalar = _scalar(dtype)

    def codegen(context, builder, sig, args):
        vector = ir.VectorType(scalar, LANES)
        parts = builder.inttoptr(args[0], vector.as_pointer())
        base = builder.inttoptr(args[1], scalar.as_pointer())
        unordered = None if combine is add else _Unordered(builder, vector)
        places = [builder.gep(parts, [ir.Constant(args[0].type, k)]) for k in range(UNROLLED)]
        lanes = [builder.load(place, align=64) for place in places]
        lanes = _combined(builder, base, args[2], lanes, combine, identity, unordered)
        for lane, place in zip(lanes, places, strict=True):
            builder.store(unordered.applied(lane) if unordered else lane, place, align=64)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, dtype), codegen


def _all(dtype, combine):
    """Return the signature and the code generator of an intrinsic that reduces all partial results,
    stored at an address, to one number.
    """
    scalar_type, scalar = _scalar(dtype)

    def codegen(context, builder, sig, args):
        parts = builder.inttoptr(args[0], ir.VectorType(scalar, LANES).as_pointer())
        places = [builder.gep(parts, [ir.Constant(args[0].type, k)]) for k in range(UNROLLED)]
        return _all_of(builder, [builder.load(place, align=64) for place in places], combine)

    return scalar_type(types.int64, dtype), codegen


def _everywhere(vector, number):
    return ir.Constant(vector, [ir.Constant(vector.element, number)] * vector.count)


def _combined(builder, base, n, parts, combine, identity, unordered):
    """Emit code that combines ``n`` further array elements with four vectors of 16 partial results.
    Return the four new vectors.
    """
    vector, word = parts[0].type, n.type
    size = 4 if isinstance(vector.element, ir.FloatType) else 8

    def load(index):
        pointer = builder.bitcast(builder.gep(base, [index]), vector.as_pointer())
        return builder.load(pointer, align=size)

    lanes = [cgutils.alloca_once(builder, vector) for _ in range(UNROLLED)]
    for part, lane in zip(parts, lanes, strict=True):
        builder.store(part, lane)
    rounds = builder.lshr(n, ir.Constant(word, 6))
    with cgutils.for_range(builder, rounds) as loop:
        first = builder.mul(loop.index, ir.Constant(word, _STRIDE))
        starts = [builder.add(first, ir.Constant(word, k * LANES)) for k in range(UNROLLED)]
        values = [load(start) for start in starts]
        for value, lane in zip(values, lanes, strict=True):
            builder.store(combine(builder, builder.load(lane), value), lane)
        if unordered:
            for pair in zip(values[::2], values[1::2], strict=True):
                unordered.look(*pair)
    done = builder.mul(rounds, ir.Constant(word, _STRIDE))
    more = builder.lshr(builder.sub(n, done), ir.Constant(word, 4))
    with cgutils.for_range(builder, more) as loop:
        at = builder.add(done, builder.mul(loop.index, ir.Constant(word, LANES)))
        value = load(at)
        builder.store(combine(builder, builder.load(lanes[0]), value), lanes[0])
        if unordered:
            unordered.look(value, value)
    done = builder.add(done, builder.mul(more, ir.Constant(word, LANES)))
    others = _everywhere(vector, identity)
    rest = _load_some(builder, builder.gep(base, [done]), builder.sub(n, done), others)
    builder.store(combine(builder, builder.load(lanes[1]), rest), lanes[1])
    if unordered:
        unordered.look(rest, rest)
    return [builder.load(lane) for lane in lanes]


def _all_of(builder, lanes, combine):
    """Return the combination of four vectors of partial results."""
    a, b, c, d = lanes
    total = combine(builder, combine(builder, a, b), combine(builder, c, d))
    return halved(builder, total, combine)


def _load_some(builder, pointer, count, others):
    """Emit a masked load: a vector whose first ``count`` elements come from memory at ``pointer``
    and whose other elements come from ``others``.

    The memory after the first ``count`` elements is not read.
    """
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


def halved(builder, total, combine):
    """Combine one half of a vector with the other until one element is left, and return it."""
    width = total.type.count
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
    """Return the sum of ``n`` floats at ``address``.

    The sum of none is -0, which changes no number when added.
    """
    return _lanes(dtype, add, -0.0)


@intrinsic
def max_lanes(typingctx, address, n, dtype):
    """Return the maximum of ``n`` floats, NaN if any is NaN; -inf for none."""
    return _lanes(dtype, larger, -math.inf)


@intrinsic
def min_lanes(typingctx, address, n, dtype):
    """Return the minimum of ``n`` floats, NaN if any is NaN; inf for none."""
    return _lanes(dtype, smaller, math.inf)


@intrinsic
def sum_more(typingctx, parts, address, n, dtype):
    """Add ``n`` floats at ``address`` to 64 partial sums, to sum a long array piece by piece.

    If every ``n`` but the last is a multiple of 64, `sum_of_parts` then gives the same bits as
    `sum_lanes` of all elements.
    """
    return _more(dtype, add, -0.0)


@intrinsic
def max_more(typingctx, parts, address, n, dtype):
    """Combine ``n`` floats with 64 partial maxima, in the same way as `sum_more`.

    After a NaN, all parts are NaN.
    """
    return _more(dtype, larger, -math.inf)


@intrinsic
def min_more(typingctx, parts, address, n, dtype):
    """Combine ``n`` floats with 64 partial minima, in the same way as `sum_more`.

    After a NaN, all parts are NaN.
    """
    return _more(dtype, smaller, math.inf)


@intrinsic
def sum_of_parts(typingctx, parts, dtype):
    """Return the sum of 64 partial sums."""
    return _all(dtype, add)


@intrinsic
def max_of_parts(typingctx, parts, dtype):
    """Return the maximum of 64 partial maxima."""
    return _all(dtype, larger)


@intrinsic
def min_of_parts(typingctx, parts, dtype):
    """Return the minimum of 64 partial minima."""
    return _all(dtype, smaller)


@intrinsic
def any_match(typingctx, address, value):
    """Return whether any of the `LANES` floats at ``address`` equals ``value`` or is NaN."""

    def codegen(context, builder, sig, args):
        scalar = args[1].type
        vector = ir.VectorType(scalar, LANES)
        size = 4 if isinstance(scalar, ir.FloatType) else 8
        x = builder.load(builder.inttoptr(args[0], vector.as_pointer()), align=size)
        index = ir.IntType(32)
        one = ir.Constant(vector, ir.Undefined)
        one = builder.insert_element(one, args[1], ir.Constant(index, 0))
        spread = ir.Constant(ir.VectorType(index, LANES), [ir.Constant(index, 0)] * LANES)
        wanted = builder.shuffle_vector(one, one, spread)
        equal = builder.fcmp_ordered("==", x, wanted)
        found = builder.or_(equal, builder.fcmp_unordered("uno", x, x))
        mask = builder.bitcast(found, ir.IntType(LANES))
        return builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))

    return types.boolean(types.int64, value), codegen


@njit(nogil=True, error_model="numpy")
def max_of(a, b):
    """Return the larger of two numbers of one type, NaN if either is NaN."""
    return select((b > a) | (b != b), b, settled(a))


@njit(nogil=True, error_model="numpy")
def min_of(a, b):
    """Return the smaller of two numbers of one type, NaN if either is NaN."""
    return select((b < a) | (b != b), b, settled(a))
