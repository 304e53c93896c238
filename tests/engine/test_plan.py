"""Plans: what is fused, what runs side by side, and how memory is used again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.arena import Arena, Offsets, size_class
from nodeflow.engine.inspect.explain import explain
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.plan.fusion import MAX_NODES, group_actions
from nodeflow.engine.plan.fusion_budget import MANY_KERNELS, MOST_KERNELS
from nodeflow.engine.plan.lower import build_actions
from nodeflow.engine.plan.plan import make_plan, make_step_plan
from nodeflow.engine.runtime.compiled_plan import CompiledPlan
from nodeflow.engine.runtime.thread_pool import shared_team
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session
from nodeflow.graph.types import TensorType
from nodeflow.ops.samples import values


def plan_of(targets, **shapes):
    graph = targets[0].graph
    fed = [graph.tensor(name) for name in shapes]
    schedule = build_schedule(targets, fed)
    given = {
        schedule.feeds[t]: TensorType(t.dtype, shape)
        for t, shape in zip(fed, shapes.values(), strict=True)
    }
    return schedule, schedule.specialise(given)


def names(group):
    return [a.node.name for a in group.actions]


def test_elementwise_neighbours_are_one_kernel():
    with nf.Graph():
        x = nf.placeholder("float32", [None, 3], name="x")
        y = nf.placeholder("float32", [3], name="y")
        z = nf.multiply(nf.exp(nf.add(x, y, name="a"), name="b"), 2.0, name="c") - x
    groups = group_actions(build_actions(*plan_of([z], x=(4, 3), y=(3,))))
    assert [names(g) for g in groups] == [["a", "b", "c", "subtract"]]
    unfused = group_actions(build_actions(*plan_of([z], x=(4, 3), y=(3,))), fuse=False)
    assert len(unfused) == 4


def test_no_cluster_goes_around_another_kernel():
    with nf.Graph():
        x = nf.placeholder("float32", [4, 4], name="x")
        a = nf.exp(x, name="a")
        product = nf.matmul(a, x, name="product")
        b = nf.add(a, product, name="b")
    groups = group_actions(build_actions(*plan_of([b], x=(4, 4))))
    assert [names(g) for g in groups] == [["a"], ["product"], ["b"]]
    assert [g.level for g in groups] == [0, 1, 2]


def test_independent_branches_share_a_level():
    with nf.Graph():
        x = nf.placeholder("float32", [64, 64], name="x")
        left = nf.matmul(x, x, name="left")
        right = nf.matmul(x, x, transpose_y=True, name="right")
        both = nf.add(left, right, name="both")
    plan = make_plan(*plan_of([both], x=(64, 64)))
    levels = [[n for row in level for n in names(row.group)] for level in plan.phases[0].levels]
    assert levels == [["left", "right"], ["both"]]


def test_clusters_are_bounded():
    with nf.Graph():
        y = nf.placeholder("float32", [5], name="x")
        for _ in range(200):
            y = nf.sin(y)
    groups = group_actions(build_actions(*plan_of([y], x=(5,))))
    assert [len(g.actions) for g in groups] == [MAX_NODES] * 3 + [200 - 3 * MAX_NODES]


def test_equal_clusters_share_a_kernel_whatever_their_size_and_names():
    with nf.Graph():
        x = nf.placeholder("float32", [None, None], name="x")
        y = nf.placeholder("float32", [None, None], name="y")
        ends = [nf.reduce_sum(nf.relu(v + 1.0) * 2.0, axis=1) for v in (x, y)]

    def kernels(x: tuple[int, int], y: tuple[int, int]) -> int:
        return len(make_plan(*plan_of(ends, x=x, y=y)).sources())

    assert kernels((4, 30), (9, 70)) == 1
    assert kernels((4, 3), (9, 3)) == 2
    assert kernels((4, 3), (9, 7)) == 3, "short rows have a sum for each length"


def test_gradient_and_value_of_a_network_are_few_kernels():
    from .graphs import network

    net = network("float32")
    schedule, types = plan_of([net.train, net.loss], x=(100, 784), y=(100, 10))
    assert len(make_plan(schedule, types).sources()) <= 24


def test_memory_of_what_is_done_is_used_again():
    with nf.Graph():
        x = y = nf.placeholder("float32", [256, 256], name="x")
        for _ in range(40):
            y = nf.matmul(y, x)
    plan = make_plan(*plan_of([y], x=(256, 256)))
    assert plan.arena_size <= 4 * 256 * 256 * 4


def test_rows_of_one_level_never_share_memory():
    with nf.Graph():
        x = nf.placeholder("float32", [64], name="x")
        parts = [nf.reduce_sum(nf.square(nf.reshape(x, [k, -1])), axis=1) for k in (2, 4, 8, 16)]
        total = sum((nf.reduce_sum(p) for p in parts[1:]), nf.reduce_sum(parts[0]))
    schedule, types = plan_of([total], x=(64,))
    plan = make_plan(schedule, types)
    for level in plan.phases[0].levels:
        spans = []
        for row in level:
            for root in row.group.outputs:
                place = plan.allocations.get(root)
                if place is not None and place.kind == "arena":
                    size = plan.actions.types[root].size * 4
                    spans.append((place.offset, place.offset + size))
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_fusion_and_memory_reuse_are_exact():
    rng = np.random.default_rng(1)
    value = rng.normal(size=(37, 53)).astype("float32")
    with nf.Graph():
        x = nf.placeholder("float32", [None, None], name="x")
        y = nf.tanh(x * 1.5) + nf.exp(-nf.square(x))
        z = nf.softmax(y) * nf.reduce_max(y, axis=1, keepdims=True) - nf.log(nf.abs(x) + 0.1)
        w = nf.matmul(z, y, transpose_y=True)
    schedule, types = plan_of([w, z], x=value.shape)
    results = []
    for without in ((), ("fuse",)):
        plan = CompiledPlan(make_plan(schedule, types, without), Arena(), shared_team(2))
        given = {schedule.feeds[x]: value}
        results.append([plan.run(given, lambda node: None)[s].copy() for s in schedule.fetches])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_updates_run_after_everything_that_reads_the_old_value():
    with nf.Graph() as g:
        w = nf.variable([1.0, 2.0], name="w")
        new = nf.assign(w, w * 0.5, name="step")
        late = nf.reduce_sum(nf.exp(nf.reduce_sum(nf.exp(w), keepdims=True) * 0.1) * w, name="late")
    schedule = build_schedule([g.node("step"), late], [])
    plan = make_step_plan(schedule, schedule.specialise({}), [])
    home = plan.home[w.node]
    levels = plan.phases[0].levels
    reads = [
        i
        for i, level in enumerate(levels)
        for row in level
        if row.group is not None and home in row.group.inputs
    ]
    writes = [
        i
        for i, level in enumerate(levels)
        for row in level
        if row.group is not None and set(row.group.outputs) & set(plan.inplace)
    ]
    assert new.node.op.id == "assign"
    assert writes == [max(reads)]
    assert len(plan.inplace) == 1


def test_size_classes_waste_little_and_fit():
    for nbytes in (0, 1, 64, 65, 1000, 4097, 123_456, 10**8):
        block = size_class(nbytes)
        assert block >= nbytes
        assert block % 64 == 0
        assert block <= max(64, nbytes * 1.26 + 64)


def test_offsets_are_given_out_again():
    offsets = Offsets()
    a = offsets.take(1000)
    b = offsets.take(1000)
    assert a != b
    offsets.give_back(a, 1000)
    assert offsets.take(990) == a
    assert offsets.size == 2 * size_class(1000)


@pytest.mark.parametrize("threads", [1, 2])
def test_growing_the_arena_moves_every_plan(threads):
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
        y = nf.reduce_sum(nf.exp(x), keepdims=True) + x
    with Session(g, tier="compiled", threads=threads) as s:
        small, large = np.zeros(3, "f4"), np.zeros(3_000_00, "f4")
        for fed in (small, large, small, large):
            np.testing.assert_allclose(s.run(y, {x: fed}), len(fed) + fed, rtol=1e-6)


def test_clusters_that_meet_become_one():
    """Adam: the old moment is scaled early, the gradient comes late, one kernel does it all."""
    with nf.Graph():
        x = nf.placeholder("float32", [8, 8], name="x")
        early = nf.multiply(x, 0.9, name="early")
        late = nf.multiply(nf.matmul(x, x, name="product"), 0.1, name="late")
        both = nf.add(early, late, name="both")
    groups = group_actions(build_actions(*plan_of([both], x=(8, 8))))
    assert [names(g) for g in groups] == [["product"], ["early", "late", "both"]]


def test_a_plan_can_be_read():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [4, 3], name="x")
        nf.reduce_sum(nf.exp(nf.multiply(x, 2.0, name="layer/double"), name="power"), name="total")
    text = explain(make_plan(*plan_of([g.tensor("total")], x=(4, 3))))
    assert "kernel 0, 1 tasks: layer/double, power" in text
    assert "v0 = np.float32((a0 * a1))  # layer/double" in text
    assert "kernel 1, 1 tasks: total" in text


def formula(y: nf.Tensor, number: int) -> nf.Tensor:
    """Four ops; each number gives others, or another order."""
    functions = (nf.tanh, nf.relu, nf.sin, nf.square, nf.exp, nf.abs)
    for place in range(4):
        y = functions[number // 6**place % 6](y)
    return y


def layers(count: int, size: int = 4) -> tuple[nf.Graph, nf.Tensor, nf.Tensor]:
    """A chain in which each layer has a formula of its own; its input and its end."""
    with nf.Graph() as graph:
        x = y = nf.placeholder("float32", [size, size], name="x")
        for number in range(count):
            y = formula(y @ x, number)
    return graph, x, y


def plan_of_layers(count: int, size: int = 4) -> Plan:
    return make_plan(*plan_of([layers(count, size)[2]], x=(size, size)))


SHARED = 7
"""Kernels of six ops and the product."""
LARGE = 256
"""Arrays whose fusing saves more than compiling costs."""


def test_every_formula_is_a_kernel_as_long_as_they_are_few():
    plan = plan_of_layers(MANY_KERNELS)
    assert len(plan.sources()) == MANY_KERNELS + 1
    assert "not done" not in str(plan.actions.rewritten)


@pytest.mark.sample(2)
@pytest.mark.parametrize("count", [MANY_KERNELS + 8, MOST_KERNELS, 3 * MOST_KERNELS])
def test_many_formulas_on_small_arrays_do_not_make_many_kernels(count):
    plan = plan_of_layers(count)
    assert MANY_KERNELS < len(plan.sources()) <= MANY_KERNELS + SHARED
    assert any("not done" in what for what in plan.actions.rewritten["fuse"])


@pytest.mark.thorough
def test_formulas_on_large_arrays_are_kernels_up_to_a_limit():
    assert len(plan_of_layers(2 * MANY_KERNELS, LARGE).sources()) == 2 * MANY_KERNELS + 1
    many = plan_of_layers(2 * MOST_KERNELS, LARGE)
    assert MOST_KERNELS < len(many.sources()) <= MOST_KERNELS + SHARED


def test_the_clusters_that_save_most_stay_fused():
    """Of many small arrays and one large, the large one, wherever it stands."""
    with nf.Graph():
        x = nf.placeholder("float32", [LARGE, LARGE], name="x")
        small = nf.slice(x, begin=[0, 0], size=[4, 4])
        ends = [formula(small, number) for number in range(2 * MANY_KERNELS)]
        ends.append(nf.sqrt(nf.erf(nf.sigmoid(x))))
    plan = make_plan(*plan_of(ends, x=(LARGE, LARGE)))
    groups = [r.group for p in plan.phases for r in all_launches(p.levels) if r.group]
    assert ["sigmoid", "erf", "sqrt"] in [names(g) for g in groups]
    assert len(plan.sources()) <= MANY_KERNELS + SHARED + 1


@pytest.mark.thorough
def test_a_partly_fused_plan_computes_the_same_bits():
    graph, x, y = layers(MANY_KERNELS + 9)
    fed = {x: values((4, 4), "float32", -0.4, 0.4)}
    found = []
    for without in ([], ["fuse"]):
        with Session(graph, tier="compiled", without=without) as s:
            found.append(s.run(y, fed))
    assert np.array_equal(*found) and np.isfinite(found[0]).all()


def random_schedules(rows: int):
    from tests.engine import random_graphs

    for seed in range(6):
        program = random_graphs.program(seed, rows, kinks=bool(seed % 2))
        graph, fed, values, total = random_graphs.build(program, "float32")
        with graph:
            gradients = [g for g in nf.gradients(total, fed) if g is not None]
        yield build_schedule([total, *gradients, *values[-2:]], fed)


@pytest.mark.thorough
def test_launches_that_are_cut_again_are_those_that_are_made_for_a_chain(monkeypatch) -> None:
    """Most are derived from the launches of the group by itself; here none is."""
    from nodeflow.engine.plan import plan as planning

    plain, real, joined = [], planning.GroupToLaunch, 0
    schedules = [*random_schedules(60)]
    for schedule in schedules:
        plain.append(make_plan(schedule, schedule.specialise({})))
    monkeypatch.setattr(planning, "GroupToLaunch", lambda *args: real(*args[:5]))
    for schedule, before in zip(schedules, plain, strict=True):
        after = make_plan(schedule, schedule.specialise({}))
        for one, other in zip(before.phases, after.phases, strict=True):
            pairs = zip(all_launches(one.levels), all_launches(other.levels), strict=True)
            for first, second in pairs:
                joined += bool(first.then)
                assert first.source == second.source and first.args == second.args
                assert (first.tasks, first.work, first.split) == (
                    second.tasks,
                    second.work,
                    second.split,
                )
        assert before.allocations == after.allocations
    assert joined > 20


@pytest.mark.thorough
def test_a_plan_with_fewer_fused_clusters_owes_nothing_to_the_first_one(monkeypatch) -> None:
    """It begins with the actions from before they were grouped; here it begins anew."""
    from nodeflow.engine.plan.draft import Draft

    schedules = [*random_schedules(120)]
    plans = [make_plan(schedule, schedule.specialise({})) for schedule in schedules]
    assert sum("fuse" in plan.actions.rewritten for plan in plans) > 2
    monkeypatch.setattr(Draft, "ungrouped", _anew)
    for schedule, before in zip(schedules, plans, strict=True):
        after = make_plan(schedule, schedule.specialise({}))
        assert before.sources() == after.sources()
        assert before.allocations == after.allocations and before.arena_size == after.arena_size
        assert before.actions.rewritten == after.actions.rewritten


def _anew(draft):
    from nodeflow.engine.plan.draft import Draft
    from nodeflow.engine.plan.plan import run_passes

    copy = Draft(draft.schedule, draft.types, draft.without, draft.gathered)
    run_passes(copy, before="fuse")
    return copy
