"""The interface of the stages of a data set, whose elements can be iterated any number of times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from nodeflow.engine.columns import Column
from nodeflow.graph.graph import Tensor
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import TensorType

STRING = "string"
"""Dtype of components that are Python strings, which no tensor can hold."""
DATASET = "dataset"
"""Dtype of components that are data sets, such as windows."""
FLATTEN = "Make one data set of them: flat_map(lambda window: window.batch(size))."
GATHERED = 256
"""The number of rows to read at once if elements are rows of columns."""

Element = tuple[Any, ...]
"""The components of one element, flat."""


class Runner(Protocol):
    """An object that computes a function for one element after another.

    Attributes:
        runs: the number of calls.
    """

    @property
    def runs(self) -> int: ...
    @runs.setter
    def runs(self, count: int) -> None: ...

    def __call__(self, element: Element) -> list[np.ndarray]: ...


@dataclass
class Iteration:
    """The state that one consumer of a data set (a session, a loop in Python) keeps between passes.

    Attributes:
        values: the values, for the next passes, of graph tensors that the data set's definition
            uses.
        passes: how many passes over each stage have begun; shuffling depends on it.
        kept: the runners of the stages' functions.
    """

    values: Mapping[Tensor, np.ndarray] = field(default_factory=dict)
    passes: Counter[Elements] = field(default_factory=Counter)
    kept: dict[Elements, Runner] = field(default_factory=dict)
    _runs_before: Counter[Elements] = field(default_factory=Counter)

    def next_pass(self, stage: Elements) -> int:
        """Return the number, from 0, of the pass of a stage that begins now."""
        self.passes[stage] += 1
        return self.passes[stage] - 1

    def keep(self, stage: Elements, make: Callable[[], Runner]) -> Runner:
        """Return the runner of a stage, created at its first pass."""
        if stage not in self.kept:
            self.kept[stage] = make()
            self.kept[stage].runs = self._runs_before[stage]
        return self.kept[stage]

    def runs(self, stage: Elements) -> int:
        """Return how often a stage's function was called; its random numbers depend on this
        count.
        """
        kept = self.kept.get(stage)
        return self._runs_before[stage] if kept is None else kept.runs

    def begin_runs(self, stage: Elements, runs: int) -> None:
        """Set the number of calls of a function, to continue an earlier iteration."""
        self._runs_before[stage] = runs


@dataclass(frozen=True)
class Rows:
    """Elements that are rows of columns, accessed by number, so that whole batches can be
    gathered.
    """

    columns: tuple[Column, ...]
    order: np.ndarray

    def gather(self, part: slice) -> Element:
        """Return the rows at some positions, a batch of each column."""
        which = self.order[part]
        return tuple(column.rows(which) for column in self.columns)


class Elements:
    """A stage whose elements have one structure, and components of one type each.

    Attributes:
        template: the structure; its leaves mean nothing.
        types: the types of the components, flat.
        inputs: the stages that it reads.
    """

    template: Any
    inputs: tuple[Elements, ...] = ()

    @property
    def types(self) -> tuple[TensorType, ...]:
        raise NotImplementedError

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        """Yield the elements of one pass."""
        rows = self.rows(iteration)
        assert rows is not None, f"{type(self).__name__} has neither elements nor rows"
        for start in range(0, len(rows.order), GATHERED):
            block = rows.gather(slice(start, start + GATHERED))
            yield from zip(*block, strict=True)

    def rows(self, iteration: Iteration) -> Rows | None:
        """Return a pass over the data as rows of stored columns. Return None if this stage can only
        yield elements one by one.

        Each stage defines ``elements`` or ``rows``.
        """
        return None

    @property
    def captured(self) -> tuple[Tensor, ...]:
        """The graph tensors that the elements depend on."""
        return tuple(dict.fromkeys(t for stage in self.inputs for t in stage.captured))


class Derived(Elements):
    """A stage that reads one other stage and keeps its structure and types."""

    def __init__(self, source: Elements) -> None:
        self.source = source
        self.inputs = (source,)
        self.template = source.template

    @property
    def types(self) -> tuple[TensorType, ...]:
        return self.source.types


def common_type(types: Sequence[TensorType]) -> TensorType:
    """Return the most specific tensor type that covers all given types.

    Axis lengths that differ become unknown, and so does the whole shape if the ranks differ.
    """
    first = types[0]
    for other in types[1:]:
        if not (first.has_rank and other.has_rank) or first.rank != other.rank:
            return first.with_shape(UNKNOWN)
        first = first.with_shape(
            a if a == b else None for a, b in zip(first.shape, other.shape, strict=True)
        )
    return first
