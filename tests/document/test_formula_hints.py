"""Help while a formula is typed."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.formula.hints import call_around, is_unfinished
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.formula.parser import ExpressionError, parse_expression
from nodeflow.document.model.document import Document


@pytest.mark.parametrize(
    ("text", "op", "argument"),
    [
        ("matmul(", "matmul", "x"),
        ("matmul(a, ", "matmul", "y"),
        ("p = softmax(relu(x @ W1 + b1), ", "softmax", "axis=-1"),
        ("softmax(relu(x", "relu", "x"),
        ("reduce_sum(x, keepdims=", "reduce_sum", "keepdims=False"),
        ("reduce_sum(x, axis=[0, 1", "reduce_sum", "axis=None"),
        ("concat([a, b], ", "concat", "[values, …]"),
        ("dense(x, ", "layers.dense", "units"),
        ("layers.dense(x, 3, ", "layers.dense", "activation"),
        ("1 + mean_squared_error(labels=y, ", "mean_squared_error", "predictions"),
    ],
)
def test_the_argument_that_is_typed(text, op, argument) -> None:
    hint = call_around(text, len(text))
    assert hint is not None and hint.op == op
    names = [each.strip("[]").split(",")[0].split("=")[0] for each in hint.arguments]
    wanted = argument.strip("[]").split(",")[0].split("=")[0]
    assert hint.current == names.index(wanted)


@pytest.mark.parametrize("text", ["", "a + b", "softmax(x)", "(a + ", "nothing(", "'softmax("])
def test_outside_of_calls_there_is_no_hint(text) -> None:
    assert call_around(text, len(text)) is None


def test_the_cursor_decides() -> None:
    text = "softmax(x) + relu(y)"
    hint = call_around(text, text.index("(x") + 1)
    assert hint is not None and hint.op == "softmax"


@pytest.mark.parametrize(
    "text",
    ["a = ", "a + ", "(a", "softmax(", "matmul(a,", "f = where(a < b, [1, 2", "x.", '"a', "-"],
)
def test_unfinished(text) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize("text", ["", "a", "a + b", "a)", "a b", "a + * b", "softmax(x))", "3x ("])
def test_not_unfinished(text) -> None:
    assert not is_unfinished(text)


@pytest.mark.thorough
@given(st.text("ab+*()=, [1.\"'", max_size=12))
def test_what_can_be_read_is_not_unfinished(text) -> None:
    try:
        ast.parse(text.strip())
    except SyntaxError:
        return
    assert not is_unfinished(text)


@pytest.fixture
def doc() -> Document:
    doc = Document()
    commands.add_node(doc, "placeholder", (0, 0), "y", {"shape": [None, 10]})
    commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [None, 10]})
    weights = {"shape": [10, 10], "initializer": {"op": "glorot_uniform"}}
    commands.add_node(doc, "variable", (0, 0), "W", weights)
    return doc


def warnings(doc: Document, text: str) -> list[str]:
    return parse_expression(doc, Analysis(doc), text).warnings


def test_swapped_labels_and_logits(doc) -> None:
    loss = "softmax_cross_entropy_with_logits"
    assert warnings(doc, f"{loss}(y, x @ W)") == []
    (text,) = warnings(doc, f"{loss}(x @ W, y)")
    assert "swapped" in text
    (text,) = warnings(doc, f"logits = x @ W; loss = {loss}(labels=logits, logits=y)")
    assert "swapped" in text


def test_probabilities_where_logits_belong(doc) -> None:
    (text,) = warnings(doc, "p = softmax(x @ W); softmax_cross_entropy_with_logits(y, p)")
    assert "comes from softmax" in text
    assert warnings(doc, "categorical_cross_entropy(y, softmax(x @ W))") == []


@pytest.mark.parametrize("name", ['"he_normal"', "he_normal", '{"op": "he_normal"}'])
def test_initializers_by_name(doc, name) -> None:
    (new,) = add_expression(doc, Analysis(doc), f"V = variable(shape=[3, 2], initializer={name})")
    assert doc.node(new).attrs["initializer"] == {"op": "he_normal"}
    assert not Analysis(doc).problems_of(new)


def test_an_unknown_initializer_is_named(doc) -> None:
    with pytest.raises(ExpressionError, match="he_normall"):
        parse_expression(doc, Analysis(doc), 'variable(shape=[3], initializer="he_normall")')
