"""Runs in Python: `nf.runs` lists them; `nf.train.train` and `nf.train.fit` record them."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from nodeflow.data.pipeline.dataset import Dataset
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.to_graph.python_graphs.loaded_document import origin_of
from nodeflow.document.to_graph.python_graphs.python_additions import with_additions
from nodeflow.document.to_graph.python_graphs.save_and_load import graph_of
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph
from nodeflow.paths import runs_folder
from nodeflow.run_store.curves import LOSS, Curve
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.past_steps import open_past
from nodeflow.run_store.recording.recorded_facts import About
from nodeflow.run_store.recording.recorder import recording
from nodeflow.run_store.resume_by_name import states_of
from nodeflow.run_store.run_history import RunEdit, history, settings_in
from nodeflow.run_store.run_records import Run, RunEvent
from nodeflow.run_store.run_step import RunStep
from nodeflow.run_store.runs_as_text import table
from nodeflow.run_store.store import BEST, FINAL, RunStore
from nodeflow.train import train_and_fit
from nodeflow.train.events import Event, RunKept
from nodeflow.train.loop.checkpointed_training import KeptTraining
from nodeflow.train.rewind.kept_past import KeptPast
from nodeflow.train.saving.weights import load_weights
from nodeflow.train.stepping.rows import Rows
from nodeflow.train.train_and_fit import training_on
from nodeflow.train.training import Training

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class KeptRun(Run):
    """A run that reads its curves, graph and weights from the store on demand.

    Attributes:
        folder: the folder of the store.
    """

    folder: Path = Path()

    @functools.cached_property
    def curves(self) -> dict[str, Curve]:
        """The curves by name: ``training loss`` (of each step), ``epoch loss`` and the keys of
        metrics.
        """
        return self._read(lambda store: store.curves(self))

    @property
    def losses(self) -> np.ndarray:
        """The loss of each step, float64 (steps,)."""
        return self.curves[LOSS].values

    @functools.cached_property
    def tables(self) -> dict[str, list[tuple[int, np.ndarray]]]:
        """The (epoch, table) pairs of metrics that are more than a number, by name."""
        return self._read(lambda store: store.tables(self))

    @functools.cached_property
    def events(self) -> list[RunEvent]:
        """The events during the training, such as pauses and edits."""
        return self._read(lambda store: store.events(self))

    @property
    def edits(self) -> tuple[RunEdit, ...]:
        """Changes made during the training and, for a branch, before it continued.

        Each has the number of the last step before it, and the change in words.
        """
        return self._read(lambda store: history(store, self).edits)

    def settings_at(self, step: int) -> dict[str, Any]:
        """Return the settings that a step was made with, including the optimizers' settings.

        Args:
            step: counted from 1; for a branch, also a step of the run that it branched from.
        """
        return self._read(lambda store: settings_in(store, self, step))

    @property
    def text(self) -> str:
        """The graph as the text of a .flow file; raises RunStoreProblem if there is none."""
        return self._read(lambda store: store.graph_text(self))

    def graph(self, allow_data: Iterable[str | os.PathLike[str]] = ()) -> Graph:
        """Return the trained graph, in the form that `nf.load` returns.

        Args:
            allow_data: see `nf.load`.

        Raises:
            RunStoreProblem: a file cannot express the graph.
            OutsideData: its data lie outside the folder of its file, and are not allowed.
        """
        document = flow.loads(self.text)
        document.path = Path(self.file) if self.file else None
        document.allow(*allow_data)
        return graph_of(document)

    def weights(self, best: bool = False) -> dict[str, np.ndarray]:
        """Return the variables at the end, or after the best epoch, by name.

        Raises:
            RunStoreProblem: they were not kept.
            FileProblem: they are damaged, or belong to another run or step.
        """
        path = self._read(lambda store: store.weights(self, BEST if best else FINAL))
        return load_weights(path)

    def at(
        self,
        step: int,
        *,
        graph: Graph | None = None,
        data: Rows | Dataset | None = None,
        feeds: Mapping[Any, Any] | None = None,
        allow_data: Iterable[str | os.PathLike[str]] = (),
        threads: int | None = None,
    ) -> RunStep:
        """Compute a step of the run again: ``run.at(700).run("dense/kernel")``.

        Args:
            step: counted from 1.
            graph, data, feeds: the arguments of `nf.train.train`; needed only for data that are in
                no file.
            allow_data: see `nf.load`.
            threads: the session's number of threads; the values do not depend on it.

        Raises:
            RunStoreProblem: the run still trains, kept no snapshots of its variables, or its data
                were given in Python and are missing here.
            FileProblem: its snapshots are damaged.
            DataError: its data are missing.
            RunError: the run has no such step, or the graph has other variables.
        """

        def training(kept: KeptPast) -> Training:
            about = kept.about
            whole = graph or self.graph(allow_data)
            names = about["optimizer"], about["loss"]
            how = about["settings"], about["stream_steps"]
            found = training_on(whole, data, feeds, *names, *how, about.get("schedule"))
            return replace(found, row_seed=about["row_seed"])

        given = None if graph is None and data is None and feeds is None else training
        found = self._read(
            lambda store: open_past(
                store, self, training=given, allow_data=map(Path, allow_data), threads=threads
            )
        )
        return RunStep(found).go_to(step)

    def _read(self, read: Callable[[RunStore], R]) -> R:
        with RunStore(self.folder, write=False) as store:
            found = read(store)
            _warn(store)
            return found

    def __repr__(self) -> str:
        return f"<run {self.id} {self.name!r}: {self.status}, {self.steps} steps>"


class RunTable(list[KeptRun]):
    """Runs, the newest first; printed as a table."""

    def __repr__(self) -> str:
        return "\n".join(table(self)) if self else "no runs"


def runs(
    run: str | None = None,
    *,
    file: str | os.PathLike[str] | None = None,
    tag: str | None = None,
    starred: bool = False,
    folder: str | os.PathLike[str] | None = None,
) -> RunTable:
    """Return the recorded trainings, the newest first.

    Each has ``id``, ``name``, ``settings``, ``loss``, ``metrics`` and more as attributes. It also
    has ``curves``, ``tables``, ``graph()`` and ``weights()``, which are read on demand:
    ``nf.runs("latest")[0].losses`` is a numpy array.

    Args:
        run: return only this run: an id, its unique beginning, a name, or ``latest``.
        file: return only runs of this file.
        tag: return only runs with this tag.
        starred: return only runs with a star.
        folder: the folder of the store, by default the user's.

    Raises:
        RunStoreProblem: ``NODEFLOW_RUNS`` is off, or the store cannot be read.
        UnknownRun: there is no such run, or several.
    """
    where = Path(folder) if folder is not None else runs_folder()
    if where is None:
        raise RunStoreProblem(
            "runs are not kept: NODEFLOW_RUNS is off", hint="Unset it, or name a folder."
        )
    with RunStore(where, write=False) as store:
        found = store.runs() if run is None else [store.find(run)]
        _warn(store)
    if file is not None:
        wanted = _place(file)
        found = [one for one in found if one.file and _place(one.file) == wanted]
    found = [r for r in found if (tag is None or tag in r.tags) and (r.star or not starred)]
    return RunTable(KeptRun(**vars(one), folder=where) for one in found)


def _warn(store: RunStore) -> None:
    """Emit the notices of the store as warnings."""
    for notice in store.notices:
        warnings.warn(notice, stacklevel=4)


def _place(file: str | os.PathLike[str]) -> str:
    return os.path.realpath(os.path.expanduser(file))


# ---- recording ----------------------------------------------------------------------------------


def graph_text(graph: Graph, folder: Path | None = None) -> str:
    """Return a graph as the text of a .flow file, or an empty text if a file cannot express it."""
    origin = origin_of(graph)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # parts that a file cannot keep do not matter here
        try:
            if origin is not None:
                return flow.dumps(with_additions(origin, graph, folder))
            return flow.dumps(from_graph(graph, folder))
        except NodeflowError:
            return ""


def recorded(begun: KeptTraining, name: str | None) -> Iterator[Event]:
    """Yield the events of a training in Python, and record it as a run."""
    session = begun.session
    task = session.graph.task
    file = getattr(task, "file", None) or getattr(sys.modules.get("__main__"), "__file__", None)
    path = Path(file).absolute() if file else None
    about = About(
        text=graph_text(session.graph, path.parent if path else None),
        file=str(path or ""),
        surface="python",
        name=name or "",
        **states_of(begun.keeping),
    )
    found = recording(about)
    if found is None:
        return begun.events()
    events = found.copying(begun).events()
    return _warning(found.watch(session, begun.training, events))


def _warning(events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events of a training. If an event says that the run cannot be recorded, also emit a
    Python warning.
    """
    for event in events:
        if isinstance(event, RunKept) and event.problem:
            warnings.warn(event.problem, stacklevel=3)
        yield event


def _kept(function: Callable[P, R]) -> Callable[P, R]:
    """Return a training function that also records its trainings as runs; a decorator."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        kwargs.setdefault("recorder", recorded)
        return function(*args, **kwargs)

    return call


train = _kept(train_and_fit.train)
fit = _kept(train_and_fit.fit)
