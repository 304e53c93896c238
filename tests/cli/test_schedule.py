"""``nodeflow train`` with several optimizers that take turns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from tests.document.test_schedule import document


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "points.flow"
    flow.save(document(tmp_path), path)
    return path


def test_epochs_report_the_loss_of_each_optimizer(nodeflow, file):
    result = nodeflow("train", file, "--tier", "reference", "--json", "--no-run")
    assert result.code == 0, result.err
    *epochs, _ = result.lines
    for epoch in epochs:
        assert [key for key in epoch if key.startswith("loss")] == ["loss/d", "loss/g"]
        assert epoch["metrics"] == {}
    text = nodeflow("train", file, "--tier", "reference", "--no-run").out.splitlines()
    assert text[0].startswith(f"epoch 1  loss/d {epochs[0]['loss/d']:.4g}"[:20])
    assert "  loss/g " in text[0]


def test_an_option_gives_a_schedule_or_one_optimizer(nodeflow, file):
    def losses(*options):
        result = nodeflow("train", file, "--tier", "reference", "--json", "--no-run", *options)
        assert result.code == 0, result.err
        return result.lines[0]

    assert losses("--schedule", "d*2, g from 3")["loss/g"] == losses()["loss/g"]
    assert losses("--schedule", "g,d")["loss/d"] != losses()["loss/d"]
    assert "loss" in losses("--set", "training.optimizer=d")
    assert nodeflow("train", file, "--schedule", "d 2 times").code == 1
    assert nodeflow("train", file, "--schedule", "d from 2").code == 1


def test_no_choice_among_several_optimizers_is_an_error_that_says_how(nodeflow, file):
    found = flow.load(file)
    commands.set_training(found, schedule=None)
    flow.save(found, file)
    result = nodeflow("train", file, "--no-run")
    assert result.code == 1 and "--schedule" in result.err


def test_a_resumed_command_goes_on_in_the_middle_of_the_schedule(nodeflow, file, tmp_path):
    whole = nodeflow("train", file, "--json", "--tier", "reference", "--no-run").lines
    folder = tmp_path / "states"
    nodeflow("train", file, "--epochs", "1", "--tier", "reference", "--no-run",
             "--checkpoint", folder)  # fmt: skip
    rest = nodeflow("train", file, "--json", "--tier", "reference", "--no-run", "--resume", folder)
    assert rest.code == 0, rest.err
    lines = (line for line in (*whole, *rest.lines) if line.get("epoch") == 2 and "steps" in line)
    epochs = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
    assert len(epochs) == 2 and epochs[0] == epochs[1]


def test_runs_keep_a_curve_of_each_optimizer(nodeflow, file, tmp_path, monkeypatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "store"))
    assert nodeflow("train", file, "--tier", "reference").code == 0
    curves = json.loads(nodeflow("runs", "curves", "latest", "--json").out)
    found = curves.get("curves", curves)
    assert {"loss/d", "loss/g", "training loss/d", "training loss/g"} <= {*found}
    steps = [found[f"training loss/{name}"]["step"] for name in "dg"]
    assert sorted([*steps[0], *steps[1]]) == found["training loss"]["step"]
    shown = nodeflow("runs", "show", "latest", "--json")
    assert shown.code == 0 and "d × 2, g × 1 from step 3" in shown.out.encode().decode()


@pytest.mark.parametrize("options", [("--explain",), ("--profile", "trace.json")])
def test_plans_and_profiles_of_both(nodeflow, file, tmp_path, options):
    options = [str(tmp_path / o) if o.endswith("json") else o for o in options]
    result = nodeflow("train", file, *options, "--no-run", "--epochs", "1")
    assert result.code == 0, result.err
    if options[0] == "--explain":
        assert "# A step of d" in result.out and "# A step of g" in result.out
    else:
        events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
        assert {event["pid"] for event in events} == {1, 2}


@pytest.mark.thorough
def test_a_sweep_ranks_by_the_loss_of_the_first_optimizer(nodeflow, file, tmp_path, monkeypatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "kept"))
    monkeypatch.setenv("PYTHONPATH", str(Path(nf.__file__).parents[1]))
    result = nodeflow("sweep", file, "--set", "d.learning_rate=[0.1, 0.4]", "--tier", "reference",
                      "--parallel", 2, "--json")  # fmt: skip
    assert result.code == 0, result.err
    done = result.lines[-1]
    assert {run.best["by"] for run in nf.runs()} == {"loss/d"}
    for trial in done["trials"]:
        rate = trial["values"]["d.learning_rate"]
        alone = nodeflow("train", file, "--set", f"d.learning_rate={rate}", "--tier", "reference",
                         "--json", "--no-run").lines  # fmt: skip
        least = min(line["loss/d"] for line in alone if line["event"] == "epoch")
        assert trial["value"] == pytest.approx(least)


@pytest.mark.thorough
def test_a_profile_has_a_part_for_each_optimizer(nodeflow, file, tmp_path):
    target = tmp_path / "trace.json"
    result = nodeflow("train", file, "--profile", target, "--no-run")
    assert result.code == 0, result.err
    events = json.loads(target.read_text())["traceEvents"]
    named = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert sorted(named.values()) == ["d", "g"]
    assert {event["pid"] for event in events if event["ph"] == "X"} == set(named)


@pytest.mark.thorough
@pytest.mark.serial
def test_processes_share_the_batches_of_each_turn(file):
    pytest.importorskip("jax")

    def losses(*options: str) -> list[tuple[float, float]]:
        command = [sys.executable, "-m", "nodeflow", "train", str(file), "--json", "--no-run"]
        done = subprocess.run(
            [*command, "--backend", "jax", *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lines = map(json.loads, done.stdout.splitlines())
        return [(x["loss/d"], x["loss/g"]) for x in lines if x["event"] == "epoch"]

    np.testing.assert_allclose(losses("--processes", "2"), losses(), rtol=1e-5)
