"""``--backend jax``: trains, runs, measures, goes on; and says in a line what cannot be."""

from __future__ import annotations

import sys

import pytest

from nodeflow.resources import example

LINEAR = example("linear_regression.flow")


@pytest.mark.thorough
def test_training_on_jax_learns_what_it_learns_here(nodeflow):
    pytest.importorskip("jax")
    ours = nodeflow("train", LINEAR, "--epochs", "3", "--json")
    theirs = nodeflow("train", LINEAR, "--epochs", "3", "--json", "--backend", "jax")
    assert theirs.code == 0, theirs.err
    for one, other in zip(ours.lines[:-1], theirs.lines[:-1], strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert other["metrics"] == pytest.approx(one["metrics"], rel=1e-4)


def test_a_run_on_jax_computes_the_same(nodeflow):
    pytest.importorskip("jax")
    file = example("expression.flow")
    ours = nodeflow("run", file, "--json")
    theirs = nodeflow("run", file, "--json", "--backend", "jax")
    assert theirs.code == 0, theirs.err
    assert theirs.lines == ours.lines


@pytest.mark.thorough
def test_a_measurement_names_the_backend(nodeflow):
    pytest.importorskip("jax")
    result = nodeflow("bench", LINEAR, "--seconds", "0", "--json", "--backend", "jax")
    assert [line["backend"] for line in result.lines] == ["jax"] * len(result.lines)
    assert len(result.lines) == 2
    assert "jax)" in nodeflow("bench", LINEAR, "--seconds", "0", "--backend", "jax").out


@pytest.mark.thorough
def test_a_checkpoint_goes_on_with_the_same_backend_only(nodeflow, tmp_path):
    pytest.importorskip("jax")
    whole = nodeflow("train", LINEAR, "--epochs", "3", "--json", "--backend", "jax")
    states = tmp_path / "states"
    first = ("train", LINEAR, "--epochs", "2", "--checkpoint", states, "--json")
    assert nodeflow(*first, "--backend", "jax").code == 0
    again = ("train", LINEAR, "--epochs", "3", "--resume", states, "--json")
    refused = nodeflow(*again)
    assert refused.code == 1
    assert "backend (was jax, is cpu)" in refused.err
    resumed = nodeflow(*again, "--backend", "jax")
    assert resumed.code == 0, resumed.err
    losses = [[x["loss"] for x in r.lines if x["event"] == "epoch"] for r in (whole, resumed)]
    assert losses[0][-1] == losses[1][-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tier", "reference"), "no tier reference"),
        (("--threads", "2"), "manages its own threads"),
        (("--without", "fuse"), "fuse cannot be disabled"),
    ],
)
def test_what_jax_does_not_have_is_refused(nodeflow, options, words):
    pytest.importorskip("jax")
    result = nodeflow("train", LINEAR, "--backend", "jax", *options)
    assert result.code == 1
    assert words in result.err and "Traceback" not in result.err


def test_without_the_package_a_line_says_how_to_get_it(nodeflow, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    result = nodeflow("train", LINEAR, "--backend", "jax")
    assert result.code == 1
    assert "pip install 'jax>=0.10'" in result.err and "Traceback" not in result.err


@pytest.mark.thorough
def test_a_graph_is_verified_against_jax(nodeflow):
    pytest.importorskip("jax")
    arguments = (example("mnist_layers"), "--against", "jax", "--tier", "reference", "--json")
    result = nodeflow("verify", *arguments)
    assert result.code == 0, result.err
    assert result.json["verified"] and result.json["against"] == "JAX"
    assert 0 < result.json["difference"] < 1e-5


@pytest.mark.thorough
def test_a_run_and_a_checkpoint_without_the_integration(nodeflow, tmp_path, without, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    states = tmp_path / "states"
    train = ("train", LINEAR, "--epochs", "2", "--json", "--checkpoint", states)
    assert nodeflow(*train, "--backend", "jax").code == 0
    kept = sorted(path.name for path in states.iterdir())
    without("jax")
    shown = nodeflow("runs", "show", "latest")
    assert shown.code == 0 and "jax" in shown.out, shown.err
    again = nodeflow("runs", "at", "latest", "3", "--fetch", "loss")
    assert again.code == 1, again.out
    assert "there is no backend 'jax' here. Choose numba, or install a nodeflow" in again.err
    resumed = nodeflow("train", LINEAR, "--resume", states)
    assert resumed.code == 1 and "backend (was jax, is cpu)" in resumed.err
    assert sorted(path.name for path in states.iterdir()) == kept
    refused = nodeflow("train", LINEAR, "--backend", "jax")
    assert refused.code == 2 and "invalid choice: 'jax'" in refused.err
