"""Variables that a run assigns have two arrays each, which change places."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import RunError
from nodeflow.ops.variables.scatter import scatter_add

COUNT = 4


@pytest.fixture(params=["reference", "compiled"])
def session(request):
    """Variables a0... get 2 * x0..., and b0... get b0 + x0...; `all` assigns them."""
    with nf.Graph() as g:
        xs, a, b = (
            [nf.variable(np.full(3, k, "float32"), name=f"{name}{k}") for k in range(COUNT)]
            for name in "xab"
        )
        doubled = [nf.assign(v, x * 2) for v, x in zip(a, xs, strict=True)]
        added = [nf.assign(v, v + x) for v, x in zip(b, xs, strict=True)]
        nf.group(*doubled, *added, name="all")
        nf.group(*doubled, name="doubled")
        n = nf.placeholder("int32", [], name="n")
        nf.group(*doubled, nf.assign(nf.variable(0, name="whole"), 7 // n), name="may_fail")
    with nf.Session(g, tier=request.param, threads=1) as s:
        s.initialize()
        yield s


def values(session, name: str) -> list[float]:
    return [float(session.variables[f"{name}{k}"][1]) for k in range(COUNT)]


def test_each_run_goes_on_from_the_last(session) -> None:
    for run in range(1, 7):
        session.run("all")
        assert values(session, "a") == [2.0 * k for k in range(COUNT)]
        assert values(session, "b") == [k * (1.0 + run) for k in range(COUNT)]


@pytest.mark.parametrize("name", ["x", "a", "b"])
@pytest.mark.parametrize("asked", ["all", "doubled"])
def test_what_is_set_between_runs_counts(session, name, asked) -> None:
    target = session.graph.node(asked)
    expected = np.arange(COUNT, dtype="float64")
    for run in range(8):
        session.run(target)
        expected += np.arange(COUNT) if asked == "all" else 0
        if run in (2, 3, 6):
            session.variables[f"{name}1"] = np.full(3, 10 + run, "float32")
            if name == "x":
                session.run(target)
                assert values(session, "a")[1] == 2 * (10 + run)
                session.variables["x1"] = np.full(3, 1, "float32")
                expected += [0, 10 + run, 2, 3] if asked == "all" else 0
            elif name == "b":
                expected[1] = 10 + run
            else:
                assert values(session, "a")[1] == 10 + run
    session.run(target)
    expected += np.arange(COUNT) if asked == "all" else 0
    assert values(session, "a") == [2.0 * k for k in range(COUNT)]
    assert values(session, "b") == expected.tolist()


def test_runs_of_other_questions_write_the_same_variables(session) -> None:
    for _ in range(3):
        for name in ("all", "doubled", "all"):
            session.run(session.graph.node(name))
    assert values(session, "a") == [2.0 * k for k in range(COUNT)]
    assert values(session, "b") == [7.0 * k for k in range(COUNT)]


def test_a_run_that_fails_changes_nothing(session) -> None:
    target, n = session.graph.node("may_fail"), session.graph.node("n").outputs[0]
    for number in range(1, 5):
        session.variables["x2"] = np.full(3, number, "float32")
        session.run(target, {n: number})
        session.variables["x2"] = np.full(3, 50, "float32")
        with pytest.raises(RunError):
            session.run(target, {n: 0})
        assert values(session, "a") == [0.0, 2.0, 2.0 * number, 6.0]
        assert session.variables["whole"] == 7 // number


def test_a_value_that_was_read_stays(session) -> None:
    kept = []
    for number in range(5):
        session.variables["x0"] = np.full(3, number, "float32")
        session.run("all")
        kept.append(session.variables["a0"])
    assert [v[0] for v in kept] == [0, 2, 4, 6, 8]


def test_arrays_begin_on_a_cache_line(session) -> None:
    for _ in range(3):
        session.run("all")
        held = (session.variables.read(node) for node in session.variables.nodes())
        assert {a.ctypes.data % 64 for a in held if a.ndim} == {0}


@pytest.mark.parametrize("name", ["table", "values"])
def test_a_table_that_rows_are_added_to_may_be_set_between_runs(name) -> None:
    with nf.Graph() as g:
        table, values = (
            nf.variable(np.zeros((4, 2), "float32"), name=n) for n in ("table", "values")
        )
        change = scatter_add(table, nf.constant([0, 1, 2, 3]), values)
    with nf.Session(g, tier="compiled", threads=1) as s:
        s.initialize()
        s.variables["values"] = np.ones((4, 2), "float32")
        expected, step = 0.0, 1.0
        for run in range(9):
            if run in (3, 4, 7):
                s.variables[name] = np.full((4, 2), run, "float32")
                expected, step = (run, step) if name == "table" else (expected, run)
            s.run(change.node)
            expected += step
            assert (s.variables["table"] == expected).all()
