"""Inference of a function's output types by running it on small arrays.

If all sizes are known and small, the function runs on arrays of exactly these shapes. Otherwise
small distinct sizes stand in for unknown and large ones, in two runs with different stand-ins. A
result size that follows a stand-in is the size that it stands for. A size that is the same in both
runs is constant. Any other is unknown, or found by a run on the whole shape if that is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from nodeflow.errors import UserOpError
from nodeflow.graph.types import Dim, TensorType, dtype_name
from nodeflow.ops.samples import values
from nodeflow.ops.user.time_limit import FAILURES

SMALL = 65_536
"""Largest number of elements for which the function is run on the real shape."""
KEPT = 4
"""Largest size without a stand-in: such sizes are seldom free (pairs, colours, one)."""
_STAND_INS = ((11, 13, 17, 19, 23), (14, 29, 31, 37, 41))

Call = Callable[..., Any]


def probe(call: Call, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """Return the output types of ``call(*arrays)`` for inputs of these types.

    Raises:
        UserOpError: its outputs are no tensors, or their rank depends on values or sizes.
        Exception: any error that the function raises on inputs of these types.
    """
    known = all(t.size is not None for t in types)
    if known and sum(t.size or 0 for t in types) <= SMALL:
        return _run(call, types, {})
    failure: BaseException | None = None
    for first, second in _stand_ins(types):
        try:
            one, two = _run(call, types, first), _run(call, types, second)
        except UserOpError:
            raise
        except FAILURES as error:
            failure = failure or error
            continue
        found = _join(one, two, first, second)
        if known and any(t.size is None for t in found):
            break
        return found
    if known:
        return _run(call, types, {})
    assert failure is not None
    raise failure


def _stand_ins(types: Sequence[TensorType]) -> Iterator[tuple[dict[Dim, int], dict[Dim, int]]]:
    """Yield sizes to use in place of free ones when a user's function is probed with small arrays.
    Each item is a pair of different choices, so that sizes of the result can be compared.

    Free sizes are the unknown ones, and also the large ones in the first pairs, to save time. The
    order is reversed if the arrays are small. In the last pairs an unknown size equals a known one,
    because the function may require this.
    """
    sizes = list(dict.fromkeys(d for t in types for d in t.shape))
    large = [d for d in sizes if d is not None and d > KEPT]
    unknown = [None] if None in sizes else []
    whole = sum(math.prod(_STAND_INS[1][0] if d is None else d for d in t.shape) for t in types)
    ways = ([*unknown, *large], unknown)
    for free in ways if whole > SMALL else reversed(ways):
        if free and len(free) <= len(_STAND_INS[0]):
            yield tuple(dict(zip(free, numbers, strict=False)) for numbers in _STAND_INS)  # type: ignore[misc]
    if unknown:  # an unknown size that must equal a known one, or 1
        for size in (*(d for d in sizes if d), 1):
            yield {None: size}, {None: size}


def _run(
    call: Call, types: Sequence[TensorType], stand_ins: Mapping[Dim, int]
) -> tuple[TensorType, ...]:
    """Call a user's function with small arrays, and return the dtypes and shapes of its results.

    A size that differs between calls with different values is unknown in the returned shape.

    Args:
        types: the types of the arrays.
        stand_ins: the numbers to use for unknown sizes.
    """
    shapes = [tuple(stand_ins.get(d, d or 0) for d in t.shape) for t in types]
    results: list[list[TensorType]] = []
    failure: BaseException | None = None
    large = sum(math.prod(shape) for shape in shapes) > SMALL
    for fill in (np.zeros, np.ones) if large else (_varied, np.ones, np.zeros):
        try:
            arrays = [fill(shape, t.dtype) for shape, t in zip(shapes, types, strict=True)]
            results.append(_types(call(*arrays)))
        except UserOpError:
            raise
        except FAILURES as error:
            failure = failure or error
        if len(results) == 2:
            break
    if not results:
        assert failure is not None
        raise failure
    return tuple(_same(pair) for pair in zip(*results, strict=True))


def _varied(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return values(shape, dtype)


def _types(result: Any) -> list[TensorType]:
    items = result if isinstance(result, (tuple, list)) else [result]
    found = []
    for item in items:
        array = np.asarray(item)
        if item is None or array.dtype == object:
            what = type(item).__name__
            raise UserOpError(
                f"it returns {what}, which is not a tensor", hint="Return a numpy array."
            )
        found.append(TensorType(dtype_name(array.dtype), array.shape))
    return found


def _same(pair: Sequence[TensorType]) -> TensorType:
    """Return a type that covers the result types of several probing calls. Sizes that differ become
    unknown.

    Raises:
        UserOpError: dtype or rank differ.
    """
    first, *others = pair
    for other in others:
        if other.dtype != first.dtype or len(other.shape) != len(first.shape):
            raise UserOpError(
                f"it returns {first} or {other}, depending on the values",
                hint="Make dtype and rank always the same, or say them with infer=.",
            )
        dims = zip(first.shape, other.shape, strict=True)
        first = TensorType(first.dtype, tuple(a if a == b else None for a, b in dims))
    return first


def _join(
    one: Sequence[TensorType],
    two: Sequence[TensorType],
    first: Mapping[Dim, int],
    second: Mapping[Dim, int],
) -> tuple[TensorType, ...]:
    """Infer the result types of an op from two runs, in which different numbers stood for the
    unknown sizes of its inputs.

    Args:
        one, two: the result types of each run.
        first, second: the number that stood for each size in each run.
    """
    follows: dict[Any, Dim] = {}
    for a, b in combinations_with_replacement(first, 2):  # flattening multiplies two sizes
        product = None if a is None or b is None else a * b
        follows[first[a] * first[b], second[a] * second[b]] = product
    follows |= {(first[size], second[size]): size for size in first}
    fixed = first == second
    joined = []
    for a, b in zip(one, two, strict=True):
        if len(a.shape) != len(b.shape) or a.dtype != b.dtype:
            text = f"it returns {a} or {b}, depending on the sizes"
            raise UserOpError(text, hint="Say with infer= what it returns.")
        pairs = zip(a.shape, b.shape, strict=True)
        shape = tuple(
            follows[p] if p in follows else p[0] if p[0] == p[1] and not fixed else None
            for p in pairs
        )
        joined.append(TensorType(a.dtype, shape))
    return tuple(joined)


def key_of(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> Any:
    """Return a hashable key for the input types and attributes of a call, for caching."""
    return tuple(types), repr(sorted(attrs.items()))
