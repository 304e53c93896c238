"""Sums that move into loops, and into products there: every bit stays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.actions import Action
from nodeflow.engine.ir.plan import LoopPlan
from nodeflow.engine.kernels.matmul_packed import PackedProduct
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow.scan_body import make_body
from nodeflow.ops.lowering import Elementwise
from tests.engine.graphs import run

ROWS, STEPS, UNITS = 20, 6, 33


def actions_of(
    wanted: Sequence[nf.Tensor], without: Collection[str] = ()
) -> tuple[list[Action], list[Action]]:
    """What is done outside of the one loop, and in it."""
    schedule = build_schedule(wanted, [])
    outer = make_plan(schedule, schedule.specialise({}), without).actions.items
    (loop,) = (a.lowering for a in outer if isinstance(a.lowering, LoopPlan))
    assert isinstance(loop, LoopPlan)
    return outer, loop.plan.actions.items


def sums(actions: Sequence[Action]) -> int:
    return sum(isinstance(a.lowering, Elementwise) and "x + y" in a.lowering.expression
               for a in actions)  # fmt: skip


def products(actions: Sequence[Action]) -> list[tuple[bool, bool]]:
    """What the packed products add: a matrix, a vector."""
    kernels = [a.lowering for a in actions if isinstance(a.lowering, PackedProduct)]
    return [(k.adds_matrix, k.adds_vector) for k in kernels]


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def loop(
    step: Callable[..., Sequence[nf.Tensor]], before: Callable[[nf.Tensor, nf.Tensor], nf.Tensor]
) -> tuple[nf.Tensor, list[nf.Tensor]]:
    """A loop whose sequence is ``before(x, b)`` of rows one below the other, and that sequence.

    Args:
        step: what is carried, a slice, a matrix and a vector give what is carried.
    """
    part, square, row = (TensorType("float32", s) for s in ((ROWS, UNITS), (UNITS,) * 2, (UNITS,)))
    text, _ = make_body(step, [part, part, square, row])
    with nf.Graph():
        x, b = nf.variable(normal(STEPS * ROWS, UNITS)), nf.variable(normal(UNITS))
        made = before(nf.tanh(x), b)
        sequence = nf.reshape(made, [STEPS, ROWS, UNITS])
        given = (nf.constant(normal(ROWS, UNITS)), sequence, nf.variable(normal(UNITS, UNITS) / 6))
        g = made.node.graph
        outs = g.apply("scan", *given, b, body=text, carried=1, sequences=1, history=True)
    return made, list(outs)


BEFORE = {
    "x + b": lambda x, b: x + b,
    "b + x": lambda x, b: b + x,
    "x - b": lambda x, b: x - b,
    "b - x": lambda x, b: b - x,
    "x * b": lambda x, b: x * b,
}


@pytest.mark.parametrize("formula", BEFORE)
def test_what_is_done_to_a_sequence_is_done_in_the_loop(formula: str) -> None:
    made, outs = loop(lambda h, x, w, b: (F.tanh(x + F.matmul(h, w)),), BEFORE[formula])
    expressions = [
        [a.lowering.expression for a in actions if isinstance(a.lowering, Elementwise)]
        for actions in (actions_of(outs)[0], actions_of(outs, ["sink"])[0])
    ]
    assert len(set(expressions[1]) - set(expressions[0])) == 1
    found = run(outs)
    for other in (run(outs, without=["sink"]), run(outs, threads=2), run([*outs, made])):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found, other, strict=False))
    for ours, expected in zip(found, run(outs, tier="reference"), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_what_is_fetched_or_read_elsewhere_stays_outside() -> None:
    made, outs = loop(lambda h, x, w, b: (F.tanh(x + F.matmul(h, w)),), BEFORE["x + b"])
    assert sums(actions_of(outs)[0]) == 0
    assert sums(actions_of([*outs, made])[0]) == 1
    with made.node.graph:
        other = nf.exp(made)
    assert sums(actions_of([*outs, other])[0]) == 1


STEPS_OF = {
    "matrix": (lambda h, x, w, b: (F.tanh(x + F.matmul(h, w)),), (True, False)),
    "matrix, turned round": (lambda h, x, w, b: (F.tanh(F.matmul(h, w) + x),), (True, False)),
    "vector": (lambda h, x, w, b: (F.tanh(F.matmul(h, w) + b) * x,), (False, True)),
    "both": (lambda h, x, w, b: (F.tanh((x + b) + F.matmul(h, w)),), (True, True)),
    "both, turned round": (lambda h, x, w, b: (F.tanh(F.matmul(h, w) + (b + x)),), (True, True)),
    "in another order": (lambda h, x, w, b: (F.tanh((F.matmul(h, w) + b) + x),), (False, True)),
    "itself": (lambda h, x, w, b: (F.tanh(F.matmul(h, w) + h) * x,), (True, False)),
    "read twice": (
        lambda h, x, w, b: ((lambda p: F.tanh(p + x) * p)(F.matmul(h, w)),),
        (False, False),
    ),
    "a column": (
        lambda h, x, w, b: (F.tanh(F.matmul(h, w) + F.reduce_sum(x, axis=1, keepdims=True)),),
        (False, False),
    ),
}


@pytest.mark.parametrize("kind", STEPS_OF)
def test_a_product_adds_what_is_added_to_it(kind: str) -> None:
    step, added = STEPS_OF[kind]
    _, outs = loop(step, lambda x, b: x)
    assert products(actions_of(outs)[1]) == [added]
    assert products(actions_of(outs, ["add_in_products"])[1]) == [(False, False)]
    found = run(outs)
    for other in (run(outs, without=["add_in_products"]), run(outs, threads=2)):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found, other, strict=True))
    for ours, expected in zip(found, run(outs, tier="reference"), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_two_products_become_one_sum() -> None:
    step = lambda h, x, w, b: (F.tanh(F.matmul(h, w) + F.matmul(x, w)),)  # noqa: E731
    _, outs = loop(step, lambda x, b: x)
    assert sorted(products(actions_of(outs)[1])) == [(False, False), (True, False)]
    first, other = run(outs), run(outs, without=["add_in_products"])
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, other, strict=True))


def test_a_layer_has_no_pass_over_its_projection() -> None:
    with nf.Graph():
        x, kernel, recurrent, bias = (
            nf.constant(normal(*s)) for s in ((8, 5, 3), (3, 64), (16, 64), (64,))
        )
        outputs, h, c = nf.lstm(x, kernel, recurrent, bias)
    outer, inside = actions_of([outputs, h, c])
    assert sums(outer) == 0
    assert products(inside) == [(True, True)]
