"""Training steps on the elements of a data set that is no table of rows: one run for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from nodeflow.data.pipeline.elements import Element, Iteration
from nodeflow.data.pipeline.position import go_to, position
from nodeflow.engine.chunker import Chunker
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Node, Tensor
from nodeflow.train.training import ElementStream


class StreamStepper:
    """What the training loop needs of a `Stepper`, by one `Session.run` for each element.

    An epoch is a pass over the data set, or ``stream.steps`` elements of passes without end.

    Args:
        where: the place in the data set at which an earlier training goes on, as `where` said it.
    """

    def __init__(
        self,
        session: Session,
        optimizer: Node,
        scalars: list[Tensor],
        stream: ElementStream,
        feeds: Mapping[Tensor, Any],
        where: Mapping[str, Any] | None = None,
    ) -> None:
        self.chunker = Chunker()
        self._session = session
        self._fetches = [optimizer, *scalars]
        self._stream = stream
        self._feeds = dict(feeds)
        self._iteration = Iteration()
        self._elements: Iterator[Element] = iter(())
        self._left: Iterator[Element] = iter(())
        self._peeked: list[Element] = []
        self._began: dict[str, Any] | None = None
        self._taken = self._skipped = 0
        if where is not None:
            go_to(stream.stage, self._iteration, where["began"])
            self._skipped = where["taken"]

    @property
    def where(self) -> dict[str, Any]:
        """The place in the data set, as values of JSON: elements taken of a pass that began so."""
        if self._began is None:
            began = position(self._stream.stage, self._iteration)
            return {"began": began, "taken": self._skipped}
        return {"began": self._began, "taken": self._taken}

    def start_epoch(self, order: np.ndarray, done: int = 0) -> None:
        """Begin a pass; ``order`` is that of rows, of which there are none."""
        steps = self._stream.steps
        self._left = self._passes(1) if steps is None else islice(self._passes(), steps - done)

    def _passes(self, count: int | None = None) -> Iterator[Element]:
        """The elements of ``count`` passes, or of the one that is open and all further ones."""
        empty = False
        while not empty and count != 0:
            if self._began is None:
                self._begin()
                empty = not self._taken
            for element in self._elements:
                empty = False
                self._taken += 1
                yield element
            self._began = None
            count = None if count is None else count - 1

    def _begin(self) -> None:
        """Begin a pass, behind the elements that were taken before."""
        self._began = position(self._stream.stage, self._iteration)
        self._elements = self._stream.stage.elements(self._iteration)
        self._taken, self._skipped = self._skipped, 0
        for _ in islice(self._elements, self._taken):
            pass

    def run(self, count: int) -> tuple[int, np.ndarray]:
        """As `Stepper.run`: fewer steps than ``count`` only where the epoch ends."""
        recorded: list[list[float]] = []
        self.chunker.begin(count)
        for element in self._next(count):
            _, *values = self._session.run(self._fetches, self._feeds_of(element))
            recorded.append([float(np.asarray(value).reshape(())) for value in values])
        self.chunker.end(len(recorded))
        scalars = np.array(recorded, np.float64).reshape(len(recorded), len(self._fetches) - 1)
        return len(recorded), scalars

    def _next(self, count: int) -> Iterator[Element]:
        """At most so many elements of the epoch."""
        yield from self._peeked[:count]
        left = count - len(self._peeked)
        self._peeked.clear()
        yield from islice(self._left, max(0, left))

    def _feeds_of(self, element: Element) -> dict[Tensor, Any]:
        fed = {place: element[index] for index, place in self._stream.places.items()}
        return {**self._feeds, **fed}

    # ---- to look at a step that is not made ---------------------------------------------------

    @property
    def fetches(self) -> list[Node | Tensor]:
        """What a step runs."""
        return list(self._fetches)

    def has_next(self) -> bool:
        """Whether the epoch has another element; makes it, so `where` counts it."""
        if not self._peeked:
            self._peeked.extend(islice(self._left, 1))
        return bool(self._peeked)

    def next_feeds(self) -> dict[Tensor, Any]:
        """What the next step is fed with, where there is one."""
        return self._feeds_of(self._peeked[0])

    def feed(self, tensor: Tensor, array: np.ndarray) -> None:
        """Give a tensor that is fed to all steps another value, from the next step on."""
        self._feeds[tensor] = array

    def close(self) -> None:
        """End what is open, such as threads that work ahead."""
        for elements in (self._left, self._elements):
            close = getattr(elements, "close", None)
            if close is not None:
                close()
