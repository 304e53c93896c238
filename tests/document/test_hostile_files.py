"""Whatever an opened file holds, reading and analysing it never raise: problems say it in words."""

from __future__ import annotations

import json

import pytest

from nodeflow.document.analysis import analysis
from nodeflow.document.analysis.analysis import TRAINING, Analysis
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.build.build import build
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph
from nodeflow.ops import REGISTRY
from tests.document.flow_mutations import composed, mutant
from tests.volumes import volume

BATCH = 500
BATCHES = -(-volume("hostile documents") // BATCH)


def read(data: dict) -> Document:
    return flow.loads(json.dumps(data))


def texts(document: Document) -> list[str]:
    return [str(problem) for problem in Analysis(document).all_problems()]


def with_source(source: str) -> Document:
    data = composed()
    next(n for n in data["nodes"] if n["op"] == "dataset")["attrs"]["source"] = source
    return read(data)


# ---- spoilt files at random ---------------------------------------------------------------------


def use(document: Document) -> None:
    """What a window does with a file: analyse, size, build, edit, undo, save."""
    analysed = Analysis(document)
    before = [str(problem) for problem in analysed.all_problems()]
    text = flow.dumps(document)
    for graph in (document, *document.definitions()):
        for record in graph.nodes.values():
            declaration(record, graph)
            node_size(graph, record)
    build(document, partial=True)
    document.subscribe(analysed.update)
    for graph in (document, *document.definitions()):
        for node in list(graph.nodes):
            if node in graph.nodes and not graph.locked:
                commands.remove(graph, [node])
    while document.can_undo:
        document.undo()
    assert flow.dumps(document) == text
    assert [str(problem) for problem in analysed.all_problems()] == before


@pytest.mark.thorough
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_spoilt_file_never_raises(batch):
    loaded = 0
    for number in range(batch * BATCH, (batch + 1) * BATCH):
        try:
            document = flow.loads(mutant(number))
        except NodeflowError:
            continue  # refused in words
        loaded += 1
        try:
            use(document)
        except Exception as error:
            error.add_note(f"flow_mutations.mutant({number})")
            raise
    assert loaded > BATCH / 3


def test_the_file_that_is_spoilt_is_sound():
    assert not any("cannot" in text for text in texts(read(composed())))


# ---- what was found -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source, said",
    [
        ("csv:~nouser/x.csv", "there is no file x.csv in"),
        ("csv:a\0b.csv", "cannot be read as a path: embedded null byte"),
        ("pictures:resource:\0", "cannot be read as a path"),
        ("csv:" + "a" * 5000 + ".csv", "File name too long"),
        ("npy:/dev/zero", "is a device, not a regular file"),
        ("csv:/proc/self/environ", "is made up by the system (proc), not a regular file"),
    ],
)
def test_a_source_that_is_no_file_is_a_problem_of_its_node(source, said, tmp_path):
    document = with_source(source)
    document.path = tmp_path / "graph.flow"
    document.allow(source.partition(":")[2])
    (found,) = [text for text in texts(document) if text.startswith("dataset_10:")]
    assert said in found


def test_a_wire_out_of_the_outputs_of_a_subgraph_is_a_problem_of_the_loop_that_holds_it():
    data = composed()
    data["subgraphs"]["inner"]["wires"][0] = ["n21", "x", "n22", "x"]
    document = read(data)
    assert any("is part of a loop" in text for text in texts(document))
    built = build(document, partial=True)
    assert "`relu_22` inside has no value `out`" in str(built.skipped["n8"][0])


def test_a_body_that_reads_a_port_that_is_not_there():
    data = composed()
    data["subgraphs"]["inner"]["wires"][1] = ["n22", "images", "n21", "x"]
    built = build(read(data), partial=True)
    assert "`relu_22` inside has no value `images`" in str(built.skipped["n8"][0])


@pytest.mark.parametrize("ports", ["while_loop", {"x": 1}, 3, True])
def test_ports_that_are_no_list(ports):
    data = composed()
    data["subgraphs"]["outer"]["nodes"][1]["attrs"]["ports"] = ports
    assert any("the list of ports is" in text for text in texts(read(data)))


# ---- the guard ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [AssertionError("odd"), RecursionError(), AttributeError("x")])
def test_what_an_op_raises_is_a_problem_that_says_what_and_where(monkeypatch, error):
    def fails(*_, **__):
        raise error

    document = read(composed())
    monkeypatch.setattr(type(REGISTRY.lookup("reduce_mean")), "infer", fails)
    (found,) = [p for p in Analysis(document).all_problems() if p.node == "reduce_mean_4"]
    assert f"cannot tell its type: {type(error).__name__} at test_hostile_files.py:" in str(found)
    assert "Traceback" not in str(found) and found.kind == type(error).__name__


def test_what_analysis_raises_at_a_subgraph_is_a_problem_of_the_instance(monkeypatch):
    def fails(*_):
        raise KeyError("gone")

    monkeypatch.setattr(analysis, "instance_problem", fails)
    found = Analysis(read(composed())).problems["n6"]
    assert [p.kind for p in found] == ["KeyError"]
    assert "subgraph cannot be analysed: KeyError at test_hostile_files.py" in str(found[0])


def test_what_checking_the_training_raises_is_a_problem_of_the_settings(monkeypatch):
    monkeypatch.setattr(analysis, "training_problems", lambda *_: [][1])
    (found,) = Analysis(read(composed())).problems[TRAINING]
    assert "the training settings cannot be checked: IndexError" in str(found)


def test_what_building_raises_is_a_problem_of_the_node(monkeypatch):
    add = Graph.add_node

    def fails(self, op, *args, **kwargs):
        if kwargs.get("name") == "reduce_mean_4":
            raise ZeroDivisionError("by zero")
        return add(self, op, *args, **kwargs)

    data = composed()
    data["nodes"][0]["attrs"]["shape"] = [None, 2]
    monkeypatch.setattr(Graph, "add_node", fails)
    built = build(read(data), partial=True)
    assert "reduce_mean cannot be built: ZeroDivisionError" in str(built.skipped["n4"][0])
