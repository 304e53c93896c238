"""Reports of a training on the command line: text with a progress bar, or lines of JSON."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.cli.environment import Environment
from nodeflow.cli.output_format import duration, json_line, number, plural, value_text
from nodeflow.cli.progress_bar import Progress
from nodeflow.train.diagnosis.hints import DIVERGING, Hint
from nodeflow.train.events import (
    CheckpointWritten,
    Diverged,
    Done,
    Epoch,
    Event,
    Hints,
    Resumed,
    RunKept,
    Started,
    Steps,
    as_json,
)
from nodeflow.train.schedule import loss_name
from nodeflow.train.training import Training

LOSS = "loss"


class JsonReport:
    """A reporter that prints one JSON object per line."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def show(self, event: Event) -> None:
        fields = as_json(event)
        if fields is not None:
            self._environment.print(json_line(fields))


class TextReport:
    """A progress bar on standard error and one line per epoch on standard output."""

    def __init__(self, environment: Environment, training: Training) -> None:
        self._environment = environment
        # an epoch's loss is printed as `loss`, so a metric of that name gets its split as prefix
        self._titles = {m.key: f"{m.split}/{m.key}" for m in training.measured() if m.key == LOSS}
        self._progress = Progress(environment)
        self._hinted: set[tuple[str, str]] = set()
        self._waiting: list[Hint] = []
        self._run = ""
        self._turns = training.turns
        self._once = [m.key for m in training.measured_once()]

    def _loss_of(self, step: int) -> str:
        """Return the name of the loss of a step."""
        return LOSS if self._turns is None else loss_name(self._turns.name_at(step - 1))

    def show(self, event: Event) -> None:
        if not isinstance(event, Diverged):  # its error says the same
            self._say(self._waiting)
        self._waiting = []
        if isinstance(event, Started):
            self._progress.start(event.epochs * event.steps_per_epoch)
        elif isinstance(event, Resumed):
            for notice in event.notices:
                self._environment.message(f"nodeflow: {notice}")
            self._environment.message(
                f"nodeflow: resumed after step {event.step}, in epoch {event.epoch}"
            )
        elif isinstance(event, Steps):
            loss = self._loss_of(event.last)
            self._progress.advance(event.last, f"{loss} {number(float(event.losses[-1]))}")
        elif isinstance(event, Epoch):
            self._progress.clear()
            named = ((self._titles.get(key, key), v) for key, v in event.others.items())
            values = "".join(f"  {k} {number(v)}" for k, v in (*event.losses.items(), *named))
            self._environment.print(f"epoch {event.epoch}{values}  {duration(event.seconds)}")
        elif isinstance(event, Hints):
            self._waiting = [hint for hint in event.hints if hint.kind == DIVERGING]
            self._say(hint for hint in event.hints if hint.kind != DIVERGING)
        elif isinstance(event, CheckpointWritten) and event.problem:
            self._progress.clear()
            there = f"; the state is in {event.path}" if event.path else ""
            self._environment.message(f"nodeflow: {event.problem}{there}")
        elif isinstance(event, RunKept):
            self._run = event.run or self._run
            if event.problem:
                self._progress.clear()
                self._environment.message(f"nodeflow: {event.problem}")
        elif isinstance(event, Diverged):
            self._progress.clear()
        elif isinstance(event, Done):
            self._progress.clear()
            for name, table in event.tables.items():
                self._environment.print(value_text(name, table))
            if event.reason or event.best_epoch:
                self._environment.print(event.ending)
            last = "".join(f"  {key} {number(event.metrics[key])}" for key in self._once
                           if key in event.metrics)  # fmt: skip
            if last:
                self._environment.print(f"at the end{last}")
            word = "stopped" if event.stopped else "done"
            kept = f", run {self._run}" if self._run else ""
            self._environment.print(
                f"{word} after {plural(event.epochs, 'epoch')}, {plural(event.steps, 'step')}, "
                f"{event.steps_per_second:.0f} steps per second, {duration(event.seconds)}{kept}"
            )

    def _say(self, hints: Iterable[Hint]) -> None:
        """Print hints on standard error, each once."""
        for hint in hints:
            if hint.key not in self._hinted:
                self._hinted.add(hint.key)
                self._progress.clear()
                self._environment.message(f"nodeflow: hint: {hint}")
