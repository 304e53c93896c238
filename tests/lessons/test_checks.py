"""Each kind of check passes what it should, and fails what it should not, with a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.lessons.checks import KINDS
from nodeflow.lessons.checks.limits import Setting
from nodeflow.lessons.marking import Mark, Marker
from nodeflow.resources import example
from tests.lessons.softmax_lesson import document


def marked(solution: Callable[[], Any], answer: Callable[[], Any], **check: Any) -> Mark:
    """Return the mark of an answer to a lesson with one check; placeholders and variables are
    given."""
    data = json.loads(flow.dumps(document(solution)))
    sources = [n for n in data["nodes"] if n["op"] in ("placeholder", "variable")]
    data["lesson"] = {
        "schema": 1,
        "id": "one",
        "given": [n["id"] for n in sources],
        "probes": {"inputs": {n["name"]: {} for n in sources}},
        "checks": [{"id": "check", **check}],
        "texts": {"title": "One"},
    }
    with Marker(flow.loads(json.dumps(data))) as marker:
        assert marker.mark(document(solution)).passed
        return marker.mark(document(answer))


def said(mark: Mark) -> str:
    assert not mark.passed
    return mark.verdicts[0].outcome.said


def x() -> Any:
    return nf.placeholder(nf.float32, [None, 4], name="x")


def test_a_gradient_equals_the_solutions() -> None:
    def wanted() -> None:
        v = nf.variable(2.0, name="v")
        nf.reduce_sum(x() * v * v, name="loss")

    def other() -> None:
        v = nf.variable(2.0, name="v")
        nf.reduce_sum(x() * v, name="loss")

    def without() -> None:
        nf.variable(2.0, name="v")
        nf.reduce_sum(x(), name="loss")

    check = {"kind": "gradient", "node": "loss", "by": ["v"]}
    assert marked(wanted, wanted, **check).passed
    assert "the gradient of loss by v is" in said(marked(wanted, other, **check))
    assert "loss does not depend on v" in said(marked(wanted, without, **check))


def test_a_type_is_known_before_a_run() -> None:
    def wanted() -> None:
        nf.reduce_sum(x(), 0, name="y")

    def rows() -> None:
        nf.reduce_sum(x(), 1, name="y")

    def double() -> None:
        nf.cast(nf.reduce_sum(x(), 0), nf.float64, name="y")

    check = {"kind": "type", "node": "y", "dtype": "float32", "shape": [4]}
    assert said(marked(wanted, rows, **check)) == "y has the shape (?,), expected (4,)"
    assert said(marked(wanted, double, **check)) == "y is float64, expected float32"


def test_bounds() -> None:
    check = {"kind": "between", "node": "y", "low": 0, "high": 1}
    found = marked(lambda: nf.sigmoid(x(), name="y"), lambda: nf.tanh(x(), name="y"), **check)
    assert "y has the element −" in said(found)


def test_the_order_of_keys_is_irrelevant() -> None:
    def pooled() -> None:
        nf.reduce_mean(x(), 0, name="y")

    def weighted() -> None:
        rows = x()
        count = nf.shape(rows)[0]
        weights = nf.cast(nf.range(0, count), nf.float32)
        nf.reduce_sum(rows * nf.expand_dims(weights, 1), 0, name="y")

    check = {"kind": "ignores_order", "node": "y", "inputs": ["x"]}
    assert said(marked(pooled, weighted, **check)).endswith("y changes with the order of x.")
    each = {**check, "follows": True}
    assert marked(lambda: nf.relu(x(), name="y"), lambda: nf.exp(x(), name="y"), **each).passed


def test_the_future_changes_no_past() -> None:
    check = {"kind": "ignores_future", "node": "y", "input": "x"}
    found = marked(
        lambda: nf.cumsum(x(), 0, name="y"),
        lambda: nf.cumsum(x(), 0, reverse=True, name="y"),
        **check,
    )
    assert "position 0 of y changes when only later positions of x change" in said(found)


def test_a_mean_ignores_copies_of_rows() -> None:
    check = {"kind": "ignores_copies", "node": "y", "inputs": ["x"]}
    found = marked(
        lambda: nf.reduce_mean(x(), name="y"), lambda: nf.reduce_sum(x(), name="y"), **check
    )
    assert "when every row comes twice" in said(found)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"forbidden": ["tanh"]}, "tanh uses tanh, which is not allowed here."),
        ({"nodes": 2}, "The graph has 3 nodes, at most 2 are allowed."),
        ({"edits": 2}, "4 edits were made, at most 2 are allowed."),
    ],
)
def test_limits(limits: dict[str, Any], text: str) -> None:
    def longer() -> None:
        nf.relu(nf.tanh(x()), name="y")

    mark = marked(lambda: nf.relu(x(), name="y"), longer, kind="limits", **limits)
    assert said(mark) == text


def test_a_limit_of_parameters_counts_trainable_elements() -> None:
    def small() -> None:
        nf.variable([1.0, 2.0], name="v")

    def large() -> None:
        nf.variable([1.0, 2.0], name="v")
        nf.variable([[1.0, 2.0]] * 6, name="w")

    mark = marked(small, large, kind="limits", parameters=13)
    assert said(mark) == "The graph has 14 parameters, at most 13 are allowed."


def test_every_kind_is_tested() -> None:
    tested = {"values", "gradient", "type", "sums_to", "finite", "between", "ignores_order"}
    tested |= {"ignores_future", "ignores_copies", "limits", "trains", "attribute"}
    assert set(KINDS) == tested


def trained_line(rate: float, lesson: dict[str, Any] | None = None, **check: Any) -> Mark:
    """Return the mark of the example's line with another learning rate."""
    solution = flow.load(example("linear_regression"))
    data = json.loads(flow.dumps(solution))
    data["lesson"] = {
        "schema": 1,
        "id": "line",
        "checks": [{"id": "check", "kind": "trains", "node": "loss", "split": "train", **check}],
        "texts": {"title": "Line"},
        **(lesson or {}),
    }
    answer = flow.load(example("linear_regression"))
    train = answer.node_named("train")
    assert train is not None
    commands.set_attr(answer, train.id, "learning_rate", rate)
    with Marker(flow.loads(json.dumps(data))) as marker:
        return marker.mark(answer)


def test_a_training_reaches_a_ceiling_or_says_what_it_reached() -> None:
    assert trained_line(0.2, at_most=0.1, epochs=20).passed
    slow = said(trained_line(1e-5, at_most=0.1, epochs=2))
    assert slow.startswith("After the training, loss is ")
    assert slow.endswith(", expected at most 0.1.")
    assert said(trained_line(1e-5, at_least=1e9, epochs=1)).endswith("expected at least 1e+09.")


def test_a_training_that_diverges_fails_with_the_reason() -> None:
    assert said(trained_line(1e30, at_most=0.1)).startswith("The training ends: ")


def test_any_of_several_seeds_suffices() -> None:
    assert trained_line(0.2, at_most=0.1, epochs=20, seeds=[1, 2], any=True).passed
    assert not trained_line(1e-5, at_most=0.1, epochs=1, seeds=[1, 2], any=True).passed


def test_checks_that_train_are_left_out_while_a_learner_edits() -> None:
    document = flow.load(example("linear_regression"))
    data = json.loads(flow.dumps(document))
    data["lesson"] = {
        "schema": 1,
        "id": "line",
        "checks": [{"id": "check", "kind": "trains", "node": "loss", "at_most": -1}],
        "texts": {"title": "Line"},
    }
    with Marker(flow.loads(json.dumps(data))) as marker:
        assert marker.mark(document, live=True).verdicts == ()


def test_an_attribute_or_a_setting() -> None:
    check = {"kind": "attribute", "node": "train", "attr": "learning_rate", "at_most": 0.3}
    document = flow.load(example("linear_regression"))
    data = json.loads(flow.dumps(document))
    data["training"]["patience"] = 3
    data["lesson"] = {
        "schema": 1,
        "id": "line",
        "checks": [
            {"id": "rate", **check},
            {"id": "stop", "kind": "attribute", "node": "training", "attr": "patience"},
        ],
        "texts": {"title": "Line"},
    }
    train = document.node_named("train")
    assert train is not None
    with Marker(flow.loads(json.dumps(data))) as marker:
        found = [v.outcome.said for v in marker.mark(document).verdicts]
        assert found == ["", "training has no patience."]
        commands.set_training(document, patience=2)
        commands.set_attr(document, train.id, "learning_rate", 5.0)
        found = [v.outcome.said for v in marker.mark(document).verdicts]
        assert found == ["The learning_rate of train is 5.0.", ""]


def test_a_part_of_an_attribute_and_what_early_stopping_watches() -> None:
    document = flow.load(example("linear_regression"))
    points, loss = document.node_named("points"), document.node_named("loss")
    assert points is not None
    assert loss is not None

    def found(**fields: Any) -> list[Any]:
        return Setting(**fields).found_in(document)

    assert found(node="points", attr="splits.1") == [0.1], "the default"
    commands.set_attr(document, points.id, "splits", [0.5, 0.3, 0.2])
    assert found(node="points", attr="splits.1") == [0.3]
    assert found(op="dataset", attr="splits.2") == [0.2]
    assert found(node="points", attr="splits.9") == found(node="points", attr="source.x") == []
    assert found(node="loss", op="dataset", attr="splits") == found(node="none", attr="a") == []
    assert found(node="training", attr="monitor.split") == [], "it does not stop early"
    commands.set_training(document, patience=2)
    assert found(node="training", attr="monitor.split") == ["validation"]
    commands.set_training(document, monitor={"node": loss.id, "split": "test"})
    assert found(node="training", attr="monitor.split") == ["test"]
    mistaken = Setting(node="training", attr="patience", at_least=1, at_most=2)
    assert mistaken.is_in(document)
    commands.set_training(document, patience=3)
    assert not mistaken.is_in(document)


def test_a_training_is_told_by_how_it_ends() -> None:
    signs = {
        "exploded": {"symptom": {"kind": "diverged"}},
        "asleep": {"symptom": {"kind": "unchanged"}},
        "slow": {"symptom": {"kind": "short", "low": 0.1}, "lacks": ["relu"]},
        "never": {"symptom": {"kind": "short"}, "lacks": ["multiply"]},
    }
    twins = [{"id": name, **sign} for name, sign in signs.items()]
    texts = {"title": "Line", **{f"twins.{name}.hint": "?" for name in signs}}
    for rate, wanted in ((1e30, "exploded"), (1e-9, "asleep"), (3e-2, "slow")):
        mark = trained_line(rate, lesson={"twins": twins, "texts": texts}, at_most=0.1, epochs=1)
        assert mark.twin is not None
        assert mark.twin.id == wanted


def test_a_message_names_a_few_numbers() -> None:
    def wanted() -> None:
        nf.add(nf.variable(1.0, name="b"), nf.variable(2.0, name="c"), name="y")

    def other() -> None:
        nf.variable(2.0, name="c")
        nf.identity(nf.variable(1.0, name="b"), name="y")

    text = said(marked(wanted, other, kind="values", node="y"))
    assert re.fullmatch(r"With b = \S+ and c = \S+, y is \S+, expected \S+\.", text), text
