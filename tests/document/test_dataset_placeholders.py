"""Placeholders for the columns of a dataset node."""

from __future__ import annotations

from pathlib import Path

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.data.dataset_placeholders import add_placeholders, complete, unplaced
from nodeflow.document.edit.offers.fixes import node_fixes
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document


def dataset(doc: Document, source: str, **attrs) -> str:
    return commands.add_node(doc, "dataset", (40, 40), None, {"source": source, **attrs})


def fed_by(doc: Document, node: str) -> dict[str, str]:
    """Column -> name of what it feeds."""
    return {w.source_port: doc.nodes[w.target].name for w in doc.wires_out_of(node)}


def problems(doc: Document) -> list:
    return [p for p in Analysis(doc).all_problems() if p.severity == "error"]


def test_each_column_feeds_a_placeholder_of_its_type_in_one_undo_step():
    doc = Document()
    node = dataset(doc, "spirals")
    made = add_placeholders(doc, node)
    assert fed_by(doc, node) == {"points": "points", "labels": "labels"}
    assert [doc.nodes[i].attrs["shape"] for i in made] == [[None, 2], [None, 2]]
    assert {doc.nodes[i].attrs["dtype"] for i in made} == {"float32"}
    assert not problems(doc)
    doc.undo()
    assert list(doc.nodes) == [node] and not doc.wires


def test_they_stand_beside_the_node_and_cover_nothing():
    doc = Document()
    node = dataset(doc, "spirals")
    other = commands.add_node(doc, "constant", (300, 60))
    new = add_placeholders(doc, node)
    boxes = [(*doc.nodes[i].pos, *node_size(doc, doc.nodes[i])) for i in (node, other, *new)]
    for index, (x, y, width, height) in enumerate(boxes):
        for u, v, wide, high in boxes[index + 1 :]:
            assert x + width <= u or u + wide <= x or y + height <= v or v + high <= y


def test_bound_columns_are_left_alone_and_names_stay_free():
    doc = Document()
    node = dataset(doc, "spirals")
    mine = commands.add_node(
        doc, "placeholder", (0, 0), "labels", {"dtype": "float32", "shape": [None, 2]}
    )
    commands.connect(doc, node, "points", mine, "feed")
    add_placeholders(doc, node)
    assert fed_by(doc, node) == {"points": "labels", "labels": "labels_1"}
    assert add_placeholders(doc, node) == []


def test_another_source_reuses_the_placeholders_that_lost_their_columns(tmp_path: Path):
    doc = Document()
    node = dataset(doc, "spirals")
    made = add_placeholders(doc, node)
    root = commands.add_node(doc, "square", (0, 0))
    commands.connect(doc, made[0], "out", root, "x")
    (tmp_path / "a.csv").write_text("a,b,c,d\n1,2,3,4\n5,6,7,8\n")
    doc.allow(tmp_path)
    commands.set_attr(doc, node, "source", f"csv:{tmp_path / 'a.csv'}")
    columns = {"features": None, "labels": None}
    assert unplaced(doc, node, columns | Analysis(doc).out_types(node)) == ["features", "labels"]
    assert add_placeholders(doc, node) == []
    assert fed_by(doc, node) == {"features": "points", "labels": "labels"}
    assert doc.nodes[made[0]].attrs["shape"] == [None, 3]
    assert doc.wires_out_of(made[0]), "what it feeds is still fed"
    assert not problems(doc)


def test_placeholders_that_nothing_reads_take_the_new_columns_names(tmp_path: Path):
    doc = Document()
    node = dataset(doc, "mnist")
    made = add_placeholders(doc, node)
    commands.rename(doc, made[1], "digit")  # a name that the user gave stays
    (tmp_path / "a.txt").write_text("to be or not to be\n" * 40)
    doc.allow(tmp_path)
    commands.set_attr(doc, node, "source", f"tokens:{tmp_path / 'a.txt'}")
    add_placeholders(doc, node)
    assert fed_by(doc, node) == {"tokens": "tokens", "targets": "digit"}
    doc.undo()
    assert [doc.nodes[i].name for i in made] == ["images", "digit"]


def test_data_that_cannot_be_read_adds_nothing():
    doc = Document()
    node = dataset(doc, "csv:/nowhere/at/all.csv")
    complete(doc, [node])
    assert list(doc.nodes) == [node]


def test_a_placeholder_offers_to_fit_its_column():
    doc = Document()
    node = dataset(doc, "spirals")
    x = commands.add_node(doc, "placeholder", (0, 0), "x", {"dtype": "int32", "shape": [3]})
    commands.connect(doc, node, "points", x, "feed")
    (fix,) = node_fixes(doc, Analysis(doc), x)
    assert fix.title == "Fit x to its column (float32 (?, 2))"
    fix.apply()
    assert doc.nodes[x].attrs == {"dtype": "float32", "shape": [None, 2]}
    assert not problems(doc) and not node_fixes(doc, Analysis(doc), x)
    doc.undo()
    assert doc.nodes[x].attrs["dtype"] == "int32"
