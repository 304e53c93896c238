"""Code for nodeflow builds the same document again, to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

import nodeflow as nf
from nodeflow.document.code.document_code import document_code
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import NodeflowError
from nodeflow.exchange.code_targets import export_code
from nodeflow.resources import examples
from tests.document.random_files import random_document
from tests.document.strategies import actions, perform

COUNT = 1000 if os.environ.get("NODEFLOW_NIGHTLY") else 100
RULES = "E4,E7,E9,F,I,UP,B,SIM"


def built(document: Document) -> str:
    """The text of what the code of a document builds."""
    code = document_code(document, "net")
    text = code.text.replace('FILE.read_text("utf-8")', "BESIDE")
    names: dict[str, Any] = {"__name__": "net", "__file__": "net.py", "BESIDE": code.beside}
    exec(compile(text, "net.py", "exec"), names)
    return names["document"]().text()


@pytest.mark.thorough
@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_an_example_is_built_again_by_its_files(path: Path, tmp_path: Path):
    document = flow.load(path)
    files = export_code(Task(document, file=path), path.stem, "nodeflow", tmp_path)
    assert files[0] == f"{path.stem}.py"
    subprocess.run([sys.executable, files[0]], cwd=tmp_path, check=True)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.thorough
def test_random_documents_are_built_again(tmp_path: Path):
    for seed in range(COUNT):
        document = random_document(seed)
        assert built(document) == flow.dumps(document), seed
        if seed < 20:
            (tmp_path / f"net_{seed}.py").write_text(document_code(document, "net").text)
    ruff = Path(sys.executable).with_name("ruff")
    for how in (("check", "--select", RULES), ("format", "--diff")):
        command = [ruff, *how, "--isolated", "--no-cache", tmp_path]
        checked = subprocess.run(command, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.thorough
@given(actions)
@settings(max_examples=10 * COUNT)
def test_documents_of_any_edits_are_built_again(acts: list[tuple]):
    """Cycles, unknown ops, values of all kinds, loose ends."""
    document = Document()
    for act in acts:
        perform(document, act)
    assert built(document) == flow.dumps(document)


def test_names_and_values_that_python_takes_for_others():
    document = Document()
    names = ["class", "l", "doc", "nf", "_", "__debug__", "define_b", "a/b", "a_b", "print"]
    ids = [commands.add_node(document, "identity", (0, 0), name=name) for name in names]
    for first, second in zip(ids, ids[1:] + ids[:1], strict=True):  # a cycle
        commands.connect(document, first, "out", second, "x")
    text = 'three """ quotes, a \\ and \u00ad\n' + "words " * 60
    values = {"ﬁ": 1, "class": -0.0, "self": 10**60, "a b": [1, 1.0, True, None, "NaN"], "t": text}
    for key, value in values.items():
        commands.set_attr(document, ids[0], key, value)
    commands.set_attr(document, ids[1], "long", [0.1 * n for n in range(900)])
    document.fill("subgraph", "b", {"about": {"op": "x", "name": [[1, 2], ["a", {"b": text}]]}})
    assert built(document) == flow.dumps(document)
    code = document_code(document, "net")
    assert list(code.values) == ["l.long"] and "0.1, 0.2" not in code.text
    assert max(map(len, code.text.splitlines())) <= 100


def test_frames_keep_titles_notes_and_colours():
    document = Document()
    texts = [("a", "", ""), ("b", "what it is for", ""), ("c", "", "#a0c4ff"), ("", "d", "#123456")]
    for number, (title, note, color) in enumerate(texts):
        commands.add_frame(document, (100.0 * number, 0, 80, 60), title, note, color)
    assert built(document) == flow.dumps(document)


def test_the_weights_of_a_document_lie_beside_the_code(tmp_path: Path):
    (tmp_path / "net.flow").write_text('{"format": "nodeflow", "version": 3, "weights": "w.npz"}')
    (tmp_path / "w.npz").write_bytes(b"what was learned")
    document = flow.load(tmp_path / "net.flow")
    task = Task(document, file=tmp_path / "net.flow")
    assert export_code(task, "net", "nodeflow", tmp_path / "out") == ["net.py", "w.npz"]
    assert (tmp_path / "out" / "w.npz").read_bytes() == b"what was learned"


# ---- the builder --------------------------------------------------------------------------------


def test_a_document_that_is_built_runs(tmp_path: Path):
    doc = nf.DocumentBuilder()
    x = doc.node("constant", "x", (0, 0), value=[1.0, float("inf")], dtype="float32")
    inside = doc.subgraph("twice")
    ports = ["value"]
    given = inside.node("subgraph_inputs", "inputs", (0, 0), ports=ports)
    double = inside.node("add", "sum", (200, 0), {"x": given["value"], "y": given["value"]})
    inside.node("subgraph_outputs", "outputs", (400, 0), {"value": double}, ports=ports)
    made = doc.node("subgraph", "cell", (200, 0), {"value": x}, definition="twice")
    doc.node("negative", "end", (400, 0), {"x": made["value"]}).fields(breakpoint=True)
    doc.save(tmp_path / "a.flow")
    graph = nf.load(tmp_path / "a.flow")
    with nf.Session(graph, tier="reference") as session:
        assert session.run("end").tolist() == [-2.0, -float("inf")]
    assert flow.loads(doc.text()).node_named("end").extra == {"breakpoint": True}


@pytest.mark.parametrize("seed", range(30))
def test_what_a_file_cannot_hold_is_an_error_in_words(seed: int, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chance = Random(seed)
    wrong = [None, -1, object(), "", "a b", [1], {}, float("nan"), b"x", 10**5000, (1, 2, 3)]
    doc = nf.DocumentBuilder()
    node = doc.node("relu", "a")
    other = nf.DocumentBuilder().node("relu", "a")
    calls = [
        lambda v: doc.node(v, "b"), lambda v: doc.node("relu", v),
        lambda v: doc.node("relu", "b", v),
        lambda v: doc.node("relu", "c", (0, 0), v), lambda v: doc.wire(v, node["x"]),
        lambda v: doc.wire(node, other["x"]), lambda v: doc.frame(v), lambda v: doc.frame("a", v),
        lambda v: doc.subgraph(v), lambda v: doc.training(epochs=v), lambda v: node[v],
        lambda v: node.fields(q=v), lambda v: doc.extra(q=v), lambda v: doc.save(v),
        lambda v: setattr(doc, "weights", v) or doc.text(),
        lambda v: setattr(doc, "next_id", v) or (doc.node("relu", "d") and doc.text()),
    ]  # fmt: skip
    for call in calls:
        try:
            call(chance.choice(wrong))
            doc.text()
        except NodeflowError as error:
            assert error.message
