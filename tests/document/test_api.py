"""``nf.save`` and ``nf.load``."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import ShapeError
from nodeflow.resources import example


def test_the_readme_program_survives_saving(tmp_path):
    with nf.Graph() as g:
        b = nf.placeholder("float32", [None, 1], name="b")
        c = nf.variable(1.0, name="c")
        nf.multiply(b + c, c + 2, name="a")
    nf.save(g, tmp_path / "a.flow")
    loaded = nf.load(tmp_path / "a.flow")
    with nf.Session(loaded) as s:
        s.initialize()
        result = s.run("a", {"b": np.arange(10, dtype="float32")[:, None]})
    np.testing.assert_array_equal(result.ravel(), 3 * np.arange(1, 11))


def test_an_optimizer_is_saved_as_one_node_and_still_trains(tmp_path):
    with nf.Graph() as g:
        w = nf.variable(np.array([3.0, -2.0]), name="w")
        loss = nf.reduce_sum(nf.square(w), name="loss")
        nf.gradient_descent(loss, learning_rate=0.25, name="train")
    nf.save(g, tmp_path / "a.flow")
    text = (tmp_path / "a.flow").read_text()
    assert "gradients/" not in text and "train/" not in text
    loaded = nf.load(tmp_path / "a.flow")
    with nf.Session(loaded) as s:
        s.initialize()
        s.run("train")
        np.testing.assert_allclose(s.run("w"), [1.5, -1.0])


def test_saving_what_was_loaded_gives_the_same_bytes(tmp_path):
    nf.save(nf.load(example("expression.flow")), tmp_path / "1.flow")
    nf.save(nf.load(tmp_path / "1.flow"), tmp_path / "2.flow")
    assert (tmp_path / "1.flow").read_bytes() == (tmp_path / "2.flow").read_bytes()


def test_a_broken_graph_does_not_load_silently(tmp_path):
    text = example("expression.flow").read_text().replace('"op": "multiply"', '"op": "matmul"')
    (tmp_path / "a.flow").write_text(text)
    with pytest.raises(ShapeError, match="a"):
        nf.load(tmp_path / "a.flow")
