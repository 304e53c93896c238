"""The .flow format: canonical text, nothing lost, and a typed error for whatever is wrong."""

from __future__ import annotations

import json
import math
import os
import stat
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.migrations import MIGRATIONS
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import (
    BadValue,
    DuplicateId,
    FlowContent,
    FlowError,
    FlowRead,
    FlowSyntax,
    FlowWrite,
    NewerVersion,
    NotNodeflow,
    UnsafePath,
    WireToNothing,
)
from nodeflow.errors import FileProblem, FlowFormatError

from .strategies import actions, perform

EMPTY = {"format": "nodeflow", "version": 3, "next_id": 1, "nodes": [], "wires": []}


def text_with(**fields) -> str:
    return json.dumps({**EMPTY, **fields})


def node(node_id="n1", op="add", name="add", **more):
    return {"id": node_id, "op": op, "name": name, "attrs": {}, "pos": [0, 0], **more}


def small() -> Document:
    doc = Document()
    b = commands.add_node(doc, "constant", (0, 0), "b", {"dtype": "float32", "value": 2.0})
    n = commands.add_node(doc, "negative", (240, 0.5))
    commands.connect(doc, b, "out", n, "x")
    commands.add_frame(doc, (-20, -40, 500, 200), "Input", "Change b.", "blue")
    commands.set_training(doc, loss=n, epochs=3)
    return doc


def test_the_text_is_as_documented():
    assert flow.dumps(small()) == (
        '{"format": "nodeflow", "version": 3, "next_id": 4,\n'
        ' "nodes": [\n'
        '  {"attrs": {"dtype": "float32", "value": 2.0}, "id": "n1", "name": "b", '
        '"op": "constant", "pos": [0, 0]},\n'
        '  {"attrs": {}, "id": "n2", "name": "negative", "op": "negative", "pos": [240, 0.5]}\n'
        " ],\n"
        ' "wires": [\n'
        '  ["n1", "out", "n2", "x"]\n'
        " ],\n"
        ' "frames": [\n'
        '  {"color": "blue", "id": "f3", "note": "Change b.", "rect": [-20, -40, 500, 200], '
        '"title": "Input"}\n'
        " ],\n"
        ' "subgraphs": {},\n'
        ' "training": {"epochs": 3, "loss": "n2"},\n'
        ' "weights": null}\n'
    )


def test_an_empty_document_is_a_file_too():
    text = flow.dumps(Document())
    assert json.loads(text)["nodes"] == [] and flow.dumps(flow.loads(text)) == text


@pytest.mark.thorough
@settings(max_examples=150)
@given(actions)
def test_reading_what_was_written_gives_the_same_bytes(acts):
    doc = Document()
    for act in acts:
        perform(doc, act)
    text = flow.dumps(doc)
    json.loads(text, parse_constant=pytest.fail)
    again = flow.loads(text)
    assert flow.dumps(again) == text
    assert not again.is_modified and not again.can_undo
    assert again.digest() == doc.digest()


@pytest.mark.thorough
@settings(max_examples=60)
@given(st.permutations(range(6)))
def test_equal_documents_are_equal_bytes_however_they_came_about(order):
    records = [node(f"n{i + 1}", "constant", f"c{i}", attrs={"b": 1, "a": i}) for i in range(6)]
    shuffled = [dict(reversed(list(records[i].items()))) for i in order]
    expected = flow.dumps(flow.loads(text_with(nodes=records, next_id=7)))
    assert flow.dumps(flow.loads(text_with(nodes=shuffled))) == expected


def test_ports_and_ids_sort_as_numbers():
    nodes = [node(f"n{i}", "constant", f"c{i}") for i in range(1, 12)]
    nodes.append(node("n12", "concat", "k"))
    wires = [[f"n{i}", "out", "n12", f"values.{i - 1}"] for i in range(11, 0, -1)]
    doc = flow.loads(text_with(nodes=nodes, wires=wires))
    written = json.loads(flow.dumps(doc))
    assert [n["id"] for n in written["nodes"]] == [f"n{i}" for i in range(1, 13)]
    assert [w[3] for w in written["wires"]] == [f"values.{i}" for i in range(11)]


def test_nan_and_infinities_are_strings_in_the_file():
    doc = Document()
    n = commands.add_node(doc, "constant", (0, 0), attrs={"value": [math.nan, math.inf, -math.inf]})
    assert '"value": ["NaN", "Infinity", "-Infinity"]' in flow.dumps(doc)
    assert doc.nodes[n].attrs["value"] == ["NaN", "Infinity", "-Infinity"]


def test_what_is_unknown_is_kept():
    fields = {
        "nodes": [
            node("n1", "hologram/3d", "future", attrs={"depth": {"of": [1, None, "x"]}}, glow=[1]),
            node("n2", "add", "add", attrs={"no_such": True}),
        ],
        "wires": [["n2", "out", "n1", "mirror"], ["n1", "ray.7", "n2", "x"]],
        "frames": [{"id": "f3", "title": "t", "rect": [0, 0, 1, 1], "shape": "round"}],
        "subgraphs": {"block": {"nodes": [], "wires": [], "frames": [], "new": 1}},
        "training": {"optimizer": None, "teacher": "n1"},
        "zeta": {"deep": [1]},
        "alpha": "ä\u2028",
    }
    text = text_with(**fields)
    doc = flow.loads(text)
    written = json.loads(flow.dumps(doc))
    for name in ("nodes", "wires", "subgraphs", "training", "zeta", "alpha"):
        assert written[name] == fields[name], name
    assert written["frames"][0]["shape"] == "round"
    assert list(written)[-2:] == ["alpha", "zeta"]
    commands.move(doc, {"n1": (5, 5)})
    commands.set_attr(doc, "n1", "depth", 2)
    moved = json.loads(flow.dumps(doc))["nodes"][0]
    assert moved["glow"] == [1] and moved["pos"] == [5, 5] and moved["attrs"] == {"depth": 2}
    assert flow.dumps(flow.loads(flow.dumps(doc))) == flow.dumps(doc)


def nested(depth: int) -> str:
    inner = "[" * depth + "]" * depth
    body = json.dumps(node()).replace('"attrs": {}', '"attrs": {"value": ' + inner + "}")
    return text_with().replace('"nodes": []', f'"nodes": [{body}]')


HOSTILE = [
    ("", FlowSyntax, "the file is empty. If it was not, look for an older copy"),
    (
        "# A title\n",
        FlowSyntax,
        "line 1: this is not a .flow file, which is JSON and begins with {. Open",
    ),
    ("{nonsense", FlowSyntax, "line 1: this is not JSON: Expecting property name"),
    ('{"format": "nodeflow",\n "version": 1,\n "nodes": [{"id"', FlowSyntax, "line 3: .*too early"),
    ("[]", NotNodeflow, "not a nodeflow document"),
    ("{}", NotNodeflow, "not a nodeflow document"),
    ('{"format": "nodeflow"}', FlowContent, "version: expected a whole number, got None"),
    ('{"format": "nodeflow", "version": true}', FlowContent, "version"),
    (text_with(version=4), NewerVersion, "version 4, and this program reads up to 3.*Update"),
    (text_with(version=10**30), NewerVersion, "Update"),
    (text_with(version=0), FlowContent, "no version 0"),
    (text_with(version=-5), FlowContent, "no version -5"),
    (text_with(nodes={}), FlowContent, "nodes: expected a list"),
    (text_with(nodes=[5]), FlowContent, r"nodes\[0\]: expected an object, got 5"),
    (text_with(nodes=[{"op": "add"}]), FlowContent, r"nodes\[0\]: `id` is missing"),
    (text_with(nodes=[node(7)]), FlowContent, r"nodes\[0\].id: expected a string, got 7"),
    (text_with(nodes=[node("x1")]), FlowContent, "not an id like n1"),
    (text_with(nodes=[node("n1\n")]), FlowContent, "not an id"),
    (text_with(nodes=[node("n0")]), FlowContent, "not an id"),
    (text_with(nodes=[node("n" + "9" * 40)]), FlowContent, "not an id"),
    (text_with(nodes=[node(op="")]), FlowContent, "empty or too long"),
    (text_with(nodes=[node(op="x" * 5000)]), FlowContent, "empty or too long"),
    (text_with(nodes=[node(name="a b")]), FlowContent, "'a b' is not a name"),
    (text_with(nodes=[node(name="a//b")]), FlowContent, "is not a name"),
    (text_with(nodes=[node(name="a\n")]), FlowContent, "is not a name"),
    (text_with(nodes=[node(name="x" * 10**5)]), FlowContent, "is not a name"),
    (text_with(nodes=[node(attrs=[])]), FlowContent, "attrs: expected an object"),
    (text_with(nodes=[node(pos=[1])]), FlowContent, "pos: expected 2 numbers"),
    (text_with(nodes=[node(pos=[1, True])]), FlowContent, "pos: expected 2 numbers"),
    (text_with(nodes=[node(pos=[1, 1e300])]), FlowContent, "pos: expected 2 numbers"),
    (text_with(nodes=[node(pos=[1, 10**400])]), FlowContent, "pos: expected 2 numbers"),
    (text_with(nodes=[node(), node(name="b")]), DuplicateId, "'n1' is used twice"),
    (text_with(nodes=[node(), node("n2")]), DuplicateId, "two nodes are called 'add'"),
    (text_with(wires=[["n1", "out", "n2"]]), FlowContent, r"wires\[0\]: a wire is"),
    (text_with(wires=[["n1", "out", "n2", 3]]), FlowContent, "four strings"),
    (text_with(wires=[["n1", "out", "n2", "x"]]), WireToNothing, "there is no node 'n1'"),
    (
        text_with(nodes=[node()], wires=[["n1", "out", "n1", "x"], ["n1", "b", "n1", "x"]]),
        DuplicateId,
        "two wires end at add:x",
    ),
    (text_with(frames=[{"id": "f1", "rect": [0, 0, 1]}]), FlowContent, "expected 4 numbers"),
    (text_with(frames=[{"id": "f1", "title": 3}]), FlowContent, "title: expected a string"),
    (text_with(frames=[{"id": "f1"}, {"id": "f1"}]), DuplicateId, "'f1' is used twice"),
    (text_with(subgraphs=[]), FlowContent, "subgraphs"),
    (text_with(subgraphs={"a": 1}), FlowContent, "subgraphs.a"),
    (text_with(training=[]), FlowContent, "training: expected an object"),
    (text_with(training={"epochs": 0}), FlowContent, "training.epochs: expected at least 1"),
    (text_with(training={"epochs": 1.5}), FlowContent, "expected a whole number, got 1.5"),
    (text_with(training={"batch_size": 10**30}), FlowContent, "batch_size"),
    (text_with(training={"seed": -1}), FlowContent, "training.seed"),
    (text_with(training={"shuffle": 1}), FlowContent, "true or false"),
    (text_with(training={"metrics": {}}), FlowContent, "metrics: expected a list"),
    (text_with(training={"metrics": [{}]}), FlowContent, r"metrics\[0\]: `node` is missing"),
    (text_with(training={"metrics": [{"node": "n1", "split": 2}]}), FlowContent, "split"),
    (text_with(training={"speed": 0.5}), FlowContent, "training.speed: expected at least 1"),
    (text_with(training={"schedule": [{"steps": 2}]}), FlowContent, r"schedule\[0\]: `optimizer`"),
    (text_with(stage=[]), FlowContent, "stage: expected an object"),
    (text_with(stage={"views": {}}), FlowContent, "stage.views: expected a list"),
    (text_with(stage={"views": [1]}), FlowContent, r"stage.views\[0\]: expected an object"),
    (text_with(stage={"controls": [{"attr": 1}]}), FlowContent, r"controls\[0\].attr"),
    (text_with(lesson=1), FlowContent, "lesson: expected an object"),
    (text_with(weights=3), FlowContent, "weights: expected a string"),
    (text_with(next_id="n"), FlowContent, "next_id"),
    (text_with(next_id=0), FlowContent, "next_id"),
    (text_with(next_id=10**20), FlowContent, "next_id"),
    (nested(200), FlowSyntax, "nested deeper than 64"),
    (nested(100_000), FlowSyntax, "nested too deeply"),
    (text_with(a=1).replace(": 1}", ": " + "9" * 5000 + "}"), FlowSyntax, "number cannot be read"),
    (text_with(a=1).replace(": 1}", ": 1e999}"), FlowSyntax, "too large"),
    (text_with(a=math.nan), FlowSyntax, 'NaN is not JSON. Write it as the string "NaN"'),
    (text_with(a=1).replace('"a"', '"nodes"'), FlowSyntax, "'nodes' occurs twice"),
    (text_with(a="\ud800"), FlowSyntax, "half a character"),
    (text_with(nodes=[node(attrs={"\udcff": 1})]), FlowSyntax, "half a character"),
]


@pytest.mark.parametrize(("text", "cause", "message"), HOSTILE)
def test_a_bad_file_is_refused_by_its_typed_error(text, cause, message):
    with pytest.raises(cause, match=message) as caught:
        flow.loads(text)
    assert isinstance(caught.value, FlowFormatError)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../w.safetensors", "a/../../b", "C:\\w", "c:w", "\\\\host\\w", "..\\w", "~/w",
     "", " ", "a\0b"],
)  # fmt: skip
def test_weights_stay_in_the_documents_folder(path):
    with pytest.raises(UnsafePath, match="not a file beside the document"):
        flow.loads(text_with(weights=path))
    with pytest.raises(UnsafePath):
        commands.set_weights(Document(), path)


def test_weights_beside_the_document_are_kept():
    doc = flow.loads(text_with(weights="trained/digits.safetensors"))
    assert doc.weights == "trained/digits.safetensors"
    assert flow.loads(flow.dumps(doc)).weights == doc.weights


@pytest.mark.thorough
@settings(max_examples=200)
@given(st.data())
def test_a_damaged_file_gives_a_document_or_a_flow_error(data):
    text = flow.dumps(small())
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 30, len(text))))
    filler = data.draw(st.sampled_from(["", "0", '"', "[", "}", "null", "-1", '"n1"', "NaN", "\\"]))
    try:
        doc = flow.loads(text[:start] + filler + text[end:])
    except FlowError as error:
        assert str(error)
    else:
        assert flow.dumps(flow.loads(flow.dumps(doc))) == flow.dumps(doc)


def endless(depth=2000):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, {"a": {3}}, b"x", "\ud800", {"\udfff": 1}, 10**2000, endless()],
    ids=lambda value: type(value).__name__,
)
def test_values_that_json_cannot_hold_never_enter_a_document(value):
    doc = Document()
    with pytest.raises(BadValue):
        commands.add_node(doc, "constant", (0, 0), attrs={"value": value})
    assert not doc.nodes


def test_what_enters_a_document_can_be_read_back():
    doc = Document()
    commands.add_node(doc, "constant", (0, 0), attrs={"value": [1j, -0.5 - 2e-300j]})
    written = flow.loads(flow.dumps(doc)).nodes["n1"].attrs["value"]
    assert [complex(text) for text in written] == [1j, -0.5 - 2e-300j]
    doc = Document()
    value = {"deep": endless(45), "large": -(2**4095), "text": "\0\u2028 \U0001f600"}
    commands.add_node(doc, "constant", (0, 0), attrs={"value": value})
    assert flow.loads(flow.dumps(doc)).nodes["n1"].attrs == {"value": value}
    with pytest.raises(BadValue, match="half a character"):
        commands.add_frame(doc, (0, 0, 1, 1), note="\ud800")


def test_numpy_values_become_plain_ones():
    np = pytest.importorskip("numpy")
    doc = Document()
    n = commands.add_node(doc, "constant", (0, 0))
    commands.set_attr(doc, n, "value", np.float32(0.5) * np.ones((2, 1), np.float32))
    assert doc.nodes[n].attrs["value"] == [[0.5], [0.5]]
    commands.set_attr(doc, n, "value", (np.int64(3), np.bool_(True)))
    assert repr(doc.nodes[n].attrs["value"]) == "[3, True]"


def test_earlier_versions_are_migrated_step_by_step():
    def to_one(data):
        return {**data, "nodes": [{**n, "op": n["op"].lower()} for n in data["nodes"]]}

    migrations = {**MIGRATIONS, 0: to_one}
    text = text_with(version=0, nodes=[node(op="ADD")])
    assert flow.loads(text, migrations=migrations).nodes["n1"].op == "add"
    with pytest.raises(FlowContent, match="no version -1"):
        flow.loads(text_with(version=-1), migrations=migrations)
    written = flow.dumps(flow.loads(text, migrations=migrations))
    assert f'"version": {flow.VERSION}' in written
    assert sorted(MIGRATIONS) == list(range(1, flow.VERSION)), "a version without a migration"


def test_a_next_id_that_is_too_small_is_mended():
    doc = flow.loads(text_with(nodes=[node("n41")], next_id=3))
    assert commands.add_node(doc, "add", (0, 0)) == "n42"


# ---- files ----------------------------------------------------------------------------------


def test_saving_and_loading_a_file(tmp_path):
    doc = small()
    path = tmp_path / "graph.flow"
    assert doc.is_modified
    flow.save(doc, path)
    assert not doc.is_modified and doc.path == path
    assert path.read_text(encoding="utf-8") == flow.dumps(doc)
    again = flow.load(path)
    assert again.path == path and flow.dumps(again) == flow.dumps(doc)
    commands.rename(doc, "n1", "c")
    flow.save(doc)
    assert flow.load(path).node_named("c")
    assert os.listdir(tmp_path) == ["graph.flow"]


def test_a_document_without_a_file_cannot_be_saved_without_a_name():
    with pytest.raises(FileProblem, match="no file yet"):
        flow.save(small())


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_saving_keeps_the_mode_and_the_link(tmp_path):
    target, link = tmp_path / "real.flow", tmp_path / "link.flow"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    flow.save(small(), link)
    assert link.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert flow.load(target).nodes
    mask = os.umask(0o027)
    try:
        flow.save(small(), tmp_path / "new.flow")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.flow").stat().st_mode) == 0o640


@pytest.mark.parametrize("failing", ["fsync", "replace", "chmod"])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "graph.flow"
    doc = small()
    flow.save(doc, path)
    before = path.read_bytes()
    commands.rename(doc, "n1", "c")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(FlowWrite, match=r"No space left on device.*unchanged"):
        flow.save(doc, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["graph.flow"]
    assert doc.is_modified


def test_saving_into_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FlowWrite, match="No such file"):
        flow.save(small(), tmp_path / "none" / "graph.flow")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FlowRead, match="there is no file"):
        flow.load(tmp_path / "none.flow")
    with pytest.raises(FlowRead, match=r"is a folder\. Give a \.flow file in it"):
        flow.load(tmp_path)
    with pytest.raises(FlowRead):
        flow.load("nul\0byte")
    binary = tmp_path / "image.flow"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(NotNodeflow, match="not UTF-8"):
        flow.load(binary)
    cut = tmp_path / "cut.flow"
    cut.write_text(flow.dumps(small())[:100])
    with pytest.raises(FlowSyntax, match=r"cut\.flow: line 3: .*too early"):
        flow.load(cut)


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "graph.flow"
    path.write_bytes(b"\xef\xbb\xbf" + flow.dumps(small()).replace("\n", "\r\n").encode())
    assert flow.dumps(flow.load(path)) == flow.dumps(small())


@pytest.mark.skipif(sys.platform == "win32", reason="sizes of sparse files")
def test_a_file_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "huge.flow"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(FlowRead, match="larger than"):
        flow.load(path)
