"""Arithmetic that keeps its type: bits of floats, rounding, fused multiply-adds, wrapping integers.

numba widens types (int32 + int32 is int64) and never fuses operations. These functions compute
exactly the named operation in the type of their arguments. Only compiled code can call them.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
from __future__ import annotations

from llvmlite import ir
from llvmlite.ir.instructions import Instruction
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

# -- bits and rounding ----------------------------------------------------------------------------


def _bitcast(source, target):
    def codegen(context, builder, sig, args):
        return builder.bitcast(args[0], context.get_value_type(target))

    return target(source), codegen


@intrinsic
def f32_bits(typingctx, x):
    """Return the bits of a float32 as int32."""
    return _bitcast(types.float32, types.int32)


@intrinsic
def bits_f32(typingctx, x):
    """Return the float32 with the bits of an int32."""
    return _bitcast(types.int32, types.float32)


@intrinsic
def f64_bits(typingctx, x):
    """Return the bits of a float64 as int64."""
    return _bitcast(types.float64, types.int64)


@intrinsic
def bits_f64(typingctx, x):
    """Return the float64 with the bits of an int64."""
    return _bitcast(types.int64, types.float64)


def _float_call(name, x, count):
    """Return the signature and the code generator of a call of LLVM's float intrinsic ``name``.

    It takes ``count`` arguments of the float type ``x``.
    """
    if x not in (types.float32, types.float64):
        raise TypingError(f"{name}: expected float32 or float64, got {x}")

    suffix = "f32" if x == types.float32 else "f64"

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(args[0].type, [args[0].type] * count)
        function = cgutils.get_or_insert_function(builder.module, kind, f"{name}.{suffix}")
        return builder.call(function, args)

    return x(*(x,) * count), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """Return a * b + c, rounded once, for three arguments of one float type."""
    if not a == b == c or a not in (types.float32, types.float64):
        raise TypingError(f"fma: expected one float type, got {a}, {b}, {c}")

    def codegen(context, builder, sig, args):
        return builder.fma(*args)

    return a(a, a, a), codegen


@intrinsic
def round_even(typingctx, x):
    """Return the nearest integer as a float, halves to even."""
    return _float_call("llvm.rint", x, 1)


@intrinsic
def floor(typingctx, x):
    """Return the largest integer not above x, as a float."""
    return _float_call("llvm.floor", x, 1)


@intrinsic
def ceil(typingctx, x):
    """Return the smallest integer not below x, as a float."""
    return _float_call("llvm.ceil", x, 1)


@intrinsic
def trunc(typingctx, x):
    """Return x without its fraction, as a float."""
    return _float_call("llvm.trunc", x, 1)


@intrinsic
def fabs(typingctx, x):
    """Return x without its sign."""
    return _float_call("llvm.fabs", x, 1)


@intrinsic
def sqrt(typingctx, x):
    """Return the square root, correctly rounded; NaN below zero."""
    return _float_call("llvm.sqrt", x, 1)


@intrinsic
def copysign(typingctx, x, sign):
    """Return |x| with the sign of ``sign``."""
    return _float_call("llvm.copysign", x, 2)


@intrinsic
def settled(typingctx, x):
    """Return x in such a form that LLVM does not know that it was read from memory.

    If `select` leaves an array element unchanged, LLVM would otherwise store only the other
    elements, by a mask. AMD's processors are slow at masked stores with AVX2: a search for
    maxima took four to seven times as long.
    """

    def codegen(context, builder, sig, args):
        frozen = Instruction(builder.block, args[0].type, "freeze", [args[0]])
        builder._insert(frozen)
        return frozen

    return x(x), codegen


@intrinsic
def select(typingctx, condition, a, b):
    """Return a if ``condition`` holds, else b, by a select instruction, so that loops vectorise."""
    if a != b:
        raise TypingError(f"select: expected one type, got {a} and {b}")

    def codegen(context, builder, sig, args):
        return builder.select(args[0], args[1], args[2])

    return a(types.boolean, a, b), codegen


def _saturating(target, x):
    """Return the signature and the code generator of an intrinsic that converts a float to an
    integer. It rounds toward zero, saturates, and turns NaN into 0.

    LLVM cannot vectorise its own saturating conversion.
    """
    if not isinstance(x, types.Float):
        raise TypingError(f"saturate: expected a float, got {x}")
    low, high = target.minval, target.maxval

    def codegen(context, builder, sig, args):
        (value,) = args
        number = ir.IntType(target.bitwidth)
        above = builder.fcmp_ordered(">=", value, ir.Constant(value.type, float(high + 1)))
        below = builder.fcmp_ordered("<=", value, ir.Constant(value.type, float(low - (low == 0))))
        known = builder.fcmp_ordered("ord", value, value)
        outside = builder.or_(above, builder.or_(below, builder.not_(known)))
        safe = builder.select(outside, ir.Constant(value.type, 0.0), value)
        wide = ir.IntType(max(32, target.bitwidth))  # the widths that instructions exist for
        unsigned = not target.signed and target.bitwidth >= 32
        made = (builder.fptoui if unsigned else builder.fptosi)(safe, wide)
        made = made if wide == number else builder.trunc(made, number)
        made = builder.select(below, ir.Constant(number, low), made)
        return builder.select(above, ir.Constant(number, high), made)

    return target(x), codegen


@intrinsic
def saturate(typingctx, x, dtype):
    """Return a float as an integer dtype: toward zero, saturating, NaN gives 0."""
    target = dtype.dtype
    signature, convert = _saturating(target, x)

    def codegen(context, builder, sig, args):
        return convert(context, builder, signature, args[:1])

    return target(x, dtype), codegen


# -- arithmetic that keeps its type ---------------------------------------------------------------
# numba widens int32 + int32 to int64, and with it every vector lane. These functions do not; they
# wrap.


def _integer_operation(name, a, b):
    if a != b or not isinstance(a, types.Integer):
        raise TypingError(f"{name}: expected one integer type, got {a} and {b}")

    def codegen(context, builder, sig, args):
        return getattr(builder, name)(args[0], args[1])

    return a(a, b), codegen


@intrinsic
def wrap_add(typingctx, a, b):
    """Return a + b in the arguments' integer type, wrapping."""
    return _integer_operation("add", a, b)


@intrinsic
def wrap_sub(typingctx, a, b):
    """Return a - b in the arguments' integer type, wrapping."""
    return _integer_operation("sub", a, b)


@intrinsic
def wrap_mul(typingctx, a, b):
    """Return a * b in the arguments' integer type, wrapping."""
    return _integer_operation("mul", a, b)


@intrinsic
def shift_left(typingctx, a, b):
    """Return a << b in the arguments' integer type."""
    return _integer_operation("shl", a, b)


@intrinsic
def shift_right(typingctx, a, b):
    """Return a >> b in the arguments' integer type: arithmetic if signed, logical if not."""
    return _integer_operation("ashr" if a.signed else "lshr", a, b)


def _safe_shift(name, a, b):
    if a != b or not isinstance(a, types.Integer):
        raise TypingError(f"{name}: expected one integer type, got {a} and {b}")

    def codegen(context, builder, sig, args):
        x, y = args
        inside = builder.icmp_unsigned("<", y, y.type(a.bitwidth))
        places = builder.select(inside, y, y.type(0))
        if name == "shl":
            return builder.select(inside, builder.shl(x, places), x.type(0))
        if not a.signed:
            return builder.select(inside, builder.lshr(x, places), x.type(0))
        places = builder.select(inside, y, y.type(a.bitwidth - 1))
        return builder.ashr(x, places)

    return a(a, b), codegen


@intrinsic
def left_shift(typingctx, a, b):
    """Return a << b, or 0 if b is negative or not less than the width."""
    return _safe_shift("shl", a, b)


@intrinsic
def right_shift(typingctx, a, b):
    """Return a >> b. If b is negative or not less than the width, only the sign remains: 0 or
    -1.
    """
    return _safe_shift("shr", a, b)


@intrinsic
def bit_and(typingctx, a, b):
    """Return a & b in the arguments' integer type."""
    return _integer_operation("and_", a, b)


@intrinsic
def bit_or(typingctx, a, b):
    """Return a | b in the arguments' integer type."""
    return _integer_operation("or_", a, b)


@intrinsic
def bit_xor(typingctx, a, b):
    """Return a ^ b in the arguments' integer type."""
    return _integer_operation("xor", a, b)


@intrinsic
def divide_integers(typingctx, a, b):
    """Return quotient and remainder of a / b for integers, rounded toward zero. Overflow wraps;
    both are 0 if b is 0.

    On x86, a division by zero, or of the lowest integer by -1, would end the process.
    """
    if a != b or not isinstance(a, types.Integer):
        raise TypingError(f"divide_integers: expected one integer type, got {a} and {b}")

    def codegen(context, builder, sig, args):
        x, y = args
        zero, one = x.type(0), x.type(1)
        by_zero = builder.icmp_unsigned("==", y, zero)
        if not a.signed:
            safe = builder.select(by_zero, one, y)
            quotient = builder.udiv(x, safe)
        else:
            negates = builder.icmp_signed("==", y, x.type(-1))
            safe = builder.select(builder.or_(by_zero, negates), one, y)
            quotient = builder.select(negates, builder.sub(zero, x), builder.sdiv(x, safe))
        quotient = builder.select(by_zero, zero, quotient)
        rest = builder.select(by_zero, zero, builder.sub(x, builder.mul(quotient, y)))
        return context.make_tuple(builder, sig.return_type, [quotient, rest])

    return types.UniTuple(a, 2)(a, b), codegen


@intrinsic
def fmod(typingctx, x, y):
    """Return C's fmod: the remainder of x / y, with the sign of x."""
    if x != y or x not in (types.float32, types.float64):
        raise TypingError(f"fmod: expected one float type, got {x} and {y}")

    def codegen(context, builder, sig, args):
        return builder.frem(args[0], args[1])

    return x(x, y), codegen


def _one(x):
    def codegen(context, builder, sig, args):
        return args[0].type(1)

    return x(x), codegen


@intrinsic
def integer_one(typingctx, x):
    """Return the number 1 in the integer type of x."""
    return _one(x)


@intrinsic
def float_one(typingctx, x):
    """Return the number 1 in the float type of x."""
    return _one(x)


@intrinsic
def poly(typingctx, x, coefficients):
    """Return c[0] + c[1] x + c[2] x^2 + ... by Horner's rule with fused multiply-adds.

    ``coefficients`` is a tuple of the type of x (a module's constant).
    """
    if not isinstance(coefficients, types.UniTuple) or coefficients.dtype != x:
        raise TypingError(f"poly: expected a tuple of {x}, got {coefficients}")

    def codegen(context, builder, sig, args):
        terms = cgutils.unpack_tuple(builder, args[1], coefficients.count)
        return _horner(builder, args[0], terms)

    return x(x, coefficients), codegen


def _horner(builder, x, terms):
    value = terms[-1]
    for term in reversed(terms[:-1]):
        value = builder.fma(value, x, term)
    return value


@intrinsic
def split_poly(typingctx, x, square, coefficients):
    """Evaluate a polynomial like `poly`, but its even and its odd terms separately.

    This halves the number of dependent steps, for formulas in which a processor waits for each
    step.

    Args:
        square: the square of x.
    """
    if not isinstance(coefficients, types.UniTuple) or not coefficients.dtype == x == square:
        raise TypingError(f"split_poly: expected a tuple of {x}, got {coefficients}")

    def codegen(context, builder, sig, args):
        terms = cgutils.unpack_tuple(builder, args[2], coefficients.count)
        even, odd = (_horner(builder, args[1], terms[k::2]) for k in (0, 1))
        return builder.fma(odd, args[0], even)

    return x(x, square, coefficients), codegen
