"""Dtypes as objects, as in TensorFlow 1: ``nf.float32``, ``x.dtype.as_numpy_dtype``."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.graph.types import DTYPES, dtype_name, float_limits, number_kind, numpy_dtype


class DType(str):
    """The name of a dtype, usable like any string, with TensorFlow 1's properties of dtypes."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self)

    @property
    def as_numpy_dtype(self) -> type[np.generic]:
        """Numpy's class: ``np.float32``."""
        return numpy_dtype(self).type

    @property
    def base_dtype(self) -> DType:
        """This dtype, because there are no reference dtypes."""
        return self

    @property
    def real_dtype(self) -> DType:
        """The dtype of the real part."""
        return as_dtype(np.zeros((), self.as_numpy_dtype).real.dtype)

    @property
    def is_floating(self) -> bool:
        return _kind(self) == "f"

    @property
    def is_integer(self) -> bool:
        return _kind(self) in "iu"

    @property
    def is_unsigned(self) -> bool:
        return _kind(self) == "u"

    @property
    def is_complex(self) -> bool:
        return _kind(self) == "c"

    @property
    def is_bool(self) -> bool:
        return _kind(self) == "b"

    @property
    def size(self) -> int:
        """The number of bytes of one element."""
        return numpy_dtype(self).itemsize

    @property
    def min(self) -> Any:
        """The lowest finite value."""
        return False if self.is_bool else self._limits().min

    @property
    def max(self) -> Any:
        """The highest finite value."""
        return True if self.is_bool else self._limits().max

    def _limits(self) -> Any:
        return np.iinfo(self) if self.is_integer else float_limits(self)

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether another dtype, given by any of its names, equals this one."""
        return dtype_name(other) == self


def _kind(dtype: str) -> str:
    return number_kind(numpy_dtype(dtype))


OBJECTS = {name: DType(name) for name in DTYPES}
"""The dtype objects by name, one for each."""


def as_dtype(type_value: Any) -> DType:
    """Return the dtype object for a name, a numpy dtype or a Python type.

    Raises:
        DtypeError: there is no such dtype.
    """
    return OBJECTS[dtype_name(type_value)]
