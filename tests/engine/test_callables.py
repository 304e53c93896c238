"""Callables, and runs of a known question, give what a run that knows nothing gives."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.recorded_runs import RunMetadata, RunOptions
from nodeflow.errors import (
    ArgumentProblem,
    FeedError,
    MissingFeed,
    NotInitialized,
    RunError,
    UnknownName,
)
from nodeflow.ops.program.initialize import report_uninitialized_variables


@pytest.fixture
def graph():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable(np.ones((3, 2), "float32"), name="w")
        nf.add(nf.matmul(x, w), nf.placeholder("float32", [], name="b", sample=0.0), name="y")
        nf.random_normal([4], name="noise")
        nf.gather(w, nf.placeholder("int64", [1], name="index"), name="picked")
    return g


@pytest.fixture(params=["reference", "compiled", "auto"])
def session(request, graph):
    with nf.Session(graph, tier=request.param, threads=1, seed=4) as s:
        s.initialize()
        yield s


def rows(n: int, value: float = 1.0) -> np.ndarray:
    return np.full((n, 3), value, "float32")


def test_values_and_shapes_may_change(session) -> None:
    call = session.make_callable("y", ["x"])
    for _ in range(3):
        for value in (rows(1), rows(2, 2), [[1, 2, 3]], rows(3).astype("int8"), rows(0)):
            expected = np.asarray(value, "float32") @ np.ones((3, 2), "float32")
            np.testing.assert_array_equal(call(value), expected)


def test_what_is_not_fed_may_change_between_calls(session, graph) -> None:
    call = session.make_callable("y", ["x"])
    found = []
    for weight in (1, 1, 2, 2, 3):
        session.variables["w"] = np.full((3, 2), weight, "float32")
        found += [call(rows(1))[0, 0], call(rows(1))[0, 0]]
    assert found == [3, 3, 3, 3, 6, 6, 6, 6, 9, 9]
    sample = graph.node("b").attrs
    graph.node("b").attrs = {**sample, "sample": 1.0}
    assert call(rows(1))[0, 0] == 10
    assert session.run("y", {"x": rows(1), "b": 5})[0, 0] == 14
    assert call(rows(1))[0, 0] == 10
    del session.variables["w"]
    with pytest.raises(NotInitialized):
        call(rows(1))


def test_assigns_between_calls_are_seen(session, graph) -> None:
    with graph.as_default():
        w = graph.node("w").outputs[0]
        grow = session.make_callable(nf.assign(w, w * 2))
    call = session.make_callable("y", ["x"])
    found = []
    for _ in range(4):
        found += [call(rows(1))[0, 0], call(rows(1))[0, 0]]
        grow()
    assert found == [3, 3, 6, 6, 12, 12, 24, 24]


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_calls_of_several_threads_take_turns(tier) -> None:
    """Another thread has its turn in the middle of each call, before the sum is assigned."""

    def one_more(count):
        time.sleep(0.001)
        return count + np.float32(1)

    with nf.Graph() as g:
        n = nf.variable(0.0, name="n")
        step = nf.assign(n, nf.py_func(one_more, [n], nf.float32), name="step")
    with nf.Session(g, tier=tier) as s:
        s.initialize()
        call = s.make_callable(step)
        threads = [threading.Thread(target=lambda: [call() for _ in range(5)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert s.variables["n"] == 20


@pytest.mark.thorough
def test_training_calls_make_the_steps_that_runs_make() -> None:
    """Dropout, a momentum beside each variable, and an evaluation between."""
    random = np.random.default_rng(3)
    batches = random.normal(size=(8, 6, 3)).astype("float32")
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        hidden = nf.dropout(nf.relu(nf.layers.dense(x, 5)), rate=0.3)
        loss = nf.reduce_mean(nf.square(nf.layers.dense(hidden, 1) - 1), name="loss")
        g.apply("momentum", loss, name="train", learning_rate=0.1, momentum=0.9)
    found = []
    for kind in ("names", "tensors", "callable"):
        with nf.Session(g, tier="compiled", seed=5) as s:
            s.initialize()
            wanted = ["train", "loss"] if kind == "names" else [g.node("train"), loss]
            step, score = s.make_callable(wanted, [x]), s.make_callable(loss, [x])
            losses = []
            for at, batch in enumerate(batches):
                fed = {"x" if kind == "names" else x: batch}
                losses.append(step(batch)[1] if kind == "callable" else s.run(wanted, fed)[1])
                if at % 3:
                    losses.append(score(batch) if kind == "callable" else s.run("loss", fed))
                if at == 5:
                    name = next(iter(s.variables))
                    s.variables[name] = s.variables[name] * 0.5
            losses.append(s.steps_of(["train"]))
            found.append((losses, {name: value.tobytes() for name, value in s.variables.items()}))
    assert found[0] == found[1] == found[2]
    assert found[0][0][-1] == len(batches)


def test_a_training_call_that_fails_assigns_nothing(session, graph) -> None:
    with graph.as_default():
        w = graph.node("w").outputs[0]
        picked = graph.node("picked").outputs[0]
        call = session.make_callable(
            nf.assign_add(w, nf.ones([3, 2]) * nf.reduce_sum(picked) / 2), ["index"]
        )
    seen = []
    for index in (0, 1, 0, 5, 2):
        if index == 5:
            with pytest.raises(RunError) as caught:
                call([index])
            assert caught.value.node == "picked"
        else:
            seen.append(call([index])[0, 0])
    assert seen == [2, 4, 8, 16] and session.variables["w"][2, 1] == 16


def test_calls_draw_what_runs_draw(session, graph) -> None:
    call = session.make_callable("noise")
    drawn = [call(), session.run("noise"), call(), call()]
    with nf.Session(graph, tier="reference", seed=4) as other:
        for one in drawn:
            np.testing.assert_allclose(one, other.run("noise"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["stream", "seed", "graph"])
def test_seeds_and_streams_may_change_between_calls(session, graph, kind) -> None:
    """As in a graph that is edited, where each change gives the node another mapping."""
    noise = graph.node("noise")
    call = session.make_callable("noise")
    for run in range(5):
        if run == 3 and kind == "stream":
            noise.stream = "other"
        elif run == (1 if kind == "graph" else 3):
            noise.attrs = {**noise.attrs, "seed": 7}
        elif run == 3:
            graph.seed = 11
        with nf.Session(graph, tier="reference", seed=4) as other:
            other.runs = run
            np.testing.assert_allclose(call(), other.run("noise"), rtol=1e-5, atol=1e-6)


def test_a_call_that_fails_names_its_node_and_leaves_the_next_right(session) -> None:
    call = session.make_callable("picked", ["index"])
    for _ in range(2):
        for good in (0, 2):
            assert call([good]).tolist() == [[1, 1]]
        with pytest.raises(RunError) as caught:
            call([3])
        assert caught.value.node == "picked"


def test_calls_see_what_happens_to_the_session(session) -> None:
    call = session.make_callable("y", ["x"])
    call(rows(1))
    session.forget_plans()
    assert call(rows(1))[0, 0] == 3
    session.initialize()
    session.cancel()
    assert call(rows(1))[0, 0] == 3
    session.close()
    with pytest.raises(RunError, match="closed"):
        call(rows(1))


def test_results_are_the_caller_s(session) -> None:
    for n in (1, 3000):
        call = session.make_callable(["y", "x"], ["x"])
        given = rows(n)
        first = call(given)
        for one in first:
            one += 1
        assert (given == 1).all() and (call(given)[0] == 3).all() and (first[0] == 4).all()


def test_questions_about_the_session_are_asked_at_each_call(graph) -> None:
    with graph.as_default():
        names = report_uninitialized_variables()
    with nf.Session(graph) as s:
        call = s.make_callable(names)
        assert [str(n) for n in call()] != []
        s.initialize()
        assert len(call()) == 0


def test_dropout_is_off_in_calls_and_on_in_training_runs() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
        y = nf.dropout(x, rate=0.5)
    with nf.Session(g, tier="compiled") as s:
        call, ones = s.make_callable(y, [x]), np.ones(64, "float32")
        for _ in range(3):
            assert (call(ones) == 1).all()
            assert (s.run(y, {x: ones}, training=True) == 0).any()


def test_runs_of_another_phase_leave_samples_of_calls_alone() -> None:
    """Both have one plan where neither trains, and a flag that is true by its own sample."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
        y = nf.dropout(x, rate=0.5)
    flag = g.node("dropout/is_training")
    flag.attrs = {**flag.attrs, "sample": True}
    with nf.Session(g, tier="compiled") as s:
        call, ones = s.make_callable(y, [x]), np.ones(64, "float32")
        for _ in range(3):
            assert (call(ones) == 0).any() and (s.run(y, {x: ones}) == 0).any()
            assert (s.run(y, {x: ones}, training=False) == 1).all()
            assert (s.run(y, {x: ones}) == 0).any() and (call(ones) == 0).any()
            assert (s.run(y, {x: ones}, training=False) == 1).all()


# ---- what cannot be called ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feeds", "problem", "text"),
    [
        ("x", FeedError, "feed_list is a str"),
        ({"x": 1}, FeedError, "feed_list is a dict"),
        (3, FeedError, "feed_list is an int"),
        ([3], FeedError, "an int cannot be fed"),
        ([["x"]], FeedError, "a list cannot be fed"),
        (["x", "x:0"], FeedError, "x:0 is fed twice|x is fed twice"),
        (["nothing"], UnknownName, "nothing"),
    ],
)
def test_a_list_of_feeds_that_is_none_is_refused(session, feeds, problem, text) -> None:
    with pytest.raises(problem, match=text):
        session.make_callable("y", feeds)


def test_a_tensor_of_another_graph_is_refused(session) -> None:
    with nf.Graph():
        other = nf.placeholder("float32", [])
    with pytest.raises(FeedError, match="another graph"):
        session.make_callable("y", [other])


def test_values_that_do_not_fit_are_refused_at_each_call(session) -> None:
    call = session.make_callable("y", ["x"])
    for _ in range(2):
        call(rows(1))
        for wrong in (np.zeros((1, 4), "float32"), "text", np.zeros((1, 3), complex), None):
            with pytest.raises(FeedError, match="x"):
                call(wrong)
        for values in ((), (rows(1), rows(1))):
            with pytest.raises(FeedError, match=f"1 value expected, not {len(values)}"):
                call(*values)
    with pytest.raises(MissingFeed):
        session.make_callable("y")()


def test_options_are_taken_where_that_was_asked_for(session) -> None:
    recording = RunOptions(trace_level=RunOptions.FULL_TRACE), RunMetadata()
    call = session.make_callable("y", ["x"], accept_options=True)
    assert call(rows(1), options=recording[0], run_metadata=recording[1])[0, 0] == 3
    assert recording[1].step_stats
    assert call(rows(1), options=None)[0, 0] == 3
    with pytest.raises(ArgumentProblem, match="options must be"):
        call(rows(1), options=3)
    with pytest.raises(ArgumentProblem, match="no argument x"):
        call(rows(1), x=3)
    with pytest.raises(ArgumentProblem, match="takes no options"):
        session.make_callable("y", ["x"])(rows(1), options=recording[0])
