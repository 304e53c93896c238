"""A scalar summary is measured and plotted by a training like any metric."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.cli.main import main

X = np.random.default_rng(6).normal(size=(30, 2)).astype("float32")


def recorded() -> nf.Graph:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 2], name="x")
        w = nf.variable(np.ones((2, 1), "float32"), name="w")
        loss = nf.reduce_mean(nf.square(x @ w), name="loss")
        nf.summary.scalar("size", nf.reduce_sum(nf.abs(w)))
        nf.summary.scalar("output", nf.reduce_mean(nf.abs(x @ w)))
        nf.summary.histogram("weights", w)
        nf.summary.merge_all()
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    return graph


@pytest.mark.thorough
def test_it_is_measured_on_the_rows_that_there_are() -> None:
    history = nf.train.fit(recorded(), data={"x": X[:20]}, test={"x": X[20:]}, epochs=2)
    w = history.variables["w"]
    assert list(history.metrics) == ["size", "output"]
    assert history.metrics["size"][-1] == pytest.approx(np.abs(w).sum(), rel=1e-6)
    assert history.metrics["output"][-1] == pytest.approx(np.abs(X[20:] @ w).mean(), rel=1e-5)
    chosen = nf.train.fit(recorded(), data={"x": X}, metrics="loss", epochs=1)
    assert list(chosen.metrics) == ["loss"]


def test_the_command_measures_it_as_well(tmp_path: Path, capsys) -> None:
    np.savez(tmp_path / "rows.npz", x=X)
    with nf.Graph().as_default() as graph:
        x = nf.data.npz(str(tmp_path / "rows.npz")).batch(4).make_one_shot_iterator().get_next()
        loss = nf.reduce_mean(nf.square(x["x"] @ nf.variable(np.ones((2, 1), "float32"), name="w")))
        nf.summary.scalar("twice", loss * 2.0)
        nf.gradient_descent(loss, learning_rate=0.1)
    nf.save(graph, tmp_path / "a.flow")
    assert main(["train", str(tmp_path / "a.flow"), "--epochs", "2", "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [e["metrics"] for e in printed if e["event"] == "epoch"]
    assert len(found) == 2 and all(list(m) == ["twice"] and m["twice"] > 0 for m in found)


def test_the_command_shows_what_is_fetched(tmp_path: Path, capsys) -> None:
    with nf.Graph() as graph:
        nf.summary.scalar("s", nf.constant(2.0))
    nf.save(graph, tmp_path / "a.flow")
    with nf.Session(graph) as session:
        data = session.run("s")
    assert main(["run", str(tmp_path / "a.flow"), "--fetch", "s"]) == 0
    assert capsys.readouterr().out == f"s: a summary of {len(data)} bytes\n"
    assert main(["run", str(tmp_path / "a.flow"), "--fetch", "s", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert base64.b64decode(printed["fetches"]["s"]) == data


@pytest.mark.thorough
def test_a_file_trained_on_other_rows_measures_what_it_says_on_them(tmp_path: Path) -> None:
    nf.save(recorded(), tmp_path / "a.flow")
    loaded = nf.load(tmp_path / "a.flow")
    history = nf.train.fit(loaded, data={"x": X}, epochs=1)
    assert list(history.metrics) == ["size", "output"]
