"""Addresses of arrays for kernels. numpy's own look-up takes longer than copying a small array."""

from __future__ import annotations

import ctypes

import numpy as np

STAYS = 16 << 10
"""Maximum bytes of a fed array or a result that is copied to or from memory that stays bound."""

_Byte = ctypes.c_char


def address_of(array: np.ndarray) -> int:
    """Return the memory address of an array's first byte.

    Take the address from the array's buffer, if it is writable. Otherwise use
    ``array.ctypes.data``, which takes four times as long: for read-only arrays, arrays without
    elements, and dtypes that are not numpy's own.
    """
    flags = array.flags
    if array.size and flags.writeable and flags.c_contiguous and array.dtype.isbuiltin == 1:
        return ctypes.addressof(_Byte.from_buffer(array))  # type: ignore[arg-type]
    return array.ctypes.data


def plain(array: np.ndarray) -> np.ndarray:
    """Return the array itself if kernels can read it, else a copy that they can read."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.array(array, order="C", copy=True)


class Swapped:
    """The two arrays of a variable that alternate from run to run, with their addresses.

    A run may assign a hundred variables, so addresses are looked up only once.
    """

    __slots__ = ("_last", "_older")

    def __init__(self) -> None:
        self._last = self._older = (None, 0)

    def address(self, array: np.ndarray) -> int:
        """Return the memory address of an array. The addresses of the last two arrays are cached,
        because two arrays of a variable alternate.
        """
        if self._older[0] is array:
            self._last, self._older = self._older, self._last
        elif self._last[0] is not array:
            self._last, self._older = (array, address_of(array)), self._last
        return self._last[1]
