"""A recording of a run has the values that its steps had."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.errors import Cancelled
from nodeflow.host.past.record_for_page import MOST_STEPS, chosen_steps, record
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore


@pytest.fixture
def trained(tmp_path, monkeypatch) -> dict[int, float]:
    """The loss of each step of a kept training."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    history = nf.train.fit(nf.load(example("spirals")), epochs=6, run_name="six")
    return dict(enumerate(history.steps.tolist(), start=1))


def test_each_step_has_its_values_and_views(trained) -> None:
    reports = []
    with RunStore(write=False) as store:
        found = record(store, store.find("six"), report=lambda *at: reports.append(at))
    steps = [step.step for step in found.steps]
    assert steps == chosen_steps(1, len(trained)) and len(steps) <= MOST_STEPS
    assert (steps[0], steps[-1]) == (1, len(trained)) and reports[0] == (0, len(steps))
    for step in found.steps:
        assert float(step.values["loss"].array) == np.float32(trained[step.step])
        assert step.epoch == 1 + (step.step - 1) // (len(trained) // 6)
    (kept,) = nf.runs("six")
    with kept.at(steps[-1]) as last:
        low, high = (f(last.run("W1")) for f in (np.min, np.max))
    shown = found.steps[-1].values["W1"]
    assert (shown.minimum, shown.maximum) == (pytest.approx(low), pytest.approx(high))
    assert found.main == "logits"
    first, last = (step.views["logits"].data for step in (found.steps[0], found.steps[-1]))
    assert first.classes.shape == (60, 60) and (first.classes != last.classes).any()
    assert [curve.name for curve in found.curves] == ["training loss", "accuracy"]
    assert flow.dumps(found.document) == flow.dumps(flow.load(example("spirals")))


def test_the_main_view_is_the_one_on_the_stage(tmp_path, monkeypatch) -> None:
    """The layer has no view of its own; its card keeps its values."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    nf.train.fit(nf.load(example("mnist_layers")), epochs=1, run_name="one")
    with RunStore(write=False) as store:
        found = record(store, store.find("one"), most=2)
    assert found.main is not None and found.main not in found.steps[0].values
    first, last = (step.views[found.main] for step in found.steps)
    assert (last.spec.kind, last.spec.name) == ("class_accuracy", "logits")
    assert first.data is not None and repr(last.data) != repr(first.data)
    page = page_file(found.document, title="one", recording=found)
    assert page.count('id="main-view"') == 1 and 'aria-label="logits, ' in page


def test_it_can_be_cancelled(trained) -> None:
    with RunStore(write=False) as store, pytest.raises(Cancelled):
        record(store, store.find("six"), cancelled=lambda: True)


def test_a_run_without_snapshots_has_its_curves_and_the_reason(trained, tmp_path) -> None:
    with RunStore(write=False) as store:
        run = store.find("six")
        for path in tmp_path.rglob("*"):
            if path.is_file() and path.name.startswith("past"):
                path.unlink()
        found = record(store, run)
    assert found.steps == () and len(found.curves[0]) == len(trained)
    assert "no values" in found.notices[0] and "cannot be computed again" in found.notices[0]


@pytest.mark.parametrize(("first", "last"), [(1, 1), (5, 64), (1, 61), (1, 5000), (7, 100_000)])
def test_chosen_steps_are_in_order_and_within_the_run(first: int, last: int) -> None:
    steps = chosen_steps(first, last)
    assert steps[0] == first and steps[-1] == last and len(steps) <= MOST_STEPS
    assert all(near > 0 for near in np.diff(steps))
