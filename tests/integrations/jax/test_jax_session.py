"""``Session(backend="jax")``: fetches, feeds, variables, and what it refuses, in words."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.config import ConfigProto
from nodeflow.errors import NotInitialized, RunError
from nodeflow.manifests import NotOffered, SoftwareMissing
from tests.engine.graphs import network, numpy_step

pytest.importorskip("jax")

from nodeflow.integrations.jax.errors import NotOnJax


def on_jax(graph: nf.Graph, **options) -> nf.Session:
    session = nf.Session(graph, backend="jax", **options)
    session.initialize()
    return session


@pytest.mark.thorough
def test_steps_are_those_of_numpy():
    net = network("float64", (20, 8, 3))
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(16, 20)), np.eye(3)[rng.integers(0, 3, 16)]
    parameters = [p.copy() for p in net.initial]
    with on_jax(net.graph) as session:
        for _ in range(5):
            _, loss = session.run([net.train, net.loss], {net.x: x, net.y: y})
            expected = numpy_step(parameters, x, y)
            assert loss == pytest.approx(expected, rel=1e-12)
        for name, value in zip(("W1", "b1", "W2", "b2"), parameters, strict=True):
            np.testing.assert_allclose(session.variables[name], value, rtol=1e-11, atol=1e-13)


@pytest.mark.thorough
def test_fetches_keep_their_structure_and_are_copies():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 2], name="x")
        double = nf.multiply(x, 2.0, name="double")
        total = nf.reduce_sum(double)
    with on_jax(graph) as session:
        given = np.array([[1, 2], [3, 4]], "float32")
        found = session.run({"d": double, "both": [total, x]}, {x: given})
        assert found["both"][0] == 20 and np.isscalar(found["both"][0].item())
        found["both"][1][0, 0] = 99
        found["d"][0, 0] = 99
        assert given[0, 0] == 1
        assert session.run(total, {x: given[:1]}) == 6  # another size


@pytest.mark.thorough
def test_variables_are_read_written_and_assigned():
    with nf.Graph() as graph:
        w = nf.variable(np.arange(3.0), dtype="float64", name="w")
        v = nf.variable(np.zeros(3), dtype="float64", name="v")
        grow = nf.assign(w, w * 2, name="grow")
        same = nf.assign(v, w, name="same")
    with nf.Session(graph, backend="jax") as session:
        with pytest.raises(NotInitialized, match="w"):
            session.run(grow)
        session.initialize()
        old, new = session.run([w, grow])
        assert np.array_equal(old, [0, 1, 2]) and np.array_equal(new, [0, 2, 4])
        assert np.array_equal(session.variables["w"], [0, 2, 4])
        session.run(same)
        session.variables["w"] = [5, 6, 7]
        assert np.array_equal(session.run(w), [5, 6, 7])
        assert np.array_equal(session.variables["v"], [0, 2, 4])
        session.variables["w"][0] = 99
        assert session.variables["w"][0] == 5


@pytest.mark.parametrize("backend", ["numba", "jax"])
def test_integer_division_by_zero_names_the_node_and_assigns_nothing(backend):
    with nf.Graph() as graph:
        x = nf.placeholder("int32", [3], name="x")
        w = nf.variable(7, dtype="int32", name="w")
        ratio = nf.floor_divide(12, x, name="ratio")
        change = nf.assign(w, nf.reduce_sum(ratio))
    with nf.Session(graph, backend=backend) as session:
        session.initialize()
        assert session.run(change, {x: [1, 2, 3]}) == 22
        with pytest.raises(RunError, match=r"ratio.*division by zero") as caught:
            session.run(change, {x: [1, 0, 3]})
        assert caught.value.node == "ratio"
        assert session.variables["w"] == 22


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tier": "reference"}, "tier reference.*Leave out the tier"),
        ({"tier": "compiled"}, "tier compiled"),
        ({"threads": 2}, "manages its own threads"),
        ({"without": ["fuse"]}, "fuse"),
        ({"config": ConfigProto(intra_op_parallelism_threads=2)}, "manages its own threads"),
    ],
    ids=lambda each: "",
)
def test_options_that_jax_does_not_have_are_refused(options, words):
    with pytest.raises(RunError, match=words):
        nf.Session(nf.Graph(), backend="jax", **options)


def test_a_backend_that_nobody_offers_is_refused():
    with pytest.raises(NotOffered, match=r"no backend 'jaxx' here. Did you mean jax\?"):
        nf.Session(nf.Graph(), backend="jaxx")


@pytest.mark.parametrize("backend", [None, 3, [], np.zeros(3)], ids=str)
def test_an_unknown_backend_is_refused(backend):
    with pytest.raises(RunError, match="numba or jax, not "):
        nf.Session(nf.Graph(), backend=backend)


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    with pytest.raises(SoftwareMissing, match=r"pip install 'jax>=0.10'"):
        nf.Session(nf.Graph(), backend="jax")


def test_sizes_that_depend_on_values_are_refused_by_name():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        chosen = nf.boolean_mask(x, x > 0, name="chosen")
        total = nf.reduce_sum(chosen)
    with on_jax(graph) as session, pytest.raises(NotOnJax, match=r"chosen.*size") as caught:
        session.run(total, {x: [1, -1, 2]})
    assert caught.value.node == "chosen"


def test_the_users_own_settings_of_jax_stay(monkeypatch):
    import jax

    with nf.Graph() as graph:
        nf.constant(1.0, dtype="float64", name="one") + 1
    with on_jax(graph) as session:
        assert session.run("one").dtype == np.float64
    assert jax.numpy.asarray(1.5).dtype == np.float32


def test_what_jax_raises_is_said_in_words():
    huge = 1 << 22
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 1], name="x")
        square = nf.matmul(x, x, transpose_y=True)
        total = nf.matmul(square, square)  # 128 TB
    with on_jax(graph) as session, pytest.raises(RunError, match="not enough memory"):
        session.run(total, {x: np.zeros((huge, 1))})


def test_explain_shows_what_jax_is_given():
    net = network("float32", (4, 3, 2))
    with on_jax(net.graph) as session:
        text = session.explain(net.loss, {net.x: np.zeros((2, 4)), net.y: np.zeros((2, 2))})
    assert "dot_general" in text


@pytest.mark.thorough
def test_a_profile_times_the_run():
    net = network("float32", (4, 3, 2))
    with on_jax(net.graph) as session:
        feeds = {net.x: np.zeros((2, 4)), net.y: np.zeros((2, 2))}
        loss, trace = session.profile(net.loss, feeds)
    assert np.isfinite(loss) and trace["traceEvents"][0]["dur"] > 0
