"""The numbers by which the window colours nodes, against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.host.color_measures import measure, root_mean_square
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.messages.values import MAGNITUDE, MEMORY, SATURATION, ZEROS
from tests.host.documents import regression

RANDOM = np.random.default_rng(5)
VALUES = (RANDOM.normal(0, 4, (20, 30)) * (RANDOM.random((20, 30)) < 0.7)).astype(np.float32)


def activations(*ops: str) -> Document:
    """One node for each op, on the same values."""
    document = Document()
    x = commands.add_node(document, "constant", (0, 0), name="x", attrs={"value": VALUES.tolist()})
    for op in ops:
        node = commands.add_node(document, op, (0, 0), name=op)
        commands.connect(document, x, "out", node, "x")
    return document


def measured(document: Document, of: str) -> dict:
    evaluator = Evaluator(document)
    evaluator.measure_as(of)
    return {name: preview.measured for name, preview in evaluator.previews().values.items()}


def test_magnitude_and_zeros_and_bytes_are_those_of_numpy():
    x = VALUES.astype(np.float64)
    assert measured(activations(), MAGNITUDE)["x"].value == pytest.approx(np.sqrt((x**2).mean()))
    assert measured(activations(), ZEROS)["x"].value == pytest.approx((x == 0).mean())
    assert measured(activations(), MEMORY)["x"].value == 20 * 30 * 4


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1.0, 1e160, 1e300])
def test_magnitude_neither_overflows_nor_underflows(scale):
    x = VALUES.astype(np.float64)
    assert root_mean_square(x * scale) == pytest.approx(np.sqrt((x**2).mean()) * scale, rel=1e-12)


def test_magnitude_is_of_what_is_finite():
    assert root_mean_square(np.array([3.0, np.nan, -4.0, np.inf])) == pytest.approx(math.sqrt(12.5))
    assert root_mean_square(np.array([np.nan, np.inf])) is None
    assert root_mean_square(np.zeros(3)) == 0.0
    assert root_mean_square(np.array([3 + 4j])) == pytest.approx(5.0)
    assert root_mean_square(np.array([True, False])) == pytest.approx(math.sqrt(0.5))


def test_saturation_is_the_share_in_the_flat_parts_of_each_op():
    x = VALUES.astype(np.float64)
    sigmoid, tanh = 1 / (1 + np.exp(-x)), np.tanh(x)
    expected = {
        "relu": x <= 0,
        "relu6": (x <= 0) | (x >= 6),
        "sigmoid": (sigmoid <= 0.01) | (sigmoid >= 0.99),
        "tanh": np.abs(tanh) >= 0.99,
    }
    found = measured(activations(*expected), SATURATION)
    for op, is_flat in expected.items():
        assert 0 < is_flat.mean() < 1
        assert found[op].value == pytest.approx(is_flat.mean()), op
    assert found["x"].value is None and "flat" in found["x"].why


def test_of_a_layer_the_activation_inside_counts():
    document = activations()
    x = document.node_named("x").id
    attrs = {"units": 7, "activation": "relu"}
    node = commands.add_node(document, "layers/dense", (0, 0), name="layer", attrs=attrs)
    commands.connect(document, x, "out", node, "x")
    evaluator = Evaluator(document)
    evaluator.settle()
    evaluator.measure_as(SATURATION)
    found = evaluator.previews().values["layer"].measured
    assert found.value == pytest.approx((evaluator.value("layer").array == 0).mean())


def test_previews_have_no_measure_until_one_is_asked_for_and_follow_the_choice():
    evaluator = Evaluator(regression())
    assert evaluator.previews().values["x"].measured is None
    evaluator.measure_as(ZEROS)
    assert evaluator.previews().values["x"].measured.value == pytest.approx(1 / 3)
    evaluator.measure_as("")
    assert evaluator.previews().values["x"].measured is None


def test_text_and_empty_values_say_why_they_have_none():
    document = Document()
    commands.add_node(document, "constant", (0, 0), name="nothing", attrs={"value": []})
    found = measured(document, MAGNITUDE)["nothing"]
    assert found.value is None and "elements" in found.why
    tensor = Evaluator(document).visible()[0]
    found = measure(ZEROS, tensor, np.array(["word"], object))
    assert found.value is None and "text" in found.why
