"""Files of PyTorch's exporter name the modules around each node, which become scopes."""

from __future__ import annotations

import onnx
import pytest
from onnx import helper

from nodeflow.exchange.importing import document_of
from nodeflow.integrations.onnx.names import SCOPES, scoped
from nodeflow.integrations.onnx.reading import graph_of
from tests.integrations.onnx.models import model, value, weight


def with_scopes(node: onnx.NodeProto, text: str) -> onnx.NodeProto:
    node.metadata_props.add(key=SCOPES, value=text)
    return node


def layers(count: int = 3) -> onnx.ModelProto:
    """A network as ``torch.onnx.export(dynamo=True)`` writes it."""
    nodes, weights, x = [], [], "x"
    for i in range(count):
        end = f"_{i}" if i else ""
        fc, scopes = f"layers.{i}.fc", f"'', 'layers.{i}'"
        made = helper.make_node(
            "MatMul", [x, f"{fc}.weight"], [f"linear{end}"], f"node_linear{end}"
        )
        nodes += [
            with_scopes(made, f"[{scopes}, '{fc}', 'linear{end}']"),
            with_scopes(
                helper.make_node("Relu", [f"linear{end}"], [f"relu{end}"], f"node_relu{end}"),
                f"[{scopes}, 'relu{end}']",
            ),
            with_scopes(
                helper.make_node("Add", [x, f"relu{end}"], [f"add{end}"], f"node_add{end}"),
                f"[{scopes}, 'add{end}']",
            ),
        ]
        weights.append(weight(f"{fc}.weight", 6, 6))
        x = f"add{end}"
    nodes.append(helper.make_node("Tanh", [x], ["y"], "node_tanh"))
    return model(nodes, [value("x", ["n", 6])], [value("y", ["n", 6])], weights)


def test_modules_are_scopes():
    names = {node.name for node in graph_of(layers()).graph.nodes}
    assert {"layers_0/fc/linear", "layers_0/fc/weight", "layers_0/relu", "layers_2/add"} <= names


def test_equal_modules_become_one_subgraph():
    document = document_of(graph_of(layers()))
    instances = [n for n in document.nodes.values() if n.op == "subgraph"]
    assert [n.name for n in instances] == ["layers_0", "layers_1", "layers_2"]
    assert len({n.attrs["definition"] for n in instances}) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("['', 'layers.0', 'layers.0.fc', 'linear_3']", "layers.0/fc/linear"),
        ("['', 'relu_1']", "relu"),
        ("['', 'encoder', 'other.block', 'add']", "encoder/other.block/add"),
        ("", ""),
        ("[]", ""),
        ("[[[", ""),
        ("'a'" * 5000, ""),
    ],
)
def test_a_text_of_scopes(text, name):
    assert scoped(with_scopes(helper.make_node("Relu", ["x"], ["y"]), text)) == name
