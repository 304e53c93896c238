"""Loading of machine code into the process, without numba.

A compiled kernel is a relocatable object file. Loading one needs only llvmlite and takes about a
millisecond. Importing numba and letting it unpickle its own cache would take half a second for the
first kernel. Each object has its own execution engine, so helper functions that two kernels both
contain cannot collide.
"""

from __future__ import annotations

import ctypes
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nodeflow.free_memory import give_back_code

if TYPE_CHECKING:
    import numpy as np

# A kernel's native function has numba's calling convention: status f(result*, exception*, args,
# task, ntasks). The status is 0 unless the kernel raised an error.
_POINTERS = [ctypes.c_void_p, ctypes.c_void_p]
ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, *_POINTERS, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

REST_SECONDS = 0.2
"""Seconds without a kernel to load after which LLVM's memory is returned, in a process that
asked for it.
"""

_lock = threading.Lock()
_loaded = threading.Event()
_ready = False


class MissingSymbols(Exception):
    """An error: an object file needs functions that this process does not have."""


@dataclass(frozen=True)
class Kernel:
    """Machine code that can be called.

    ``address`` is stored in a program's table. ``key`` is the name of its cache entry. Calling
    the object runs one task without the GIL, for tests and for the dispatch loop.
    """

    address: int
    name: str
    key: str
    engine: Any = field(
        repr=False, compare=False
    )  # owns the code; must live as long as the address

    def __call__(self, args: int | np.ndarray, task: int = 0, ntasks: int = 1) -> int:
        """Run the compiled kernel for one of its ``ntasks`` tasks, and return its status. ``args``
        is an array of int64 kernel arguments, or its address.
        """
        address = args if isinstance(args, int) else args.ctypes.data
        scratch = (ctypes.c_int64 * 2)()
        at = ctypes.addressof(scratch)
        return ENTRY(self.address)(at, at + 8, address, task, ntasks)


@dataclass(frozen=True)
class ObjectCode:
    """A kernel in the form stored in the cache: object file, symbol, and the external symbols
    that it needs.
    """

    symbol: str
    externals: tuple[str, ...]
    code: bytes


def load_object(compiled: ObjectCode, name: str, key: str) -> Kernel:
    """Load the object file into memory and return its entry point as a kernel.

    Raises:
        MissingSymbols: it calls functions that this process lacks. LLVM would end the process.
        RuntimeError, OSError: LLVM does not accept it as an object file.
    """
    import llvmlite.binding as llvm

    with _lock:
        missing = [s for s in compiled.externals if not llvm.address_of_symbol(s)]
        if missing:
            raise MissingSymbols(", ".join(missing))
        machine = _target_machine(llvm)
        empty = llvm.parse_assembly("")
        engine = llvm.create_mcjit_compiler(empty, machine)
        engine.remove_module(empty)  # it would go through all of code generation, 12 MB of LLVM
        engine.add_object_file(llvm.ObjectFileRef.from_data(compiled.code))
        engine.finalize_object()
        address = engine.get_function_address(compiled.symbol)
        _loaded.set()
    if not address:
        raise RuntimeError(f"no function {compiled.symbol} in the object file")
    return Kernel(address, name, key, engine)


def rest_between_loads() -> None:
    """Start a thread that returns LLVM's memory (50 MB) to the system whenever no kernel is being
    loaded.
    """
    threading.Thread(target=_rest, name="nodeflow-llvm-rests", daemon=True).start()


def _rest() -> None:
    while _loaded.wait():
        _loaded.clear()
        time.sleep(REST_SECONDS)
        with _lock:
            if not _loaded.is_set():
                give_back_code("libllvmlite")


def _target_machine(llvm: Any) -> Any:
    """Return a new target machine. Each execution engine owns its own."""
    global _ready
    if not _ready:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _ready = True
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(opt=3, jit=True)
