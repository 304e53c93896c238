"""Products in loops, whose second operand is packed once for all iterations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler.compile_kernel import _entry, translate_source
from nodeflow.engine.ir.actions import Action
from nodeflow.engine.ir.plan import LoopPlan
from nodeflow.engine.kernels.matmul_dots import is_dots
from nodeflow.engine.kernels.matmul_packed import Pack, PackedProduct
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow.scan_body import make_body

Made = tuple[nf.Graph, nf.Tensor, np.ndarray]
TOLERANCE = {"float32": 3e-6, "float64": 1e-14}


def slices(
    steps: int, m: int, k: int, n: int, dtype: str = "float32", x: bool = False, y: bool = False
) -> Made:
    """Products of each slice of a sequence with one matrix, and what numpy makes of them.

    Args:
        x, y: whether the operands are stored transposed.
    """
    random = np.random.default_rng(6)
    rows = random.normal(size=(steps, k, m) if x else (steps, m, k)).astype(dtype)
    matrix = random.normal(size=(n, k) if y else (k, n)).astype(dtype)
    text, _ = make_body(
        lambda a, b: (F.matmul(a, b, transpose_x=x, transpose_y=y),),
        [TensorType(dtype, rows.shape[1:]), TensorType(dtype, matrix.shape)],
    )
    with nf.Graph() as g:
        given = [nf.constant(rows), nf.variable(matrix)]
        (made,) = g.apply("scan", *given, body=text, carried=0, sequences=1)
    left = rows.transpose(0, 2, 1) if x else rows
    return g, made, left.astype("float64") @ (matrix.T if y else matrix)


def run(g: nf.Graph, wanted: nf.Tensor, threads: int = 1) -> np.ndarray:
    with nf.Session(g, tier="compiled", threads=threads) as s:
        s.initialize()
        return s.run(wanted)


def actions_of(wanted: Sequence[nf.Tensor]) -> tuple[list[Action], list[Action]]:
    """What is done before the one loop, and in it."""
    schedule = build_schedule(wanted, [])
    outer = make_plan(schedule, schedule.specialise({})).actions.items
    (loop,) = (a.lowering for a in outer if isinstance(a.lowering, LoopPlan))
    assert isinstance(loop, LoopPlan)
    return outer, loop.plan.actions.items


def assert_close(found: np.ndarray, expected: np.ndarray, terms: int) -> None:
    tolerance = TOLERANCE[found.dtype.name] * max(terms, 1)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("k", "n"), [(128, 512), (50, 67), (1, 3), (19, 1), (300, 40)])
def test_products_are_those_of_numpy(k: int, n: int, dtype: str) -> None:
    for m, (x, y) in itertools.product((1, 2, 7, 33), ((False, False), (True, True))):
        g, made, expected = slices(17, m, k, n, dtype, x, y)
        _, inside = actions_of([made])
        packed = any(isinstance(a.lowering, PackedProduct) for a in inside)
        column = n == 1 and (x or is_dots(m, n, k, dtype, False, False))
        assert packed == (k > 1 and not column)
        assert_close(run(g, made), expected, k)


@pytest.mark.parametrize("m", [1, 5, 64])
def test_threads_change_no_bit(m: int) -> None:
    g, made, _ = slices(17, m, 200, 1000)
    first = run(g, made)
    for threads in (2, 3, 8):
        assert run(g, made, threads).tobytes() == first.tobytes()


@pytest.mark.parametrize("n", [64, 75])
def test_a_row_has_the_same_bits_in_every_tile(n: int) -> None:
    """Tiles of one to six rows, and of other widths where there are a few: one order of sums."""
    random = np.random.default_rng(7)
    rows = random.normal(size=(16, 30, 90)).astype("float32")
    y = random.normal(size=(90, n)).astype("float32")
    found = []
    for m in (1, 2, 3, 4, 5, 6, 7, 11, 30):
        text, _ = make_body(
            lambda a, b: (F.matmul(a, b),),
            [TensorType("float32", (m, 90)), TensorType("float32", (90, n))],
        )
        with nf.Graph() as g:
            x = nf.constant(rows[:, :m].copy())
            (made,) = g.apply("scan", x, nf.constant(y), body=text, carried=0, sequences=1)
        found.append(run(g, made))
    for other in found[:-1]:
        assert other.tobytes() == found[-1][:, : other.shape[1]].tobytes()


def test_nan_and_infinity_stay_in_their_rows_and_columns() -> None:
    """Panels are filled up with zeros, which would make NaN of infinity if they were counted."""
    x, y = np.ones((16, 3, 4), "float32"), np.ones((4, 5), "float32")
    x[:, 1, 2], y[1, 3] = np.inf, np.nan
    text, _ = make_body(
        lambda a, b: (F.matmul(a, b),), [TensorType("float32", s) for s in ((3, 4), (4, 5))]
    )
    with nf.Graph() as g:
        given = nf.constant(x), nf.constant(y)
        (made,) = g.apply("scan", *given, body=text, carried=0, sequences=1)
    expected = np.full((3, 5), 4.0)
    expected[1], expected[:, 3] = np.inf, np.nan
    assert np.array_equal(run(g, made), np.broadcast_to(expected, (16, 3, 5)), equal_nan=True)


def test_a_matrix_is_packed_once_for_each_way_that_it_is_read() -> None:
    def body(a, x, w):
        both = F.matmul(a, w) + F.matmul(F.tanh(x), w)
        return F.tanh(both), F.matmul(x, w, transpose_y=True)

    square = TensorType("float32", (8, 8))
    text, _ = make_body(body, [square] * 3)
    random = np.random.default_rng(3)
    with nf.Graph() as g:
        a, x, w = (nf.constant(random.normal(size=s).astype("float32"))
                   for s in ((8, 8), (6, 8, 8), (8, 8)))  # fmt: skip
        outs = g.apply("scan", a, x, w, body=text, carried=1, sequences=1)
    before, inside = actions_of(outs)
    packs = [a.lowering.transposed for a in before if isinstance(a.lowering, Pack)]
    assert sorted(packs) == [False, True]
    assert sum(isinstance(a.lowering, PackedProduct) for a in inside) == 3
    with nf.Session(g, tier="reference") as s, nf.Session(g, tier="compiled") as t:
        for ours, expected in zip(t.run(outs), s.run(outs), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_of_a_few_products_nothing_is_packed() -> None:
    for steps, packed in ((3, False), (4, True)):
        _, made, _ = slices(steps, 4, 20, 20)
        before, _ = actions_of([made])
        assert any(isinstance(a.lowering, Pack) for a in before) == packed


def test_a_weight_that_changes_between_runs_is_packed_again() -> None:
    g, made, expected = slices(17, 6, 20, 30)
    (weight,) = (n.outputs[0] for n in g.nodes if n.op.id == "variable")
    with g:
        twice = nf.assign(weight, weight * 2)
    with nf.Session(g, tier="compiled") as s:
        s.initialize()
        assert_close(s.run(made), expected, 20)
        s.run(twice)
        assert_close(s.run(made), 2 * expected, 20)


@pytest.mark.thorough
def test_its_kernels_compile_without_numbas_front_end() -> None:
    for dtype, m, n in (("float32", 33, 75), ("float64", 1, 64), ("float32", 2, 5)):
        _, made, _ = slices(17, m, 20, n, dtype, y=n == 75)
        schedule = build_schedule([made], [])
        for source in make_plan(schedule, schedule.specialise({})).sources():
            translate_source(source, _entry(source, "<test>"))
