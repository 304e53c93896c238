"""Every example trains to the same numbers in both tiers, as far as its dtype allows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.resources import examples
from nodeflow.train.events import Epoch, Steps
from nodeflow.train.loop.event_stream import train

TRAINED = [path for path in examples() if flow.load(path).training.get("optimizer")]
NIGHTLY = bool(os.environ.get("NODEFLOW_NIGHTLY"))
SEEDS = range(1, 6)
FASTER = {
    "mnist_cnn": {"batch_size": 10},
    "mnist_cnn_layers": {"batch_size": 10},
    "lstm": {"batch_size": 5},
}
"""The reference convolves and repeats slowly; how many rows a step has does not matter here."""

every_example = pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def embedded_images(monkeypatch):
    """The 5 000 images that come with the program, for all."""
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)


def document(path: Path, dtype: str) -> Document:
    """An example that computes in another dtype; its data and placeholders stay float32."""
    data = json.loads(path.read_text(encoding="utf-8"))
    floats = [n for n in data["nodes"] if n["attrs"].get("dtype") == "float32"]
    assert floats
    for node in floats:
        if node["op"] != "placeholder":
            node["attrs"]["dtype"] = dtype
            continue
        cast = f"n{data['next_id']}"
        data["next_id"] += 1
        for wire in data["wires"]:
            if wire[0] == node["id"]:
                wire[0] = cast
        data["wires"].append([node["id"], "out", cast, "x"])
        attrs = {"dtype": dtype}
        name = f"{node['name']}_{dtype}"
        data["nodes"].append(
            {"id": cast, "op": "cast", "name": name, "attrs": attrs, "pos": [0, 0]}
        )
    return flow.loads(json.dumps(data))


def first_losses(
    path: Path, dtype: str, tier: str, steps: int, backend: str = "numba"
) -> np.ndarray:
    """Losses of the first steps."""
    doc = document(path, dtype)
    commands.set_training(doc, epochs=steps, **FASTER.get(path.stem, {}))
    task = Task(doc)
    training = task.training()
    losses: list[float] = []
    with Session(task.graph, tier=tier, seed=training.seed, backend=backend) as session:
        session.initialize()
        for event in train(session, training):
            if isinstance(event, Steps):
                losses += list(event.losses)
            if len(losses) >= steps:
                break
    return np.array(losses[:steps])


@pytest.mark.sample(1)
@every_example
@pytest.mark.parametrize(
    ("dtype", "steps", "tolerance"), [("float64", 50, 1e-9), ("float32", 20, 1e-4)]
)
def test_the_first_steps_agree(path: Path, dtype: str, steps: int, tolerance: float) -> None:
    reference, compiled = (
        first_losses(path, dtype, tier, steps) for tier in ("reference", "compiled")
    )
    assert len(reference) == steps
    np.testing.assert_allclose(compiled, reference, rtol=tolerance)


def last_metrics(path: Path, tier: str, seed: int) -> dict[str, float]:
    """The metrics and the loss of the last epoch, after a whole training in float32."""
    doc = flow.load(path)
    commands.set_training(doc, seed=seed)
    task = Task(doc)
    with Session(task.graph, tier=tier, seed=seed) as session:
        session.initialize()
        *_, last = (e for e in train(session, task.training()) if isinstance(e, Epoch))
    return {"loss": last.loss, **last.metrics}


@pytest.mark.skipif(not NIGHTLY, reason="trains every example ten times: make test-nightly")
@every_example
def test_in_the_end_tiers_differ_by_less_than_seeds_do(path: Path) -> None:
    """Rounding errors grow until two trainings have nothing in common but how good they are."""
    reference, compiled = (
        [last_metrics(path, tier, seed) for seed in SEEDS] for tier in ("reference", "compiled")
    )
    for key in reference[0]:
        theirs, ours = (np.array([m[key] for m in runs]) for runs in (reference, compiled))
        spread = np.ptp(theirs) + 1e-4 * np.abs(theirs).max()
        assert np.abs(ours - theirs).max() <= spread, (key, ours, theirs)
        assert abs(ours.mean() - theirs.mean()) <= spread / 2, (key, ours, theirs)


def test_examples_are_enumerated() -> None:
    assert len(TRAINED) >= 5
