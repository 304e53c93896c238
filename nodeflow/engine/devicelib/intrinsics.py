"""Functions for memory, atomic words and calls by address, which kernels need and numba does not
offer.

A kernel is a numba function ``kernel(args, task, ntasks)`` of three int64. ``args`` is the
address of consecutive int64 slots (pointers, dimensions, scalars as bits). ``task`` of
``ntasks`` is the share of the work to do. A kernel allocates nothing, because it is compiled
without numba's runtime; its arrays are views made here from addresses. Only compiled code can
call these functions.

This module imports numba; loading cached kernels does not need it.
"""

# Intrinsics are typing functions. numba passes their first argument, the typing context.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
F32, F64 = ir.FloatType(), ir.DoubleType()
_ORDER = "seq_cst"


def _at(builder, base, index, element):
    """Return a pointer to element ``index`` (an LLVM value or None) of ``element`` type at
    ``base``."""
    pointer = builder.inttoptr(base, element.as_pointer())
    return pointer if index is None else builder.gep(pointer, [index])


# -- argument slots -------------------------------------------------------------------------------


@intrinsic
def slot(typingctx, base, index):
    """Return element ``index`` of the array of int64 (such as a kernel's arguments) at address
    ``base``.
    """

    def codegen(context, builder, sig, args):
        return builder.load(_at(builder, args[0], args[1], I64))

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def set_slot(typingctx, base, index, value):
    """Store an int64 into slot ``index``."""

    def codegen(context, builder, sig, args):
        builder.store(args[2], _at(builder, args[0], args[1], I64))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def slot_f64(typingctx, base, index):
    """Return the float64 whose bits are in slot ``index``."""

    def codegen(context, builder, sig, args):
        return builder.load(_at(builder, args[0], args[1], F64))

    return types.float64(types.int64, types.int64), codegen


@intrinsic
def slot_f32(typingctx, base, index):
    """Return the float32 whose bits are the low 32 bits of slot ``index``."""

    def codegen(context, builder, sig, args):
        word = builder.load(_at(builder, args[0], args[1], I64))
        return builder.bitcast(builder.trunc(word, I32), F32)

    return types.float32(types.int64, types.int64), codegen


@intrinsic
def load(typingctx, address, dtype):
    """Return the scalar of ``dtype`` (``np.float32``, ...) at ``address``."""
    scalar = dtype.dtype

    def codegen(context, builder, sig, args):
        data = context.get_data_type(scalar)
        value = builder.load(builder.inttoptr(args[0], data.as_pointer()))
        return context.data_model_manager[scalar].from_data(builder, value)

    return scalar(types.int64, dtype), codegen


@intrinsic
def store(typingctx, address, value):
    """Store the scalar ``value`` at ``address``. Its type gives the number of bytes."""

    def codegen(context, builder, sig, args):
        data = context.data_model_manager[sig.args[1]].as_data(builder, args[1])
        builder.store(data, builder.inttoptr(args[0], data.type.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, value), codegen


@njit
def interleaved(n):
    """Mark a loop whose iterations should be interleaved, several vectors at a time; return ``n``.

    Used as ``for i in range(interleaved(n))``. The steps of a long formula depend on each other,
    and a processor does not look ahead far enough to overlap it with the next one. If four vectors
    are computed together, their steps overlap. Only the front end (`compiler.frontend`) recognizes
    this function.
    """
    return n


@njit
def independent(n):
    """Return ``n``, as the end of a loop whose iterations write no element that other iterations
    use.

    LLVM then neither tests at each run whether arrays overlap, nor makes a second loop for
    arrays that do. An iteration may overwrite an element that it has read. Only the front end
    (`compiler.frontend`) recognizes this function.
    """
    return n


@intrinsic
def prefetch(typingctx, address):
    """Start to load the 64 bytes around ``address``, which may be any address, into the
    first-level cache.
    """

    def codegen(context, builder, sig, args):
        pointer = I8.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [builder.inttoptr(args[0], pointer), I32(0), I32(3), I32(1)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


# -- arrays ---------------------------------------------------------------------------------------


def _make_view(context, builder, array_type, address, n):
    """Build numba's array struct for ``n`` contiguous elements at an address, as an LLVM value in
    registers.
    """
    model = context.data_model_manager[array_type]
    size = I64(as_dtype(array_type.dtype).itemsize)
    record = ir.Constant(context.get_value_type(array_type), None)
    fields = {
        "nitems": n,
        "itemsize": size,
        "data": builder.inttoptr(address, context.get_value_type(model.get_type("data"))),
        "shape": cgutils.pack_array(builder, [n]),
        "strides": cgutils.pack_array(builder, [size]),
    }
    for name, value in fields.items():
        record = builder.insert_value(record, value, model.get_field_position(name))
    return record


@intrinsic
def view1(typingctx, address, n, dtype):
    """Return an array of shape (n,) at ``address``."""
    return _view1(types.Array(dtype.dtype, 1, "C"), dtype)


@intrinsic
def unaligned_view1(typingctx, address, n, dtype):
    """Return an array of shape (n,) at an unaligned ``address``, such as the address of
    elements in a file.
    """
    return _view1(types.Array(dtype.dtype, 1, "C", aligned=False), dtype)


def _view1(array_type, dtype):
    def codegen(context, builder, sig, args):
        return _make_view(context, builder, array_type, args[0], args[1])

    return array_type(types.int64, types.int64, dtype), codegen


@intrinsic
def local_array(typingctx, n, dtype):
    """Return an uninitialised array of shape (n,) on the stack of the *enclosing compiled
    function*.

    ``n`` is a literal. Only the kernel itself may use this; a helper must never return the array.
    """
    if not isinstance(n, types.IntegerLiteral):
        raise TypingError("local_array: the length must be a literal")
    length = n.literal_value
    array_type = types.Array(dtype.dtype, 1, "C")

    def codegen(context, builder, sig, args):
        data = context.get_data_type(array_type.dtype)
        buffer = cgutils.alloca_once(builder, data, size=I64(length))
        buffer.align = 64
        address = builder.ptrtoint(buffer, I64)
        return _make_view(context, builder, array_type, address, I64(length))

    return array_type(n, dtype), codegen


@intrinsic
def local_memory(typingctx, size):
    """Reserve ``size`` uninitialised bytes on the stack, and return their address, which is a
    multiple of 64.

    The memory lives until the *enclosing compiled function* returns. ``size`` is a literal. Only a
    kernel itself may use this, no function that it calls.
    """
    if not isinstance(size, types.IntegerLiteral):
        raise TypingError("local_memory: the size must be a literal")
    length = size.literal_value

    def codegen(context, builder, sig, args):
        buffer = cgutils.alloca_once(builder, I8, size=I64(length))
        buffer.align = 64
        return builder.ptrtoint(buffer, I64)

    return types.int64(size), codegen


@intrinsic
def copy_bytes(typingctx, target, source, size):
    """Copy ``size`` bytes between addresses that do not overlap, by a few instructions.

    ``size`` is a literal.
    """
    if not isinstance(size, types.IntegerLiteral):
        raise TypingError("copy_bytes: the size must be a literal")
    length = size.literal_value

    def codegen(context, builder, sig, args):
        to, at = (builder.inttoptr(address, I8.as_pointer()) for address in args[:2])
        cgutils.raw_memcpy(builder, to, at, I64(length), 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, size), codegen


# -- atomics on int64 words -----------------------------------------------------------------------


@intrinsic
def atomic_load(typingctx, address):
    """Return the int64 at ``address``, sequentially consistent."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_at(builder, args[0], None, I64), _ORDER, 8)

    return types.int64(types.int64), codegen


@intrinsic
def atomic_store(typingctx, address, value):
    """Store an int64, sequentially consistent."""

    def codegen(context, builder, sig, args):
        builder.store_atomic(args[1], _at(builder, args[0], None, I64), _ORDER, 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def atomic_add(typingctx, address, value):
    """Add to the int64 at ``address``. Return its previous value."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", _at(builder, args[0], None, I64), args[1], _ORDER)

    return types.int64(types.int64, types.int64), codegen


# -- calls by address -----------------------------------------------------------------------------


@intrinsic
def call_kernel(typingctx, address, args, task, ntasks):
    """Call the kernel at ``address``. Return its int32 status: 0 unless the kernel raised.

    Kernels are called through numba's own convention (result pointer, exception pointer,
    arguments), which needs neither a wrapper nor the interpreter.
    """
    pointer = I8.as_pointer()
    function = ir.FunctionType(
        I32, [pointer.as_pointer(), pointer.as_pointer(), I64, I64, I64]
    ).as_pointer()

    def codegen(context, builder, sig, args):
        result = cgutils.alloca_once(builder, pointer)
        raised = cgutils.alloca_once(builder, pointer)
        callee = builder.inttoptr(args[0], function)
        return builder.call(callee, [result, raised, args[1], args[2], args[3]])

    return types.int32(types.int64, types.int64, types.int64, types.int64), codegen


@intrinsic
def call_int(typingctx, address):
    """Call a C function without arguments, and return its int."""

    def codegen(context, builder, sig, args):
        callee = builder.inttoptr(args[0], ir.FunctionType(I32, []).as_pointer())
        return builder.sext(builder.call(callee, []), I64)

    return types.int64(types.int64), codegen


@intrinsic
def call_with_int(typingctx, address, value):
    """Call a C function that takes an int, and discard its result."""

    def codegen(context, builder, sig, args):
        callee = builder.inttoptr(args[0], ir.FunctionType(ir.VoidType(), [I32]).as_pointer())
        builder.call(callee, [builder.trunc(args[1], I32)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def call_void(typingctx, address):
    """Call a C function without arguments and discard its result (``sched_yield``)."""

    def codegen(context, builder, sig, args):
        callee = builder.inttoptr(args[0], ir.FunctionType(I32, []).as_pointer())
        builder.call(callee, [])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def call_for_core_mask(typingctx, address, size, mask):
    """Call ``sched_getaffinity`` or ``sched_setaffinity`` for this thread.

    ``size`` is the size in bytes of the affinity mask at address ``mask``. Return the result, which
    is negative for an error.
    """

    def codegen(context, builder, sig, args):
        signature = ir.FunctionType(I32, [I32, I64, I64])
        callee = builder.inttoptr(args[0], signature.as_pointer())
        return builder.sext(builder.call(callee, [I32(0), *args[1:]]), I64)

    return types.int64(types.int64, types.int64, types.int64), codegen


@intrinsic
def read_clock(typingctx, address, clock):
    """Return a clock's time in nanoseconds, read by a C function like ``clock_gettime``.

    Args:
        address: address of the function.
        clock: the clock's number.
    """

    def codegen(context, builder, sig, args):
        time = cgutils.alloca_once(builder, I64, size=I64(2))
        signature = ir.FunctionType(I32, [I32, time.type])
        callee = builder.inttoptr(args[0], signature.as_pointer())
        builder.call(callee, [builder.trunc(args[1], I32), time])
        seconds, rest = (builder.load(builder.gep(time, [I64(at)])) for at in range(2))
        return builder.add(builder.mul(seconds, I64(10**9)), rest)

    return types.int64(types.int64, types.int64), codegen
