"""Tensors of unknown rank: what is inferred, what says that it needs the rank, and runs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import ShapeError, UnknownRank
from nodeflow.graph.shapes import UNKNOWN, TensorShape
from nodeflow.graph.types import dtype_name, shape_text

F = nf.functions


@pytest.fixture
def graph() -> nf.Graph:
    return nf.Graph()


def test_a_placeholder_without_a_shape_takes_any_shape(graph: nf.Graph) -> None:
    with graph:
        x = F.placeholder(dtype="float")
        doubled = x * 2.0
    assert x.dtype == "float32"
    assert x.shape is UNKNOWN
    assert str(x.type) == "float32 (any shape)"
    for value in (np.float32(3), np.ones((2, 3), "float32"), np.zeros((0,), "float32")):
        for tier in ("reference", "compiled"):
            with nf.Session(graph, tier=tier) as session:
                np.testing.assert_array_equal(session.run(doubled, {x: value}), value * 2)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("float", "float32"), ("double", "float64"), (float, "float32"), (int, "int64"),
        (bool, "bool"), (np.float64, "float64"), (np.dtype("int32"), "int32"), ("int32", "int32"),
    ],
)  # fmt: skip
def test_dtypes_have_the_names_of_tensorflow_1(alias: object, name: str) -> None:
    assert dtype_name(alias) == name


def test_ops_that_do_not_need_the_rank_pass_it_on(graph: nf.Graph) -> None:
    with graph:
        x, y = F.placeholder(dtype="float32"), F.placeholder(dtype="float32")
        row = F.placeholder(dtype="float32", shape=[None, 3])
        unknown = [
            x + row, F.relu(x), F.where(x > 0.0, x, y), F.cast(x, dtype="int32"), F.softmax(x),
            F.reduce_sum(x, axis=1), F.transpose(x), F.squeeze(x), F.concat([x, y], axis=0),
            F.reduce_max(x, keepdims=True),
        ]  # fmt: skip
        assert all(t.shape is UNKNOWN for t in unknown)
        assert F.reduce_mean(x).shape == F.size(x).shape == ()
        assert F.reshape(x, shape=[-1, 3]).shape == (None, 3)
        assert F.reshape(x, shape=[2, 3]).shape == (2, 3)


def test_an_op_that_accepts_one_rank_only_settles_it(graph: nf.Graph) -> None:
    with graph:
        x = F.placeholder(dtype="float32")
        filters = nf.constant(np.ones((3, 3, 1, 4), "float32"))
        assert F.conv2d(x, filters).shape == (None, None, None, 4)
        assert F.concat([x, nf.zeros([2, 3])], axis=0).shape == (None, 3)
        logits = nf.zeros([2, 3])
        assert F.softmax_cross_entropy_with_logits(x, logits).shape == (2,)


def test_what_needs_the_rank_says_so_at_node_and_port(graph: nf.Graph) -> None:
    with graph:
        x = F.placeholder(dtype="float32")
        with pytest.raises(UnknownRank, match=r"dense:x: the rank of x is unknown\. Give the"):
            nf.layers.dense(x, 3)
        for need in (len, list, lambda s: s[0], lambda s: s[1:], bool, lambda s: (1, *s)):
            with pytest.raises(UnknownRank, match="the rank is unknown"):
                need(x.shape)


def test_what_is_wrong_for_every_rank_is_named(graph: nf.Graph) -> None:
    with graph:
        x = F.placeholder(dtype="float32")
        with pytest.raises(ShapeError, match="do not broadcast"):
            F.where(x > 0.0, nf.zeros([2]), nf.zeros([3]))


def test_shapes_answer_as_in_tensorflow_1(graph: nf.Graph) -> None:
    with graph:
        x = F.placeholder(dtype="float32", shape=[None, 784])
        any_shape = F.placeholder(dtype="float32")
    assert x.get_shape().as_list() == [None, 784]
    assert x.shape == (None, 784) == tuple(x.shape)
    assert (x.shape.ndims, x.shape[1].value, int(x.shape[1])) == (2, 784, 784)
    assert x.shape[0] is None
    assert x.get_shape()[1:].num_elements() == 784
    assert str(x.get_shape()) == "(?, 784)" == shape_text(x.shape)
    assert not x.shape.is_fully_defined()
    assert any_shape.get_shape().ndims is None
    assert any_shape.shape != () and any_shape.shape == UNKNOWN
    assert pickle.loads(pickle.dumps(any_shape.type)).shape is UNKNOWN
    assert isinstance(any_shape.shape, TensorShape)


def test_set_shape_adds_what_is_known(graph: nf.Graph) -> None:
    with graph:
        x = F.placeholder(dtype="float32")
        x.set_shape([None, 3])
        x.set_shape([2, None])
        assert x.shape == (2, 3)
        assert (x * 1.0).shape == (2, 3)
        with pytest.raises(ShapeError, match=r"\(2, 3\) and \(4, 3\)"):
            x.set_shape([4, 3])
    assert x.node.attrs["shape"] == (2, 3)


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_gradients_of_unknown_rank_are_those_of_known_rank(graph: nf.Graph, tier: str) -> None:
    """Broadcast axes, reductions, moves of axes: against the same graph with known shapes."""

    def loss(x: nf.Tensor, w: nf.Tensor) -> nf.Tensor:
        scores = F.transpose(F.squeeze(F.expand_dims(x * w + 0.5, axis=1), axis=1))
        parts = [
            F.reduce_mean(F.square(scores), axis=1), F.reduce_max(scores, axis=-1),
            F.reduce_logsumexp(scores, axis=1), F.reduce_prod(scores, axis=1),
        ]  # fmt: skip
        return F.reduce_sum(F.stop_gradient(parts[0]) + parts[0] * parts[1] + parts[2] + parts[3])

    value = np.arange(1.0, 7.0).reshape(2, 3) / 4
    factor = np.array([0.5, -1.0, 2.0])
    found = []
    with graph:
        for known in (False, True):
            shape, row = ([2, 3], [3]) if known else (None, None)
            x = F.placeholder(dtype="float64", shape=shape)
            w = F.placeholder(dtype="float64", shape=row)
            total = loss(x, w)
            found.append(((x, w), [total, *nf.gradients(total, [x, w])]))
    with nf.Session(graph, tier=tier) as session:
        results = [session.run(fetch, {x: value, w: factor}) for (x, w), fetch in found]
    for unknown, known in zip(*results, strict=True):
        np.testing.assert_allclose(unknown, known, rtol=1e-13)


@pytest.mark.thorough
def test_linear_regression_as_the_tutorials_write_it(graph: nf.Graph) -> None:
    train_x = np.linspace(1, 10, 17).astype("float32")
    train_y = (0.25 * train_x + 0.8).astype("float32")
    with graph:
        x, y = F.placeholder(dtype="float"), F.placeholder(dtype="float")
        w, b = nf.variable(0.0), nf.variable(0.0)
        cost = F.reduce_sum(F.square(x * w + b - y)) / (2.0 * 17)
        train = F.gradient_descent(cost, learning_rate=0.03)
    with nf.Session(graph) as session:
        session.initialize()
        for _ in range(2000):
            session.run(train, {x: train_x, y: train_y})
        np.testing.assert_allclose(session.run([w, b]), [0.25, 0.8], atol=0.01)
        one = session.run(cost, {x: np.float32(4), y: np.float32(1.8)})  # another rank, one graph
    assert one < 1e-3
