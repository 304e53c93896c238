"""Rewrites change what is computed, never a bit of the result."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.ir.actions import Action
from nodeflow.engine.plan import passes
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.passes import EXACT, REWRITES, pipeline, resolve, rewrites_in_order
from nodeflow.engine.plan.plan import PASSES, make_plan, run_passes
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.errors import UnknownName
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.lowering import Elementwise
from tests.engine.graphs import images_and_labels, network


def actions_of(target, without: frozenset[str] = frozenset()):
    """The actions of a run, after all rewrites of actions."""
    schedule = build_schedule([target], [])
    draft = Draft(schedule, schedule.specialise({}), without)
    run_passes(draft, before="copy_fetched")
    return draft.actions


def test_equal_expressions_are_computed_once() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [3], name="x")
        total = nf.exp(x + 1) * nf.exp(x + 1)
    assert len(actions_of(total).items) == 3
    assert len(actions_of(total, frozenset({"share"})).items) == 5


def test_what_differs_is_not_shared() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [3], name="x")
        clipped = nf.clip_by_value(x, 0.0, 1.0) + nf.clip_by_value(x, -0.0, 1.0)
    assert len(actions_of(clipped).items) == 3


def test_random_ops_are_never_shared() -> None:
    with nf.Graph() as g:
        difference = nf.random_normal([64]) - nf.random_normal([64])
    with nf.Session(g, tier="compiled") as s:
        assert np.any(s.run(difference) != 0)


def test_what_depends_on_constants_only_is_computed_while_planning() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [3], name="x")
        y = x * (nf.constant(2.0) * nf.constant(4.0) + 1)
    actions = actions_of(y)
    assert len(actions.items) == 1
    assert 9.0 in [float(v) for v in actions.constants.values() if v.ndim == 0]
    assert len(actions.rewritten["fold"]) == 2
    assert len(actions_of(y, frozenset({"fold"})).items) == 3


@pytest.mark.parametrize("text", ["x * 1", "1 * x", "x / 1", "x - 0"])
def test_neutral_operands_vanish(text: str) -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [5], name="x")
        y = nf.identity(eval(text), name="y")
    assert not actions_of(y).items
    value = np.array([-0.0, np.nan, np.inf, 1e-42, 3], "float32")
    with nf.Session(g, tier="compiled") as s:
        assert s.run(y, {x: value}).tobytes() == value.tobytes()


def test_adding_zero_to_a_float_is_kept_because_of_minus_zero() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [1], name="x")
        n = nf.placeholder("int32", [1], name="n")
        y, m = x + 0, n + 0
    assert len(actions_of(y).items) == 1
    assert not actions_of(m).items
    with nf.Session(g, tier="compiled") as s:
        assert not np.signbit(s.run(y, {x: np.array([-0.0], "float32")}))[0]


def test_a_broadcast_by_one_is_kept() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [1], name="x")
        y = x * nf.constant(np.ones(4, "float32"))
    assert len(actions_of(y).items) == 1


def test_reused_memory_is_less() -> None:
    with nf.Graph():
        v = x = nf.placeholder("float32", [64, 64], name="x")
        for _ in range(20):
            v = nf.matmul(v, x)
    schedule = build_schedule([v], [])
    reused = make_plan(schedule, schedule.specialise({})).arena_size
    kept = make_plan(schedule, schedule.specialise({}), ["reuse"]).arena_size
    assert kept >= 6 * reused


EXACT_REWRITES = [each.id for each in REWRITES.values() if each.exact]


@pytest.mark.sample(9)
@pytest.mark.parametrize("without", [*((id,) for id in EXACT_REWRITES), tuple(REWRITES)])
def test_training_has_the_same_bits_without_any_rewrite(without: tuple[str, ...]) -> None:
    def train(without: tuple[str, ...]) -> tuple[np.ndarray, list[np.ndarray]]:
        net = network("float32", (40, 24, 10))
        images, labels = images_and_labels(300, 40)
        columns = {
            net.x: Column(images, "float32", scale=1 / 255),
            net.y: Column(labels, "float32", depth=10),
        }
        with nf.Session(net.graph, tier="compiled", without=without) as s:
            s.initialize()
            stepper = s.stepper([net.train], [net.loss], columns, 20)
            stepper.start_epoch(np.arange(300))
            losses = stepper.run(15)[1]
            return losses, [value for _, value in s.variables.items()]

    losses, values = train(())
    other_losses, other_values = train(without)
    assert np.array_equal(losses, other_losses)
    assert all(np.array_equal(a, b) for a, b in zip(values, other_values, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7, 10), (2, 3, 133), (5, 2), (1, 8192), (40,)])
@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_softmax_by_rows_has_the_bits_of_its_parts(kind: str, shape, dtype: str) -> None:
    x = np.random.default_rng(0).normal(0, 30, shape).astype(dtype)
    x.flat[:4] = [np.inf, -np.inf, np.nan, -0.0]
    with nf.Graph() as g:
        p = nf.placeholder(dtype, list(shape), name="x")
        y = g.apply(kind, p, name="y")
    assert len(actions_of(y).items) == 1
    values = []
    for without in ((), ("softmax",)):
        with nf.Session(g, tier="compiled", without=without) as s:
            values.append(s.run(y, {p: x}))
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize(("shape", "axis", "whole"), [((4, 5), 0, True), ((4, 5, 1), 1, False)])
def test_softmax_along_another_axis_is_one_kernel_where_there_are_columns(
    shape, axis, whole
) -> None:
    with nf.Graph():
        y = nf.softmax(nf.placeholder("float32", list(shape), name="x"), axis=axis)
    assert (len(actions_of(y).items) == 1) == whole


def test_old_names_of_rewrites_still_switch_them_off() -> None:
    assert resolve(["strands", "turns", "rows"]) == {"chain", "serialize", "softmax"}
    assert resolve(["views"]) == {"views", "pieces"}
    assert resolve(["pieces"]) == {"pieces"}
    assert nf.Session(nf.Graph(), without=["rows"]).without == {"softmax"}


def test_every_rewrite_runs_after_what_it_follows_and_is_documented() -> None:
    order = [name for name, _ in pipeline(PASSES, frozenset())]
    assert sorted(order) == sorted({*PASSES, *REWRITES} - {"stabilise"})
    assert [name for name in order if name in PASSES] == list(PASSES)
    for each in REWRITES.values():
        assert each.summary and each.summary != each.run.__name__
        if each.scope == "plan":
            assert all(order.index(before) < order.index(each.id) for before in each.after)
    assert [each.id for each in rewrites_in_order()][:1] == ["stabilise"]
    assert {each.id for each in rewrites_in_order()} == set(REWRITES)


def test_a_rewrite_is_one_decorated_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """What registers one is all that it takes to run, to switch it off and to explain it."""
    registry = dict(REWRITES)
    monkeypatch.setattr(passes, "REWRITES", registry)

    @passes.rewrite("halve", exact=True, after=("share",), aliases=("half",))
    def halve(draft: Draft) -> None:
        """x / 2 = x * 0.5"""
        items = draft.actions.items
        for number, action in enumerate(items):
            if action.node.op.id == "divide":
                half = draft.actions.new_constant(np.float32(0.5))
                times = Elementwise("x * y", ("x", "y"))
                operands = (action.inputs[0], half)
                items[number] = Action(action.node, times, operands, action.outputs)
                draft.note("halve", action.node.name)

    with nf.Graph() as g:
        x = nf.placeholder("float32", [3], name="x")
        y = nf.divide(x, 2.0, name="y")
    fed = {x: np.array([1, 3, 5], "float32")}
    with nf.Session(g, tier="compiled") as with_it:
        text = with_it.explain(y, fed)
        assert "halve (x / 2 = x * 0.5):\n  y" in text
        assert with_it.run(y, fed).tolist() == [0.5, 1.5, 2.5]
    with nf.Session(g, tier="compiled", without=["half"]) as without:
        assert "halve" not in without.explain(y, fed)

    with pytest.raises(ValueError, match="two rewrites are called halve"):
        passes.rewrite("halve", exact=True)(halve)
    passes.rewrite("lost", exact=True, after=("nothing",))(halve)
    with pytest.raises(ValueError, match="the rewrite lost follows a pass that does not run"):
        list(pipeline(PASSES, frozenset()))


def test_an_unknown_rewrite_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="share"):
        nf.Session(nf.Graph(), without=["shar"])


def test_every_exact_op_exists() -> None:
    assert set(REGISTRY.ids()) >= EXACT
