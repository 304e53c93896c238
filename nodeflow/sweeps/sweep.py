"""A running sweep: it distributes trials to processes, and collects and stores their results."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nodeflow.engine.cores import cores
from nodeflow.errors import NodeflowError
from nodeflow.run_store.run_records import new_id
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.grid_and_random_trials import Trial
from nodeflow.sweeps.kept import KeptSweep, keep
from nodeflow.sweeps.plan import Plan
from nodeflow.sweeps.pool import GONE, Process, Said
from nodeflow.sweeps.results import CANCELLED, DONE, FAILED, PRUNED, TRAINING, Result
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sources import Source, source_of

STOP_SECONDS = 10.0
"""Seconds for a trial to end by itself before it is killed."""
KEEP_SECONDS = 1.0
"""Seconds between writes of the results while trials train."""


class Sweep:
    """A sweep over the trials of a plan. The caller's thread trains them by `run`.

    Args:
        changed: takes each changed result, on the thread of `run`.

    Raises:
        SpecProblem, NotOffered, SoftwareMissing: the same as `source_of`.
        RunStoreProblem: runs are switched off.

    Attributes:
        count: number of all trials.
        results: results of the trials that have begun, by number.
        problem: the reason why the sweep is not kept; empty if it is.
    """

    def __init__(
        self, plan: Plan, setup: Setup, changed: Callable[[Result], None] = lambda result: None
    ) -> None:
        self.plan, self._changed = plan, changed
        self._source: Source = source_of(plan)
        self.count = self._source.count
        self.results: dict[int, Result] = {}
        self.problem = ""
        self._workers = max(1, min(plan.parallel, self.count))
        self.setup = setup
        self._inbox: queue.SimpleQueue[Said | None] = queue.SimpleQueue()
        self._processes = [Process(setup, self._inbox) for _ in range(self._workers)]
        self._began: dict[int, float] = {}
        self._kill_at: dict[int, float] = {}
        self._pruned: set[int] = set()
        self._lock = threading.Lock()
        self._cancelled: set[int] = set()
        self._ends = False
        self._record = KeptSweep(
            new_id().replace("r", "s", 1), setup.name, setup.file, time.time(), plan.plain
        )
        self._kept_at = 0.0

    @property
    def id(self) -> str:
        """The id of the sweep in the store."""
        return self._record.id

    def listen(self, changed: Callable[[Result], None]) -> None:
        """Set the callback that gets each result of the sweep when it changes. Call this before
        `run`.
        """
        self._changed = changed

    # ---- any thread ---------------------------------------------------------------------------

    def cancel(self, number: int | None = None) -> None:
        """Tell one trial, or the whole sweep, to end. Return at once."""
        with self._lock:
            if number is None:
                self._ends = True
            else:
                self._cancelled.add(number)
        self._inbox.put(None)

    def kill(self) -> None:
        """Kill all processes, because the program ends."""
        self._ends = True
        for process in self._processes:
            process.kill()

    # ---- the thread of the sweep --------------------------------------------------------------

    def run(self) -> list[Result]:
        """Train all trials, and return their results in trial order."""
        try:
            while self._give_out():
                self._listen()
        finally:
            for process in self._processes:
                process.close(STOP_SECONDS)
            self._record = replace(self._record, ended=True)
            self._keep()
        return [self.results[number] for number in sorted(self.results)]

    def _give_out(self) -> bool:
        """Give trials to free processes. Return whether any process trains."""
        for process in self._processes:
            if process.number is None and not self._ends:
                trial = self._source.next()
                if trial is None:
                    break
                self._begin(process, trial)
        return any(process.number is not None for process in self._processes)

    def _begin(self, process: Process, trial: Trial) -> None:
        self._began[trial.number] = time.monotonic()
        self._note("ask", trial.number)
        self._set(Result(trial, TRAINING))
        process.give(trial)

    def _listen(self) -> None:
        """Wait for a message of a process, and carry out cancellations."""
        try:
            said = self._inbox.get(timeout=KEEP_SECONDS)
        except queue.Empty:
            said = None
        if said is not None:
            self._take(*said)
        with self._lock:
            wanted = set(self._cancelled)
        for process in self._processes:
            number = process.number
            if number is not None and (self._ends or number in wanted or number in self._pruned):
                self._stop(process, number)
        if time.monotonic() - self._kept_at > KEEP_SECONDS:
            self._keep()

    def _stop(self, process: Process, number: int) -> None:
        if number not in self._kill_at:
            self._kill_at[number] = time.monotonic() + STOP_SECONDS
            process.stop()
        elif time.monotonic() > self._kill_at[number]:
            process.kill()

    def _take(self, process: Process, said: Mapping[str, Any]) -> None:
        number, kind = process.number, said["event"]
        if number is None or (kind != GONE and said["trial"] != number):
            return
        result = self.results[number]
        if kind == GONE:
            words = said["said"]
            why = f"its process ended with {_code(said['code'])}" + (f": {words}" if words else "")
            self._end(process, result, why, stopped=number in self._kill_at)
        elif kind == "ended":
            self._end(process, result, said["problem"], said["stopped"])
        elif kind == "started":
            fields = {name: said[name] for name in ("epochs", "key", "higher")}
            self._set(replace(result, **fields))
        elif kind == "run":
            self._set(replace(result, run=said["run"] or result.run))
        elif kind == "progress":
            self._set(replace(result, part=said["part"]))
        elif kind == "epoch":
            self._take_epoch(result, said)

    def _take_epoch(self, result: Result, said: Mapping[str, Any]) -> None:
        if result.trial.number in self._pruned:
            return  # ignore epochs from before the process was told to stop
        value = _number(said["value"])
        result = replace(result, epoch=said["epoch"], part=said["part"])
        if math.isfinite(value):
            better = replace(result, value=value, best_epoch=result.epoch)
            if math.isnan(result.value) or better.loss < result.loss:
                result = better
        self._set(result)
        goes_on = self._source.sees(result, value)
        if not goes_on and result.epoch < result.epochs:
            self._pruned.add(result.trial.number)

    def _end(self, process: Process, result: Result, problem: str, stopped: bool) -> None:
        number = result.trial.number
        process.number = None
        if number in self._pruned:
            result = replace(result, state=PRUNED)
        elif stopped and number in self._kill_at:
            result = replace(result, state=CANCELLED)
        elif problem:
            result = replace(result, state=FAILED, problem=problem)
        else:
            result = replace(result, state=DONE, part=1.0)
        self._note("tell", number)
        self._source.ended(result)
        self._set(result)

    def _note(self, kind: str, number: int) -> None:
        self._record = replace(self._record, order=(*self._record.order, (kind, number)))

    def _set(self, result: Result) -> None:
        seconds = time.monotonic() - self._began[result.trial.number]
        result = self.results[result.trial.number] = replace(result, seconds=round(seconds, 3))
        self._changed(result)

    def _keep(self) -> None:
        """Write the results. If that fails, the sweep continues."""
        self._kept_at = time.monotonic()
        results = tuple(self.results[number] for number in sorted(self.results))
        self._record = replace(self._record, results=results)
        try:
            with RunStore() as store:
                keep(store, self._record)
        except NodeflowError as error:
            self.problem = error.message


def threads_each(parallel: int) -> int:
    """Return the number of threads of each process, if ``parallel`` trials train at once."""
    return max(1, cores() // max(1, parallel))


def part_done(sweep: Sweep) -> float:
    """Return the finished fraction of a sweep, 0 to 1."""
    parts = (1.0 if r.is_over else r.part for r in list(sweep.results.values()))
    return min(1.0, sum(parts) / max(1, sweep.count))


def check_store() -> None:
    """Raise RunStoreProblem if runs are switched off or cannot be written."""
    with RunStore():
        pass


def _number(value: Any) -> float:
    return float(value.replace("Infinity", "inf")) if isinstance(value, str) else float(value)


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit status {code}"
