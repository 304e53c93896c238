"""Views of kept runs: each from its own graph and weights, on the data of the first."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit.sweep_settings import set_values
from nodeflow.document.io import flow
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.run_views.run_view_messages import AskRunViews
from nodeflow.host.run_views.run_views_process import ComparedRuns, read, same_data, write
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.plan import Plan
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sweep import Sweep
from nodeflow.sweeps.value_specs import spec_of


def trained(name: str, values: str, epochs: int = 3, **settings) -> list[str]:
    """Trains an example once for each value; returns the ids of the runs."""
    path = example(name)
    document = flow.load(path)
    set_values(document, {"training.epochs": epochs, **settings})
    spec = spec_of("train.learning_rate", values)
    assert spec is not None
    setup = Setup(flow.dumps(document), "kept", str(path), tier="reference")
    return [result.run for result in Sweep(Plan((spec,)), setup).run()]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def ask(runs: list[str], kind: str, name: str = "", best: bool = False, **options):
    spec = ViewSpec(kind, name, tuple(sorted(options.items())))
    answers = list(ComparedRuns().views(AskRunViews(1, tuple(runs), spec, best)))
    assert [answer.run for answer in answers] == runs
    return answers


@pytest.mark.thorough
def test_regions_are_those_of_each_runs_weights():
    runs = trained("spirals", "[0.001, 0.05]", epochs=10)
    views = [answer.value.data for answer in ask(runs, "regions", "logits")]
    assert not np.array_equal(views[0].classes, views[1].classes)
    assert views[0].extent == views[1].extent and np.array_equal(views[0].points, views[1].points)
    for id, view in zip(runs, views, strict=True):
        w = nf.runs(id)[0].weights()
        left, right, bottom, top = view.extent
        side = (np.arange(60) + 0.5) / 60
        x, y = np.meshgrid(left + (right - left) * side, bottom + (top - bottom) * side)
        rows = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
        hidden = rows
        for layer in (1, 2):
            hidden = np.maximum(hidden @ w[f"W{layer}"] + w[f"b{layer}"], 0)
        logits = hidden @ w["W3"] + w["b3"]
        classes = logits.argmax(axis=1) if logits.shape[1] > 1 else (logits[:, 0] > 0)
        same = np.mean(view.classes.ravel() == classes)
        assert same > 0.999, "but for rounding at the border"


@pytest.mark.thorough
def test_samples_are_the_same_rows_with_each_runs_answers():
    runs = trained("spirals", "[1e-6, 0.05]", epochs=15)
    first, second = (a.value.data for a in ask(runs, "predictions", order="rows"))
    assert np.array_equal(first.rows, second.rows) and np.array_equal(first.truth, second.truth)
    assert second.right > first.right
    with RunStore(write=False) as store:
        kept = store.get(runs[1])
    assert kept is not None
    assert second.right / second.seen == pytest.approx(kept.metrics["accuracy"], abs=1e-6)


@pytest.mark.thorough
def test_a_run_on_other_data_is_shown_on_that_of_the_first():
    (one,) = trained("spirals", "[0.05]")
    document = flow.load(example("spirals"))
    node = next(n for n in document.nodes.values() if n.op == "dataset")
    (other,) = trained("spirals", "[0.05]", **{f"{node.name}.noise": 0.3})
    first, second = ask([one, other], "regions", "logits")
    assert not first.note and second.note == "on the data of the first run"
    assert np.array_equal(first.value.data.points, second.value.data.points)
    first, second = ask([other, one], "regions", "logits")
    assert np.array_equal(first.value.data.points, second.value.data.points)


@pytest.mark.thorough
def test_the_best_epoch_has_other_weights():
    (run,) = trained("spirals", "[0.3]", epochs=30)
    with RunStore(write=False) as store:
        kept = store.get(run)
        assert kept is not None and kept.best["epoch"] < kept.epochs
        accuracy = store.curves(kept)["accuracy"].values
    final, best = (ask([run], "predictions", best=b)[0].value.data for b in (False, True))
    assert best.right / best.seen == pytest.approx(kept.best["value"], abs=1e-6)
    assert final.right / final.seen == pytest.approx(accuracy[-1], abs=1e-6)
    assert not np.array_equal(best.shares, final.shares)  # though as many may be right


@pytest.mark.thorough
def test_what_a_run_lacks_is_its_answer_alone():
    (run,) = trained("linear_regression", "[0.1]")
    answers = ask([run, "rgone4567"], "plot", "prediction")
    assert answers[0].value.data is not None
    assert "gone" in answers[1].value.error
    (said,) = ask([run], "plot", "nothing")
    assert "nothing" in said.value.error and said.value.data is None


def test_the_data_of_another_graph_come_as_far_as_they_fit():
    one, other = (flow.load(example("spirals")) for _ in range(2))
    node = next(n for n in other.nodes.values() if n.op == "dataset")
    set_values(other, {f"{node.name}.turns": 2.0})
    assert same_data(one, other) and not same_data(one, other)
    assert one.nodes[node.id].attrs == other.nodes[node.id].attrs
    line = flow.load(example("linear_regression"))
    (points,) = [n for n in line.nodes.values() if n.op == "dataset"]
    assert same_data(line, one), "the only one there, whatever it is called"
    assert line.nodes[points.id].attrs["source"] == one.nodes[node.id].attrs["source"]


def test_messages_are_read_as_they_were_written():
    stream = io.BytesIO()
    request = AskRunViews(3, ("ra",), ViewSpec("plot", "x"))
    write(stream, request)
    write(stream, request)
    stream.seek(0)
    assert read(stream) == read(stream) == request and read(stream) is None
