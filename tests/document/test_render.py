"""Formulas of nodes: readable text that reads back as the same graph, LaTeX, and Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.formula import render
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.formula.render import formula_latex, formula_text, latex_name
from nodeflow.document.formula.tree import Applied, Literal, Missing
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.json_values import plain
from nodeflow.document.model.records import SUBGRAPH
from nodeflow.document.to_graph.build import build
from nodeflow.ops import REGISTRY
from nodeflow.resources import example, examples

TEXTS = [
    "(b + c) * (c + 2)",
    "b + c * s",
    "b - (c - s)",
    "b - c - s",
    "b / c / s",
    "b / (c / s)",
    "b * (c / s)",
    "s ** b ** c",
    "(s ** b) ** c",
    "(-s) ** 2",
    "-s ** 2",
    "2 ** -s",
    "-(b + c)",
    "-b * c",
    "~(b < c) & (c == s) | (s != 2)",
    "(b < c) == (c < s)",
    "where(b < c, b, c)",
    "softmax(relu(x @ w + 1) @ w.T)",
    "reduce_sum(x, axis=1)",
    "reduce_mean(x, axis=[0, 1], keepdims=True)",
    "cast(n, dtype='int64') // 2 % 3",
    "matmul(x, w, transpose_x=True, transpose_y=True)",
    "concat([x, x], axis=1)",
    "split(x, parts=[1, 2], axis=1)[1] + s",
    "n + [1, 2, 3]",
    "maximum(x, 'layer/b')",
    "leaky_relu(x, alpha=0.5) * 1e-10",
    "one_hot(n, depth=4, on_value=2)",
]
INPUTS = {
    "b": np.float32(2.0),
    "c": np.float32(1.5),
    "s": np.float32(3.0),
    "x": np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]], np.float32),
    "w": np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]], np.float32),
    "n": np.array([1, 2, 3], np.int32),
    "layer/b": np.array([1.0, 2.0, 0.0], np.float32),
}


@pytest.fixture
def made() -> tuple[Document, Analysis]:
    document = Document()
    analysis = Analysis(document)
    document.subscribe(analysis.update)
    for name, value in INPUTS.items():
        attrs = {"value": value.tolist(), "dtype": str(value.dtype)}
        commands.add_node(document, "variable", (0, 0), name, attrs)
    return document, analysis


def values(document: Document, *names: str) -> list[np.ndarray]:
    session = nf.Session(build(document).graph, tier="reference")
    session.initialize()
    return session.run(list(names))


def execute(code: str) -> nf.Graph:
    graph = nf.Graph()
    with graph:
        exec(compile(code, "copied.py", "exec"), {})
    return graph


@pytest.mark.parametrize("text", TEXTS)
def test_text_reads_back_as_the_same_formula(made, text):
    document, analysis = made
    add_expression(document, analysis, f"first = {text}")
    shown = formula_text(document, document.node_named("first").id)
    add_expression(document, analysis, f"second = {shown}")
    again = formula_text(document, document.node_named("second").id)
    assert again == shown
    first, second = values(document, "first", "second")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("text", [t for t in TEXTS if "(" not in t or t.startswith("(b + c)")])
def test_brackets_stand_only_where_they_are_needed(made, text):
    document, analysis = made
    add_expression(document, analysis, f"first = {text}")
    assert formula_text(document, document.node_named("first").id) == text


@pytest.mark.parametrize("text", TEXTS)
def test_copied_python_computes_the_same(made, text):
    document, analysis = made
    add_expression(document, analysis, f"first = {text}")
    code = python_code(document, document.node_named("first").id)
    graph = execute(code)
    session = nf.Session(graph, tier="reference")
    session.initialize()
    np.testing.assert_array_equal(session.run("first"), values(document, "first")[0])


@pytest.mark.sample(3)
@pytest.mark.parametrize("path", examples(), ids=lambda p: p.stem)
def test_copied_python_of_every_example_computes_the_same(path):
    document = flow.load(path)
    feeds = np.random.default_rng(0)
    made = build(document, base_dir=path.parent)
    for record in document.nodes.values():
        if record.op in ("dataset", "gradient_descent", "adam", "momentum"):
            continue
        graph = execute(python_code(document, record.id))
        feed_dict = {}
        for placeholder in graph.placeholders:
            shape = [3 if size is None else size for size in placeholder.shape]
            feed_dict[placeholder.name] = feeds.random(shape).astype(placeholder.dtype)
        wanted = [record.name]
        if record.op == SUBGRAPH:  # the graph has the nodes inside
            wanted = [n.name for n in graph.nodes if n.name.startswith(f"{record.name}/")]
        results = []
        for each in (graph, made.graph):
            session = nf.Session(each, tier="reference", seed=5)
            session.initialize()
            results.append(session.run(wanted, feed_dict))
        for name, *both in zip(wanted, *results, strict=True):
            np.testing.assert_array_equal(*both, err_msg=name)


def test_an_optimizer_copied_as_python_trains():
    document = flow.load(example("regression.flow"))
    optimizer = next(r for r in document.nodes.values() if r.op in ("gradient_descent", "adam"))
    graph = execute(python_code(document, optimizer.id))
    assert graph.node(optimizer.name).op.id == optimizer.op


def test_what_is_used_twice_is_shown_by_its_name():
    document = flow.load(example("mnist.flow"))
    assert formula_text(document, document.node_named("loss").id) == (
        "-reduce_mean(reduce_sum(y * log(p) + (1 - y) * log(1 - p), axis=1))"
    )
    assert formula_text(document, document.node_named("probabilities").id) == (
        "softmax(relu(x @ W1 + b1) @ W2 + b2)"
    )
    assert formula_text(document, document.node_named("x").id) == "x"


@pytest.mark.thorough
def test_long_formulas_are_abbreviated(made):
    document, analysis = made
    add_expression(document, analysis, "h0 = b + c")
    for number in range(200):
        add_expression(document, analysis, f"h{number + 1} = h{number} * s + {number}")
    text = formula_text(document, document.node_named("h200").id)
    assert 10 <= text.count("*") <= 20
    assert "multiply_186" in text and "multiply_180" not in text


def test_missing_inputs_and_loops_do_not_stop_it(made):
    document, _ = made
    first = commands.add_node(document, "add", (0, 0), "first")
    second = commands.add_node(document, "exp", (0, 0), "second")
    assert formula_text(document, first) == "? + ?"
    commands.connect(document, first, "out", second, "x")
    commands.connect(document, second, "out", first, "x")
    assert formula_text(document, second) == "exp(second + ?)"
    assert "?" in formula_latex(document, first)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("(b + c) * (c + 2)", r"(b + c) \cdot (c + 2)"),
        ("b / (c + s)", r"\frac{b}{c + s}"),
        ("(b + c) ** 2", r"{(b + c)}^{2}"),
        ("(b / c) ** 2", r"{\left(\frac{b}{c}\right)}^{2}"),
        ("floor(abs(b / c))", r"\left\lfloor \left|\frac{b}{c}\right|\right\rfloor"),
        ("ceil(abs(b))", r"\left\lceil |b|\right\rceil"),
        ("x @ w", r"x \, w"),
        ("square(b) * 1e-10", r"{b}^{2} \cdot 1 \cdot 10^{-10}"),
        ("reduce_sum(x, axis=1)", r"\operatorname{sum}_{1}(x)"),
        ("x.T", r"{x}^{\top}"),
        ("sqrt(exp(b))", r"\sqrt{\exp(b)}"),
        ("~(b < c)", r"\lnot (b < c)"),
    ],
)
def test_latex(made, text, latex):
    document, analysis = made
    add_expression(document, analysis, f"first = {text}")
    assert formula_latex(document, document.node_named("first").id) == latex


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("variables", "latex"),
    [
        (["d1/kernel"], r"\mathrm{d1/kernel}"),
        (["fake", "2e5"], r"\mathrm{fake}, \mathrm{2e5}"),
        (["a_b {c} 5% \\e"], r"\mathrm{a\_b\ \{c\}\ 5\%\ \backslash{}e}"),
    ],
)
def test_text_in_a_list_is_no_number_in_latex(made, variables, latex):
    ziamath = pytest.importorskip("ziamath")
    document, _ = made
    train = commands.add_node(document, "adam", (0, 0), "train", {"variables": variables})
    shown = formula_latex(document, train)
    assert rf"\mathrm{{variables}}=[{latex}]" in shown
    assert ziamath.Latex(shown).svg().startswith("<svg")


@pytest.mark.thorough
@settings(max_examples=200)
@given(st.data())
def test_every_attribute_has_a_text_and_latex(data):
    """Whatever a file holds for an attribute."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    values = st.recursive(
        leaves | st.sampled_from(["1e5", "-e", "Infinity", "NaN", "d1/kernel"]),
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=2),
        max_leaves=6,
    )
    op = REGISTRY.lookup(data.draw(st.sampled_from(["adam", "reduce_sum", "clip", "layers/dense"])))
    attrs = {attr.name: plain(data.draw(values)) for attr in op.attrs}
    term = Applied(op, (Literal(plain(data.draw(values))), Missing("x")), attrs)
    assert render._text(term)[0] and render._latex(term)[0]


def test_names_in_latex():
    assert latex_name("x") == "x"
    assert latex_name("W1") == "W_{1}"
    assert latex_name("alpha") == r"\alpha"
    assert latex_name("alpha_t") == r"\alpha_{t}"
    assert latex_name("h_10") == "h_{10}"
    assert latex_name("loss") == r"\mathrm{loss}"
    assert latex_name("log_p") == r"\mathrm{log}_{p}"
    assert latex_name("layer/b1") == r"\mathrm{layer/}b_{1}"


@pytest.mark.thorough
def test_typesetting_reads_every_formula(made):
    ziamath = pytest.importorskip("ziamath")
    document, analysis = made
    for text in TEXTS:
        ids = add_expression(document, analysis, text)
        latex = formula_latex(document, ids[-1])
        assert ziamath.Latex(latex).svg().startswith("<svg"), latex
