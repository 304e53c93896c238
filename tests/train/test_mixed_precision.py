"""Mixed precision needs a backend on a GPU; nodeflow's own engine says so before the first step."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.cli.main import main
from nodeflow.errors import RunError
from nodeflow.resources import example
from nodeflow.train.resume.identity import differences, facts_of
from nodeflow.train.train_and_fit import training_on


def test_the_own_engine_refuses_it_before_the_first_event() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 1], name="x")
        nf.gradient_descent(nf.reduce_mean(nf.square(x * nf.variable(2.0))), learning_rate=0.1)
    events = nf.train.train(graph, data={"x": np.ones((4, 1))}, mixed_precision=True)
    with pytest.raises(RunError, match=r"mixed precision needs a GPU, where .* trains"):
        next(events)


def test_the_command_line_refuses_it_in_its_own_words(capsys) -> None:
    assert main(["train", str(example("linear_regression")), "--mixed-precision", "--no-run"]) == 1
    assert "Leave out --mixed-precision, or add --backend" in capsys.readouterr().err


def test_a_checkpoint_from_before_the_setting_resumes() -> None:
    with nf.Graph() as graph:
        w = nf.variable(2.0, name="w")
        nf.gradient_descent(nf.square(w, name="loss"), learning_rate=0.1, name="train")
    with nf.Session(graph) as session:
        facts = {**facts_of(session, training_on(graph, {}, None, "train", "loss", {})), "data": {}}
    before = {**facts, "settings": dict(facts["settings"])}
    del before["settings"]["mixed_precision"]
    assert differences(before, facts) == []
