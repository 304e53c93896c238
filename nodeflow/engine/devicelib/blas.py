"""The BLAS library that computes matrix products: how it is found, and how it is kept on one
thread.

Kernels call scipy's BLAS by address on the thread that runs them, and `kernels.matmul_tiling`
divides products into tiles. OpenBLAS must not add its own threads (measured: 30 times slower),
so during a run scipy's copy is set to one thread, and restored afterwards. numpy has a separate
copy, which is set to one thread only while text is generated (`numpy_on_one_thread`).
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.machinery
import os
import threading
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

# -- the library ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """Return scipy's OpenBLAS without importing scipy.linalg, which takes 0.25 s.

    The extension module that uses OpenBLAS is opened as a plain library, which gives access to
    the symbols of its dependencies. Return None if this does not work, because BLAS is another
    library or the platform has other rules.
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


_GEMM = {"float32": "sgemm", "float64": "dgemm"}


@cache
def gemm_address(dtype: str) -> int:
    """Return the address of sgemm or dgemm for kernels; ``dtype`` is "float32" or "float64"."""
    name = _GEMM[dtype]
    function = _symbol(f"scipy_{name}_")
    if function is not None:
        return ctypes.cast(function, ctypes.c_void_p).value or 0
    cython_blas: Any = import_module("scipy.linalg.cython_blas")  # its stubs leave it out
    return _capsule_pointer(cython_blas.__pyx_capi__[name])


def is_called(args: np.ndarray) -> bool:
    """Return whether kernel arguments contain the address of a BLAS function, so that BLAS is
    called.
    """
    if not gemm_address.cache_info().currsize:
        return False  # no kernel has asked for the address
    return bool(np.isin(args, [gemm_address(dtype) for dtype in _GEMM]).any())


def _capsule_pointer(capsule: Any) -> int:
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return pointer_of(capsule, name_of(capsule))


def _openblas(name: str, result: Any, *arguments: Any) -> Callable | None:
    """Return an OpenBLAS function, found with any of the prefixes that builds use; None if
    there is none.
    """
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


def thread_functions() -> tuple[int, int]:
    """Return the addresses of the functions that get and set the number of BLAS's threads; 0
    for another BLAS.
    """
    functions = _thread_functions()
    if functions is None:
        return 0, 0
    get, put = (ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions)  # type: ignore[arg-type]
    return get, put


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Return a context manager in which scipy's OpenBLAS uses one thread.

    On exit, it restores the number of threads. It does nothing if no kernel uses BLAS yet, or if
    BLAS is another library. The dispatch loop does the same for a program
    (`dispatch_loop.set_blas_threads`).
    """
    return _limit() if gemm_address.cache_info().currsize else _NOTHING


_NOTHING = contextlib.nullcontext()


class _OneThread:
    """A context manager that limits BLAS to one thread as long as any run is inside it.

    All runs enter the same object.
    """

    def __init__(self, get: Callable[[], int], put: Callable[[int], None]) -> None:
        self._get, self._put = get, put
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = self._get()
                if self._before > 1:
                    self._put(1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._before > 1:
                self._put(self._before)


@lru_cache(maxsize=1)
def _limit() -> contextlib.AbstractContextManager[None]:
    functions = _thread_functions()
    return _NOTHING if functions is None else _OneThread(*functions)


@lru_cache(maxsize=1)
def numpy_on_one_thread() -> contextlib.AbstractContextManager[None]:
    """Return a context manager in which numpy's own OpenBLAS uses one thread.

    Many small products are faster so, above all beside other programs, and have the same bits in
    every process. It does nothing if numpy uses another BLAS.
    """
    from numpy._core import _multiarray_umath as core  # pyright: ignore[reportAttributeAccessIssue]

    try:
        library = ctypes.CDLL(core.__file__)  # gives access to the symbols of its dependencies
    except OSError:
        return _NOTHING
    found = []
    for name in ("get", "set"):
        names = (f"{prefix}openblas_{name}_num_threads{suffix}"
                 for prefix in ("scipy_", "") for suffix in ("64_", ""))  # fmt: skip
        found.append(next((f for n in names if (f := getattr(library, n, None))), None))
    get, put = found
    return _NOTHING if get is None or put is None else _OneThread(get, put)


@lru_cache(maxsize=1)
def small_products() -> bool:
    """Return whether this BLAS computes small float32 products without first packing their
    operands.
    """
    core = _openblas("get_corename", ctypes.c_char_p)
    return core is not None and core().decode() in ("SkylakeX", "Cooperlake", "SapphireRapids")


def tiling_pays() -> bool:
    """Return whether a large matrix product should be divided among nodeflow's own threads. This
    pays only if BLAS stays on the calling thread; Accelerate and MKL use all cores themselves.
    """
    return _thread_functions() is not None


def blas_info() -> dict[str, str]:
    """Return facts about the BLAS library of kernels, for bug reports.

    They are the library, the processor core it is tuned for, and the threads.
    """
    config = _openblas("get_config", ctypes.c_char_p)
    core = _openblas("get_corename", ctypes.c_char_p)
    functions = _thread_functions()
    return {
        "library": config().decode() if config else "not OpenBLAS",
        "core": core().decode() if core else "unknown",
        "threads": str(functions[0]()) if functions else "its own",
        "during runs": "1 thread, tiled by nodeflow" if functions else "its own threads, not tiled",
    }
