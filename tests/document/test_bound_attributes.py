"""Attributes that wires give: whoever sets one by name is told which node gives it."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.bound_attributes import bound_attributes, check_not_bound
from nodeflow.document.edit import commands
from nodeflow.document.edit.node_value import value_of
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import WiredAttribute
from nodeflow.resources import example
from nodeflow.sweeps.checks import check_spec
from nodeflow.sweeps.value_specs import spec_of


def wired(op: str, port: str) -> tuple[Document, str]:
    """A document in which ``source`` is wired into a port of ``node``."""
    document = Document()
    source = commands.add_node(document, "placeholder", (0, 0), "source")
    node = commands.add_node(document, op, (0, 0), "node")
    commands.connect(document, source, "out", node, port)
    return document, node


@pytest.mark.parametrize(
    ("op", "port", "attrs"),
    [
        ("adam", "schedule", {"learning_rate"}),
        ("adam", "beta1", {"beta1"}),
        ("dropout", "rate", {"rate"}),
        ("dropout", "noise_shape", {"noise_shape"}),
        ("reshape", "shape", {"shape"}),
        ("one_hot", "depth", {"depth"}),
        ("variable", "initial", {"value", "initializer", "seed"}),
        ("fill", "value", {"value", "dtype"}),
        ("placeholder", "feed", {"sample"}),
    ],
)
def test_what_a_wire_gives(op: str, port: str, attrs: set[str]) -> None:
    document, node = wired(op, port)
    assert set(bound_attributes(document, document.nodes[node])) == attrs
    for attr in attrs:
        with pytest.raises(WiredAttribute, match=f"a wire from source gives node.{attr}"):
            check_not_bound(document, document.nodes[node], attr)
    commands.disconnect(document, (node, port))
    assert not bound_attributes(document, document.nodes[node])


def test_the_error_says_what_to_change() -> None:
    document = flow.load(example("mnist_cnn_layers"))
    before = flow.dumps(document)
    with pytest.raises(WiredAttribute) as error:
        set_value(document, "train", "learning_rate", 1000)
    assert error.value.hint == "Change rate, or remove its wire to train:schedule."
    assert flow.dumps(document) == before
    set_value(document, "rate", "learning_rate", 0.01)
    set_value(document, "train", "beta1", 0.5)


def test_a_sweep_of_it_is_refused_before_anything_trains() -> None:
    document = flow.load(example("mnist_cnn_layers"))
    spec = spec_of("train.learning_rate", "[0.1, 0.2]")
    assert spec is not None
    with pytest.raises(WiredAttribute, match="a wire from rate"):
        check_spec(document, spec)


def test_code_leaves_out_what_a_wire_gives() -> None:
    document, node = wired("adam", "schedule")
    commands.set_attr(document, node, "learning_rate", 0.25)
    commands.set_attr(document, node, "beta1", 0.5)
    code = python_code(document, node)
    assert "schedule=source" in code or ", source" in code
    assert "beta1=0.5" in code and "learning_rate" not in code


def test_the_canvas_offers_no_number_that_a_wire_gives() -> None:
    document, node = wired("variable", "initial")
    assert value_of(document, node) is None
    commands.disconnect(document, (node, "initial"))
    assert value_of(document, node) is not None
