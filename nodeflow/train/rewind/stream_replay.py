"""Replays of a training on the elements of a data set, if the same data set is given again.

The elements are produced again from the beginning of their pass. They have the same bits only if
the functions and generators of the data set are pure. Otherwise, the losses differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from nodeflow.engine.runtime.context import Tier
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.graph.graph import Tensor
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.stepping.steppers import optimizer_names
from nodeflow.train.stepping.stream_stepper import StreamStepper


class StreamReplay(Replay):
    """A `Replay` on the elements of a data set; it finds no culprits and no order of ops.

    To read the values of a step, it is run once to find its tier. Then the variables are restored,
    and the step runs in that tier again with the wanted tensors as additional fetches.
    """

    def __init__(self, past: Past, cancelled: Callable[[], bool] = lambda: False) -> None:
        super().__init__(past, cancelled)
        self._source: StreamStepper | None = None
        self._made = 0
        self._sessions: dict[str, Session] = {}
        self._optimizers = optimizer_names(past.training.optimizer)

    @property
    def step(self) -> int:
        return 0 if self._source is None else self._made + 1

    @property
    def _chunk(self) -> int:
        return self._stream.chunker.size

    @property
    def _stream(self) -> StreamStepper:
        """The stepper, positioned before the step."""
        assert self._source is not None
        return self._source

    def advance(self, count: int = 1) -> np.ndarray:
        self._stand_before()
        numbers, first = self.past.numbers, self.step
        count = min(count, numbers.steps_to_change(self._made) or count)
        done, scalars = self._stream.run(count)
        self._made += done
        self._done += done
        self._compare(first, scalars[:, 0])
        return scalars

    def values(
        self, tensors: Sequence[Tensor], wanted: Collection[Tensor] | None = None
    ) -> dict[Tensor, np.ndarray]:
        self._stand_before()
        fetched = [t for t in dict.fromkeys(tensors) if wanted is None or t in wanted]
        feeds, variables = self._stream.next_feeds(), dict(self.session.variables.items())
        counted = self.session.steps_of(self._optimizers)
        try:
            self.session.run(self._stream.fetches, feeds)
            tier = self.session.tier
        finally:
            self.session.variables.update(variables)
            self.session.count_steps(self._optimizers, counted)
        looking = self._in_tier(tier)
        looking.variables.update(variables)
        looking.count_steps(self._optimizers, counted)
        (_, loss, *_), found = looking.run([self._stream.fetches, fetched], feeds)
        self._compare(self.step, np.array([loss], np.float64).reshape(1))
        return {t: np.asarray(value) for t, value in zip(fetched, found, strict=True)}

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
        for session in self._sessions.values():
            session.close()
        super().close()

    # ---- inside -------------------------------------------------------------------------------

    def _in_tier(self, tier: str) -> Session:
        if tier not in self._sessions:
            wanted: Tier = "compiled" if tier == "compiled" else "reference"
            self._sessions[tier] = self.session.twin(wanted)
        return self._sessions[tier]

    def _restore(self, step: int) -> None:
        past = self.past
        found = past.snapshots.restore(step, self.session.variables)
        stream = past.training.stream
        if found is None or stream is None:
            raise RunError(f"step {step + 1} cannot be computed again: its snapshot is gone")
        if self._source is not None:
            self._source.close()
        self.session.count_steps(self._optimizers, found.state.counted)
        self._source = StreamStepper(
            self.session,
            past.training,
            past.probes,
            found.step,
            {**past.numbers.feeds(found.step), **past.training.feeds},
            found.state.where,
        )
        self._made = found.step
        self._epoch, self._done = found.state.epoch, found.state.done
        where = found.state.where
        if stream.steps is None and self._done and where is not None and not where["taken"]:
            self._epoch, self._done = self._epoch + 1, 0  # copied at the end of a pass
        self._start_epoch()

    def _stand_before(self) -> None:
        self.begin_epoch()
        self.past.numbers.feed(self._stream, self._made)

    def begin_epoch(self) -> None:
        if self._stream.has_next():
            return
        self._epoch, self._done = self._epoch + 1, 0
        self._start_epoch()
        if not self._stream.has_next():
            raise RunError(
                f"step {self.step} cannot be computed again: the data set ends before it",
                hint="Give the data set of the training.",
            )

    def _start_epoch(self) -> None:
        self._stream.start_epoch(np.zeros(0, np.int64), self._done)


def replay_of(past: Past) -> Replay:
    """Return the replay for the steps of a training."""
    return Replay(past) if past.training.stream is None else StreamReplay(past)
