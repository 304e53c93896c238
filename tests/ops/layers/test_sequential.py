"""`nf.Sequential`: a list of layers that is called as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError
from nodeflow.ops.samples import values

X, Z = values((3, 4), "float32"), values((3, 4), "float32", low=-1)


def run(fetches: Any) -> Any:
    with nf.Session(nf.get_default_graph(), tier="reference", seed=3) as session:
        session.initialize()
        return session.run(fetches)


def test_it_computes_what_its_layers_compute_in_turn() -> None:
    with nf.Graph():
        model = nf.Sequential([nf.layers.Dense(5, nf.tanh), nf.square, nf.layers.Dense(2)])
        out = model(X)
        w1, b1, w2, b2 = model.variables
        found, *weights = run([out, w1, b1, w2, b2])
    assert [v.name for v in model.variables] == [
        *("dense/kernel", "dense/bias"), *("dense_1/kernel", "dense_1/bias")
    ]  # fmt: skip
    k1, c1, k2, c2 = weights
    np.testing.assert_allclose(found, np.tanh(X @ k1 + c1) ** 2 @ k2 + c2, rtol=1e-5)


def test_the_second_call_shares_the_weights_and_gradients_add_up() -> None:
    with nf.Graph() as graph:
        model = nf.Sequential([nf.layers.Dense(5, nf.tanh), nf.layers.Dense(2)], name="encoder")
        one, other = model(X), model(Z)
        assert [v.name for v in graph.variables] == [v.name for v in model.variables]
        assert model.variables[0].name == "encoder/dense/kernel"
        slopes = [nf.gradients(t, model.trainable_variables) for t in (one, other, one + other)]
        found = run(slopes)
    for a, b, both in zip(*found, strict=True):
        np.testing.assert_allclose(both, a + b, rtol=1e-5, atol=1e-6)


def test_a_siamese_network_of_it_is_saved_with_shares(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        encoder = nf.Sequential([nf.layers.Dense(3, "tanh"), nf.layers.Dense(2)], name="encoder")
        gap = nf.reduce_sum(encoder(X) - encoder(Z), name="gap")
        wanted = run(gap)
    nf.save(graph, tmp_path / "siamese.flow")
    loaded = nf.load(tmp_path / "siamese.flow")
    assert len(loaded.variables) == 4
    with loaded:
        np.testing.assert_array_equal(run("gap"), wanted)


def test_it_is_a_list() -> None:
    first, last = nf.layers.Dense(5), nf.layers.Dense(2)
    model = nf.Sequential([first])
    model.append(last)
    assert list(model) == [first, last] and model[-1] is last and len(model) == 2
    with nf.Graph():
        out = model(X)
        hidden = nf.Sequential(model[:-1])(X)
        found, seen, kernel, bias = run([out, hidden, *last.variables])
    np.testing.assert_allclose(found, seen @ kernel + bias, rtol=1e-5)


def test_a_list_inside_a_list_passes_the_phase_on() -> None:
    with nf.Graph():
        inner = nf.Sequential([nf.layers.Dropout(0.5, seed=1)], name="inner")
        model = nf.Sequential([inner, nf.layers.Flatten()], name="outer")
        plain, dropped = run([model(np.ones((4, 50), "float32")),
                              model(np.ones((4, 50), "float32"), training=True)])  # fmt: skip
    assert (plain == 1).all() and set(dropped.ravel()) == {0, 2}


@pytest.mark.parametrize("wrong", [[5], [nf.layers.Dense], ["dense"]])
def test_a_member_that_is_no_layer_is_named(wrong: list) -> None:
    with nf.Graph(), pytest.raises(GraphError, match="number 0 of the layers cannot be called"):
        nf.Sequential(wrong)(X)


def test_a_layer_alone_is_no_list() -> None:
    with pytest.raises(GraphError, match="Sequential takes a list of layers"):
        nf.Sequential(nf.layers.Dense(5))  # type: ignore[arg-type]


def test_without_layers_it_returns_its_input() -> None:
    with nf.Graph():
        x = nf.constant(X)
        assert nf.Sequential()(x) is x
