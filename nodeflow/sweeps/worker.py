"""The process that trains trials of a sweep, one after the other: ``-m nodeflow.sweeps.worker``.

The first line of standard input is a `Setup`. Every other line is a trial ``{"trial": 3, "values":
{...}}``, or ``{"stop": 3}``, which ends that trial after its current step. Standard output has the
events, one JSON object per line; output of ops goes to standard error. The process ends when its
input ends, so that it does not outlive the program that started it.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.document.to_graph.variable_ids import slot_names, variable_ids
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.ops.user import load_plugins
from nodeflow.own_output import own_output
from nodeflow.run_store.curves import EPOCH_LOSS
from nodeflow.run_store.recording.best_weights import deciding
from nodeflow.run_store.recording.recorded_facts import About
from nodeflow.run_store.recording.recorder import recording
from nodeflow.run_store.run_records import dumps
from nodeflow.sweeps.setup import Setup, setup_of
from nodeflow.train.control import Control
from nodeflow.train.events import Epoch, Event, RunKept, Started, Steps
from nodeflow.train.loop.checkpointed_training import KeptTraining

COPIES = 2
"""Copies of the variables for recomputing a trial's steps. Few, because many trials are kept."""
TELL_SECONDS = 0.2
"""Seconds between reports of progress within an epoch."""


class Worker:
    """The trainer of a sequence of trials.

    Args:
        tell: takes the events.
    """

    def __init__(self, setup: Setup, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._setup, self._tell = setup, tell
        self._opened: dict[Any, Any] = {}
        self._control, self._number = Control(), 0
        self._stopped: set[int] = set()
        self._lock = threading.Lock()

    def stop(self, number: int | None = None) -> None:
        """Ask one trial of the sweep to end after its current step.

        Args:
            number: the trial, which may begin later; None for the current trial.
        """
        with self._lock:
            if number is not None:
                self._stopped.add(number)
            if number in (None, self._number):
                self._control.stop()

    def train(self, number: int, values: Mapping[str, Any]) -> None:
        """Train one trial."""
        with self._lock:
            self._control, self._number = Control(), number
            if number in self._stopped:
                self._control.stop()
        problem = ""
        try:
            self._train(number, values)
        except NodeflowError as error:
            problem = error.text(self._setup.surface)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        self._tell({"event": "ended", "trial": number, "problem": problem,
                    "stopped": self._control.stopped})  # fmt: skip

    def _train(self, number: int, values: Mapping[str, Any]) -> None:
        setup = self._setup
        document = flow.loads(setup.text)
        document.path = Path(setup.file) if setup.file else None
        document.allowed = setup.allowed
        for name, value in values.items():
            node, _, attr = name.rpartition(".")
            set_value(document, node, attr, value)
        task = Task(document, data_dir=setup.data_dir, opened=self._opened)
        training = task.training()
        key, sign = deciding(training)
        about = About(
            text=flow.dumps(document),
            file=setup.file,
            surface=setup.surface,
            name=f"{setup.name} #{number}",
            ids=(variable_ids(task.build), slot_names(task.build)),
            tags=(setup.name,),
        )
        seed = task.build.settings.seed
        with Session(task.graph, tier=setup.tier, threads=setup.threads, seed=seed) as session:
            session.initialize()
            kept = recording(about)
            begun = KeptTraining(session, training, self._control)
            if kept is None:
                events = begun.events()
            else:
                events = kept.watch(session, training, kept.copying(begun, COPIES).events())
            teller = _Teller(number, key, sign < 0, self._tell)
            for event in events:
                teller.take(event)


class _Teller:
    """A converter of a trial's events to messages for the sweep."""

    def __init__(
        self, number: int, key: str, higher: bool, tell: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._number, self._key, self._higher, self._tell = number, key, higher, tell
        self._steps, self._showing = 0, 0.0

    def take(self, event: Event) -> None:
        if isinstance(event, Started):
            self._steps = event.epochs * event.steps_per_epoch
            self._say("started", epochs=event.epochs, key=self._key, higher=self._higher)
        elif isinstance(event, RunKept):
            self._say("run", run=event.run, problem=event.problem)
        elif isinstance(event, Steps) and self._steps:
            if time.monotonic() - self._showing >= TELL_SECONDS:
                self._showing = time.monotonic()
                self._say("progress", part=min(1.0, event.last / self._steps))
        elif isinstance(event, Epoch):
            loss = event.loss if self._key == EPOCH_LOSS else math.nan
            value = event.metrics.get(self._key, loss)
            part = event.steps / self._steps if self._steps else 0.0
            self._say("epoch", epoch=event.epoch, value=float(value), part=min(1.0, part))

    def _say(self, event: str, **fields: Any) -> None:
        self._tell({"event": event, "trial": self._number, **fields})


def main() -> int:
    """Train the trials from standard input, until it ends."""
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep decides when to stop
    out = own_output()
    first = sys.stdin.readline()
    if not first:
        return 0
    setup = setup_of(first)
    if hasattr(os, "nice") and setup.nice:
        os.nice(setup.nice)
    load_plugins(setup.plugins)
    lock = threading.Lock()

    def tell(fields: Mapping[str, Any]) -> None:
        with lock:
            print(dumps(fields), file=out, flush=True)

    worker = Worker(setup, tell)
    trials: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            request = json.loads(line)
            if "stop" in request:
                worker.stop(request["stop"])
            else:
                trials.put(request)
        trials.put(None)
        worker.stop()

    threading.Thread(target=read, name="nodeflow-sweep-input", daemon=True).start()
    while (request := trials.get()) is not None:
        worker.train(request["trial"], request["values"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
