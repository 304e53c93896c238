"""The address of numpy's vectorised sort, which kernels call.

The addresses are in numpy's public table of functions (`PyDataType_GetArrFuncs`, since numpy
2.0), and are arguments of kernels, like the addresses of BLAS. Nothing here imports numba,
because the planner needs this module.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

_GET_ARR_FUNCS = 365
"""Index of `PyDataType_GetArrFuncs` in numpy's table. New functions are only appended to the
table.
"""
_SORT = 33
"""Index, in pointers, of `sort` in the table that this function returns."""


@cache
def sort_address(dtype: str) -> int:
    """Return the address of numpy's in-place sort for a dtype; 0 if numpy does not have it."""
    if np.__version__.partition(".")[0] != "2":
        return 0
    try:
        module: Any = np._core  # type: ignore[attr-defined]
        capsule = module._multiarray_umath._ARRAY_API
        pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
        pointer_of.restype, pointer_of.argtypes = (
            ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p],
        )  # fmt: skip
        table = ctypes.cast(pointer_of(capsule, None), ctypes.POINTER(ctypes.c_void_p))
        functions_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(
            table[_GET_ARR_FUNCS] or 0
        )
        functions = ctypes.cast(functions_of(np.dtype(dtype)), ctypes.POINTER(ctypes.c_void_p))
        address = functions[_SORT] or 0
    except (AttributeError, ValueError):
        return 0
    return address if address and _sorts(address, dtype) else 0


def _sorts(address: int, dtype: str) -> bool:
    sort = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p)(
        address
    )
    x = np.random.default_rng(0).integers(0, 100, 1000).astype(dtype)
    expected = np.sort(x)
    return sort(x.ctypes.data, x.size, None) == 0 and np.array_equal(x, expected)
