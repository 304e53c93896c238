"""``nodeflow train``: train a graph, report its progress, save its weights."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from nodeflow.cli.environment import DONE, INTERRUPTED, Environment
from nodeflow.cli.load import load_task, open_session
from nodeflow.cli.output import (
    duration,
    json_line,
    number,
    plural,
    show_notices,
    value_text,
    write_trace,
)
from nodeflow.cli.progress import Progress
from nodeflow.cli.values import ArgumentProblem
from nodeflow.document.build.built import Build
from nodeflow.document.build.variable_ids import slot_names, variable_ids
from nodeflow.engine.session import Session
from nodeflow.errors import NonFiniteError
from nodeflow.train.control import Control
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.events import Diverged, Done, Epoch, Event, Hints, Started, Steps, as_json
from nodeflow.train.hints import DIVERGING, Hint
from nodeflow.train.loop import explain, profile
from nodeflow.train.loop import train as train_events
from nodeflow.train.settings import TrainingSettings, declared
from nodeflow.train.training import Training
from nodeflow.train.weights import check_writable, save_weights

LOSS, MONITOR = "loss", "training.monitor"


def train(arguments: argparse.Namespace, environment: Environment) -> int:
    """Train; Ctrl-C ends it after the current step and still saves the weights.

    Raises:
        NodeflowError: in file, data, graph or run.
    """
    arguments.settings = [*arguments.settings, *from_options(arguments)]
    task = load_task(arguments, environment)
    training = task.training()
    _check_monitor(arguments, task.build.settings)
    for written in filter(None, (arguments.save_weights, arguments.profile)):
        check_writable(environment.path(written))  # fail now, not after an hour of training
    show_notices(task.notices(), environment)
    control = Control()
    with (
        open_session(task, arguments, environment) as session,
        _stop_on_interrupt(control),
    ):
        if arguments.explain:
            environment.print(explain(session, training))
            return DONE
        if arguments.profile:
            write_trace(profile(session, training), arguments.profile, environment)
        json = arguments.json
        report = _JsonReport(environment) if json else _TextReport(environment, training)
        doctor = Doctor(training, session.run)
        kept = 0
        try:
            for event in doctor.examined(train_events(session, training, control)):
                report.show(event)
                kept = event.kept_epoch if isinstance(event, Diverged) else kept
        except NonFiniteError:
            if arguments.save_weights and kept:  # an hour's work, up to where it went wrong
                _save(arguments, environment, session, task.build)
            raise
        if arguments.save_weights:
            _save(arguments, environment, session, task.build)
    return INTERRUPTED if control.stopped else DONE


def from_options(arguments: argparse.Namespace) -> list[str]:
    """``--epochs 3`` and the like as ``--set training.epochs=3``."""
    options = (s.name for s in declared(TrainingSettings) if s.option)
    given = {name: getattr(arguments, name) for name in options}
    return [f"training.{name}={value}" for name, value in given.items() if value is not None]


def _check_monitor(arguments: argparse.Namespace, settings: TrainingSettings) -> None:
    """What is to be watched has to be watched by something.

    Raises:
        ArgumentProblem: ``--monitor`` is given, and nothing switches early stopping on.
    """
    given = any(text.startswith(f"{MONITOR}=") for text in arguments.settings)
    if given and settings.monitor is not None and settings.patience is None:
        raise ArgumentProblem(
            "--monitor says what early stopping watches, and early stopping is off",
            hint="Switch it on with --patience, such as --patience 5.",
        )


def _save(
    arguments: argparse.Namespace, environment: Environment, session: Session, built: Build
) -> None:
    path = environment.path(arguments.save_weights)
    variables = dict(session.variables.items())
    save_weights(path, variables, variable_ids(built), slot_names(built))
    environment.message(f"nodeflow: weights saved to {arguments.save_weights}")


@contextmanager
def _stop_on_interrupt(control: Control) -> Iterator[None]:
    """Ctrl-C stops the training after the current step; a second one raises at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        if control.stopped:
            raise KeyboardInterrupt
        control.stop()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


class _JsonReport:
    """One JSON object per line."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def show(self, event: Event) -> None:
        fields = as_json(event)
        if fields is not None:
            self._environment.print(json_line(fields))


class _TextReport:
    """A progress bar on standard error and one line per epoch on standard output."""

    def __init__(self, environment: Environment, training: Training) -> None:
        self._environment = environment
        # the loss of an epoch is printed as `loss`, so a metric of that name says where it is from
        self._titles = {m.key: f"{m.split}/{m.key}" for m in training.measured() if m.key == LOSS}
        self._progress = Progress(environment)
        self._hinted: set[tuple[str, str]] = set()
        self._waiting: list[Hint] = []

    def show(self, event: Event) -> None:
        if not isinstance(event, Diverged):  # its error says the same
            self._say(self._waiting)
        self._waiting = []
        if isinstance(event, Started):
            self._progress.start(event.epochs * event.steps_per_epoch)
        elif isinstance(event, Steps):
            self._progress.advance(event.last, f"{LOSS} {number(float(event.losses[-1]))}")
        elif isinstance(event, Epoch):
            self._progress.clear()
            named = ((self._titles.get(key, key), v) for key, v in event.metrics.items())
            metrics = "".join(f"  {title} {number(value)}" for title, value in named)
            self._environment.print(
                f"epoch {event.epoch}  {LOSS} {number(event.loss)}{metrics}  "
                f"{duration(event.seconds)}"
            )
        elif isinstance(event, Hints):
            self._waiting = [hint for hint in event.hints if hint.kind == DIVERGING]
            self._say(hint for hint in event.hints if hint.kind != DIVERGING)
        elif isinstance(event, Diverged):
            self._progress.clear()
        elif isinstance(event, Done):
            self._progress.clear()
            for name, table in event.tables.items():
                self._environment.print(value_text(name, table))
            if event.reason or event.best_epoch:
                self._environment.print(event.ending)
            word = "stopped" if event.stopped else "done"
            self._environment.print(
                f"{word} after {plural(event.epochs, 'epoch')}, {plural(event.steps, 'step')}, "
                f"{event.steps_per_second:.0f} steps per second, {duration(event.seconds)}"
            )

    def _say(self, hints: Iterable[Hint]) -> None:
        """Hints go to standard error, each once."""
        for hint in hints:
            if hint.key not in self._hinted:
                self._hinted.add(hint.key)
                self._progress.clear()
                self._environment.message(f"nodeflow: hint: {hint}")
