"""Semantics that are easy to get wrong, against numpy, scipy and Python written by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.errors import (
    AttributeProblem,
    DtypeError,
    GraphError,
    LiteralError,
    MissingFeed,
    RunError,
    ShapeError,
)
from nodeflow.ops.namespaces.linear import matrix_diag_part, matrix_set_diag
from nodeflow.ops.samples import values
from tests.ops.evaluate import evaluate

NAN, INF = math.nan, math.inf


def call(op: str, *arrays: Any, **attrs: Any) -> np.ndarray:
    """The (first) value of one op on arrays."""
    with nf.Graph() as graph:
        node = graph.add_node(op, [np.asarray(a) for a in arrays], attrs)
        return evaluate(node.outputs[:1], {})[0]


def slope(op: str, *arrays: Any, weights: Any = None, **attrs: Any) -> list[np.ndarray]:
    """The gradients of one op for its float64 inputs."""
    with nf.Graph() as graph:
        inputs = [graph.as_tensor(np.asarray(a)) for a in arrays]
        out = graph.apply(op, *inputs, **attrs)
        xs = [x for x in inputs if x.dtype == "float64"]
        grad_ys = None if weights is None else graph.as_tensor(np.asarray(weights))
        return evaluate(nf.gradients(out, xs, grad_ys), {})


# ---- integers ---------------------------------------------------------------------------------


def test_integers_wrap() -> None:
    assert call("add", np.uint8(200), np.uint8(100)) == 44
    assert call("multiply", np.int32(2**30), np.int32(4)) == 0
    assert call("subtract", np.uint8(1), np.uint8(2)) == 255
    assert call("negative", np.int32(-(2**31))) == -(2**31)
    assert call("abs", np.int64(-(2**63))) == -(2**63)
    assert call("square", np.int32(2**16)) == 0
    assert call("power", np.int32(3), np.int32(40)) == pow(3, 40, 2**32)
    assert call("reduce_sum", np.array([200, 100], "uint8")) == 44
    assert call("reduce_prod", np.full(41, 3, "int32")) == pow(3, 41, 2**32)
    assert call("reduce_sum", np.array([2**31 - 1, 1], "int32")).dtype == np.int32


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
def test_division_follows_pythons_signs(dtype: str) -> None:
    for x in (-7, -6, 7, 6, 0):
        for y in (-3, -2, 2, 3):
            assert call("floor_divide", np.array(x, dtype), np.array(y, dtype)) == x // y
            assert call("modulo", np.array(x, dtype), np.array(y, dtype)) == x % y


@pytest.mark.parametrize("op", ["floor_divide", "modulo"])
def test_integer_division_by_zero_is_a_run_error(op: str) -> None:
    with pytest.raises(RunError, match="integer division by zero") as caught:
        call(op, np.array([[1], [2]], "int32"), np.array([1, 0], "int32"))
    assert caught.value.port == "y"
    assert call(op, np.zeros((0,), "int32"), np.int32(0)).shape == (0,)
    with np.errstate(all="ignore"):
        expected = {"floor_divide": INF, "modulo": NAN}[op]
    np.testing.assert_equal(call(op, 1.0, 0.0).item(), expected)


def test_integer_to_a_negative_power_is_a_run_error() -> None:
    with pytest.raises(RunError, match="negative power"):
        call("power", np.array([2, 3], "int64"), np.array([1, -1], "int64"))
    assert call("power", 2.0, -1.0) == 0.5


def test_divide_refuses_integers_and_offers_what_works() -> None:
    with pytest.raises(DtypeError) as caught:
        call("divide", np.int32(4), np.int32(2))
    assert "floor_divide" in caught.value.hint
    assert "Cast" in caught.value.hint


# ---- floats -----------------------------------------------------------------------------------


def test_nan_propagates() -> None:
    for op in ("maximum", "minimum"):
        assert np.isnan(call(op, [NAN, 1.0], [1.0, NAN])).all()
    assert np.isnan(call("relu", NAN))
    assert np.isnan(call("clip_by_value", NAN, min=0, max=1))
    assert np.isnan(call("sign", NAN))
    for op in ("reduce_max", "reduce_min"):
        assert np.isnan(call(op, [1.0, NAN, INF]))
    assert np.isnan(call("softmax", [1.0, NAN])).all()
    for op in ("leaky_relu", "elu", "gelu", "sigmoid", "softplus", "tanh"):
        assert np.isnan(call(op, NAN)), op


def test_float_to_integer_saturates() -> None:
    wild = np.array([NAN, INF, -INF, 1e30, -1e30, 2.9, -2.9, 300.0])
    expected = {
        "int32": [0, 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), 2, -2, 300],
        "int64": [0, 2**63 - 1, -(2**63), 2**63 - 1, -(2**63), 2, -2, 300],
        "uint8": [0, 255, 0, 255, 0, 2, 0, 255],
    }
    for dtype, numbers in expected.items():
        for source in ("float32", "float64"):
            result = call("cast", wild.astype(source), dtype=dtype)
            assert result.dtype == dtype
            assert result.tolist() == numbers, (source, dtype)
    edge = np.nextafter(np.float32(2**31), np.float32(0))
    assert call("cast", edge, dtype="int32") == int(edge)
    assert call("cast", 2.0**31 - 1, dtype="int32") == 2**31 - 1


def test_integer_casts_wrap_and_bools_are_nonzero() -> None:
    assert call("cast", np.array([-1, 256, 511]), dtype="uint8").tolist() == [255, 0, 255]
    assert call("cast", np.int64(2**32 + 5), dtype="int32") == 5
    assert call("cast", [0.0, -0.0, 0.1, NAN], dtype="bool").tolist() == [False, False, True, True]
    assert call("cast", [True, False], dtype="float32").tolist() == [1.0, 0.0]


def test_round_takes_halves_to_even() -> None:
    halves = np.array([-1.5, -0.5, 0.5, 1.5, 2.5])
    assert call("round", halves).tolist() == [round(x) for x in halves.tolist()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("op", "truth"),
    [
        ("sigmoid", scipy.special.expit),
        ("erf", scipy.special.erf),
        ("softplus", lambda x: np.logaddexp(x, 0)),
        ("gelu", lambda x: x * scipy.special.ndtr(x)),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("log1p", lambda x: np.log1p(np.maximum(x, -1) * (x >= -1) + np.where(x < -1, NAN, 0))),
        ("rsqrt", lambda x: x**-0.5),
    ],
)
def test_functions_match_scipy(op: str, truth: Any, dtype: str) -> None:
    x = np.concatenate([np.linspace(-5, 5, 101), [-80, 80, 1e-6]]).astype(dtype)
    with np.errstate(all="ignore"):
        expected = truth(x.astype("float64"))
    tolerance = 2e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(call(op, x), expected, rtol=tolerance, atol=tolerance / 10)


def test_softmax_is_stable() -> None:
    x = np.array([[1000.0, 1001.0, 999.0], [-1000.0, -1001.0, -999.0], [0.0, 800.0, -800.0]])
    np.testing.assert_allclose(call("softmax", x), scipy.special.softmax(x, -1), rtol=1e-14)
    np.testing.assert_allclose(call("log_softmax", x), scipy.special.log_softmax(x, -1), rtol=1e-14)
    y = values((2, 3, 4))
    np.testing.assert_allclose(call("softmax", y, axis=1), scipy.special.softmax(y, 1), rtol=1e-14)
    logits = np.array([[1e4, 0.0], [0.0, 1e4]], "float32")
    loss = call("softmax_cross_entropy_with_logits", np.eye(2, dtype="float32")[::-1], logits)
    assert loss.tolist() == [1e4, 1e4]
    sparse = call("sparse_softmax_cross_entropy", np.array([1, 0]), logits)
    assert sparse.tolist() == [1e4, 1e4]


def test_cross_entropies_agree_with_the_formula() -> None:
    logits, labels = values((4, 5), low=-4, high=4), np.array([3, 0, 4, 1])
    expected = -np.log(scipy.special.softmax(logits, -1))[np.arange(4), labels]
    one_hot = call("one_hot", labels, depth=5, dtype="float64")
    np.testing.assert_allclose(
        call("softmax_cross_entropy_with_logits", one_hot, logits), expected, rtol=1e-12
    )
    np.testing.assert_allclose(
        call("sparse_softmax_cross_entropy", labels, logits), expected, rtol=1e-12
    )
    with pytest.raises(RunError, match="label 5 is not one of 5 classes"):
        call("sparse_softmax_cross_entropy", np.array([3, 0, 5, 1]), logits)


def test_long_float32_sums_keep_their_digits() -> None:
    x = np.full((100_000, 3), 0.1, "float32")
    np.testing.assert_allclose(call("reduce_sum", x, axis=0), [1e4] * 3, rtol=1e-6)
    np.testing.assert_allclose(call("reduce_mean", x), 0.1, rtol=1e-6)


# ---- ties -------------------------------------------------------------------------------------


def test_gradients_at_ties() -> None:
    assert slope("relu", [0.0, -0.0, 1.0, -1.0])[0].tolist() == [0, 0, 1, 0]
    assert slope("abs", [0.0, -0.0, 2.0, -2.0])[0].tolist() == [0, 0, 1, -1]
    clip = slope("clip_by_value", [-0.1, 0.0, 0.5, 1.0, 1.1], min=0, max=1)[0]
    assert clip.tolist() == [0, 1, 1, 1, 0]
    for op in ("maximum", "minimum"):
        first, second = slope(op, [1.0, 1.0], [1.0, 1.0])
        assert (first.tolist(), second.tolist()) == ([1, 1], [0, 0])


@pytest.mark.parametrize("op", ["reduce_max", "reduce_min"])
def test_extremes_share_their_gradient_equally(op: str) -> None:
    x = np.array([[2.0, 2.0, 2.0, 2.0], [1.0, 2.0, 2.0, 1.0]])
    assert slope(op, x, axis=1)[0].tolist()[0] == [0.25] * 4
    assert sorted(slope(op, x, axis=1)[0].tolist()[1]) == [0, 0, 0.5, 0.5]


def test_power_gradient_where_the_formula_has_holes() -> None:
    by_x, by_y = slope("power", [0.0, 0.0, -2.0, 0.0], [0.0, 2.0, 3.0, 1.0])
    assert by_x.tolist() == [0.0, 0.0, 12.0, 1.0]
    assert by_y.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_product_gradient_is_right_where_elements_are_zero() -> None:
    assert slope("reduce_prod", [0.0, 2.0, 3.0])[0].tolist() == [6, 0, 0]
    assert slope("reduce_prod", [0.0, 0.0, 3.0])[0].tolist() == [0, 0, 0]
    with nf.Graph() as graph:
        x = graph.as_tensor(np.array([0.0, 0.0, 3.0]))
        (first,) = nf.gradients(nf.reduce_prod(x), [x])
        rows = [evaluate(nf.gradients(first[i], [x]), {})[0].tolist() for i in range(3)]
    assert rows == [[0, 3, 0], [3, 0, 0], [0, 0, 0]]


# ---- argmax, empty tensors, indices -----------------------------------------------------------


def test_argmax_takes_the_first_and_counts_nan_as_largest() -> None:
    assert call("argmax", [1.0, 3.0, 3.0]) == 1
    assert call("argmax", [1.0, NAN, INF, NAN]) == 1
    assert call("argmin", [1.0, NAN, -INF]) == 1
    result = call("argmax", values((2, 3, 4)), axis=1)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, np.argmax(values((2, 3, 4)), 1))


def test_empty_tensors() -> None:
    empty = np.zeros((0, 3))
    assert call("reduce_sum", empty, axis=0).tolist() == [0, 0, 0]
    assert call("reduce_prod", empty, axis=0).tolist() == [1, 1, 1]
    assert np.isnan(call("reduce_mean", empty, axis=0)).all()
    assert call("reduce_max", empty, axis=0).tolist() == [-INF] * 3
    assert call("reduce_min", empty, axis=0).tolist() == [INF] * 3
    assert call("reduce_max", empty.astype("int32"), axis=0).tolist() == [-(2**31)] * 3
    assert call("reduce_max", empty.astype("uint8")) == 0
    assert call("matmul", np.zeros((2, 0)), np.zeros((0, 3))).tolist() == [[0.0] * 3] * 2
    assert call("argmax", empty, axis=1).shape == (0,)
    for op in ("argmax", "argmin"):
        with pytest.raises(RunError, match="of nothing"):
            call(op, empty, axis=0)
    with pytest.raises(RunError, match="outside an axis of size 0") as caught:
        call("gather", empty, np.array([0]))
    assert "nothing to gather" in caught.value.hint


def test_gather_refuses_indices_outside() -> None:
    for bad in (-4, 3):
        with pytest.raises(RunError, match=f"index {bad} is outside an axis of size 3"):
            call("gather", values((3, 4)), np.array([0, bad]))


def test_gather_gradient_adds_up_repeated_rows() -> None:
    (by_x,) = slope("gather", np.zeros((3, 2)), np.array([1, 1, 0]), weights=values((3, 2)))
    rows = values((3, 2))
    np.testing.assert_allclose(by_x, [rows[2], rows[0] + rows[1], [0, 0]])


def test_one_hot_outside_is_all_off() -> None:
    assert call("one_hot", np.array([1, 3, -1]), depth=3).tolist() == [[0, 1, 0], [0] * 3, [0] * 3]


@pytest.mark.parametrize(
    "key",
    [
        0, -1, slice(1, 3), slice(None, -1), (slice(None), 1), (..., 2), (None, 0), slice(0, 0),
        (slice(None, None, 2), slice(1, None)), (1, 2, 3), (slice(None), None, slice(2, 99)),
        slice(None, None, -1), (slice(-2, None, -1), slice(None, 0, -2)), (..., slice(3, 1, -1)),
    ],
    ids=str,
)  # fmt: skip
def test_indexing_matches_numpy(key: Any) -> None:
    array = values((3, 4, 5))
    with nf.Graph() as graph:
        tensor = graph.as_tensor(array)[key]
        np.testing.assert_array_equal(evaluate([tensor], {})[0], array[key])
        assert tensor.shape == array[key].shape


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("shift", "axis"), [((1,), (0,)), ((-9,), (-1,)), ((2, -1), (0, 1)), ((1, 2), (1, 1))]
)
def test_shifts_go_round_as_numpys(
    shift: tuple[int, ...], axis: tuple[int, ...], known: bool, tier: Any
) -> None:
    for shape in ((4, 5), (0, 3), (3, 1), (2, 3, 4)):
        x, turn = values(shape), np.arange(math.prod(shape), dtype=float).reshape(shape)
        with nf.Graph() as graph:
            fed = nf.placeholder("float64", shape if known else [None] * len(shape))
            made = nf.roll(fed, shift, axis)
            grad = nf.gradients(nf.reduce_sum(made * turn), [fed])
        with nf.Session(graph, tier=tier) as session:
            found = session.run([made, *grad], {fed: x})
        np.testing.assert_array_equal(found[0], np.roll(x, shift, axis))
        np.testing.assert_array_equal(found[1], np.roll(turn, [-n for n in shift], axis))


@pytest.mark.parametrize("k", [0, 1, -1, 2, -2])
def test_any_diagonal_may_be_set_and_read_back(k: int) -> None:
    x = values((2, 3, 4))
    rows = [row for row in range(3) if 0 <= row + k < 4]
    new = values((2, len(rows)), low=5, high=9)
    expected = x.copy()
    for number, row in enumerate(rows):
        expected[:, row, row + k] = new[:, number]
    with nf.Graph() as graph:
        made = matrix_set_diag(nf.constant(x), nf.constant(new), k=k)
        read = matrix_diag_part(made, k=k)
    with nf.Session(graph) as session:
        np.testing.assert_array_equal(session.run(made), expected)
        np.testing.assert_array_equal(session.run(read), new)


def test_slices_backwards_take_tensors_as_bounds() -> None:
    array = values((3, 4, 5))
    with nf.Graph() as graph:
        tensor, one = graph.as_tensor(array), nf.constant(1)
        found = [tensor[one::-1], tensor[::-1, one:], tensor[:one:-1], tensor[one:0:-1]]
        expected = [array[1::-1], array[::-1, 1:], array[:1:-1], array[1:0:-1]]
        for got, wanted in zip(evaluate(found, {}), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
        with pytest.raises(GraphError, match="the step of a slice is 0"):
            tensor[::0]


def test_range_matches_numpy() -> None:
    assert call("range", start=4).tolist() == [0, 1, 2, 3]
    for bounds in ((1, 10, 3), (10, 1, -4), (1, 1, 1), (3, 1, 1)):
        found = call("range", **dict(zip(("start", "limit", "delta"), bounds, strict=True)))
        np.testing.assert_array_equal(found, np.arange(*bounds))
    with pytest.raises(AttributeProblem, match="delta is 0"):
        call("range", start=3, delta=0)


def test_matmul_batches_broadcast() -> None:
    x, y = values((5, 1, 2, 3)), values((4, 3, 6))
    np.testing.assert_allclose(call("matmul", x, y), x @ y)


# ---- constants, placeholders, variables -------------------------------------------------------


def test_literals_have_tensorflows_dtypes() -> None:
    with nf.Graph():
        assert nf.constant(2).dtype == "int32"
        assert nf.constant(2.0).dtype == "float32"
        assert nf.constant(True).dtype == "bool"
        assert nf.constant(np.arange(3)).dtype == "int64"
        assert nf.constant([[1, 2]], dtype="float64").type == nf.TensorType("float64", (1, 2))
        assert nf.constant(np.arange(3), dtype="uint8").dtype == "uint8"
        with pytest.raises(LiteralError, match=r"5\.5 is not an int32"):
            nf.constant(5.5, dtype="int32")
        with pytest.raises(LiteralError, match="uneven"):
            nf.constant([[1, 2], [3]])


def test_scalars_in_operators_take_the_other_dtype() -> None:
    with nf.Graph():
        x = nf.placeholder("float64", [None])
        for out in (x + 2, 2 * x, x / 2, 1 - x, x**2, nf.maximum(x, 0)):
            assert out.type == nf.TensorType("float64", (None,))
        n = nf.constant(3)
        assert (n + 1).dtype == "int32"
        with pytest.raises(LiteralError):
            n + 1.5
        with pytest.raises(DtypeError, match="does not cast silently") as caught:
            n + x
        assert "Cast to float64 before 'x'" in caught.value.hint


def test_placeholder_needs_a_feed_or_a_sample() -> None:
    with nf.Graph():
        assert evaluate([nf.placeholder("int32", [None], sample=[1, 2])], {})[0].tolist() == [1, 2]
        with pytest.raises(MissingFeed):
            evaluate([nf.placeholder("int32", [2])], {})
        with pytest.raises(ShapeError, match="sample has shape"):
            nf.placeholder("int32", [3], sample=[1, 2])


def test_variables_take_values_arrays_tensors_and_initializers() -> None:
    with nf.Graph() as graph:
        assert nf.variable(1.0).type == nf.TensorType("float32", ())
        assert nf.variable(0.0, shape=[2, 3]).shape == (2, 3)
        assert nf.variable(np.eye(2)).dtype == "float64"
        wired = nf.variable(nf.random_normal([4, 3]), name="w")
        assert [t.name for t in wired.node.inputs] == ["random_normal"]
        drawn = nf.variable({"op": "he_normal"}, shape=[4, 3], trainable=False)
        assert graph.trainable_variables == graph.variables[:-1]
        assert evaluate([drawn], {})[0].shape == (4, 3)
        assert evaluate([nf.variable(2, shape=[2])], {})[0].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"initial": {"op": "random_normal"}}, "needs a shape"),
        ({"initial": {"op": "random_norml"}, "shape": [2]}, "no op 'random_norml'"),
        ({"initial": {"op": "relu"}, "shape": [2]}, "relu is not an initializer"),
        ({"initial": {"op": "random_normal", "std": 1}, "shape": [2]}, "no attribute 'std'"),
        ({"initial": {"op": "random_normal"}, "shape": [2], "dtype": "int32"}, "dtype must be"),
        ({"initial": {"op": "random_normal"}, "shape": [None, 2]}, "unknown size"),
        ({"initial": [1.0, 2.0], "shape": [3]}, "does not fill"),
    ],
)
def test_bad_variables_are_refused(arguments: dict, problem: str) -> None:
    with nf.Graph(), pytest.raises(GraphError, match=problem) as caught:
        nf.variable(**arguments, name="w")
    assert caught.value.node == "w"


def test_assign_needs_a_variable() -> None:
    with nf.Graph():
        v = nf.variable(1.0, name="v")
        assert nf.assign(v, v + 1).type == v.type
        with pytest.raises(GraphError, match="assign needs a variable") as caught:
            nf.assign(v + 1, 2.0, name="store")
        assert (caught.value.node, caught.value.port) == ("store", "variable")
        with pytest.raises(ShapeError, match="the variable has shape"):
            nf.assign(v, [1.0, 2.0])


def test_print_writes_to_the_error_output(capsys: pytest.CaptureFixture[str]) -> None:
    call("print", [1.0, 2.5], message="x =")
    captured = capsys.readouterr()
    assert captured.err == "x = [1.  2.5]\n"
    assert captured.out == ""


def test_initializers_scale_with_the_shape() -> None:
    for op, variance in {
        "glorot_uniform": 2 / 500, "glorot_normal": 2 / 500, "he_uniform": 2 / 300,
        "he_normal": 2 / 300,
    }.items():  # fmt: skip
        drawn = call(op, shape=[300, 200], dtype="float64")
        # numpy's stand-in clips at two deviations, which is a little wider than truncating
        assert abs(drawn.mean()) < 4 * math.sqrt(variance / drawn.size)
        assert 0.97 < drawn.var() / variance < 1.25, op


def test_shapes_that_do_not_fit_name_both_sizes() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [32, 784])
        with pytest.raises(ShapeError, match=r"\(32, 784\) x \(128, 10\): 784 is not 128"):
            x @ nf.placeholder("float32", [128, 10])
        with pytest.raises(ShapeError, match=r"do not broadcast: 10 is not 784"):
            x + nf.placeholder("float32", [10])
        with pytest.raises(ShapeError, match=r"25088 elements and does not fit \(100, -1\)"):
            nf.reshape(x, [100, -1])
        with pytest.raises(ShapeError, match="axis 2 does not exist"):
            nf.reduce_sum(x, axis=2)
