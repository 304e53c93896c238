"""Placeholders that take the next element of a stream in each run, such as rows of a data set.

The graph lists these placeholders (`Graph.streams`); a session keeps the position of each
stream. One call of an iterator's ``get_next`` takes one element per run, even if the run needs
several of its placeholders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from nodeflow.engine.feeds import as_array, missing_feed
from nodeflow.errors import DataError, NotInitialized, OutOfRangeError
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.types import TensorType


class Elements(Protocol):
    """The source of a stream's elements, such as a data set."""

    @property
    def captured(self) -> tuple[Tensor, ...]:
        """The tensors of the graph that an input stream needs in order to begin. Their values are
        passed to `begin`.
        """
        ...

    def begin(self, state: Any, values: Mapping[Tensor, np.ndarray]) -> Iterator[Sequence[Any]]:
        """Begin a pass over an input stream: yield the components of each of its elements.

        Args:
            state: the result of the method `state`.
            values: the values of the `captured` tensors.
        """
        ...

    def state(self) -> Any:
        """Return a state for a stream of elements. A session keeps it and passes it to `begin` each
        time the stream begins again.
        """
        ...


@dataclass(eq=False)
class Stream:
    """An iterator in a graph.

    Attributes:
        elements: the elements that a session uses automatically at the beginning; None if an
            initializer must run first.
    """

    elements: Elements | None = None


@dataclass(frozen=True)
class Handle:
    """A handle of a stream. Its number, when fed to a placeholder, chooses the stream.

    Attributes:
        components: type of each component, by its path in an element.
    """

    stream: Stream
    number: int
    components: Mapping[str, TensorType]


@dataclass(eq=False)
class Chosen:
    """The choice of a stream by a fed handle.

    Attributes:
        handle: the placeholder for the handle.
        components: type of each component, by its path, in every stream that may be chosen.
    """

    handle: Tensor
    components: Mapping[str, TensorType]

    def stream(self, feeds: Mapping[Tensor, np.ndarray]) -> Stream:
        """Return the input stream that a fed iterator handle chooses.

        Raises:
            FeedError: the handle is not fed.
            DataError: the number is not a handle, or the elements have another structure or type.
        """
        if self.handle not in feeds:
            raise missing_feed(self.handle)
        number, name = int(feeds[self.handle]), self.handle.node.name
        handles = (h for h in self.handle.graph.streams.values() if isinstance(h, Handle))
        found = next((handle for handle in handles if handle.number == number), None)
        if found is None:
            raise DataError(
                f"{number} is not the handle of an iterator of this graph", node=name,
                hint="Feed what session.run(iterator.string_handle()) gives.",
            )  # fmt: skip
        if [*found.components] != [*self.components]:
            raise DataError("the fed iterator has elements of another structure", node=name)
        for path, own in self.components.items():
            if not own.accepts(given := found.components[path]):
                raise DataError(
                    f"{path or 'an element'} of the fed iterator is {given}, not {own}", node=name
                )
        return found.stream


@dataclass(eq=False)
class Next:
    """One call of ``get_next``, which takes one element per run."""

    stream: Stream | Chosen


@dataclass(frozen=True)
class Component:
    """The component of an element that a placeholder takes."""

    next: Next
    index: int


@dataclass(frozen=True)
class Restart:
    """The effect of an initializer: the stream restarts with these elements."""

    stream: Stream
    elements: Elements


Run = Callable[[list[Tensor]], list[Any]]


@dataclass
class InputStreams:
    """The state of a graph's streams in one session.

    ``run`` computes the tensors that elements capture.
    """

    graph: Graph
    states: dict[Elements, Any] = field(default_factory=dict)
    open: dict[Stream, Iterator[Sequence[Any]]] = field(default_factory=dict)
    taken: dict[Next, Sequence[Any]] = field(default_factory=dict)

    def begin_run(self, nodes: Iterable[Node], run: Run) -> None:
        """Prepare the input streams for a new run: forget the elements taken in the last run, and
        restart the streams whose initializers are among ``nodes``.
        """
        self.taken.clear()
        if not self.graph.streams:
            return
        for node in nodes:
            found = self.graph.streams.get(node)
            if isinstance(found, Restart):
                self._begin(found.stream, found.elements, run)

    def value(
        self, tensor: Tensor, run: Run, feeds: Mapping[Tensor, np.ndarray]
    ) -> np.ndarray | None:
        """Return the element that a placeholder takes from its input pipeline in this run, or None.

        Raises:
            OutOfRangeError: there is no further element.
            NotInitialized: an initializer must run first.
        """
        found = self.graph.streams.get(tensor)
        if not isinstance(found, Component):
            return None
        if found.next not in self.taken:
            stream = found.next.stream
            if isinstance(stream, Chosen):
                stream = stream.stream(feeds)
            self.taken[found.next] = self._take(stream, tensor, run)
        return as_array(tensor, self.taken[found.next][found.index])

    def _take(self, stream: Stream, tensor: Tensor, run: Run) -> Sequence[Any]:
        if stream not in self.open:
            if stream.elements is None:
                raise NotInitialized(
                    "the iterator has not begun",
                    node=tensor.node.name,
                    hint="Run its initializer first: session.run(iterator.initializer).",
                )
            self._begin(stream, stream.elements, run)
        for element in self.open[stream]:
            return element
        raise OutOfRangeError(
            "the data set has no further elements",
            node=tensor.node.name,
            hint="Catch nf.errors.OutOfRangeError, run the iterator's initializer again, or repeat "
            "the data set.",
        )

    def _begin(self, stream: Stream, elements: Elements, run: Run) -> None:
        captured, values = list(elements.captured), {}
        if captured:
            taken = self.taken.copy()  # the nested run forgets them
            values = dict(zip(captured, map(np.asarray, run(captured)), strict=True))
            self.taken.update(taken)
        if elements not in self.states:
            self.states[elements] = elements.state()
        self.close(stream)
        self.open[stream] = elements.begin(self.states[elements], values)

    def close(self, stream: Stream) -> None:
        """Close an input pipeline's iteration, and release its resources, such as prefetching
        threads.
        """
        ended = self.open.pop(stream, None)
        close = getattr(ended, "close", None)
        if close is not None:
            close()

    def close_all(self) -> None:
        for stream in list(self.open):
            self.close(stream)
