"""Undo puts back what was known before a large change: exactly that, and never what is out of
date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.model import snapshots
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from nodeflow.ops.user import PLUGINS

from .strategies import actions, perform
from .test_history import body


@pytest.fixture
def all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is kept at every change, however small."""
    monkeypatch.setattr(snapshots, "LARGE", 1)


def known(analysis: Analysis) -> tuple:
    """All that an analysis says, problems in their order."""
    outputs = {
        i: (
            dict(types) if (types := analysis.out_types(i)) is not None else None,
            dict(routes) if (routes := analysis.passes(i)) is not None else None,
        )
        for i in analysis.doc.nodes
    }
    kinds = {wire: analysis.kind_of(wire) for wire in analysis.doc.wires.values()}
    problems = {key: [str(p) for p in found] for key, found in analysis.problems.items()}
    looping = {key for key, found in problems.items() if "part of a loop" in " ".join(found)}
    inside = {key: known(part) for key, part in analysis.inside.items() if key not in looping}
    return outputs, kinds, problems, inside  # what goes on inside an instance on a loop is not said


@pytest.mark.thorough
@settings(max_examples=150)
@given(actions)
def test_after_any_edits_undo_and_redo_it_is_as_if_analysed_afresh(acts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "LARGE", 1)
        doc = Document()
        analysis = Analysis(doc)
        doc.subscribe(analysis.update)
        for act in acts:
            perform(doc, act)
            assert known(analysis) == known(Analysis(doc))
        while doc.undo():
            assert known(analysis) == known(Analysis(doc))
        while doc.redo():
            assert known(analysis) == known(Analysis(doc))


@pytest.mark.thorough
@settings(max_examples=60)
@given(actions)
def test_every_node_that_differs_is_told(acts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "LARGE", 1)
        doc = Document()
        analysis = Analysis(doc)
        told: set[str] = set()
        doc.subscribe(lambda change: told.update(analysis.update(change)))
        for act in [*acts, *[("undo",)] * 9, *[("redo",)] * 9]:
            outputs, _, problems, _ = known(analysis)
            stamp = analysis.stamp
            told.clear()
            perform(doc, act)
            now, _, problems_now, _ = known(analysis)
            differing = {i for i in now if outputs.get(i) != now[i]}
            differing |= {i for i in now if problems.get(i) != problems_now.get(i)}
            differing |= outputs.keys() - now.keys()
            assert differing <= told
            assert not differing or analysis.stamp is not stamp


def half(count: int = 400) -> tuple[Document, list[str]]:
    """A graph with an upper half that the lower half is fed by, and problems in both."""
    doc = Document()
    ids: list[str] = []
    with doc.transaction("Build"):
        for index in range(count):
            op = "add" if index >= 4 else "constant"
            attrs = {} if index >= 4 else {"value": 1.0}
            ids.append(commands.add_node(doc, op, (index * 7.5, 3.25), attrs=attrs))
            if index >= 4 and index % 50:  # each 50th misses a wire, which is a problem
                commands.connect(doc, ids[index - 1], "out", ids[index], "y")
            if index >= 4:
                commands.connect(doc, ids[index - 4], "out", ids[index], "x")
    return flow.loads(flow.dumps(doc)), ids


@pytest.mark.thorough
def test_undoing_a_large_deletion_gives_the_same_bytes_types_and_problems(inferences):
    doc, ids = half()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    before, bytes_before, stamp = known(analysis), body(doc), analysis.stamp
    assert analysis.all_problems()
    commands.remove(doc, ids[:200])
    without, bytes_without = known(analysis), body(doc)
    assert without != before and without == known(Analysis(doc))
    inferences.clear()
    for _ in range(3):
        doc.undo()
        assert known(analysis) == before and body(doc) == bytes_before
        assert analysis.stamp is stamp
        doc.redo()
        assert known(analysis) == without and body(doc) == bytes_without
    assert inferences[analysis] == 0


@pytest.mark.thorough
def test_a_change_in_between_is_not_undone_along_with_it():
    doc, ids = half()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    commands.remove(doc, ids[:200])
    doc.undo()
    for node_id in ids[:4]:  # what comes in has another dtype now
        commands.set_attr(doc, node_id, "dtype", "float64")
    assert str(analysis.type_of(ids[5], "out")) == "float64 ()"
    commands.remove(doc, ids[:200])
    doc.undo()
    assert str(analysis.type_of(ids[5], "out")) == "float64 ()"
    assert known(analysis) == known(Analysis(doc))
    for _ in range(4):
        doc.undo()
    assert str(analysis.type_of(ids[5], "out")) == "float32 ()"
    assert known(analysis) == known(Analysis(doc))


def test_changes_from_elsewhere_are_not_taken_back_by_undo(all_kept):
    doc = Document()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    first = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    copy = flow.loads(flow.dumps(doc))
    changes: list[Change] = []
    copy.subscribe(changes.append)
    commands.set_attr(copy, first, "dtype", "float64")
    second = commands.add_node(doc, "constant", (0, 0))
    doc.apply_change(changes[0])
    doc.undo()
    assert second not in doc.nodes and str(analysis.type_of(first, "out")) == "float64 ()"
    assert known(analysis) == known(Analysis(doc))


def test_a_file_that_changed_meanwhile_is_read_again(all_kept, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,c\n1,2,3\n")
    doc = Document()
    doc.path = tmp_path / "graph.flow"
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    table = commands.add_node(doc, "dataset", (0, 0), attrs={"source": "csv:t.csv"})
    assert str(analysis.type_of(table, "features")) == "float32 (?, 2)"
    commands.remove(doc, [table])
    file.write_text("a,b,c,d\n1,2,3,4\n")
    doc.undo()
    assert str(analysis.type_of(table, "features")) == "float32 (?, 3)"


OP = """
import nodeflow

@nodeflow.op(infer="same as x")
def shown(x, {ports}):
    return x
"""


@pytest.fixture
def op_file(plugin_files: Path) -> Iterator[Path]:
    file = plugin_files / "shown.py"
    file.write_text(OP.format(ports="y"))
    PLUGINS.load()
    yield file


def test_an_op_that_was_declared_anew_is_looked_at_again(all_kept, op_file):
    doc = Document()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    source = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    node = commands.add_node(doc, "shown", (0, 0))
    commands.connect(doc, source, "out", node, "x")
    commands.connect(doc, source, "out", node, "y")
    assert not analysis.problems
    commands.remove(doc, [node])
    op_file.write_text(OP.format(ports="z"))
    analysis.refresh_ops(PLUGINS.load())
    doc.undo()
    assert "no in-port 'y'" in str(analysis.problems_of(node)[0])
    assert known(analysis) == known(Analysis(doc))


def test_inside_a_subgraph_edits_are_not_undone_along_with_a_deletion(all_kept):
    doc = Document()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    source = commands.add_node(doc, "constant", (0, 0), attrs={"value": [1.0, 2.0]})
    inner = commands.add_node(doc, "square", (0, 0))
    user = commands.add_node(doc, "negative", (0, 0))
    commands.connect(doc, source, "out", inner, "x")
    commands.connect(doc, inner, "out", user, "x")
    instance = create(doc, [inner])
    definition = doc.definitions()[0]
    assert str(analysis.type_of(user, "out")) == "float32 (2,)"
    commands.remove(doc, [instance])
    doc.undo()
    reduce = commands.add_node(definition, "reduce_sum", (0, 0))
    commands.connect(definition, inner, "out", reduce, "x")
    outputs = next(i for i, n in definition.nodes.items() if n.op == "subgraph_outputs")
    port = next(iter(definition.incoming.at(outputs))).target_port
    commands.connect(definition, reduce, "out", outputs, port)
    assert str(analysis.type_of(user, "out")) == "float32 ()"
    commands.remove(doc, [instance])
    doc.undo()
    assert str(analysis.type_of(user, "out")) == "float32 ()"
    for _ in range(3):
        doc.undo()
    assert str(analysis.type_of(user, "out")) == "float32 (2,)"
    assert known(analysis) == known(Analysis(doc))


def test_types_inside_an_instance_follow_what_comes_in(all_kept):
    doc = Document()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    source = commands.add_node(doc, "constant", (0, 0), attrs={"value": [1.0, 2.0]})
    inner = commands.add_node(doc, "square", (0, 0))
    commands.connect(doc, source, "out", inner, "x")
    instance = create(doc, [inner])

    def inside() -> str:
        return str(analysis.inside[instance].type_of(inner, "out"))

    kept = analysis.inside[instance]
    commands.set_attr(doc, source, "dtype", "float64")
    assert inside() == "float64 (2,)"
    doc.undo()
    assert inside() == "float32 (2,)" and analysis.inside[instance] is kept
    doc.redo()
    assert inside() == "float64 (2,)" and analysis.inside[instance] is kept


def test_a_node_that_names_another_goes_on_following_it(all_kept, sketch):
    sketch.add("variable", "w")
    sketch.add("square", "loss", {"x": "w"})
    sketch.add("gradient_descent", "train", {"loss": "loss"}, variables=["w"])
    train = sketch.id("train")
    commands.remove(sketch.doc, [train])
    sketch.doc.undo()
    commands.rename(sketch.doc, sketch.id("w"), "weight")
    assert sketch.problems("train") == []
    commands.remove(sketch.doc, [sketch.id("weight")])
    assert any("there is no variable 'weight'" in text for text in sketch.problems("train"))


def test_a_loop_that_came_back_can_be_opened(all_kept, sketch):
    sketch.add("negative", "a")
    sketch.add("negative", "b", {"x": "a"})
    sketch.add("negative", "c", {"x": "b"})
    sketch.wire("c", "a:x")
    sketch.doc.undo()
    sketch.doc.redo()
    assert all("part of a loop" in sketch.problems(name)[0] for name in "abc")
    commands.disconnect(sketch.doc, (sketch.id("b"), "x"))
    assert not any("loop" in str(p) for p in sketch.analysis.all_problems())


def test_an_output_that_is_not_there_is_not_mistaken_for_one_that_is_not_known(sketch):
    sketch.add("matmull", "m")
    sketch.add("negative", "n", {"x": "m:other"})
    assert sketch.problems("n") == []  # nothing is known of an op that is not known
    commands.remove(sketch.doc, [sketch.id("m")])
    sketch.doc.undo()
    assert sketch.problems("n") == []
    record = sketch.doc.node(sketch.id("m"))
    with sketch.doc.transaction("Replace") as t:
        t.put_node(type(record)(record.id, "constant", record.name, {"value": 1.0}, record.pos))
    assert "has no output 'other'" in sketch.problems("n")[0]
