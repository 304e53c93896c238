"""Generated code of a training in which several optimizers take turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import export_code
from nodeflow.graph.registry import REGISTRY
from nodeflow.integrations.code.errors import NotInCode
from nodeflow.resources import example
from tests.document.test_schedule import document, losses, named
from tests.integrations.code.test_code import loaded

TARGETS = ("pytorch", "jax", "tensorflow1")


def with_adam(tmp_path: Path) -> Document:
    found = document(tmp_path)
    for name in "dg":
        replace_op(found, named(found, name), REGISTRY.lookup("adam"))
        commands.set_attr(found, named(found, name), "learning_rate", 0.01)
    commands.set_attr(found, named(found, "g"), "clip_norm", 0.05)
    return found


@pytest.mark.sample(1)
@pytest.mark.parametrize("make", [document, with_adam])
def test_the_code_for_jax_makes_the_same_losses(tmp_path: Path, make) -> None:
    pytest.importorskip("jax")
    found = make(tmp_path)
    truth, _ = losses(found)
    export_code(Task(found), "points", "jax", tmp_path)
    *_, made = loaded(tmp_path, "points").train(20)
    np.testing.assert_allclose(made, truth[:20], atol=1e-4)


@pytest.mark.parametrize("target", TARGETS)
def test_the_code_has_the_turns_of_the_file(tmp_path: Path, target: str) -> None:
    export_code(Task(document(tmp_path)), "points", target, tmp_path)
    text = (tmp_path / "points.py").read_text()
    space: dict = {}
    start = text.index("TURNS = [")
    exec(text[start : text.index("return found[:steps]") + 20], space)
    assert space["turns"](8) == ["d", "d", "d", "d", "g", "d", "d", "g"]
    compile(text, "points.py", "exec")


def test_numpy_measures_every_loss(tmp_path: Path) -> None:
    export_code(Task(document(tmp_path)), "points", "numpy", tmp_path)
    text = (tmp_path / "points.py").read_text()
    assert '"loss/d": ' in text and '"loss/g": ' in text


@pytest.mark.parametrize("target", TARGETS)
def test_a_group_is_refused_in_words(tmp_path: Path, target: str) -> None:
    path = example("wgan.flow")
    with pytest.raises(NotInCode, match=r"the optimizer group \(critic_step\)"):
        export_code(Task(flow.load(path), file=path), "wgan", target, tmp_path)
