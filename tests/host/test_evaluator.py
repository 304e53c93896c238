"""Values of all nodes while the document changes under them."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.variable_ids import variable_ids
from nodeflow.engine import incremental
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.resources import example
from tests.host.documents import expression, regression


def texts(evaluation):
    return {name: preview.text for name, preview in evaluation.values.items()}


def test_every_node_shows_its_value():
    values = texts(Evaluator(expression()).previews())
    assert values == {"b": "2", "c": "1", "two": "2", "d": "3", "e": "3", "a": "9"}


def test_a_broken_node_leaves_the_others_their_values():
    document = expression()
    commands.add_node(document, "add", (0, 0), name="alone")
    values = texts(Evaluator(document).previews())
    assert values["a"] == "9" and "alone" not in values


def test_a_missing_feed_is_named_and_the_rest_is_shown():
    document = expression()
    x = commands.add_node(document, "placeholder", (0, 0), name="x")
    y = commands.add_node(document, "negative", (0, 0), name="y")
    commands.connect(document, x, "out", y, "x")
    evaluation = Evaluator(document).previews()
    assert evaluation.missing == ("x",)
    assert "y" not in evaluation.values and texts(evaluation)["a"] == "9"


def test_a_node_that_fails_says_why_and_hides_only_what_depends_on_it():
    document = expression()
    add = commands.add_node
    zero = add(document, "constant", (0, 0), name="zero", attrs={"value": 0, "dtype": "int32"})
    q = add(document, "floor_divide", (0, 0), name="q")
    after = add(document, "negative", (0, 0), name="after")
    commands.connect(document, zero, "out", q, "x")
    commands.connect(document, zero, "out", q, "y")
    commands.connect(document, q, "out", after, "x")
    values = Evaluator(document).previews().values
    assert values["q"].kind == "error" and "zero" in values["q"].text
    assert "after" not in values and values["a"].text == "9"


def test_variables_keep_their_values_over_an_edit_elsewhere():
    document = expression()
    evaluator = Evaluator(document)
    evaluator.session.variables["c"] = 5.0
    commands.set_attr(document, document.node_named("b").id, "value", 3.0)
    evaluator.rebuild()
    assert texts(evaluator.previews())["a"] == "56"


def test_editing_an_initial_value_starts_that_variable_only_afresh():
    document = expression()
    other = commands.add_node(document, "variable", (0, 0), name="v", attrs={"value": 1.0})
    evaluator = Evaluator(document)
    evaluator.session.variables["c"] = 5.0
    evaluator.session.variables["v"] = 5.0
    commands.set_attr(document, other, "value", 2.0)
    evaluator.rebuild()
    values = texts(evaluator.previews())
    assert (values["c"], values["v"]) == ("5", "2")


def test_showing_values_never_trains_or_assigns():
    document = regression()
    variable = document.node_named("b").id
    new = commands.add_node(document, "constant", (0, 0), name="new", attrs={"value": 7.0})
    assign = commands.add_node(document, "assign", (0, 0), name="assign")
    commands.connect(document, variable, "out", assign, "variable")
    commands.connect(document, new, "out", assign, "value")
    evaluator = Evaluator(document)
    watched = evaluator.previews()
    assert "assign" not in watched.values and "train" not in watched.values
    assert evaluator.session.variables["b"] == 0
    asked = evaluator.previews(effects=True)
    assert asked.values["assign"].text == "7" and evaluator.session.variables["b"] == 7


def test_derived_tensors_are_shown_by_name_and_nothing_is_assigned():
    evaluator = Evaluator(regression())
    nodes = [n for n in evaluator.task.graph.nodes if n.derived_from == "train"]
    names = [t.name for n in nodes for t in n.outputs]
    shown = evaluator.previews(names)
    assigns = {"train/w/assign", "train/b/assign"}
    assert set(shown.values) == set(names) - assigns
    x, t = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])
    slope = np.mean(2 * (0 - t) * x)
    assert shown.values["train/w/new_value"].array == pytest.approx(-0.1 * slope)
    assert evaluator.session.variables["w"] == 0.0
    ran = evaluator.previews(["train/w/assign"], effects=True)
    assert ran.values["train/w/assign"].array == pytest.approx(-0.1 * slope)
    assert evaluator.session.variables["w"] == pytest.approx(-0.1 * slope)


def test_looking_at_the_whole_value_of_an_assign_changes_no_variable():
    evaluator = Evaluator(regression())
    array = evaluator.value("train/w/assign").array
    assert array.shape == (1, 1) and array != 0.0
    assert evaluator.session.variables["w"] == 0.0
    gradient = evaluator.value("train/b/step").array
    assert gradient == pytest.approx(-0.1 * 2 * 3.0)


def test_while_training_only_what_it_changes_is_looked_at_again():
    document = regression()
    noise = commands.add_node(document, "random_normal", (0, 0), name="noise", attrs={"shape": [2]})
    twice = commands.add_node(document, "negative", (0, 0), name="twice")
    commands.connect(document, noise, "out", twice, "x")
    evaluator = Evaluator(document)
    everything = evaluator.previews(step=3).values
    moving = evaluator.previews(step=4, still=False)
    learned = {"w", "b", "xw", "line", "error", "squared", "loss"}
    assert moving.values.keys() == learned | {"noise", "twice"}
    assert everything.keys() - moving.values.keys() == {"x", "y"}
    assert {preview.step for preview in moving.values.values()} == {4}
    assert everything["x"].step is None and everything["w"].step == 3
    evaluator.session.variables["w"] = np.float32([[2.0]])
    assert evaluator.previews(step=5, still=False).values["xw"].array.tolist() == [[0], [2], [4]]


def test_a_node_that_is_added_moves_with_the_next_steps():
    document = regression()
    evaluator = Evaluator(document)
    document.subscribe(evaluator.follow)
    evaluator.previews(step=3)
    assert "twice" not in evaluator.previews(step=4, still=False).values
    twice = commands.add_node(document, "add", (0, 0), name="twice")
    for port in ("x", "y"):
        commands.connect(document, document.node_named("b").id, "out", twice, port)
    assert evaluator.previews(step=5).values["twice"].array == 0
    evaluator.session.variables["b"] = np.float32(2.5)
    assert evaluator.previews(step=6, still=False).values["twice"].array == 5


@pytest.mark.parametrize(("most", "kept"), [(8, {4, 8}), (64, {24})])
def test_old_values_are_dropped_only_if_too_many_are_kept(monkeypatch, most, kept):
    monkeypatch.setattr(incremental, "MOST_BYTES", most)
    document = expression()
    evaluator = Evaluator(document)
    document.subscribe(evaluator.follow)
    b = document.node_named("b").id
    for value in range(3, 20):
        commands.set_attr(document, b, "value", float(value))
        assert texts(evaluator.previews())["a"] == str((value + 1) * (1 + 2))
        outcomes = evaluator._run.outcomes.values()
        assert sum(array.nbytes for arrays in outcomes for array in arrays) in kept


def test_trained_values_stay_when_variables_are_renamed_grouped_and_unpacked():
    document = regression()
    live = Evaluator(document)
    document.subscribe(live.follow)
    trained = {"w": np.float32([[2.5]]), "b": np.float32(-1)}
    live.take_variables(trained)
    commands.rename(document, document.node_named("w").id, "weights")
    assert live.variables()["weights"] == 2.5
    ids = [document.node_named(name).id for name in ("weights", "xw", "line", "b")]
    layer = create(document, ids, "layer")
    assert live.variables() == {"layer/weights": 2.5, "layer/b": -1}
    commands.rename(document, layer, "dense")
    assert live.variables() == {"dense/weights": 2.5, "dense/b": -1}
    document.undo()
    unpack_subgraph(document, layer)
    assert live.variables() == {"weights": 2.5, "b": -1}


def test_what_a_training_learned_arrives_under_the_new_names():
    document = regression()
    live = Evaluator(document)
    document.subscribe(live.follow)
    ids = variable_ids(build(document))  # as when the training began
    first, second = (document.node_named(name).id for name in ("w", "b"))
    commands.rename(document, first, "weights")
    create(document, [second], "layer")
    live.take_variables({"w": np.float32([[2.5]]), "b": np.float32(-1)}, ids)
    assert live.variables() == {"weights": 2.5, "layer/b": -1}


def test_what_was_learned_is_not_put_into_a_variable_of_another_dtype():
    document = expression()
    c, ids = document.node_named("c"), Evaluator(document).ids()
    commands.set_attr(document, c.id, "dtype", "no dtype")
    evaluator = Evaluator(document)
    document.subscribe(evaluator.follow)
    assert "c" not in evaluator.variables(), "it cannot run"
    evaluator.take_variables({"c": np.array(5, np.float32)}, ids)
    commands.set_attr(document, c.id, "dtype", "float64")
    assert evaluator.variables()["c"].dtype == np.float64
    assert texts(evaluator.previews())["c"] == "1"


def test_weights_beside_the_data_are_shown_as_pictures_along_the_axis_of_the_pixels():
    document = flow.loads(example("autoencoder").read_text(encoding="utf-8"))
    evaluator = Evaluator(document)
    graph = evaluator.task.graph
    shapes = {v.name: v.shape for v in graph.variables}
    first = next(name for name, shape in shapes.items() if shape[0] == 784 and len(shape) == 2)
    last = next(name for name, shape in shapes.items() if shape[-1] == 784 and len(shape) == 2)
    into, out = evaluator.value(first), evaluator.value(last)
    assert (into.image_shape, into.column_shape) == (None, (28, 28))
    assert (out.image_shape, out.column_shape) == ((28, 28), None)


def test_a_random_node_shows_what_its_variable_starts_with():
    document = Document()
    drawn = commands.add_node(document, "random_normal", (0, 0), attrs={"shape": [4]})
    scaled = commands.add_node(document, "tanh", (0, 0))
    variable = commands.add_node(document, "variable", (0, 0))
    live = Evaluator(document)
    document.subscribe(live.follow)
    alone = live.value("random_normal").array
    commands.connect(document, drawn, "out", scaled, "x")
    commands.connect(document, scaled, "out", variable, "initial")
    live.settle()
    shown, value = (live.value(name).array for name in ("random_normal", "variable"))
    assert np.array_equal(np.tanh(shown), value)
    assert not np.array_equal(shown, alone)
    again = commands.add_node(document, "negative", (0, 0))
    commands.connect(document, drawn, "out", again, "x")  # now a run draws it, too
    assert np.array_equal(live.value("random_normal").array, alone)
