"""The steps of a finished run, computed again from its graph, data and snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.io import flow
from nodeflow.document.io.consents import remembered
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import RunError, SurfaceText
from nodeflow.graph.graph import Node, Tensor
from nodeflow.number_text import count, counted
from nodeflow.run_store.curves import EPOCH_LOSS, LOSS, Curve
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.recording.data_digests import described, digesting, fed_by
from nodeflow.run_store.run_history import history
from nodeflow.run_store.run_records import RUNNING, Run
from nodeflow.run_store.store import RunStore, past_file
from nodeflow.train.events import Epoch
from nodeflow.train.loop_progress import Progress
from nodeflow.train.resume.identity import machine, versions
from nodeflow.train.rewind.kept_past import KeptPast, load_past
from nodeflow.train.rewind.replay import Past
from nodeflow.train.training import Phase, Training

IN_PYTHON = SurfaceText(
    "Give the data that it was trained with: run.at(step, data=...).",
    cli="Read it in Python: nf.runs(RUN)[0].at(step, data=...).",
    window="Its steps can be seen in the Python program that trained it.",
)


@dataclass(frozen=True)
class RunPast:
    """A run whose steps can be computed again.

    Attributes:
        run: the run.
        past: the input of `Replay`; for an edited training, its part with the newest graph.
        tasks: `Past.start` -> the built document of that part; empty if a training was given.
        differing: everything that has changed, in words: ``the data of x``, ``the version of
            numpy``.
    """

    run: Run
    past: Past
    tasks: Mapping[int, Task]
    differing: tuple[str, ...]

    @property
    def first(self) -> int:
        """The first step of the recorded run that can be replayed, counted from 1: the step after
        the first snapshot.
        """
        return self.parts[0].snapshots.steps[0] + 1

    @property
    def parts(self) -> list[Past]:
        """The recorded parts of the run, in order. An edit of the training ends a part and begins
        the next one.
        """
        found = [self.past]
        while (earlier := found[0].earlier) is not None:
            found.insert(0, earlier)
        return found

    def at(self, step: int) -> tuple[Past, Task | None]:
        """Return the recorded part of the training that contains a step, and the loaded document of
        this part. The document is None if the caller provided the training.
        """
        past = self.past.at(step)
        return past, self.tasks.get(past.start)

    def close(self) -> None:
        """Close the sessions, and free their memory."""
        for part in self.parts:
            part.session.close()

    @property
    def last(self) -> int:
        """The last step of the run."""
        return self.run.steps

    def check(self, step: int) -> None:
        """Raise RunError if the run has no such step."""
        if not self.first <= step <= self.last:
            raise RunError(
                f"the run {self.run.name} has no step {count(step)} to go to",
                hint=f"Its steps are {count(self.first)} to {count(self.last)}.",
            )

    def notices(self, differs_from: int | None) -> tuple[str, ...]:
        """Return notices for the user about values that were computed again.

        Args:
            differs_from: the first step whose loss differs from the recorded one, see `Replay`.
        """
        return tuple(_notices(self.differing, differs_from))


def _notices(differing: tuple[str, ...], differs_from: int | None) -> Iterator[str]:
    what = ", ".join(differing)
    if differs_from is not None:
        why = f": {what} {_have(differing)} changed" if differing else ""
        yield f"From step {count(differs_from)} on, the loss differs from the recorded one{why}."
    elif differing:
        yield f"{what[0].upper()}{what[1:]} {_have(differing)} changed."


def _have(differing: tuple[str, ...]) -> str:
    return "has" if len(differing) == 1 else "have"


def open_past(
    store: RunStore,
    run: Run,
    *,
    training: Callable[[KeptPast], Training] | None = None,
    opened: dict[Any, DataSplits] | None = None,
    data_dir: Path | None = None,
    allow_data: Iterable[str | Path] = (),
    threads: int | None = None,
) -> RunPast:
    """Read the data of a run, and return everything that is needed to compute its steps again.

    Args:
        training: returns the training, instead of the run's text.
        opened, data_dir: see `Task`.
        allow_data: paths outside its folder that the document may read.

    Raises:
        RunStoreProblem: the run still trains, has no snapshots, or its data were given in Python.
        FileProblem: its snapshots are damaged.
        DataError: its data are missing.
        RunError: the given graph has other variables.
    """
    past, tasks = None, dict[int, Task]()
    for after, kept in _kept(store, run).items():
        if training is None:
            task = tasks[after] = _task(
                store, run, after, allow_data, opened=opened, data_dir=data_dir
            )
            trained = _training(task, kept)
            _check_fed(run, trained)
        else:
            trained = training(kept)
        session = kept.session(trained.loss.graph, threads)
        found = kept.past(session, trained, _progress(store, run, kept))
        past = replace(found, start=after, earlier=past)
    assert past is not None
    past.marks[:] = [(edit.step, edit.mark) for edit in history(store, run).edits]
    return RunPast(run, past, tasks, tuple(_differing(store, run, past.training)))


def _kept(store: RunStore, run: Run) -> dict[int, KeptPast]:
    """Load the recorded data for replaying a run. It has one file for each part between edits.

    Return the parts by the number of the last step before them.

    Raises:
        RunStoreProblem: the run still trains, or kept no copies of its variables.
    """
    edits = [0, *store.edits(run)]
    paths = {after: store.checked(run, past_file(after)) for after in edits}
    if run.status == RUNNING:
        raise RunStoreProblem(
            f"the run {run.id} still trains", hint="Its steps are kept at its end."
        )
    found = {after: path for after, path in paths.items() if path is not None}
    if not found:
        raise RunStoreProblem(
            f"the steps of the run {run.id} cannot be computed again: it kept no copies of its "
            "variables",
            hint="It was interrupted, is of an earlier version, or its variables are too large.",
        )
    return {after: load_past(path) for after, path in found.items()}


def _task(
    store: RunStore, run: Run, after: int, allow_data: Iterable[str | Path], **how: Any
) -> Task:
    """Return the run's graph after a step; relative data paths start at the folder of its file."""
    document = flow.loads(store.graph_text(run, after))
    if run.file:
        document.path = Path(run.file)
        document.allowed = remembered(document.path)
    document.allow(*allow_data)
    return Task(document, **how, for_edits=True)


def _training(task: Task, kept: KeptPast) -> Training:
    """Return the training of a recorded run. Settings that the run recorded replace the settings in
    its file.

    Raises:
        RunStoreProblem: the batches came from a data set in Python, which was not kept.
    """
    about = kept.about
    if about["stream"]:
        raise RunStoreProblem(
            "the batches of this run were elements of a data set in Python, which is not kept",
            hint=IN_PYTHON,
        )
    phases = [
        Phase(_node(task, phase["optimizer"]), task.tensor(phase["loss"]), phase["steps"],
              phase["from"])
        for phase in about.get("schedule") or ()
    ]  # fmt: skip
    if phases:
        training = task.training(schedule=phases)
    else:
        node, loss = _node(task, about["optimizer"]), task.tensor(about["loss"])
        training = task.training(optimizer=node, loss=loss)
    plain = {name: v for name, v in about["settings"].items() if name in training.plain()}
    return replace(training, metrics=(), **plain, row_seed=about["row_seed"])


def _node(task: Task, name: str) -> Node:
    found = task.fetchable(name)
    return found.node if isinstance(found, Tensor) else found


def _check_fed(run: Run, training: Training) -> None:
    """Raise RunStoreProblem if a placeholder that was fed has no data now."""
    fed = {t.name for t in (*training.bindings, *training.feeds)}
    missing = [name for name in run.data if name not in fed]
    if missing:
        raise RunStoreProblem(
            f"the data of {', '.join(missing)} were given in Python, and are not kept",
            hint=IN_PYTHON,
        )


def _progress(store: RunStore, run: Run, kept: KeptPast) -> Progress:
    """Return the recorded losses and epochs."""
    curves = store.curves(run)
    losses = curves[LOSS]
    state = kept.states[0]
    before = int(losses.step[0]) - 1 if len(losses) else state["before"]
    progress = Progress(state["first_epoch"], before, state["runs"])
    progress.count(_without_gaps(losses))
    ends = curves.get(EPOCH_LOSS)
    if ends is not None:
        progress.epochs = [
            Epoch(int(epoch), float(value), {}, int(step) - before, float(seconds))
            for epoch, value, step, seconds in zip(
                ends.epoch, ends.values, ends.step, ends.seconds, strict=True
            )
        ]
    return progress


def _without_gaps(losses: Curve) -> np.ndarray:
    """Return the losses up to the first missing step. A failed write may leave such a gap."""
    gaps = np.flatnonzero(np.diff(losses.step) != 1)
    return losses.values[: gaps[0] + 1] if len(gaps) else losses.values


# ---- differences --------------------------------------------------------------------------------


def _differing(store: RunStore, run: Run, training: Training) -> Iterator[str]:
    """Yield descriptions of what differs from the recorded run now: data, versions and machine."""
    changed = [name for name, said in _fed(store, training).items() if _differs(run, name, said)]
    if changed:
        yield f"the data of {', '.join(changed)}"
    for what, before, now in (
        ("version of", run.versions, versions()),
        ("", run.machine, machine() if run.machine else {}),
    ):
        names = [name for name, value in now.items() if before.get(name, value) != value]
        if names:
            yield f"the {what}{' ' if what else ''}{_listed(names)}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {counted(len(names) - 1, 'other')}"


def _fed(store: RunStore, training: Training) -> dict[str, Mapping[str, Any]]:
    """Return the current description of the data, by placeholder."""
    found: dict[str, Mapping[str, Any]] = {}
    for fed in fed_by(training):
        stamp = fed.stamp
        digest, weak = (store.digest(stamp) if stamp else None), False
        if digest is None:
            try:
                digest, weak = _run_out(digesting(fed))
            except OSError:
                digest = ""
        found |= dict.fromkeys(fed.names, described(fed, digest, weak))
    return found


def _run_out(steps: Any) -> tuple[str, bool]:
    """Run a generator to its end, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _differs(run: Run, name: str, now: Mapping[str, Any]) -> bool:
    before = run.data.get(name)
    if before is None:
        return False
    if before.get("rows") != now["rows"]:
        return True
    return bool(before.get("digest") and now["digest"]) and before["digest"] != now["digest"]
