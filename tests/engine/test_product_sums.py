"""Products that add to their results: the bits of the sums made afterwards, in the same order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine import processor
from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.compiler.compile_kernel import _entry, translate_source
from nodeflow.engine.devicelib import blas
from nodeflow.engine.devicelib.added_parts import MATRIX, ROW
from nodeflow.engine.devicelib.vector_width import product_tile_shape
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.kernels.matmul import Product
from nodeflow.engine.kernels.matmul_panels import (
    Panels,
    last_vectors,
    panels_args,
    panels_source,
)
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.runtime.program import ProgramBuilder
from nodeflow.engine.runtime.thread_pool import Team
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.gradients import gradients
from nodeflow.ops.lowering import Elementwise

ADDED = [(ROW,), (MATRIX,), (ROW, MATRIX), (MATRIX, ROW), (MATRIX, MATRIX), (ROW, ROW)]


@pytest.fixture(autouse=True)
def copying(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with AVX2 at least, and a BLAS that copies the operands of every product."""
    if "avx2" not in processor.features():
        pytest.skip("not on this processor")
    monkeypatch.setattr(blas, "small_products", lambda: False)


@pytest.mark.parametrize("added", ADDED)
@pytest.mark.parametrize(("dtype", "turned"), [("float32", False), ("float64", True)])
def test_what_is_added_has_the_bits_of_sums(added, dtype: str, turned: bool) -> None:
    random = np.random.default_rng(1)
    columns = product_tile_shape(dtype, 128, 64).columns
    shapes = [(61, 2 * columns, 70), (29, columns + 3, 33), (40, 2 * columns - 1, 120), (13, 5, 7)]
    for m, n, k in [*shapes, (12, columns, 0)]:
        x, y = random.normal(size=(m, k)).astype(dtype), random.normal(size=(k, n)).astype(dtype)
        stored = np.ascontiguousarray(y.T) if turned else y
        others = [random.normal(size=(m, n)[kind == ROW :]).astype(dtype) for kind in added]
        found = []
        for kinds, threads in (((), 2), (added, 1), (added, 3)):
            out = np.full((m, n), np.nan, dtype)
            panels = Panels(30, 2 * columns, 50)
            args = panels_args((m, n, k), False, turned, panels)
            args[1:4] = [a.ctypes.data for a in (x, stored, out)]
            args += [other.ctypes.data for other in others[: len(kinds)]]
            builder = ProgramBuilder()
            source = panels_source(
                dtype, False, turned, last_vectors(n, dtype), panels.lowest(m), kinds
            )
            builder.add(load_kernel(source), args, panels.tasks(m, n))
            Team(threads).run(builder.build())
            found.append(out)
        expected = found[0]
        for other in others:
            expected = expected + other
        assert all(out.tobytes() == expected.tobytes() for out in found[1:]), (m, n, k)


@pytest.mark.thorough
@pytest.mark.parametrize("added", ADDED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_kernels_compile_without_numbas_front_end(added, dtype: str) -> None:
    for turned in itertools.product([False, True], repeat=2):
        source = panels_source(dtype, *turned, 1, 1, added)
        translate_source(source, _entry(source, "<test>"))


def sums(fetches: Sequence[Any], without: Sequence[str] = ()) -> int:
    """Elementwise actions in a plan that no product does."""
    schedule = build_schedule(list(fetches), [])
    plan = make_plan(schedule, schedule.specialise({}), without)
    groups = {id(r.group): r.group for r in all_launches(plan.phases[0].levels) if r.group}
    others = [g for g in groups.values() if not isinstance(g.actions[0].lowering, Product)]
    made = [a for g in others for a in (g.joined or g.actions)]
    return sum(isinstance(a.lowering, Elementwise) for a in made)


def results(graph: nf.Graph, fetches: Sequence[Any], without: Sequence[str] = (), threads: int = 2):
    with nf.Session(graph, tier="compiled", without=without, threads=threads) as s:
        s.initialize()
        return s.run(list(fetches))


def layer() -> tuple[nf.Graph, list[Any], dict[str, np.ndarray]]:
    """A product with its bias, past which its input goes; each step of it, then its means."""
    random = np.random.default_rng(2)
    shapes = {"x": (8, 150, 128), "w": (128, 128), "b": (128,)}
    given = {name: random.normal(size=s).astype("float32") for name, s in shapes.items()}
    with nf.Graph() as g:
        x, w, b = (nf.variable(given[name]) for name in "xwb")
        product = x @ w
        past = x + product
        out = past + b
        return g, [product, past, out, nf.reduce_mean(out, axis=-1)], given


def test_a_bias_and_what_goes_past_are_added_by_the_product() -> None:
    g, (product, past, out, means), given = layer()
    assert sums([means]) == 0
    assert sums([means], ["add_in_products"]) == 2
    (found,) = results(g, [means])
    x, w, b = (given[name].astype(np.float64) for name in "xwb")
    np.testing.assert_allclose(found, (x + x @ w + b).mean(axis=-1), rtol=1e-3, atol=1e-4)
    for without, threads in (((), 1), ((), 3), ((), 8), (["add_in_products"], 2)):
        assert results(g, [means], without, threads)[0].tobytes() == found.tobytes()
    for fetches in ([product, means], [past, means], [product, past, out, means]):
        everything = results(g, fetches)
        assert everything[-1].tobytes() == found.tobytes(), "whatever is fetched"
    assert (everything[0] + given["x"]).tobytes() == everything[1].tobytes()
    assert (everything[1] + given["b"]).tobytes() == everything[2].tobytes()


def test_a_sum_that_formulas_read_is_a_part_of_them() -> None:
    g, (_, _, out, _), _ = layer()
    with g:
        activated = nf.reduce_sum(nf.relu(out), axis=-1)
    assert sums([activated]) == 3


@pytest.mark.thorough
def test_small_results_and_other_shapes_are_added_afterwards() -> None:
    random = np.random.default_rng(3)
    for shape, other in (((4, 30, 128), (128,)), ((8, 150, 128), (8, 150, 1))):
        with nf.Graph() as g:
            x, w, b = (
                nf.variable(random.normal(size=s).astype("float32"))
                for s in (shape, (128, 128), other)
            )
            means = nf.reduce_mean(x @ w + b, axis=-1)
        assert sums([means]) == 1
        without = results(g, [means], ["add_in_products"])
        assert results(g, [means])[0].tobytes() == without[0].tobytes()


def test_training_steps_have_the_same_bits() -> None:
    g, (_, _, out, means), _ = layer()
    with g:
        loss = nf.reduce_sum(nf.square(means)) + nf.reduce_sum(nf.tanh(out))
        slopes = gradients(loss, g.variables)
    found = results(g, [loss, *slopes])
    for one, other in zip(found, results(g, [loss, *slopes], ["add_in_products"]), strict=True):
        assert one.tobytes() == other.tobytes()
