"""Subgraphs: made, unpacked, nested, edited inside, run; compared with the flat graph."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import NEW
from nodeflow.document.analysis.subgraphs.instance_paths import (
    find_name,
    graph_at,
    place_of_use,
    scoped_name,
    unused,
    walk,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import port_names
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands, set_flags
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.edit.subgraphs import subgraph_ports
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import (
    add_instance,
    make_independent,
    remove_definition,
    rename_definition,
)
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.formula.parser import parse_expression
from nodeflow.document.formula.render import formula_text
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import (
    BadName,
    BadPort,
    DuplicateId,
    FlowContent,
    NameTaken,
    RecursiveSubgraph,
    SubgraphError,
    UnknownSubgraph,
    WireToNothing,
)
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError, UnknownName
from nodeflow.resources import example

from .strategies import actions, perform
from .test_history import body


def value(doc: Document, name: str):
    """What a fetch gives, in the reference tier."""
    task = Task(doc)
    with Session(task.graph, tier="reference") as session:
        session.initialize()
        return session.run(task.fetchable(name), task.feeds([task.fetchable(name)]))


def inside(doc: Document, node_id: str) -> Document:
    found = doc.definition(doc.nodes[node_id].attrs["definition"])
    assert found is not None
    return found


@pytest.fixture
def sums(expression):
    """a = d * e, where d = b + c and e = c + 2 are in a subgraph; the instance's id."""
    expression.instance = create(
        expression.doc, [expression.id("d"), expression.id("e"), expression.id("two")], "sums"
    )
    return expression


# ---- making and unpacking -----------------------------------------------------------------------


def test_external_wires_become_ports_called_after_what_is_wired(sums):
    definition = inside(sums.doc, sums.instance)
    assert port_names(definition, INPUTS) == ["b", "c"]
    assert port_names(definition, OUTPUTS) == ["d", "e"]
    assert {n.name for n in definition.nodes.values()} == {"d", "e", "two", "inputs", "outputs"}
    assert [n.name for n in sums.doc.nodes.values()] == ["b", "c", "a", "sums"]
    wires = {(w.source, w.source_port, w.target_port) for w in sums.doc.wires.values()}
    assert (sums.id("b"), "out", "b") in wires and (sums.instance, "e", "y") in wires


def test_inputs_stand_to_the_left_of_the_nodes_inside_and_outputs_to_the_right(sums):
    definition = inside(sums.doc, sums.instance)

    def sides(name: str) -> tuple[float, float]:
        record = definition.node_named(name)
        return record.pos[0], record.pos[0] + node_size(definition, record)[0]

    nodes = [sides(name) for name in ("d", "e", "two")]
    assert sides("inputs")[1] < min(left for left, _ in nodes)
    assert sides("outputs")[0] > max(right for _, right in nodes)


def test_a_subgraph_computes_the_same_and_its_nodes_are_fetched_by_scope(sums):
    assert value(sums.doc, "a") == 9
    assert value(sums.doc, "sums/e") == 3 and value(sums.doc, "sums/two") == 2
    assert value(sums.doc, "sums") == value(sums.doc, "sums:d") == 3
    assert value(sums.doc, "sums:1") == value(sums.doc, "sums:e")
    with pytest.raises(UnknownName, match="no output 'f'"):
        build(sums.doc).fetch("sums:f")


def test_making_and_unpacking_are_one_undo_step_each(expression):
    before = body(expression.doc)
    made = create(expression.doc, [expression.id("d"), expression.id("e")])
    after = body(expression.doc)
    expression.doc.undo()
    assert body(expression.doc) == before and not expression.doc.subgraphs
    expression.doc.redo()
    assert body(expression.doc) == after
    unpack_subgraph(expression.doc, made)
    assert body(expression.doc) == before
    expression.doc.undo()
    assert body(expression.doc) == after


@pytest.mark.thorough
@settings(max_examples=80)
@given(actions, st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_unpack_of_create_is_the_identity(acts, numbers):
    doc = Document()
    for act in acts:
        perform(doc, act)
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    before, nodes = body(doc), sorted(doc.nodes)
    try:
        made = create(doc, [nodes[n % len(nodes)] for n in numbers] if nodes else [])
    except SubgraphError:
        assert body(doc) == before
        return
    assert flow.dumps(flow.loads(flow.dumps(doc))) == flow.dumps(doc)
    unpack_subgraph(doc, made)
    assert body(doc) == before
    fresh = Analysis(doc)
    assert fresh.problems == analysis.problems
    assert all(fresh.out_types(i) == analysis.out_types(i) for i in doc.nodes)


formulas = st.lists(
    st.tuples(
        st.sampled_from(["add", "multiply", "maximum", "tanh", "negative", "split"]),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    min_size=2,
    max_size=12,
)
cuts = st.lists(
    st.tuples(st.integers(0, 9), st.lists(st.integers(0, 30), min_size=1, max_size=5)), max_size=5
)


def random_graph(formulas) -> Document:
    """A document of rows of four numbers, each made of those before it.

    None is random: a stream follows the node's name, scope included.
    """
    doc = Document()
    row = {"dtype": "float32", "value": [0.5, -1.5, 2.0, 0.25]}
    ends = [(commands.add_node(doc, "constant", (0, 0), attrs=row), "out")]
    kept = {"value": [1.0, 2.0, 3.0, 4.0]}
    ends.append((commands.add_node(doc, "variable", (0, 80), attrs=kept), "out"))
    for place, (op, a, b) in enumerate(formulas, 1):
        pos, sources = (place * 100, (a + b) * 10), [ends[a % len(ends)], ends[b % len(ends)]]
        attrs = {"parts": 2} if op == "split" else {}
        node = commands.add_node(doc, op, pos, attrs=attrs)
        for port, source in zip(("x", "y"), sources[: 1 + (op in TWO)], strict=False):
            commands.connect(doc, *source, node, port)
        if op == "split":  # its halves joined the other way round
            ends.append((commands.add_node(doc, "concat", (place * 100 + 50, b * 10)), "out"))
            for index in (0, 1):
                commands.connect(doc, node, f"parts.{index}", ends[-1][0], f"values.{1 - index}")
        else:
            ends.append((node, "out"))
    return doc


TWO = ("add", "multiply", "maximum")


def values_by_id(doc: Document) -> dict[str, bytes]:
    """What every node computes, by its own id: however deep it lies."""
    task = Task(doc)
    wanted = {}
    for path, _, record in walk(doc):
        if record.op not in ("subgraph", "subgraph_inputs", "subgraph_outputs"):
            name = scoped_name(doc, path)
            assert name is not None
            assert name == "/".join(r.name for r in find_name(doc, name) or [])
            wanted[record.id] = task.fetchable(name)
    with Session(task.graph, tier="reference", seed=5) as session:
        session.initialize()
        found = session.run(list(wanted.values()))
    return {i: np.asarray(v).tobytes() for i, v in zip(wanted, found, strict=True)}


@pytest.mark.thorough
@settings(max_examples=60)
@given(formulas, cuts)
def test_nested_subgraphs_of_a_random_graph_compute_the_same_and_unpack_to_it(formulas, cuts):
    doc = random_graph(formulas)
    before, flat, made = body(doc), values_by_id(doc), []
    for which, numbers in cuts:
        graph = [doc, *doc.definitions()][which % (1 + len(doc.subgraphs))]
        nodes = sorted(graph.nodes)
        try:
            made.append(create(graph, [nodes[n % len(nodes)] for n in numbers]))
        except SubgraphError:
            continue
        assert not Analysis(doc).all_problems()
        assert values_by_id(doc) == flat
    cut = body(doc)
    for instance in reversed(made):
        unpack_subgraph(holder(doc, instance), instance)
        assert values_by_id(doc) == flat
    assert body(doc) == before
    for _ in made:
        doc.undo()
    assert body(doc) == cut


def holder(doc: Document, node: str) -> Document:
    """The graph that a node is in now."""
    return next(graph for graph in (doc, *doc.definitions()) if node in graph.nodes)


@pytest.mark.thorough
@settings(max_examples=25)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.lists(st.integers(0, 6), max_size=4))
def test_the_expression_is_nine_however_it_is_cut_into_subgraphs(first, second):
    doc = flow.load(example("expression.flow"))
    for numbers in (first, second):
        nodes = sorted(doc.nodes)
        try:
            create(doc, [nodes[n % len(nodes)] for n in numbers])
        except SubgraphError:
            continue
    names = [n.name for n in doc.nodes.values()]
    end = build(doc).ends()
    assert [value(doc, name) for name in end] == [9.0], names


@pytest.mark.parametrize("name", ["mnist.flow", "mnist_adam.flow", "spirals.flow"])
def test_a_network_in_subgraphs_is_the_same_graph_but_for_scopes(name):
    doc = flow.load(example(name))
    flat = {(n.op.id, n.outputs[0].type) for n in build(doc).graph.nodes if n.outputs}
    ends = build(doc).ends()
    create(doc, [n.id for n in doc.nodes.values() if n.op != "dataset"], "network")
    built = build(doc)
    assert not [p for p in built.problems if p.severity == "error"]
    assert {(n.op.id, n.outputs[0].type) for n in built.graph.nodes if n.outputs} == flat
    assert built.ends() == [f"network/{end}" for end in ends]
    training = Task(doc).training()
    assert training.optimizer.name.startswith("network/")
    assert {t.node.name.split("/")[0] for t in training.bindings} == {"network"}


def test_a_selection_that_something_lies_between_is_refused(expression):
    before = body(expression.doc)
    with pytest.raises(SubgraphError, match="`d` lies between"):
        create(expression.doc, [expression.id("b"), expression.id("a")])
    with pytest.raises(SubgraphError, match="needs nodes"):
        create(expression.doc, [])
    with pytest.raises(BadName):
        create(expression.doc, [expression.id("b")], "a/b")
    assert body(expression.doc) == before


def test_what_nothing_uses_becomes_an_output_where_nothing_leaves(expression):
    made = create(expression.doc, list(expression.doc.nodes))
    assert port_names(inside(expression.doc, made), OUTPUTS) == ["a"]
    assert value(expression.doc, "subgraph") == 9


def test_nested_subgraphs_unpack_from_outside_in(sums):
    before = body(sums.doc)
    outer = create(sums.doc, [sums.instance, sums.id("a")], "outer")
    assert value(sums.doc, "outer/a") == 9 and value(sums.doc, "outer/sums/e") == 3
    assert [r.name for r in find_name(sums.doc, "outer/sums/e") or []] == ["outer", "sums", "e"]
    unpack_subgraph(sums.doc, outer)
    assert body(sums.doc) == before


def test_frames_and_names_go_along(expression):
    doc = expression.doc
    commands.move(doc, {expression.id("d"): (100, 100), expression.id("e"): (100, 200)})
    commands.add_frame(doc, (50, 50, 200, 250), "Sums")
    before = body(doc)
    made = create(doc, [expression.id("d"), expression.id("e")])
    assert not doc.frames and len(inside(doc, made).frames) == 1
    commands.move(doc, {made: (500, 400)})
    unpack_subgraph(doc, made)
    assert doc.nodes[expression.id("d")].pos == (500, 350)
    doc.undo()
    doc.undo()
    unpack_subgraph(doc, made)
    assert body(doc) == before


# ---- variables, training -----------------------------------------------------------------------


@pytest.fixture
def layers():
    """Two instances of one layer `h = tanh(x @ W)`, a loss on the second, and an optimizer."""
    doc = Document()

    def add(op, name, wires=None, **attrs):
        node = commands.add_node(doc, op, (0, 0), name, attrs)
        for port, source in (wires or {}).items():
            ends = source if isinstance(source, tuple) else (source, "out")
            commands.connect(doc, *ends, node, port)
        return node

    x = add("constant", "x", dtype="float32", value=[[1.0, 2.0, 3.0]])
    w = add("variable", "W", shape=[3, 3], initializer={"op": "random_normal"})
    product = add("matmul", "product", {"x": x, "y": w})
    h = add("tanh", "h", {"x": product})
    first = create(doc, [w, product, h], "layer")
    second = add_instance(doc, "layer", (400, 0))
    commands.connect(doc, first, "h", second, "x")
    loss = add("reduce_sum", "loss", {"x": (second, "h")})
    add("gradient_descent", "train", {"loss": loss}, learning_rate=0.5)
    return doc


def test_each_instance_has_its_own_variables(layers):
    built = build(layers)
    assert [v.name for v in built.graph.variables] == ["layer/W", "layer_1/W"]
    with Session(built.graph, tier="reference") as session:
        session.initialize()
        one, two = session.run([built.fetch("layer/W"), built.fetch("layer_1/W")])
        assert not np.array_equal(one, two)  # streams follow names
        session.run(built.fetch("train"))
        trained = session.run([built.fetch("layer/W"), built.fetch("layer_1/W")])
    assert not np.array_equal(trained[1], two)


def test_an_edit_of_a_definition_changes_all_instances(layers):
    analysis = Analysis(layers)
    layers.subscribe(analysis.update)
    definition = layers.definition("layer")
    w = definition.node_named("W")
    commands.set_attr(definition, w.id, "shape", [3, 2])
    names = {layers.nodes[i].name: p for i, p in analysis.problems.items() if i}
    assert "layer_1" in names and "layer" not in names
    assert names["layer_1"][0].node == "layer_1/product"
    assert "3 is not 2" in names["layer_1"][0].message or "2 is not 3" in str(names["layer_1"])
    layers.undo()
    assert not [p for p in analysis.all_problems() if p.severity == "error"]


def test_an_independent_instance_is_edited_alone(layers):
    second = layers.node_named("layer_1").id
    name = make_independent(layers, second)
    assert name == "layer_1" and layers.definition("layer") is not None
    definition = layers.definition(name)
    commands.set_attr(definition, definition.node_named("W").id, "shape", [3, 5])
    built = build(layers)
    assert [str(v.type) for v in built.graph.variables] == ["float32 (3, 3)", "float32 (3, 5)"]
    assert make_independent(layers, second) == name


def test_unpacking_one_of_two_keeps_scopes_so_its_variables_keep_their_values(layers):
    before = value(layers, "loss")
    unpack_subgraph(layers, layers.node_named("layer_1").id)
    assert layers.node_named("layer_1/W") is not None and layers.definition("layer") is not None
    assert value(layers, "loss") == before
    unpack_subgraph(layers, layers.node_named("layer").id)
    assert layers.node_named("W") is not None and not layers.subgraphs


@pytest.mark.thorough
def test_an_optimizer_names_variables_inside_and_follows_them(layers):
    train = layers.node_named("train").id
    commands.set_attr(layers, train, "variables", ["layer_1/W"])
    assert not Analysis(layers).problems_of(train)
    made = create(layers, [layers.node_named("layer").id, layers.node_named("layer_1").id], "net")
    assert layers.nodes[train].attrs["variables"] == ["net/layer_1/W"]
    built = build(layers)
    assigns = [n for n in built.graph.nodes if n.op.id == "assign"]
    assert [n.inputs[0].node.name for n in assigns] == ["net/layer_1/W"]
    unpack_subgraph(layers, made)
    assert layers.nodes[train].attrs["variables"] == ["layer_1/W"]


def test_training_settings_follow_into_a_subgraph_and_out(layers):
    train, loss = layers.node_named("train").id, layers.node_named("loss").id
    commands.set_training(layers, optimizer=train, loss=loss, metrics=[{"node": loss}])
    made = create(layers, [train, loss], "training")
    assert layers.training["optimizer"] == f"{made}/{train}"
    assert not [p for p in Analysis(layers).all_problems() if p.severity == "error"]
    task = Task(layers)
    assert task.training().loss.name == "training/loss"
    assert task.training().optimizer.name == "training/train"
    unpack_subgraph(layers, made)
    assert layers.training == {"loss": loss, "metrics": [{"node": loss}], "optimizer": train}
    create(layers, [train, loss], "training")
    commands.remove(layers, [layers.node_named("training").id])
    assert layers.training == {"metrics": []}


def test_the_loss_may_be_an_instance(layers):
    loss = layers.node_named("loss").id
    commands.set_training(layers, optimizer=layers.node_named("train").id, loss=loss)
    made = create(layers, [loss], "measure")
    commands.set_training(layers, loss=made)
    assert not [p for p in Analysis(layers).all_problems() if p.severity == "error"]
    assert Task(layers).training().loss.name == "measure/loss"


# ---- types and problems through an instance -----------------------------------------------------


def test_types_are_inferred_through_an_instance_and_inside_it(sums):
    assert sums.type("sums:d") == "float32 ()"
    part = sums.analysis.inside[sums.instance]
    node = inside(sums.doc, sums.instance).node_named("d").id
    assert str(part.type_of(node, "out")) == "float32 ()"
    commands.set_attr(sums.doc, sums.id("b"), "value", [1.0, 2.0])
    assert sums.type("sums:d") == "float32 (2,)" and sums.type("a") == "float32 (2,)"
    assert str(part.type_of(node, "out")) == "float32 (2,)"


def test_a_change_outside_infers_only_what_it_reaches_inside(sums, inferences):
    part = sums.analysis.inside[sums.instance]
    commands.set_attr(sums.doc, sums.id("b"), "value", [1.0, 2.0])
    assert inferences[part] <= 3  # the border, d, and the border again
    inferences.clear()
    commands.set_attr(sums.doc, sums.id("b"), "value", [3.0, 4.0])
    assert inferences[part] == 0


def test_a_problem_inside_stands_at_the_instance_with_its_path(sums):
    commands.set_attr(sums.doc, sums.id("c"), "value", [1.0, 2.0])
    commands.set_attr(sums.doc, sums.id("b"), "value", [1.0, 2.0, 3.0])
    assert "sums/d" in sums.problems("sums")[0]
    with pytest.raises(NodeflowError, match="sums/d"):
        build(sums.doc)


def test_an_input_without_a_wire_is_missed_at_the_instance(sums):
    commands.disconnect(sums.doc, (sums.instance, "b"))
    assert "nothing is connected to `b`" in sums.problems("sums")[0]


def test_what_is_needed_deep_inside_is_missed_outside_only_as_long(sums):
    definition = sums.doc.definition("sums")
    border = definition.borders[INPUTS]
    commands.connect(definition, border, "c", definition.node_named("d").id, "x")
    side = commands.add_node(definition, "exp", (0, 0), "side")
    commands.connect(definition, border, "b", side, "x")
    outer = create(sums.doc, [sums.instance], "outer")
    commands.disconnect(sums.doc, (outer, "b"))
    assert "nothing is connected to `b`" in sums.problems("outer")[0]
    commands.remove(definition, [side])
    assert not sums.problems("outer") and sums.analysis.problems == Analysis(sums.doc).problems
    sums.doc.undo()
    assert "nothing is connected to `b`" in sums.problems("outer")[0]


def test_the_verdict_on_a_wire_into_an_instance_is_that_of_what_is_inside(sums):
    three = sums.add("constant", "three", dtype="float32", value=[1.0, 2.0, 3.0])
    commands.set_attr(sums.doc, sums.id("c"), "value", [1.0, 2.0])
    verdict = check_wire(sums.doc, sums.analysis, three, "out", sums.instance, "b")
    assert not verdict.ok and "3" in verdict.reason
    fits = check_wire(sums.doc, sums.analysis, sums.id("c"), "out", sums.instance, "b")
    assert fits.ok
    loop = check_wire(sums.doc, sums.analysis, sums.id("a"), "out", sums.instance, "b")
    assert "loop" in loop.reason


# ---- ports --------------------------------------------------------------------------------------


def test_renaming_a_port_renames_it_at_every_instance(layers):
    before, loss = body(layers), value(layers, "loss")
    subgraph_ports.rename_port(layers.definition("layer"), INPUTS, "x", "batch")
    subgraph_ports.rename_port(layers.definition("layer"), OUTPUTS, "h", "hidden")
    ids = [layers.node_named(n).id for n in ("layer", "layer_1")]
    assert [[w.target_port for w in layers.incoming.at(i)] for i in ids] == [["batch"], ["batch"]]
    assert value(layers, "loss") == loss
    for bad in ("hidden", "9", "done", "a/b"):
        with pytest.raises(BadPort):
            subgraph_ports.rename_port(layers.definition("layer"), INPUTS, "batch", bad)
    layers.undo()
    layers.undo()
    assert body(layers) == before


def test_ports_are_added_exposed_moved_and_removed(sums):
    definition = inside(sums.doc, sums.instance)
    two = definition.node_named("two").id
    assert subgraph_ports.expose(definition, two, "out", OUTPUTS) == "two"
    assert value(sums.doc, "sums:two") == 2
    subgraph_ports.move_port(definition, OUTPUTS, "two", 0)
    assert port_names(definition, OUTPUTS) == ["two", "d", "e"] and value(sums.doc, "sums") == 2
    e = definition.node_named("e").id
    assert subgraph_ports.expose(definition, e, "y", INPUTS) == "y"
    assert "nothing is connected to `y`" in sums.problems("sums")[0]
    sums.wire("b", "sums:y")
    assert value(sums.doc, "a") == 9 and value(sums.doc, "sums/e") == 3
    subgraph_ports.remove_port(definition, OUTPUTS, "e")
    assert (sums.id("a"), "y") not in sums.doc.wires
    assert subgraph_ports.add_port(definition, INPUTS) == "x"
    with pytest.raises(SubgraphError):
        subgraph_ports.add_port(sums.doc, INPUTS)


def test_a_wire_to_the_free_slot_at_the_border_makes_a_port(sums):
    definition = inside(sums.doc, sums.instance)
    inputs, outputs = definition.borders[INPUTS], definition.borders[OUTPUTS]
    two, e = definition.node_named("two").id, definition.node_named("e").id
    analysis = sums.analysis.inside[sums.instance]
    assert check_wire(definition, analysis, two, "out", outputs, NEW).ok
    assert not check_wire(definition, analysis, inputs, NEW, outputs, NEW).ok
    commands.connect(definition, two, "out", outputs, NEW)
    commands.connect(definition, inputs, NEW, e, "x")
    assert port_names(definition, OUTPUTS) == ["d", "e", "two"]
    assert port_names(definition, INPUTS) == ["b", "c", "x"]
    assert definition.wires[e, "x"].source_port == "x"
    sums.doc.undo()
    sums.doc.undo()
    assert port_names(definition, INPUTS) == ["b", "c"]


def test_a_formula_inside_uses_what_comes_in(sums):
    definition = inside(sums.doc, sums.instance)
    analysis = sums.analysis.inside[sums.instance]
    plan = parse_expression(definition, analysis, "q = b * two + c")
    assert not plan.nodes[0].op.endswith("placeholder")
    e = definition.node_named("e").id
    assert formula_text(definition, e) == "c + 2"
    assert formula_text(sums.doc, sums.id("a")) == "(b + c) * (c + 2)"
    assert "inputs of the subgraph" in python_code(definition, e)


def test_border_nodes_are_not_removed_copied_or_moved_into_a_subgraph(sums):
    definition = inside(sums.doc, sums.instance)
    nodes = set(definition.nodes)
    borders = set(definition.borders.values())
    commands.remove(definition, list(nodes))
    assert set(definition.nodes) == borders
    sums.doc.undo()
    copies = clipboard.duplicate(definition, list(nodes))
    assert len(copies) == len(nodes) - 2
    with pytest.raises(SubgraphError):
        create(definition, borders)


# ---- definitions --------------------------------------------------------------------------------


def test_a_subgraph_cannot_contain_itself(sums):
    definition = inside(sums.doc, sums.instance)
    outer = create(sums.doc, [sums.instance], "outer")
    before = body(sums.doc)
    with pytest.raises(RecursiveSubgraph, match="cannot contain itself"):
        add_instance(definition, "sums", (0, 0))
    with pytest.raises(RecursiveSubgraph, match="`outer`, which contains `sums`"):
        add_instance(definition, "outer", (0, 0))
    with pytest.raises(RecursiveSubgraph):
        clipboard.paste(definition, clipboard.copy_json(sums.doc, [outer]), (0, 0))
    with pytest.raises(UnknownSubgraph):
        add_instance(sums.doc, "nothing", (0, 0))
    assert body(sums.doc) == before


def test_renaming_and_removing_definitions(layers):
    rename_definition(layers, "layer", "dense")
    assert list(layers.subgraphs) == ["dense"]
    assert {n.attrs["definition"] for n in layers.nodes.values() if n.op == SUBGRAPH} == {"dense"}
    assert flow.dumps(flow.loads(flow.dumps(layers))) == flow.dumps(layers)
    with pytest.raises(SubgraphError, match="is used by `layer`"):
        remove_definition(layers, "dense")
    commands.remove(layers, [layers.node_named(n).id for n in ("layer", "layer_1")])
    remove_definition(layers, "dense")
    assert not layers.subgraphs
    layers.undo()
    assert layers.definition("dense").node_named("W") is not None


def test_a_definition_is_reached_by_its_instances_or_by_itself(sums):
    outer = create(sums.doc, [sums.instance], "outer")
    graph, names = graph_at(sums.doc, [outer, sums.instance])
    assert graph is sums.doc.definition("sums") and names == ["outer", "sums"]
    assert graph_at(sums.doc, ["@sums"]) == (graph, ["sums"])
    assert graph_at(sums.doc, ["@outer", sums.instance]) == (graph, ["outer", "sums"])
    assert graph_at(sums.doc, []) == (sums.doc, [])
    for wrong in (["@nothing"], ["n99"], [outer, "@sums"], [sums.id("a")], [outer, "n99"]):
        assert graph_at(sums.doc, wrong) is None
    assert place_of_use(sums.doc, "sums") == f"{outer}/{sums.instance}"
    assert place_of_use(sums.doc, "outer") == outer and unused(sums.doc) == []
    commands.remove(sums.doc, [outer])
    assert place_of_use(sums.doc, "outer") is None
    assert place_of_use(sums.doc, "sums") == f"@outer/{sums.instance}"
    assert [d.scope for d in unused(sums.doc)] == ["outer", "sums"]
    add_instance(sums.doc, "sums", (0, 0))
    assert [d.scope for d in unused(sums.doc)] == ["outer"]


def test_a_copied_instance_brings_its_definitions(sums):
    outer = create(sums.doc, [sums.instance], "outer")
    clip = clipboard.copy_json(sums.doc, [outer])
    other = Document()
    (first,) = clipboard.paste(other, clip, (0, 0))
    assert sorted(other.subgraphs) == ["outer", "sums"]
    (second,) = clipboard.paste(other, clip, (0, 0))
    assert sorted(other.subgraphs) == ["outer", "sums"]  # equal ones are used again
    flow.loads(flow.dumps(other))
    definition = other.definition("sums")
    commands.set_attr(definition, definition.node_named("two").id, "value", 5.0)
    (third,) = clipboard.paste(other, clip, (0, 0))
    assert sorted(other.subgraphs) == ["outer", "outer_1", "sums", "sums_1"]
    assert other.nodes[third].attrs["definition"] == "outer_1"
    for node in (first, second, third):
        b = commands.add_node(other, "constant", (0, 0), attrs={"value": 2.0, "dtype": "float32"})
        commands.connect(other, b, "out", node, "b")
        commands.connect(other, b, "out", node, "c")
    assert [float(value(other, f"{other.nodes[i].name}:e")) for i in (first, third)] == [7.0, 4.0]


def test_muted_and_bypassed_instances(sums):
    set_flags.set_mode(sums.doc, [sums.instance], "muted")
    with pytest.raises(NodeflowError, match="depends on `sums`, which is muted"):
        build(sums.doc).fetch("a")
    set_flags.set_mode(sums.doc, [sums.instance], "bypassed")
    assert not [p for p in sums.analysis.all_problems() if p.severity == "error"]
    assert value(sums.doc, "a") == 4  # both outputs are the first input of their type: b
    with pytest.raises(SubgraphError, match="bypassed"):
        unpack_subgraph(sums.doc, sums.instance)


def test_order_goes_through_an_instance(sketch):
    sketch.add("variable", "v", value=1.0)
    sketch.add("constant", "two", dtype="float32", value=2.0)
    sketch.add("assign", "set", {"variable": "v", "value": "two"})
    sketch.add("add", "after", {"x": "v", "y": "two"})
    sketch.wire("set", "after:control.0")
    flat = value(sketch.doc, "after")
    made = create(sketch.doc, [sketch.id("set"), sketch.id("two")], "store")
    assert value(sketch.doc, "after") == flat
    unpack_subgraph(sketch.doc, made)
    create(sketch.doc, [sketch.id("after")], "late")
    assert value(sketch.doc, "late") == flat
    sketch.add("add", "last", {"x": "v", "y": "two"})
    inner = sketch.add("add", "waits", {"x": "v", "y": "two"})
    held = create(sketch.doc, [inner], "held")
    sketch.wire("set", "held:control.0")
    (control,) = build(sketch.doc).graph.node("held/waits").control_inputs
    assert control.name == "set"
    unpack_subgraph(sketch.doc, held)
    assert (sketch.id("waits"), "control.0") in sketch.doc.wires


# ---- from outside -------------------------------------------------------------------------------


def test_setting_a_value_inside_changes_that_instance_alone(layers):
    before = value(layers, "layer")
    set_value(layers, "layer_1/W", "initializer", {"op": "random_normal", "stddev": 1e-9})
    assert abs(value(layers, "loss")) < 1e-6
    assert np.array_equal(value(layers, "layer"), before)
    with pytest.raises(UnknownName, match="layer/V"):
        set_value(layers, "layer/V", "value", 1)


def test_the_python_api_loads_a_file_with_nested_subgraphs(sums, tmp_path):
    create(sums.doc, [sums.instance, sums.id("a")], "outer")
    flow.save(sums.doc, tmp_path / "nested.flow")
    graph = nf.load(tmp_path / "nested.flow")
    with nf.Session(graph) as session:
        session.initialize()
        assert session.run(graph.tensor("outer/a")) == 9
        assert session.run(graph.tensor("outer/sums/d")) == 3


# ---- files --------------------------------------------------------------------------------------


def test_a_file_lists_nodes_and_wires_of_definitions_line_by_line(sums):
    text = flow.dumps(sums.doc)
    lines = text.split("\n")
    assert ' "subgraphs": {' in lines and '  "sums": {"frames": [], "nodes": [' in lines
    assert sum('"op": "subgraph_inputs"' in line for line in lines) == 1
    assert flow.dumps(flow.loads(text)) == text


def with_definition(sums, change) -> str:
    data = json.loads(flow.dumps(sums.doc))
    change(data)
    return json.dumps(data)


def node_of(data, op):
    return next(n for n in data["subgraphs"]["sums"]["nodes"] if n["op"] == op)


def opened(text: str) -> list[tuple[str, str]]:
    """The errors of a document that opens; it is written as it was read."""
    doc = flow.loads(text)
    again = flow.dumps(doc)
    assert json.loads(again) == json.loads(text) and flow.dumps(flow.loads(again)) == again
    found = [(p.kind, p.node) for p in Analysis(doc).all_problems() if p.severity == "error"]
    with pytest.raises(NodeflowError):
        build(doc, only=["a"])
    build(doc, partial=True)
    return found


def test_an_unknown_definition_is_a_problem_and_kept(sums):
    def change(data):
        data["subgraphs"] = {}

    assert opened(with_definition(sums, change)) == [("UnknownSubgraph", "sums")]


def test_a_recursive_definition_is_a_problem_and_kept(sums):
    def change(data):
        own = {"id": "n90", "op": "subgraph", "name": "own", "attrs": {"definition": "sums"}}
        data["subgraphs"]["sums"]["nodes"].append({**own, "pos": [0, 0]})
        data["next_id"] = 91

    assert opened(with_definition(sums, change)) == [("RecursiveSubgraph", "sums")]


def test_equal_ports_are_a_problem_and_kept(sums):
    def change(data):
        node_of(data, "subgraph_inputs")["attrs"]["ports"] = ["b", "c", "b"]

    assert opened(with_definition(sums, change)) == [("BadPort", "sums")]

    def spoil(data):
        node_of(data, "subgraph_outputs")["attrs"]["ports"] = ["d", 7, "e"]

    assert opened(with_definition(sums, spoil)) == [("BadPort", "sums")]


def test_a_name_that_is_also_one_inside_is_a_problem(sums):
    commands.rename(sums.doc, sums.id("b"), "sums/d")
    assert "both" not in sums.problems("sums")[0]
    assert Analysis(sums.doc).problems_of(sums.instance)[0].kind == NameTaken.__name__
    assert sums.analysis.problems_of(sums.instance)[0].kind == NameTaken.__name__
    commands.rename(sums.doc, sums.id("sums/d"), "b")
    assert not sums.problems("sums")


def test_a_definition_that_multiplies_without_end_is_refused_quickly(sums):
    """Forty levels of ten instances each stand for more nodes than there are atoms."""
    data = json.loads(flow.dumps(Document()))
    number = 1
    for level in range(39):
        nodes = []
        for copy in range(10):
            attrs = {"definition": f"level{level + 1}"}
            record = {"id": f"n{number}", "op": "subgraph", "name": f"i{copy}", "attrs": attrs}
            nodes.append(record)
            number += 1
        data["subgraphs"][f"level{level}"] = {"nodes": nodes}
    data["subgraphs"]["level39"] = {"nodes": []}
    data["nodes"] = [
        {"id": f"n{number}", "op": "subgraph", "name": "bomb", "attrs": {"definition": "level0"}}
    ]
    doc = flow.loads(json.dumps(data))
    (problem,) = Analysis(doc).all_problems()
    assert problem.kind == "SubgraphTooLarge"
    build(doc, partial=True)


@pytest.mark.parametrize(
    ("change", "error", "place"),
    [
        (lambda d: d.update(nodes=7), FlowContent, r"subgraphs\.sums\.nodes"),
        (lambda d: d["nodes"][0].update(id="n1"), DuplicateId, "n1"),
        (lambda d: d["wires"].append(["n1", "out", "n4", "x"]), WireToNothing, "n1"),
        (lambda d: d["nodes"][0].update(name="e"), DuplicateId, "two nodes are called"),
        (
            lambda d: d["nodes"].append(d["nodes"][-1] | {"id": "n99", "name": "q"}),
            DuplicateId,
            "two",
        ),
    ],
)
def test_broken_definitions_are_refused(sums, change, error, place):
    with pytest.raises(error, match=place):
        flow.loads(with_definition(sums, lambda data: change(data["subgraphs"]["sums"])))
    with pytest.raises(FlowContent, match="name"):
        flow.loads(with_definition(sums, lambda d: d["subgraphs"].update({"a/b": {}})))


def test_unpacking_leaves_out_a_wire_that_starts_where_nothing_comes_out():
    doc = Document()
    instance = create(doc, [commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})])
    inside = doc.definitions()[0]
    relu = commands.add_node(inside, "relu", (0, 0))
    commands.connect(inside, inside.borders[OUTPUTS], "out", relu, "x")
    unpack_subgraph(doc, instance)
    assert sorted(record.op for record in doc.nodes.values()) == ["constant", "relu"]
    assert not doc.wires


@pytest.mark.parametrize("border", [INPUTS, OUTPUTS])
def test_unpacking_leaves_out_what_a_border_waits_for(border):
    doc = Document()
    constant = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    relu = commands.add_node(doc, "relu", (0, 0))
    commands.connect(doc, constant, "out", relu, "x")
    instance = create(doc, [relu])
    inside = doc.definitions()[0]
    first = commands.add_node(inside, "constant", (0, 0), attrs={"value": 2.0})
    commands.connect(inside, first, "out", inside.borders[border], "control.0")
    unpack_subgraph(doc, instance)
    assert {(w.source, w.target, w.target_port) for w in doc.wires.values()} == {
        (constant, relu, "x")
    }
