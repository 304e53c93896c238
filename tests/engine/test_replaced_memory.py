"""A formula writes over what nothing reads after it, and over nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.kernels.elementwise import ElementwiseKernel
from nodeflow.engine.plan import allocate
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.plan.verify.records import PlanError
from nodeflow.engine.schedule.schedule import build_schedule

N = 256
X = np.random.default_rng(3).normal(size=(N, N)).astype("float32")

Formula = Callable[[nf.Tensor, nf.Tensor], nf.Tensor]

REPLACED: dict[str, Formula] = {
    "one operand": lambda p, x: nf.relu(p, name="made"),
    "the operand of two that is not needed again": lambda p, x: nf.add(p * 2.0, x, name="made"),
    "the larger one": lambda p, x: nf.add(p, x[0], name="made"),
    "a function": lambda p, x: nf.tanh(p * 0.01, name="made"),
}
KEPT: dict[str, Formula] = {
    "computed again where an angle is far": lambda p, x: nf.sin(p * 1e5, name="made"),
    "computed again where an exponent is far": lambda p, x: nf.exp(p * 3.0 - 200.0, name="made"),
    "read later": lambda p, x: nf.matmul(p, nf.relu(p, name="made")),
    "one of its rows is read by all": lambda p, x: nf.add(p, p[:1], name="made"),
    "half as large": lambda p, x: nf.cast(
        nf.matmul(nf.cast(p, "float64", name="made"), nf.cast(x, "float64")), "float32"
    ),
}


def graph(formula: Formula) -> tuple[nf.Tensor, nf.Tensor]:
    """A placeholder, and a product of a formula of a product."""
    with nf.Graph():
        x = nf.placeholder("float32", [N, N], name="x")
        product = nf.matmul(x, x, name="product")
        return x, nf.matmul(formula(product, x), x, name="last")


def plan_of(formula: Formula) -> Plan:
    schedule = build_schedule([graph(formula)[1]], [])
    return make_plan(schedule, schedule.specialise({}))


def offset_of(plan: Plan, name: str) -> int:
    slot = next(s for s, t in enumerate(plan.schedule.slots) if t.node.name == name)
    place = plan.allocations[plan.actions.storage[slot]]
    assert place.kind == "arena"
    return place.offset


def result(formula: Formula, without: tuple[str, ...] = (), threads: int = 2) -> bytes:
    x, last = graph(formula)
    with nf.Session(x.graph, tier="compiled", without=without, threads=threads) as session:
        return session.run(last, {x: X}).tobytes()


@pytest.mark.parametrize("kind", REPLACED)
def test_a_formula_writes_over_its_last_operand(kind: str) -> None:
    plan = plan_of(REPLACED[kind])
    assert offset_of(plan, "made") == offset_of(plan, "product")


@pytest.mark.parametrize("kind", KEPT)
def test_what_is_read_again_is_kept(kind: str) -> None:
    plan = plan_of(KEPT[kind])
    assert offset_of(plan, "made") != offset_of(plan, "product")


@pytest.mark.parametrize("kind", [*REPLACED, *KEPT])
def test_results_have_the_same_bits(kind: str) -> None:
    """With memory that is used once, and by any number of threads."""
    formula = {**REPLACED, **KEPT}[kind]
    expected = result(formula, ("reuse",))
    assert all(result(formula, (), threads) == expected for threads in (1, 2, 3, 8))


def test_one_operand_is_replaced_once() -> None:
    """One kernel makes two results of it."""

    def two(p: nf.Tensor, x: nf.Tensor) -> nf.Tensor:
        return nf.matmul(nf.relu(p, name="made"), nf.negative(p, name="other"))

    plan = plan_of(two)
    offsets = {offset_of(plan, "made"), offset_of(plan, "other")}
    assert len(offsets) == 2
    assert offset_of(plan, "product") in offsets
    assert result(two) == result(two, ("reuse",))


def test_what_is_fetched_is_kept() -> None:
    x, last = graph(REPLACED["one operand"])
    product = x.graph.get_tensor_by_name("product:0")
    with nf.Session(x.graph, tier="compiled") as session:
        found, _ = session.run([product, last], {x: X})
        alone = session.run(product, {x: X})
    assert found.tobytes() == alone.tobytes()


def test_the_verifier_finds_a_replaced_row_that_others_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ElementwiseKernel, "may_overwrite", lambda *_: True)
    with pytest.raises(PlanError) as raised:
        plan_of(KEPT["one of its rows is read by all"])
    assert raised.value.rule == "lifetimes_do_not_overlap"


def test_the_verifier_finds_what_is_replaced_and_computed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planner asks one launch, the verifier the plan's."""
    plan_of(KEPT["computed again where an angle is far"])
    monkeypatch.setattr(allocate, "may_replace", lambda *_: True)
    with pytest.raises(PlanError) as raised:
        plan_of(KEPT["computed again where an angle is far"])
    assert raised.value.rule == "lifetimes_do_not_overlap"
