"""The verdict on a wire while it is dragged: allowed, or the reason why not."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import NoSuchNode


@pytest.fixture
def verdict(sketch):
    def ask(source, target):
        return check_wire(sketch.doc, sketch.analysis, *sketch.ends(source, target))

    return ask


def test_a_wire_that_fits_is_allowed(sketch, verdict):
    sketch.add("constant", "one")
    sketch.add("negative", "n")
    found = verdict("one", "n:x")
    assert found.ok and found.reason == ""


def test_shapes_that_do_not_fit_are_refused_with_the_shapes(sketch, verdict):
    sketch.add("placeholder", "x", shape=[32, 784])
    sketch.add("variable", "W", shape=[128, 10])
    sketch.add("matmul", "h", {"x": "x"})
    found = verdict("W", "h:y")
    assert not found.ok and found.reason == "(32, 784) x (128, 10): 784 is not 128"
    assert verdict("W", "h:x").ok  # replaces x, and y is still free


def test_a_dtype_that_does_not_fit_offers_a_cast(sketch, verdict):
    sketch.add("constant", "whole", value=1, dtype="int32")
    sketch.add("constant", "one")
    sketch.add("add", "sum", {"x": "one"})
    found = verdict("whole", "sum:y")
    assert not found.ok and found.cast == "float32"
    assert found.reason == "`y` would be int32 and `x` is float32"
    sketch.add("exp", "e")
    found = verdict("whole", "e:x")
    assert not found.ok and found.cast == "float32"
    assert found.reason == "`x` takes any float or any complex number, not int32"


def test_division_of_integers_offers_floor_division(sketch, verdict):
    sketch.add("constant", "whole", value=1, dtype="int32")
    sketch.add("divide", "d")
    assert "floor_divide" in verdict("whole", "d:x").hint


def test_loops_are_refused(expression):
    doc, analysis = expression.doc, expression.analysis
    found = check_wire(doc, analysis, *expression.ends("a", "d:x"))
    assert not found.ok and found.reason == "`a` depends on `d`: the wire would close a loop"
    found = check_wire(doc, analysis, *expression.ends("a", "a:x"))
    assert not found.ok and found.reason == "a node cannot be wired to itself"


def test_a_wire_is_refused_that_would_close_a_loop_since_the_last_edit(sketch, verdict):
    sketch.add("negative", "first")
    sketch.add("negative", "second")
    assert verdict("first", "second:x").ok
    sketch.wire("second", "first:x")
    found = verdict("first", "second:x")
    assert not found.ok
    assert found.reason == "`first` depends on `second`: the wire would close a loop"


def test_a_taken_input_is_allowed_and_says_what_it_replaces(expression):
    doc, analysis = expression.doc, expression.analysis
    found = check_wire(doc, analysis, *expression.ends("two", "d:x"))
    assert found.ok and found.reason == "replaces the wire from `b`"
    found = check_wire(doc, analysis, *expression.ends("b", "d:x"))
    assert found.ok and found.reason == "already connected"


def test_wires_run_from_outputs_to_inputs_that_exist(expression):
    doc, analysis = expression.doc, expression.analysis

    def reason(source, target):
        found = check_wire(doc, analysis, *expression.ends(source, target))
        assert not found.ok
        return found.reason

    assert reason("b", "a:out") == "`out` is an output of `a`"
    assert reason("b", "a:z") == "`a` has no input `z`"
    assert reason("b:x", "a:x") == "`b` has no output `x`"
    with pytest.raises(NoSuchNode):
        check_wire(doc, analysis, "n99", "out", expression.id("a"), "x")


def test_columns_feed_placeholders_of_their_type(sketch, verdict):
    sketch.add("dataset", "digits", source="mnist")
    sketch.add("placeholder", "x", shape=[None, 784])
    sketch.add("placeholder", "k", shape=[None], dtype="int64")
    sketch.add("negative", "n")
    assert verdict("digits:images", "x:feed").ok
    assert "is float32 (?, 784)" in verdict("digits:images", "k:feed").reason
    assert verdict("digits:images", "n:x").reason == "a dataset column can only feed a placeholder"
    assert "not a dataset" in verdict("k", "x:feed").reason


def test_unknown_ops_can_be_wired_where_they_already_are(sketch, verdict):
    sketch.add("constant", "one")
    sketch.add("hologram", "h", {"beam": "one"})
    sketch.add("negative", "n")
    assert verdict("h:ray", "n:x").ok
    assert verdict("one", "h:beam").reason == "already connected"


def test_the_free_slot_of_a_variadic_port_takes_a_wire(sketch, verdict):
    sketch.add("constant", "one", value=[1.0])
    sketch.add("constant", "two", value=[[1.0]])
    sketch.add("concat", "k", {"values.0": "one"})
    assert verdict("one", "k:values.1").ok
    assert not verdict("one", "k:values.2").ok
    found = verdict("two", "k:values.1")
    assert not found.ok and found.reason


def test_order_without_value(sketch, verdict):
    sketch.add("variable", "w")
    sketch.add("square", "loss", {"x": "w"})
    sketch.add("gradient_descent", "train", {"loss": "loss"})
    sketch.add("constant", "c")
    assert verdict("train:done", "c:control.0").ok
    assert not verdict("train:done", "loss:x").ok


def test_ports_as_shown(sketch):
    sketch.add("dataset", "digits", source="mnist")
    sketch.add("placeholder", "x", {"feed": "digits:images"}, shape=[None, 784])
    sketch.add("constant", "one", value=[1.0])
    sketch.add("concat", "k", {"values.0": "one", "control.0": "one"})
    sketch.add("hologram", "h", {"beam.10": "one", "beam.9": "one"})
    sketch.add("negative", "n", {"x": "h:ray"})
    sketch.add("variable", "v")
    sketch.add("gradients", "g", {"y": "one", "xs.0": "v", "xs.1": "one"})

    def ports(side, name, *more):
        record = sketch.doc.node_named(name)
        return [(p.name, p.kind) for p in side(sketch.doc, record, *more)]

    assert ports(out_ports, "digits") == [("images", "tensor"), ("labels", "tensor")]
    assert ports(in_ports, "digits") == []
    assert ports(in_ports, "x") == [("feed", "feed")]
    assert ports(in_ports, "k") == [
        ("values.0", "tensor"),
        ("values.1", "slot"),
        ("control.0", "control"),
    ]
    assert ports(in_ports, "h") == [("beam.9", "unknown"), ("beam.10", "unknown")]
    assert ports(out_ports, "h") == [("ray", "unknown")]
    assert ports(in_ports, "v") == [("initial", "tensor")]
    assert in_ports(sketch.doc, sketch.doc.node_named("v"))[0].optional
    assert ports(out_ports, "g", sketch.analysis) == [("grads.0", "tensor"), ("grads.1", "tensor")]
    assert ports(in_ports, "g")[-1] == ("xs.2", "slot")


@pytest.mark.thorough
def test_the_verdict_on_a_large_document():
    doc = Document()
    with doc.transaction("Many"):
        ids = [commands.add_node(doc, "constant", (0, 0))]
        for i in range(1, 10_000):
            ids.append(commands.add_node(doc, "add", (0, 0)))
            commands.connect(doc, ids[i // 2], "out", ids[i], "x")
            commands.connect(doc, ids[i - 1], "out", ids[i], "y")
    analysis = Analysis(doc)
    assert not check_wire(doc, analysis, ids[-1], "out", ids[5], "x").ok
    assert check_wire(doc, analysis, ids[5], "out", ids[-1], "x").ok
