"""Every op of the registry computes on JAX what its reference computes, or is refused by name."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("jax")

import nodeflow as nf
from nodeflow.errors import RunError
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.integrations.jax.refused import REFUSED
from nodeflow.integrations.jax.registry import rule_of_lowering, rule_of_op
from nodeflow.integrations.jax.rules.on_host import ON_HOST
from nodeflow.ops import lowering
from nodeflow.ops.program.printing import Print
from tests.integrations.jax.every_op import (
    by_reference,
    compare,
    computed_ops,
    few,
    is_refused,
    on_jax,
    ops,
)

NIGHTLY = bool(os.environ.get("NODEFLOW_NIGHTLY"))
PLANNED = ("FirstOccurrences", "PutRows", "NumberRows", "ChangeRows")
"""Lowerings that only the planner of kernels makes, or of an op that has a rule of its own."""


@pytest.mark.sample(28)
@pytest.mark.parametrize("op", computed_ops(), ids=lambda op: op.id)
def test_jax_equals_the_reference(op):
    """On samples of all kinds; with NODEFLOW_NIGHTLY on those of every dtype."""
    samples = [s for s in op.samples() if not is_refused(op, s)]
    samples = samples if NIGHTLY else few(op, samples)
    for sample, found in zip(samples, on_jax(op, samples), strict=True):
        compare(op, sample, found, by_reference(op, sample))


def test_nearly_all_ops_are_computed():
    assert len(ops()) >= 280
    assert len(computed_ops()) >= 0.95 * len(ops())
    assert set(REFUSED) - {"py_func"} <= {op.id for op in ops()}


def test_few_ops_need_the_host():
    assert {op.id for op in ops()} >= set(ON_HOST)
    assert len(ON_HOST) <= 0.03 * len(ops())


def test_every_lowering_has_a_rule():
    kinds = [
        kind
        for kind in vars(lowering).values()
        if isinstance(kind, type) and issubclass(kind, lowering.Lowering)
    ]
    missing = {k.__name__ for k in kinds if rule_of_lowering(object.__new__(k)) is None}
    missing -= {"Lowering", "Composite"}  # the base, and what is taken apart
    by_op = {"Loop": "scan", "While": "while_loop", "Branch": "cond"}
    assert all(rule_of_op(op_id) for op_id in by_op.values())
    assert missing == {*PLANNED, *by_op}


@pytest.mark.parametrize("op_id", sorted(set(REFUSED) - {"py_func"}))
def test_what_is_refused_names_the_node_and_says_why(op_id):
    op = REGISTRY.lookup(op_id)
    (text,) = on_jax(op, [next(iter(op.samples()))])
    assert text.startswith("NotOnJax: here: ")
    assert REFUSED[op_id][0] in text and REFUSED[op_id][1] in text


@pytest.mark.parametrize(
    ("op_id", "attrs", "says"),
    [
        ("print", {"first_n": 1}, "first_n"),
        ("while_loop", None, "finds out a size"),
        ("range", None, "finds out a size"),
    ],
)
def test_calls_whose_sizes_or_counts_only_a_run_knows_are_refused(op_id, attrs, says):
    op = REGISTRY.lookup(op_id)
    refused = [s for s in op.samples() if is_refused(op, s)]
    assert refused
    for text in on_jax(op, refused):
        assert isinstance(text, str) and text.startswith("NotOnJax: here: ") and says in text


# ---- what fails when it runs --------------------------------------------------------------------

X = np.arange(12.0).reshape(3, 4)
BAD = np.array([1, 3])
SINGULAR = np.ones((2, 2))
NOT_FINITE = np.array([[1.0, np.nan], [0.0, 1.0]])


@pytest.mark.sample(11)
@pytest.mark.filterwarnings("ignore:Diagonal number")
@pytest.mark.parametrize(
    ("op_id", "arrays", "attrs"),
    [
        ("gather", (X, BAD), {}),
        ("gather", (X, np.array([-4])), {}),
        ("gather", (X[:0], np.array([0])), {}),
        ("scatter_add_like", (np.ones((2, 4)), BAD, X), {}),
        ("segment_sum", (np.ones(2), np.array([0, -1])), {"count": 3}),
        ("segment_max", (np.ones(2), BAD), {"count": 3}),
        ("take_along_axis", (X, np.array([[0], [4], [0]])), {}),
        ("add_along_axis", (np.ones((3, 1)), np.array([[0], [4], [0]]), X), {}),
        ("touched_rows", (X, BAD), {}),
        ("gather_nd", (X, np.array([[0, 4]])), {}),
        ("scatter_nd", (np.array([[9]]), np.ones(1)), {"shape": (3,)}),
        ("tensor_scatter", (X, np.array([[3]]), np.ones((1, 4))), {}),
        ("put_along_axis", (X, np.array([[4], [0], [0]]), np.ones((3, 1))), {}),
        ("sparse_softmax_cross_entropy", (np.array([0, 4, 1]), X), {}),
        ("confusion_matrix", (BAD, BAD), {"classes": 3}),
        ("unique", (X,), {"size": 11}),
        ("max_unpool2d", (np.ones((1, 1, 1, 1)), np.full((1, 1, 1, 1), 4)), {}),
        ("solve", (SINGULAR, SINGULAR), {}),
        ("inverse", (SINGULAR,), {}),
        ("lu", (SINGULAR,), {}),
        ("lu", (NOT_FINITE,), {}),
        ("cholesky", (-SINGULAR,), {}),
        ("svd", (NOT_FINITE,), {}),
        ("logm", (-np.eye(2),), {}),
        ("sqrtm", (-np.eye(2),), {}),
        ("assert_true", (np.array([True, False]),), {"message": "x is {}"}),
        ("check_numerics", (NOT_FINITE,), {}),
        ("case_check", (np.array(False), np.array(False)), {"total": True}),
        ("case_check", (np.array(True), np.array(True)), {"exclusive": True}),
        ("uniform_candidate_sampler", (np.array([[10]]),), {}),
        ("unmask_like", (np.ones((2, 4)), X, np.array([True, True, True])), {}),
        ("fft", (np.zeros((2, 0), "complex64"),), {}),
        ("dct", (np.zeros((2, 0)),), {}),
    ],
)
def test_what_fails_by_reference_fails_on_jax(op_id, arrays, attrs):
    op, sample = REGISTRY.lookup(op_id), Sample(arrays, attrs)
    assert isinstance(by_reference(op, sample), str)
    (found,) = on_jax(op, [sample])
    assert isinstance(found, str), found
    assert "None" not in found and "Traced" not in found


# ---- more than the samples have -----------------------------------------------------------------


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("op_id", "arrays", "attrs"),
    [
        ("tensor_scatter", (X, np.array([[1], [0], [1]]), X * 10), {}),
        ("put_along_axis", (X, np.array([[1, 0, 1]] * 3), X[:, :3] * 10), {}),
        ("max_unpool2d", (X[:1, :2].reshape(1, 1, 2, 1), np.zeros((1, 1, 2, 1), int)), {}),
        ("take_at_places", (X.reshape(1, 3, 4, 1)[:, :2], np.zeros((1, 1, 2, 1), int)), {}),
        ("strided_slice", (X,), {"begin": (2, 3), "end": (None, 0), "strides": (-2, -2)}),
        ("place_slice", (X[:2, :2], X),
         {"begin": (2, 3), "end": (None, None), "strides": (-2, -3)}),
        ("searchsorted", (np.array([1.0, 2.0, np.nan]), np.array([np.nan, np.inf, 2.0])), {}),
        ("conv2d", (np.ones((2, 9, 8, 6)), np.ones((3, 2, 3, 4))),
         {"groups": 2, "strides": (3, 2), "dilations": (2, 3)}),
        ("conv2d_transpose", (np.ones((2, 4, 3, 4)), np.ones((3, 2, 3, 4))),
         {"groups": 2, "strides": (3, 2), "padding": "valid", "layout": "NHWC"}),
        ("expm", (np.array([[np.nan, 1.0], [0.0, 1.0]]),), {}),
        ("expm", (np.array([[-3e4, 1.0], [0.0, -2e4]]),), {}),
    ],
)  # fmt: skip
def test_jax_equals_the_reference_beyond_samples(op_id, arrays, attrs):
    op, sample = REGISTRY.lookup(op_id), Sample(arrays, attrs)
    compare(op, sample, on_jax(op, [sample])[0], by_reference(op, sample))


def test_own_ops_without_a_formula_run_on_the_host():
    try:

        @nf.op(id="own_of_jax", infer="same as x")
        def function(x, factor: float = 2.0):
            """x, sorted and scaled.

            By numpy.
            """
            if x[0] < 0:
                raise ValueError("negative")
            return np.sort(x) * factor

        op = REGISTRY.lookup("own_of_jax")
        good = Sample((np.array([3.0, 1.0]),), {"factor": 3.0})
        bad = Sample((np.array([-3.0, 1.0]),), {"factor": 3.0})
        found, failed = on_jax(op, [good, bad])
    finally:
        nf.REGISTRY.remove("own_of_jax")
    np.testing.assert_array_equal(found, [[3.0, 9.0]])
    assert failed == "own_of_jax failed"


def test_printed_values_are_those_of_the_run(monkeypatch):
    import jax

    from nodeflow.ops.program import output

    written = []
    monkeypatch.setattr(output, "write", written.append)
    sample = Sample((np.array([1.0, 2.0]),), {"message": "x is"})
    (found,) = on_jax(REGISTRY.lookup("print"), [sample])
    jax.effects_barrier()
    np.testing.assert_array_equal(found, [[1.0, 2.0]])
    assert written == ["x is [1. 2.]"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "op_id",
    [
        "conv2d",
        "conv2d_input_gradient",
        "conv2d_filter_gradient",
        "conv2d_transpose",
        "conv3d_filter_gradient",
    ],
)
def test_convolutions_are_the_same_in_the_way_of_gpus(op_id, monkeypatch):
    """On the CPU they are ordinary convolutions, elsewhere JAX's transposes of them."""
    import jax

    monkeypatch.setattr(
        jax.lax, "platform_dependent", lambda *arrays, cpu, default: default(*arrays)
    )
    op = REGISTRY.lookup(op_id)
    samples = [s for s in op.samples() if s.smooth]
    for sample, found in zip(samples, on_jax(op, samples), strict=True):
        compare(op, sample, found, by_reference(op, sample))


@pytest.mark.thorough
def test_a_block_may_begin_where_a_run_finds_out():
    """And its gradient goes back there; the sizes are known."""
    with nf.Graph() as g:
        x = nf.placeholder("float64", [3, 4], name="x")
        row = nf.placeholder("int32", [], name="row")
        part = nf.slice(x, nf.stack([row * 1, 1]), [2, 2], name="part")
        slope = nf.gradients(nf.reduce_sum(nf.square(part)), x)[0]
    feeds = {x: X, row: 1}
    found = []
    for options in ({"backend": "jax"}, {"tier": "reference"}):
        with nf.Session(g, **options) as session:
            found.append(session.run([part, slope], feeds))
            with pytest.raises(RunError, match="part") as caught:
                session.run(part, {x: X, row: 2})
            assert caught.value.node == "part"
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(found[0][0], X[1:3, 1:3])


@pytest.mark.thorough
@pytest.mark.parametrize("size", [3, 300_000])
def test_what_the_host_computes_keeps_its_64_bits(size):
    """JAX calls for large arrays from threads of its own, where it has no types of 64 bits."""
    with nf.Graph() as g:
        x = nf.placeholder("float64", [None], name="x")
        found = [g.apply("gamma_quantile", x + 1.0, x), g.apply("poisson_quantile", x * 9.0, x)]
        total = nf.reduce_sum(nf.sin(x))
    feeds = {x: np.linspace(0.01, 0.99, size)}
    results = []
    for options in ({"backend": "jax"}, {"tier": "reference"}):
        with nf.Session(g, **options) as session:
            results.append(session.run([*found, total], feeds))
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype == np.dtype("float64")
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.thorough
def test_printed_integers_have_64_bits(monkeypatch):
    import threading

    import jax

    from nodeflow.ops.program import output

    written = []
    monkeypatch.setattr(output, "write", written.append)
    with nf.Graph() as g:
        x = nf.placeholder("int64", [None], name="x")
        shown = nf.reduce_sum(Print(x, [x[:2]], "x is "))
    with nf.Session(g, backend="jax") as session:
        for _ in range(3):
            session.run(shown, {x: np.full(300_000, 2**40 + 1)})
    jax.effects_barrier()
    assert written == ["x is [1099511627777 1099511627777]"] * 3, threading.active_count()
