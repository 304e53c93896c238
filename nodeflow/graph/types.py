"""Tensor types: dtype and shape. A dimension may be unknown until a run (``None``).

The rank may be unknown as well (`UNKNOWN`), but every run knows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, LiteralError, ShapeError
from nodeflow.graph.shapes import UNKNOWN, Dim, Shape

HALVES = ("float16", "bfloat16")
"""Floats of 16 bits, which are computed in float32 (`graph.reference_evaluation`)."""
FLOATS = ("float32", "float64", *HALVES)
UNSIGNED_INTEGERS = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = ("int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64")
NUMBERS = FLOATS + INTEGERS
COMPLEX = ("complex64", "complex128")
BOOL = ("bool",)
EVERYDAY = ("float32", "float64", "int32", "int64", "bool", "uint8")
"""The dtypes that most graphs use; the others come after them in every list."""
REALS = EVERYDAY + tuple(d for d in NUMBERS if d not in EVERYDAY)
DTYPES = REALS + COMPLEX


class _NumpyDtypes(dict[str, np.dtype]):
    """The numpy dtype of each dtype name. The first use of bfloat16 imports ml_dtypes."""

    def __missing__(self, name: str) -> np.dtype:
        if name != "bfloat16":
            raise KeyError(name)
        import ml_dtypes  # takes up to a second; also adds the name to numpy

        self[name] = np.dtype(ml_dtypes.bfloat16)
        return self[name]


_NUMPY = _NumpyDtypes({name: np.dtype(name) for name in DTYPES if name != "bfloat16"})
_NAMES = {name: name for name in DTYPES}
_ALIASES: dict[Any, str] = {"float": "float32", float: "float32"}
"""Names that TensorFlow 1 uses differently from numpy: Python's float is its float32."""


def is_half(dtype: np.dtype) -> bool:
    """Return whether a numpy dtype is one of `HALVES`."""
    return dtype == np.float16 or _is_bfloat16(dtype)


def _is_bfloat16(dtype: np.dtype) -> bool:
    return dtype.kind == "V" and dtype.name == "bfloat16"


def number_kind(dtype: np.dtype) -> str:
    """Return numpy's letter for the kind of a dtype, but f for bfloat16, which numpy takes for
    bytes.
    """
    return "f" if _is_bfloat16(dtype) else dtype.kind


def float_limits(dtype: str) -> Any:
    """Return numpy's ``finfo`` of a float dtype, also for bfloat16."""
    if dtype != "bfloat16":
        return np.finfo(dtype)
    import ml_dtypes

    return ml_dtypes.finfo(dtype)


def numpy_dtype(dtype: str) -> np.dtype:
    """Return the numpy dtype of one of nodeflow's dtype names."""
    return _NUMPY[dtype]


def dtype_name(dtype: Any) -> str:
    """Return nodeflow's name for a dtype, such as ``float32``. The dtype is a numpy dtype, a Python
    type or a name.

    Raises:
        DtypeError: nodeflow has no such dtype.
    """
    if isinstance(dtype, str) and dtype in _NAMES:
        if dtype == "bfloat16":
            numpy_dtype(dtype)  # adds the name to numpy
        return _NAMES[dtype]  # numpy takes 10 us for this, and every node of a large graph calls it
    if isinstance(dtype, (str, type)) and dtype in _ALIASES:
        return _ALIASES[dtype]
    try:
        name = np.dtype(dtype).name
    except (TypeError, ValueError):
        name = str(dtype)
    if name not in _NAMES:
        raise DtypeError(f"dtype {name} is not supported", hint=f"Use one of {', '.join(DTYPES)}.")
    return name


def shape_text(shape: Shape) -> str:
    """Return a shape as text, ``(?, 784)``: unknown dimensions are question marks."""
    if shape is UNKNOWN:
        return "(any shape)"
    dims = ", ".join("?" if d is None else str(d) for d in shape)
    return f"({dims},)" if len(shape) == 1 else f"({dims})"


@dataclass(frozen=True, slots=True)
class TensorType:
    """The dtype and shape of a tensor.

    An unknown dimension is None, and a shape of unknown rank is `UNKNOWN`.

    Attributes:
        value: the elements of a small integer tensor, such as sizes, that are known before a run
            (`constant_propagation`). An unknown element is None. None if no element is known.
    """

    dtype: str
    shape: Shape
    value: tuple[int | None, ...] | None = None

    @property
    def array(self) -> np.ndarray | None:
        """Return the value as an array if all its elements are known, else None."""
        if self.value is None or None in self.value:
            return None
        return np.array(self.value, numpy_dtype(self.dtype)).reshape(self.shape)  # type: ignore[arg-type]

    def with_value(self, value: tuple[int | None, ...] | None) -> TensorType:
        return self if value == self.value else TensorType(self.dtype, self.shape, value)

    @property
    def has_rank(self) -> bool:
        """True if the number of dimensions is known."""
        return self.shape is not UNKNOWN

    @property
    def ndims(self) -> int | None:
        """The number of dimensions; None if unknown."""
        return None if self.shape is UNKNOWN else len(self.shape)

    @property
    def rank(self) -> int:
        """The number of dimensions, for callers that cannot do without it.

        Raises:
            UnknownRank: the number of dimensions is not known.
        """
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        """True if every dimension is known."""
        return self.shape is not UNKNOWN and None not in self.shape

    @property
    def size(self) -> int | None:
        """The number of elements; None if a dimension is unknown and no known dimension is 0."""
        shape = self.shape
        if shape is UNKNOWN:
            return None
        if None in shape:
            return 0 if 0 in shape else None
        return math.prod(shape)  # type: ignore[arg-type]

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOATS

    @property
    def is_complex(self) -> bool:
        return self.dtype in COMPLEX

    def with_shape(self, shape: Iterable[Dim]) -> TensorType:
        return TensorType(self.dtype, UNKNOWN if shape is UNKNOWN else tuple(shape))

    def with_dtype(self, dtype: str) -> TensorType:
        return TensorType(dtype, self.shape)

    def accepts(self, other: TensorType) -> bool:
        """Return whether a value of type ``other`` is valid where this type is declared."""
        return self.dtype == other.dtype and compatible(self.shape, other.shape)

    def __str__(self) -> str:
        return f"{self.dtype} {shape_text(self.shape)}"


def type_of_array(array: np.ndarray) -> TensorType:
    return TensorType(dtype_name(array.dtype), tuple(array.shape))


def compatible(a: Shape, b: Shape) -> bool:
    """Return whether the shapes may be equal at run time: an unknown size or rank fits any."""
    if a is UNKNOWN or b is UNKNOWN or a == b:
        return True
    return len(a) == len(b) and all(
        p == q or p is None or q is None for p, q in zip(a, b, strict=True)
    )


def unify_shapes(a: Shape, b: Shape) -> Shape:
    """Return the shape that satisfies both shapes: a size unknown in one is taken from the other.

    Raises:
        ShapeError: the shapes cannot be equal.
    """
    if a is UNKNOWN or b is UNKNOWN:
        return b if a is UNKNOWN else a
    if not compatible(a, b):
        raise ShapeError(f"shapes {shape_text(a)} and {shape_text(b)} must be equal")
    return tuple(q if p is None else p for p, q in zip(a, b, strict=True))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Broadcast shapes as numpy does, with unknown dimensions.

    An unknown dimension beside a known one greater than 1 must be equal to it (or 1, which gives
    the same result). Beside 1 or another unknown dimension, the result stays unknown. If one rank
    is unknown, the rank of the result is unknown.

    Raises:
        ShapeError: two known dimensions differ and neither is 1.
    """
    if any(s is UNKNOWN for s in shapes):
        # the others must fit in any case
        broadcast_shapes(*(s for s in shapes if s is not UNKNOWN))
        return UNKNOWN
    result: list[Dim] = []
    for axis in range(1, max((len(s) for s in shapes), default=0) + 1):
        dims = {s[-axis] for s in shapes if len(s) >= axis}
        known = {d for d in dims if d not in (None, 1)}
        if len(known) > 1:
            text = " and ".join(shape_text(s) for s in shapes)
            low, high = sorted(known)[:2]  # type: ignore[type-var]
            raise ShapeError(f"shapes {text} do not broadcast: {low} is not {high}")
        if known:
            result.append(known.pop())
        else:
            result.append(None if None in dims else 1)
    return tuple(reversed(result))


def normalize_axis(axis: int, rank: int) -> int:
    """Return ``axis`` counted from the front.

    Raises:
        ShapeError: there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ShapeError(
            f"axis {axis} does not exist in a tensor of rank {rank}",
            hint=f"Use {-rank} to {rank - 1}." if rank else "A scalar has no axes.",
        )
    return axis % rank


def normalize_axes(axes: int | Iterable[int] | None, rank: int) -> tuple[int, ...]:
    """Return axes counted from the front, sorted; None means every axis.

    Raises:
        ShapeError: an axis does not exist or is given twice.
    """
    if axes is None:
        return tuple(range(rank))
    wanted = [axes] if isinstance(axes, int) else list(axes)
    result = sorted(normalize_axis(a, rank) for a in wanted)
    if len(set(result)) != len(result):
        raise ShapeError(f"axes {tuple(wanted)} name an axis twice")
    return tuple(result)


def default_dtype(value: Any) -> str:
    """Return the dtype of a Python literal, as in TensorFlow: int32, float32, bool, complex128.

    Raises:
        LiteralError: nested lists have uneven lengths.
    """
    kind = number_kind(_array_of(_decode_special(value)).dtype)
    if kind == "c":
        return "complex128"
    if kind == "b":
        return "bool"
    return "int32" if kind in "iu" else "float32"


def literal(value: Any, dtype: str) -> np.ndarray:
    """Return a literal (Python number, bool, or nested lists of them) as an array of ``dtype``.

    In JSON, NaN, infinities and complex numbers are strings: "1.5-2j".

    Raises:
        LiteralError: the value is not numeric, ragged, or cannot be represented in this dtype (5.5
            as int32, 300 as uint8, 1 as bool).
    """
    array = plain_array(value)
    if array.dtype == object and (large := _largest_integer(array)) is not None:
        raise LiteralError(f"{large} is not {a_dtype(dtype)}", hint=_range_hint(dtype))
    kind = number_kind(array.dtype)
    if kind not in "biufc":
        raise LiteralError(f"{_short(value)} is not a number", hint="Use numbers, true or false.")
    target = numpy_dtype(dtype)
    if array.dtype == target:
        return array
    if array.size == 0:
        return array.astype(target)
    if (dtype == "bool") != (kind == "b"):
        raise LiteralError(
            f"{_short(value)} cannot be {dtype}",
            hint="Use true and false for bool, numbers for the other dtypes.",
        )
    if kind == "c" and dtype not in COMPLEX:
        raise LiteralError(
            f"{complex_text(array.ravel()[0].item())} is not {a_dtype(dtype)}",
            hint="Use complex64 or complex128.",
        )
    if dtype in COMPLEX and kind != "c":
        return literal(array, "float32" if dtype == "complex64" else "float64").astype(target)
    with np.errstate(all="ignore"):
        cast = array.astype(target)
    if dtype in COMPLEX:
        return cast
    if dtype in FLOATS and kind == "f":
        return cast if dtype not in HALVES else _not_too_large(array, cast, dtype)
    if (wrong := first_changed(array, cast)) is None:
        return cast
    raise LiteralError(
        f"{wrong} is not {a_dtype(dtype)}"
        + ("" if dtype not in FLOATS else ": it has too many digits"),
        hint=_range_hint(dtype),
    )


def _not_too_large(array: np.ndarray, cast: np.ndarray, dtype: str) -> np.ndarray:
    """Return floats cast to a small dtype; raise LiteralError if one became infinite."""
    lost = np.flatnonzero(np.isinf(cast) & np.isfinite(array))
    if not lost.size:
        return cast
    wrong = float(array.ravel()[lost[0]])
    raise LiteralError(f"{wrong:g} is too large for {dtype}", hint=_range_hint(dtype))


def _range_hint(dtype: str) -> str:
    """Return a hint for a value outside the range of a dtype."""
    change = "Change the value, or choose another dtype."
    if dtype in HALVES:
        most = float(float_limits(dtype).max)
        return f"{dtype} holds numbers from {-most:g} to {most:g}. {change}"
    if dtype not in INTEGERS:
        return change
    limits = np.iinfo(dtype)
    return f"{dtype} holds whole numbers from {limits.min} to {limits.max}. {change}"


def _largest_integer(array: np.ndarray) -> int | None:
    """Return the integer of largest magnitude in an array of Python integers; None for other
    arrays.
    """
    found = array.ravel().tolist()
    return max(found, key=abs) if found and all(type(v) is int for v in found) else None


def plain_array(value: Any) -> np.ndarray:
    """Return a number, nested lists or array-like object as a numpy array of any dtype.

    Raises:
        LiteralError: nested lists have uneven lengths.
    """
    array = _array_of(value) if isinstance(value, list) else None
    if array is None or array.dtype.kind not in "biuf":  # there are strings among the numbers
        value = _decode_special(value)
        array = _array_of(value)
    if array.dtype == np.float64 and isinstance(value, (list, tuple)) and array.size:
        if np.vdot(array, array) < 2.0**126:  # most are small; this is the fastest test
            return array
        with np.errstate(all="ignore"):
            is_large = array.max() >= 2.0**63 or array.min() <= -(2.0**63)
        return _exact(value, array) if is_large else array
    return array


def _exact(value: Any, array: np.ndarray) -> np.ndarray:
    """Convert nested Python integers to an array without rounding, for integers beyond int64. The
    result is uint64, or an object array if they do not fit. Return ``array`` unchanged if the value
    contains other numbers.
    """
    whole = np.asarray(value, object)
    if _largest_integer(whole) is None:
        return array
    fit = min(whole.flat) >= 0 and max(whole.flat) < 1 << 64
    return whole.astype(np.uint64) if fit else whole


def a_dtype(dtype: str) -> str:
    """Return a dtype with its article: ``an int32``."""
    return f"{'an' if dtype[0] in 'aeio' else 'a'} {dtype}"


def first_changed(array: np.ndarray, cast: np.ndarray) -> Any:
    """Return the first number of ``array`` that differs after the cast to another dtype. Return
    None if all are equal.

    A number is unchanged if casting back gives the same number and the sign is the same. NaN always
    counts as changed; infinities do if the cast is to integers.
    """
    with np.errstate(all="ignore"):
        changed = (cast.astype(array.dtype) != array) | ((cast < 0) != (array < 0))
    where = np.flatnonzero(changed)
    return array.ravel()[where[0]].item() if where.size else None


def _array_of(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:
        raise LiteralError(
            "nested lists have uneven lengths", hint="Give every row the same length."
        ) from None
    except (TypeError, OverflowError):
        raise LiteralError(f"{_short(value)} is not a number") from None


def complex_text(value: complex) -> str:
    """Return a complex number in the notation of files: ``1.5-2j``."""
    return repr(complex(value)).strip("()")


def complex_number(text: str) -> complex | None:
    """Return the number in a text that `complex_text` wrote; None for other texts."""
    try:
        return complex(text) if text.endswith("j") and len(text) > 1 else None
    except ValueError:
        return None


_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _decode_special(value: Any) -> Any:
    """Return a value with numbers in place of the JSON strings for NaN, infinities and complex
    numbers.
    """
    if isinstance(value, str):
        number = _SPECIAL.get(value, complex_number(value))
        return value if number is None else number
    if isinstance(value, (list, tuple)):
        return [_decode_special(v) for v in value]
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
