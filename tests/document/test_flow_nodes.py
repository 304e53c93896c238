"""Loops and branches in documents: saved from Python, read again, edited, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.fixes import node_fixes
from nodeflow.document.edit.subgraphs.move_out import move_out
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.from_graph.take_apart import layer_fixes, take_apart
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import SubgraphError
from nodeflow.document.to_graph.build import build
from nodeflow.errors import NodeflowError
from nodeflow.ops import REGISTRY
from nodeflow.ops.variables.scope import AUTO_REUSE


def python_graph() -> tuple[nf.Graph, list[str]]:
    """One of each, nested, with draws, gradients and captured variables."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [3], sample=[0.5, -0.25, 2.0], name="x")
        w = nf.variable([1.0, 2.0, 3.0], name="w")

        def step(i: nf.Tensor, s: nf.Tensor) -> tuple:
            noise = nf.random_uniform([3])
            return i + 1, nf.cond(s[0] > 0, lambda: s * w + noise, lambda: s - w)

        _, s = nf.while_loop(lambda i, s: i < 4, step, [0, x], name="walk", maximum_iterations=9)
        nf.identity(s, name="walked")
        nf.cond(x[1] > 0, lambda: (x, w * 2), lambda: (-x, w), name="choose")
        nf.map_fn(lambda v: v * v + w[0], x, name="squares")
        nf.scan(lambda a, v: a * 0.5 + v, x, 1.0, name="decay", reverse=True)
        nf.foldl(lambda a, v: nf.maximum(a, v), x, name="largest")
        nf.gradients(nf.reduce_sum(s * s), [x, w], name="slopes")
        grown = nf.while_loop(
            lambda i, v: i < 2, lambda i, v: (i + 1, nf.concat([v, v], 0)), [0, x],
            shape_invariants=[(), (None,)], name="grow",
        )  # fmt: skip
        nf.identity(grown[1], name="grown")
    names = ["walked", "choose", "choose:1", "squares", "decay:1", "largest", "grown"]
    return graph, [*names, "slopes", "slopes:1"]


def values(graph: nf.Graph, names: list[str], tier: str = "reference") -> list[np.ndarray]:
    with nf.Session(graph, seed=3, tier=tier) as session:  # type: ignore[arg-type]
        session.initialize()
        return session.run([graph.tensor(name) for name in names])


@pytest.mark.thorough
def test_python_loops_and_branches_are_saved_as_subgraphs(tmp_path: Path) -> None:
    graph, names = python_graph()
    path = tmp_path / "loops.flow"
    nf.save(graph, path)
    doc = flow.load(path)
    kinds = {r.name: r.attrs["flow"] for r in doc.nodes.values() if "flow" in r.attrs}
    assert kinds == {
        "walk": "while_loop", "choose": "cond", "squares": "scan", "decay": "scan",
        "largest": "scan", "grow": "while_loop",
    }  # fmt: skip
    assert sorted(doc.subgraphs) == [
        "choose", "cond", "decay", "grow", "largest", "squares", "walk",
    ]  # fmt: skip
    assert [str(p) for p in Analysis(doc).all_problems()] == []
    loaded = nf.load(path)
    for tier in ("reference", "compiled"):
        for mine, theirs in zip(values(graph, names), values(loaded, names, tier), strict=True):
            np.testing.assert_allclose(theirs, mine, rtol=1e-6)
    again = tmp_path / "again.flow"
    nf.save(loaded, again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.thorough
def test_the_ports_have_the_names_of_parameters(tmp_path: Path) -> None:
    graph, _ = python_graph()
    nf.save(graph, tmp_path / "loops.flow")
    doc = flow.load(tmp_path / "loops.flow")
    walk = doc.node_named("walk")
    assert walk is not None
    analysis = Analysis(doc)
    assert {w.target_port for w in doc.wires_into(walk.id)} == {"i", "s", "w"}
    assert {k: str(t) for k, t in (analysis.out_types(walk.id) or {}).items()} == {
        "i": "int32 ()", "s": "float32 (3,)",
    }  # fmt: skip
    squares = doc.node_named("squares")
    assert squares is not None and squares.attrs["constants"] == ["w"]
    inside = analysis.inside[squares.id]
    border = inside.doc.borders["subgraph_inputs"]
    assert str(inside.type_of(border, "v")) == "float32 ()"


@pytest.mark.thorough
def test_python_adds_a_loop_to_a_loaded_graph(tmp_path: Path) -> None:
    graph, _ = python_graph()
    nf.save(graph, tmp_path / "one.flow")
    loaded = nf.load(tmp_path / "one.flow")
    with loaded:
        nf.map_fn(lambda v: v + 1, loaded.tensor("walked"), name="added")
    nf.save(loaded, tmp_path / "two.flow")
    doc = flow.load(tmp_path / "two.flow")
    assert "added" in doc.subgraphs and not Analysis(doc).all_problems()
    found = values(nf.load(tmp_path / "two.flow"), ["added", "walked"])
    np.testing.assert_array_equal(found[0], found[1] + 1)


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", ["walked", "choose", "squares", "grown"])
def test_exported_python_gives_the_same_values(tmp_path: Path, name: str) -> None:
    graph, _ = python_graph()
    nf.save(graph, tmp_path / "loops.flow")
    doc = flow.load(tmp_path / "loops.flow")
    record = doc.node_named(name)
    assert record is not None
    exported = nf.Graph()
    with exported:
        exec(python_code(doc, record.id), {})
    mine, theirs = values(graph, [name])[0], values(exported, [name])[0]
    np.testing.assert_array_equal(theirs, mine)


def loop_document() -> Document:
    graph = nf.Graph()
    with graph:
        n = nf.placeholder("int32", [], sample=5, name="n")
        nf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + i), [0, 0], name="sum")
    from nodeflow.document.from_graph.convert import from_graph

    return from_graph(graph)


def total(doc: Document) -> int:
    built = build(doc)
    with nf.Session(built.graph) as session:
        return int(session.run(built.fetch("sum:1")))


def test_a_body_is_edited_like_any_subgraph() -> None:
    doc = loop_document()
    assert total(doc) == 10
    inside = doc.definition("sum")
    assert inside is not None
    one = next(r for r in inside.nodes.values() if r.op == "constant")
    commands.set_attr(inside, one.id, "value", 2)
    assert total(doc) == 6
    doc.undo()
    assert total(doc) == 10


def test_problems_of_a_body_say_what_is_missing() -> None:
    doc = loop_document()
    inside = doc.definition("sum")
    assert inside is not None
    border = inside.borders["subgraph_outputs"]
    ports = inside.nodes[border].attrs["ports"]
    assert ports == ["again", "i", "s"]
    commands.set_attr(inside, border, "ports", ["i", "s"])
    assert any("needs an output `again`" in p.message for p in Analysis(doc).all_problems())
    with pytest.raises(NodeflowError, match="needs an output `again`"):
        build(doc)
    doc.undo()
    commands.set_attr(inside, border, "ports", [*ports, "more"])
    assert any("needs an input `more`" in p.message for p in Analysis(doc).all_problems())
    doc.undo()
    commands.add_node(inside, "variable", (0, 0))
    texts = [p.message for p in Analysis(doc).all_problems()]
    assert "a loop or branch cannot hold a variable" in texts
    doc.undo()
    assert not Analysis(doc).all_problems()
    instance = doc.node_named("sum")
    assert instance is not None
    with pytest.raises(SubgraphError, match="cannot be unpacked"):
        unpack_subgraph(doc, instance.id)


def test_types_that_change_are_problems_of_the_loop() -> None:
    doc = loop_document()
    inside = doc.definition("sum")
    assert inside is not None
    adder = next(w for w in inside.wires.values() if w.target_port == "s")
    cast = commands.add_node(inside, "cast", (0, 0), attrs={"dtype": "float32"})
    commands.connect(inside, adder.source, adder.source_port, cast, "x")
    commands.connect(inside, cast, "out", adder.target, "s")
    texts = [p.message for p in Analysis(doc).all_problems()]
    assert "`s` is int32 () at first and float32 () after one iteration" in texts


# ---- what a body cannot hold --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["while_loop", "scan", "cond"])
def test_a_variable_in_a_body_is_said_inside_and_can_be_moved_out(kind: str) -> None:
    with nf.Graph() as graph:
        x = nf.constant([1.0, 2.0, 3.0], name="x")
        if kind == "while_loop":
            nf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * 1.0), [0, x], name="flow")
        elif kind == "scan":
            nf.map_fn(lambda t: t * 1.0, x, name="flow")
        else:
            nf.cond(nf.reduce_sum(x) > 0, lambda: x * 1.0, lambda: x * 1.0, name="flow")
    doc = from_graph(graph)
    instance = next(r for r in doc.nodes.values() if r.attrs.get("flow") == kind)
    inside = doc.definition(instance.attrs["definition"])
    assert inside is not None
    node = commands.add_node(inside, "variable", (0, 0), "w", {"value": 2.0})
    product = next(r.id for r in inside.nodes.values() if r.op == "multiply")
    commands.connect(inside, node, "out", product, "y")
    analysis = Analysis(doc)
    within = analysis.at((instance.id,))
    assert within is not None
    (problem,) = within.problems_of(node)
    assert "cannot hold a variable" in problem.message
    assert [p.node for p in analysis.problems_of(instance.id)] == [f"{instance.name}/w"]
    before = flow.dumps(doc).split("\n", 1)[1]
    (fix,) = node_fixes(inside, within, node)
    assert fix.title == "Move w out of the loop or branch"
    fix.apply()
    assert not Analysis(doc).all_problems()
    assert doc.node_named("w") is not None and inside.node_named("w") is None
    built = build(doc).graph
    with nf.Session(built, tier="reference") as session:
        session.initialize()
        out = session.run(built.node(instance.name).outputs[-1])
    if kind == "cond":  # one of the branches multiplies by w
        assert out.tolist() in ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    else:
        times = 2.0**3 if kind == "while_loop" else 2.0
        assert out.tolist() == [times, 2 * times, 3 * times]
    doc.undo()
    assert flow.dumps(doc).split("\n", 1)[1] == before


def test_what_cannot_be_moved_out_says_what_to_do() -> None:
    doc = loop_document()
    inside = doc.definition("sum")
    assert inside is not None
    instance = doc.node_named("sum")
    assert instance is not None
    for op, words in (("layers/dense", "matmul and add"), ("assign", "assign it outside")):
        node = commands.add_node(inside, op, (0, 0))
        within = Analysis(doc).at((instance.id,))
        assert within is not None
        hints = [p.hint or "" for p in within.problems_of(node)]
        assert any(words in hint for hint in hints)
        assert not any("Move" in fix.title for fix in node_fixes(inside, within, node))
        with pytest.raises(SubgraphError, match="cannot be moved out"):
            move_out(inside, node)
        doc.undo()


@pytest.mark.parametrize(
    ("op", "attrs", "variables"),
    [
        ("layers/dense", {"units": 3, "activation": "tanh"}, {"d/kernel", "d/bias"}),
        ("layers/layer_normalization", {}, {"d/gamma", "d/beta"}),
        ("layers/residual_dense", {"units": 2, "normalization": "none"}, {
            "d/hidden/kernel", "d/hidden/bias", "d/back/kernel", "d/back/bias"}),
    ],
)  # fmt: skip
def test_a_layer_in_a_body_is_replaced_by_its_ops(op: str, attrs: dict, variables: set) -> None:
    """Three times the same layer, as three calls that share it in Python."""
    start = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)
    with nf.Graph() as graph:
        nf.while_loop(
            lambda i, h: i < 3, lambda i, h: (i + 1, h * 1.0), [0, nf.constant(start)], name="flow"
        )
    doc = from_graph(graph)
    instance = next(r for r in doc.nodes.values() if r.attrs.get("flow"))
    inside = doc.definition(instance.attrs["definition"])
    assert inside is not None
    node = commands.add_node(inside, op, (0, 0), "d", REGISTRY.lookup(op).first_attrs(attrs))
    product = next(r.id for r in inside.nodes.values() if r.op == "multiply")
    (entering,) = (w for w in inside.wires_into(product) if w.target_port == "x")
    (leaving,) = inside.wires_out_of(product)
    commands.connect(inside, entering.source, entering.source_port, node, "x")
    commands.connect(inside, node, "out", leaving.target, leaving.target_port)
    commands.remove(inside, [product])
    before = flow.dumps(doc).split("\n", 1)[1]
    within = Analysis(doc).at((instance.id,))
    assert within is not None
    (fix,) = layer_fixes(inside, within, node)
    assert fix.title == "Put d's variables outside"
    fix.apply()
    assert not Analysis(doc).all_problems()
    graph = build(doc).graph
    assert {v.name for v in graph.variables} == variables
    with nf.Graph() as other:
        h = nf.constant(start)
        for _ in range(3):
            h = SHARED[op](h)
    with nf.Session(graph, tier="reference", seed=1) as session:
        session.initialize()
        got = session.run(graph.node("flow").outputs[1])
        drawn = dict(session.variables.items())
    with nf.Session(other, tier="reference", seed=1) as session:
        session.initialize()
        for name, value in drawn.items():
            session.variables[name] = value
        np.testing.assert_allclose(session.run(h), got, rtol=1e-6, atol=1e-7)
    doc.undo()
    assert flow.dumps(doc).split("\n", 1)[1] == before


SHARED = {
    "layers/dense": lambda h: nf.layers.dense(h, 3, nf.tanh, name="d", reuse=AUTO_REUSE),
    "layers/layer_normalization": lambda h: nf.layers.layer_normalization(
        h, name="d", reuse=AUTO_REUSE
    ),
    "layers/residual_dense": lambda h: nf.layers.residual_dense(
        h, 2, normalization="none", name="d", reuse=AUTO_REUSE
    ),
}


def test_a_layer_that_moves_averages_stays_and_says_why() -> None:
    doc = loop_document()
    inside = doc.definition("sum")
    instance = doc.node_named("sum")
    assert inside is not None and instance is not None
    node = commands.add_node(inside, "layers/batch_normalization", (0, 0))
    within = Analysis(doc).at((instance.id,))
    assert within is not None
    with pytest.raises(SubgraphError, match="are not known"):
        take_apart(inside, node, within)
    x = commands.add_node(inside, "constant", (0, 0), "m", {"value": [[1.0, 2.0]]})
    commands.connect(inside, x, "out", node, "x")
    within = Analysis(doc).at((instance.id,))
    assert within is not None
    with pytest.raises(SubgraphError, match="behaves differently in training"):
        take_apart(inside, node, within)
    assert layer_fixes(inside, within, node) == []
