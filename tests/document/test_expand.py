"""Expand and Unpack: what a macro node derives, to look at and to edit."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError, DocumentLocked
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.expansion.expand import can_expand, expansion, unpack
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import GraphError, MissingInput
from nodeflow.resources import example
from nodeflow.train.events import Epoch, Steps
from nodeflow.train.loop.event_stream import train

STEPS = 5


def opened(name: str) -> Document:
    return flow.load(example(f"{name}.flow"))


def content(doc: Document) -> str:
    """The file's text but for the counter of ids, which undo leaves alone."""
    return flow.dumps(doc).split("\n", 1)[1]


def trained(doc: Document, fetch: str = "train", steps: int = STEPS) -> dict[str, bytes]:
    """All variables after some runs of `fetch` on the preview batch."""
    task = Task(doc)
    target = task.fetchable(fetch)
    feeds = task.feeds([target], rows=20)
    with Session(task.graph, tier="reference", seed=3) as session:
        session.initialize()
        for _ in range(steps):
            assert session.run(target, feeds) is None
        return {name: value.tobytes() for name, value in session.variables.items()}


# ---- expansion ----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_an_expansion_holds_the_derived_nodes_and_their_wires():
    doc = opened("linear_regression")
    inner = expansion(doc, doc.node_named("train").id)
    graph = build(doc).graph
    derived = [node for node in graph.nodes if node.derived_from == "train"]
    assert len(derived) > 15
    for node in derived:
        record = inner.node_named(node.name)
        assert record is not None and record.op == node.op.id
        assert record.id not in inner.outer
        sources = {w.target_port: w for w in inner.wires_into(record.id)}
        for index, tensor in enumerate(node.inputs):
            wire = sources[node.op.input_name(index)]
            assert inner.nodes[wire.source].name == tensor.node.name
            assert wire.source_port == tensor.node.op.output_name(tensor.index)
        assert len(sources) == len(node.inputs)
        assert inner.types[record.id] == {
            node.op.output_name(i): t.type for i, t in enumerate(node.outputs)
        }


@pytest.mark.thorough
def test_at_the_border_stand_what_is_read_and_the_optimizer_that_runs_the_assigns():
    doc = opened("linear_regression")
    inner = expansion(doc, doc.node_named("train").id)
    outer = {inner.nodes[i].name: i for i in inner.outer}
    assert {"slope", "offset", "loss", "x", "train"} <= set(outer)
    for name, node_id in outer.items():
        original = doc.node_named(name)
        record = inner.nodes[node_id]
        assert inner.outer_ids[node_id] == original.id
        assert (record.op, record.attrs) == (original.op, original.attrs)
        if name != "train":
            assert not inner.wires_into(node_id) and inner.wires_out_of(node_id)
    runs = {inner.nodes[w.source].name for w in inner.wires_into(outer["train"])}
    assert runs == {"train/slope/assign", "train/offset/assign"}


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["linear_regression", "mnist", "mnist_adam", "spirals"])
def test_an_expansion_has_no_problems_no_overlaps_and_a_frame_around_each_scope(name):
    doc = opened(name)
    inner = expansion(doc, doc.node_named("train").id)
    analysis = inner.analyse()
    assert analysis.all_problems() == []
    boxes = {i: (*r.pos, *node_size(inner, r, analysis)) for i, r in inner.nodes.items()}
    placed = list(boxes.items())
    for i, (a, first) in enumerate(placed):
        for b, second in placed[i + 1 :]:
            assert not overlap(first, second), (inner.nodes[a].name, inner.nodes[b].name)
    frames = list(inner.frames.values())
    for frame in frames:
        inside = [i for i, box in boxes.items() if overlap(box, frame.rect)]
        scopes = {inner.nodes[i].name.rpartition("/")[0] for i in inside}
        assert len(inside) > 1 and len(scopes) == 1, frame.title
    titles = [frame.title for frame in frames]
    assert any(t.startswith("Gradient of ") for t in titles)
    assert any(t.startswith("Update of ") for t in titles)


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def test_a_gradients_node_is_shown_with_what_its_outputs_stand_for(sketch):
    chain(sketch)
    inner = expansion(sketch.doc, sketch.id("g"))
    built = build(sketch.doc)
    outputs = built.graph.node("g").alias
    end = inner.node_named("g")
    wires = {w.target_port: inner.nodes[w.source].name for w in inner.wires_into(end.id)}
    assert wires == {f"grads.{i}": t.node.name for i, t in enumerate(outputs)}
    assert inner.analyse().type_of(end.id, "grads.1").shape == ()


@pytest.mark.thorough
def test_an_expansion_cannot_be_changed_and_says_what_to_do():
    doc = opened("linear_regression")
    inner = expansion(doc, doc.node_named("train").id)
    before = flow.dumps(inner)
    some = next(iter(inner.nodes))
    for edit in (
        lambda: commands.move(inner, {some: (1, 2)}),
        lambda: commands.remove(inner, [some]),
        lambda: commands.add_node(inner, "add", (0, 0)),
        lambda: commands.set_training(inner, epochs=3),
    ):
        with pytest.raises(DocumentLocked, match="generated from train: Unpack to edit"):
            edit()
    assert flow.dumps(inner) == before and not inner.can_undo


def test_only_macro_nodes_expand(sketch):
    chain(sketch)
    assert can_expand(sketch.doc, sketch.id("g"))
    assert not can_expand(sketch.doc, sketch.id("y")) and not can_expand(sketch.doc, "n99")
    for function in (expansion, unpack):
        with pytest.raises(DocumentError, match="y: square derives no nodes"):
            function(sketch.doc, sketch.id("y"))
    sketch.add("gradients", "unwired")
    with pytest.raises(MissingInput, match="unwired"):
        expansion(sketch.doc, sketch.id("unwired"))
    sketch.add("no_such_op", "later")
    assert not can_expand(sketch.doc, sketch.id("later"))


# ---- unpack -------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["linear_regression", "mnist", "mnist_adam"])
def test_an_unpacked_optimizer_makes_the_same_steps_bit_for_bit(name):
    doc = opened(name)
    expected = trained(doc)
    fresh = trained(doc, steps=0) if name == "linear_regression" else None
    assert expected != fresh
    new = unpack(doc, doc.node_named("train").id)
    assert len(new) > 15 and doc.node_named("train").op == "group"
    assert Analysis(doc).all_problems() == []
    assert not [n for n in build(doc).graph.nodes if n.derived_from]
    assert trained(doc) == expected


@pytest.mark.thorough
def test_a_training_of_an_unpacked_optimizer_is_the_same_bit_for_bit():
    losses, metrics = [], []
    for unpacked in (False, True):
        doc = opened("linear_regression")
        if unpacked:
            unpack(doc, doc.node_named("train").id)
        set_value(doc, "training", "epochs", 2)
        task = Task(doc)
        training = task.training()
        assert training.loss.name == "loss" and training.optimizer.name == "train"
        with Session(task.graph, tier="reference", seed=training.seed) as session:
            session.initialize()
            events = list(train(session, training))
        losses.append(np.concatenate([e.losses for e in events if isinstance(e, Steps)]))
        metrics.append([(e.loss, e.metrics) for e in events if isinstance(e, Epoch)])
    assert len(losses[0]) >= 2 and losses[0].tobytes() == losses[1].tobytes()
    assert metrics[0] == metrics[1] and len(metrics[0]) == 2


@pytest.mark.thorough
def test_values_are_the_same_by_the_same_names():
    doc = opened("linear_regression")

    def values() -> dict[str, bytes]:
        task = Task(doc)
        wanted = [t for n in task.graph.nodes for t in n.outputs if n.op.id != "assign"]
        with Session(task.graph, tier="reference", seed=1) as session:
            session.initialize()
            found = session.run(wanted, task.feeds(wanted, rows=20))
        return {t.name: np.asarray(v).tobytes() for t, v in zip(wanted, found, strict=True)}

    before = values()
    unpack(doc, doc.node_named("train").id)
    assert values() == before and "gradients/ones_like" in before


@pytest.mark.thorough
def test_unpacking_is_one_undo_step_and_survives_a_file():
    doc = opened("mnist")
    before, steps = content(doc), doc.revision
    unpack(doc, doc.node_named("train").id)
    after = flow.dumps(doc)
    assert doc.revision == steps + 1 and doc.undo_label == "Unpack train"
    assert flow.dumps(flow.loads(after)) == after
    doc.undo()
    assert content(doc) == before and not doc.can_undo
    doc.redo()
    assert flow.dumps(doc) == after


@pytest.mark.thorough
def test_copies_stand_free_of_everything_else():
    doc = opened("mnist")
    old = {i: r.pos for i, r in doc.nodes.items()}
    frames = set(doc.frames)
    train_id = doc.node_named("train").id
    new = [*unpack(doc, train_id), train_id]
    assert {i: doc.nodes[i].pos for i in old if i != train_id} == {
        i: pos for i, pos in old.items() if i != train_id
    }
    analysis = Analysis(doc)
    boxes = {i: (*r.pos, *node_size(doc, r, analysis)) for i, r in doc.nodes.items()}
    for a in new:
        for b in doc.nodes:
            assert a == b or not overlap(boxes[a], boxes[b])
        assert not any(overlap(boxes[a], doc.frames[f].rect) for f in frames)


def test_each_new_frame_stands_around_the_copies_of_one_scope(sketch):
    fitted(sketch)
    doc = sketch.doc
    commands.move(doc, {i: (-300.0 * n, 0.0) for n, i in enumerate(doc.nodes, 2)})
    new = unpack(doc, sketch.id("train"))
    boxes = {i: (*doc.nodes[i].pos, *node_size(doc, doc.nodes[i], sketch.analysis)) for i in new}
    assert doc.frames
    for frame in doc.frames.values():
        inside = [i for i, box in boxes.items() if overlap(box, frame.rect)]
        scopes = {doc.nodes[i].name.rpartition("/")[0] for i in inside}
        assert len(inside) > 1 and len(scopes) == 1, frame.title


def test_training_goes_on_with_the_group_where_nothing_named_the_optimizer(sketch):
    fitted(sketch)
    assert sketch.doc.training == {}
    unpack(sketch.doc, sketch.id("train"))
    assert sketch.doc.training == {"optimizer": sketch.id("train"), "loss": sketch.id("loss")}
    assert Task(sketch.doc).training().optimizer.name == "train"


def test_with_several_optimizers_the_settings_stay_as_they_are(sketch):
    fitted(sketch)
    sketch.add("adam", "other", {"loss": "loss"})
    commands.set_training(sketch.doc, optimizer=sketch.id("other"))
    names = {n.name for n in build(sketch.doc).graph.nodes}
    unpack(sketch.doc, sketch.id("train"))
    assert sketch.doc.training == {"optimizer": sketch.id("other")}
    built = build(sketch.doc)
    assert {n.name for n in built.graph.nodes} == names, "the other's derived names stay"
    assert built.problems == []


def test_a_group_trains_only_where_the_settings_say_what_it_makes_small(sketch):
    fitted(sketch)
    unpack(sketch.doc, sketch.id("train"))
    commands.set_training(sketch.doc, loss=None)
    problems = Analysis(sketch.doc).all_problems()
    assert [p.port for p in problems] == ["training.loss"]
    with pytest.raises(GraphError, match="train is a group, which has no loss of its own"):
        Task(sketch.doc).training()
    commands.set_training(sketch.doc, optimizer=sketch.id("error"))
    assert "is not an optimizer" in Analysis(sketch.doc).all_problems()[0].message


def test_what_waits_for_the_optimizer_waits_for_the_group(sketch):
    fitted(sketch)
    sketch.add("identity", "after", {"x": "w"})
    sketch.wire("train:done", "after:control.0")

    def first_after() -> float:
        task = Task(sketch.doc)
        with Session(task.graph, tier="reference") as session:
            session.initialize()
            return float(session.run(task.tensor("after"))[0, 0])

    before = first_after()
    assert before != 0.0, "the control wire puts the read after the update"
    unpack(sketch.doc, sketch.id("train"))
    assert first_after() == before
    assert Analysis(sketch.doc).all_problems() == []


def test_what_used_gradients_uses_the_copies(sketch):
    chain(sketch)
    sketch.add("multiply", "scaled", {"x": "g:grads.1", "y": "g:grads.1"})
    commands.set_training(sketch.doc, metrics=[{"node": sketch.id("g"), "split": "test"}])
    expected = value(sketch.doc, "scaled")
    unpack(sketch.doc, sketch.id("g"))
    assert sketch.doc.node_named("g") is None
    assert value(sketch.doc, "scaled") == expected == pytest.approx(144.0)
    assert [p.port for p in Analysis(sketch.doc).all_problems()] == ["training.optimizer"]
    (metric,) = sketch.doc.training["metrics"]
    assert value(sketch.doc, sketch.doc.nodes[metric["node"]].name) == pytest.approx(0.0)
    sketch.doc.undo()
    assert value(sketch.doc, "scaled") == expected and sketch.doc.training["metrics"]


def test_a_gradient_that_does_not_exist_leaves_its_user_unwired(sketch):
    chain(sketch)
    sketch.add("constant", "apart", value=1.0)
    sketch.wire("apart", "g:xs.2")
    sketch.add("negative", "user", {"x": "g:grads.2"})
    unpack(sketch.doc, sketch.id("g"))
    problems = Analysis(sketch.doc).all_problems()
    assert [(p.node, p.port) for p in problems] == [("user", "x")]


def test_gradients_of_gradients_are_unpacked_from_the_inside(sketch):
    chain(sketch)
    sketch.add("gradients", "second", {"y": "g:grads.1", "xs.0": "x"})
    assert value(sketch.doc, "second") == pytest.approx(2.0)
    with pytest.raises(DocumentError, match=r"generated from g\..*Unpack g first"):
        unpack(sketch.doc, sketch.id("second"))
    unpack(sketch.doc, sketch.id("g"))
    assert value(sketch.doc, "second") == pytest.approx(2.0)
    sketch.add("identity", "shown", {"x": "second:grads.0"})
    unpack(sketch.doc, sketch.id("second"))
    assert value(sketch.doc, "shown") == pytest.approx(2.0)
    assert build(sketch.doc).problems == []


def test_names_of_the_document_win_over_derived_ones(sketch):
    chain(sketch)
    sketch.add("gradients", "h", {"y": "y", "xs.0": "x"})
    expected = value(sketch.doc, "g:1"), value(sketch.doc, "h")
    unpack(sketch.doc, sketch.id("h"))
    built = build(sketch.doc)
    assert built.problems == []
    for record in sketch.doc.nodes.values():
        assert built.nodes[record.id].name == record.name
    assert value(sketch.doc, "g:1") == expected[0]


def chain(sketch) -> None:
    """sum = x^2 + 0 * flat at x = 6, and its gradients with respect to flat and x."""
    sketch.add("variable", "x", value=6.0)
    sketch.add("square", "y", {"x": "x"})
    sketch.add("variable", "flat", value=1.0)
    sketch.add("constant", "zero", value=0.0)
    sketch.add("multiply", "nothing", {"x": "flat", "y": "zero"})
    sketch.add("add", "sum", {"x": "y", "y": "nothing"})
    sketch.add("gradients", "g", {"y": "sum", "xs.0": "flat", "xs.1": "x"})


def fitted(sketch) -> None:
    """A line through three points, with gradient descent."""
    sketch.add("placeholder", "x", shape=[None, 1], sample=[[0.0], [1.0], [2.0]])
    sketch.add("placeholder", "t", shape=[None, 1], sample=[[1.0], [3.0], [5.0]])
    sketch.add("variable", "w", value=[[0.0]])
    sketch.add("matmul", "line", {"x": "x", "y": "w"})
    sketch.add("subtract", "error", {"x": "line", "y": "t"})
    sketch.add("square", "squared", {"x": "error"})
    sketch.add("reduce_mean", "loss", {"x": "squared"})
    sketch.add("gradient_descent", "train", {"loss": "loss"}, learning_rate=0.1)


def value(doc: Document, name: str) -> float:
    task = Task(doc)
    with Session(task.graph, tier="reference") as session:
        session.initialize()
        return float(session.run(task.tensor(name)))
