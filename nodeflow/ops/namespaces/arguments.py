"""Conversion of arguments of TensorFlow 1's functions to attributes of nodeflow's ops."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from nodeflow.errors import AttributeProblem, GraphError, ShapeError
from nodeflow.foreign_names.arguments import SPELLINGS
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import FLOATS
from nodeflow.ops import functions as F

P = ParamSpec("P")
R = TypeVar("R")


def spelled(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function, so that keyword arguments may also be given in the spelling of nodeflow's
    ops. Use as a decorator.
    """
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.keys() <= known.keys():
            return function(*args, **kwargs)
        taken = {*list(known)[: len(args)], *kwargs}
        return function(*args, **{_own_name(n, known, taken): v for n, v in kwargs.items()})  # type: ignore[arg-type]

    return call


def _own_name(name: str, known: Iterable[str], taken: Collection[str]) -> str:
    """Return the parameter of a function that corresponds to an argument name of another library.
    Return the name unchanged if none does.
    """
    if name in known:
        return name
    same = {name, *SPELLINGS.get(name, ())}
    free = (k for k in known if k not in taken)
    return next((k for k in free if same & {k, *SPELLINGS.get(k, ())}), name)


def tensor(value: Any, *like: Any) -> Tensor:
    """Return a value as a tensor, in the graph of the first tensor among ``like``."""
    graph = F.graph_of([value, *like])
    dtype = next((t.dtype for t in like if isinstance(t, Tensor)), None)
    return graph.as_tensor(value, None if isinstance(value, np.ndarray) else dtype)


def as_float(value: Any, like: Any = None) -> Tensor:
    """Return a value as a float tensor. Integers and bools are cast to the dtype of ``like``."""
    wanted = like.dtype if isinstance(like, Tensor) and like.dtype in FLOATS else "float32"
    if not isinstance(value, (Tensor, np.ndarray, np.generic)):
        return F.graph_of([like]).as_tensor(value, wanted)
    found = F.graph_of([value, like]).as_tensor(value)
    return found if found.dtype in FLOATS else F.cast(found, dtype=wanted)


def one_axis(function: str, axis: Any, dim: Any, default: Any) -> Any:
    """Return the axis, which older programs call ``dim``.

    Raises:
        GraphError: both are given.
    """
    if axis is not None and dim is not None:
        raise GraphError(f"{function} takes axis or dim, not both", hint="They are the same.")
    found = dim if axis is None else axis
    return default if found is None else found


def spatial(
    name: str, given: Any, axes: int, data_format: str, *, default: int = 1
) -> tuple[int, ...]:
    """Return the sizes along the spatial axes.

    Args:
        given: one number, ``axes`` numbers, or one for each axis of the tensor.

    Raises:
        AttributeProblem: the number of sizes is wrong, or a size for rows or channels is not 1.
    """
    if given is None:
        return (default,) * axes
    sizes = (given,) if isinstance(given, (int, np.integer)) else tuple(given)
    if len(sizes) == 1:
        return tuple(int(s) for s in sizes * axes)
    if len(sizes) == axes:
        return tuple(int(s) for s in sizes)
    if len(sizes) != axes + 2:
        raise AttributeProblem(
            f"{name} takes {axes} or {axes + 2} numbers, not {list(sizes)}", port=name
        )
    first = is_channels_first(data_format)
    inside = sizes[2:] if first else sizes[1:-1]
    others = sizes[:2] if first else (sizes[0], sizes[-1])
    if any(size != 1 for size in others):
        raise AttributeProblem(
            f"{name} must be 1 for rows and channels, not {list(sizes)}", port=name
        )
    return tuple(int(s) for s in inside)


def is_channels_first(data_format: str | None) -> bool:
    """Return whether a data format has the channels before the spatial axes.

    Raises:
        AttributeProblem: TensorFlow 1 has no such format.
    """
    known = {
        "NHWC": False, "NCHW": True, "NWC": False, "NCW": True, "NDHWC": False, "NCDHW": True,
        "channels_last": False, "channels_first": True, None: False,
    }  # fmt: skip
    if data_format not in known:
        names = ", ".join(n for n in known if n)
        raise AttributeProblem(
            f"data_format must be one of {names}, not {data_format!r}", port="data_format"
        )
    return known[data_format]


def layout(data_format: str | None, axes: int = 2) -> str:
    """Return the attribute ``layout`` of an op on images or series."""
    first, last = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}[axes]
    return first if is_channels_first(data_format) else last


def padding_name(padding: Any) -> Any:
    """Return the attribute ``padding``: ``same`` for ``SAME``; lists stay unchanged."""
    return padding.lower() if isinstance(padding, str) else padding


def borders(padding: Any, axes: int, form: str) -> dict[str, Any]:
    """Return the attributes ``padding`` and ``pads`` from SAME, VALID, or a pair for every axis.

    Raises:
        AttributeProblem: the pairs do not fit the axes, or rows or channels get a border.
    """
    if isinstance(padding, str) or padding is None:
        return {"padding": padding_name(padding) or "valid"}
    pairs = [tuple(pair) if isinstance(pair, (list, tuple)) else pair for pair in padding]
    if len(pairs) == axes + 2:
        if any(pair != (0, 0) for pair, axis in zip(pairs, form, strict=True) if axis in "NC"):
            raise AttributeProblem(
                f"padding must be [0, 0] for rows and channels, not {padding}", port="padding"
            )
        pairs = [pair for pair, axis in zip(pairs, form, strict=True) if axis not in "NC"]
    return {"padding": "valid", "pads": [list(p) if isinstance(p, tuple) else p for p in pairs]}


def either(function: str, name: str, given: Any, other: str, also: Any, default: Any = None) -> Any:
    """Return the value of an argument that has two names.

    Raises:
        GraphError: both are given.
    """
    if given is not None and also is not None:
        raise GraphError(f"{function} takes {name} or {other}, not both", hint="They are the same.")
    found = also if given is None else given
    return default if found is None else found


def sizes_known(shape: Any, count: int) -> list[int | None] | None:
    """Return the known sizes of a shape given as numbers or tensors; None if none are known.

    Raises:
        ShapeError: it does not have ``count`` sizes.
    """
    if shape is None:
        return None
    if isinstance(shape, Tensor):
        if shape.type.value is None:
            return None
        entries: list[Any] = list(shape.type.value)
    else:
        entries = [e.type.value if isinstance(e, Tensor) else e for e in shape]
        entries = [e[0] if isinstance(e, tuple) and e else e for e in entries]
    if len(entries) != count:
        raise ShapeError(f"output_shape needs {count} sizes, not {len(entries)}")
    whole = (int, np.integer)
    return [int(e) if isinstance(e, whole) and e >= 0 else None for e in entries]


def scoped(name: str | None, default: str, values: Sequence[Any]) -> Any:
    """Return the name scope of a function that adds several nodes."""
    return F.graph_of(list(values)).name_scope(default if name is None else name)
