"""Checks fed values against the dtypes and shapes of tensors, and converts them to arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nodeflow.errors import (
    FeedError,
    LiteralError,
    MissingFeed,
    SurfaceText,
    UnknownName,
    a_type,
    suggest,
)
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.types import (
    TensorType,
    a_dtype,
    compatible,
    first_changed,
    number_kind,
    numpy_dtype,
    plain_array,
    shape_text,
)
from nodeflow.number_text import counted


def check_feeds(graph: Graph, feed_dict: Mapping[Any, Any] | None) -> dict[Tensor, np.ndarray]:
    """Return the fed tensors with arrays of exactly their dtypes, without copying arrays that fit.

    Raises:
        UnknownName: a name that no tensor has.
        FeedError: a value does not fit; names the tensor, its type and the given value.
    """
    if feed_dict is None:
        return {}
    if not isinstance(feed_dict, (dict, Mapping)):  # the check for dict is fast
        raise FeedError(
            f"feed_dict is {a_type(feed_dict)}",
            hint="Give a dict from tensors or their names to values: {x: [1.0, 2.0]}.",
        )
    fed: dict[Tensor, np.ndarray] = {}
    for given, values in feed_dict.items():
        one = ((given, values),)
        for key, value in _taken_apart(given, values) if isinstance(given, tuple) else one:
            tensor = fed_tensor(graph, key)
            if tensor in fed:
                raise FeedError(f"{tensor.name} is fed twice", node=tensor.node.name)
            fed[tensor] = as_array(tensor, value)
    return fed


def _taken_apart(key: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of tensor and value from a feed, taking tuples apart. A tuple of tensors, such as
    an LSTM's state, takes a tuple of values.

    Raise FeedError if the tuples differ in length.
    """
    if not isinstance(key, tuple):
        yield key, value
    elif isinstance(value, (tuple, list)) and len(value) == len(key):
        for inner in zip(key, value, strict=True):
            yield from _taken_apart(*inner)
    else:
        came = f"{len(value)}" if isinstance(value, (tuple, list)) else a_type(value)
        raise FeedError(
            f"a tuple of {len(key)} tensors takes as many values, not {came}",
            hint="Feed a tuple of the same structure.",
        )


def fed_tensor(graph: Graph, key: Any) -> Tensor:
    """Return the tensor for a key of a feed_dict: a Tensor, a Node with an output, or a name."""
    if not isinstance(key, Tensor):
        if isinstance(key, str):
            key = _named(graph, key)
        if isinstance(key, Node) and key.outputs:
            key = key.outputs[0]
        if not isinstance(key, Tensor):
            raise FeedError(
                f"{a_type(key)} cannot be fed", hint="Feed tensors, or name them by strings."
            )
    if key.node.graph is not graph:
        raise FeedError(f"{key.name} belongs to another graph", node=key.node.name)
    return key


def _named(graph: Graph, name: str) -> Tensor:
    """Return the tensor with a name.

    Raises:
        UnknownName: no node has the name. The hint lists placeholders, because most feeds are
            for them.
    """
    try:
        return graph.tensor(name)
    except UnknownName as error:
        if name.partition(":")[0] in graph or not graph.placeholders:
            raise
        names = [p.name for p in graph.placeholders]
        listed = f"The placeholders are {', '.join(names)}."
        raise UnknownName(error.message, hint=suggest(name, names) or listed) from None


def feed_keys(graph: Graph, feed_list: Any) -> list[Tensor]:
    """Return the tensors that take a callable's arguments, in order.

    Raises:
        UnknownName: no tensor has a name.
        FeedError: the argument is not a list of tensors, or contains a tensor twice.
    """
    if feed_list is None:
        return []
    if not isinstance(feed_list, (list, tuple)):
        raise FeedError(
            f"feed_list is {a_type(feed_list)}", hint="Give a list of tensors or their names."
        )
    keys = [fed_tensor(graph, key) for key in feed_list]
    for at, tensor in enumerate(keys):
        if tensor in keys[:at]:
            raise FeedError(f"{tensor.name} is fed twice", node=tensor.node.name)
    return keys


def as_array(tensor: Tensor, value: Any) -> np.ndarray:
    """Return ``value`` as an array of the tensor's dtype, checked against its shape.

    Raises:
        FeedError: it does not fit.
    """
    return fitted(tensor.node.name, tensor.type, value)


def fitted(name: str, kind: TensorType, value: Any) -> np.ndarray:
    """Convert a fed value to an array of a tensor type, and check its shape.

    ``name`` is the node's name, for error messages.
    """
    dtype = numpy_dtype(kind.dtype)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype == dtype:
        array = np.asarray(value)
    elif _is_plain(value, kind.dtype):
        array = np.array(value, dtype)  # takes a fifth of the time of the general case
    else:
        array = _array_of(name, kind, value)
        if array.dtype != dtype:
            array = _converted(name, kind, array)
    if not compatible(kind.shape, array.shape):
        came = f"{kind.dtype} {shape_text(array.shape)}"
        raise _misfit(name, kind, came, _shape_hint(kind, array.shape))
    return array


_FROM_FLOAT = ("float32", "float64")
_PLAIN = {float: _FROM_FLOAT, int: (*_FROM_FLOAT, "int32", "int64")}


def _is_plain(value: Any, dtype: str) -> bool:
    """Return whether a Python number can be converted directly to this dtype, with the same result
    as by way of an array.
    """
    return dtype in _PLAIN.get(type(value), ()) and -(2**31) < value < 2**31


_RUN_FIRST = "Feed a value, not a tensor: run it first."


def _array_of(name: str, kind: TensorType, value: Any) -> np.ndarray:
    """Convert a value to an array of numbers or bools, of any dtype."""
    if isinstance(value, (Tensor, Node)):
        raise _misfit(name, kind, f"{value.name}, a {type(value).__name__.lower()},", _RUN_FIRST)
    if isinstance(value, (list, tuple)) and _holds_tensor(value):
        raise _misfit(name, kind, "a list with a tensor", _RUN_FIRST)
    try:
        array = plain_array(value)
    except LiteralError as error:
        raise _misfit(name, kind, error.message, f"Feed {kind}.") from None
    if number_kind(array.dtype) not in "biufc":
        is_array = isinstance(value, np.ndarray) and array.dtype != object
        came = f"{array.dtype} {shape_text(array.shape)}" if is_array else a_type(value)
        raise _misfit(name, kind, came, "Feed numbers, bools or arrays of them.")
    return array


def _holds_tensor(items: Any) -> bool:
    return any(
        isinstance(i, Tensor) or (isinstance(i, (list, tuple)) and _holds_tensor(i)) for i in items
    )


def _converted(name: str, kind: TensorType, array: np.ndarray) -> np.ndarray:
    """Convert an array to the tensor's dtype, if this changes no value except by float rounding.

    Any number or bool becomes a complex number; all except complex numbers become floats.
    Integers, bools and integral floats become integers that can represent them. Numbers that
    are 0 or 1 become bools.

    Raises:
        FeedError: the error names the first value that would change.
    """
    if array.dtype.kind == "c" and not kind.is_complex:
        came = f"{array.dtype} {shape_text(array.shape)}"
        raise _misfit(name, kind, came, "Feed its real part, its magnitude, or change the dtype.")
    with np.errstate(all="ignore"):
        cast = array.astype(kind.dtype)
    if (
        kind.is_complex
        or number_kind(cast.dtype) == "f"
        or (wrong := first_changed(array, cast)) is None
    ):
        return cast
    rule = "0 and 1 become bools" if kind.dtype == "bool" else "only values that fit are taken"
    raise _misfit(
        name,
        kind,
        f"{array.dtype} {shape_text(array.shape)}",
        f"{wrong} is not {a_dtype(kind.dtype)}; {rule}.",
    )


def _misfit(name: str, kind: TensorType, came: str, hint: str) -> FeedError:
    return FeedError(f"expected {kind}, but {came} was fed", node=name, hint=hint)


def _shape_hint(expected: TensorType, shape: tuple[int, ...]) -> str:
    if len(shape) + 1 == expected.rank:
        return SurfaceText(
            "A dimension is missing; array[None] adds one in front.",
            window="A dimension is missing; one more pair of brackets adds one in front.",
        )
    if len(shape) != expected.rank:
        return f"It needs {counted(expected.rank, 'dimension')}."
    axis = next(i for i, (d, n) in enumerate(zip(expected.shape, shape)) if d not in (None, n))
    return f"Axis {axis} must be {expected.shape[axis]}, not {shape[axis]}."


def sample_of(placeholder: Tensor) -> np.ndarray | None:
    """Return the placeholder's ``sample`` attribute as an array, or None if it has none.

    Raises:
        FeedError: the sample does not fit the placeholder.
    """
    sample = placeholder.node.attrs.get("sample")
    return None if sample is None else as_array(placeholder, sample)


def missing_feed(placeholder: Tensor) -> MissingFeed:
    """Return the error for a placeholder without a value, which shows how to feed it."""
    name = placeholder.node.name
    return MissingFeed(
        f"nothing is fed to this placeholder, which takes {placeholder.type}",
        node=name,
        hint=feed_hint(name, placeholder.type),
    )


def feed_hint(name: str, kind: TensorType) -> SurfaceText:
    """Return a hint that shows how to give a value to a placeholder of this type."""
    return SurfaceText(
        f"Feed it: session.run(..., {{{name!r}: {_example(kind)}}}), or set its sample.",
        cli=f"Feed it with --feed {name}=VALUE, or set its sample.",
        window="Connect a dataset to its feed port, or set its sample value.",
    )


def _example(expected: TensorType) -> str:
    if not expected.has_rank or not expected.shape:
        return {"bool": "True"}.get(expected.dtype, "1" if not expected.is_float else "1.0")
    shape = tuple(2 if d is None else d for d in expected.shape)
    return f"np.zeros({shape}, {expected.dtype!r})"
