"""What TensorFlow 1's programs do with sessions: defaults, initialisers, options, callables."""

from __future__ import annotations

import threading
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.config import ConfigProto, GPUOptions
from nodeflow.errors import (
    AttributeProblem,
    FeedError,
    FetchError,
    GraphError,
    RunError,
)
from nodeflow.graph.session_hooks.default_session import get_default_session
from nodeflow.ops.program.initialize import (
    initialize_all_variables,
    initialize_variables,
    is_variable_initialized,
    local_variables_initializer,
    report_uninitialized_variables,
    tables_initializer,
    variables_initializer,
)

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])


def test_the_default_session_evaluates_and_runs() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [], name="x")
        w = nf.variable(2.0, name="w")
        y = w * x
        step = nf.assign(w, y)
    assert get_default_session() is None
    with nf.Session(graph) as session:
        assert get_default_session() is session
        assert nf.get_default_graph() is graph
        nf.global_variables_initializer().run()
        assert y.eval({x: 3}) == y.eval(feed_dict={"x:0": 3.0}) == 6.0
        assert step.op.run({x: 5}) is None
        assert w.eval() == 10.0
    assert get_default_session() is None
    with pytest.raises(RunError, match=r"no default session to eval it in.*with nf\.Session"):
        w.eval()
    with pytest.raises(RunError, match="no default session to run it in"):
        step.op.run()
    with pytest.raises(RunError, match="list is not a session"):
        w.eval(session=[])


def test_default_sessions_nest_and_belong_to_their_thread() -> None:
    with nf.Graph() as graph:
        x = nf.constant(1.0)
    seen: list[Any] = []
    outer, inner = nf.Session(graph), nf.Session(graph)
    with outer.as_default() as given:
        assert given is outer
        with inner:
            assert get_default_session() is inner
            thread = threading.Thread(target=lambda: seen.append(get_default_session()))
            thread.start()
            thread.join()
        assert get_default_session() is outer
        assert x.eval() == 1.0
        assert x.eval(session=outer) == 1.0
    assert seen == [None]
    assert outer.run(x) == 1.0, "as_default leaves the session open"
    with pytest.raises(RunError, match="closed"):
        inner.run(x)


def test_an_interactive_session_is_the_default_until_it_is_closed() -> None:
    with nf.Graph() as graph:
        pass
    session = nf.InteractiveSession(graph)
    try:
        x = nf.constant(2.0) * 3.0
        assert x.graph is graph and x.eval() == 6.0
    finally:
        session.close()
    assert get_default_session() is None and nf.get_default_graph() is not graph
    session.close()


def test_options_of_tensorflow() -> None:
    config = ConfigProto(
        intra_op_parallelism_threads=2,
        inter_op_parallelism_threads=1,
        allow_soft_placement=True,
        log_device_placement=True,
        gpu_options=GPUOptions(per_process_gpu_memory_fraction=0.3),
    )
    config.gpu_options.allow_growth = True
    assert nf.Session(nf.Graph(), config=config).threads == 2
    assert nf.InteractiveSession(config=ConfigProto()).threads is None
    get_default_session().close()
    assert nf.Session(nf.Graph(), config=config, threads=3).threads == 3
    assert repr(GPUOptions(allow_growth=True)) == "GPUOptions(allow_growth=True)"
    with pytest.raises(AttributeProblem, match="Did you mean allow_growth"):
        config.gpu_options.allow_grow = True  # type: ignore[attr-defined]
    with pytest.raises(AttributeProblem, match="no option 'threads_'"):
        ConfigProto(threads_=1)
    for bad in (-1, 1.5, "2", True):
        with pytest.raises(AttributeProblem, match="must be a whole number"):
            ConfigProto(inter_op_parallelism_threads=bad)


@pytest.mark.parametrize("bad", ["x.flow", 3, [nf.Graph()]])
def test_a_session_takes_a_graph(bad: object) -> None:
    with pytest.raises(GraphError, match="expected a Graph to run, not"):
        nf.Session(bad)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="ConfigProto"):
        nf.Session(config={"threads": 2})  # type: ignore[arg-type]
    with pytest.raises(RunError, match="tier must be"):
        nf.Session(tier="fast")  # type: ignore[arg-type]


@TIERS
def test_fetches_keep_their_structure(tier: Any) -> None:
    Pair = namedtuple("Pair", "first second")
    with nf.Graph() as graph:
        x = nf.constant(1.0, name="x")
        y = nf.constant([2.0, 3.0], name="y")
        step = nf.group(x)
    with nf.Session(graph, tier=tier) as session:
        got = session.run(OrderedDict(b=(step, y), a=Pair("x:0", [{"y": "y"}, ()])))
        assert type(got) is OrderedDict and list(got) == ["b", "a"]
        assert got["b"][0] is None and got["b"][1].tolist() == [2.0, 3.0]
        assert type(got["a"]) is Pair and got["a"].first == 1.0
        assert got["a"].second[0]["y"].tolist() == [2.0, 3.0] and got["a"].second[1] == ()
        for bad, what in (
            (None, "None"),
            ([x, None], "None"),
            ([1], "an int"),
            ({"a": {1}}, "a set"),
        ):
            with pytest.raises(FetchError, match=f"{what} cannot be fetched"):
                session.run(bad)


def test_a_callable_runs_its_fetches() -> None:
    with nf.Graph() as graph:
        x, y = nf.placeholder("float32", [], name="x"), nf.placeholder("float32", [], name="y")
        total = x - y
    with nf.Session(graph) as session:
        call = session.make_callable([total, x], [x, "y:0"])
        assert call(3, 1) == [2.0, 3.0] and call(np.float64(1), True) == [0.0, 1.0]
        assert session.make_callable(nf.constant(4.0))() == 4.0
        with pytest.raises(FeedError, match="2 values expected, not 1"):
            call(1)
        with pytest.raises(FetchError):
            session.make_callable(None)
        with pytest.raises(FeedError):
            session.make_callable(total, [3])


# ---- initialising -------------------------------------------------------------------------------


def two_variables() -> tuple[nf.Graph, nf.Tensor, nf.Tensor]:
    with nf.Graph() as graph:
        a = nf.variable("glorot_uniform", shape=[2, 3], name="a")
        b = nf.variable(5.0, name="b")
    return graph, a, b


@TIERS
def test_the_initialiser_gives_what_initialize_gives(tier: Any) -> None:
    graph, a, b = two_variables()
    with graph:
        init = nf.global_variables_initializer()
        late = nf.variable(1.0, name="late")
    with nf.Session(graph, tier=tier, seed=3) as one, nf.Session(graph, tier=tier, seed=3) as other:
        one.initialize()
        assert other.run(init) is None
        np.testing.assert_array_equal(other.run(a), one.run(a))
        other.variables["b"] = 7.0
        assert other.run(nf.group(init, nf.no_op())) is None
        assert other.run(b) == 5.0, "reached through a group, it runs again"
        assert other.run(late) == 1.0, "also what was made after it"


@TIERS
def test_a_run_with_an_initialiser_sees_the_initial_values(tier: Any) -> None:
    graph, _, b = two_variables()
    with graph:
        init = variables_initializer([b])
        step = nf.assign(b, b + 1.0)
    with nf.Session(graph, tier=tier) as session:
        assert session.run([init, b, step]) == [None, 5.0, 6.0]
        assert session.run(b) == 6.0


def test_initial_values_may_depend_on_what_is_fed() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [2], name="x")
        w = nf.variable(x * 2.0, name="w")
        init = initialize_all_variables()
    with nf.Session(graph) as session:
        session.run(init, {x: [1, 2]})
        assert session.run(w).tolist() == [2.0, 4.0]


def test_which_variables_have_values_can_be_asked() -> None:
    graph, _, b = two_variables()
    with graph:
        missing = report_uninitialized_variables()
        known = is_variable_initialized(b)
        init_b = initialize_variables([b])
        nothing = nf.group(local_variables_initializer(), tables_initializer())
    with nf.Session(graph) as session:
        assert session.run(nothing) is None
        assert session.run(missing).tolist() == ["a", "b"]
        assert not known.eval()
        names, is_known = session.run([missing, known], {})
        assert (names.tolist(), bool(is_known)) == (["a", "b"], False)
        session.run(init_b)
        assert session.run({"m": missing})["m"].tolist() == ["a"]
        assert session.run(known)
        assert report_uninitialized_variables([b]).eval().tolist() == []
    for bad in (3, "a", [nf.Graph()]):
        with pytest.raises(GraphError, match="is not a variable"):
            variables_initializer(bad)  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="is not a variable"), graph:
        is_variable_initialized(nf.constant(1.0, name="c"))


# ---- seeds --------------------------------------------------------------------------------------


def drawn(graph_seed: int | None, run_seed: int | None = None, tier: Any = "reference") -> list:
    with nf.Graph() as graph:
        if graph_seed is not None:
            nf.set_random_seed(graph_seed)
        free = nf.random_normal([4], name="free")
        own = nf.random_normal([4], seed=7, name="own")
        same = nf.random_normal([4], seed=7, name="same")
    with nf.Session(graph, seed=run_seed, tier=tier) as session:
        return [a.tolist() for a in session.run([free, own, same])]


@TIERS
def test_the_seed_of_a_graph_and_those_of_its_ops_decide_together(tier: Any) -> None:
    free, own, same = drawn(None, tier=tier)
    assert drawn(None, tier=tier) == [free, own, same] and own == same
    free_1, own_1, same_1 = drawn(1, tier=tier)
    assert free_1 != free and own_1 != own and own_1 == same_1
    assert drawn(1, tier=tier) == [free_1, own_1, same_1]
    free_2, own_2, _ = drawn(2, tier=tier)
    assert free_2 != free_1 and own_2 != own_1
    assert drawn(None, 1, tier=tier)[:2] == [free_1, own], "a session's seed leaves ops' own alone"
    assert drawn(1, 5, tier=tier)[0] == drawn(None, 5, tier=tier)[0], "a session's seed comes first"


def test_a_seed_set_after_the_session_was_opened_counts() -> None:
    with nf.Graph() as graph:
        x = nf.random_normal([4], name="free")
        session = nf.Session(graph)
        before = session.run(x).tolist()
        nf.set_random_seed(1)
        session = nf.Session(graph)
        assert session.seed == 1 and session.run(x).tolist() != before
        for bad in ("1", 1.5, None, True):
            with pytest.raises(GraphError, match="a seed must be a whole number"):
                nf.set_random_seed(bad)  # type: ignore[arg-type]
