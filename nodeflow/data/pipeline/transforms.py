"""Stages that reorder, group, repeat and join the elements of other stages."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.data.pipeline.elements import (
    DATASET,
    FLATTEN,
    STRING,
    Derived,
    Element,
    Elements,
    Iteration,
    Rows,
    common_type,
)
from nodeflow.data.pipeline.sources import Numbers, Slices, SourceRows, flatten_shapes
from nodeflow.data.pipeline.structure import flatten, paths, same_structure
from nodeflow.data.shuffling import SHUFFLE, epoch_order
from nodeflow.errors import DataError
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.distributions.random_bits import threefry2x32

DRAWN = 1024
"""Random numbers to draw at once."""


class Shuffle(Derived):
    """Elements in random order: each is drawn from a buffer that is refilled with the next
    elements.

    A buffer that holds all elements gives the same order as a training's shuffling
    (`data.shuffling`).
    """

    def __init__(self, source: Elements, buffer_size: int, seed: int, reshuffles: bool) -> None:
        super().__init__(source)
        self.buffer_size, self.seed, self.reshuffles = buffer_size, seed, reshuffles

    def _epoch(self, iteration: Iteration) -> int:
        number = iteration.next_pass(self)
        return number if self.reshuffles else 0

    def rows(self, iteration: Iteration) -> Rows | None:
        rows = self.source.rows(iteration)
        if rows is None or len(rows.order) > self.buffer_size:
            return None
        order = epoch_order(len(rows.order), self.seed, self._epoch(iteration))
        return Rows(rows.columns, rows.order[order])

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        source = self.source.elements(iteration)
        buffer = list(itertools.islice(source, self.buffer_size))
        epoch = self._epoch(iteration)
        ahead = next(source, None)
        if ahead is None:
            for index in epoch_order(len(buffer), self.seed, epoch):
                yield buffer[index]
            return
        draws = _draws(self.seed, epoch)
        for coming in itertools.chain([ahead], source):
            index = next(draws) * len(buffer) >> 32
            yield buffer[index]
            buffer[index] = coming
        while buffer:
            index = next(draws) * len(buffer) >> 32
            buffer[index], buffer[-1] = buffer[-1], buffer[index]
            yield buffer.pop()


def _draws(seed: int, epoch: int) -> Iterator[int]:
    """Yield random 32-bit numbers for a seed and an epoch."""
    mask = 0xFFFFFFFF
    keys = threefry2x32(seed & mask, (seed >> 32) & mask, SHUFFLE ^ 1, epoch & mask)
    for block in itertools.count():
        counters = np.arange(block * DRAWN, (block + 1) * DRAWN, dtype=np.uint32)
        for words in threefry2x32(*keys, counters, 0):
            yield from words.tolist()


class Batch(Derived):
    """Elements in groups, each component stacked along a new first axis."""

    def __init__(self, source: Elements, size: int, drop_remainder: bool) -> None:
        super().__init__(source)
        if any(t.dtype == DATASET for t in source.types):
            raise DataError("the elements are data sets, which make no batch", hint=FLATTEN)
        self.size, self.drop_remainder = size, drop_remainder

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(self._batched(t, t.shape) for t in self.source.types)

    def _batched(self, type_: TensorType, shape: Any) -> TensorType:
        size = self.size if self.drop_remainder else None
        return type_.with_shape(UNKNOWN if shape is UNKNOWN else (size, *shape))

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        rows = self.source.rows(iteration)
        if rows is None:
            source = self.source.elements(iteration)
            while group := list(itertools.islice(source, self.size)):
                if len(group) == self.size or not self.drop_remainder:
                    yield self._stacked(group)
            return
        for start in range(0, len(rows.order), self.size):
            if start + self.size <= len(rows.order) or not self.drop_remainder:
                yield rows.gather(slice(start, start + self.size))

    def _stacked(self, group: Sequence[Element]) -> Element:
        names = paths(self.template)
        return tuple(
            _stack(parts, name) for parts, name in zip(zip(*group, strict=True), names, strict=True)
        )


def _stack(parts: Sequence[Any], name: str) -> np.ndarray:
    if isinstance(parts[0], str):
        return np.array(parts, dtype=object)
    shapes = {np.shape(part): None for part in parts}
    if len(shapes) > 1:
        where = f"component {name}" if name else "the elements"
        first, second = itertools.islice(shapes, 2)
        raise DataError(
            f"a batch needs elements of one shape, and {where} has {first} and {second}",
            hint="padded_batch fills up the shorter ones.",
        )
    return np.stack(parts)


class PaddedBatch(Batch):
    """Batches whose components are padded to a shape, or to the largest one of their batch."""

    def __init__(
        self, source: Elements, size: int, shapes: Any, values: Any, drop_remainder: bool
    ) -> None:
        super().__init__(source, size, drop_remainder)
        self.shapes = (
            [t.shape for t in source.types]
            if shapes is None
            else flatten_shapes(shapes, source.template)
        )
        self.values = [None] * len(source.types) if values is None else _each(values, source)
        for name, type_, shape in zip(
            paths(source.template), source.types, self.shapes, strict=True
        ):
            if type_.dtype == STRING and shape:
                raise DataError("strings have no shape to fill up")
            if shape is UNKNOWN or (type_.has_rank and len(shape) != type_.rank):
                raise DataError(
                    f"padded_batch needs a shape of {type_} for {name or 'the element'}",
                    hint="Give padded_shapes, with None for sizes that follow from the batch.",
                )

    @property
    def types(self) -> tuple[TensorType, ...]:
        pairs = zip(self.source.types, self.shapes, strict=True)
        return tuple(self._batched(t, tuple(shape)) for t, shape in pairs)

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        source = self.source.elements(iteration)
        while group := list(itertools.islice(source, self.size)):
            if len(group) == self.size or not self.drop_remainder:
                yield self._stacked(group)

    def _stacked(self, group: Sequence[Element]) -> Element:
        parts = zip(zip(*group, strict=True), self.shapes, self.values, strict=True)
        return tuple(_padded(arrays, shape, value) for arrays, shape, value in parts)


def _padded(parts: Sequence[Any], shape: Sequence[int | None], value: Any) -> np.ndarray:
    if isinstance(parts[0], str):
        return np.array(parts, dtype=object)
    arrays = [np.asarray(part) for part in parts]
    sizes = [max(a.shape[i] for a in arrays) if n is None else n for i, n in enumerate(shape)]
    result = np.full((len(arrays), *sizes), 0 if value is None else value, arrays[0].dtype)
    for row, array in zip(result, arrays, strict=True):
        if any(n > limit for n, limit in zip(array.shape, sizes, strict=True)):
            raise DataError(f"an element of shape {array.shape} does not fit the padded {sizes}")
        row[tuple(map(slice, array.shape))] = array
    return result


def _each(values: Any, source: Elements) -> list[Any]:
    """Return a padding value for each component. A single value stands for all."""
    flat = flatten(values)
    return flat * len(source.types) if len(flat) == 1 else flat


class Repeat(Derived):
    """The elements repeated ``count`` times or without end."""

    def __init__(self, source: Elements, count: int | None) -> None:
        super().__init__(source)
        self.count = count

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        passes = itertools.count() if self.count is None else range(self.count)
        for _ in passes:
            empty = True
            for element in self.source.elements(iteration):
                empty = False
                yield element
            if empty:
                return

    def rows(self, iteration: Iteration) -> Rows | None:
        if self.count is None or not self.count:
            return None
        first = self.source.rows(iteration)
        if first is None:
            return None
        others = [self.source.rows(iteration) for _ in range(self.count - 1)]
        return Rows(first.columns, np.concatenate([first.order, *(r.order for r in others if r)]))


class Part(Derived):
    """The elements from ``start`` to ``stop``, every ``step``-th of them."""

    def __init__(self, source: Elements, start: int, stop: int | None, step: int = 1) -> None:
        super().__init__(source)
        self.part = slice(start, stop, step)

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        source = self.source.elements(iteration)
        yield from itertools.islice(source, self.part.start, self.part.stop, self.part.step)

    def rows(self, iteration: Iteration) -> Rows | None:
        rows = self.source.rows(iteration)
        return None if rows is None else Rows(rows.columns, rows.order[self.part])


class Cache(Derived):
    """The elements of the first whole pass, kept in memory."""

    def __init__(self, source: Elements) -> None:
        super().__init__(source)
        self.kept: list[Element] | None = None

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        if self.kept is not None:
            yield from self.kept
            return
        kept = []
        for element in self.source.elements(iteration):
            kept.append(element)
            yield element
        self.kept = kept


class Prefetch(Derived):
    """The same elements, produced in advance by a separate thread."""

    def __init__(self, source: Elements, size: int) -> None:
        super().__init__(source)
        self.size = size

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        waiting: queue.Queue = queue.Queue(self.size)
        stopped = threading.Event()

        def put(item: Any) -> bool:
            while not stopped.is_set():
                try:
                    waiting.put(item, timeout=0.05)
                    return True
                except queue.Full:
                    continue
            return False

        def work() -> None:
            source = self.source.elements(iteration)
            try:
                for element in source:
                    if not put((element, None)):
                        return
                put((None, None))
            except BaseException as error:  # raised again where the elements are used
                put((None, error))

        thread = threading.Thread(target=work, name="nodeflow prefetch", daemon=True)
        thread.start()
        try:
            while True:
                element, error = waiting.get()
                if error is not None:
                    raise error
                if element is None:
                    return
                yield element
        finally:
            stopped.set()
            thread.join()


class Zip(Elements):
    """Elements of several data sets side by side, up to the end of the shortest."""

    def __init__(self, template: Any, parts: Sequence[Elements]) -> None:
        self.template = template
        self.inputs = tuple(parts)

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(t for stage in self.inputs for t in stage.types)

    def rows(self, iteration: Iteration) -> Rows | None:
        if not all(isinstance(stage, (Slices, SourceRows, Numbers)) for stage in self.inputs):
            return None  # their orders may differ
        found = [rows for stage in self.inputs if (rows := stage.rows(iteration))]
        if len(found) < len(self.inputs):
            return None
        shortest = min(found, key=lambda rows: len(rows.order))
        return Rows(tuple(c for rows in found for c in rows.columns), shortest.order)

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        if self.rows(iteration) is not None:
            yield from super().elements(iteration)
            return
        streams = [stage.elements(iteration) for stage in self.inputs]
        for parts in zip(*streams, strict=False):
            yield tuple(component for part in parts for component in part)


class Concatenate(Elements):
    """The elements of one data set, then the elements of another one."""

    def __init__(self, first: Elements, second: Elements) -> None:
        if not same_structure(first.template, second.template):
            raise DataError("data sets that are joined need elements of one structure")
        for name, a, b in zip(paths(first.template), first.types, second.types, strict=True):
            if a.dtype != b.dtype:
                raise DataError(
                    f"{name or 'the elements'} is {a.dtype} in the first data set, "
                    f"and {b.dtype} in the second"
                )
        self.inputs = (first, second)
        self.template = first.template

    @property
    def types(self) -> tuple[TensorType, ...]:
        first, second = self.inputs
        return tuple(common_type(pair) for pair in zip(first.types, second.types, strict=True))

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        for stage in self.inputs:
            yield from stage.elements(iteration)


class Enumerate(Derived):
    """Pairs (number, element), with numbers from ``start``."""

    def __init__(self, source: Elements, start: int) -> None:
        super().__init__(source)
        self.start = start
        self.template = (None, source.template)

    @property
    def types(self) -> tuple[TensorType, ...]:
        return (TensorType("int64", ()), *self.source.types)

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        numbers = itertools.count(self.start)
        for number, element in zip(numbers, self.source.elements(iteration)):
            yield (np.int64(number), *element)


class Unbatch(Derived):
    """The rows of each element, one by one."""

    @property
    def types(self) -> tuple[TensorType, ...]:
        for type_ in self.source.types:
            if type_.has_rank and not type_.rank:
                raise DataError("unbatch needs elements with a first axis", hint="Leave it out.")
        return tuple(
            t.with_shape(t.shape[1:] if t.has_rank else UNKNOWN) for t in self.source.types
        )

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        for element in self.source.elements(iteration):
            yield from zip(*element, strict=True)


def as_numpy(value: Any, type_: TensorType) -> Any:
    """Return one component of an element as a user sees it.

    That is an array of the declared dtype, a numpy scalar, or a string.
    """
    if isinstance(value, str) or type_.dtype in (STRING, DATASET):
        return value
    return np.asarray(value, numpy_dtype(type_.dtype))[()]
