"""Types and problems: right, precise, and inferred again only where something can have changed."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings

from nodeflow.document.analysis.inference.incremental_inference import TRAINING, Analysis
from nodeflow.document.analysis.subgraphs.subgraph_interface import PORTS
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import OUTPUTS, Wire

from .comparable import comparable
from .strategies import actions, perform


def test_types_are_known_at_every_port(expression):
    assert expression.type("a") == "float32 ()"
    assert expression.type("a:x") == "float32 ()"
    assert expression.type("a:nowhere") == "None"
    assert expression.analysis.problems == {}


def test_unknown_dimensions_pass_through(sketch):
    sketch.add("placeholder", "x", shape=[None, 784], sample=None)
    sketch.add("variable", "W", shape=[784, 300], initializer={"op": "random_normal"})
    sketch.add("matmul", "h", {"x": "x", "y": "W"})
    assert sketch.type("h") == "float32 (?, 300)"


def test_missing_wires_are_problems_that_say_where(sketch):
    sketch.add("constant", "one")
    sketch.add("add", "sum", {"x": "one"})
    assert sketch.problems("sum") == [
        "sum:y: nothing is connected to `y`. Connect an output to it."
    ]
    sketch.wire("one", "sum:y")
    assert sketch.problems("sum") == [] and sketch.type("sum") == "float32 ()"


def test_an_order_is_no_value(sketch):
    sketch.add("constant", "one")
    sketch.add("negative", "n")
    sketch.wire("one:done", "n:x")
    assert sketch.problems("n") == ["n:x: `one` has no value, only the control output `done`"]
    sketch.wire("one", "n:x")
    assert sketch.problems("n") == []


def test_shapes_that_do_not_fit_name_node_and_reason(sketch):
    sketch.add("placeholder", "x", shape=[32, 784], sample=None)
    sketch.add("variable", "W", shape=[128, 10])
    sketch.add("matmul", "h", {"x": "x", "y": "W"})
    (problem,) = sketch.problems("h")
    assert problem.startswith("h") and "(32, 784) x (128, 10): 784 is not 128" in problem
    assert sketch.type("h") == "None"
    sketch.set("W", "shape", [784, 10])
    assert sketch.problems("h") == [] and sketch.type("h") == "float32 (32, 10)"


def test_dtypes_are_never_cast_and_a_cast_is_offered(sketch):
    sketch.add("constant", "one", value=1, dtype="int32")
    sketch.add("constant", "two", value=2.0)
    sketch.add("add", "sum", {"x": "one", "y": "two"})
    (problem,) = sketch.problems("sum")
    assert "int32" in problem and "float32" in problem and "Cast" in problem


def test_attributes_are_checked(sketch):
    sketch.add("constant", "c", value=5.5, dtype="int32")
    sketch.add("constant", "d", valeu=1)
    assert "5.5" in sketch.problems("c")[0] and sketch.problems("c")[0].startswith("c:value:")
    assert sketch.problems("d")[0].endswith("Did you mean value?")


def test_an_unknown_op_is_a_problem_and_what_follows_is_unknown(sketch):
    sketch.add("constant", "c")
    sketch.add("matmull", "m", {"x": "c"})
    sketch.add("negative", "n", {"x": "m"})
    assert sketch.problems("m") == ["m: there is no op 'matmull'. Did you mean matmul?"]
    assert sketch.problems("n") == [] and sketch.type("n") == "None"
    assert sketch.analysis.broken() == {sketch.id("m"), sketch.id("n")}


def test_ports_that_do_not_exist_are_problems(sketch):
    sketch.add("constant", "c")
    sketch.add("add", "sum", {"x": "c", "y": "c:value", "z": "c"})
    problems = sketch.problems("sum")
    assert any("has no in-port 'z'" in p for p in problems)
    assert any("`c` has no output 'value'" in p for p in problems)


def test_feeds_are_checked_and_missing_ones_are_only_a_note(sketch):
    sketch.add("dataset", "digits", source="mnist")
    sketch.add("placeholder", "x", shape=[None, 784])
    sketch.add("negative", "n", {"x": "x"})
    (note,) = sketch.analysis.problems_of(sketch.id("x"))
    assert note.severity == "info" and "nothing feeds `x` (float32 (?, 784))" in str(note)
    assert sketch.analysis.broken() == set()
    sketch.wire("digits:images", "x:feed")
    assert sketch.problems("x") == [] and sketch.type("x:feed") == "float32 (?, 784)"
    sketch.set("x", "shape", [None, 28, 28])
    assert "the column `images` is float32 (?, 784)" in sketch.problems("x")[0]
    assert "[null, 784]" in sketch.problems("x")[0]
    sketch.set("x", "shape", [None, 784])
    sketch.wire("digits:picture", "x:feed")
    assert "no column 'picture'" in sketch.problems("x")[0]
    sketch.wire("n", "x:feed")
    assert any("part of a loop" in p for p in sketch.problems("x"))
    sketch.add("constant", "c")
    sketch.wire("c", "x:feed")
    assert "`c` is not a dataset" in sketch.problems("x")[0]


def test_a_dataset_feeds_placeholders_only(sketch):
    sketch.add("dataset", "digits", source="mnist")
    sketch.add("negative", "n", {"x": "digits:images"})
    assert "its columns can only feed placeholders" in sketch.problems("n")[0]


def test_a_dataset_that_is_not_there_is_a_problem_of_its_node(sketch, tmp_path):
    sketch.doc.path = tmp_path / "graph.flow"
    sketch.add("dataset", "table", source="csv:nowhere.csv")
    sketch.add("placeholder", "x", {"feed": "table:features"}, shape=[None, 1])
    assert sketch.problems("table")[0].startswith("table:source: there is no file nowhere.csv")
    assert sketch.problems("x") == []
    sketch.set("table", "source", "minst")
    assert "Did you mean mnist?" in sketch.problems("table")[0]
    sketch.set("table", "source", 7)
    assert sketch.problems("table")[0].startswith("table:source:")


def test_a_file_that_appears_is_seen_when_asked_to_look_again(sketch, tmp_path):
    sketch.doc.path = tmp_path / "graph.flow"
    sketch.add("dataset", "table", source="csv:t.csv")
    assert sketch.problems("table")
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n")
    assert sketch.analysis.refresh_datasets() == {sketch.id("table")}
    assert sketch.problems("table") == [] and sketch.type("table:features") == "float32 (?, 2)"


def test_loops_are_found_and_mended(expression):
    expression.wire("a", "d:x")
    assert "part of a loop" in expression.problems("a")[0]
    assert "part of a loop" in expression.problems("d")[0]
    assert expression.problems("e") == [] and expression.type("a") == "None"
    expression.doc.undo()
    assert expression.analysis.problems == {} and expression.type("a") == "float32 ()"


def test_a_node_wired_to_itself_is_a_loop(sketch):
    sketch.add("negative", "n")
    sketch.wire("n", "n:x")
    assert "part of a loop" in sketch.problems("n")[0]


def test_only_what_is_downstream_is_inferred_again(expression, inferences):
    expression.set("two", "value", [1.0, 2.0])  # e and a change shape; d does not depend on it
    assert expression.changed == {expression.id(n) for n in ("two", "e", "a")}
    assert inferences[expression.analysis] == 3
    assert expression.type("a") == "float32 (2,)"
    inferences.clear()
    expression.set("b", "value", 7.0)  # the type stays: nothing downstream is looked at
    assert expression.changed == set() and inferences[expression.analysis] == 1
    commands.move(expression.doc, {expression.id("b"): (9, 9)})
    commands.add_frame(expression.doc, (0, 0, 9, 9), "F")
    assert inferences[expression.analysis] == 1


def test_renaming_a_node_renames_it_in_the_problems(sketch):
    sketch.add("constant", "c")
    sketch.add("add", "sum", {"x": "c"})
    commands.rename(sketch.doc, sketch.id("sum"), "total")
    assert sketch.problems("total")[0].startswith("total:y: nothing is connected to `y`")


def test_variables_named_by_an_optimizer_must_exist(sketch):
    sketch.add("variable", "w")
    sketch.add("square", "loss", {"x": "w"})
    sketch.add("gradient_descent", "train", {"loss": "loss"}, variables=["w"])
    assert sketch.problems("train") == []
    commands.rename(sketch.doc, sketch.id("w"), "weight")
    assert sketch.doc.nodes[sketch.id("train")].attrs["variables"] == ["weight"]
    assert sketch.problems("train") == []
    commands.set_attr(sketch.doc, sketch.id("train"), "variables", ["weigth"])
    assert sketch.problems("train") == [
        "train:variables: there is no variable 'weigth'. Did you mean weight?"
    ]
    sketch.doc.undo()
    assert sketch.problems("train") == []


def test_several_outputs(sketch):
    sketch.add("constant", "c", value=[[1.0, 2.0], [3.0, 4.0]])
    sketch.add("constant", "d", value=[1.0, 2.0])
    sketch.add("reduce_sum", "y", {"x": "c"})
    sketch.add("gradients", "g", {"y": "y", "xs.0": "c", "xs.1": "d"})
    assert (
        sketch.type("g:grads.0") == "float32 (2, 2)" and sketch.type("g:grads.1") == "float32 (2,)"
    )


def training_problems(sketch):
    return [str(p) for p in sketch.analysis.problems.get(TRAINING, [])]


def test_training_settings_have_problems_too(sketch):
    sketch.add("variable", "w", value=[1.0, 2.0])
    sketch.add("square", "squares", {"x": "w"})
    commands.set_training(sketch.doc, epochs=3)
    assert training_problems(sketch) == [
        "there is no optimizer to train with. Add one, such as Adam."
    ]
    sketch.add("reduce_mean", "loss", {"x": "squares"})
    sketch.add("adam", "train", {"loss": "loss"})
    assert training_problems(sketch) == []
    squares = sketch.id("squares")
    commands.set_training(sketch.doc, metrics=[{"node": squares, "split": "tset"}])
    assert training_problems(sketch) == [
        "`squares` is float32 (2,), but training needs a scalar here. Reduce it with reduce_mean.",
        "there is no split 'tset'. Use train, validation or test.",
    ]
    commands.set_training(sketch.doc, metrics=[{"node": "n99"}], optimizer=sketch.id("w"))
    assert "`w` in the training settings is not an optimizer" in training_problems(sketch)[0]
    assert "a node in the training settings does not exist" in training_problems(sketch)[1]


def test_hostile_values_are_problems_and_not_crashes(sketch):
    sketch.add("constant", "c", value="x" * 1000)
    sketch.add("variable", "v", shape=[10**30, -1])
    sketch.add("constant", "r", value=[[1.0], [1.0, 2.0]])
    sketch.add("placeholder", "p", shape={"a": 1})
    sketch.add("constant", "t", dtype=["float32"])
    sketch.add("range", "g", start=0, limit=1e300, delta=1e-300)
    sketch.add("concat", "k", {"values.999999": "c"})
    for name in "cvrptgk":
        assert sketch.problems(name), name


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(30))
def test_following_edits_gives_the_same_as_looking_at_the_result(seed):
    """Random documents, random edits: the incremental analysis equals a fresh one at each step."""
    rng = random.Random(seed)
    doc = Document()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    ops = ["add", "matmul", "constant", "concat", "reduce_sum", "argmax", "placeholder", "future"]
    for _ in range(60):
        nodes = list(doc.nodes)
        kind = rng.random()
        if kind < 0.35 or len(nodes) < 2:
            op = rng.choice(ops)
            attrs = {"value": rng.choice([1.0, [1.0, 2.0]])} if op == "constant" else {}
            commands.add_node(doc, op, (0, 0), attrs=attrs)
        elif kind < 0.8:
            port = rng.choice(["x", "y", "values.0", "values.1", "feed"])
            commands.connect(doc, rng.choice(nodes), "out", rng.choice(nodes), port)
        elif kind < 0.87:
            commands.remove(doc, [rng.choice(nodes)])
        elif kind < 0.93:
            commands.set_attr(doc, rng.choice(nodes), "axis", rng.choice([0, 1, "x"]))
        elif doc.can_undo:
            doc.undo()
        assert comparable(analysis) == comparable(Analysis(doc))


@pytest.mark.thorough
def test_an_edit_of_a_large_document_infers_only_what_is_downstream(inferences):
    doc = Document()
    with doc.transaction("Many"):
        ids = [commands.add_node(doc, "constant", (0, 0))]
        for i in range(1, 10_000):
            ids.append(commands.add_node(doc, "add", (0, 0)))
            commands.connect(doc, ids[i - 1], "out", ids[i], "x")
            commands.connect(doc, ids[i // 2], "out", ids[i], "y")
    analysis = Analysis(doc)
    assert analysis.problems == {} and str(analysis.type_of(ids[-1], "out")) == "float32 ()"
    doc.subscribe(analysis.update)
    inferences.clear()
    commands.set_attr(doc, ids[9000], "no_such", 1)
    assert inferences[analysis] == 1000


@pytest.mark.thorough
@settings(max_examples=40)
@given(actions)
@example([("add", "add", (0, 0)), ("subgraph", [0]), ("wire", 0, 0, "x")])  # an instance in a loop
def test_a_document_is_analysed_like_its_file(acts):
    doc = Document()
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    for act in acts:
        perform(doc, act)
    assert comparable(analysis) == comparable(Analysis(flow.loads(flow.dumps(doc))))


def test_a_hint_follows_the_outputs_that_it_lists():
    """The wire is wrong before and after the edit; only what the source has differs."""
    doc = Document()
    inner = commands.add_node(doc, "constant", (0, 0), name="count")
    create(doc, [inner], "part")
    (definition,) = doc.definitions()
    instance = next(i for i, record in doc.nodes.items() if record.op == "subgraph")
    reader = commands.add_node(doc, "abs", (0, 0), name="reader")
    commands.set_attr(definition, definition.borders[OUTPUTS], PORTS, ["count"])
    with doc.transaction("Connect") as t:
        t.put_wire(Wire(instance, "counts", reader, "x"))
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    assert any(p.hint == "Did you mean count?" for p in analysis.problems_of(reader))
    commands.set_attr(definition, definition.borders[OUTPUTS], PORTS, ["mean"])
    assert [p.hint for p in analysis.problems_of(reader)] == [None]
    assert comparable(analysis) == comparable(Analysis(doc))


def test_a_definition_that_names_a_variable_outside_follows_that_name():
    doc = Document()
    w = commands.add_node(doc, "variable", (0, 0), name="w")
    train = commands.add_node(doc, "gradient_descent", (0, 0), attrs={"variables": ["w"]})
    create(doc, [train], "part")
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    before = comparable(analysis)
    commands.rename(doc, w, "v")
    assert comparable(analysis) == comparable(Analysis(doc)) != before
