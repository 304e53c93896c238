"""The BLAS under the matrix products: where it is, how it is kept to one thread, how work is split.

Kernels call scipy's BLAS by address on the thread that runs them, and the team splits large
products into tiles. OpenBLAS must not bring threads of its own into that (measured: 30 times
slower), so during a drive scipy's copy is set to one thread and put back afterwards. numpy has a
copy of its own, which is never touched.
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

# Multiply-adds from which a product is worth 2, 4, 8 and 16 tiles. Two pay early; each further
# halving packs the operands again: of 1024 cubed, 2 tiles take 7.3 ms on two cores, 4 7.6, 8 8.0
# and 16 8.4, so the finer grids wait for products that have work for as many cores.
_WORTH = (2_000_000, 200_000_000, 800_000_000, 3_200_000_000)
_ALIGNMENT = 16  # tiles start at multiples of a vector

_MATMUL = '''
import numpy as np
from nodeflow.engine.gemm import gemm
from nodeflow.engine.intrinsics import slot

def kernel(args, task, ntasks):
    """args: BLAS, a, b, c, m, n, k, row tiles, column tiles (`blas.matmul_args`)."""
    m, n, k = slot(args, 4), slot(args, 5), slot(args, 6)
    rows, columns = slot(args, 7), slot(args, 8)
    height = ((m + rows - 1) // rows + 15) // 16 * 16
    width = ((n + columns - 1) // columns + 15) // 16 * 16
    top, left = task // columns * height, task % columns * width
    tall, wide = min(height, m - top), min(width, n - left)
    if tall <= 0 or wide <= 0:
        return
    lda, ldb = {lda}, {ldb}
    a = slot(args, 1) + {size} * {a_start}
    b = slot(args, 2) + {size} * {b_start}
    c = slot(args, 3) + {size} * (top * n + left)
    gemm(slot(args, 0), {ta}, {tb}, tall, wide, k, np.{dtype}(1), a, max(lda, 1), b, max(ldb, 1),
         np.{dtype}(0), c, max(n, 1))
'''


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


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep scipy's OpenBLAS to one thread meanwhile; afterwards it has what it had before.

    Costs nothing as long as no kernel has asked for a product, or with another BLAS.
    """
    global _inside, _before
    functions = _thread_functions() if gemm_address.cache_info().currsize else None
    if functions is None:
        yield
        return
    get, set_ = functions
    with _nesting:
        if _inside == 0:
            _before = get()
            if _before > 1:
                set_(1)
        _inside += 1
    try:
        yield
    finally:
        with _nesting:
            _inside -= 1
            if _inside == 0 and _before > 1:
                set_(_before)


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


# -- splitting ------------------------------------------------------------------------------------


def tile_grid(m: int, n: int, k: int) -> tuple[int, int]:
    """Tiles of an (m, k) x (k, n) product along rows and columns of the result.

    It depends on the shape alone, so that results do not depend on the number of threads. The
    longer side of a tile is halved, so that the smaller operand is the one packed twice.
    """
    rows = columns = 1
    if not tiling_pays():
        return rows, columns
    for work in _WORTH:
        height, width = m / rows, n / columns
        if m * n * k < work or max(height, width) < 2 * _ALIGNMENT:
            break
        if width >= height:
            columns *= 2
        else:
            rows *= 2
    return rows, columns


def matmul_source(dtype: str, transpose_a: bool, transpose_b: bool) -> str:
    """Kernel of a product of row-major, contiguous matrices: c = op(a) @ op(b)."""
    return _MATMUL.format(
        dtype=dtype,
        size=4 if dtype == "float32" else 8,
        ta=transpose_a,
        tb=transpose_b,
        lda="m" if transpose_a else "k",
        ldb="k" if transpose_b else "n",
        a_start="top" if transpose_a else "top * k",
        b_start="left * k" if transpose_b else "left",
    )


def matmul_args(
    dtype: str, a: int, b: int, c: int, m: int, n: int, k: int
) -> tuple[list[int], int]:
    """Args and number of tasks of a row with a `matmul_source` kernel.

    Args:
        a, b, c: addresses; op(a) is (m, k), op(b) is (k, n), c is (m, n) and overlaps neither.
    """
    rows, columns = tile_grid(m, n, k)
    return [gemm_address(dtype), a, b, c, m, n, k, rows, columns], rows * columns
