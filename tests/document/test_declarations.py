"""What data sets, subgraphs and dots declare, beside the ops of the registry."""

from __future__ import annotations

import pytest

from nodeflow.data.catalog import dataset_columns
from nodeflow.document.analysis.declarations import declaration, declarations
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import insertables
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.model.document import Document
from nodeflow.errors import GraphError, NodeflowError
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType
from nodeflow.ops import REGISTRY

MATRIX = TensorType("float32", (2, 3))


@pytest.fixture
def doc() -> Document:
    """A subgraph `mean` of reduce_mean(x) * 2, an instance of it, a data set and a dot."""
    doc = Document()
    x = commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [2, 3]})
    mean = commands.add_node(doc, "reduce_mean", (200, 0), "mean")
    two = commands.add_node(doc, "constant", (200, 100), "two", {"value": 2.0})
    double = commands.add_node(doc, "multiply", (400, 0), "double")
    commands.connect(doc, x, "out", mean, "x")
    commands.connect(doc, mean, "out", double, "x")
    commands.connect(doc, two, "out", double, "y")
    create(doc, [mean, two, double], "halves")
    commands.add_node(doc, "dataset", (0, 200), "data", {"source": "spirals", "labels": "class"})
    commands.add_node(doc, "reroute", (0, 300), "dot")
    return doc


def declared(doc: Document, name: str) -> NodeDeclaration:
    record = doc.node_named(name)
    assert record is not None
    found = declaration(record, doc)
    assert found is not None
    return found


def test_nodes_that_a_graph_does_not_have_are_declared_and_no_ops(doc):
    inside = doc.definition("halves")
    assert inside is not None
    borders = [declared(inside, inside.nodes[i].name) for i in inside.borders.values()]
    found = [declared(doc, name) for name in ("halves", "data", "dot")]
    offered = [d for d in declarations() if d.id not in REGISTRY]
    for each in [*found, *borders, *offered, *insertables.available(doc)]:
        assert not isinstance(each, Op)
        assert each.title and each.category and each.summary.endswith(".")
    assert [d.id for d in offered] == ["dataset"]
    assert isinstance(declared(doc, "x"), Op)


def test_a_data_set_declares_its_options_and_the_types_of_its_columns(doc):
    data = declared(doc, "data")
    options = {"source": "spirals", "labels": "class"}
    columns = dataset_columns("spirals", {"labels": "class"})
    assert [port.name for port in data.outputs] == list(columns)
    assert data.attr("noise").check(0.5) == 0.5
    assert infer_types(data, [], options) == tuple(columns.values())


def test_an_instance_infers_what_leaves_its_definition(doc):
    instance = declared(doc, "halves")
    assert [port.optional for port in instance.inputs] == [False]
    bound = instance.bind_attrs({"definition": "halves"})
    assert infer_types(instance, [MATRIX], bound) == (TensorType("float32", ()),)
    with pytest.raises(NodeflowError, match="mean"):
        infer_types(instance, [TensorType("int32", (2,))], bound)


def test_a_dot_infers_its_input_and_border_inputs_depend_on_the_instance(doc):
    assert infer_types(declared(doc, "dot"), [MATRIX], {}) == (MATRIX,)
    inside = doc.definition("halves")
    assert inside is not None
    outputs, inputs = (inside.borders[op] for op in ("subgraph_outputs", "subgraph_inputs"))
    assert declared(inside, inside.nodes[outputs].name).infer(MATRIX) == []
    with pytest.raises(GraphError, match="depend on the instance"):
        declared(inside, inside.nodes[inputs].name).infer()


def test_what_a_run_computes_shows_a_value_or_order(doc):
    computes = {name: declared(doc, name).computes for name in ("x", "halves", "data", "dot")}
    assert computes == {"x": True, "halves": True, "data": False, "dot": False}
    record = doc.node_named("data")
    assert record is not None and in_ports(doc, record) == []
    assert [port.name for port in out_ports(doc, record)] == ["points", "labels"]
