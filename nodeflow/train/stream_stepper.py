"""Training steps on the elements of a data set that is no table of rows: one run for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from nodeflow.data.pipeline.elements import Element, Iteration
from nodeflow.engine.chunker import Chunker
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Node, Tensor
from nodeflow.train.training import ElementStream


class StreamStepper:
    """What the training loop needs of a `Stepper`, by one `Session.run` for each element.

    An epoch is a pass over the data set, or ``stream.steps`` elements of passes without end.
    """

    def __init__(
        self,
        session: Session,
        optimizer: Node,
        scalars: list[Tensor],
        stream: ElementStream,
        feeds: Mapping[Tensor, Any],
    ) -> None:
        self.chunker = Chunker()
        self._session = session
        self._fetches = [optimizer, *scalars]
        self._stream = stream
        self._feeds = dict(feeds)
        self._iteration = Iteration()
        self._elements: Iterator[Element] = iter(())
        self._left: Iterator[Element] = iter(())

    def start_epoch(self, order: np.ndarray) -> None:
        """Begin a pass; ``order`` is that of rows, of which there are none."""
        steps = self._stream.steps
        if steps is None:
            self._left = self._stream.stage.elements(self._iteration)
        else:
            self._left = islice(self._endless(), steps)

    def _endless(self) -> Iterator[Element]:
        """The rest of the pass that is open, then further ones."""
        while True:
            empty = True
            for element in self._elements:
                empty = False
                yield element
            self._elements = self._stream.stage.elements(self._iteration)
            first = next(self._elements, None)
            if first is None and empty:
                return
            if first is not None:
                yield first

    def run(self, count: int) -> tuple[int, np.ndarray]:
        """As `Stepper.run`: fewer steps than ``count`` only where the epoch ends."""
        recorded: list[list[float]] = []
        self.chunker.begin(count)
        for element in islice(self._left, count):
            fed = {place: element[index] for index, place in self._stream.places.items()}
            _, *values = self._session.run(self._fetches, {**self._feeds, **fed})
            recorded.append([float(np.asarray(value).reshape(())) for value in values])
        self.chunker.end(len(recorded))
        scalars = np.array(recorded, np.float64).reshape(len(recorded), len(self._fetches) - 1)
        return len(recorded), scalars

    def close(self) -> None:
        """End what is open, such as threads that work ahead."""
        for elements in (self._left, self._elements):
            close = getattr(elements, "close", None)
            if close is not None:
                close()
