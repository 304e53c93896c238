"""Where arrays lie in memory, which kernels are given: numpy takes longer to say it than to copy a
small array."""

from __future__ import annotations

import ctypes

import numpy as np

STAYS = 16 << 10
"""Bytes up to which a fed array and a result are copied to and from memory that stays bound."""

_Byte = ctypes.c_char


def address_of(array: np.ndarray) -> int:
    """The address of an array's first byte.

    ``array.ctypes.data`` takes four times as long; it is left for what gives no buffer to write
    to: arrays that are read-only, have no elements or a dtype that is not numpy's own.
    """
    flags = array.flags
    if array.size and flags.writeable and flags.c_contiguous and array.dtype.isbuiltin == 1:
        return ctypes.addressof(_Byte.from_buffer(array))  # type: ignore[arg-type]
    return array.ctypes.data


def plain(array: np.ndarray) -> np.ndarray:
    """The array itself if kernels can read it, else a copy that they can."""
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.array(array, order="C", copy=True)


class Swapped:
    """The two arrays of a variable that change places at each run, and where they are.

    A run may assign a hundred variables.
    """

    __slots__ = ("_last", "_older")

    def __init__(self) -> None:
        self._last = self._older = (None, 0)

    def address(self, array: np.ndarray) -> int:
        """Where an array is that is held as long as it is one of the last two."""
        if self._older[0] is array:
            self._last, self._older = self._older, self._last
        elif self._last[0] is not array:
            self._last, self._older = (array, address_of(array)), self._last
        return self._last[1]
