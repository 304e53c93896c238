"""Formulas as nodes: what they add, where, and what is refused at which column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.formula.insert import add_expression, free_place
from nodeflow.document.formula.parser import ExpressionError, parse_expression
from nodeflow.document.formula.render import formula_text
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import share_of
from nodeflow.document.to_graph.build import build

INPUTS = {
    "x": np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]], np.float32),
    "w": np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]], np.float32),
    "s": np.float32(3.0),
    "n": np.array([7, -7, 2], np.int32),
    "t": np.array([True, False]),
    "u": np.array([True, True]),
    "layer/b": np.array([1.0, 2.0], np.float32),
}


def document_of(inputs: dict[str, np.ndarray]) -> tuple[Document, Analysis]:
    document = Document()
    analysis = Analysis(document)
    document.subscribe(analysis.update)
    for row, (name, value) in enumerate(inputs.items()):
        attrs = {"value": value.tolist(), "dtype": str(value.dtype)}
        commands.add_node(document, "constant", (0, 200 * row), name, attrs)
    return document, analysis


@pytest.fixture
def made() -> tuple[Document, Analysis]:
    return document_of(INPUTS)


def run(document: Document, name: str, tier: str = "reference") -> np.ndarray:
    return nf.Session(build(document).graph, tier=tier).run(name)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


X, W, S, N, T, U, B = INPUTS.values()
TRUTH = {
    "x + s": X + S,
    "x - s * 2": X - S * 2,
    "x / s": X / S,
    "n // 2": N // 2,
    "n % 4": N % 4,
    "x ** 2": X**2,
    "-x ** 2": -(X**2),
    "(-x) ** 2": X**2,
    "2 ** s": np.float32(8),
    "x @ w": X @ W,
    "x @ w + layer/b": X @ W + B,
    "x @ w + 'layer/b'": X @ W + B,
    "softmax(relu(x @ w + layer/b))": softmax(relu(X @ W + B)),
    "-s": -S,
    "+s * 1": S,
    "x > s": X > S,
    "x >= 0.5": X >= 0.5,
    "x < s": X < S,
    "x <= 1": X <= 1,
    "n == 2": N == 2,
    "n != 2": N != 2,
    "t & u": T & U,
    "t | u": T | U,
    "~t": ~T,
    "t and not u or t": (T & ~U) | T,
    "1 if s > 2 else 0": np.float32(1),
    "reduce_sum(x, axis=1)": X.sum(1),
    "reduce_sum(x, [0, 1])": X.sum(),
    "reduce_mean(x, axis=0, keepdims=True)": X.mean(0, keepdims=True),
    "cast(n, dtype=float32) * 0.5": N * 0.5,
    "cast(n, 'int64') + 1": N + 1,
    "concat(x, x, axis=1)": np.concatenate([X, X], 1),
    "concat([x, x], axis=0)": np.concatenate([X, X]),
    "matmul(w, x, transpose_x=True, transpose_y=True)": (X @ W).T,
    "maximum(x, 0)": relu(X),
    "where(x > 0, x, 0)": relu(X),
    "x[0]": X[0],
    "x[:, 1:]": X[:, 1:],
    "x[-1, ::2]": X[-1, ::2],
    "split(x, parts=[1, 2], axis=1)[1]": X[:, 1:],
    "concat(split(x, parts=[1, 2], axis=1), axis=1)": X,
    "w.T": W.T,
    "t & [True, True]": T & [True, True],
    "~[True, False]": ~T,
    "gradients(reduce_sum(x * x), x)[0]": 2 * X,
    "nf.exp(s)": np.exp(S),
    "n + [1, 2, 3]": N + [1, 2, 3],
    "x × s − 1": X * S - 1,
}


@pytest.mark.parametrize("text", TRUTH)
def test_a_formula_computes_what_numpy_computes(made, text):
    document, analysis = made
    add_expression(document, analysis, f"result = {text}")
    assert not analysis.all_problems()
    result, truth = run(document, "result"), np.asarray(TRUTH[text])
    assert result.shape == truth.shape
    np.testing.assert_allclose(result, truth, rtol=1e-6)


def test_the_first_example_is_six_nodes_and_one_undo_step():
    document, analysis = document_of({})
    empty = flow.dumps(document)
    ids = add_expression(document, analysis, "b = 2; c = 1\na = (b + c) * (c + 2)")
    assert [document.nodes[i].op for i in ids].count("constant") == 3
    assert document.undo_label == "Add b = 2; c = 1; a = (b + c) * (c + 2)"
    assert run(document, "a") == 9
    full = flow.dumps(document)
    document.undo()
    assert flow.dumps(document).replace(f'"next_id": {document.next_id}', '"next_id": 1') == empty
    document.redo()
    assert flow.dumps(document) == full


def test_a_number_takes_the_dtype_of_the_other_operand(made):
    document, analysis = made
    plan = parse_expression(document, analysis, "n + 2; x * 2; 2 * n + 2; t == True; 7; [False]")
    constants = [(n.attrs["dtype"], n.attrs["value"]) for n in plan.nodes if n.op == "constant"]
    assert constants == [
        *(("int32", 2), ("float32", 2.0), ("bool", True), ("float32", 7.0)),
        ("bool", [False]),
    ]


def test_a_node_without_outputs_takes_its_name(made):
    document, analysis = made
    ids = add_expression(document, analysis, "loss = reduce_sum(x); train = adam(loss); group(x)")
    assert [document.nodes[i].name for i in ids] == ["loss", "train", "group"]


def test_a_named_number_is_a_constant_of_its_own(made):
    plan = parse_expression(*made, "two = 2; x + 2 + 2")
    assert [n.name for n in plan.nodes if n.op == "constant"] == ["two", None]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 0, 0, "no formula yet"),
        ("x +", 0, 3, "cannot be read"),
        ("s\n  (x", 1, 2, "never closed"),
        ("q = x + zz", 0, 8, "no node 'zz'"),
        ("x + lay", 0, 4, "no node 'lay'"),
        ("é_1 + s", 0, 0, "no node"),
        ("s * é", 0, 4, "no node 'é'"),
        ("  foo(x)", 0, 2, "no op 'foo'"),
        ("reduce_sum(x, axs=1)", 0, 14, "no attribute 'axs'"),
        ("reduce_sum(x, axis='a')", 0, 19, "axis"),
        ("reduce_sum(x, axis=s)", 0, 19, "not a value"),
        ("relu()", 0, 0, "needs 'x'"),
        ("relu(x, s)", 0, 8, "no further"),
        ("n + 5.5", 0, 4, "5.5 is not an int32"),
        ("n + x", 0, 0, "int32"),
        ("s + x @ x", 0, 4, "3 is not 2"),
        ("x = 1", 0, 0, "already"),
        ("q = 1; q = 2", 0, 7, "already"),
        ("q = r = 1", 0, 0, "one name"),
        ("x < s < 1", 0, 8, "one comparison"),
        ("x ^ 2", 0, 0, "no op for this operator"),
        ("x", 0, 0, "adds nothing"),
        ("import os", 0, 0, "not a formula"),
        ("__import__('os').system('x')", 0, 0, "no op"),
        ("lambda: x", 0, 0, "not part of formulas"),
        ("split(x, parts=[1, 1]) + 1", 0, 0, "2 outputs"),
        ("split(x, parts=[1, 1])[2]", 0, 23, "2 outputs"),
        ("group(x) + 1", 0, 0, "no value"),
        ("x + " * 2500 + "x", 0, 0, "too deeply"),
        ("(" * 300 + "x" + ")" * 300, 0, 0, ""),
        ("x + 1\0", 0, 0, "null"),
        ("x" * 30_000, 0, 0, "characters"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(made, text, line, column, message):
    document, analysis = made
    before = flow.dumps(document)
    with pytest.raises(ExpressionError) as caught:
        add_expression(document, analysis, text)
    assert message in str(caught.value)
    if len(text) < 200 and "\0" not in text:
        assert (caught.value.line, caught.value.column) == (line, column)
    assert flow.dumps(document) == before


def test_unknown_names_are_all_listed_and_can_be_declared(made):
    document, analysis = made
    text = "p = softmax(relu(img @ W1 + b1) @ W2 + b2)"
    with pytest.raises(ExpressionError) as caught:
        add_expression(document, analysis, text)
    assert caught.value.unknown == ("img", "W1", "b1", "W2", "b2")
    add_expression(document, analysis, text, declare="placeholder")
    assert {document.node_named(n).op for n in caught.value.unknown} == {"placeholder"}
    assert document.node_named("p").op == "softmax"
    document.undo()
    assert document.node_named("p") is None


def test_names_in_a_shape_are_unknown_sizes(made):
    document, analysis = made
    for text in ("p = placeholder(shape=[rows, 784])", "p = placeholder('float32', (rows, 784))"):
        plan = parse_expression(document, analysis, text)
        assert [node.op for node in plan.nodes] == ["placeholder"]
        assert plan.nodes[0].attrs["shape"] == [None, 784]
        assert plan.nodes[0].outputs["out"].shape == (None, 784)
    (new,) = add_expression(document, analysis, "p = placeholder(shape=[rows, rows, 3])")
    assert document.node(new).attrs["shape"] == [None, None, 3]
    known = next(iter(document.names))
    with pytest.raises(ExpressionError, match=f"'{known}' is a node") as caught:
        parse_expression(document, Analysis(document), f"q = placeholder(shape=[rows, {known}])")
    assert caught.value.column == len("q = placeholder(shape=[rows, ")


def test_an_unknown_name_gets_near_names(made):
    with pytest.raises(ExpressionError, match="Did you mean layer/b"):
        parse_expression(*made, "x @ w + layer_b")


def boxes(document: Document) -> list[tuple[float, float, float, float]]:
    return [
        (*r.pos, *(a + b for a, b in zip(r.pos, node_size(document, r), strict=True)))
        for r in document.nodes.values()
    ]


def test_nodes_stand_right_of_what_they_use_and_cover_nothing(made):
    document, analysis = made
    for number in range(6):
        ids = add_expression(document, analysis, f"y{number} = relu(x @ w + {number}) * s")
        right = document.node_named("w").pos[0] + 168
        assert min(document.nodes[i].pos[0] for i in ids) > right
    found = boxes(document)
    for i, a in enumerate(found):
        for b in found[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
    for wire in document.wires.values():
        assert document.nodes[wire.source].pos[0] < document.nodes[wire.target].pos[0]


def test_a_free_place_is_the_nearest():
    assert free_place((0, 0), (100, 100), []) == (0, 0)
    x, y = free_place((0, 0), (100, 100), [(0, 50, 10, 10)])
    assert (x, y + 100) <= (0, 50 - 28)
    x, y = free_place((0, 0), (100, 100), [(0, -50, 10, 80)])
    assert y >= 30 + 28


WORDS = (
    *("x", "w", "s", "n", "t", "layer/b", "nope", "relu", "split", "concat", "where", "group"),
    *("adam", "reduce_sum", "cast", "one_hot", "constant", "variable", "placeholder", "axis=", "T"),
    *("(", ")", "[", "]", "{", "}", ",", ".", ":", ";", "=", "+", "-", "*", "/", "//", "%", "@"),
    *("**", "~", "&", "|", "<", "==", "if", "else", "not", "and", "lambda", "\n", "'", '"', "*x"),
    *("1", "2.5", "-1", "True", "None", "1e999", "nan", "[1,2]", "int32", "name='q'", "é", "0x1f"),
)


@pytest.mark.thorough
@settings(max_examples=400)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_nothing_that_is_typed_raises_another_error(text):
    document, analysis = document_of(INPUTS)
    before = flow.dumps(document)
    try:
        ids = add_expression(document, analysis, text)
    except ExpressionError as error:
        assert error.message and error.column >= 0 and error.length > 0
        assert flow.dumps(document) == before
    else:
        assert ids and all(i in document.nodes for i in ids)
        for problem in analysis.all_problems():
            assert problem.severity != "error" or "None" in text or "nan" in text, problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("z * 2j", [(1 - 2j) * 2j, 0.5 * 2j]),
        ("abs(z)", [abs(1 - 2j), 0.5]),
        ("z + 1.5", [2.5 - 2j, 2]),
        ("conj(z) * 2j", [(1 + 2j) * 2j, 1j]),
    ],
)
def test_complex_numbers_in_formulas(text: str, expected: list) -> None:
    document, analysis = document_of({})
    attrs = {"value": ["1-2j", 0.5], "dtype": "complex64"}
    commands.add_node(document, "constant", (0, 0), "z", attrs)
    add_expression(document, analysis, f"result = {text}")
    np.testing.assert_allclose(run(document, "result"), np.array(expected), rtol=1e-6)


def test_a_named_constant_is_one_node():
    document, analysis = document_of({})
    add_expression(document, analysis, "a = constant([[0.0, 1.0]]); b = constant(value=2) + a")
    ops = {record.name: record.op for record in document.nodes.values()}
    assert ops == {"a": "constant", "constant": "constant", "b": "add"}


# ---- layers that share weights ------------------------------------------------------------------


def layered() -> tuple[Document, Analysis]:
    document, analysis = document_of({"x": X, "z": np.array([[0.5, -1.0, 2.0]], np.float32)})
    add_expression(document, analysis, "h = dense(x, 2, activation='relu')")
    return document, analysis


def test_a_call_of_a_layer_shares_its_weights():
    document, analysis = layered()
    add_expression(document, analysis, "k = h(z); m = h(z, activation='tanh'); u = dense(k, 1)")
    add_expression(document, analysis, "a = dense(z, 4); b = a(x)")  # an owner of the same formula
    nodes = {record.name: record for record in document.nodes.values()}
    owners = {name: share_of(record) for name, record in nodes.items() if share_of(record)}
    assert owners == {"k": nodes["h"].id, "m": nodes["h"].id, "b": nodes["a"].id}
    assert (nodes["k"].attrs["units"], nodes["k"].attrs["activation"]) == (2, "relu")
    assert nodes["m"].attrs["activation"] == "tanh"
    assert not analysis.all_problems()
    session = nf.Session(build(document).graph, tier="reference")
    session.initialize()
    kernel, k, m = session.run(["h/kernel", "k", "m"])
    np.testing.assert_allclose(k, np.maximum(document_value(document, "z") @ kernel, 0), rtol=1e-6)
    np.testing.assert_allclose(m, np.tanh(document_value(document, "z") @ kernel), rtol=1e-6)
    document.undo()
    document.undo()
    assert {record.name for record in document.nodes.values()} == {"x", "z", "h"}


def document_value(document: Document, name: str) -> np.ndarray:
    return np.array(document.node_named(name).attrs["value"], np.float32)


@pytest.mark.parametrize("name", ("k", "m", "b"))
def test_the_text_of_a_shared_layer_can_be_parsed(name):
    document, analysis = layered()
    add_expression(
        document,
        analysis,
        "k = h(z); m = h(z, activation='tanh'); b = h(k @ [[1, 2, 3.0], [4, 5, 6]])",
    )
    record = document.node_named(name)
    add_expression(document, analysis, f"again = {formula_text(document, record.id)}")
    again = document.node_named("again")
    assert (again.attrs, share_of(again)) == (record.attrs, share_of(record))


@pytest.mark.parametrize(
    ("text", "message"),
    (
        ("q = x(z)", "'x' is no layer, so a formula cannot apply it again"),
        ("q = h(x, 3)", "h takes no further argument"),
        ("q = h()", "h needs 'x'"),
        ("q = hh(x)", "there is no op 'hh'"),
        ("q = dense(x, 3, share=h)", "layers.dense has no attribute 'share'"),
    ),
)
def test_wrong_calls_of_layers_are_refused_in_words(text, message):
    document, analysis = layered()
    with pytest.raises(ExpressionError) as caught:
        add_expression(document, analysis, text)
    assert caught.value.message == message
