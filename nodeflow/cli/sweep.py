"""``nodeflow sweep``: train a graph with many values of attributes and settings, several at once.

Each trial is ``nodeflow train`` in a process of its own, and a run. What fails is reported, and the
rest goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from nodeflow.cli.environment import DONE, INTERRUPTED, PROBLEM, Environment
from nodeflow.cli.load import load_document
from nodeflow.cli.output import duration, json_line, plural
from nodeflow.cli.values import split_assignment
from nodeflow.errors import NodeflowError
from nodeflow.paths import runs_folder
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.records import DIVERGED, FAILED, Run
from nodeflow.run_store.store import RunStore
from nodeflow.run_store.text import aligned, figure
from nodeflow.sweeps.results import Result, correlations, ranked
from nodeflow.sweeps.specs import Spec, spec_of
from nodeflow.sweeps.trials import Trial, trials

SHOWN = 10
"""Trials in the table at the end."""


def sweep(arguments: argparse.Namespace, environment: Environment) -> int:
    """Train all trials and print the best; Ctrl-C ends those that run.

    Raises:
        RunStoreProblem: runs are switched off.
        SpecProblem: a value cannot be understood, or nothing varies.
        FileProblem, UnknownName, AttributeProblem: in the file, or a name.
    """
    specs, fixed = _parted(arguments.settings)
    found = trials(specs, arguments.trials, arguments.draw_seed)
    if runs_folder() is None:
        raise RunStoreProblem(
            "a sweep keeps its trials as runs, and NODEFLOW_RUNS is off", hint="Unset it."
        )
    arguments.settings = [*fixed, *_settings(found[0])]
    document = load_document(arguments, environment)  # a wrong name is said once, and now
    name = arguments.name or f"sweep {document.path.stem if document.path else ''}".strip()
    command = _command(arguments, fixed, environment)
    pool = _Pool(command, name, min(arguments.parallel, len(found)), environment)
    results: list[Result] = []
    try:
        for result in pool.results(found):
            results.append(result)
            _report(result, len(found), arguments.json, environment)
    except KeyboardInterrupt:
        pool.stop()
        _finish(results, arguments.json, environment)
        return INTERRUPTED
    _finish(results, arguments.json, environment)
    return PROBLEM if any(result.problem for result in results) else DONE


def _parted(settings: Sequence[str]) -> tuple[list[Spec], list[str]]:
    """What varies, and what is set in all trials."""
    specs, fixed = [], []
    for text in settings:
        name, value = split_assignment(text, "NODE.ATTR=SPEC")
        spec = spec_of(name, value)
        if spec is None:
            fixed.append(text)
        else:
            specs.append(spec)
    return specs, fixed


def _settings(trial: Trial) -> list[str]:
    return [f"{name}={json.dumps(value)}" for name, value in trial.values.items()]


def _command(
    arguments: argparse.Namespace, fixed: Sequence[str], environment: Environment
) -> list[str]:
    """The command that all trials have in common."""
    command = [sys.executable, "-m", "nodeflow", "train", str(environment.path(arguments.file))]
    command += ["--json", "--tier", arguments.tier]
    for text in fixed:
        command += ["--set", text]
    for option, value in (
        ("--epochs", arguments.epochs),
        ("--seed", arguments.seed),
        ("--data-dir", arguments.data_dir),
        ("--plugins", arguments.plugins),
    ):
        command += [option, str(value)] if value is not None else []
    for option, values in (
        ("--dataset", arguments.datasets),
        ("--allow-data", arguments.allowed_data),
    ):
        command += [part for value in values for part in (option, value)]
    cores = arguments.threads or max(1, (os.cpu_count() or 1) // arguments.parallel)
    return [*command, "--threads", str(cores)]


class _Pool:
    """Trains some trials at once.

    Args:
        name: of the sweep, which its runs have as a tag.
    """

    def __init__(
        self, command: list[str], name: str, workers: int, environment: Environment
    ) -> None:
        self._command, self._name, self._workers = command, name, workers
        self._folder = environment.folder
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = threading.Event()

    def results(self, found: Sequence[Trial]) -> Iterator[Result]:
        """The results, as they come."""
        waiting: queue.SimpleQueue[Trial] = queue.SimpleQueue()
        ready: queue.SimpleQueue[Result] = queue.SimpleQueue()
        for trial in found:
            waiting.put(trial)

        def work() -> None:
            while not self._stopped.is_set():
                try:
                    trial = waiting.get_nowait()
                except queue.Empty:
                    return
                ready.put(self._train(trial))

        for number in range(self._workers):
            threading.Thread(target=work, name=f"nodeflow-sweep-{number}", daemon=True).start()
        for _ in found:
            yield ready.get()

    def stop(self) -> None:
        """End the trials that run, as Ctrl-C does."""
        self._stopped.set()
        for process in list(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        for process in list(self._running):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _train(self, trial: Trial) -> Result:
        command = [*self._command, "--run-name", f"{self._name} #{trial.number}"]
        for text in _settings(trial):
            command += ["--set", text]
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.add(process)
        try:
            out, err = process.communicate()
        finally:
            self._running.discard(process)
        return self._result(trial, process.returncode, out, err, time.monotonic() - started)

    def _result(self, trial: Trial, code: int, out: str, err: str, seconds: float) -> Result:
        said = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        ids = [one["run"] for one in said if one.get("event") == "run" and one["run"]]
        try:
            run, problem = self._kept(ids), ""
        except NodeflowError as error:
            run, problem = None, error.message
        if code != DONE and not problem:
            problem = run.ending if run and run.status in (DIVERGED, FAILED) else _said(err)
        return Result(trial, run, problem, seconds)

    def _kept(self, ids: Sequence[str]) -> Run | None:
        """The run of a trial, which has the sweep as a tag from now on."""
        if not ids:
            return None
        with RunStore() as store:
            store.edit(ids[:1], tags=(self._name,))
            return store.get(ids[0])


def _said(err: str) -> str:
    """What a command has said of its failure."""
    lines = [line.removeprefix("nodeflow: ") for line in err.splitlines() if line.strip()]
    errors = [line for line in lines if not line.startswith(("hint:", "note:", "warning:"))]
    return (errors or lines or ["it said nothing"])[0]


def _report(result: Result, count: int, as_json: bool, environment: Environment) -> None:
    """Say how a trial ended."""
    if as_json:
        environment.print(json_line({"event": "trial", **_plain(result)}))
        return
    values = "  ".join(f"{name} {_text(value)}" for name, value in result.trial.values.items())
    outcome = result.problem or f"{result.key} {figure(result.value)}"
    place = f"trial {result.trial.number} of {count}"
    environment.print(f"{place}  {values}  {outcome}  {duration(result.seconds)}")


def _finish(results: Sequence[Result], as_json: bool, environment: Environment) -> None:
    """Print the best trials, and how each parameter goes with the result."""
    best, related = ranked(results), correlations(results)
    if as_json:
        fields = {"event": "done", "trials": [_plain(one) for one in best]}
        environment.print(json_line({**fields, "rank_correlation": related}))
        return
    if not best:
        return
    names = list(best[0].trial.values)
    key = next((one.key for one in best if one.key), "result")
    rows = [("trial", *names, key, "run")]
    rows += [
        (
            str(one.trial.number),
            *(_text(one.trial.values[name]) for name in names),
            "failed" if one.problem else figure(one.value),
            one.run.id if one.run else "",
        )
        for one in best[:SHOWN]
    ]
    environment.print()
    for line in aligned(rows):
        environment.print(line)
    for name, value in related.items():
        environment.print(f"rank correlation of {name} with {key}: {value:+.2f}")
    failed = sum(bool(one.problem) for one in best)
    if failed:
        environment.print(f"{plural(failed, 'trial')} failed")


def _plain(result: Result) -> dict[str, Any]:
    run = result.run
    return {
        "trial": result.trial.number,
        "values": dict(result.trial.values),
        "run": run.id if run else None,
        "key": result.key or None,
        "value": None if result.value != result.value else result.value,
        "epoch": run.best.get("epoch") if run else None,
        "seconds": round(result.seconds, 3),
        **({"problem": result.problem} if result.problem else {}),
    }


def _text(value: Any) -> str:
    return figure(value) if isinstance(value, float) else json.dumps(value)
