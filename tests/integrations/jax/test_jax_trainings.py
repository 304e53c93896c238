"""Trainings in the engine process on JAX: edits reach them, and their steps are shown again."""

from __future__ import annotations

import math

import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.host import protocol as p
from nodeflow.ops import REGISTRY
from nodeflow.train import events
from tests.host.test_hot_edits import Live, data, network, node, talk

pytest.importorskip("jax")
__all__ = ["data", "talk"]  # fixtures


@pytest.mark.thorough
def test_edits_reach_a_training_on_jax_whose_steps_are_shown_again(talk, data):
    talk.send(p.SetBackend("jax"))
    live = Live(talk, network(), data)
    live.later()
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    edited = live.wait_for(events.Edited)
    assert edited.what == ("act: relu -> tanh",) and edited.step > 0
    live.later()
    commands.set_attr(live.document, node(live.document, "step"), "learning_rate", 0.002)
    assert live.wait_for(events.NumberChanged).value == 0.002
    live.later()
    assert live.stop().stopped and all(map(math.isfinite, live.losses))
    for number, step in enumerate((edited.step - 2, edited.step + 3)):
        talk.send(p.ShowStep(step, 100 + 2 * number))
        talk.send(p.FetchTensor("loss", 101 + 2 * number))
        found = talk.wait_for(p.TensorValue)
        assert (found.past, found.step) == (step, step)
        assert float(found.array) == live.losses[step - 1]
    (run,) = nf.runs()
    assert run.settings["backend"] == "jax"


@pytest.mark.thorough
def test_what_jax_lacks_is_a_failure_in_words(talk, data):
    document = network()
    commands.set_training(document, batch_size=10)
    chosen = commands.add_node(document, "boolean_mask", (0, 0), name="chosen")
    sign = commands.add_node(document, "greater", (0, 0), name="sign")
    zero = commands.add_node(document, "constant", (0, 0), name="zero", attrs={"value": 0.0})
    commands.connect(document, node(document, "squared"), "out", chosen, "x")
    commands.connect(document, node(document, "error"), "out", sign, "x")
    commands.connect(document, zero, "out", sign, "y")
    commands.connect(document, sign, "out", chosen, "mask")
    commands.connect(document, chosen, "out", node(document, "loss"), "x")
    talk.send(p.SetBackend("jax"))
    talk.sync(document, str(data.parent))
    talk.send(p.Train(1, file=str(data.with_name("net.flow"))))
    failure = talk.wait_for(p.Failed)
    assert failure.error.node == "chosen"
    assert "JAX" in failure.error.message
