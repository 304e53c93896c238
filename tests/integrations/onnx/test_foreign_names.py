"""Names of a model's inputs, outputs and sizes that no node can have are taken everywhere."""

from __future__ import annotations

import numpy as np
from onnx import helper

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.importing import document_of
from nodeflow.integrations.onnx.export import exported
from nodeflow.integrations.onnx.reading import graph_of
from tests.integrations.onnx.models import expected, model, renamed, value


def test_a_name_survives_renaming(tmp_path):
    document = document_of(graph_of(renamed("sigmoid_0.tmp_0")))
    node = document.node_named("sigmoid_0_tmp_0")
    assert node is not None
    commands.rename(document, node.id, "answer")
    again = flow.loads(flow.dumps(document))
    assert Task(again).tensor("sigmoid_0.tmp_0").name == "answer"


def test_names_and_sizes_are_a_fixed_point():
    first = renamed("Identity:0")
    models = [first]
    for _ in range(3):
        opened = graph_of(models[-1])
        task = Task(flow.loads(flow.dumps(document_of(opened))))
        with Session(task.graph) as session:
            session.variables.update(dict(opened.weights))
            models.append(exported(task, session)[0])
    for made in models:
        for given, known in zip(
            (made.graph.input[0], made.graph.output[0]),
            (first.graph.input[0], first.graph.output[0]),
            strict=True,
        ):
            assert given == known
    assert models[1] == models[2] == models[3]


def test_an_output_called_as_another_node_has_its_own_value():
    nodes = [
        helper.make_node("Relu", ["x"], ["t"], "y"),
        helper.make_node("Neg", ["t"], ["y"], "last"),
        helper.make_node("Exp", ["t"], ["y:0"], "last_1"),
    ]
    outputs = [value("y", ["n"]), value("y:0", ["n"])]
    made = model(nodes, [value("x", ["n"])], outputs)
    x = np.array([1.0, -2.0, 3.0], "f4")
    wanted = expected(made, {"x": x})
    graph = graph_of(made).graph
    with nf.Session(graph) as session:
        for name in ("y", "y:0"):
            np.testing.assert_allclose(session.run(name, {"x": x}), wanted[name], rtol=1e-6)
