"""Training steps on the elements of a data set that is not a table of rows: one run per element."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from nodeflow.data.pipeline.elements import Element, Iteration
from nodeflow.data.pipeline.position import go_to, position
from nodeflow.engine.chunker import Chunker
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Node, Tensor
from nodeflow.train.stepping.steppers import optimizer_names
from nodeflow.train.training import Training


class StreamStepper:
    """The parts of a `Stepper` that the training loop needs, with one `Session.run` per element.

    An epoch is a pass over the data set, or ``stream.steps`` elements of endless passes.

    Args:
        probes: scalars to record beside the loss, for each phase of the training.
        step: how many steps were made before.
        where: the position in the data set where an earlier training continues, as returned by
            `where`.
    """

    def __init__(
        self,
        session: Session,
        training: Training,
        probes: Sequence[Sequence[Tensor]],
        step: int,
        feeds: Mapping[Tensor, Any],
        where: Mapping[str, Any] | None = None,
    ) -> None:
        self.chunker = Chunker()
        assert training.stream is not None
        self._session = session
        self._turns = training.turns
        phases = zip(training.phases, probes, strict=True)
        self._runs = [[phase.optimizer, phase.loss, *scalars] for phase, scalars in phases]
        self._optimizers = optimizer_names(training.optimizer)
        self._step = step
        self._stream = training.stream
        self._feeds = dict(feeds)
        self._iteration = Iteration()
        self._elements: Iterator[Element] = iter(())
        self._left: Iterator[Element] = iter(())
        self._peeked: list[Element] = []
        self._began: dict[str, Any] | None = None
        self._taken = self._skipped = 0
        if where is not None:
            go_to(self._stream.stage, self._iteration, where["began"])
            self._skipped = where["taken"]

    @property
    def where(self) -> dict[str, Any]:
        """The position in the data set, as JSON values: the state at the start of a pass, and the
        number of elements taken since."""
        if self._began is None:
            began = position(self._stream.stage, self._iteration)
            return {"began": began, "taken": self._skipped}
        return {"began": self._began, "taken": self._taken}

    def start_epoch(self, order: np.ndarray, done: int = 0) -> None:
        """Begin an epoch: one pass over the data set, or a fixed number of its elements.

        Args:
            order: ignored, because a stream of elements has no rows to reorder.
            done: the number of steps of this epoch that were already made.
        """
        steps = self._stream.steps
        self._left = self._passes(1) if steps is None else islice(self._passes(), steps - done)

    def _passes(self, count: int | None = None) -> Iterator[Element]:
        """Yield elements of the data set, beginning where the last call ended.

        Args:
            count: the number of passes over the data; None to repeat the data without end.
        """
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
        """Start to iterate over the data set, and skip the elements that an earlier part of the
        training has already used.
        """
        self._began = position(self._stream.stage, self._iteration)
        self._elements = self._stream.stage.elements(self._iteration)
        self._taken, self._skipped = self._skipped, 0
        for _ in islice(self._elements, self._taken):
            pass

    def run(self, count: int) -> tuple[int, np.ndarray]:
        """Run up to ``count`` training steps on the elements of a data set. Run fewer only if the
        epoch ends.

        Return the number of steps, and the scalars that they recorded, float64 (steps, scalars).
        """
        recorded: list[list[float]] = []
        self.chunker.begin(count)
        for element in self._next(count):
            if self._turns is not None:  # so each step draws its own random numbers
                self._session.count_steps(self._optimizers, self._step)
            _, *values = self._session.run(self.fetches, self._feeds_of(element))
            self._step += 1
            recorded.append([float(np.asarray(value).reshape(())) for value in values])
        self.chunker.end(len(recorded))
        scalars = np.array(recorded, np.float64).reshape(len(recorded), len(self._runs[0]) - 1)
        return len(recorded), scalars

    def _next(self, count: int) -> Iterator[Element]:
        """Yield at most ``count`` elements of the epoch."""
        yield from self._peeked[:count]
        left = count - len(self._peeked)
        self._peeked.clear()
        yield from islice(self._left, max(0, left))

    def _feeds_of(self, element: Element) -> dict[Tensor, Any]:
        fed = {place: element[index] for index, place in self._stream.places.items()}
        return {**self._feeds, **fed}

    # ---- inspecting the next step ---------------------------------------------------------------

    @property
    def fetches(self) -> list[Node | Tensor]:
        """The nodes and tensors that the next step runs."""
        phase = 0 if self._turns is None else self._turns.phase_at(self._step)
        return list(self._runs[phase])

    def has_next(self) -> bool:
        """Return whether the epoch has another element.

        To find out, produce the element and keep it for the next step. The position `where` then
        already includes it.
        """
        if not self._peeked:
            self._peeked.extend(islice(self._left, 1))
        return bool(self._peeked)

    def next_feeds(self) -> dict[Tensor, Any]:
        """Return the feeds of the next training step, by placeholder. The next element of the data
        set must have been read ahead.
        """
        return self._feeds_of(self._peeked[0])

    def feed(self, tensor: Tensor, array: np.ndarray) -> None:
        """Set the value of a placeholder or constant that all later steps are fed with."""
        self._feeds[tensor] = array

    def close(self) -> None:
        """Close open iterators, such as threads that work ahead."""
        for elements in (self._left, self._elements):
            close = getattr(elements, "close", None)
            if close is not None:
                close()
