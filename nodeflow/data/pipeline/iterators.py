"""Data sets in a graph: placeholders that hold the next element in each run."""

from __future__ import annotations

import re
from collections import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.data.pipeline.elements import (
    DATASET,
    FLATTEN,
    STRING,
    Element,
    Elements,
    Iteration,
)
from nodeflow.data.pipeline.sources import typed
from nodeflow.data.pipeline.structure import flatten, pack, paths, same_structure
from nodeflow.engine.feeds import fed_tensor
from nodeflow.engine.input_streams import Chosen, Component, Handle, Next, Restart, Stream
from nodeflow.errors import DataError
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.graph.types import TensorType, dtype_name


class StageElements:
    """The elements of a stage, as the source of a session's stream."""

    def __init__(self, stage: Elements) -> None:
        self.stage = stage

    @property
    def captured(self) -> tuple[Tensor, ...]:
        return self.stage.captured

    def state(self) -> Iteration:
        return Iteration()

    def begin(self, state: Iteration, values: Mapping[Tensor, np.ndarray]) -> abc.Iterator[Element]:
        state.values = values
        return self.stage.elements(state)


class Iterator:
    """An iterator over the elements of a data set, one in each run; created by `Dataset`.

    A session starts it once (``make_one_shot_iterator``), or whenever an initializer runs.
    """

    def __init__(
        self,
        stage: Elements | None,
        *,
        one_shot: bool,
        template: Any = None,
        types: Sequence[TensorType] = (),
    ) -> None:
        self.stage = stage
        self._template = template if stage is None else stage.template
        self._types = tuple(types) if stage is None else stage.types
        self.stream: Stream | Chosen = Stream(
            StageElements(stage) if one_shot and stage is not None else None
        )
        captured = () if stage is None else stage.captured
        self.graph = captured[0].graph if captured else get_default_graph()
        self._initializer: Node | None = None
        self._handle: Tensor | None = None

    @staticmethod
    def from_structure(output_types: Any, output_shapes: Any = None) -> Iterator:
        """Return an iterator for any data set of one structure; `make_initializer` starts it
        with one.
        """
        dtypes = [dtype_name(dtype) for dtype in flatten(output_types)]
        types = typed(output_types, dtypes, output_shapes)
        return Iterator(None, one_shot=False, template=output_types, types=types)

    @staticmethod
    def from_string_handle(
        string_handle: Tensor, output_types: Any, output_shapes: Any = None
    ) -> Iterator:
        """Return an iterator that, in each run, uses the iterator whose handle is fed.

        Args:
            string_handle: a placeholder of int64 without axes, fed with the result of
                ``session.run(iterator.string_handle())``. A handle is a number here, because there
                are no tensors of text.
            output_types, output_shapes: types and shapes of the elements of every iterator that is
                fed.
        """
        ok = isinstance(string_handle, Tensor) and string_handle.node.op.id == "placeholder"
        if not ok or string_handle.dtype != "int64":
            raise DataError(
                "a handle is fed to a placeholder of int64",
                hint='Make it by nf.placeholder("int64", []).',
            )
        iterator = Iterator.from_structure(output_types, output_shapes)
        iterator.graph = string_handle.graph
        iterator.stream = Chosen(string_handle, iterator._components)
        return iterator

    def string_handle(self, name: str | None = None) -> Tensor:
        """Return the number of this iterator, to feed the placeholder of `from_string_handle`."""
        if isinstance(self.stream, Chosen):
            raise DataError("this iterator is chosen by a handle, and has none of its own")
        if self._handle is not None:
            return self._handle
        streams = self.graph.streams
        number = sum(isinstance(found, Handle) for found in streams.values())
        name = name or "iterator_handle"
        handle = self.graph.apply("constant", dtype="int64", value=number, name=name)
        streams[handle.node] = Handle(self.stream, number, self._components)
        self._handle = handle
        return handle

    @property
    def _components(self) -> dict[str, TensorType]:
        """The type of each component, by the component's path in an element."""
        return dict(zip(paths(self._template), self._types, strict=True))

    def get_next(self, name: str | None = None) -> Any:
        """Return tensors with the next element, in its structure.

        They are placeholders that take another element in each run. A fed value has priority.

        Raises (in a run):
            OutOfRangeError: there is no further element.
            NotInitialized: no initializer has run.
        """
        graph, scope = self.graph, name or "iterator"
        _check_tensors(self._template, self._types)
        places = [
            graph.apply("placeholder", dtype=t.dtype, shape=t.shape if t.has_rank else None, name=n)
            for n, t in zip(_names(self._template, scope), self._types, strict=True)
        ]
        connect(graph, self.stream, places)
        return pack(self._template, places)

    @property
    def initializer(self) -> Node:
        """The node that starts the iterator at the first element. Run it again for each pass."""
        if isinstance(self.stream, Stream) and self.stream.elements is not None:
            raise DataError("a one-shot iterator begins by itself", hint="It has no initializer.")
        if self.stage is None:
            raise DataError(
                "this iterator has no data set of its own", hint="Use make_initializer(dataset)."
            )
        if self._initializer is None:
            self._initializer = self._made_initializer(self.stage, None)
        return self._initializer

    def make_initializer(self, dataset: Any, name: str | None = None) -> Node:
        """Return a node that starts the iterator with the elements of a data set of its structure.

        Raises:
            DataError: the structure, dtypes or shapes do not fit.
        """
        stage = dataset.stage
        if not same_structure(stage.template, self._template):
            raise DataError("the data set has elements of another structure than the iterator")
        for path, own, given in zip(paths(self._template), self._types, stage.types, strict=True):
            if not own.accepts(given):
                raise DataError(f"{path or 'an element'} is {given}, and the iterator has {own}")
        return self._made_initializer(stage, name)

    def _made_initializer(self, stage: Elements, name: str | None) -> Node:
        if isinstance(self.stream, Chosen):
            raise DataError(
                "this iterator is chosen by a handle", hint="Initialize the one that is fed."
            )
        node = self.graph.add_node("group", stage.captured, name=name or "make_iterator")
        self.graph.streams[node] = Restart(self.stream, StageElements(stage))
        return node

    @property
    def output_types(self) -> Any:
        return pack(self._template, [t.dtype for t in self._types])

    @property
    def output_shapes(self) -> Any:
        return pack(self._template, [t.shape for t in self._types])


def connect(graph: Graph, stream: Stream | Chosen, places: Sequence[Tensor]) -> None:
    """Connect placeholders to the components of a stream's next element."""
    following = Next(stream)
    for index, place in enumerate(places):
        graph.streams[place] = Component(following, index)


@dataclass(frozen=True)
class Connection:
    """One call of ``get_next`` or ``bind`` in a graph.

    Attributes:
        places: the placeholder of each component, by number of the component.
        stages: the data sets that start the iterator.
    """

    places: Mapping[int, Tensor]
    stages: tuple[Elements, ...]


def connections(graph: Graph) -> list[Connection]:
    """Return which placeholders of a graph a data set feeds, one connection for each iterator."""
    places: dict[Next, dict[int, Tensor]] = {}
    begun: dict[Stream, list[Elements]] = {}
    for key, found in graph.streams.items():
        if isinstance(found, Component) and isinstance(key, Tensor):
            places.setdefault(found.next, {})[found.index] = key
        elif isinstance(found, Restart) and isinstance(found.elements, StageElements):
            begun.setdefault(found.stream, []).append(found.elements.stage)
    result = []
    for following, taken in places.items():
        if isinstance(following.stream, Chosen):
            continue
        own = following.stream.elements
        stages = [own.stage] if isinstance(own, StageElements) else begun.get(following.stream, [])
        result.append(Connection(taken, tuple(stages)))
    return result


def bind(stage: Elements, given: Sequence[Any], graph: Graph | None) -> None:
    """Feed placeholders from a data set, see `Dataset.bind`."""
    names = paths(stage.template)
    _check_tensors(stage.template, stage.types)
    if len(given) == 1 and isinstance(given[0], Mapping):
        by_key = {str(key): place for place, key in given[0].items()}
        unknown = [key for key in by_key if key not in names]
        if unknown:
            raise DataError(
                f"elements have no component {unknown[0]!r}", hint=f"They have {', '.join(names)}."
            )
        chosen = [by_key.get(name) for name in names]
    else:
        chosen = list(given)
    if len(chosen) != len(names):
        raise DataError(
            f"elements have {len(names)} components, and {len(chosen)} placeholders are given"
        )
    first = next((place for place in chosen if isinstance(place, Tensor)), None)
    graph = graph or (first.graph if first is not None else get_default_graph())
    places = [None if place is None else fed_tensor(graph, place) for place in chosen]
    for place, type_, name in zip(places, stage.types, names, strict=True):
        if place is not None:
            _check_place(place, type_, name, graph)
    following = Next(Stream(StageElements(stage)))
    for index, place in enumerate(places):
        if place is not None:
            graph.streams[place] = Component(following, index)


def _check_place(place: Tensor, type_: TensorType, name: str, graph: Graph) -> None:
    if place.node.op.id != "placeholder":
        raise DataError(
            "only a placeholder can be bound to a data set", node=place.node.name,
            hint="Make it by nf.placeholder.",
        )  # fmt: skip
    if place in graph.streams:
        raise DataError("it is bound to a data set already", node=place.node.name)
    if not place.type.accepts(type_):
        raise DataError(
            f"expected {place.type}, but {name or 'the element'} is {type_}", node=place.node.name
        )


def _check_tensors(template: Any, types: Sequence[TensorType]) -> None:
    for path, type_ in zip(paths(template), types, strict=True):
        if type_.dtype == DATASET:
            raise DataError(f"{path or 'the element'} is a data set", hint=FLATTEN)
        if type_.dtype == STRING:
            raise DataError(
                f"{path or 'the element'} is a string, which no tensor holds",
                hint="Turn it into numbers by a Python function: map(function, python=True).",
            )


def _names(template: Any, scope: str) -> list[str]:
    """Return names of placeholders: ``iterator``, ``iterator/image``, ``iterator/component_0``."""
    parts = paths(template)
    if parts == [""]:
        return [scope]
    words = (re.sub(r"(^|/)(?=\d)", r"\1component_", re.sub(r"[^\w/]", "_", p)) for p in parts)
    return [f"{scope}/{word}" for word in words]
