"""Pasting and duplicating with the wires that came from outside of what was copied."""

from __future__ import annotations

import json

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowError
from nodeflow.document.model.records import Wire


def always(wire: Wire) -> bool:
    return True


@pytest.fixture
def doc():
    """b and c are added as d, and d is negated."""
    doc = Document()
    b = commands.add_node(doc, "constant", (0, 0), "b")
    c = commands.add_node(doc, "constant", (0, 100), "c")
    d = commands.add_node(doc, "add", (300, 0), "d")
    e = commands.add_node(doc, "negative", (600, 0), "e")
    commands.connect(doc, b, "out", d, "x")
    commands.connect(doc, c, "out", d, "y")
    commands.connect(doc, d, "out", e, "x")
    return doc


def ids(doc, *names):
    return [doc.node_named(name).id for name in names]


def into(doc, node):
    return {w.target_port: doc.nodes[w.source].name for w in doc.wires_into(node)}


def test_a_paste_may_have_the_wires_from_outside_or_not(doc):
    text = clipboard.copy_json(doc, ids(doc, "d", "e"))
    alone, after = clipboard.paste(doc, text, (0, 500))
    assert into(doc, alone) == {} and into(doc, after) == {"x": "d_1"}
    wired, after = clipboard.paste(doc, text, (0, 900), always)
    assert into(doc, wired) == {"x": "b", "y": "c"} and into(doc, after) == {"x": "d_2"}
    assert into(doc, doc.node_named("e").id) == {"x": "d"}, "what is there stays wired as it was"
    doc.undo()
    assert doc.undo_label == "Paste 2 nodes" and doc.node_named("d_2") is None


def test_duplicates_may_share_the_sources(doc):
    (copy,) = clipboard.duplicate(doc, ids(doc, "d"), admits=always)
    assert into(doc, copy) == {"x": "b", "y": "c"}
    assert doc.undo_label == "Duplicate d"


def test_in_another_document_sources_are_found_by_name_and_asked_about(doc):
    text = clipboard.copy_json(doc, ids(doc, "d"))
    other = Document()
    commands.add_node(other, "constant", (0, 0), "b", {"value": 1.0, "dtype": "float32"})
    commands.add_node(other, "constant", (0, 0), "c", {"value": 1, "dtype": "int32"})
    analysis = Analysis(other)
    (new,) = clipboard.paste(
        other, text, (0, 0), lambda wire: check_wire(other, analysis, *wire).ok
    )
    assert into(other, new) == {"x": "b", "y": "c"} or into(other, new) == {"x": "b"}
    (alone,) = clipboard.paste(Document(), text, (0, 0), always)
    assert alone


def test_a_pasted_node_is_no_source_from_outside(doc):
    """d is copied without b, and what is pasted brings a b of its own."""
    text = json.loads(clipboard.copy_json(doc, ids(doc, "d")))
    text["nodes"].append({"id": "n99", "op": "constant", "name": "b", "attrs": {}, "pos": [0, 0]})
    other = Document()
    d, _ = clipboard.paste(other, text, (0, 0), always)
    assert into(other, d) == {}


@pytest.mark.parametrize(
    "outside", [5, [["b", "out", "n3"]], [[1, 2, 3, 4]], ["b"], [["", "", "", ""]]]
)
def test_what_is_no_wire_is_refused(doc, outside):
    text = json.loads(clipboard.copy_json(doc, ids(doc, "d")))
    text["outside"] = outside
    revision = doc.revision
    with pytest.raises(FlowError):
        clipboard.paste(doc, text, (0, 0), always)
    assert doc.revision == revision


def test_wires_into_nodes_that_do_not_come_along_are_left_out(doc):
    text = json.loads(clipboard.copy_json(doc, ids(doc, "d")))
    text["outside"].append(["b", "out", "n1", "x"])
    (new,) = clipboard.paste(doc, text, (0, 0), always)
    assert into(doc, new) == {"x": "b", "y": "c"}
