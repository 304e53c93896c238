"""A Session means the same in both tiers: fetches, feeds, variables, errors."""

from __future__ import annotations

import threading
import weakref
from collections import namedtuple

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.errors import (
    AssignOrderError,
    FeedError,
    FetchError,
    MissingFeed,
    NotInitialized,
    RunError,
    ShapeError,
    UnknownName,
)


@pytest.fixture(params=["reference", "compiled"])
def tier(request):
    return request.param


def tutorial():
    with nf.Graph() as g:
        b = nf.placeholder("float32", [None, 1], name="b")
        c = nf.variable(1.0, name="c")
        nf.multiply(b + c, c + 2, name="a")
    return g


def test_the_tutorial_program(tier):
    with Session(tutorial(), tier=tier) as s:
        s.initialize()
        a = s.run("a", {"b": np.arange(10, dtype="float32")[:, None]})
        np.testing.assert_array_equal(a, 3 * np.arange(1, 11, dtype="float32")[:, None])
        assert a.dtype == np.float32
        assert s.tier == tier


def test_fetches_keep_their_structure(tier):
    Pair = namedtuple("Pair", "left right")
    with nf.Graph() as g:
        x = nf.constant(2.0, name="x")
        y = nf.add(x, 1.0, name="y")
        group = g.apply("group", y, name="all")
    with Session(g, tier=tier) as s:
        got = s.run({"one": x, "list": ["y", (y, x)], "pair": Pair(y, "x"), "none": group})
    assert got == {"one": 2, "list": [3, (3, 2)], "pair": Pair(3, 2), "none": None}
    assert isinstance(got["pair"], Pair)
    assert got["one"].dtype == np.float32


def test_further_outputs_have_names(tier):
    with nf.Graph() as g:
        nf.split(nf.constant([1.0, 2.0, 3.0, 4.0]), 2, axis=0, name="parts")
    with Session(g, tier=tier) as s:
        first, second = s.run(["parts", "parts:1"])
    np.testing.assert_array_equal(first, [1, 2])
    np.testing.assert_array_equal(second, [3, 4])


def test_only_ancestors_of_the_fetches_run():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [2], name="x")
        y = nf.exp(x, name="y")
        z = nf.multiply(y, 2.0, name="z")
        nf.log(z, name="unused")
    with Session(g, tier="reference") as s:
        s.run(z, {x: [0.0, 0.0]})
        assert dict(s.executions) == {"constant": 1, "y": 1, "z": 1}
        s.run(z, {y: [1.0, 2.0]})
        assert dict(s.executions) == {"constant": 2, "y": 1, "z": 2}


def test_any_tensor_can_be_fed(tier):
    with nf.Graph() as g:
        x = nf.placeholder("float32", [2], name="x")
        y = nf.exp(x, name="y")
        nf.multiply(y, 2.0, name="z")
    with Session(g, tier=tier) as s:
        np.testing.assert_array_equal(s.run("z", {"y": [3.0, 4.0]}), [6, 8])
        np.testing.assert_array_equal(s.run("y", {"y": [3.0, 4.0]}), [3, 4])


def test_a_fed_variable_is_read_as_fed(tier):
    with nf.Graph() as g:
        v = nf.variable([1.0, 2.0], name="v")
        nf.multiply(v, 10.0, name="y")
    with Session(g, tier=tier) as s:
        np.testing.assert_array_equal(s.run("y", {v: [5.0, 6.0]}), [50, 60])


# ---- feeds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((3, 1), complex), ["b", "float32 (?, 1)", "complex128", "Feed its real part"]),
        (np.zeros((3, 2), "float32"), ["b", "float32 (?, 1)", "(3, 2)", "Axis 1 must be 1"]),
        (np.zeros(3, "float32"), ["b", "(3,)", "array[None]"]),
        ([[1.0], [2.0, 3.0]], ["b", "uneven"]),
        ("text", ["b", "a str", "Feed numbers"]),
        (2**40 + 0.5, ["b", "()", "It needs 2 dimensions."]),
    ],
)
def test_a_feed_that_does_not_fit_says_what_fits(value, words):
    with Session(tutorial(), tier="reference") as s:
        s.initialize()
        with pytest.raises(FeedError) as error:
            s.run("a", {"b": value})
    for word in words:
        assert word in str(error.value)


def test_a_feed_of_more_dimensions_than_one():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
    with Session(g, tier="reference") as s, pytest.raises(FeedError, match=r"needs 1 dimension\."):
        s.run(x, {x: [[1.0]]})


def test_integers_feed_floats_only_if_exact():
    with nf.Graph() as g:
        nf.placeholder("int32", [], name="n")
        nf.placeholder("float32", [], name="f")
    with Session(g, tier="reference") as s:
        assert s.run("f", {"f": 3}) == 3
        assert s.run("n", {"n": 3}) == 3
        with pytest.raises(FeedError, match=r"5\.5"):
            s.run("n", {"n": 5.5})


def test_a_missing_feed_shows_how_to_feed_it(tier):
    with Session(tutorial(), tier=tier) as s:
        s.initialize()
        with pytest.raises(MissingFeed) as error:
            s.run("a")
    assert error.value.node == "b"
    for word in ("float32 (?, 1)", "session.run", "sample"):
        assert word in str(error.value)
    assert "--feed b=" in error.value.text("cli")


def test_a_sample_stands_in_and_a_feed_overrides_it(tier):
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], sample=[1.0, 2.0], name="x")
        nf.add(x, 1.0, name="y")
    with Session(g, tier=tier) as s:
        np.testing.assert_array_equal(s.run("y"), [2, 3])
        np.testing.assert_array_equal(s.run("y", {x: [7.0]}), [8])


def test_feeds_are_not_changed_and_may_be_strided(tier):
    base = np.arange(12, dtype="float32").reshape(3, 4)
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, None], name="x")
        nf.multiply(x, x, name="y")
    with Session(g, tier=tier) as s:
        for fed in (base, base.T, base[:, ::2], base[::-1], np.broadcast_to(base[:1], (3, 4))):
            before = fed.copy()
            np.testing.assert_array_equal(s.run("y", {x: fed}), before * before)
            np.testing.assert_array_equal(fed, before)


def test_fetches_are_copies(tier):
    with nf.Graph() as g:
        x = nf.placeholder("float32", [3], name="x")
        v = nf.variable([1.0, 2.0, 3.0], name="v")
        nf.add(x, v, name="y")
    fed = np.ones(3, "float32")
    with Session(g, tier=tier) as s:
        s.initialize()
        got = s.run({"x": x, "v": v, "y": "y"}, {x: fed})
        again = s.run("y", {x: fed})
        for value in got.values():
            value[:] = -1
        np.testing.assert_array_equal(fed, 1)
        np.testing.assert_array_equal(s.variables["v"], [1, 2, 3])
        np.testing.assert_array_equal(s.run("y", {x: fed}), again)


def test_large_fetches_are_the_callers_own(tier):
    """They are computed where they stay, so what could go wrong: shared, changed or kept memory."""
    n = 40_000
    with nf.Graph():
        x = nf.placeholder("float32", [n], name="x")
        v = nf.variable(np.zeros(n, "float32"), name="v")
        y = x * 2.0
        table = nf.reshape(y, [200, 200])
        z = y + 1.0
        new = nf.assign(v, y * 3.0)
    ones = np.ones(n, "float32")
    with Session(y.graph, tier=tier) as s:
        s.initialize()
        first = s.run([y, y, table, z, x, v, new], {x: ones})
        kept = [a.copy() for a in first]
        again = s.run([y, y, table, z, x, v, new], {x: ones * 5})
        for i, one in enumerate(first):
            assert one.flags.writeable and one.flags.c_contiguous
            np.testing.assert_array_equal(one, kept[i])
            for other in [*first[:i], *again]:
                assert not np.shares_memory(one, other)
        for value in [*first, *again[:3]]:
            value[:] = -1
        np.testing.assert_array_equal(again[3], np.full(n, 11, "float32"))
        np.testing.assert_array_equal(again[5], np.full(n, 6, "float32"))
        np.testing.assert_array_equal(s.variables["v"], np.full(n, 30, "float32"))
        result = s.run(z, {x: ones})
        np.testing.assert_array_equal(result, np.full(n, 3, "float32"))
        freed = weakref.finalize(result, lambda: None)
        del result
        assert not freed.alive, "the session keeps nothing of it"


def test_shapes_that_only_a_feed_reveals_are_checked_at_the_node(tier):
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, None], name="x")
        y = nf.placeholder("float32", [None, None], name="y")
        nf.matmul(x, y, name="product")
    with Session(g, tier=tier) as s, pytest.raises(ShapeError, match=r"product.*3 is not 2"):
        s.run("product", {x: np.zeros((2, 3), "f4"), y: np.zeros((2, 3), "f4")})


def test_unknown_names_suggest_near_ones():
    with Session(tutorial(), tier="reference") as s:
        with pytest.raises(UnknownName, match="Did you mean b"):
            s.run("a", {"bb": 1})
        with pytest.raises(UnknownName):
            s.run("nothing_like_it")


def test_nonsense_cannot_be_fetched():
    with Session(tutorial(), tier="reference") as s:
        with pytest.raises(FetchError, match="int"):
            s.run(3)
        with pytest.raises(FetchError, match="another graph"):
            s.run(tutorial().tensor("a"))


# ---- variables ----------------------------------------------------------------------------------


def counter():
    with nf.Graph() as g:
        n = nf.variable(0.0, name="n")
        nf.assign(n, n + 1, name="step")
    return g


def test_variables_are_kept_between_runs(tier):
    with Session(counter(), tier=tier) as s:
        s.initialize()
        assert [float(s.run("step")) for _ in range(3)] == [1, 2, 3]
        assert s.variables["n"] == 3


def test_a_read_sees_the_value_from_before_the_run(tier):
    with Session(counter(), tier=tier) as s:
        s.initialize()
        assert s.run(["step", "n"]) == [1, 0]
        assert s.run(["n", "step"]) == [1, 2]


def test_control_dependencies_put_a_read_after_the_assign(tier):
    with nf.Graph() as g:
        n = nf.variable(5.0, name="n")
        step = nf.assign(n, n * 2, name="step")
        with g.control_dependencies([step]):
            nf.identity(n, name="after")
            nf.add(n, 100.0, name="sum_after")
        nf.add(n, 100.0, name="sum_before")
        nf.add(step, n, name="uses_output")
    with Session(g, tier=tier) as s:
        s.initialize()
        got = s.run(["after", "sum_after", "sum_before", "uses_output", "n"])
        assert got == [10, 110, 105, 20, 5]
        assert s.variables["n"] == 10


def test_two_assigns_in_order_keep_the_last(tier):
    with nf.Graph() as g:
        n = nf.variable(1.0, name="n")
        first = nf.assign(n, n + 1, name="first")
        with g.control_dependencies([first]):
            nf.assign(n, n * 10, name="second")
    with Session(g, tier=tier) as s:
        s.initialize()
        assert s.run(["first", "second", "n"]) == [2, 20, 1]
        assert s.variables["n"] == 20


def test_two_assigns_without_order_are_refused():
    with nf.Graph() as g:
        n = nf.variable(1.0, name="n")
        nf.assign(n, n + 1, name="first")
        nf.assign(n, n * 10, name="second")
    with Session(g, tier="reference") as s:
        s.initialize()
        assert s.run("first") == 2
        with pytest.raises(AssignOrderError, match=r"n: first and second.*control_dependencies"):
            s.run(["first", "second"])


def test_variables_can_change_places(tier):
    with nf.Graph() as g:
        a = nf.variable([1.0, 2.0], name="a")
        b = nf.variable([3.0, 4.0], name="b")
        swap = g.apply("group", nf.assign(a, b), nf.assign(b, a), name="swap")
    with Session(g, tier=tier) as s:
        s.initialize()
        for _ in range(3):
            assert s.run(swap) is None
        np.testing.assert_array_equal(s.variables["a"], [3, 4])
        np.testing.assert_array_equal(s.variables["b"], [1, 2])


def test_reading_an_uninitialised_variable_says_what_to_do(tier):
    with Session(counter(), tier=tier) as s:
        with pytest.raises(NotInitialized, match=r"n: .*initialize"):
            s.run("step")
        with pytest.raises(NotInitialized):
            s.variables["n"]


def test_a_run_that_fails_commits_nothing(tier):
    with nf.Graph() as g:
        d = nf.placeholder("int32", [2], name="d")
        n = nf.variable(0.0, name="n")
        nf.assign(n, n + 1, name="step")
        nf.floor_divide(nf.constant([6, 6]), d, name="quotient")
    with Session(g, tier=tier) as s:
        s.initialize()
        with pytest.raises(RunError, match=r"quotient:y: integer division by zero"):
            s.run(["step", "quotient"], {d: [3, 0]})
        assert s.variables["n"] == 0
        step, quotient = s.run(["step", "quotient"], {d: [3, -4]})
        assert step == 1
        np.testing.assert_array_equal(quotient, [2, -2])


def test_variables_are_read_and_written_as_copies():
    with Session(counter(), tier="reference") as s:
        s.initialize()
        value = s.variables["n"]
        value[...] = 9
        assert s.variables["n"] == 0
        mine = np.array(4.0, "float32")
        s.variables["n"] = mine
        mine[...] = 8
        assert s.variables["n"] == 4
        assert dict(s.variables) == {"n": 4}
        with pytest.raises(FeedError):
            s.variables["n"] = [1.0, 2.0]
        with pytest.raises(UnknownName, match="Did you mean n"):
            s.variables["nn"] = 1.0


def test_initialize_by_name_leaves_the_others(tier):
    with nf.Graph() as g:
        nf.variable(1.0, name="a")
        nf.variable(2.0, name="b")
    with Session(g, tier=tier) as s:
        s.initialize()
        s.variables["a"] = s.variables["b"] = 7.0
        s.initialize(["a"])
        assert dict(s.variables) == {"a": 1, "b": 7}
        with pytest.raises(UnknownName):
            s.initialize(["c"])


def test_an_initial_port_may_depend_on_another_variable():
    with nf.Graph() as g:
        a = nf.variable([1.0, 2.0], name="a")
        g.apply("variable", a * 10, name="b")
    with Session(g, tier="reference") as s:
        s.initialize()
        np.testing.assert_array_equal(s.variables["b"], [10, 20])


def random_graph():
    with nf.Graph() as g:
        initializer = {"op": "random_normal", "stddev": 0.03}
        g.apply("variable", shape=[4, 3], initializer=initializer, name="w")
        nf.random_uniform([5], name="u")
        nf.random_normal([5], name="z")
    return g


def test_the_same_seed_gives_the_same_numbers_whatever_else_ran(tier):
    def numbers(seed, extra):
        with Session(random_graph(), tier=tier, seed=seed) as s:
            s.initialize()
            if extra:
                s.run("w")
                s.initialize()
            first = s.run("u")
            return s.variables["w"], s.run("u"), first

    w, u, first = numbers(1, False)
    w_again, _, _ = numbers(1, True)
    np.testing.assert_array_equal(w, w_again)
    np.testing.assert_array_equal(u, numbers(1, False)[1])
    assert not np.array_equal(u, first)
    assert not np.array_equal(w, numbers(2, False)[0])


def test_tiers_draw_the_same_numbers():
    values = []
    for tier in ("reference", "compiled"):
        with Session(random_graph(), tier=tier, seed=3) as s:
            s.initialize()
            values.append(s.run(["w", "u", "z"]))
    for a, b in zip(*values, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


# ---- life ---------------------------------------------------------------------------------------


def test_a_closed_session_says_so():
    s = Session(tutorial(), tier="reference")
    s.close()
    with pytest.raises(RunError, match="closed"):
        s.run("a")


def test_two_sessions_do_not_share_variables(tier):
    g = counter()
    with Session(g, tier=tier) as one, Session(g, tier=tier) as two:
        one.initialize()
        two.initialize()
        one.run("step")
        assert one.variables["n"] == 1
        assert two.variables["n"] == 0


def test_threads_take_turns(tier):
    with Session(counter(), tier=tier) as s:
        s.initialize()
        threads = [
            threading.Thread(target=lambda: [s.run("step") for _ in range(50)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert s.variables["n"] == 200


def test_the_graph_may_grow_after_a_run(tier):
    g = tutorial()
    with Session(g, tier=tier) as s:
        s.initialize()
        s.run("a", {"b": [[1.0]]})
        with g:
            nf.add(g.tensor("a"), nf.variable(0.5, name="late"), name="more")
        s.initialize(["late"])
        assert s.run("more", {"b": [[1.0]]}) == 6.5


def test_gradients_that_do_not_exist_cannot_be_fetched():
    with nf.Graph() as g:
        x, y = nf.variable(1.0, name="x"), nf.variable(2.0, name="y")
        g.apply("gradients", x * x, [x, y], name="slopes")
    with Session(g, tier="reference") as s:
        s.initialize()
        assert s.run("slopes") == 2
        with pytest.raises(FetchError, match="slopes"):
            s.run("slopes:1")
