"""Stages that apply a function: a function of ops, traced once into a graph, or a Python
function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
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
)
from nodeflow.data.pipeline.sources import component, component_type, conform, typed
from nodeflow.data.pipeline.structure import flatten, pack, paths
from nodeflow.engine.session import Session
from nodeflow.errors import DataError, GraphError, NodeflowError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.types import TensorType, dtype_name

Function = Callable[..., Any]


def called(function: Function, value: Any) -> Any:
    """Call a function with an element; if the element is a tuple, its parts are the arguments."""
    return function(*value) if isinstance(value, tuple) else function(value)


class Traced:
    """A function of tensors as a separate graph, which the engine runs.

    Attributes:
        template, types: structure and types of its results.
    """

    def __init__(self, function: Function, source: Elements) -> None:
        if any(t.dtype == DATASET for t in source.types):
            raise DataError("the elements are data sets, which ops cannot map", hint=FLATTEN)
        if any(t.dtype == STRING for t in source.types):
            raise DataError(
                "strings are not tensors, so ops cannot map them",
                hint="Turn them into numbers by a Python function: map(function, python=True).",
            )
        self.graph = Graph()
        with self.graph:
            self._given = [
                self.graph.apply(
                    "placeholder", dtype=t.dtype, shape=_shape(t), name=f"component_{i}"
                )
                for i, t in enumerate(source.types)
            ]
            try:
                value = called(function, pack(source.template, self._given))
            except (TypeError, ValueError, AttributeError) as error:
                raise DataError(
                    f"the function cannot be traced: {error}",
                    hint="It gets tensors and must be made of ops; map(function, python=True) "
                    "calls a Python function with arrays.",
                ) from error
            value = _tensors(value, self.graph)
        self.template = value
        self._fetches = flatten(value)
        self.types = tuple(t.type for t in self._fetches)

    def runner(self) -> TracedRunner:
        """Return a runner that computes the function in a separate session."""
        session = Session(self.graph, tier="reference")
        session.initialize()
        return TracedRunner(session, self._given, self._fetches)


class TracedRunner:
    """A function of ops in a session: an `elements.Runner`."""

    def __init__(self, session: Session, given: list[Tensor], fetches: list[Tensor]) -> None:
        self._session, self._given, self._fetches = session, given, fetches

    @property
    def runs(self) -> int:
        return self._session.runs

    @runs.setter
    def runs(self, count: int) -> None:
        self._session.runs = count

    def __call__(self, element: Element) -> list[np.ndarray]:
        feeds = dict(zip(self._given, element, strict=True))
        return [np.asarray(value) for value in self._session.run(self._fetches, feeds)]


def _shape(type_: TensorType) -> Any:
    return type_.shape if type_.has_rank else None


def _tensors(value: Any, graph: Graph) -> Any:
    """Return the result of a function, with constants for numbers and arrays."""
    if value is None:
        raise DataError("the function gives None", hint="Let it return the new element.")
    if isinstance(value, Mapping):
        return {key: _tensors(part, graph) for key, part in value.items()}
    if isinstance(value, list) and any(isinstance(part, Tensor) for part in value):
        value = tuple(value)
    if isinstance(value, tuple):
        parts = [_tensors(part, graph) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    try:
        return graph.as_tensor(value)
    except GraphError as error:
        if isinstance(value, Tensor):
            raise DataError(
                f"the function uses {value.name} of another graph",
                hint="It is traced into a graph of its own: use only its arguments in it.",
            ) from None
        raise error


class Map(Elements):
    """A stage with the results that a function of ops returns for the elements."""

    def __init__(self, source: Elements, function: Function) -> None:
        self.inputs = (source,)
        self.traced = Traced(function, source)
        self.template = self.traced.template

    @property
    def types(self) -> tuple[TensorType, ...]:
        return self.traced.types

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        run = iteration.keep(self, self.traced.runner)
        for element in self.inputs[0].elements(iteration):
            yield tuple(run(element))


class PythonMap(Elements):
    """A stage with the results that a Python function of numpy arrays returns for the elements.

    Their types follow from the first element, unless they are declared.
    """

    def __init__(
        self, source: Elements, function: Function, output_types: Any, output_shapes: Any
    ) -> None:
        self.inputs = (source,)
        self.function = function
        self._declared: tuple[TensorType, ...] | None = None
        if output_types is not None:
            leaves = flatten(output_types)
            dtypes = [STRING if d in (str, STRING) else dtype_name(d) for d in leaves]
            self._declared = typed(output_types, dtypes, output_shapes)
            self.template = output_types

    @cached_property
    def template(self) -> Any:  # type: ignore[override]
        return self._first[0]

    @property
    def types(self) -> tuple[TensorType, ...]:
        return self._first[1] if self._declared is None else self._declared

    @cached_property
    def _first(self) -> tuple[Any, tuple[TensorType, ...]]:
        """The structure and the types of the first element."""
        if self.captured:
            raise DataError(
                "the types of the function's results are not known",
                hint="Give them: map(function, python=True, output_types=...).",
            )
        for element in self.inputs[0].elements(Iteration()):
            value = self._call(element)
            types = (component_type(component(leaf)) for leaf in flatten(value))
            return value, tuple(types)
        raise DataError("there is no element, so the types are not known", hint="Give them.")

    def _call(self, element: Element) -> Any:
        try:
            return called(self.function, pack(self.inputs[0].template, element))
        except NodeflowError:
            raise
        except Exception as error:
            raise DataError(f"the function failed: {type(error).__name__}: {error}") from error

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        names = paths(self.template)
        for element in self.inputs[0].elements(iteration):
            leaves = flatten(self._call(element))
            if len(leaves) != len(names):
                raise DataError(
                    f"the function gave {len(leaves)} components; before, it gave {len(names)}"
                )
            if self._declared is None:
                yield tuple(map(component, leaves))
            else:
                checked = zip(leaves, self._declared, names, strict=True)
                yield tuple(conform(leaf, type_, name) for leaf, type_, name in checked)


class Filter(Derived):
    """A stage with the elements for which a function returns True."""

    def __init__(self, source: Elements, predicate: Function, python: bool) -> None:
        super().__init__(source)
        self.predicate = predicate
        self.traced = None if python else Traced(predicate, source)
        if self.traced is not None and (
            len(self.traced.types) != 1
            or self.traced.types[0].dtype != "bool"
            or self.traced.types[0].ndims not in (0, None)
        ):
            said = ", ".join(map(str, self.traced.types))
            raise DataError(f"the predicate of filter gives a bool (), not {said}")

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        traced = self.traced
        run = None if traced is None else iteration.keep(self, traced.runner)
        for element in self.source.elements(iteration):
            if run is not None:
                keeps = bool(run(element)[0])
            else:
                keeps = bool(called(self.predicate, pack(self.template, element)))
            if keeps:
                yield element


class FlatMap(Elements):
    """A stage with the elements of the data sets that a Python function returns.

    The data sets follow each other, or take turns: ``block_length`` elements of each of
    ``cycle_length`` data sets.
    """

    def __init__(
        self, source: Elements, function: Function, cycle_length: int = 1, block_length: int = 1
    ) -> None:
        self.inputs = (source,)
        self.function = function
        self.cycle_length, self.block_length = cycle_length, block_length

    def _made(self, element: Element) -> Elements:
        made = called(self.function, pack(self.inputs[0].template, element))
        stage = getattr(made, "stage", None)
        if not isinstance(stage, Elements):
            raise DataError(f"the function gives a Dataset, not {type(made).__name__}")
        return stage

    @cached_property
    def _first(self) -> Elements:
        for element in self.inputs[0].elements(Iteration()):
            return self._made(element)
        raise DataError("there is no element, so the types are not known")

    @property
    def template(self) -> Any:  # type: ignore[override]
        return self._first.template

    @property
    def types(self) -> tuple[TensorType, ...]:
        return self._first.types

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        source = self.inputs[0].elements(iteration)
        open_: list[Iterator[Element]] = []
        ended = False
        turn = 0
        while True:
            while not ended and len(open_) < self.cycle_length:
                element = next(source, None)
                if element is None:
                    ended = True
                else:
                    open_.append(self._made(element).elements(Iteration()))
            if not open_:
                return
            turn %= len(open_)
            for _ in range(self.block_length):
                element = next(open_[turn], None)
                if element is None:
                    fresh = None if ended else next(source, None)
                    if fresh is None:
                        ended = True
                        del open_[turn]
                    else:
                        open_[turn] = self._made(fresh).elements(Iteration())
                    break
                yield element
            else:
                turn += 1
