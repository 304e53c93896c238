"""A recording of a run, for a web page that computes nothing: its curves, and values of some
steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from nodeflow.document.analysis.subgraphs.instance_paths import scoped_name
from nodeflow.document.edit.stage import views_of
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import Cancelled, NodeflowError, full_text
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.page_recording import RecordedStep, Recording
from nodeflow.host.past.replayed_values import Replayed, bring_to
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.view_kind import discover_kinds
from nodeflow.host.views.views_on_nodes import pinned_views
from nodeflow.host.views.watched_views import view_value
from nodeflow.run_store.curves import EPOCH_LOSS
from nodeflow.run_store.past_steps import RunPast, open_past
from nodeflow.run_store.run_history import history
from nodeflow.run_store.run_records import Run
from nodeflow.run_store.store import RunStore
from nodeflow.train.rewind.replay import Past, Replay

MOST_STEPS = 60
MAIN_VIEWS = ("regions", "plot", "predictions", "class_accuracy")
"""Without a stage, the main view shows the first of these kinds of views that the graph has."""
STAGED = "*"
"""The key of the view on the stage among the views of nodes; no node has this name."""


def record(
    store: RunStore,
    run: Run,
    *,
    data_dir: Path | None = None,
    allow_data: Iterable[str | Path] = (),
    threads: int | None = None,
    most: int = MOST_STEPS,
    report: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Recording:
    """Compute the values of some steps of a run again, and return them with its curves.

    The first and the last step are among them, and more lie at the beginning than at the end,
    because a training learns most at first.

    If the steps cannot be computed again, the recording has only the curves and the reason.

    Args:
        most: the maximum number of steps.
        report: takes the number of recorded steps, and of all steps to record.
        cancelled: returns whether to stop.

    Raises:
        Cancelled: ``cancelled`` returned True.
        RunStoreProblem: the store or the graph of the run is damaged.
        RunError: a step fails.
    """
    curves = tuple(c for name, c in store.curves(run).items() if name != EPOCH_LOSS and len(c))
    marks = tuple((edit.step, edit.mark) for edit in history(store, run).edits)
    try:
        found = open_past(store, run, data_dir=data_dir, allow_data=allow_data, threads=threads)
    except NodeflowError as problem:
        document = flow.loads(store.graph_text(run, run.steps))
        return Recording(run.name, document, (), curves, marks, notices=(_reason(problem),))
    _, task = found.at(found.last)
    assert task is not None  # the document was not given in Python
    specs = pinned_views(task.document)
    main = _main_view(specs)
    if (staged := _staged_view(task.document)) is not None:
        on_node = specs.get(staged.name)
        is_same = on_node is not None and on_node.kind == staged.kind
        main = staged.name if is_same else STAGED
        specs = specs if is_same else {**specs, STAGED: staged}
    values = _Values(found, specs, cancelled)
    try:
        chosen = chosen_steps(found.first, found.last, most)
        steps = []
        for step in chosen:
            report(len(steps), len(chosen))
            steps.append(values.at(step))
        return Recording(
            run.name,
            task.document,
            tuple(steps),
            curves,
            marks,
            main,
            tuple(dict.fromkeys(values.notices)),
        )
    finally:
        values.close()
        found.close()


def _reason(problem: NodeflowError) -> str:
    return f"The page shows no values: {full_text('', problem.message, problem.hint, 'cli')}"


def chosen_steps(first: int, last: int, most: int = MOST_STEPS) -> list[int]:
    """Return at most ``most`` steps from first to last, closer together at the beginning.

    >>> chosen_steps(1, 3), chosen_steps(1, 101, 5)
    ([1, 2, 3], [1, 7, 26, 57, 101])
    """
    if last - first < most:
        return list(range(first, last + 1))
    parts = np.linspace(0, 1, most) ** 2
    return np.unique(first + np.round(parts * (last - first)).astype(int)).tolist()


def _main_view(specs: Mapping[str, ViewSpec]) -> str | None:
    ranks = {kind: rank for rank, kind in enumerate(MAIN_VIEWS)}
    return min(specs, key=lambda name: ranks.get(specs[name].kind, len(ranks)), default=None)


def _staged_view(document: Document) -> ViewSpec | None:
    """Return the last pinned view of the document that a page can show. The view that was pinned
    last is the main one. Return None if there is none.
    """
    for view in reversed(views_of(document)):
        name = scoped_name(document, view.node) if view.node else None
        if name is not None and view.view in discover_kinds():
            return ViewSpec(view.view, name)
    return None


class _Values:
    """A replay that computes steps in ascending order."""

    def __init__(
        self, found: RunPast, specs: Mapping[str, ViewSpec], cancelled: Callable[[], bool]
    ) -> None:
        self._found, self._specs, self._cancelled = found, specs, cancelled
        self._past: Past | None = None
        self._replay: Replay | None = None
        self._evaluator: Evaluator | None = None
        self.notices: list[str] = []

    def at(self, step: int) -> RecordedStep:
        """Return the values of a step."""
        if self._cancelled():
            raise Cancelled("the recording is not needed")
        past, task = self._found.at(step)
        assert task is not None
        if past is not self._past or self._replay is None or self._evaluator is None:
            self.close()
            self._past, self._replay = past, Replay(past)
            self._evaluator = Evaluator(task.document) if self._specs else None
        bring_to(self._replay, step, self._cancelled, lambda done, total, preparing: None)
        shown = Replayed(self._replay, task, step, self._found.run.id, self._found.notices)
        views = {}
        if self._evaluator is not None:
            source = partial(self._evaluator.view_source, shown.variables())
            views = {name: view_value(source, spec) for name, spec in self._specs.items()}
        previews = shown.previews(None)
        self.notices += shown.notices
        return RecordedStep(step, self._replay.epoch, previews, views)

    def close(self) -> None:
        """Free the memory of the last computed step."""
        if self._replay is not None:
            self._replay.close()
        if self._evaluator is not None:
            self._evaluator.session.close()
