"""Event files in TensorBoard's own reader, and those of tensorboardX in ours.

``make test-peers TENSORBOARD_PYTHON=...``; skipped where that is not given.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.integrations.tensorboard.reading import read_folder
from nodeflow.integrations.tensorboard.runs import write_runs
from nodeflow.run_store.store import RunStore
from tests.run_store.lines import fitted_line

PYTHON = os.environ.get("TENSORBOARD_PYTHON")
PROGRAM = Path(__file__).with_name("tensorboard_program.py")

pytestmark = pytest.mark.skipif(not PYTHON, reason="TENSORBOARD_PYTHON names no Python with it")


def program(what: str, folder: Path) -> str:
    assert PYTHON
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [PYTHON, str(PROGRAM), what, str(folder)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout


def seen(folder: Path) -> dict[str, Any]:
    return json.loads(program("read", folder).splitlines()[-1])


def test_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    graph, data = fitted_line()
    with graph:
        nf.summary.scalar("slope", graph.tensor("w"))
    logs = tmp_path / "logs"
    nf.train.fit(graph, data=data, epochs=3, batch_size=4, seed=3, run_name="a", tensorboard=logs)
    with RunStore(tmp_path / "runs") as store:
        run = store.runs()[0]
        losses = store.curves(run)["training loss"].values
        write_runs(store, [run], tmp_path / "kept")
    for place in (*logs.iterdir(), *(tmp_path / "kept").iterdir()):
        found = seen(place)
        wanted = [[n, float(np.float32(v))] for n, v in enumerate(losses, start=1)]
        assert found["scalars"]["loss"] == wanted
        assert [step for step, _ in found["scalars"]["slope"]] == [10, 20, 30]
        assert set(found["nodes"]) >= {"x", "y", "w", "b", "error", "descent"}
        said = found["hparams"]["_hparams_/session_start_info"]["settings"]
        assert (said["epochs"], said["shuffle"], said["loss"]) == (3.0, True, "error")
        assert said["descent.learning_rate"] == 0.1
        about = found["hparams"]["_hparams_/experiment"]
        assert about["metrics"] == ["loss", "loss_of_epoch", "slope"]
        assert set(about["names"]) == set(said)
        assert found["hparams"]["_hparams_/session_end_info"]["status"] == 1


def test_histograms_pictures_and_text(tmp_path: Path):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 4, 5, 1], name="x")
        nf.summary.scalar("mean", nf.reduce_mean(x))
        nf.summary.histogram("values", x)
        nf.summary.image("picture", x, max_outputs=1)
        nf.summary.text("note", "hello")
        merged = nf.summary.merge_all()
    values = np.random.default_rng(2).random((2, 4, 5, 1), "float32")
    with nf.Session(graph) as session, nf.summary.FileWriter(tmp_path, graph) as writer:
        for step in range(3):
            writer.add_summary(session.run(merged, {x: values + step}), step)
    found = seen(tmp_path)
    assert len(found["nodes"]) == len(graph.nodes)
    assert [step for step, _ in found["scalars"]["mean"]] == [0, 1, 2]
    assert found["histograms"]["values"] == [[0, 40], [1, 40], [2, 40]]
    assert found["images"]["picture/image"] == [[step, 5, 4] for step in range(3)]
    assert any(tag.startswith("note") for tag in found["texts"])


def test_files_of_tensorboardx(tmp_path: Path):
    program("write", tmp_path)
    log = read_folder(tmp_path)
    assert log.scalars["train/loss"].values == [float(np.float32(1 / n)) for n in range(1, 21)]
    assert log.scalars["test/accuracy"].steps == list(range(20)) and log.skipped == 2
