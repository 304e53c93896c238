"""The call of BLAS's matrix product from a kernel, by an address in the kernel's arguments.

numba does not cache code that contains a library's address, so the address is an argument
(`blas.gemm_address`). Arrays are row-major and BLAS is column-major, so the operands are
exchanged.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from nodeflow.engine.devicelib.intrinsics import F32, F64, I8, I32


def _flag(builder, transposed):
    """Emit code that returns a pointer to the character 'T' if ``transposed`` is true, else 'N'.
    BLAS takes such a pointer.
    """
    letter = builder.select(transposed, I8(ord("T")), I8(ord("N")))
    place = cgutils.alloca_once(builder, I8)
    builder.store(letter, place)
    return place


def _integer(builder, value):
    place = cgutils.alloca_once(builder, I32)
    builder.store(builder.trunc(value, I32), place)
    return place


def _scalar(builder, value):
    place = cgutils.alloca_once(builder, value.type)
    builder.store(value, place)
    return place


@intrinsic
def gemm(
    typingctx, address, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc
):
    """Compute c = alpha * op(a) @ op(b) + beta * c for row-major matrices, on the calling thread.

    Args:
        address: address of sgemm or dgemm; alpha and beta are of its float type.
        transpose_a, transpose_b: bools; op transposes if true.
        m, n, k: op(a) is (m, k), op(b) is (k, n), c is (m, n); below 2**31. k may be 0.
        a, b, c: addresses. c must not overlap the others; it is not read if beta is 0.
        lda, ldb, ldc: elements from row to row as stored, at least 1.
    """
    if alpha != beta or alpha not in (types.float32, types.float64):
        raise TypingError(f"gemm: alpha and beta must be one float type, got {alpha}, {beta}")
    scalar = F32 if alpha == types.float32 else F64
    byte, integer, number = I8.as_pointer(), I32.as_pointer(), scalar.as_pointer()
    function = ir.FunctionType(
        ir.VoidType(),
        [byte, byte, integer, integer, integer, number]
        + [number, integer, number, integer, number, number, integer],
    ).as_pointer()

    def codegen(context, builder, sig, args):
        routine, ta, tb, rows, columns, inner, alpha, a, lda, b, ldb, beta, c, ldc = args
        matrix = [builder.inttoptr(pointer, number) for pointer in (a, b, c)]
        builder.call(
            builder.inttoptr(routine, function),
            [
                *(_flag(builder, t) for t in (tb, ta)),
                *(_integer(builder, extent) for extent in (columns, rows, inner)),
                *(_scalar(builder, alpha), matrix[1], _integer(builder, ldb)),
                *(matrix[0], _integer(builder, lda)),
                *(_scalar(builder, beta), matrix[2], _integer(builder, ldc)),
            ],
        )
        return context.get_dummy_value()

    word, flag = types.int64, types.boolean
    signature = types.void(
        word, flag, flag, word, word, word, alpha, word, word, word, word, beta, word, word
    )
    return signature, codegen
