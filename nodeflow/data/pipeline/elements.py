"""What every stage of a data set is: elements that can be iterated over, again and again."""

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
"""Dtype of components that are Python strings, which no tensor holds."""
DATASET = "dataset"
"""Dtype of components that are data sets, such as windows."""
FLATTEN = "Make one data set of them: flat_map(lambda window: window.batch(size))."
GATHERED = 256
"""Rows that are read at once where elements are rows of columns."""

Element = tuple[Any, ...]
"""The components of one element, flat."""


class Runner(Protocol):
    """What computes a function for one element after another.

    Attributes:
        runs: how many there were.
    """

    @property
    def runs(self) -> int: ...
    @runs.setter
    def runs(self, count: int) -> None: ...

    def __call__(self, element: Element) -> list[np.ndarray]: ...


@dataclass
class Iteration:
    """What one consumer of a data set (a session, a loop in Python) keeps between passes.

    Attributes:
        values: what the tensors that the data set was made from are, for the passes that begin.
        passes: how many passes over each stage have begun; shuffling depends on it.
        kept: what runs the functions of stages.
    """

    values: Mapping[Tensor, np.ndarray] = field(default_factory=dict)
    passes: Counter[Elements] = field(default_factory=Counter)
    kept: dict[Elements, Runner] = field(default_factory=dict)
    _runs_before: Counter[Elements] = field(default_factory=Counter)

    def next_pass(self, stage: Elements) -> int:
        """The number of the pass that begins, from 0."""
        self.passes[stage] += 1
        return self.passes[stage] - 1

    def keep(self, stage: Elements, make: Callable[[], Runner]) -> Runner:
        """What a stage made at its first pass."""
        if stage not in self.kept:
            self.kept[stage] = make()
            self.kept[stage].runs = self._runs_before[stage]
        return self.kept[stage]

    def runs(self, stage: Elements) -> int:
        """How many elements the function of a stage was called with; it draws by that."""
        kept = self.kept.get(stage)
        return self._runs_before[stage] if kept is None else kept.runs

    def begin_runs(self, stage: Elements, runs: int) -> None:
        """Count the calls of a function from here on, where an earlier iteration goes on."""
        self._runs_before[stage] = runs


@dataclass(frozen=True)
class Rows:
    """Elements that are rows of columns, by number: whole batches can be gathered at once."""

    columns: tuple[Column, ...]
    order: np.ndarray

    def gather(self, part: slice) -> Element:
        """The rows at some positions, a batch of each column."""
        which = self.order[part]
        return tuple(column.rows(which) for column in self.columns)


class Elements:
    """A stage: its elements have one structure, and components of one type each.

    Attributes:
        template: the structure; its leaves mean nothing.
        types: of the components, flat.
        inputs: the stages it reads.
    """

    template: Any
    inputs: tuple[Elements, ...] = ()

    @property
    def types(self) -> tuple[TensorType, ...]:
        raise NotImplementedError

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        """One pass over the elements."""
        rows = self.rows(iteration)
        assert rows is not None, f"{type(self).__name__} has neither elements nor rows"
        for start in range(0, len(rows.order), GATHERED):
            block = rows.gather(slice(start, start + GATHERED))
            yield from zip(*block, strict=True)

    def rows(self, iteration: Iteration) -> Rows | None:
        """The same pass as rows of columns, where it is one; a stage has either one or both."""
        return None

    @property
    def captured(self) -> tuple[Tensor, ...]:
        """The tensors that the elements are made from."""
        return tuple(dict.fromkeys(t for stage in self.inputs for t in stage.captured))


class Derived(Elements):
    """A stage of one other, with elements of the same structure and types."""

    def __init__(self, source: Elements) -> None:
        self.source = source
        self.inputs = (source,)
        self.template = source.template

    @property
    def types(self) -> tuple[TensorType, ...]:
        return self.source.types


def common_type(types: Sequence[TensorType]) -> TensorType:
    """The type that components of several stages have in common: sizes that differ are unknown."""
    first = types[0]
    for other in types[1:]:
        if not (first.has_rank and other.has_rank) or first.rank != other.rank:
            return first.with_shape(UNKNOWN)
        first = first.with_shape(
            a if a == b else None for a, b in zip(first.shape, other.shape, strict=True)
        )
    return first
