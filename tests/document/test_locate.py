"""Data files that moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.data.locate import missing, reanchor, relocate
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from tests import own_data

TABLE = "a,b\n1,2\n3,4\n"


@pytest.fixture
def moved(tmp_path) -> tuple[Document, Path]:
    """A saved document with two files of one folder, which has another name now."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    doc = Document()
    for name in ("train", "more"):
        (old / f"{name}.csv").write_text(TABLE)
        commands.add_node(doc, "dataset", (0, 0), name, {"source": f"csv:old/{name}.csv"})
    flow.save(doc, tmp_path / "graph.flow")
    old.rename(new)
    return doc, new


def sources(doc: Document) -> list[str]:
    return [record.attrs["source"] for record in doc.nodes.values()]


def test_what_is_missing_is_found(moved):
    doc, _ = moved
    assert [(record.name, str(path)) for _, record, path in missing(doc)] == [
        ("train", "old/train.csv"),
        ("more", "old/more.csv"),
    ]
    assert {p.kind for p in Analysis(doc).all_problems()} == {"DataNotFound"}


def test_the_other_files_of_the_folder_follow_in_one_undo_step(moved):
    doc, new = moved
    node = next(iter(doc.nodes))
    assert relocate(doc, node, new / "train.csv") == ["train", "more"]
    assert sources(doc) == ["csv:new/train.csv", "csv:new/more.csv"], "relative to the document"
    assert not missing(doc) and not Analysis(doc).all_problems()
    doc.undo()
    assert sources(doc) == ["csv:old/train.csv", "csv:old/more.csv"]


def test_a_file_elsewhere_is_named_by_its_whole_path(moved, tmp_path_factory):
    doc, _ = moved
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other.csv"
    elsewhere.write_text(TABLE)
    relocate(doc, next(iter(doc.nodes)), elsewhere)
    assert sources(doc) == [f"csv:{elsewhere}", "csv:old/more.csv"]


def test_bundled_data_and_generated_data_are_never_missing():
    doc = Document()
    for source in ("spirals", "mnist", "csv:resource:data/linear.csv"):
        commands.add_node(doc, "dataset", (0, 0), None, {"source": source})
    assert not missing(doc)


def test_a_folder_of_pictures_that_moved(tmp_path):
    own_data.pictures(tmp_path / "old", 2)
    doc = Document()
    commands.add_node(doc, "dataset", (0, 0), "shapes", {"source": "pictures:old"})
    flow.save(doc, tmp_path / "graph.flow")
    assert not missing(doc)
    (tmp_path / "old").rename(tmp_path / "new")
    ((_, record, path),) = missing(doc)
    assert path.name == "old"
    relocate(doc, record.id, tmp_path / "new")
    assert sources(doc) == ["pictures:new"] and not missing(doc)


def test_saving_elsewhere_keeps_the_data(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "mine.csv").write_text(TABLE)
    doc = Document()
    for source in (f"csv:{here / 'mine.csv'}", "csv:resource:data/linear.csv", "spirals"):
        commands.add_node(doc, "dataset", (0, 0), None, {"source": source})
    assert reanchor(doc, here)
    flow.save(doc, here / "graph.flow")
    assert sources(doc) == ["csv:mine.csv", "csv:resource:data/linear.csv", "spirals"]
    assert reanchor(doc, there)
    assert sources(doc)[0] == f"csv:{here / 'mine.csv'}"
    doc.undo()
    assert sources(doc)[0] == "csv:mine.csv"
    assert not reanchor(doc, here), "nothing to change"


def test_who_hears_of_changed_paths_finds_the_document_in_its_new_folder(tmp_path):
    (tmp_path / "mine.csv").write_text(TABLE)
    doc = Document()
    commands.add_node(doc, "dataset", (0, 0), None, {"source": f"csv:{tmp_path / 'mine.csv'}"})
    seen = []
    doc.subscribe(lambda change: seen.append((doc.path, missing(doc))))
    assert reanchor(doc, tmp_path, tmp_path / "graph.flow")
    assert seen == [(tmp_path / "graph.flow", [])]


def test_the_file_of_initial_values_is_anchored_in_the_same_undo_step(tmp_path):
    doc = Document()
    doc.extra = {"initial_values": "begin.safetensors"}
    doc.path = tmp_path / "here" / "graph.flow"
    node = commands.add_node(doc, "constant", (0, 0))
    assert reanchor(doc, tmp_path / "there")
    assert doc.extra["initial_values"] == str(tmp_path / "here" / "begin.safetensors")
    doc.undo()
    assert doc.extra["initial_values"] == "begin.safetensors" and node in doc.nodes
