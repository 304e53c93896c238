"""What somebody who knows numpy, PyTorch or Keras tries first, and the error that leads on."""

from __future__ import annotations

from operator import attrgetter
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import ArgumentProblem, DtypeError, GraphError, ShapeError, UnknownName
from nodeflow.ops.layers.functions import layers as layers
from nodeflow.ops.namespaces import losses, nn
from nodeflow.ops.namespaces.maths import count_nonzero
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.ops.variables.scope import Variable

X = np.zeros((8, 2), "float32")
Y = np.zeros((8, 1), "float32")


# ---- losses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize(
    "loss",
    [
        lambda y, x: nf.softmax_cross_entropy_with_logits(y, x),
        lambda y, x: nn.softmax_cross_entropy_with_logits(labels=y, logits=x),
        lambda y, x: nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x),
        lambda y, x: losses.softmax_cross_entropy(y, x),
        lambda y, x: nf.categorical_cross_entropy(y, x),
    ],
)
def test_class_numbers_lead_to_the_loss_that_takes_them(loss: Any, dtype: str) -> None:
    with nf.Graph():
        labels = nf.placeholder(dtype, [None])
        scores = nf.placeholder("float32", [None, 3])
        with pytest.raises((DtypeError, ShapeError), match="sparse_softmax_cross_entropy"):
            loss(labels, scores)


def test_a_list_of_class_numbers_leads_there_too() -> None:
    with nf.Graph():
        with pytest.raises(ShapeError, match="sparse_softmax_cross_entropy"):
            nn.softmax_cross_entropy_with_logits(labels=[0, 2], logits=nf.zeros([2, 3]))
        with pytest.raises(ShapeError) as caught:
            losses.softmax_cross_entropy(nf.zeros([2, 4]), nf.zeros([2, 3]))
        assert "sparse" not in str(caught.value)


# ---- data ---------------------------------------------------------------------------------------


def line() -> nf.Graph:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 2], name="x")
        y = nf.placeholder("float32", [None, 1], name="target")
        w = Variable(np.zeros((2, 1), "float32"), name="w")
        loss = nf.reduce_mean(nf.square(nf.matmul(x, w) - y), name="loss")
        GradientDescentOptimizer(0.1).minimize(loss)
    return graph


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("images", "The placeholders are x, target."),
        ("targets", "Did you mean target?"),
        ("X", "Did you mean x?"),
        ("squares", "The placeholders are x, target."),  # a node is called square
    ],
)
def test_a_wrong_key_of_data_suggests_placeholders(wrong: str, hint: str) -> None:
    graph = line()
    data = {wrong: X, "target": Y}
    with pytest.raises(UnknownName, match=f"'{wrong}'") as caught:
        nf.train.train(graph, data=data, epochs=1)
    assert caught.value.hint == hint
    with pytest.raises(UnknownName) as caught:
        nf.train.train(graph, data={"x": X, "target": Y}, validation=data, epochs=1)
    assert caught.value.hint == hint
    with nf.Session(graph) as session, pytest.raises(UnknownName) as caught:
        session.run("loss", data)
    assert caught.value.hint == hint


def test_a_data_set_without_a_placeholders_name_lists_them() -> None:
    rows = nf.data.Dataset.from_tensor_slices({"images": X, "labels": Y}).batch(4)
    with pytest.raises(nf.NodeflowError, match="The placeholders are x, target"):
        nf.train.train(line(), data=rows, epochs=1)


def test_an_output_that_a_node_does_not_have_is_said_as_before() -> None:
    with nf.Session(line()) as session, pytest.raises(UnknownName, match="It has out"):
        session.run("loss", {"x:7": X})


# ---- numpy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("convert", [np.asarray, np.array, lambda t: np.stack([t, t])])
def test_an_array_of_a_tensor_leads_to_a_run(convert: Any) -> None:
    with nf.Graph(), pytest.raises(GraphError, match=r"session\.run\(tensor\)"):
        convert(nf.ones([2], name="x"))


def test_arrays_and_tensors_still_compute_together() -> None:
    with nf.Graph() as graph:
        x = nf.constant([1.0, 2.0])
        both = [np.ones(2, "float32") * x, x - np.float32(2), np.float64(3) / x]
    with nf.Session(graph) as session:
        np.testing.assert_allclose(session.run(both), [[1, 2], [-1, 0], [3, 1.5]])


def test_the_axis_is_found_under_its_other_name() -> None:
    with nf.Graph() as graph:
        x = nf.constant(np.arange(6.0).reshape(2, 3))
        found = nf.reduce_sum(x, dim=1)  # pyright: ignore[reportCallIssue]
        for function in (nf.size, count_nonzero):
            with pytest.raises(ArgumentProblem, match=r"It is called axis here\."):
                function(x, dim=1)  # pyright: ignore[reportCallIssue]
    with nf.Session(graph) as session:
        np.testing.assert_array_equal(session.run(found), [3, 12])


# ---- what is listed -----------------------------------------------------------------------------

SPACES = sorted(nf.MODULES)  # pyright: ignore


@pytest.mark.parametrize("path", SPACES)
def test_a_namespace_lists_what_it_is_for(path: str) -> None:
    space = attrgetter(path)(nf)
    listed = dir(space)
    assert listed == sorted(listed)
    for name in listed:
        assert not name.startswith("_"), name
        found = getattr(space, name)
        assert not isinstance(found, ModuleType) or found.__name__.startswith("nodeflow."), name
        home = getattr(found, "__module__", None) or "nodeflow"
        assert home.startswith("nodeflow"), f"{name} is of {home}"


def test_layers_are_listed_and_nothing_that_they_are_made_of() -> None:
    listed = dir(nf.layers)  # pyright: ignore[reportAttributeAccessIssue]
    assert {"dense", "Dense", "conv2d", "lstm", "Dropout"} <= set(listed)
    helpers = {"Any", "Tensor", "ONES", "ZEROS", "publish", "refuse", "graph_of", "annotations"}
    assert not helpers & set(listed)
    assert listed == sorted(layers.__all__)
