"""Generated kernels: readable, typed as the graph says, independent of names and sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nodeflow.engine.compiler import cache
from nodeflow.engine.compiler.compile_kernel import inspect_source
from nodeflow.engine.kernels.cluster_source import (
    Cluster,
    Output,
    collapse,
    elementwise_source,
)
from nodeflow.engine.kernels.elementwise import cluster_node
from nodeflow.engine.kernels.expressions import render, typed_literal
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import COMPLEX, DTYPES, HALVES, numpy_dtype
from nodeflow.ops.lowering import Elementwise

NUMBA_NAMES = {"bool": "bool"}


def cluster_of(expression, names, dtypes, out, patterns=None, **attrs):
    names = tuple(names.split())
    patterns = patterns or [(True,)] * len(names)
    operands = tuple((False, i) for i in range(len(names)))
    node = cluster_node(Elementwise(expression, names, attrs), operands, tuple(dtypes), out)
    return Cluster(
        len(patterns[0]),
        tuple(zip(dtypes, patterns, strict=True)),
        (replace(node, label="layer/node"),),
        (Output(0),),
    )


def run(source, *args):
    slots = np.array([0, 0, *(a.ctypes.data if isinstance(a, np.ndarray) else a for a in args)])
    kernel = cache.load_kernel(source)
    for task in range(3):
        kernel(slots.ctypes.data + 16, task, 3)


def test_one_statement_per_node_with_its_name():
    source = elementwise_source(
        cluster_of("x + y * 2", "x y", ["float32"] * 2, "float32"), comments=True
    )
    assert "v0 = np.float32((a0 + (a1 * np.float32(2.0))))  # layer/node" in source


def test_names_are_not_part_of_what_is_compiled():
    assert "layer" not in elementwise_source(cluster_of("x", "x", ["float32"], "float32"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_literals_are_typed(dtype):
    value = eval(typed_literal(1, dtype), {"np": np})
    assert value.dtype == ("uint16" if dtype in HALVES else numpy_dtype(dtype))


def test_literals_keep_special_values():
    for value in (np.inf, -np.inf, -0.0, 0.1, 1e-45):
        got = eval(typed_literal(value, "float32"), {"np": np})
        assert got == np.float32(value)
        assert np.signbit(got) == np.signbit(value)
    assert np.isnan(eval(typed_literal(float("nan"), "float64"), {"np": np}))


def test_formulas_may_not_do_anything_else():
    for formula in ("__import__('os')", "x.real", "[x]", "x if x else x", "unknown + x"):
        with pytest.raises((ValueError, AssertionError)):
            render(formula, {"x": "a0"}, {}, ["float32"], "float32")


def elementwise_cases():
    """Every elementwise op with every dtype that kernels compute.

    Half floats become float32 before; complex numbers are computed by reference.
    """
    for op in REGISTRY:
        if getattr(op, "expression", None) is None:  # another kind of op, or by reference
            continue
        for dtype in (d for d in op.inputs[-1].dtypes if d not in HALVES + COMPLEX):
            yield pytest.param(op, dtype, id=f"{op.id}-{dtype}")


@pytest.mark.sample(60)
@pytest.mark.parametrize(("op", "dtype"), list(elementwise_cases()))
def test_no_value_is_wider_than_declared(op, dtype):
    """numba widens silently; the types it infers for a kernel must be those of the graph."""
    from nodeflow.graph.types import TensorType

    dtypes = [dtype if dtype in p.dtypes else p.dtypes[0] for p in op.inputs]
    attrs = {a.name: a.default for a in op.attrs}
    types = [TensorType(d, (4,)) for d in dtypes]
    out = op.infer(*types, **attrs).dtype
    lowering = op.lower(types, [TensorType(out, (4,))], **attrs)
    names = " ".join(lowering.names)
    source = elementwise_source(cluster_of(lowering.expression, names, dtypes, out, **attrs))
    inferred = inspect_source(source).types
    found = {name: t for name, t in inferred.items() if name.split(".")[0] == "v0"}
    assert found
    for numba_type in found.values():
        assert numba_type == NUMBA_NAMES.get(out, out)


@pytest.mark.parametrize(
    ("shape", "inputs", "sizes", "patterns"),
    [
        ((4, 3), [(4, 3), (4, 3)], [12], [(True,), (True,)]),
        ((4, 3), [(4, 3), (3,)], [4, 3], [(True, True), (False, True)]),
        ((4, 3), [(4, 1), (1, 3)], [4, 3], [(True, False), (False, True)]),
        ((4, 3), [(4, 3), ()], [12], [(True,), (False,)]),
        ((2, 3, 4), [(2, 3, 4), (1, 1, 4)], [6, 4], [(True, True), (False, True)]),
        ((2, 1, 4), [(2, 1, 4), (4,)], [2, 4], [(True, True), (False, True)]),
        ((1, 1), [(), (1, 1)], [1], [(True,), (True,)]),
        ((0, 3), [(0, 3), (1, 3)], [0, 3], [(True, True), (False, True)]),
    ],
)
def test_axes_collapse_as_far_as_broadcasting_allows(shape, inputs, sizes, patterns):
    assert collapse(shape, inputs) == (sizes, patterns, [None] * len(inputs))


@pytest.mark.parametrize("share", [40, 41, 47, 63, 120])
def test_broadcasting_over_four_axes_wherever_tasks_begin(share):
    rng = np.random.default_rng(0)
    shape = (2, 3, 4, 5)
    shapes = [(2, 1, 4, 1), (3, 1, 5), (2, 3, 4, 5)]
    a, b, c = (rng.random(s).astype("float64") for s in shapes)
    sizes, patterns, _ = collapse(shape, shapes)
    out = np.zeros(shape)
    source = elementwise_source(
        cluster_of("x * y + z", "x y z", ["float64"] * 3, "float64", patterns)
    )
    run(source, *sizes, share, a, b, c, out)
    np.testing.assert_array_equal(out, a * b + c)


@pytest.mark.parametrize("sizes", [(0, 3, 4, 5), (2, 0, 4, 5), (2, 3, 4, 0)])
def test_nothing_is_written_where_an_axis_is_empty(sizes):
    patterns = [(True, False, True, False), (True,) * 4]
    source = elementwise_source(cluster_of("x + y", "x y", ["float32"] * 2, "float32", patterns))
    out = np.full(60, 7, "float32")
    run(source, *sizes, 41, np.zeros(60, "float32"), np.zeros(60, "float32"), out)
    assert (out == 7).all()


def test_in_place_writes_over_its_input():
    cluster = cluster_of("x - y * 0.5", "x y", ["float32"] * 2, "float32")
    over = Cluster(cluster.rank, cluster.inputs, cluster.nodes, (Output(0, inplace=0),))
    rng = np.random.default_rng(0)
    w, g = rng.random(1000).astype("float32"), rng.random(1000).astype("float32")
    expected = w - g * np.float32(0.5)
    run(elementwise_source(over), 1000, 400, w, g)
    np.testing.assert_array_equal(w, expected)


def test_hot_loops_are_vector_code():
    source = elementwise_source(
        cluster_of("tanh(x * 2 + y) / (exp(-x) + 1)", "x y", ["float32"] * 2, "float32")
    )
    assert (
        "<8 x float>" in inspect_source(source).llvm
        or "<16 x float>" in inspect_source(source).llvm
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", ["sin", "cos"])
def test_an_angle_has_the_same_bits_beside_one_that_is_far(function, dtype):
    near = np.random.default_rng(0).uniform(-30, 30, 5000).astype(dtype)
    mixed = near.copy()
    mixed[::7] = 1e12
    mixed[1::701] = np.inf
    source = elementwise_source(cluster_of(f"{function}(x)", "x", [dtype], dtype))
    alone, beside = np.empty((2, 5000), dtype)
    for x, out in ((near, alone), (mixed, beside)):
        run(source, 5000, 1792, x, out)
    same = mixed == near
    assert 4000 < same.sum() < 4500
    np.testing.assert_array_equal(beside[same], alone[same])
    assert np.isnan(beside[np.isinf(mixed)]).all()
    far = np.abs(mixed) == np.array(1e12, dtype)
    exact = getattr(np, function)(mixed[far].astype("float64"))
    np.testing.assert_allclose(beside[far], exact, rtol=1e-14 if dtype == "float64" else 3e-7)


@pytest.mark.parametrize("inplace", [None, 0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("formula", "reference"), [("modulo", np.mod), ("floor_divide", np.floor_divide)]
)
def test_quotients_have_the_same_bits_beside_those_that_are_far_apart(
    formula, reference, dtype, inplace
):
    random = np.random.default_rng(0)
    x, y = random.uniform(-30, 30, 5000), random.uniform(-3, 3, 5000)
    x[::701] = 1e25
    y[300:900] = np.tile([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-30], 100)
    x[600:700] = np.tile([np.inf, -0.0], 50)
    x, y = x.astype(dtype), y.astype(dtype)
    cluster = cluster_of(f"{formula}(x, y)", "x y", [dtype, dtype], dtype)
    cluster = Cluster(1, cluster.inputs, cluster.nodes, (Output(0, inplace=inplace),))
    source = elementwise_source(cluster)
    assert f"near_{formula}(" in source
    out = x.copy()
    run(source, 5000, 1792, *([x, y, out] if inplace is None else [out, y]))
    with np.errstate(all="ignore"):
        expected = reference(x, y)
    np.testing.assert_array_equal(out, expected)
    finite = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(out[finite]), np.signbit(expected[finite]))


def test_integers_are_divided_by_one_formula_beside_floats_that_have_two():
    source = elementwise_source(cluster_of("modulo(x, y)", "x y", ["int32"] * 2, "int32"))
    assert "modulo(" in source and "near_" not in source


@pytest.mark.parametrize("inplace", [None, 0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("function", "ends", "others"),
    [
        (
            "exp",
            {"float32": 86.0, "float64": 707.0},
            {"float32": [88.5, -95], "float64": [710, -720]},
        ),
        ("log", {"float32": 1e37, "float64": 1e300}, {"float32": [1e-40], "float64": [1e-310]}),
    ],
)
def test_a_number_has_the_same_bits_beside_those_that_need_the_long_formula(
    function, ends, others, dtype, inplace
):
    random, end = np.random.default_rng(0), ends[dtype]
    near = random.uniform(-end, end, 5000) if function == "exp" else random.uniform(0.1, 9, 5000)
    near[::9] = end
    near = near.astype(dtype)
    mixed = near.copy()
    unusual = [np.nan, np.inf, -np.inf, 0.0, -1.0, *others[dtype]]
    mixed[100 : 100 + 700 * len(unusual) : 700] = unusual
    cluster = cluster_of(f"{function}(x)", "x", [dtype], dtype)
    cluster = Cluster(1, cluster.inputs, cluster.nodes, (Output(0, inplace=inplace),))
    source = elementwise_source(cluster)
    found = []
    for x in (near, mixed):
        out = x.copy()
        run(source, 5000, 1792, *([x, out] if inplace is None else [out]))
        found.append(out)
    same = mixed == near
    assert same.sum() == 5000 - len(unusual)
    np.testing.assert_array_equal(found[1][same], found[0][same])
    with np.errstate(all="ignore"):
        exact = getattr(np, function)(mixed.astype("float64")).astype(dtype)
    rtol, atol = (2e-7, 2e-45) if dtype == "float32" else (1e-15, 5e-324)
    np.testing.assert_allclose(found[1], exact, rtol=rtol, atol=atol)


def test_values_of_several_short_formulas_are_computed_again_where_one_was_far():
    """One element in the middle of a stretch; what follows the call is kept as well."""
    x = np.random.default_rng(0).uniform(0.1, 5, 5000).astype("float32")
    x[2500] = 200
    cluster = cluster_of("log(exp(x) + 1) * 2", "x", ["float32"], "float32")
    out = np.empty_like(x)
    run(elementwise_source(cluster), 5000, 5056, x, out)
    expected = 2 * np.log1p(np.exp(x.astype("float64")))
    expected[2500] = np.inf
    np.testing.assert_allclose(out, expected, rtol=3e-7)


def test_an_angle_is_computed_from_other_values_and_written_over_them():
    """In place, of two axes, an angle of an angle; only some of the rows have one that is far."""
    x = np.random.default_rng(1).uniform(-3, 3, (9, 700)).astype("float32")
    b = np.linspace(0, 1, 700, dtype="float32")
    x[4, 5] = 3e8
    cluster = cluster_of(
        "sin(x * cos(b) + 1) - b", "x b", ["float32"] * 2, "float32", [(True, True), (False, True)]
    )
    cluster = Cluster(2, cluster.inputs, cluster.nodes, (Output(0, inplace=0),))
    wide = x.astype("float64") * np.cos(b.astype("float64")) + 1
    expected = np.sin(wide) - b
    run(elementwise_source(cluster), 9, 700, 2112, x, b)
    expected[4, 5] = x[4, 5]  # what the angle itself loses in float32
    assert np.abs(x[4, 5]) <= 2
    np.testing.assert_allclose(x, expected, atol=2e-6)
