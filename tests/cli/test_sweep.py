"""``nodeflow sweep``: its trials are runs, the same with any number of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.document.edit.sweep_settings import vary
from nodeflow.document.io import flow
from nodeflow.resources import example

LINE = example("linear_regression")
QUICK = ("--tier", "reference", "--epochs", 2)
RATE = "train.learning_rate"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(Path(nf.__file__).parents[1]))
    return tmp_path / "runs"


def rate() -> str:
    """The learning rate's name in the example."""
    from nodeflow.document.io import flow

    document = flow.load(LINE)
    record = next(n for n in document.nodes.values() if n.op in ("gradient_descent", "adam"))
    return f"{record.name}.learning_rate"


@pytest.mark.thorough
def test_a_grid_trains_every_combination(nodeflow, kept: Path):
    values = ("--set", f"{rate()}=[0.01, 0.03, 0.1]", "--set", "training.seed=[2]")
    options = (*values, "--name", "mine", "--parallel", 2)
    result = nodeflow("sweep", LINE, *QUICK, *options, "--json")
    assert result.code == 0, result.err
    *each, done = result.lines
    assert sorted(line["trial"] for line in each) == [1, 2, 3]
    values = [line["value"] for line in done["trials"]]
    assert values == sorted(values) and done["rank_correlation"] == {rate(): pytest.approx(-1)}
    runs = {run.id: run for run in nf.runs(tag="mine")}
    assert {line["run"] for line in each} == runs.keys()
    for line in each:
        run = runs[line["run"]]
        assert run.name == f"mine #{line['trial']}" and run.status == "done"
        assert run.settings[rate()] == line["values"][rate()]
        assert run.seed == line["values"]["training.seed"] == 2
        assert line["value"] == run.best["value"]


@pytest.mark.thorough
def test_draws_are_the_same_with_any_number_of_workers(nodeflow, kept: Path):
    options = ("--set", f"{rate()}=log:1e-3..0.1", "--trials", 2, "--json")
    found = []
    for workers in (1, 2):
        lines = nodeflow("sweep", LINE, *QUICK, *options, "--parallel", workers).lines
        trials = sorted(lines[-1]["trials"], key=lambda t: t["trial"])
        found.append([(t["values"], t["value"], t["epoch"]) for t in trials])
    assert found[0] == found[1] and len({value for _, value, _ in found[0]}) == 2


@pytest.mark.thorough
def test_a_trial_that_fails_is_reported_and_the_rest_goes_on(nodeflow, kept: Path):
    values = f"{rate()}=[1e30, 0.1]"
    result = nodeflow("sweep", LINE, *QUICK, "--set", values, "--set", "training.epochs=5")
    assert result.code == 1 and "1 trial failed" in result.out
    lines = result.out.splitlines()
    assert any(line.startswith("trial 1 of 2") and "loss is inf" in line for line in lines)
    table = lines[lines.index("") + 1 :]
    assert table[0].split()[:2] == ["trial", rate()] and table[1].split()[0] == "2"
    assert table[2].split()[0] == "1" and "failed" in table[2]
    assert {run.status for run in nf.runs()} == {"done", "diverged"}


@pytest.mark.parametrize(
    "options, said",
    [
        (("--set", "training.epochs=2"), "nothing varies"),
        (("--set", "nothing.here=[1, 2]"), "nothing"),
        (("--set", "training.epochs=[3, 0]"), "epochs must be at least 1, not 0"),
        (("--set", "training.epochs=1..3", "--trials", 3), "int:1..3"),
        (
            ("--set", "training.epochs=3"),
            "'training.epochs=3' is a single value, so nothing varies",
        ),
        (("--set", f"{RATE}=abc"), "learning_rate must be a number, not 'abc'"),
        (("--set", f"{RATE}=[1, 2]", "--sampler", "random"), "Give it with --trials"),
        (("--set", f"{RATE}=[1, 2]", "--sampler", "grid", "--trials", 2), "Leave one of them out"),
        (("--set", "train.learning_rate=0..1"), "Say how many are drawn: --trials 30."),
    ],
)
def test_what_cannot_be_swept_is_said_before_anything_trains(nodeflow, kept: Path, options, said):
    result = nodeflow("sweep", LINE, *options)
    assert result.code == 1 and said in result.err and not kept.exists()


@pytest.mark.thorough
def test_without_options_the_sweep_of_the_file_is_made(nodeflow, kept: Path, tmp_path: Path):
    document = flow.load(LINE)
    train = document.node_named("train")
    vary(document, train.id, "learning_rate", "[0.01, 0.1]")
    vary(document, "training", "epochs", "[1, 2]")
    path = tmp_path / "line.flow"
    flow.save(document, path)
    result = nodeflow("sweep", path, "--tier", "reference", "--json")
    assert result.code == 0, result.err
    tried = [line["values"] for line in result.lines[:-1]]
    assert tried == [{RATE: a, "training.epochs": n} for a in (0.01, 0.1) for n in (1, 2)]


def test_a_sweep_needs_runs(nodeflow):
    result = nodeflow("sweep", LINE, "--set", "training.epochs=[1, 2]")
    assert result.code == 1 and "NODEFLOW_RUNS is off" in result.err


@pytest.mark.parametrize("text", ["x=abc", "x=[1, 2]", ".x=1..2", "x.=1..2"])
def test_what_names_no_attribute_is_said_with_an_example(nodeflow, kept: Path, text):
    result = nodeflow("sweep", LINE, "--set", text)
    assert result.code == 2 and not kept.exists()
    assert f"{text!r} is not of the form NODE.ATTR=SPEC, as in train.learning_rate=" in result.err
