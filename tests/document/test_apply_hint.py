"""What the training doctor advises, applied to a document."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.apply_hint import apply_edits, can_apply
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.resources import example
from nodeflow.train.diagnosis.hints import Edit


@pytest.fixture
def doc() -> Document:
    return flow.load(example("regression.flow"))


def test_several_edits_are_one_undo_step(doc) -> None:
    before = flow.dumps(doc)
    optimizer = next(n for n in doc.nodes.values() if n.op == "adam" or "descent" in n.op)
    edits = (
        Edit("attribute", optimizer.name, "learning_rate", 0.125),
        Edit("setting", "", "batch_size", 7),
    )
    assert can_apply(doc, edits)
    apply_edits(doc, edits, "Set both")
    assert doc.nodes[optimizer.id].attrs["learning_rate"] == 0.125
    assert doc.training["batch_size"] == 7
    doc.undo()
    assert flow.dumps(doc) == before


def test_normalize_goes_between_an_input_and_all_its_users() -> None:
    doc = Document()
    x = commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [None, 2]})
    a = commands.add_node(doc, "square", (300, 0), "a")
    b = commands.add_node(doc, "add", (300, 200), "b")
    for target, port in ((a, "x"), (b, "x"), (b, "y")):
        commands.connect(doc, x, "out", target, port)
    statistics = {"mean": [1.0, 2.0], "deviation": [2.0, 4.0]}
    apply_edits(doc, [Edit("normalize", "x", "out", statistics)], "Scale x")
    assert not Analysis(doc).broken()
    assert doc.nodes[a].pos[0] > 300 and doc.nodes[x].pos == (0, 0)
    task = Task(doc)
    rows = np.array([[3.0, 6.0], [1.0, -2.0]], np.float32)
    with Session(task.graph, tier="reference") as session:
        square, total = session.run(["a", "b"], {"x": rows})
    np.testing.assert_array_equal(square, [[1.0, 1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(total, [[2.0, 2.0], [0.0, -2.0]])
    doc.undo()
    assert len(doc.nodes) == 3 and len(doc.wires) == 3


def test_an_op_is_replaced_in_place(doc) -> None:
    activation = next(n for n in doc.nodes.values() if n.op in ("relu", "tanh", "sigmoid"))
    apply_edits(doc, [Edit("op", activation.name, "", "elu")], "Replace")
    assert doc.nodes[activation.id].op == "elu"
    assert not Analysis(doc).broken()


def test_a_node_that_has_gone_is_an_error_and_changes_nothing(doc) -> None:
    before = flow.dumps(doc)
    edits = (Edit("setting", "", "epochs", 3), Edit("attribute", "gone", "value", 1))
    assert not can_apply(doc, edits)
    with pytest.raises(NodeflowError, match="gone"):
        apply_edits(doc, edits, "Nothing")
    assert flow.dumps(doc) == before


def test_a_bound_goes_before_one_input() -> None:
    doc = Document()
    x = commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [None]})
    logs = commands.add_node(doc, "log", (300, 0), "logs")
    other = commands.add_node(doc, "square", (300, 200), "other")
    for target in (logs, other):
        commands.connect(doc, x, "out", target, "x")
    nodes, wires = dict(doc.nodes), dict(doc.wires)
    apply_edits(doc, [Edit("bound", "logs", "x", {"min": 0.5, "max": None})], "Bound it")
    assert not Analysis(doc).broken()
    task = Task(doc)
    with Session(task.graph, tier="reference") as session:
        found = session.run(["logs", "other"], {"x": np.array([0.0, 2.0], np.float32)})
    np.testing.assert_allclose(found[0], np.log([0.5, 2.0]), rtol=1e-6)
    np.testing.assert_array_equal(found[1], [0.0, 4.0])
    doc.undo()
    assert doc.nodes == nodes and doc.wires == wires
