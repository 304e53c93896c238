"""Graphs written as ONNX: accepted by its checker, right in its evaluator, and the same bytes again
after they were opened."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.exchange.importing import document_of
from nodeflow.graph.types import FLOATS, dtype_name
from nodeflow.integrations.onnx import opaque
from nodeflow.integrations.onnx.emit import NotInOnnx
from nodeflow.integrations.onnx.export import all_records, answers, exported
from nodeflow.integrations.onnx.reading import graph_of
from nodeflow.integrations.onnx.writing import model_of
from nodeflow.ops import REGISTRY
from nodeflow.ops.namespaces import nn
from nodeflow.resources import example, examples
from tests.document.test_shared_weights import on_data
from tests.integrations.onnx.models import FED, feeds, with_functions, with_unknown_op

MOST = 6
"""Samples of an op that are tried."""
EVALUATOR = {
    "average_pool1d": "it counts the window beyond the border with ceil_mode",
    "conv1d": "it cannot concatenate nothing",
    "conv3d": "it cannot concatenate nothing",
    "deform_conv2d": "it has no implementation for no points",
    "embedding_lookup": "it wraps indices out of range",
    "global_max_pool": "it has no case without spatial axes",
    "glu": "it looks for Gelu in functions",
    "gru": "it has no reverse direction",
    "lstm": "it gives no state of the cell",
    "rnn": "it has no reverse direction and no ReLU",
    "log_softmax": "it takes the logarithm of 0",
    "reduce_any": "it has no ReduceMax of nothing",
    "reduce_logsumexp": "it has no sum of nothing",
    "softsign": "it casts integers",
    "one_hot": "it counts indices out of range from the end, as ONNX says",
}
"""Ops whose samples the evaluator of ONNX 1.22 computes otherwise, or not at all."""

DRAWING = ("gan", "wgan")
"""Examples that draw numbers, which ONNX files of nodeflow cannot."""


def same_bytes(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


def single(op, sample):
    """A graph of one node, what it gives, and its variables."""
    with nf.Graph() as graph:
        places = [
            nf.placeholder(dtype_name(a.dtype), list(a.shape), name=f"in{i}")
            for i, a in enumerate(sample.inputs)
        ]
        node = graph.add_node(op, places, sample.attrs, name="it")
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        values = {name: np.asarray(v) for name, v in session.variables.items()}
        fed = dict(zip(places, sample.inputs, strict=True))
        return (
            graph,
            {t.name: t for t in node.outputs},
            values,
            session.run(list(node.outputs), fed),
        )


def samples(op):
    halves = ("float16", "bfloat16", "complex64", "complex128")
    found = (s for s in op.samples() if not any(a.dtype.name in halves for a in s.inputs))
    return [s for s, _ in zip(found, range(MOST), strict=False)]


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    if wanted.dtype.kind == "c":  # pairs, in a file
        wanted = np.stack([wanted.real, wanted.imag], axis=-1)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


OPS = [op for op in REGISTRY if not op.random and op.category != "Internal"]
PARTS = 12


@pytest.mark.sample(2)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_op_that_can_be_written_is_right_and_comes_back(part):
    written = 0
    for op in OPS[part::PARTS]:
        for sample in samples(op):
            if op.id == "placeholder":
                continue
            try:
                graph, outputs, values, wanted = single(op, sample)
            except nf.NodeflowError:
                continue  # samples of errors, and of what needs a session of its own
            if not outputs:
                continue
            try:
                model = model_of(graph, outputs, values)
            except NotInOnnx:
                continue
            written += 1
            onnx.checker.check_model(model, full_check=True)
            back = graph_of(model)
            assert not back.missing, op.id
            again = model_of(back.graph, {t.name: t for t in back.outputs.values()}, back.weights)
            assert same_bytes(again) == same_bytes(model), op.id
            special = any(a.dtype.kind == "f" and not np.isfinite(a).all() for a in sample.inputs)
            if op.id in EVALUATOR or special:
                continue
            given = {v.name for v in model.graph.input}
            fed = {f"in{i}": a for i, a in enumerate(sample.inputs) if f"in{i}" in given}
            found = ReferenceEvaluator(model).run(None, fed)
            for ours, theirs in zip(wanted, found, strict=True):
                try:
                    close(np.asarray(theirs), np.asarray(ours))
                except AssertionError as error:
                    raise AssertionError(f"{op.id} {dict(sample.attrs)}: {error}") from None
    assert written > 40


def test_results_of_several_nodes_of_onnx_are_numpys():
    x, y = (np.random.default_rng(n).normal(size=(3, 5)).astype("float32") for n in range(2))
    with nf.Graph() as graph:
        first, second = (nf.placeholder("float32", [3, 5], name=name) for name in "xy")
        outputs = {
            "between": nf.lerp(first, second, 0.25),
            "order": nf.argsort(first, axis=0, dtype="int32"),
            "back": nf.argsort(first, descending=True, dtype="int64"),
        }
    found = ReferenceEvaluator(model_of(graph, outputs, {})).run(None, {"x": x, "y": y})
    wanted = [x + (y - x) * np.float32(0.25), x.argsort(0).astype("int32"), (-x).argsort(1)]
    for ours, theirs in zip(wanted, found, strict=True):
        close(theirs, ours)


# ---- documents --------------------------------------------------------------------------------


def export(document: Document, weights=None, **how) -> onnx.ModelProto:
    with opaque.known(list(all_records(document))), warnings.catch_warnings():
        task = Task(document)
        with Session(task.graph, seed=3) as session:
            given = weights or {}
            names = [v.node.name for v in task.graph.variables]
            session.initialize([name for name in names if name not in given])
            session.variables.update(given)
            return exported(task, session, **how)[0]


def reopened(model: onnx.ModelProto) -> tuple[Document, dict[str, np.ndarray]]:
    opened = graph_of(model)
    document = document_of(opened)
    return flow.loads(flow.dumps(document)), dict(opened.weights)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "path", [p for p in sorted(examples()) if p.stem not in DRAWING], ids=lambda path: path.stem
)
def test_an_example_comes_back_as_the_same_bytes(path):
    if path.stem == "vae":  # its encoder draws numbers, which is refused in words
        with pytest.raises(NotInOnnx, match="noise"):
            export(flow.load(path))
        return
    model = export(flow.load(path))
    again = export(*reopened(model))
    assert same_bytes(again) == same_bytes(model)


def test_weights_that_are_used_twice_are_there_once():
    document = on_data()
    model = export(document)
    kernels = [i for i in model.graph.initializer if i.name.endswith("kernel")]
    assert len(kernels) == 2
    x = np.random.default_rng(1).normal(size=(5, 2)).astype("float32")
    (found,) = ReferenceEvaluator(model).run(None, {"x": x})
    with Session(Task(document).graph, seed=3) as session:
        session.initialize()
        truth = session.run("squares", {"x": x})
    close(found, truth)


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", sorted(FED))
def test_a_model_of_others_is_a_fixed_point_once_it_was_written(name):
    make, shapes = FED[name]
    made, fed = make(), feeds(shapes)
    first = export(*reopened(made))
    assert same_bytes(export(*reopened(first))) == same_bytes(first)
    wanted = ReferenceEvaluator(made).run(None, fed)
    for ours, theirs in zip(ReferenceEvaluator(first).run(None, fed), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_subgraphs_are_functions_with_their_weights_as_inputs():
    document, weights = reopened(with_functions())
    model = export(document, weights)
    (function,) = [f for f in model.functions if f.domain == "nodeflow.subgraphs"]
    calls = [n for n in model.graph.node if n.op_type == function.name]
    assert [n.name for n in calls] == ["layers_0", "layers_1", "layers_2"]
    assert set(calls[1].input) > {"layers_1/w", "layers_1/b"}
    (again,) = {
        n.attrs["definition"] for n in reopened(model)[0].nodes.values() if n.op == "subgraph"
    }
    assert again == function.name


def test_a_layer_comes_back_as_a_layer():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        y = nf.layers.dense(x, 3, activation=nn.relu, name="hidden")
        nf.identity(nf.layers.batch_normalization(y, name="norm"), name="out")
    document = from_graph(graph)
    model = export(document)
    onnx.checker.check_model(model, full_check=True)
    back, weights = reopened(model)
    assert {n.op for n in back.nodes.values()} == {n.op for n in document.nodes.values()}
    assert same_bytes(export(back, weights)) == same_bytes(model)
    found = ReferenceEvaluator(model).run(None, {"x": np.ones((2, 6), "f4")})
    built = build(document)
    with Session(built.graph, seed=3) as session:
        session.initialize()
        wanted = session.run(built.graph.tensor("out"), {"x": np.ones((2, 6), "f4")})
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "attrs"),
    [
        ("layers/transformer_block", {}),
        ("layers/multi_head_attention", {"causal": True}),
        ("layers/gru", {"units": 5}),
        ("layers/layer_normalization", {}),
    ],
)
def test_large_layers(kind, attrs):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 7, 64], name="x")
        attrs = {
            k: v for k, v in attrs.items() if k in {a.name for a in REGISTRY.lookup(kind).attrs}
        }
        made = graph.add_node(kind, [x], attrs, name="layer").outputs[0]
        nf.identity(made, name="out")
    model = export(from_graph(graph))
    back, weights = reopened(model)
    assert kind in {n.op for n in back.nodes.values()}
    assert same_bytes(export(back, weights)) == same_bytes(model)
    x = np.random.default_rng(0).normal(size=(2, 7, 64)).astype("f4")
    built = build(from_graph(graph))
    with Session(built.graph, seed=3) as session:
        session.initialize()
        wanted = session.run(built.graph.tensor("out"), {"x": x})
    np.testing.assert_allclose(ReferenceEvaluator(model).run(None, {"x": x})[0], wanted, atol=1e-5)


@pytest.mark.parametrize("opset", [18, 19, 20, 21, 22, 23, 24])
def test_opsets(opset):
    document = flow.load(next(p for p in examples() if p.stem == "mnist_cnn"))
    model = export(document, opset=opset)
    assert [o.version for o in model.opset_import if not o.domain] == [opset]
    onnx.checker.check_model(model, full_check=True)


def test_unknown_sizes_have_names():
    document = flow.load(next(p for p in examples() if p.stem == "mnist_layers"))
    model = export(document)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["x_0", 784]


@pytest.mark.thorough
def test_branches_and_loops():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [3], name="x")
        chosen = nf.cond(nf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: nf.exp(x), name="chosen")
        sums = nf.scan(lambda a, b: a + b, x, nf.constant(0.0), name="sums")
        less = lambda i, v: nf.reduce_sum(v) < 100.0  # noqa: E731
        _, grown = nf.while_loop(less, lambda i, v: (i + 1, v + nf.abs(v) + 1.0), (0, chosen))
        for name, tensor in {"a": chosen, "b": sums, "c": grown}.items():
            nf.identity(tensor, name=name)
    model = export(from_graph(graph))
    for values in ([1.0, 2.0, 3.0], [-1.0, -2.0, 0.5]):
        fed = {"x": np.array(values, "f4")}
        with nf.Session(graph, tier="reference") as session:
            wanted = session.run(["a", "b", "c"], {"x": fed["x"]})
        found = ReferenceEvaluator(model).run(["a", "b", "c"], fed)
        for ours, theirs in zip(wanted, found, strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=1e-5)
    assert same_bytes(export(*reopened(model))) == same_bytes(model)


def test_what_onnx_lacks_is_named_all_at_once():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [4], name="x")
        nf.identity(nf.digamma(nf.lgamma(x, name="first"), name="second"), name="out")
    with pytest.raises(NotInOnnx) as error:
        export(from_graph(graph))
    assert "first" in str(error.value) and "second" in str(error.value)


def test_a_node_without_counterpart_goes_back_unchanged():
    made = with_unknown_op()
    model = export(*reopened(made))
    (node,) = [n for n in model.graph.node if n.op_type == "Wobble"]
    (before,) = [n for n in made.graph.node if n.op_type == "Wobble"]
    assert (node.domain, node.name) == ("com.example", "wobble")
    assert list(node.attribute) == list(before.attribute)
    assert {o.domain: o.version for o in model.opset_import}["com.example"] == 3
    assert same_bytes(export(*reopened(model))) == same_bytes(model)
    (weight,) = model.graph.initializer
    np.testing.assert_array_equal(
        onnx.numpy_helper.to_array(weight), onnx.numpy_helper.to_array(made.graph.initializer[0])
    )


def test_halves_are_written_too():
    assert set(FLOATS) >= {"float16", "bfloat16"}
    with nf.Graph() as graph:
        x = nf.placeholder("float16", [2, 3], name="x")
        nf.softmax(x * nf.constant(np.array(2, "float16")), name="out")
    model = export(from_graph(graph))
    found = ReferenceEvaluator(model).run(None, {"x": np.eye(2, 3, dtype="f2")})
    assert found[0].dtype == np.float16


def test_the_folder_is_untouched_where_something_cannot_be_written(tmp_path: Path):
    from nodeflow.cli.environment import Environment
    from nodeflow.cli.main import main

    with nf.Graph() as graph:
        nf.lgamma(nf.placeholder("float32", [4], name="x"), name="out")
    nf.save(graph, tmp_path / "g.flow")
    before = sorted(tmp_path.iterdir())
    code = main(["export", "g.flow", "--to", "onnx"], Environment(folder=tmp_path))
    assert code == 1 and sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("pads", [1, [2, 1], [[0, 1], [2, 0]]])
def test_a_border_in_each_of_its_forms(pads):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [1, 2, 5, 6], name="x")
        kernel = nf.constant(np.ones((3, 2, 3, 3), "f4"), name="kernel")
        attrs = {"pads": pads, "layout": "NCHW", "filter_layout": "OIHW"}
        nf.functions.conv2d(x, kernel, name="answer", **attrs)
    model = model_of(graph, {"answer": graph.tensor("answer")}, {})
    fed = {"x": np.arange(60, dtype="f4").reshape(1, 2, 5, 6)}
    with nf.Session(graph, tier="reference") as session:
        wanted = session.run("answer", fed)
    (found,) = ReferenceEvaluator(model).run(None, fed)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def adversaries(source: str) -> Task:
    """A generator, whose input is an op, and a critic; the optimizers `d` and `g` take turns."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        if source == "placeholder":
            z = nf.placeholder("float32", [None, 2], name="z")
        else:
            z = nf.random_normal([4, 2], name="z")
        w, v = nf.variable(np.ones((2, 3), "f4"), name="w"), nf.variable([[1.0]] * 3, name="v")
        made = nf.tanh(nf.matmul(z, w), name="made")
        real = nf.reduce_mean(nf.softplus(nf.matmul(x, v)), name="real")
        fake = nf.reduce_mean(nf.softplus(nf.matmul(made, v)), name="fake")
        nf.gradient_descent(nf.subtract(real, fake, name="d_loss"), variables=["v"], name="d")
        nf.gradient_descent(nf.negative(fake, name="g_loss"), variables=["w"], name="g")
    document = from_graph(graph)
    turns = [{"optimizer": document.node_named(name).id} for name in ("d", "g")]
    commands.set_training(document, schedule=turns)
    return Task(document)


def test_of_adversaries_the_file_has_what_the_generator_makes():
    task = adversaries("placeholder")
    assert list(answers(task)) == ["made"]
    z = np.float32([[0.5, -1.0], [2.0, 0.25]])
    model = export(task.document)
    (found,) = ReferenceEvaluator(model).run(None, {"z": z})
    np.testing.assert_allclose(found, np.tanh(z @ np.ones((2, 3))), rtol=1e-5)
    assert list(answers(adversaries("random_normal"))) == ["made"], "and is refused for the draw"


@pytest.mark.parametrize("name", DRAWING)
def test_an_example_that_draws_is_refused_in_words(name):
    with pytest.raises(NodeflowError, match="ONNX has nothing for random_normal"):
        export(flow.load(example(f"{name}.flow")))
