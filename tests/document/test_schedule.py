"""A document with a schedule of several optimizers: its settings, problems, edits and files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.training_settings import training_settings
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.expansion.expand import unpack
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import GraphError
from nodeflow.resources import example
from nodeflow.train.events import Epoch, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.schedule import Schedule
from tests.train.test_schedule import BATCH, NOISE, REAL, gan


def document(tmp_path: Path) -> Document:
    """The networks of `gan`, fed from a file, with a schedule."""
    np.savez(tmp_path / "rows.npz", x=REAL, z=NOISE)
    nf.save(gan(), tmp_path / "gan.flow")
    found = flow.load(tmp_path / "gan.flow")
    rows = commands.add_node(
        found, "dataset", (0, 0), name="rows", attrs={"source": "npz:rows.npz"}
    )
    for name in "xz":
        commands.connect(found, rows, name, named(found, name), "feed")
    phases = [{"optimizer": named(found, "d"), "steps": 2}]
    phases.append({"optimizer": named(found, "g"), "from": 3})
    commands.set_training(
        found, schedule=phases, epochs=2, batch_size=BATCH, optimizer=None, loss=None
    )
    return found


def named(found: Document, name: str) -> str:
    record = found.node_named(name)
    assert record is not None
    return record.id


def problems(found: Document) -> list[str]:
    return [p.message for p in Analysis(found).all_problems() if p.severity == "error"]


def losses(found: Document) -> tuple[list[float], list[Epoch]]:
    task = Task(found)
    steps, epochs = [], []
    with nf.Session(task.graph, tier="reference") as session:
        session.initialize()
        for event in train(session, task.training()):
            if isinstance(event, Steps):
                steps += event.losses.tolist()
            elif isinstance(event, Epoch):
                epochs.append(event)
    return steps, epochs


def test_a_file_trains_like_python(tmp_path: Path) -> None:
    found = document(tmp_path)
    assert not problems(found)
    flow.save(found, tmp_path / "saved.flow")
    again = flow.load(tmp_path / "saved.flow")
    assert again.training["schedule"] == found.training["schedule"]
    steps, epochs = losses(again)
    columns = Task(again).training().bindings
    rows = {
        t.name: b.dataset.split("train")[b.column].rows(slice(None)) for t, b in columns.items()
    }
    graph = gan()
    turns = [{"optimizer": "d", "steps": 2}, {"optimizer": "g", "from": 3}]
    events = nf.train.train(
        graph, schedule=turns, data=rows, epochs=2, batch_size=BATCH,
        tier="reference", keep_run=False,
    )  # fmt: skip
    truth = [e for e in events if isinstance(e, (Steps, Epoch))]
    assert steps == [v for e in truth if isinstance(e, Steps) for v in e.losses.tolist()]
    assert [e.metrics for e in epochs] == [e.metrics for e in truth if isinstance(e, Epoch)]
    loaded = nf.load(tmp_path / "saved.flow", allow_data=[tmp_path])
    seen = nf.train.fit(loaded, tier="reference", keep_run=False)
    assert seen.steps.tolist() == steps
    one = nf.train.fit(loaded, optimizer="d", tier="reference", keep_run=False)
    assert one.epochs[0].phase == "" and one.steps.tolist() != steps


@pytest.mark.parametrize(
    ("training", "text"),
    [
        ({"schedule": [{"optimizer": "n999"}]}, "an optimizer in the schedule does not exist"),
        ({"schedule": [{"optimizer": "d_loss"}]}, "`d_loss` in the schedule is not an optimizer"),
        ({"schedule": [{"optimizer": "d", "steps": 0}]}, "the phase of d has steps = 0"),
        ({"schedule": [{"optimizer": "d", "from": 4}]}, "no phase of the schedule begins"),
        ({"optimizer": "d"}, "the settings have both a schedule and `optimizer`"),
    ],
)
def test_problems_of_a_schedule(tmp_path: Path, training: dict[str, Any], text: str) -> None:
    found = document(tmp_path)
    for phase in training.get("schedule", ()):
        if found.node_named(phase["optimizer"]):
            phase["optimizer"] = named(found, phase["optimizer"])
    if "optimizer" in training:
        training = {"optimizer": named(found, training["optimizer"])}
    commands.set_training(found, **training)
    assert any(text in problem for problem in problems(found)), problems(found)
    if "schedule" in training:
        with pytest.raises(nf.errors.NodeflowError):
            Task(found).training()


def test_setting_it_by_names(tmp_path: Path) -> None:
    found = document(tmp_path)
    d, g = named(found, "d"), named(found, "g")
    set_value(found, "training", "schedule", "d*5, g from 7")
    phases = [{"optimizer": d, "steps": 5, "from": 0}, {"optimizer": g, "steps": 1, "from": 7}]
    assert found.training["schedule"] == phases
    set_value(found, "training", "optimizer", "g")
    assert "schedule" not in found.training and found.training["optimizer"] == g
    set_value(found, "training", "schedule", [{"optimizer": "d", "steps": 2}])
    assert found.training["schedule"] == [{"optimizer": d, "steps": 2}]
    assert "optimizer" not in found.training
    with pytest.raises(GraphError, match="is no phase of a schedule"):
        set_value(found, "training", "schedule", "d two times")


def test_the_text_of_a_schedule_is_read_again() -> None:
    for text in ("d × 2, g × 1 from step 500", "a/b × 3"):
        assert str(Schedule.parse(text)) == text


def test_a_removed_optimizer_leaves_the_schedule(tmp_path: Path) -> None:
    found = document(tmp_path)
    d = named(found, "d")
    commands.remove(found, [named(found, "g")])
    assert found.training["schedule"] == [{"optimizer": d, "steps": 2}]
    commands.remove(found, [d])
    assert "schedule" not in found.training
    assert "optimizer" not in found.training


def test_without_a_choice_the_problem_offers_a_schedule(tmp_path: Path) -> None:
    found = document(tmp_path)
    commands.set_training(found, schedule=None)
    said = next(p for p in Analysis(found).all_problems() if "2 optimizers" in p.message)
    assert "take turns" in (said.hint or "")


def test_an_unpacked_optimizer_trains_on(tmp_path: Path) -> None:
    found = document(tmp_path)
    truth, _ = losses(found)
    unpack(found, named(found, "g"))
    assert found.training["schedule"][1]["loss"] == named(found, "g_loss")
    steps, epochs = losses(found)
    assert steps == truth and list(epochs[0].losses) == ["loss/d", "loss/g"]


def test_a_group_runs_what_its_done_wires_start_at(tmp_path: Path) -> None:
    found = document(tmp_path)
    group = commands.add_node(found, "group", (0, 0), name="critic")
    d = named(found, "d")
    port = "values.0"
    verdict = check_wire(found, Analysis(found), d, "done", group, port)
    assert verdict.ok, verdict.reason
    commands.connect(found, d, "done", group, port)
    commands.connect(found, d, "done", group, port)
    assert [w.target_port for w in found.wires_into(group)] == ["control.0"]
    low, high = (commands.add_node(found, "constant", (0, 0), attrs={"value": v}) for v in (-1, 1))
    for name in ("dis/W1", "dis/W2"):
        record = next(r for r in found.nodes.values() if r.name == name)
        clip = commands.add_node(found, "clip", (0, 0))
        assign = commands.add_node(found, "assign", (0, 0))
        commands.connect(found, record.id, "out", clip, "x")
        for value, end in ((low, "low"), (high, "high")):
            commands.connect(found, value, "out", clip, end)
        commands.connect(found, record.id, "out", assign, "variable")
        commands.connect(found, clip, "out", assign, "value")
        commands.connect(found, d, "done", clip, "control.0")
        free = f"values.{len([w for w in found.wires_into(group) if 'values' in w.target_port])}"
        commands.connect(found, assign, "out", group, free)
    phases = [{"optimizer": group, "steps": 2}, {"optimizer": named(found, "g")}]
    commands.set_training(found, schedule=phases)
    assert not problems(found)
    steps, epochs = losses(found)
    assert list(epochs[0].losses) == ["loss/critic", "loss/g"] and np.isfinite(steps).all()
    commands.set_training(found, schedule=None, optimizer=group)
    assert not problems(found)
    assert training_settings(found).loss == named(found, "d_loss")
    commands.disconnect(found, (group, "control.0"))
    assert any("has no loss of its own" in text for text in problems(found))


def test_a_file_of_the_first_versions_keeps_it_apart(tmp_path: Path) -> None:
    text = json.loads(flow.dumps(document(tmp_path)))
    assert text["version"] == 3 and [*text["training"]["schedule"][0]] == ["optimizer", "steps"]


@pytest.mark.sample(1)
@pytest.mark.parametrize("for_edits", [False, True])
def test_weights_are_clipped_after_the_step_of_the_critic(for_edits: bool) -> None:
    """Also where the bounds may change during the training, so that clipping has several parts."""
    path = example("wgan.flow")
    task = Task(flow.load(path), file=path, for_edits=for_edits)
    training = replace(task.training(), epochs=1, batch_size=400)
    with nf.Session(task.graph, tier="reference") as session:
        session.initialize()
        seen = []
        for event in train(session, training):
            if isinstance(event, Epoch):
                seen = [*event.losses]
                weights = {n: v for n, v in session.variables.items() if n.startswith("critic/")}
    assert seen == ["loss/critic_step", "loss/train_generator"] and len(weights) == 5
    for name, value in weights.items():
        assert np.abs(value).max() <= np.float32(0.05), name
    assert np.abs(weights["critic/W1"]).max() == np.float32(0.05)


def test_all_optimizers_of_a_schedule_train_the_build(tmp_path: Path) -> None:
    found = document(tmp_path)
    assert [node.name for node in Task(found).build.optimizers] == ["d", "g"]
    commands.set_training(found, schedule=None, optimizer=named(found, "g"))
    assert [node.name for node in Task(found).build.optimizers] == ["g"]
