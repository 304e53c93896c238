"""Sources of elements: arrays, tensors, generators, ranges, lines of text, data sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.catalog import open_dataset
from nodeflow.data.pipeline.elements import STRING, Element, Elements, Iteration, Rows
from nodeflow.data.pipeline.structure import flatten, pack, paths
from nodeflow.engine.columns import Column
from nodeflow.errors import DataError, LiteralError
from nodeflow.file_reading import check_regular
from nodeflow.graph.graph import Tensor
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import (
    TensorType,
    compatible,
    default_dtype,
    dtype_name,
    literal,
    numpy_dtype,
    type_of_array,
)


class Slices(Elements):
    """The rows of arrays, or of tensors of a graph, along their first axis."""

    def __init__(self, tensors: Any) -> None:
        self.template = tensors
        self.given = [_as_component(leaf) for leaf in flatten(tensors)]
        if not self.given:
            raise DataError("a data set needs at least one array")
        sizes: dict[int, str] = {}
        for where, leaf in zip(paths(tensors), self.given, strict=True):
            type_ = _type_of(leaf)
            if type_.has_rank and not type_.rank:
                raise DataError(
                    f"{where or 'the tensor'} is a single number, which has no rows",
                    hint="from_tensors makes one element of it.",
                )
            if type_.has_rank and type_.shape[0] is not None:
                sizes.setdefault(type_.shape[0], where)
        if len(sizes) > 1:
            text = " and ".join(f"{where or 'one'} has {n} rows" for n, where in sizes.items())
            raise DataError(f"arrays of one data set have equally many rows, and {text}")

    @property
    def types(self) -> tuple[TensorType, ...]:
        found = (_type_of(leaf) for leaf in self.given)
        return tuple(t.with_shape(t.shape[1:] if t.has_rank else UNKNOWN) for t in found)

    @property
    def captured(self) -> tuple[Tensor, ...]:
        return tuple(leaf for leaf in self.given if isinstance(leaf, Tensor))

    def rows(self, iteration: Iteration) -> Rows | None:
        arrays = [_value(leaf, iteration) for leaf in self.given]
        if any(array.dtype == object for array in arrays):
            return None
        sizes = {len(array) for array in arrays}
        if len(sizes) > 1:
            raise DataError(f"arrays of one data set have equally many rows, not {sorted(sizes)}")
        return Rows(tuple(map(Column, arrays)), np.arange(sizes.pop()))

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        if self.rows(iteration) is not None:
            yield from super().elements(iteration)
        else:
            yield from zip(*(_value(leaf, iteration) for leaf in self.given), strict=True)


class Single(Elements):
    """A single element: the arrays or tensors unchanged."""

    def __init__(self, tensors: Any) -> None:
        self.template = tensors
        self.given = [_as_component(leaf) for leaf in flatten(tensors)]

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(map(_type_of, self.given))

    @property
    def captured(self) -> tuple[Tensor, ...]:
        return tuple(leaf for leaf in self.given if isinstance(leaf, Tensor))

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        yield tuple(_value(leaf, iteration) for leaf in self.given)


class SourceRows(Elements):
    """The rows of one split of a data source, such as ``csv:iris.csv``, by column.

    Attributes:
        source, split, options: the arguments of `catalog.open_dataset`; a file can hold them.
    """

    def __init__(
        self, source: str, split: str, data_dir: Any, options: Mapping[str, Any],
        columns: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        self.source, self.split, self.options = source, split, dict(options)
        self.opened = open_dataset(source, data_dir=data_dir, **options)
        found = self.opened.split(split)
        for name in columns or ():
            if name not in found:
                raise DataError(
                    f"{source} has no column {name!r}", hint=f"It has {', '.join(found)}."
                )
        self.columns = {name: found[name] for name in sorted(columns or found)}
        self.template = dict.fromkeys(self.columns)

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(c.type.with_shape(c.type.shape[1:]) for c in self.columns.values())

    def rows(self, iteration: Iteration) -> Rows:
        columns = tuple(self.columns.values())
        return Rows(columns, np.arange(len(columns[0])))


class Generated(Elements):
    """The values that a Python generator yields, checked against the declared types."""

    def __init__(
        self,
        generator: Callable[..., Iterable[Any]],
        output_types: Any,
        output_shapes: Any = None,
        args: Sequence[Any] = (),
    ) -> None:
        if not callable(generator):
            raise DataError(
                "from_generator takes a function that gives a generator, not a generator",
                hint="Give the function itself: each pass calls it again.",
            )
        self.generator, self.args = generator, tuple(args)
        self.template = output_types
        dtypes = [_element_dtype(d) for d in flatten(output_types)]
        self._types = typed(output_types, dtypes, output_shapes)

    @property
    def types(self) -> tuple[TensorType, ...]:
        return self._types

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        names = paths(self.template)
        for value in self.generator(*self.args):
            leaves = flatten(value) if len(names) > 1 else flatten_one(value, self.template)
            if len(leaves) != len(names):
                raise DataError(
                    f"the generator gave {len(leaves)} components, and output_types has "
                    f"{len(names)}"
                )
            yield tuple(
                conform(leaf, type_, name)
                for leaf, type_, name in zip(leaves, self._types, names, strict=True)
            )


class Lines(Elements):
    """The lines of text files, without their ends."""

    template = None

    def __init__(self, filenames: Any) -> None:
        one = isinstance(filenames, (str, os.PathLike))
        self.filenames = [filenames] if one else list(filenames)

    @property
    def types(self) -> tuple[TensorType, ...]:
        return (TensorType(STRING, ()),)

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        for name in self.filenames:
            try:
                with open(check_regular(Path(name)), encoding="utf-8") as file:
                    for line in file:
                        yield (line.rstrip("\r\n"),)
            except (OSError, ValueError) as error:
                text = getattr(error, "strerror", None) or error
                raise DataError(f"cannot read {name}: {text}") from None


class Numbers(Elements):
    """int64 numbers, like Python's range."""

    template = None

    def __init__(self, *bounds: int) -> None:
        try:
            self.numbers = range(*bounds)
        except (TypeError, ValueError) as error:
            raise DataError(f"Dataset.range: {error}") from None

    @property
    def types(self) -> tuple[TensorType, ...]:
        return (TensorType("int64", ()),)

    @cached_property
    def column(self) -> Column:
        return Column(np.array(self.numbers, np.int64))

    def rows(self, iteration: Iteration) -> Rows:
        return Rows((self.column,), np.arange(len(self.numbers)))


# ---- components ---------------------------------------------------------------------------------


def typed(template: Any, dtypes: Sequence[str], shapes: Any) -> tuple[TensorType, ...]:
    """Return the types of components from nested dtypes and shapes. A shape of None is unknown."""
    flat = [UNKNOWN] * len(dtypes) if shapes is None else flatten_shapes(shapes, template)
    if len(flat) != len(dtypes):
        raise DataError(f"there are {len(dtypes)} components and {len(flat)} shapes")
    return tuple(
        TensorType(dtype, UNKNOWN if shape is None or shape is UNKNOWN else tuple(shape))
        for dtype, shape in zip(dtypes, flat, strict=True)
    )


def flatten_shapes(shapes: Any, template: Any) -> list[Any]:
    """Return the shapes of a nested structure as a list. A tuple of sizes is one shape."""
    if isinstance(template, Mapping):
        return [s for k in sorted(template) for s in flatten_shapes(shapes[k], template[k])]
    if isinstance(template, tuple):
        return [s for s, t in zip(shapes, template, strict=True) for s in flatten_shapes(s, t)]
    return [shapes]


def flatten_one(value: Any, template: Any) -> list[Any]:
    """Return the components of an element; if it has only one, a bare tuple counts as its
    numbers.
    """
    if isinstance(template, (tuple, Mapping)):
        return flatten(value)
    return [list(value) if isinstance(value, tuple) else value]


def conform(value: Any, type_: TensorType, name: str) -> Any:
    """Return a value as an array of a declared type.

    Raises:
        DataError: the value does not fit.
    """
    where = f"component {name}" if name else "an element"
    if type_.dtype == STRING:
        return value if isinstance(value, str) else str(value)
    try:
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value)
            if array.dtype.name != type_.dtype:
                if not _fits(array, type_.dtype):
                    raise LiteralError(f"it is {array.dtype}")
                array = array.astype(numpy_dtype(type_.dtype))
        else:
            array = literal(value, type_.dtype)
    except (LiteralError, TypeError, ValueError) as error:
        text = error.message if isinstance(error, LiteralError) else str(error)
        raise DataError(f"{where} is not {type_}: {text}") from None
    if not compatible(type_.shape, array.shape):
        raise DataError(f"{where} is not {type_}: it has the shape {array.shape}")
    return array


def _fits(array: np.ndarray, dtype: str) -> bool:
    """Return whether an array can be converted to a dtype, by the rules for fed values.

    Any numbers convert to floats. Conversions to other dtypes must not change a value.
    """
    target = numpy_dtype(dtype)
    if target.kind == "f" and array.dtype.kind in "fiub":
        return True
    if array.dtype.kind not in "fiub":
        return False
    with np.errstate(invalid="ignore"):
        return bool((array.astype(target) == array).all())


def component(value: Any) -> Any:
    """Return a component from a Python function's value: an array, or a string."""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        return str(array) if array.dtype.kind in "US" and not array.ndim else array
    if isinstance(value, str):
        return value
    return literal(value, default_dtype(value))


def component_type(value: Any) -> TensorType:
    """Return the type of a component."""
    return TensorType(STRING, ()) if isinstance(value, str) else type_of_array(value)


def _element_dtype(given: Any) -> str:
    return STRING if given in (str, STRING) else dtype_name(given)


def _as_component(leaf: Any) -> Any:
    """Return an array or a tensor. A list of strings becomes an array of objects."""
    if isinstance(leaf, Tensor):
        return leaf
    if isinstance(leaf, Column):
        return leaf.rows(slice(None))
    if not isinstance(leaf, (np.ndarray, np.generic)):
        strings = np.asarray(leaf, dtype=object) if _is_strings(leaf) else None
        return strings if strings is not None else literal(leaf, default_dtype(leaf))
    array = np.asarray(leaf)
    if array.dtype.kind in "US":
        return array.astype(object)
    dtype_name(array.dtype)
    return array


def _is_strings(leaf: Any) -> bool:
    while isinstance(leaf, list) and leaf:
        leaf = leaf[0]
    return isinstance(leaf, str)


def _type_of(leaf: Any) -> TensorType:
    if isinstance(leaf, Tensor):
        return leaf.type
    if leaf.dtype == object:
        return TensorType(STRING, leaf.shape)
    return type_of_array(leaf)


def _value(leaf: Any, iteration: Iteration) -> Any:
    return iteration.values[leaf] if isinstance(leaf, Tensor) else leaf


def packed(stage: Elements, element: Element) -> Any:
    """Return an element with its components in the structure that users see."""
    return pack(stage.template, element)
