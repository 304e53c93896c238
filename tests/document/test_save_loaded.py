"""A loaded graph that is saved again: the same bytes, and after changes from Python only those.

100 random documents in ``make test``, 1000 in ``make test-nightly``.
"""

from __future__ import annotations

import json
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs import definitions
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.to_graph.python_graphs.loaded_document import UnknownNodes
from nodeflow.errors import FileProblem, GraphError
from nodeflow.resources import example, examples

from .random_files import nested, random_document

COUNT = 1000 if os.environ.get("NODEFLOW_NIGHTLY") else 100


def reopened(text: str, folder: Path) -> nf.Graph:
    (folder / "read.flow").write_text(text, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownNodes)
        return nf.load(folder / "read.flow")


def saved(graph: nf.Graph, folder: Path) -> str:
    nf.save(graph, folder / "written.flow")
    return (folder / "written.flow").read_text(encoding="utf-8")


def described(graph: nf.Graph) -> dict[str, tuple]:
    """All nodes of a graph, derived ones too, whatever their order."""
    return {
        n.name: (
            n.op.id,
            n.stream,
            repr(dict(n.attrs)),
            [t.name for t in n.inputs],
            sorted(c.name for c in n.control_inputs),
        )
        for n in graph.nodes
    }


def apart(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Says whether two rectangles (left, top, width, height) have no point in common."""
    return any(a[i] + a[i + 2] <= b[i] or b[i] + b[i + 2] <= a[i] for i in (0, 1))


def shuffled(value: object, chance: random.Random) -> object:
    """JSON of equal meaning in another order of keys; nodes, wires and frames in another, too."""
    if isinstance(value, dict):
        items = [
            (key, chance.sample(v, len(v)) if key in ("nodes", "wires", "frames") else v)
            for key, v in value.items()
        ]
        return {key: shuffled(v, chance) for key, v in chance.sample(items, len(items))}
    return [shuffled(v, chance) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("file", examples(), ids=lambda path: path.stem)
def test_an_example_comes_back_as_the_same_bytes(file, tmp_path):
    nf.save(nf.load(file), tmp_path / "saved.flow")
    assert (tmp_path / "saved.flow").read_bytes() == file.read_bytes()


@pytest.fixture
def own_op(plugin_files):
    """An op of the user's own."""
    text = "import nodeflow as nf\n\n@nf.op\ndef doubled(x):\n    return 2 * x\n"
    (plugin_files / "own.py").write_text(text)
    nf.load_plugins()
    return "doubled"


@pytest.mark.thorough
def test_a_random_document_comes_back_as_the_same_bytes(own_op, tmp_path):
    seen: set[str] = set()
    for seed in range(COUNT):
        doc = random_document(seed, (own_op,))
        text = flow.dumps(doc)
        graph = reopened(text, tmp_path)
        assert saved(graph, tmp_path) == text, seed
        other = json.dumps(shuffled(json.loads(text), random.Random(seed)), indent=3)
        assert saved(reopened(other, tmp_path), tmp_path) == text, seed
        seen.update(record.op for record in doc.nodes.values())
        parts = {"frames": doc.frames, "subgraphs": doc.subgraphs, "training": doc.training,
                 "weights": doc.weights, "extra": doc.extra, "nested": nested(doc),
                 "streams": doc.streams,
                 "order": any("control" in p for _, p in doc.wires)}  # fmt: skip
        seen.update(part for part, content in parts.items() if content)
        assert len(graph.nodes) > 1
    assert seen >= {"frames", "subgraphs", "training", "weights", "extra", "nested", "streams"}
    assert seen >= {own_op, "from_the_future", "dataset", "split", "reroute", "order", "adam"}


# ---- changes from Python ------------------------------------------------------------------------


def difference(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that are gone and those that came, without the commas between them."""
    old, new = ([line.strip().removesuffix(",") for line in t.split("\n")] for t in (before, after))
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.fixture
def digits(tmp_path):
    """The graph of the MNIST example, loaded, and its text."""
    text = example("mnist.flow").read_text()
    return reopened(text, tmp_path), text


def test_an_added_node_is_one_node_line_and_its_wires(digits, tmp_path):
    graph, before = digits
    with graph:
        nf.negative(graph.tensor("loss"), name="below")
    assert difference(before, saved(graph, tmp_path)) == (
        ['{"format": "nodeflow", "version": 3, "next_id": 39'],
        [
            '{"format": "nodeflow", "version": 3, "next_id": 40',
            '{"attrs": {}, "id": "n39", "name": "below", "op": "negative", "pos": [2544, 738]}',
            '["n25", "out", "n39", "x"]',
        ],
    )


def test_a_name_that_only_the_document_has_is_taken(digits, tmp_path):
    graph, before = digits
    assert "mnist" not in graph
    with graph:
        assert nf.constant(1.0, name="mnist").name == "mnist_1"
    gone, came = difference(before, saved(graph, tmp_path))
    assert len(gone) == 1 and len(came) == 2
    assert '"name": "mnist_1"' in came[1]


@pytest.mark.thorough
def test_a_second_optimizer_leaves_the_training_settings(digits, tmp_path):
    graph, before = digits
    with graph:
        nf.adam(graph.tensor("loss"), name="other")
    came = difference(before, saved(graph, tmp_path))[1]
    assert [line.split('"op": ')[-1][:6] for line in came[1:2]] == ['"adam"']
    assert not any("training" in line for line in came)


def test_the_first_optimizer_becomes_the_one_to_train_with(sketch, tmp_path):
    sketch.add("variable", "w", value=1.0, dtype="float32")
    sketch.add("square", "loss", {"x": "w"})
    commands.set_training(sketch.doc, epochs=3)
    before = flow.dumps(sketch.doc)
    graph = reopened(before, tmp_path)
    with graph:
        nf.gradient_descent(graph.tensor("loss"), learning_rate=0.5, name="train")
    gone, came = difference(before, saved(graph, tmp_path))
    assert gone[1:] == ['"training": {"epochs": 3}'] and len(came) == 4
    assert came[-1] == '"training": {"epochs": 3, "optimizer": "n3"}'


@pytest.fixture
def twice(sketch):
    """A document with a subgraph in a subgraph, and two instances of the outer one: `outer`, which
    holds `inner`, which holds `deep` and the assign `set`, both unseen from outside."""
    sketch.add("placeholder", "x", dtype="float32", shape=[2], sample=[1.0, 2.0])
    sketch.add("variable", "w", value=3.0, dtype="float32")
    sketch.add("multiply", "deep", {"x": "x", "y": "w"})
    sketch.add("assign", "set", {"variable": "w", "value": "w"})
    sketch.add("group", "end", {"control.0": "set:out"})
    sketch.add("relu", "seen", {"x": "deep"})
    doc = sketch.doc
    inner = create(doc, [sketch.id(n) for n in ("w", "deep", "set", "end", "seen")], "inner")
    sketch.add("negative", "after", {"x": "inner:seen"})
    create(doc, [inner, sketch.id("after")], "outer")
    second = definitions.add_instance(doc, "outer", (0, 300))
    commands.connect(doc, sketch.id("x"), "out", second, "x")
    return doc


def test_a_value_inside_a_subgraph_leaves_it_by_a_new_output(twice, tmp_path):
    before = flow.dumps(twice)
    graph = reopened(before, tmp_path)
    with graph:
        nf.square(graph.tensor("outer/inner/deep"), name="first")
        nf.square(graph.tensor("outer/inner/deep"), name="second")
        nf.square(graph.tensor("outer/after"), name="third")
    gone, came = difference(before, saved(graph, tmp_path))
    ports = [line.split('"id"')[0] for line in came if "ports" in line]
    assert ports == [
        '{"attrs": {"ports": ["seen", "deep"]}, ',
        '{"attrs": {"ports": ["after", "deep"]}, ',
    ]
    assert len(gone) == 3
    wires = [line for line in came if line.startswith("[")]
    outer = twice.node_named("outer").id
    assert [w for w in wires if f'"{outer}"' in w] == [
        f'["{outer}", "deep", "n15", "x"]',
        f'["{outer}", "deep", "n16", "x"]',
        f'["{outer}", "after", "n17", "x"]',
    ]
    assert len(wires) == 5 and len(came) == 1 + 3 + 5 + 2
    again = reopened((tmp_path / "written.flow").read_text(), tmp_path)
    for g in (graph, again):
        with nf.Session(g) as session:
            session.initialize()
            values = session.run(["first", "third"], {"x": [1.0, 2.0]})
            np.testing.assert_array_equal(values, [[9, 36], [9, 36]])


def test_order_after_what_has_no_value_inside_a_subgraph(twice, tmp_path):
    graph = reopened(flow.dumps(twice), tmp_path)
    with graph, graph.control_dependencies([graph.node("outer/inner/end")]):
        nf.constant(1.0, name="late")
    again = reopened(saved(graph, tmp_path), tmp_path)
    assert [n.name for n in again.node("late").control_inputs] == ["outer/inner/end"]


def test_nodes_in_the_scope_of_a_subgraph_are_nodes_of_the_file(twice, tmp_path):
    before = flow.dumps(twice)
    graph = reopened(before, tmp_path)
    with graph, nf.name_scope("outer/"):
        nf.relu(graph.tensor("outer/after"), name="more")
    with graph, nf.name_scope("outer"):
        assert nf.constant(1.0, name="x").name == "outer_2/x"
    after = saved(graph, tmp_path)
    came = difference(before, after)[1]
    assert '"name": "outer/more"' in came[1] and len(came) == 4
    assert described(reopened(after, tmp_path)) == described(graph)


def test_added_random_numbers_are_the_same_after_reopening(twice, tmp_path):
    commands.rename(
        twice, commands.add_node(twice, "random_normal", (0, 0), "r", {"shape": [3]}), "s"
    )
    graph = reopened(flow.dumps(twice), tmp_path)
    with graph:
        nf.random_normal([3], name="r")
    again = reopened(saved(graph, tmp_path), tmp_path)
    assert described(again) == described(graph)
    one, two = (nf.Session(g, seed=4).run(["r", "s"]) for g in (graph, again))
    np.testing.assert_array_equal(one, two)
    assert (one[0] != one[1]).all()


@pytest.mark.thorough
def test_nothing_moves_and_added_cards_cover_nothing(digits, tmp_path):
    graph, _ = digits
    with graph:
        for name in ("loss", "hidden", "x"):
            nf.reduce_mean(nf.square(graph.tensor(name)))
        nf.add(nf.constant(1.0), nf.constant(2.0))
    doc, old = flow.loads(saved(graph, tmp_path)), flow.load(example("mnist.flow"))
    assert {i: doc.nodes[i] for i in old.nodes} == old.nodes and doc.frames == old.frames
    boxes = {i: (*r.pos, *node_size(doc, r, Analysis(doc))) for i, r in doc.nodes.items()}
    frames = {f.id: f.rect for f in doc.frames.values()}
    for new in set(doc.nodes) - set(old.nodes):
        for other, box in {**boxes, **frames}.items():
            assert new == other or apart(boxes[new], box), (new, other)


def test_a_shape_that_is_set_is_the_only_change(digits, tmp_path):
    graph, before = digits
    graph.tensor("x").set_shape([50, 784])
    gone, came = difference(before, saved(graph, tmp_path))
    assert [line.replace("50, 784", "null, 784") for line in came] == gone and len(gone) == 1


def test_added_scopes_are_frames_clear_of_what_was_there(digits, tmp_path):
    graph, _ = digits
    with graph:
        for _ in range(2):
            with nf.name_scope("extra"):
                nf.reduce_mean(nf.square(graph.tensor("hidden")), name="end")
    doc, old = flow.loads(saved(graph, tmp_path)), flow.load(example("mnist.flow"))
    added = [f for f in doc.frames.values() if f.id not in old.frames]
    assert [f.title for f in added] == ["extra", "extra_1"] and not doc.subgraphs
    others = [f.rect for f in old.frames.values()]
    assert all(apart(f.rect, rect) for f in added for rect in others)
    assert apart(added[0].rect, added[1].rect)


def test_saving_twice_while_building_keeps_ids(digits, tmp_path):
    graph, _ = digits
    with graph:
        nf.square(graph.tensor("loss"), name="one")
        first = saved(graph, tmp_path)
        nf.square(graph.tensor("loss"), name="two")
    gone, came = difference(first, saved(graph, tmp_path))
    assert len(gone) == 1 and len(came) == 3


def test_a_variable_inside_a_layer_is_read_there_again(tmp_path):
    graph = nf.load(example("mnist_layers.flow"))
    with graph:
        nf.reduce_sum(graph.tensor("hidden/kernel"), name="size")
    again = reopened(saved(graph, tmp_path), tmp_path)
    assert [t.name for t in again.node("size").inputs] == ["hidden/kernel"]


def test_what_an_optimizer_generated_cannot_be_wired_in_a_file(digits, tmp_path):
    graph, _ = digits
    inner = next(n for n in graph.nodes if n.derived_from == "train" and n.outputs)
    with graph:
        nf.negative(inner.outputs[0], name="peek")
    with pytest.raises(nf.errors.GraphError, match=r"peek:x.*generated from train"):
        nf.save(graph, tmp_path / "a.flow")


def test_unknown_nodes_are_named_once_and_kept(sketch, tmp_path):
    sketch.add("constant", "a", value=1.0, dtype="float32")
    sketch.add("from_the_future", "b", {"x": "a"}, q=1)
    sketch.add("relu", "c", {"x": "b"})
    sketch.add("relu", "d", {"x": "a"}, later=2)
    text = flow.dumps(sketch.doc)
    (tmp_path / "a.flow").write_text(text)
    with pytest.warns(UnknownNodes, match=r"2 nodes.*`b` \(from_the_future\), `d` \(relu\)\. Sav"):
        graph = nf.load(tmp_path / "a.flow")
    assert [n.name for n in graph.nodes] == ["a"]
    assert saved(graph, tmp_path) == text


# ---- wrong arguments ----------------------------------------------------------------------------


def test_wrong_arguments_are_answered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = nf.Graph()
    with graph:
        x = nf.constant(1.0)
    cases = [
        (lambda: nf.save("a.flow", graph), GraphError, r"file second.*nf\.save\(graph, 'a.flow'\)"),
        (lambda: nf.save(x, "a.flow"), GraphError, r"not a Tensor.*nf\.save\(x\.graph, path\)"),
        (lambda: nf.save(None, "a.flow"), GraphError, "not None.*get_default_graph"),
        (lambda: nf.save(graph, 3), FileProblem, r'not an int.*nf\.save\(graph, "name.flow"\)'),
        (lambda: nf.save(graph, b"a"), FileProblem, "not a bytes"),
        (lambda: nf.save(graph, graph), FileProblem, "not a Graph.*Name the file"),
        (lambda: nf.save(graph, ""), FileProblem, "no name.*graph.flow"),
        (lambda: nf.save(graph, "a\0b"), FileProblem, "zero byte"),
        (lambda: nf.save(graph, tmp_path), FileProblem, "is a folder.*graph.flow"),
        (lambda: nf.save(graph, "no/such/a.flow"), FileProblem, r"no folder.*os\.makedirs"),
        (lambda: nf.save(graph, "x" * 300), FileProblem, "File name too long"),
        (lambda: nf.load(graph), FileProblem, "use it as it is"),
        (lambda: nf.load(None), FileProblem, r'not None.*nf\.load\("name.flow"\)'),
        (lambda: nf.load(tmp_path), FileProblem, "is a folder"),
        (lambda: nf.load("missing.flow"), FileProblem, "no file missing.flow"),
        (lambda: nf.Session("a.flow"), GraphError, r"nf\.Session\(nf\.load\('a.flow'\)\)"),
        (lambda: nf.Session(x), GraphError, "expected a Graph.*default graph"),
    ]
    for call, error, text in cases:
        with pytest.raises(error, match=text):
            call()
    assert not list(tmp_path.iterdir())
