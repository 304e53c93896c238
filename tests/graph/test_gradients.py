"""The reverse sweep itself: several consumers, broadcasting, what stops it, what it leaves."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GradientError
from nodeflow.graph.declaration import Port
from nodeflow.graph.gradients import gradients
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType
from tests.ops.evaluate import evaluate


def test_contributions_of_several_consumers_add_up() -> None:
    with nf.Graph():
        x = nf.variable(np.float64(3.0))
        out = x * x + x + nf.exp(x) * x
        (grad,) = gradients(out, [x])
        expected = 2 * 3 + 1 + np.exp(3) * 4
        np.testing.assert_allclose(evaluate([grad], {})[0], expected)


@pytest.mark.parametrize(
    ("x", "y"),
    [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((1,), (1,)), ((4, 2, 3), (2, 1))],
)
@pytest.mark.parametrize("unknown", [False, True])
def test_broadcast_axes_are_summed(x: tuple, y: tuple, unknown: bool) -> None:
    with nf.Graph():
        shapes = [[None] * len(s) if unknown else s for s in (x, y)]
        a, b = (nf.placeholder("float64", s) for s in shapes)
        given = {a: np.full(x, 2.0), b: np.full(y, 5.0)}
        by_a, by_b = evaluate(gradients(a * b, [a, b]), given)
    count = np.prod(np.broadcast_shapes(x, y))
    np.testing.assert_array_equal(by_a, np.full(x, 5.0 * count / np.prod(x)))
    np.testing.assert_array_equal(by_b, np.full(y, 2.0 * count / np.prod(y)))


def test_no_sum_where_none_is_needed() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3])
        gradients(nf.reduce_sum(x * 2 + [1.0, 2.0, 3.0]), [x])
    assert "sum_to_shape_of" not in {n.op.id for n in graph.nodes}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("x", "y"),
    [((4, 5, 3), (3, 2)), ((2, 3, 5, 4), (4, 6)), ((0, 5, 3), (3, 2)), ((4, 5, 0), (0, 2))],
)
def test_the_gradient_of_a_matrix_that_batches_share_is_one_product(x, y, turned: bool) -> None:
    given = np.random.default_rng(1).normal(size=x)
    weights = np.cos(np.arange(np.prod((*x[:-1], y[1])))).reshape(*x[:-1], y[1])
    with nf.Graph() as graph:
        a = nf.placeholder("float64", [None] * len(x))
        b = nf.variable(np.ones(y[::-1] if turned else y))
        out = nf.reduce_sum(nf.matmul(a, b, transpose_y=turned) * weights)
        by_b = gradients(out, [b])[0]
        found = evaluate([by_b], {a: given})[0]
    lead = tuple(range(len(x) - 1))
    expected = np.tensordot(given, weights, (lead, lead))
    np.testing.assert_allclose(found, expected.T if turned else expected, rtol=1e-12, atol=1e-12)
    sums = [n for n in graph.nodes if n.op.id == "sum_to_shape_of" and by_b in n.outputs]
    assert not sums or not all(y)


def test_only_what_the_results_need_is_kept() -> None:
    with nf.Graph() as graph:
        x, y = nf.variable(1.0, name="x"), nf.variable(2.0, name="y")
        out = nf.sin(x) * nf.exp(y)
        before = len(graph.nodes)
        gradients(out, [x])
    added = graph.nodes[before:]
    assert all(n.name.startswith("gradients/") for n in added)
    assert not [n for n in added if "exp_grad" in n.name]


def test_every_call_gets_a_scope_of_its_own() -> None:
    with nf.Graph() as graph:
        x = nf.variable(1.0)
        first, second = (gradients(x * x, [x])[0] for _ in range(2))
    assert first.name.startswith("gradients/")
    assert second.name.startswith("gradients_1/")
    assert first.node in graph.nodes


def test_what_is_not_reached_gives_none() -> None:
    with nf.Graph():
        x, y = nf.variable(1.0), nf.variable(1.0)
        assert gradients(x * 2, [y]) == [None]
        assert gradients(nf.stop_gradient(x), [x]) == [None]
        assert gradients(nf.round(x), [x]) == [None]
        assert gradients(nf.cast(nf.cast(x, "int32"), "float32"), [x]) == [None]
        assert gradients(nf.cast(x > 0, "float32"), [x]) == [None]
        (itself,) = gradients(x, [x])
        assert evaluate([itself], {})[0] == 1


def test_intermediate_tensors_and_stops() -> None:
    with nf.Graph():
        x = nf.variable(np.float64(2.0))
        square = x * x
        out = square * x
        by_square, by_x = gradients(out, [square, x])
        assert evaluate([by_square, by_x], {}) == [2.0, 12.0]
        (partial,) = gradients(out, [x], stop_at=[square])
        assert evaluate([partial], {})[0] == 4.0


def test_unused_outputs_of_an_op_count_as_zero() -> None:
    with nf.Graph():
        x = nf.variable(np.arange(6.0))
        parts = nf.split(x, 3)
        (grad,) = gradients(parts[1] * 5, [x])
        assert evaluate([grad], {})[0].tolist() == [0, 0, 5, 5, 0, 0]


def test_integers_are_refused_with_a_hint() -> None:
    with nf.Graph():
        n, x = nf.variable(1, name="n"), nf.variable(1.0)
        with pytest.raises(GradientError, match="n is int32") as caught:
            gradients(x, [n])
        assert caught.value.node == "n"
        assert "Cast" in caught.value.hint


class Opaque(Op):
    """An op that says nothing about its gradient."""

    id = "opaque"
    inputs = (Port("x"),)

    def infer(self, *types: TensorType, **attrs: object) -> TensorType:
        return types[0]


def test_an_op_without_gradient_is_named() -> None:
    with nf.Graph() as graph:
        x = nf.variable(1.0, name="x")
        out = graph.apply(Opaque(), x)
        with pytest.raises(GradientError, match="opaque has no gradient, and x reaches") as caught:
            gradients(out * 2, [x])
        assert caught.value.node == "opaque"
        assert gradients(nf.stop_gradient(out) * x, [x])[0] is not None
