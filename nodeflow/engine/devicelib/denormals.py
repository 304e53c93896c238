"""Control of the floating point unit by kernels: whether denormals are flushed to zero.

An operation on a number below the smallest normal one (1.2e-38 in float32) takes a hundred
times as long as any other. Between the two functions here, such results and operands are
treated as zero. x86 has two bits for that in MXCSR, ARM has one in FPCR. On other processors
nothing is set, which is slower but right. The mode belongs to the thread, so a kernel restores
the previous mode.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
from __future__ import annotations

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I32, _I64, _VOID = ir.IntType(32), ir.IntType(64), ir.VoidType()
_MACHINE = binding.get_process_triple().split("-")[0]
_X86, _ARM = _MACHINE in ("x86_64", "i686"), _MACHINE in ("aarch64", "arm64")
# FTZ | DAZ of MXCSR (Intel, Software Developer's Manual, volume 1, 10.2.3); FZ of FPCR (Arm,
# Architecture Reference Manual, C5.2.8).
_FLUSH = (1 << 15 | 1 << 6) if _X86 else 1 << 24


def _read(builder):
    """Emit code that reads the control register of the floating point unit as an int64; 0 on an
    unknown processor.
    """
    if _X86:
        place = cgutils.alloca_once(builder, _I32)
        _call(builder, "llvm.x86.sse.stmxcsr", _VOID, [_byte_pointer(builder, place)])
        return builder.zext(builder.load(place), _I64)
    if _ARM:
        return _call(builder, "llvm.aarch64.get.fpcr", _I64, [])
    return _I64(0)


def _write(builder, mode):
    if _X86:
        place = cgutils.alloca_once(builder, _I32)
        builder.store(builder.trunc(mode, _I32), place)
        _call(builder, "llvm.x86.sse.ldmxcsr", _VOID, [_byte_pointer(builder, place)])
    elif _ARM:
        _call(builder, "llvm.aarch64.set.fpcr", _VOID, [mode])


def _byte_pointer(builder, place):
    return builder.bitcast(place, ir.IntType(8).as_pointer())


def _call(builder, name, result, args):
    kind = ir.FunctionType(result, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


@intrinsic
def flush_denormals(typingctx):
    """Start flushing denormals. Return the previous mode for `restore_denormals`."""

    def codegen(context, builder, sig, args):
        before = _read(builder)
        _write(builder, builder.or_(before, _I64(_FLUSH)))
        return before

    return types.int64(), codegen


@intrinsic
def restore_denormals(typingctx, mode):
    """Restore the mode that `flush_denormals` returned."""

    def codegen(context, builder, sig, args):
        _write(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
