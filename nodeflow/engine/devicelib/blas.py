"""The BLAS that computes matrix products: where it is, and how it stays on one thread.

Kernels call scipy's BLAS by address on the thread that runs them, and `kernels.matmul_tiling`
splits products into tiles. OpenBLAS must not add threads of its own (measured: 30 times slower), so
during a run scipy's copy is set to one thread and restored afterwards. numpy has a copy of its own,
which is never changed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.machinery
import os
import threading
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

# -- the library ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """scipy's OpenBLAS, found without importing scipy.linalg, which takes 0.25 s.

    The extension module that uses it is opened as a plain library, through which its dependencies'
    symbols are found. None where this does not work: another BLAS, or another platform's rules.
    """
    import scipy

    package = Path(scipy.__path__[0])
    if os.name == "nt":
        files = list((package.parent / "scipy.libs").glob("*openblas*.dll"))
    else:
        files = [
            package / "linalg" / f"cython_blas{suffix}"
            for suffix in importlib.machinery.EXTENSION_SUFFIXES
        ]
    file = next((f for f in files if f.exists()), None)
    try:
        return ctypes.CDLL(str(file)) if file else None
    except OSError:
        return None


def _symbol(*names: str) -> Any:
    library = _library()
    return next((f for n in names if (f := getattr(library, n, None)) is not None), None)


@cache
def gemm_address(dtype: str) -> int:
    """Address of sgemm or dgemm for kernels; ``dtype`` is "float32" or "float64"."""
    name = {"float32": "sgemm", "float64": "dgemm"}[dtype]
    function = _symbol(f"scipy_{name}_")
    if function is not None:
        return ctypes.cast(function, ctypes.c_void_p).value or 0
    cython_blas: Any = import_module("scipy.linalg.cython_blas")  # its stubs leave it out
    return _capsule_pointer(cython_blas.__pyx_capi__[name])


def _capsule_pointer(capsule: Any) -> int:
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return pointer_of(capsule, name_of(capsule))


def _openblas(name: str, result: Any, *arguments: Any) -> Callable | None:
    """A function of OpenBLAS under whichever prefix this build gave it."""
    function = _symbol(f"scipy_openblas_{name}", f"openblas_{name}")
    if function is not None:
        function.restype, function.argtypes = result, list(arguments)
    return function


# -- one thread -----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _thread_functions() -> tuple[Callable, Callable] | None:
    getter = _openblas("get_num_threads", ctypes.c_int)
    setter = _openblas("set_num_threads", None, ctypes.c_int)
    return (getter, setter) if getter is not None and setter is not None else None


_nesting = threading.Lock()
_inside = 0
_before = 1


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Keep scipy's OpenBLAS to one thread meanwhile; afterwards it has what it had before.

    Costs nothing as long as no kernel has asked for a product, or with another BLAS.
    """
    functions = _thread_functions() if gemm_address.cache_info().currsize else None
    return _NOTHING if functions is None else _limited(*functions)


_NOTHING = contextlib.nullcontext()


@contextlib.contextmanager
def _limited(get: Callable, put: Callable) -> Iterator[None]:
    global _inside, _before
    with _nesting:
        if _inside == 0:
            _before = get()
            if _before > 1:
                put(1)
        _inside += 1
    try:
        yield
    finally:
        with _nesting:
            _inside -= 1
            if _inside == 0 and _before > 1:
                put(_before)


@lru_cache(maxsize=1)
def small_products() -> bool:
    """Whether this BLAS computes small float32 products without packing their operands first."""
    core = _openblas("get_corename", ctypes.c_char_p)
    return core is not None and core().decode() in ("SkylakeX", "Cooperlake", "SapphireRapids")


def tiling_pays() -> bool:
    """Whether splitting products over the team is worth while: only where BLAS stays on the
    thread that calls it. Others (Accelerate, MKL) use the cores themselves."""
    return _thread_functions() is not None


def blas_info() -> dict[str, str]:
    """What a bug report needs to know about the BLAS that kernels call."""
    config = _openblas("get_config", ctypes.c_char_p)
    core = _openblas("get_corename", ctypes.c_char_p)
    functions = _thread_functions()
    return {
        "library": config().decode() if config else "not OpenBLAS",
        "core": core().decode() if core else "unknown",
        "threads": str(functions[0]()) if functions else "its own",
        "during runs": "1 thread, tiled by nodeflow" if functions else "its own threads, not tiled",
    }
