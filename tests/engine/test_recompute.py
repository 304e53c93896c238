"""What a limit of memory does not let a training step keep is computed again, to the same bits."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.peak_memory import peak_of
from nodeflow.engine.plan.plan import make_step_plan
from nodeflow.engine.schedule.recompute import recompute
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.graph.graph import Graph
from nodeflow.ops.namespaces import nn
from nodeflow.ops.training.optimizers import AdamOptimizer
from nodeflow.ops.variables.scope import Variable

LAYERS, WIDTH, BATCH = 12, 32, 128
TIERS = ("reference", "compiled")


def deep() -> Graph:
    """A deep network with dropout, trained by Adam."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, WIDTH], name="x")
        y = nf.placeholder("float32", [None, 4], name="y")
        h = x
        for layer in range(LAYERS):
            w = Variable(nf.random_normal([WIDTH, WIDTH], stddev=0.2, seed=layer), name=f"w{layer}")
            h = nf.dropout(nf.gelu(nf.matmul(h, w)), rate=0.2) + nf.tanh(h)
        logits = nf.matmul(h, Variable(np.ones((WIDTH, 4), "float32") / 9, name="v"))
        losses = nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = nf.identity(nf.reduce_mean(losses), name="loss")
        AdamOptimizer(0.01).minimize(loss, name="train")
    return graph


def data() -> dict[str, Column]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4 * BATCH, WIDTH)).astype("float32")
    y = np.eye(4, dtype="float32")[rng.integers(0, 4, len(x))]
    return {"x": Column(x), "y": Column(y)}


def steps(graph: Graph, tier: str, memory: int | None, count: int = 4, threads: int = 2):
    """Losses, variables, and what a step needs."""
    with Session(graph, tier=tier, seed=5, memory=memory, threads=threads) as session:
        session.initialize()
        stepper = session.stepper(["train"], ["loss"], data(), BATCH)
        stepper.start_epoch(np.arange(4 * BATCH))
        done, losses = stepper.run(count)
        assert done == count
        variables = {name: np.array(session.variables[name]) for name in session.variables}
        if stepper.tier == "compiled":
            assert stepper._compilation.result is not None
        needs = stepper.needs().bytes
    return losses, variables, needs


@pytest.mark.thorough
@pytest.mark.parametrize("tier", TIERS)
def test_steps_within_a_limit_have_the_same_bits(tier, monkeypatch) -> None:
    monkeypatch.setenv("NODEFLOW_VERIFY", "1")
    graph = deep()
    losses, variables, needs = steps(graph, tier, None)
    for share, threads in ((0.7, 1), (0.55, 3)):
        limit = int(needs * share)
        other, others, less = steps(graph, tier, limit, threads=threads)
        assert less <= limit
        np.testing.assert_array_equal(losses, other)
        for name, value in variables.items():
            np.testing.assert_array_equal(value, others[name], err_msg=name)


@pytest.mark.thorough
@pytest.mark.parametrize("tier", TIERS)
def test_a_limit_that_nothing_fits_into_names_the_node(tier) -> None:
    with pytest.raises(RunError, match="the limit is 10 kB") as error:
        steps(deep(), tier, 10_000)
    assert error.value.node


@pytest.mark.thorough
@pytest.mark.parametrize("tier", TIERS)
def test_runs_that_train_follow_the_limit_too(tier) -> None:
    graph, columns = deep(), data()
    feeds = {name: column.rows(slice(0, BATCH)) for name, column in columns.items()}
    found = []
    with Session(graph, tier="reference") as session:
        session.initialize()
        session.run(["train", "loss"], feeds)
        peak = session.needs(["train", "loss"], feeds).bytes
    for memory in (None, int(peak * 0.6)):
        with Session(graph, tier=tier, seed=5, memory=memory) as session:
            session.initialize()
            losses = [session.run(["train", "loss"], feeds)[1] for _ in range(3)]
            found.append((losses, np.array(session.variables["w3"])))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.thorough
def test_the_schedule_holds_no_more_than_its_budget() -> None:
    graph = deep()
    with Session(graph, tier="reference") as session:
        session.initialize()
        stepper = session.stepper(["train"], ["loss"], data(), BATCH)
        schedule, types = stepper.schedule, stepper._types
    whole = peak_of(schedule, types)[0]
    for share in (0.8, 0.6, 0.45):
        less = recompute(schedule, types, whole * share)
        assert less is not None
        assert peak_of(*less)[0] <= whole * share * 1.05
        assert len(less[0].steps) > len(schedule.steps)
        assert less[0].fetches == schedule.fetches
        assert less[0].writes == schedule.writes
    assert recompute(schedule, types, whole) is None


@pytest.mark.thorough
def test_what_waits_is_planned_late(monkeypatch) -> None:
    monkeypatch.setenv("NODEFLOW_VERIFY", "1")
    graph = deep()
    with Session(graph, tier="reference") as session:
        session.initialize()
        stepper = session.stepper(["train"], ["loss"], data(), BATCH)
        schedule, types = stepper.schedule, stepper._types
    gathered = list(schedule.feeds.values())[:2]
    plans = []
    for share in (1.0, 0.25):
        less = recompute(schedule, types, peak_of(schedule, types)[0] * share) or (schedule, types)
        plan = make_step_plan(*less, gathered)
        assert plan is not None
        plans.append(plan.arena_size)
    assert plans[1] < 0.65 * plans[0]
