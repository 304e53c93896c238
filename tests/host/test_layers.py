"""A layer in the engine process: what happens to trained values as its node is edited."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import insertables
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.expansion.expand import unpack
from nodeflow.host.evaluation.evaluator import Evaluator


@pytest.fixture
def document() -> Document:
    doc = Document()
    sample = {"shape": [None, 2], "sample": [[1.0, 2.0]]}
    x = commands.add_node(doc, "placeholder", (0, 0), "x", sample)
    dense = insertables.add(doc, "layers/dense", (200, 0), {"units": 3})[0]
    commands.connect(doc, x, "out", dense, "x")
    return doc


@pytest.fixture
def evaluator(document: Document) -> Evaluator:
    made = Evaluator(document)
    document.subscribe(made.follow)
    made.take_variables({"dense/kernel": KERNEL, "dense/bias": BIAS})
    return made


KERNEL = np.arange(6, dtype="float32").reshape(2, 3)
BIAS = np.full(3, 0.5, "float32")


def dense_of(document: Document) -> str:
    node = document.node_named("dense")
    assert node is not None
    return node.id


def test_its_value_is_computed(evaluator: Evaluator) -> None:
    np.testing.assert_allclose(evaluator.variables()["dense/kernel"], KERNEL)


def test_another_activation_keeps_what_was_learned(
    document: Document, evaluator: Evaluator
) -> None:
    commands.set_attr(document, dense_of(document), "activation", "relu")
    np.testing.assert_array_equal(evaluator.variables()["dense/kernel"], KERNEL)
    np.testing.assert_array_equal(evaluator.variables()["dense/bias"], BIAS)


def test_another_number_of_units_starts_anew(document: Document, evaluator: Evaluator) -> None:
    commands.set_attr(document, dense_of(document), "units", 4)
    variables = evaluator.variables()
    assert variables["dense/kernel"].shape == (2, 4)
    assert np.abs(variables["dense/kernel"]).max() <= np.sqrt(6 / 6)
    np.testing.assert_array_equal(variables["dense/bias"], np.zeros(4))


def test_without_a_bias_the_kernel_stays(document: Document, evaluator: Evaluator) -> None:
    commands.set_attr(document, dense_of(document), "use_bias", False)
    variables = evaluator.variables()
    np.testing.assert_array_equal(variables["dense/kernel"], KERNEL)
    assert "dense/bias" not in variables


def test_unpack_keeps_what_was_learned(document: Document, evaluator: Evaluator) -> None:
    unpack(document, dense_of(document))
    assert {r.name: r.op for r in document.nodes.values()} == {
        "x": "placeholder", "dense/kernel": "variable", "dense/bias": "variable",
        "dense/matmul": "matmul", "dense/add": "add",
    }  # fmt: skip
    np.testing.assert_array_equal(evaluator.variables()["dense/kernel"], KERNEL)
    np.testing.assert_array_equal(evaluator.variables()["dense/bias"], BIAS)
    document.undo()
    np.testing.assert_array_equal(evaluator.variables()["dense/kernel"], KERNEL)


def test_a_rename_keeps_what_was_learned(document: Document, evaluator: Evaluator) -> None:
    commands.rename(document, dense_of(document), "hidden")
    np.testing.assert_array_equal(evaluator.variables()["hidden/kernel"], KERNEL)
