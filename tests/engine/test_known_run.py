"""Runs that were asked for before give what they would give if they were asked for first."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.devicelib import blas
from nodeflow.engine.known_run import key_of
from nodeflow.errors import FeedError, MissingFeed, NotInitialized


@pytest.fixture
def layer():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable(np.ones((3, 2), "float32"), name="w")
        y = nf.matmul(x, w, name="y")
    return g, x, y


@pytest.fixture(params=["reference", "compiled"])
def session(request, layer):
    with nf.Session(layer[0], tier=request.param, threads=1) as s:
        s.initialize()
        yield s


def rows(n: int, value: float = 1.0) -> np.ndarray:
    return np.full((n, 3), value, "float32")


def test_values_shapes_and_kinds_of_feeds_may_change(session, layer):
    _, x, y = layer
    for value in (rows(2), rows(2, 2), rows(5), [[1, 2, 3]], rows(2).astype("float64"), rows(0)):
        expected = np.asarray(value, "float32") @ np.ones((3, 2), "float32")
        found = session.run(y, {x: value})
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float32


def test_a_feed_that_does_not_fit_is_refused_each_time(session, layer):
    _, x, y = layer
    session.run(y, {x: rows(2)})
    for wrong in (np.zeros((2, 4), "float32"), "text", np.zeros((2, 3), complex)):
        with pytest.raises(FeedError):
            session.run(y, {x: wrong})
    with pytest.raises(MissingFeed):
        session.run(y)
    np.testing.assert_array_equal(session.run(y, {x: rows(2)}), 3 * np.ones((2, 2)))


def test_variables_that_change_are_read_again(session, layer):
    _, x, y = layer
    assert session.run(y, {x: rows(1)})[0, 0] == 3
    session.variables["w"] = np.full((3, 2), 2, "float32")
    assert session.run(y, {x: rows(1)})[0, 0] == 6
    del session.variables["w"]
    with pytest.raises(NotInitialized):
        session.run(y, {x: rows(1)})
    session.initialize()
    assert session.run(y, {x: rows(1)})[0, 0] == 3


def test_variables_that_runs_assign_are_read_again(session, layer):
    g, x, y = layer
    with g.as_default():
        w = g.node("w").outputs[0]
        grow = nf.assign(w, w * 2)
    found = []
    for _ in range(5):
        found.append(session.run(y, {x: rows(1)})[0, 0])
        session.run(grow)
    assert found == [3, 6, 12, 24, 48]
    session.variables["w"] = np.ones((3, 2), "float32")  # between the two arrays that are swapped
    session.run(grow)
    assert session.run([y, grow], {x: rows(1)})[0][0, 0] == 6
    assert session.run(y, {x: rows(1)})[0, 0] == 12


def test_a_fed_array_may_move(layer):
    g, x, y = layer
    with nf.Session(g, tier="compiled", threads=1) as s:
        s.initialize()
        value = rows(2)
        s.run(y, {x: value})
        value.resize((200_000, 3), refcheck=False)
        value.resize((2, 3), refcheck=False)
        value[:] = 5
        np.testing.assert_array_equal(s.run(y, {x: value}), np.full((2, 2), 15))


def test_results_are_the_caller_s_each_time(layer):
    g, x, y = layer
    with nf.Session(g, tier="compiled", threads=1) as s:
        s.initialize()
        for n in (1, 2000):
            first = s.run(y, {x: rows(n)})
            second = s.run(y, {x: rows(n, 2)})
            assert (first == 3).all() and (second == 6).all()


def test_structures_of_fetches_are_kept_apart(session, layer):
    g, x, y = layer
    with g.as_default():
        z = y + 1
    fed = {x: rows(1)}
    for _ in range(2):
        assert isinstance(session.run([y, z], fed), list)
        assert isinstance(session.run((y, z), fed), tuple)
        assert [v[0, 0] for v in session.run([z, y], fed)] == [4, 3]
        assert session.run({"a": y}, fed)["a"][0, 0] == 3
        assert session.run("y", {"x": rows(1)})[0, 0] == 3


def test_a_graph_whose_owner_changed_it_is_looked_at_again(session, layer):
    _, x, y = layer
    session.run(y, {x: rows(1)})
    session.forget_plans()
    assert session.run(y, {x: rows(1)})[0, 0] == 3


def test_only_what_tensors_say_is_known(layer):
    _, x, y = layer
    assert key_of(y, {x: 1}) == key_of(y, {x: 2}) != key_of([y], {x: 1}) != key_of((y,), {x: 1})
    assert key_of(y, None) == key_of(y, {})
    for fetches, fed in (("y", {}), (y, {"x": 1}), ([y, "y"], {}), ([[y]], {}), ({"a": y}, {})):
        assert key_of(fetches, fed) is None
    assert key_of(y, {(x,): (1,)}) is None


def test_programs_know_whether_they_call_blas():
    address = blas.gemm_address("float64")
    assert blas.is_called(np.array([3, address, 5]))
    assert not blas.is_called(np.array([3, 4, 5]))
