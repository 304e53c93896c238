"""Kernels for whole rows at sizes where they branch: runs are merged, threads share rows."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler import compile_kernel
from nodeflow.engine.kernels import sorted_values, sorting
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import HALVES, NUMBERS
from nodeflow.ops.linalg.einsum_plan import plan

RNG = np.random.default_rng(8)
RUN, LONG = sorting.RUN, sorting.LONG
SIZES = (RUN - 1, RUN, RUN + 1, 4 * RUN, LONG - 1, LONG, LONG + 1, 1000)


def compiled(op: str, *arrays, threads: int = 2, **attrs):
    """The op's outputs from the compiled tier."""
    graph = nf.Graph()
    fed = [graph.apply("placeholder", dtype=a.dtype.name, shape=a.shape) for a in arrays]
    node = graph.add_node(op, fed, attrs)
    with Session(graph, tier="compiled", threads=threads) as session:
        results = session.run(list(node.outputs), dict(zip(fed, arrays, strict=True)))
    return results[0] if len(results) == 1 else results


def numbers(shape, dtype: str) -> np.ndarray:
    """Many equal ones; of floats also NaN, infinities and zeros of both signs."""
    if not dtype.startswith("float"):
        return RNG.integers(0, 40, shape).astype(dtype)
    pool = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, *np.linspace(-3, 3, 30)], dtype)
    return RNG.choice(pool, shape)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("size", SIZES)
def test_sorting_is_that_of_numpy_and_stable(dtype: str, size: int) -> None:
    x = numbers((5, size), dtype)
    np.testing.assert_array_equal(compiled("argsort", x), np.argsort(x, 1, kind="stable"))
    order = compiled("argsort", x, descending=True)
    expected = [
        # Largest first, and of equals the first: keys are ranks, in which NaN is one value.
        sorted(range(size), key=lambda i: (-ranks[i], i))
        for ranks in (np.unique(row, return_inverse=True)[1] for row in x)
    ]
    np.testing.assert_array_equal(order, expected)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_every_bit_of_a_number_counts(dtype: str) -> None:
    """Numbers of all sizes: random bits, of floats denormals and many a NaN too."""
    bits = RNG.integers(0, 256, (3, 5000 * np.dtype(dtype).itemsize), np.uint8)
    x = bits.view(dtype)
    wide = x.astype("float32") if dtype in HALVES else x  # numpy orders no NaN of bfloat16
    np.testing.assert_array_equal(compiled("argsort", x), np.argsort(wide, 1, kind="stable"))
    last = x.shape[1] - 1
    expected = last - np.argsort(wide[:, ::-1], 1, kind="stable")[:, ::-1]
    np.testing.assert_array_equal(compiled("argsort", x, descending=True), expected)


WAYS = ("numpy", "digits", "neither")


def sort_by(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sort values in one of the three ways, whatever the processor."""
    monkeypatch.setattr(sorted_values, "by_digits", lambda dtype, n: way == "digits" and n > 9)
    if way == "neither":
        monkeypatch.setattr(sorted_values, "sort_address", lambda dtype: 0)


@pytest.mark.sample(18)
@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_values_in_order_have_the_same_bits_in_both_tiers(
    dtype, descending, way, monkeypatch
) -> None:
    """-0 before 0, NaN of both signs last, whoever sorts and on however many threads."""
    sort_by(way, monkeypatch)
    if way == "numpy" and dtype not in HALVES:
        assert sorted_values.sort_address(dtype)
    op = REGISTRY.lookup("sort")
    for shape, axis in (((5, 1000), 1), ((3, 1), 1), ((400, 3), 0), ((2, 17, 3), 1)):
        x = numbers(shape, dtype)
        if dtype.startswith("float"):
            np.copyto(x, -x, where=RNG.random(shape) < 0.5)
        wide = x.astype("float32") if dtype in HALVES else x
        attrs = {"axis": axis, "descending": descending}
        expected = op.reference(wide, **attrs).astype(x.dtype)
        ordered = np.sort(wide, axis)
        np.testing.assert_array_equal(expected, np.flip(ordered, axis) if descending else ordered)
        for threads in (1, 2, 3, 8):
            found = compiled("sort", x, threads=threads, **attrs)
            assert found.dtype == x.dtype and found.tobytes() == expected.tobytes()


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_long_rows_are_sorted_in_pieces(dtype, descending, way, monkeypatch) -> None:
    """Of all lengths around whole pieces; with few different values, many equals meet."""
    sort_by(way, monkeypatch)
    monkeypatch.setattr(sorted_values, "CHUNK", 16)
    monkeypatch.setattr(sorted_values, "HALVED", 20)
    sorted_values.merge_source.cache_clear()
    op = REGISTRY.lookup("sort")
    for shape in (
        (1, 20),
        (21,),
        (1, 128),
        (129,),
        (400,),
        (411,),
        (3, 450),
        (1000,),
        (1, 1, 1023),
    ):
        x = numbers(shape, dtype)
        few = RNG.integers(0, 4, shape) if dtype.startswith("u") else RNG.integers(-2, 3, shape)
        for each in (x, few.astype(x.dtype), -few.astype(x.dtype), np.ones(shape, x.dtype)):
            wide = each.astype("float32") if dtype in HALVES else each
            attrs = {"axis": len(shape) - 1, "descending": descending}
            expected = op.reference(wide, **attrs).astype(each.dtype)
            for threads in (1, 2, 3, 8):
                found = compiled("sort", each, threads=threads, **attrs)
                assert found.tobytes() == expected.tobytes()
    sorted_values.merge_source.cache_clear()


@pytest.mark.parametrize(
    ("shape", "merged"),
    [((1 << 20,), True), ((1, 1 << 20), True), ((1 << 19,), False), ((2, 1 << 20), False)],
)
def test_only_a_single_long_row_is_merged(shape: tuple[int, ...], merged: bool) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", shape)
        schedule = build_schedule([nf.sort(x, axis=len(shape) - 1)], [])
        plan = make_plan(schedule, schedule.specialise({}))
    kinds = [type(action.lowering) for action in plan.actions.items]
    assert (sorted_values.Merge in kinds) == merged


@pytest.mark.parametrize("descending", [False, True])
def test_a_row_of_a_million_is_that_of_numpy(descending: bool) -> None:
    x = RNG.standard_normal((1 << 20) + 12345).astype("float32")
    x[::1000] = np.nan
    found = compiled("sort", x, axis=0, descending=descending)
    expected = np.sort(x)
    np.testing.assert_array_equal(found, expected[::-1] if descending else expected)


def test_zeros_are_in_the_order_of_their_signs() -> None:
    x = np.array([[0.0, -0.0, 1.0, -0.0, 0.0, -1.0, np.copysign(np.nan, -1), -np.inf]], "float32")
    expected = np.array([-np.inf, -1, -0.0, -0.0, 0.0, 0.0, 1, np.nan], "float32")
    for found, wanted in (
        (compiled("sort", x)[0], expected),
        (compiled("sort", x, descending=True)[0], expected[::-1]),
    ):
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.sample(10)
@pytest.mark.parametrize("dtype", [d for d in NUMBERS if d not in HALVES])
@pytest.mark.parametrize("way", WAYS)
def test_every_bit_of_a_sorted_value_counts(dtype: str, way: str, monkeypatch) -> None:
    """Numbers of all sizes, as well as some of which bytes are the same in all."""
    sort_by(way, monkeypatch)
    op, integer = REGISTRY.lookup("sort"), sorted_values.integer_of(dtype)
    bits = RNG.integers(0, 256, (3, 3000 * np.dtype(dtype).itemsize), np.uint8)
    one_byte = (bits.view(integer) & np.array(0xFF).astype(integer)).view(dtype)
    for x in (bits.view(dtype), one_byte, np.ones((2, 300), dtype)):
        for descending in (False, True):
            expected = op.reference(x, axis=1, descending=descending)
            assert compiled("sort", x, descending=descending).tobytes() == expected.tobytes()


PROCESSORS = {
    "znver3": {"avx2"},
    "znver4": {"avx2", "avx512f", "avx512vbmi2"},
    "sapphirerapids": {"avx2", "avx512f", "avx512vbmi2"},
    "skylake-avx512": {"avx2", "avx512f"},
    "apple-m1": {"neon"},
}


@pytest.mark.parametrize(
    ("dtype", "n", "by_digits"),
    [
        ("float32", 1 << 16, {"znver4"}),
        ("float32", 2048, set()),
        ("float64", 2048, {"znver4"}),
        ("int16", 300, {"znver3", "skylake-avx512"}),
        ("int16", 1 << 16, {"znver3", "skylake-avx512", "znver4"}),
        ("uint8", 300, set(PROCESSORS)),
        ("uint8", 100, set()),
    ],
)
def test_digits_are_for_what_numpy_sorts_slowly(
    dtype: str, n: int, by_digits: set[str], monkeypatch
) -> None:
    for name, features in PROCESSORS.items():
        monkeypatch.setattr(sorted_values.processor, "name", lambda name=name: name)
        monkeypatch.setattr(sorted_values.processor, "features", lambda it=features: frozenset(it))
        assert sorted_values.by_digits(dtype, n) == (name in by_digits)


@pytest.mark.sample(10)
@pytest.mark.parametrize("dtype", [d for d in NUMBERS if d not in HALVES])
@pytest.mark.parametrize("way", WAYS)
def test_sorting_values_needs_only_our_own_front_end(dtype: str, way: str) -> None:
    source = sorted_values.values_source(dtype, True, way == "numpy")
    if way == "digits":
        source = sorted_values.digits_source(dtype, True)
    compile_kernel.prepare_compiler()
    compile_kernel.translate_source(source, compile_kernel._entry(source, "<test>"))


@pytest.mark.sample(30)
@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize(("size", "k"), [(32, 32), (65, 32), (63, 1), (200, 7), (1000, 32)])
def test_the_few_largest_are_the_first_of_all_in_order(dtype, largest, size, k) -> None:
    """Also where each is larger than those before, and where nearly all are NaN."""
    x = numbers((6, size), dtype)
    x[1], x[2] = np.sort(x[1]), np.sort(x[2])[::-1]
    if dtype.startswith("float"):
        x[3, :-3], x[4] = np.nan, np.nan
    order = compiled("argsort", x, descending=largest)[:, :k]
    for threads in (1, 2, 3, 8):
        found, places = compiled("top_k", x, k=k, largest=largest, threads=threads)
        np.testing.assert_array_equal(places, order)
        np.testing.assert_array_equal(found, np.take_along_axis(x, order, 1))


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("descending", [False, True])
def test_sorting_by_digits_needs_only_our_own_front_end(dtype: str, descending: bool) -> None:
    source = sorting.digits_source(dtype, descending)
    compile_kernel.prepare_compiler()
    compile_kernel.translate_source(source, compile_kernel._entry(source, "<test>"))


def test_the_number_of_threads_changes_no_order() -> None:
    x = numbers((64, 900), "float32")
    orders = [compiled("argsort", x, threads=n, axis=0) for n in (1, 2, 3, 8)]
    np.testing.assert_array_equal(orders[0], np.argsort(x, 0, kind="stable"))
    assert all(np.array_equal(orders[0], other) for other in orders[1:])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "bool"])
def test_distinct_values_are_those_of_numpy(dtype: str) -> None:
    x = numbers((30, 40), dtype)
    values, indices, count = compiled("unique", x, size=50, fill=1)
    found, first, places = np.unique(x, return_index=True, return_inverse=True)
    assert count == len(found)
    assert values[:count].tobytes() == x.ravel()[first].tobytes()
    np.testing.assert_array_equal(values[count:], np.ones(50 - count, dtype))
    np.testing.assert_array_equal(indices, places.reshape(x.shape))


def test_too_many_distinct_values_are_an_error_as_by_reference() -> None:
    with pytest.raises(RunError, match="100 distinct elements do not fit into 99"):
        compiled("unique", np.arange(100), size=99)


def test_the_area_under_the_curve_counts_all_pairs() -> None:
    scores = RNG.integers(0, 30, 500).astype("float32") / 8
    labels = RNG.random(500) < 0.3
    pairs = np.sign(scores[labels][:, None] - scores[~labels][None, :])
    share = (pairs.mean(dtype="float64") + 1) / 2  # a mean of float32 is rounded before 1 is added
    assert compiled("auc", labels, scores) == np.float32(share)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_taking_and_adding_along_an_axis_are_those_of_numpy(axis: int) -> None:
    x = RNG.integers(-100, 100, (20, 30, 40)).astype("float64")
    shape = tuple(70 if a == axis else d for a, d in enumerate(x.shape))
    indices = RNG.integers(0, x.shape[axis], shape)
    taken = compiled("take_along_axis", x, indices, axis=axis)
    np.testing.assert_array_equal(taken, np.take_along_axis(x, indices, axis))
    added = np.zeros_like(x)
    places = list(np.ogrid[tuple(slice(0, d) for d in shape)])
    places[axis] = indices
    np.add.at(added, tuple(places), taken)
    np.testing.assert_array_equal(compiled("add_along_axis", taken, indices, x, axis=axis), added)


@pytest.mark.parametrize("tx", [False, True])
@pytest.mark.parametrize("ty", [False, True])
def test_products_of_integers_wrap_as_in_numpy(tx: bool, ty: bool) -> None:
    info = np.iinfo("int32")
    x, y = (RNG.integers(info.min, info.max, s).astype("int32") for s in ((3, 40, 50), (50, 60)))
    given = np.swapaxes(x, 1, 2).copy() if tx else x, y.T.copy() if ty else y
    found = compiled("matmul", *given, transpose_x=tx, transpose_y=ty)
    np.testing.assert_array_equal(found, x @ y)


EQUATIONS = [
    "ij,jk->ik", "ij,kj->ik", "ji,jk->ik", "ji,kj->ki", "bij,bkj->bik", "bhqd,bhkd->bhqk",
    "bhqk,bhkd->bqhd", "ij,ij->", "ij,ij->j", "i,j->ji", "iij,jk->ki", "ij,jk,kl->li",
    "i,ij,j->", "abc->ca", "abc,cb->a", "ij,k->ki", "iij,iik->jk", "a,ab,abc->cb",
]  # fmt: skip


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_einsum_is_that_of_numpy(equation: str, dtype: str) -> None:
    letters = equation.split("->")[0].split(",")
    sizes = {c: 2 + k for k, c in enumerate(sorted(set("".join(letters))))}
    arrays = [RNG.integers(-9, 9, [sizes[c] for c in s]).astype(dtype) for s in letters]
    found = compiled("einsum", *arrays, equation=equation)
    expected = np.einsum(equation, *arrays)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)  # whole numbers, so nothing is rounded


def test_einsum_takes_the_pair_with_the_smallest_product_first() -> None:
    sizes = {"a": 2000, "b": 2, "c": 3}
    first, second = plan(["ab", "bc", "c"], "a", sizes)
    assert (first.result, second.result) == ("b", "a")
    arrays = [np.ones([sizes[c] for c in s]) for s in ("ab", "bc", "c")]
    np.testing.assert_array_equal(
        compiled("einsum", *arrays, equation="ab,bc,c->a"), np.full(2000, 6.0)
    )
