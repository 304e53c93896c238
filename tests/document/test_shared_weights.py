"""Layers and instances of subgraphs that use the weights of another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.inference.weight_types import fitting_owners, weight_types
from nodeflow.document.analysis.subgraphs.shared_weights import possible_owners
from nodeflow.document.code.document_code import document_code
from nodeflow.document.diff.merge import merge
from nodeflow.document.diff.text import described
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting.clipboard import copy_json, duplicate, paste
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.document.edit.shared_weights import heirs_of, share_weights
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import make_independent
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.formula.render import formula_text
from nodeflow.document.formula.statements import formula_statements
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadValue, SubgraphError
from nodeflow.document.model.records import share_of
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.expansion.expand import expansion, unpack
from nodeflow.errors import NodeflowError
from nodeflow.ops import REGISTRY
from nodeflow.ops.samples import values

from .test_edit_sequences import without_next_id

X, Z = values((3, 4), "float32"), values((5, 4), "float32")


def add(doc: Document, op: str, name: str, attrs: dict | None = None, **inputs: str) -> str:
    """Add a node; each input is a name, or NAME:PORT."""
    node = commands.add_node(doc, op, (0, 0), name, first_attrs(op, attrs))
    for port, source in inputs.items():
        at, _, out = source.partition(":")
        commands.connect(doc, ident(doc, at), out or "out", node, port.replace("_", "."))
    return node


def first_attrs(op: str, attrs: dict | None) -> dict:
    return REGISTRY.lookup(op).first_attrs(attrs) if op in REGISTRY else attrs or {}


def ident(doc: Document, name: str) -> str:
    record = doc.node_named(name)
    assert record is not None, name
    return record.id


def siamese(units: int = 3) -> Document:
    """Two inputs through one dense layer, and the squared distance of the results as loss."""
    doc = Document()
    for name in ("x", "z"):
        add(doc, "placeholder", name, {"dtype": "float32", "shape": [None, 4]})
    for name, source in (("a", "x"), ("b", "z")):
        add(doc, "layers/dense", name, {"units": units, "activation": "tanh"}, x=source)
    share_weights(doc, ident(doc, "b"), ident(doc, "a"))
    add(doc, "reduce_mean", "mean_a", {"axis": 0}, x="a")
    add(doc, "reduce_mean", "mean_b", {"axis": 0}, x="b")
    add(doc, "subtract", "gap", x="mean_a", y="mean_b")
    add(doc, "multiply", "square", x="gap", y="gap")
    add(doc, "reduce_sum", "loss", x="square")
    add(doc, "gradient_descent", "train", {"learning_rate": 0.1}, loss="loss")
    return doc


def coded() -> Document:
    """Two instances of a subgraph with a variable, a layer and two layers that share inside."""
    doc = Document()
    add(doc, "placeholder", "x", {"dtype": "float32", "shape": [None, 4]})
    add(doc, "variable", "W", {"initializer": {"op": "glorot_uniform"}, "shape": [4, 4]})
    add(doc, "matmul", "product", x="x", y="W")
    add(doc, "layers/dense", "first", {"units": 4, "activation": "tanh"}, x="product")
    add(doc, "layers/dense", "second", {"units": 4}, x="first")
    share_weights(doc, ident(doc, "second"), ident(doc, "first"))
    names = ("W", "product", "first", "second")
    create(doc, [ident(doc, name) for name in names], "net")
    (again,) = duplicate(doc, [ident(doc, "net")])
    commands.connect(doc, ident(doc, "net"), "second", again, "x")
    share_weights(doc, again, ident(doc, "net"))
    add(doc, "multiply", "square", x="net_1:second", y="net_1:second")
    add(doc, "reduce_mean", "loss", x="square")
    add(doc, "gradient_descent", "train", {"learning_rate": 0.1}, loss="loss")
    return doc


def losses(doc: Document, steps: int = 4) -> list[float]:
    built = build(doc)
    feeds = {n: v for n, v in (("x", X), ("z", Z)) if n in built.graph}
    with nf.Session(built.graph, tier="reference", seed=3) as session:
        session.initialize()
        return [session.run(["loss", "train"], feeds)[0].item() for _ in range(steps)]


def variables(doc: Document) -> list[str]:
    return sorted(v.name for v in build(doc).graph.variables)


def share(doc: Document, name: str) -> str:
    return share_of(doc.nodes[ident(doc, name)])


def test_two_layers_with_one_kernel_learn_as_in_numpy() -> None:
    doc = siamese()
    assert variables(doc) == ["a/bias", "a/kernel"]
    graph = build(doc).graph
    with nf.Session(graph, tier="reference", seed=3) as session:
        session.initialize()
        kernel, bias = (np.array(session.variables[n], "float64") for n in ("a/kernel", "a/bias"))
        for _ in range(3):
            found = session.run(["loss", "train"], {"x": X, "z": Z})[0]
            a, b = np.tanh(X @ kernel + bias), np.tanh(Z @ kernel + bias)
            gap = a.mean(0) - b.mean(0)
            np.testing.assert_allclose(found, (gap**2).sum(), rtol=1e-5)
            da, db = (1 - a**2) * 2 * gap / len(a), (1 - b**2) * -2 * gap / len(b)
            kernel -= 0.1 * (X.T @ da + Z.T @ db)
            bias -= 0.1 * (da.sum(0) + db.sum(0))
        np.testing.assert_allclose(session.variables["a/kernel"], kernel, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(session.variables["a/bias"], bias, rtol=1e-4, atol=1e-6)


def test_an_instance_uses_the_variables_of_another() -> None:
    doc = coded()
    assert variables(doc) == ["net/W", "net/first/bias", "net/first/kernel"]
    built = build(doc)
    with nf.Session(built.graph, tier="reference", seed=3) as session:
        session.initialize()
        kept = {n: np.array(v, "float64") for n, v in session.variables.items()}
        found, inner = session.run([built.fetch("net_1"), built.fetch("net_1/W")], {"x": X})

    def dense(h: np.ndarray) -> np.ndarray:
        return h @ kept["net/first/kernel"] + kept["net/first/bias"]

    h = X.astype("float64")
    for _ in range(2):
        h = dense(np.tanh(dense(h @ kept["net/W"])))
    np.testing.assert_allclose(found, h, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(inner, kept["net/W"])


def test_the_gradient_is_the_sum_over_all_uses() -> None:
    doc = coded()
    graph = build(doc).graph
    with nf.Session(graph, tier="reference", seed=3) as session:
        session.initialize()
        before = {n: np.array(v) for n, v in session.variables.items()}
        session.run("train", {"x": X})
        for name, was in before.items():
            slope = (was - session.variables[name]) / 0.1
            at = (0,) * was.ndim
            ends = []
            for step in (1e-2, -1e-2):
                probe = was.copy()
                probe[at] += step
                for other, value in before.items():
                    session.variables[other] = probe if other == name else value
                ends.append(session.run("loss", {"x": X}).item())
            for other, value in before.items():
                session.variables[other] = value
            session.run("train", {"x": X})
            np.testing.assert_allclose(slope[at], (ends[0] - ends[1]) / 2e-2, rtol=2e-2, atol=1e-4)


def test_a_file_keeps_it() -> None:
    for doc in (siamese(), coded()):
        text = flow.dumps(doc)
        again = flow.loads(text)
        assert flow.dumps(again) == text
        assert losses(again) == losses(doc)
    assert '"share": "n3"}' in flow.dumps(siamese())


def test_it_survives_renaming_and_undo() -> None:
    doc = siamese()
    before, first = losses(doc), flow.dumps(doc)
    commands.rename(doc, ident(doc, "a"), "encoder")
    assert losses(doc) == before
    assert variables(doc) == ["encoder/bias", "encoder/kernel"]
    doc.undo()
    assert flow.dumps(doc) == first
    share_weights(doc, ident(doc, "b"), None)
    assert len(variables(doc)) == 4
    doc.undo()
    assert flow.dumps(doc) == first


def test_an_owner_that_shares_is_replaced_by_its_owner() -> None:
    doc = siamese()
    add(doc, "layers/dense", "c", {"units": 3}, x="x")
    add(doc, "layers/dense", "d", {"units": 3}, x="x")
    share_weights(doc, ident(doc, "c"), ident(doc, "b"))
    assert share(doc, "c") == ident(doc, "a")
    share_weights(doc, ident(doc, "a"), ident(doc, "d"))
    assert {share(doc, name) for name in "abc"} == {ident(doc, "d")}
    assert [r.name for r in possible_owners(doc, doc.nodes[ident(doc, "b")])] == ["d"]
    with pytest.raises(BadValue, match="`d` cannot share its own weights"):
        share_weights(doc, ident(doc, "d"), ident(doc, "b"))


@pytest.mark.parametrize("op", ["layers/dense", "layers/lstm", "layers/residual_dense"])
def test_owners_fit_if_all_their_variables_have_the_same_types(op: str) -> None:
    doc = Document()
    for name, shape in (("x", [None, 3, 4]), ("z", [7, 3, 4]), ("wide", [None, 3, 6])):
        shape = shape if op == "layers/lstm" else [shape[0], shape[2]]
        add(doc, "placeholder", name, {"dtype": "float32", "shape": shape})
        add(doc, op, f"of_{name}", {"units": 5}, x=name)
    add(doc, op, "other", {"units": 6}, x="x")
    analysis = Analysis(doc)
    for name, fitting in (("x", ["of_z"]), ("z", ["of_x"]), ("wide", [])):
        record = doc.nodes[ident(doc, f"of_{name}")]
        assert [r.name for r in fitting_owners(analysis, record)] == fitting
    task = build(doc)
    assert task.graph is not None
    record = doc.nodes[ident(doc, "of_x")]
    assert weight_types(analysis, record) == {
        v.name.removeprefix("of_x/"): v.outputs[0].type
        for v in task.graph.nodes
        if v.op.id == "variable" and v.name.startswith("of_x/")
    }


def test_instances_fit_if_the_layers_inside_do() -> None:
    doc = Document()
    for name, size in (("x", 4), ("wide", 6)):
        add(doc, "placeholder", name, {"dtype": "float32", "shape": [None, size]})
    add(doc, "layers/dense", "hidden", {"units": 3}, x="x")
    first = create(doc, [ident(doc, "hidden")], "net")
    port = next(w.target_port for w in doc.wires_into(first))
    for name, source in (("second", "x"), ("third", "wide")):
        add(doc, "subgraph", name, {"definition": "net"}, **{port: source})
    found = fitting_owners(Analysis(doc), doc.nodes[ident(doc, "second")])
    assert [r.id for r in found] == [first]
    assert fitting_owners(Analysis(doc), doc.nodes[ident(doc, "third")]) == []


def test_other_kinds_cannot_share() -> None:
    doc = siamese()
    norm = add(doc, "layers/layer_normalization", "norm", x="x")
    with pytest.raises(BadValue, match="`norm` cannot share the weights of `a`: layers/layer_norm"):
        share_weights(doc, norm, ident(doc, "a"))
    with pytest.raises(BadValue, match="`loss` has no weights that it could share with `a`"):
        share_weights(doc, ident(doc, "loss"), ident(doc, "a"))


def test_other_shapes_are_an_error_that_names_both() -> None:
    doc = siamese()
    commands.set_attr(doc, ident(doc, "z"), "shape", [None, 5])
    said = r"it needs a kernel of float32 \(5, 3\), but `a`, whose weights it shares, has one of"
    with pytest.raises(NodeflowError, match=said) as caught:
        build(doc)
    assert str(caught.value).startswith("b:")
    commands.set_attr(doc, ident(doc, "b"), "units", 2)
    (problem,) = build(doc, partial=True).found[ident(doc, "b")]
    assert "whose weights it shares, has one of float32 (4, 3)" in problem.message
    commands.set_attr(doc, ident(doc, "b"), "units", 3)
    commands.set_attr(doc, ident(doc, "z"), "shape", [None, 4])
    commands.set_attr(doc, ident(doc, "a"), "use_bias", False)
    with pytest.raises(
        NodeflowError, match="it needs a bias, but `a`, whose weights it shares, ha"
    ):
        build(doc)


def test_a_file_may_name_what_is_not_there() -> None:
    doc = siamese()
    text = flow.dumps(doc)
    for owner, said in (
        ("n99", "`b` shares the weights of a node that does not exist"),
        ("n4", "`b` shares weights with nodes none of which has its own"),
        ("n1", "`b` cannot share the weights of `x`"),
    ):
        spoilt = flow.loads(text.replace('"share": "n3"', f'"share": "{owner}"'))
        assert any(said in p.message for p in Analysis(spoilt).all_problems())
        with pytest.raises(NodeflowError, match=said):
            build(spoilt)


def test_removing_the_owner_leaves_the_weights_to_the_first_that_shares() -> None:
    doc = siamese()
    add(doc, "layers/dense", "c", {"units": 3}, x="z")
    share_weights(doc, ident(doc, "c"), ident(doc, "a"))
    commands.set_attr(doc, ident(doc, "a"), "kernel_initializer", {"op": "he_normal"})
    (problem,) = heirs_of(doc, [ident(doc, "a")]).values()
    assert problem == [ident(doc, "b"), ident(doc, "c")]
    before, drawn = flow.dumps(doc), kernels(doc)
    commands.remove(doc, [ident(doc, "a")])
    assert (share(doc, "b"), share(doc, "c")) == ("", ident(doc, "b"))
    np.testing.assert_array_equal(kernels(doc)["b/kernel"], drawn["a/kernel"])
    doc.undo()
    assert flow.dumps(doc) == before
    commands.remove(doc, [ident(doc, "a")], heirs={ident(doc, "a"): ident(doc, "c")})
    assert (share(doc, "b"), share(doc, "c")) == (ident(doc, "c"), "")
    np.testing.assert_array_equal(kernels(doc)["c/kernel"], drawn["a/kernel"])
    doc.undo()
    commands.remove(doc, [ident(doc, "a")], heirs={ident(doc, "a"): None})
    assert (share(doc, "b"), share(doc, "c")) == ("", "")
    found = kernels(doc)
    assert not np.array_equal(found["b/kernel"], found["c/kernel"])
    doc.undo()
    commands.remove(doc, [ident(doc, "a"), ident(doc, "b")])
    assert share(doc, "c") == ""


def kernels(doc: Document) -> dict[str, np.ndarray]:
    """The initial values of the variables of all nodes that can run."""
    with nf.Session(build(doc, partial=True).graph, tier="reference", seed=3) as session:
        session.initialize()
        return {n: np.array(v) for n, v in session.variables.items()}


def test_removing_an_instance_leaves_its_weights_as_well() -> None:
    doc = coded()
    drawn = kernels(doc)
    commands.connect(doc, ident(doc, "x"), "out", ident(doc, "net_1"), "x")
    commands.remove(doc, [ident(doc, "net")])
    assert share(doc, "net_1") == ""
    found = kernels(doc)
    np.testing.assert_array_equal(found["net_1/W"], drawn["net/W"])
    np.testing.assert_array_equal(found["net_1/first/kernel"], drawn["net/first/kernel"])


def test_another_op_shares_nothing() -> None:
    doc = siamese()
    replace_op(doc, ident(doc, "a"), REGISTRY.lookup("relu"))
    assert share(doc, "b") == ""
    doc.undo()
    replace_op(doc, ident(doc, "b"), REGISTRY.lookup("layers/layer_normalization"))
    assert share(doc, "b") == ""


@pytest.mark.parametrize("name", ["a", "b"])
def test_layers_are_unpacked_together(name: str) -> None:
    doc = siamese()
    before, text = losses(doc), without_next_id(doc)
    unpack(doc, ident(doc, name))
    assert variables(doc) == ["a/bias", "a/kernel"]
    assert not doc.sharers
    np.testing.assert_allclose(losses(doc), before, rtol=1e-6)
    doc.undo()
    assert without_next_id(doc) == text


@pytest.mark.parametrize("name", ["net", "net_1"])
def test_instances_are_unpacked_together(name: str) -> None:
    doc = coded()
    before, text = losses(doc), without_next_id(doc)
    unpack_subgraph(doc, ident(doc, name))
    assert not doc.subgraphs
    assert len(variables(doc)) == 3
    np.testing.assert_allclose(losses(doc), before, rtol=1e-6)
    doc.undo()
    assert without_next_id(doc) == text


def test_the_inside_of_a_sharing_layer_shows_where_the_weights_are() -> None:
    doc = siamese()
    inner = expansion(doc, ident(doc, "b"))
    assert "a/kernel" in inner.names
    assert "b/kernel" not in inner.names


def test_grouping_takes_both_or_is_refused() -> None:
    doc = siamese()
    before = losses(doc)
    with pytest.raises(SubgraphError, match="`b` shares the weights of `a`, and only one"):
        create(doc, [ident(doc, "b")])
    create(doc, [ident(doc, n) for n in ("a", "b", "mean_a", "mean_b", "gap")], "both")
    assert losses(doc) == before
    assert variables(doc) == ["both/a/bias", "both/a/kernel"]


def test_an_independent_instance_has_own_weights() -> None:
    doc = coded()
    make_independent(doc, ident(doc, "net_1"))
    assert share(doc, "net_1") == ""
    assert len(variables(doc)) == 6
    inner = doc.definition("net_1")
    assert inner is not None
    assert share(inner, "second") == ident(inner, "first")


def test_copies_share_with_the_copy_of_the_owner_else_with_the_owner() -> None:
    doc = siamese()
    a, b = duplicate(doc, [ident(doc, "a"), ident(doc, "b")])
    assert share_of(doc.nodes[b]) == a
    (alone,) = duplicate(doc, [ident(doc, "b")])
    assert share_of(doc.nodes[alone]) == ident(doc, "a")


def test_copies_in_another_document_share_among_themselves() -> None:
    doc, other = siamese(), Document()
    add(doc, "layers/dense", "c", {"units": 3}, x="z")
    share_weights(doc, ident(doc, "c"), ident(doc, "a"))
    b, c = paste(other, copy_json(doc, [ident(doc, "b"), ident(doc, "c")]), (0, 0))
    assert (share_of(other.nodes[b]), share_of(other.nodes[c])) == ("", b)
    a, b = paste(other, copy_json(doc, [ident(doc, "a"), ident(doc, "b")]), (0, 0))
    assert share_of(other.nodes[b]) == a
    whole = coded()
    pasted = Document()
    paste(pasted, copy_json(whole, list(whole.nodes)), (0, 0))
    assert variables(pasted) == variables(whole)
    assert losses(pasted) == losses(whole)


def test_python_writes_a_second_call_as_sharing() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 4], name="x")
        layer = nf.layers.Dense(4, "tanh", name="layer")
        out = layer(layer(x))
        nf.layers.dense(out, 4, name="layer_2")
        nf.layers.dense(x, 4, name="layer_2", reuse=True)
        nf.reduce_mean(nf.square(out), name="loss")
    doc = from_graph(graph)
    ops = {r.name: (r.op, share_of(r)) for r in doc.nodes.values() if r.op.startswith("layers/")}
    layer_id, other = ident(doc, "layer"), ident(doc, "layer_2")
    assert ops == {
        "layer": ("layers/dense", ""),
        "layer_1": ("layers/dense", layer_id),
        "layer_2": ("layers/dense", ""),
        "layer_2_1": ("layers/dense", other),
    }
    again = build(flow.loads(flow.dumps(doc))).graph
    assert [v.name for v in again.variables] == [v.name for v in graph.variables]
    found: list[Any] = []
    for one in (graph, again):
        with nf.Session(one, tier="reference", seed=1) as session:
            session.initialize()
            found.append(session.run("loss", {"x": X}))
    assert found[0] == found[1]


def test_an_optimizer_that_names_a_shared_variable_trains_the_owners() -> None:
    doc = siamese()
    commands.set_attr(doc, ident(doc, "train"), "variables", ["b/kernel", "a/kernel"])
    assert not any(p.severity == "error" for p in Analysis(doc).all_problems())
    before = kernels(doc)
    with nf.Session(build(doc).graph, tier="reference", seed=3) as session:
        session.initialize()
        session.run("train", {"x": X, "z": Z})
        after = dict(session.variables.items())
    np.testing.assert_array_equal(after["a/bias"], before["a/bias"])
    assert not np.array_equal(after["a/kernel"], before["a/kernel"])


def test_a_merge_takes_the_sharing_of_both_sides() -> None:
    base = siamese()
    share_weights(base, ident(base, "b"), None)
    ours, theirs = (flow.loads(flow.dumps(base)) for _ in range(2))
    add(ours, "layers/dense", "mine", {"units": 3}, x="x")
    share_weights(ours, ident(ours, "mine"), ident(ours, "a"))
    add(theirs, "layers/dense", "new", {"units": 3}, x="x")
    add(theirs, "layers/dense", "other", {"units": 3}, x="x")
    share_weights(theirs, ident(theirs, "other"), ident(theirs, "new"))
    share_weights(theirs, ident(theirs, "b"), ident(theirs, "a"))
    merged = merge(base, ours, theirs)
    assert not merged.conflicts
    doc = merged.document
    assert share(doc, "mine") == share(doc, "b") == ident(doc, "a")
    assert share(doc, "other") == ident(doc, "new") != ident(theirs, "new")


def test_a_merge_keeps_a_removed_owner_that_the_other_side_shares_with() -> None:
    base = siamese()
    share_weights(base, ident(base, "b"), None)
    ours, theirs = (flow.loads(flow.dumps(base)) for _ in range(2))
    commands.remove(ours, [ident(ours, "a")])
    share_weights(theirs, ident(theirs, "b"), ident(theirs, "a"))
    merged = merge(base, ours, theirs)
    assert share(merged.document, "b") == ident(merged.document, "a")
    assert merged.conflicts


def test_differences_name_the_owner() -> None:
    before, after = siamese(), siamese()
    share_weights(before, ident(before, "b"), None)
    assert described(before, after) == ("b: share not set -> a",)


def test_code_for_nodeflow_builds_it_again() -> None:
    for doc in (siamese(), coded()):
        names: dict[str, Any] = {"__name__": "net", "__file__": "net.py"}
        text = document_code(doc, "net").text
        exec(compile(text, "net.py", "exec"), names)
        assert names["document"]().text() == flow.dumps(doc)
    assert "b.fields(share=a)" in document_code(siamese(), "net").text


def test_formulas_name_the_owner_and_python_calls_the_layer_again() -> None:
    doc = siamese()
    assert formula_text(doc, ident(doc, "b")) == "a(z)"
    for doc in (siamese(), coded()):
        with nf.Graph() as graph:
            names: dict[str, Any] = {}
            exec(python_code(doc, ident(doc, "loss")), names)
        assert len(graph.variables) == len(variables(doc))
        found = []
        for other in (graph, build(doc).graph):
            feeds = {n: v for n, v in (("x", X), ("z", Z)) if n in other}
            with nf.Session(other, tier="reference", seed=3) as session:
                session.initialize()
                for variable in session.variables:
                    value = session.variables[variable]
                    session.variables[variable] = np.linspace(-1, 1, value.size).reshape(
                        value.shape
                    )
                found.append(session.run("loss", feeds))
        np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def pasted(doc: Document, name: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Paste the copied formula of a node; returns what it adds, and the values of both."""
    ids = add_expression(doc, Analysis(doc), formula_statements(doc, ident(doc, name)))
    added = doc.nodes[ids[-1]].name
    graph = build(doc).graph
    feeds = {n: v for n, v in (("x", X), ("z", Z)) if n in graph}
    with nf.Session(graph, tier="reference", seed=3) as session:
        session.initialize()
        for variable in session.variables:
            value = session.variables[variable]
            session.variables[variable] = np.linspace(-1, 1, value.size).reshape(value.shape)
        return added, *session.run([name, added], feeds)


@pytest.mark.parametrize("owner", ["a", "dense", "net/a", "matmul"])
def test_a_pasted_formula_shares_with_the_same_owner(owner: str) -> None:
    """A default name is also the name of an op, so the formula has it in quotes."""
    doc = siamese()
    commands.rename(doc, ident(doc, "a"), owner)
    before = variables(doc)
    added, first, again = pasted(doc, "gap")
    np.testing.assert_array_equal(first, again)
    assert added != "gap" and variables(doc) == before


def test_a_formula_through_instances_that_share_can_be_pasted() -> None:
    """Statements add the nodes inside; those that share weights share with the added ones."""
    doc = coded()
    before = len(variables(doc))
    _, first, again = pasted(doc, "loss")
    np.testing.assert_allclose(first, again, rtol=1e-6)
    assert len(variables(doc)) == 2 * before


WORDS, NEXT = np.array([[0, 2], [1, 1], [3, 0]], "int32"), np.array([1, 3, 2], "int32")


def test_a_tied_embedding_learns_as_in_numpy() -> None:
    """One table looks up the words before and the last word, and scores the next word."""
    with nf.Graph() as graph:
        before, last = (nf.placeholder("int32", [None], name=name) for name in ("before", "last"))
        table = nf.layers.Embedding(4, 3, name="table")
        hidden = nf.multiply(table(before), table(last), name="hidden")
        logits = nf.matmul(hidden, nf.transpose(table.embeddings), name="logits")
        answers = nf.placeholder("int32", [None], name="answers")
        losses_of_rows = nf.sparse_softmax_cross_entropy(answers, logits)
        nf.gradient_descent(
            nf.reduce_mean(losses_of_rows, name="loss"), learning_rate=0.5, name="train"
        )
    doc = flow.loads(flow.dumps(from_graph(graph)))
    assert share(doc, "table_1") == ident(doc, "table")
    feeds = {"before": WORDS[:, 0], "last": WORDS[:, 1], "answers": NEXT}
    with nf.Session(build(doc).graph, tier="reference", seed=3) as session:
        session.initialize()
        session.variables["table/embeddings"] = np.linspace(-1, 1, 12).reshape(4, 3) ** 3
        table_then = np.array(session.variables["table/embeddings"], "float64")
        for _ in range(3):
            loss = session.run(["loss", "train"], feeds)[0]
            a, b = table_then[WORDS[:, 0]], table_then[WORDS[:, 1]]
            scores = (a * b) @ table_then.T
            shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
            np.testing.assert_allclose(loss, -np.log(shares[range(3), NEXT]).mean(), rtol=1e-5)
            slope = (shares - np.eye(4)[NEXT]) / 3
            found = slope.T @ (a * b)
            np.add.at(found, WORDS[:, 0], slope @ table_then * b)
            np.add.at(found, WORDS[:, 1], slope @ table_then * a)
            table_then -= 0.5 * found
        now = session.variables["table/embeddings"]
        np.testing.assert_allclose(now, table_then, rtol=1e-4, atol=1e-6)


def on_data() -> Document:
    """A network that is called twice on rows of a data set, with a loss of both results."""
    doc = Document()
    add(doc, "dataset", "data", {"source": "spirals"})
    add(doc, "placeholder", "x", {"dtype": "float32", "shape": [None, 2]}, feed="data:points")
    add(doc, "layers/dense", "a", {"units": 3, "activation": "tanh"}, x="x")
    add(doc, "negative", "minus", x="x")
    add(doc, "layers/dense", "b", {"units": 3, "activation": "tanh"}, x="minus")
    share_weights(doc, ident(doc, "b"), ident(doc, "a"))
    add(doc, "subtract", "gap", x="a", y="b")
    add(doc, "layers/dense", "out", {"units": 2}, x="gap")
    create(doc, [ident(doc, n) for n in ("minus", "a", "b", "gap", "out")], "net")
    (again,) = duplicate(doc, [ident(doc, "net")])
    add(doc, "identity", "half", x="net:out")
    commands.connect(doc, ident(doc, "half"), "out", again, "x")
    share_weights(doc, again, ident(doc, "net"))
    add(doc, "square", "squares", x="net_1:out")
    add(doc, "reduce_mean", "loss", x="squares")
    add(doc, "gradient_descent", "train", {"learning_rate": 0.1}, loss="loss")
    fields = {"batch_size": 16, "epochs": 2, "seed": 1}
    commands.set_training(doc, optimizer=ident(doc, "train"), loss=ident(doc, "loss"), **fields)
    return doc


def test_files_with_a_wire_from_the_owner_still_compute_the_same() -> None:
    doc = siamese()
    before = losses(doc)
    settings = {"units": 3, "activation": "tanh"}
    attrs = {"layer": "layers/dense", "settings": settings}
    add(doc, "layers/shared", "old", attrs, owner="a", values_0="z")
    commands.connect(doc, ident(doc, "old"), "outs.0", ident(doc, "mean_b"), "x")
    commands.remove(doc, [ident(doc, "b")])
    assert losses(doc) == before
