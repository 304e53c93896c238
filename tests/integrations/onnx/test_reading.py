"""Files of ONNX become graphs that compute the same, documents that a person can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.document.layout.scopes import SCREEN
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.saved_weights import use_weights, weights_path
from nodeflow.engine.session import Session
from nodeflow.exchange.importing import Imported, document_of, import_model
from nodeflow.integrations.onnx.errors import OnnxFileError
from nodeflow.integrations.onnx.file import read_model
from nodeflow.integrations.onnx.reading import graph_of
from tests.integrations.onnx.models import (
    FED,
    branches,
    cnn,
    expected,
    feeds,
    flat_blocks,
    mlp,
    model,
    recurrent,
    steps_of,
    value,
    weight,
    with_functions,
    with_unknown_op,
)


def computed(opened: Imported, fed: dict[str, np.ndarray], tier: str = "reference") -> dict:
    with nf.Session(opened.graph, tier=tier) as session:
        session.variables.update(opened.weights)
        found = session.run(
            list(opened.outputs.values()), {opened.inputs[n]: a for n, a in fed.items()}
        )
    return dict(zip(opened.outputs, found, strict=True))


def same(found: dict, wanted: dict, tolerance: float = 1e-5) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_allclose(found[name], array, rtol=tolerance, atol=tolerance, err_msg=name)


def imported(made: onnx.ModelProto, folder: Path, **how) -> Document:
    onnx.save(made, folder / "m.onnx")
    import_model(folder / "m.onnx", folder / "m.flow", **how)
    return flow.load(folder / "m.flow")


def run_document(document: Document, fetch: list[str], fed: dict[str, np.ndarray]) -> list:
    built = build(document)
    place = weights_path(document)
    with Session(built.graph) as session:
        session.initialize()
        if place is not None:
            assert use_weights(session, built, place) == []
        feed = {built.graph.tensor(n): a for n, a in fed.items()}
        return session.run([built.graph.tensor(n) for n in fetch], feed)


@pytest.mark.parametrize("name", FED)
def test_a_model_computes_what_onnx_says(name):
    make, shapes = FED[name]
    made, fed = make(), feeds(shapes)
    opened = graph_of(made)
    assert not opened.missing
    same(computed(opened, fed), expected(made, fed))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("after", [0, 1])
def test_recurrent_layers_follow_their_equations(kind, direction, after):
    made = recurrent(kind, direction, **({"linear_before_reset": after} if kind == "GRU" else {}))
    count = 2 if direction == "bidirectional" else 1
    shapes = {"x": (7, 3, 4), "h0": (count, 3, 5), "c0": (count, 3, 5)}
    fed = feeds({name: shapes[name] for name in [v.name for v in made.graph.input]})
    W, R, B = (numpy_helper.to_array(t) for t in made.graph.initializer)
    runs = []
    for d in range(count):
        backwards = d == 1 or direction == "reverse"
        x = fed["x"][::-1] if backwards else fed["x"]
        states = [fed[name][d] for name in ("h0", "c0") if name in fed]
        outputs, ends = steps_of(kind, x, states, W[d], R[d], B[d], bool(after))
        runs.append([outputs[::-1] if backwards else outputs, *ends])
    y = np.stack([one[0] for one in runs], axis=1)
    ends = [np.stack(one) for one in list(zip(*runs, strict=True))[1:]]
    opened = graph_of(made)
    assert not opened.missing
    same(computed(opened, fed), dict(zip(opened.outputs, [y, *ends], strict=True)))


def test_both_sides_of_a_branch():
    made = branches()
    for flag in (True, False):
        fed = {**feeds({"x": (3, 6)}), "flag": np.array(flag)}
        same(computed(graph_of(made), fed), expected(made, fed))


@pytest.mark.parametrize("name", ["mlp", "cnn", "functions", "flat blocks"])
def test_the_file_computes_it_too(name, tmp_path):
    make, shapes = FED[name]
    made, fed = make(), feeds(shapes)
    document = imported(made, tmp_path)
    wanted = expected(made, fed)
    found = run_document(document, list(wanted), fed)
    same(dict(zip(wanted, found, strict=True)), wanted)
    assert not [p for found in Analysis(document).problems.values() for p in found if not p.port]


def test_names_and_unknown_sizes_are_those_of_the_file():
    opened = graph_of(mlp())
    names = {node.name for node in opened.graph.nodes}
    assert {"x", "fc1/weight", "fc1/bias", "fc2/weight", "act/Relu", "probs"} <= names
    assert str(opened.inputs["x"].type) == "float32 (?, 20)"


def test_weights_are_frozen_unless_they_are_to_be_trained():
    def trained(**how) -> set[str]:
        nodes = graph_of(cnn(), **how).graph.nodes
        return {n.name for n in nodes if n.op.id == "variable" and n.attrs["trainable"]}

    assert trained() == set()
    assert trained(trainable=True) == {"w1", "b1", "g", "o", "w2"}, "not the statistics m and v"


@pytest.mark.thorough
def test_functions_become_subgraphs(tmp_path):
    document = imported(with_functions(), tmp_path)
    instances = [n for n in document.nodes.values() if n.op == "subgraph"]
    assert [n.name for n in instances] == ["layers_0", "layers_1", "layers_2"]
    assert len({n.attrs["definition"] for n in instances}) == 1


def test_repeated_blocks_without_scopes_become_subgraphs(tmp_path):
    document = imported(flat_blocks(), tmp_path)
    instances = [n for n in document.nodes.values() if n.op == "subgraph"]
    assert len(instances) == 8
    assert len({n.attrs["definition"] for n in instances}) == 1


@pytest.mark.thorough
def test_a_long_chain_is_at_most_three_screens_wide(tmp_path):
    nodes = [
        helper.make_node(op, [f"v{i}"], [f"v{i + 1}"], f"{op}_{i}")
        for i, op in enumerate(["Relu", "Abs", "Sin", "Tanh", "Exp", "Neg", "Cos"] * 12)
    ]
    made = model(nodes, [value("v0", ["n"])], [value(f"v{len(nodes)}", ["n"])])
    document = imported(made, tmp_path)
    places = [record.pos[0] for record in document.nodes.values()]
    assert max(places) - min(places) <= 3 * SCREEN


@pytest.mark.thorough
def test_what_has_no_counterpart_stays_and_blocks_only_what_depends_on_it(tmp_path):
    made = with_unknown_op()
    document = imported(made, tmp_path)
    node = document.node_named("wobble")
    assert node.op == "onnx/com.example/Wobble"
    problems = [p for found in Analysis(document).problems.values() for p in found]
    (problem,) = [p for p in problems if p.node != "x"]
    assert (problem.node, problem.severity) == ("wobble", "error")
    assert "no op Wobble of com.example" in problem.message
    fed = feeds({"x": (2, 6)})
    built = build(document, partial=True)
    with Session(built.graph) as session:
        (found,) = session.run([built.graph.tensor("known")], {built.graph.tensor("x"): fed["x"]})
    np.testing.assert_array_equal(found, np.maximum(fed["x"], 0))
    assert "unknown" not in built.graph


@pytest.mark.parametrize(
    ("opset", "nodes", "fed"),
    [
        (7, [helper.make_node("Upsample", ["x"], ["y"], scales=[1, 1, 2, 3.0])], (1, 2, 3, 4)),
        (7, [helper.make_node("Softmax", ["x"], ["y"])], (2, 3, 4)),
        (8, [helper.make_node("Clip", ["x"], ["y"], min=-0.5, max=0.5)], (3, 4)),
        (9, [helper.make_node("Slice", ["x"], ["y"], axes=[1], starts=[1], ends=[99])], (2, 5)),
        (9, [helper.make_node("Squeeze", ["x"], ["y"], axes=[1])], (2, 1, 3)),
        (10, [helper.make_node("Pad", ["x"], ["y"], pads=[0, 1, 1, 0], value=2.0)], (2, 3)),
        (11, [helper.make_node("ReduceSum", ["x"], ["y"], axes=[1], keepdims=0)], (2, 3)),
        (12, [helper.make_node("Split", ["x"], ["y", "z"], axis=1, split=[1, 2])], (2, 3)),
    ],
    ids=lambda one: one[0].op_type if isinstance(one, list) else str(one),
)
def test_older_opsets(opset, nodes, fed):
    names = list(nodes[0].output)
    graph = helper.make_graph(nodes, "g", [value("x", list(fed))], [value(n, None) for n in names])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)
    given = feeds({"x": fed})
    found = computed(graph_of(made), given)
    if opset == 7:  # the evaluator has no such old ops
        x = given["x"]
        if nodes[0].op_type == "Upsample":
            wanted = x.repeat(2, 2).repeat(3, 3)
        else:
            flat = np.exp(x.reshape(2, -1))
            wanted = (flat / flat.sum(1, keepdims=True)).reshape(x.shape)
        np.testing.assert_allclose(found["y"], wanted, rtol=1e-5)
    elif opset < 11 and nodes[0].op_type == "Pad":
        wanted = np.pad(given["x"], ((0, 1), (1, 0)), constant_values=2)
        np.testing.assert_array_equal(found["y"], wanted)
    else:
        same(found, expected(made, given))


@pytest.mark.parametrize(("axis", "indices"), [(0, [-1, 0]), (1, [-1, 2, -3]), (-1, [-4])])
def test_indices_from_the_end_are_those_of_their_axis(axis, indices):
    which = numpy_helper.from_array(np.array(indices), "which")
    node = helper.make_node("Gather", ["x", "which"], ["y"], axis=axis)
    graph = helper.make_graph([node], "g", [value("x", [2, 3, 4])], [value("y", None)], [which])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    given = feeds({"x": (2, 3, 4)})
    found = computed(graph_of(made), given)
    np.testing.assert_array_equal(found["y"], given["x"].take(indices, axis))


def external(folder: Path, location: str, make: bool = True) -> Path:
    made = mlp()
    tensor = made.graph.initializer[0]
    content = numpy_helper.to_array(tensor).tobytes()
    if make:
        (folder / location).write_bytes(b"ab" + content)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("offset", "2"), ("length", str(len(content)))):
        tensor.external_data.add(key=key, value=text)
    (folder / "m.onnx").write_bytes(made.SerializeToString())
    return folder / "m.onnx"


def test_weights_in_another_file_of_the_folder(tmp_path):
    plain = graph_of(mlp()).weights
    found = graph_of(read_model(external(tmp_path, "weights.bin"))).weights
    assert found.keys() == plain.keys()
    assert found["fc1/weight"].shape == (32, 20)


def test_weights_outside_of_the_folder_are_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(OnnxFileError, match="outside the model's folder"):
        read_model(external(folder, "../weights.bin"))
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(OnnxFileError, match="outside the model's folder"):
        read_model(external(folder, "link.bin", make=False))
    with pytest.raises(OnnxFileError, match="are missing"):
        read_model(external(folder, "none.bin", make=False))
    path = external(folder, "short.bin")
    (folder / "short.bin").write_bytes(b"abc")
    with pytest.raises(OnnxFileError, match="ends before"):
        read_model(path)


def test_files_that_are_no_models(tmp_path):
    path = tmp_path / "m.onnx"
    for content in (b"", b"no model", b"\x08\x07"):
        path.write_bytes(content)
        with pytest.raises(OnnxFileError):
            read_model(path)
    with pytest.raises(OnnxFileError, match="No such file"):
        read_model(tmp_path / "none.onnx")
    old = mlp()
    old.opset_import[0].version = 6
    path.write_bytes(old.SerializeToString())
    with pytest.raises(OnnxFileError, match="opset 6"):
        read_model(path)


def test_a_function_that_calls_itself_is_refused():
    made = with_functions()
    function = made.functions[0]
    function.node[0].CopyFrom(
        helper.make_node("Block", ["x", "w", "b"], ["p"], "again", domain="local")
    )
    function.opset_import.append(helper.make_opsetid("local", 1))
    with pytest.raises(OnnxFileError, match="calls itself"):
        graph_of(made)


def test_a_constant_of_a_huge_shape_takes_no_memory():
    tensor = TensorProto(name="w", data_type=1, dims=[2**40])
    made = model([helper.make_node("Relu", ["x"], ["y"])], [value("x", [3])], [value("y", [3])])
    made.graph.initializer.append(tensor)
    with pytest.raises(OnnxFileError, match="holds other bytes"):
        graph_of(made)


def test_what_is_left_out_has_no_array(tmp_path):
    made = mlp()
    made.graph.initializer.append(weight("unused", 50, 50))
    assert "unused" not in graph_of(made).weights


def unchecked(nodes, outputs=("y",), inputs=("x",), weights=()) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "g", [value(i, [2]) for i in inputs], [value(o, [2]) for o in outputs], weights
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([("Relu", "x", "y"), ("Neg", "x", "y")], "'y' is made twice"),
        ([("Relu", "x", "y"), ("Neg", "y", "x")], "'x' is made twice"),
        ([("Relu", "x", "w"), ("Neg", "w", "y")], "'w' is made twice"),
    ],
)
def test_a_value_that_is_made_twice_is_refused(made, words):
    nodes = [helper.make_node(op, [read], [out]) for op, read, out in made]
    with pytest.raises(OnnxFileError, match=words):
        graph_of(unchecked(nodes, weights=[weight("w", 2)]))


@pytest.mark.parametrize("what", ["inputs", "outputs", "initializers"])
def test_two_of_one_name_are_refused(what):
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    given = {"inputs": ["x"], "outputs": ["y"], "weights": [weight("w", 2)]}
    given = {key: of * (1 + (key == what)) for key, of in given.items()}
    if what == "initializers":
        given["weights"] *= 2
    with pytest.raises(OnnxFileError, match=f"two {what} are called"):
        graph_of(unchecked(nodes, **given))


def test_equal_scopes_of_which_one_lies_deeper_become_one_subgraph():
    nodes, last = [], "x"
    for place, scope in enumerate(("b/m", "c", "d")):
        for op in ("Relu", "Exp", "Neg"):
            nodes.append(helper.make_node(op, [last], [f"{op}{place}"], f"{scope}/{op}"))
            last = f"{op}{place}"
        nodes.append(helper.make_node("Tanh", [last], [f"t{place}"], f"t{place}"))
        last = f"t{place}"
    made = model(nodes, [value("x", ["n"])], [value(last, ["n"])])
    document = document_of(graph_of(made))
    assert len(document.subgraphs) == 1
    x = {"x": np.array([0.5, -1.0], "f4")}
    same(dict(zip([last], run_document(document, [last], x), strict=True)), expected(made, x))
