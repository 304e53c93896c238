"""Changes of model files: what a verb promises, and that everything else keeps its bytes.

Models are checked with `onnx.checker` and computed by ONNX's own evaluator, which the verbs do not
use to compute outputs.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nodeflow.errors import FileProblem, NodeflowError
from nodeflow.exchange.model_edits import edit_model
from nodeflow.integrations.onnx.surgery import edits, proof
from nodeflow.manifests import SoftwareMissing

from .models import cnn, expected, ints, mlp, model, value, weight

RNG = np.random.default_rng(3)
X = RNG.normal(size=(2, 20)).astype("f4")
PICTURES = RNG.normal(size=(2, 3, 8, 10)).astype("f4")
NEEDS_ONNXRUNTIME = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="needs onnxruntime"
)


@pytest.fixture
def edit(tmp_path: Path):
    """Changes a model, and returns the new one after ONNX's checker."""

    def run(made: onnx.ModelProto, verb: str, **options):
        onnx.save(made, tmp_path / "old.onnx")
        before = (tmp_path / "old.onnx").read_bytes()
        edit_model(tmp_path / "old.onnx", tmp_path / "new.onnx", verb, **options)
        assert (tmp_path / "old.onnx").read_bytes() == before
        found = onnx.load(tmp_path / "new.onnx")
        onnx.checker.check_model(found, full_check=True)
        return found

    return run


def described() -> onnx.ModelProto:
    """The network with everything that a file may say about itself."""
    made = mlp()
    made.producer_name, made.doc_string, made.domain = "someone", "a network", "org.example"
    made.metadata_props.add(key="author", value="somebody")
    made.graph.doc_string = "its graph"
    for index, node in enumerate(made.graph.node):
        node.doc_string = f"node {index}"
        node.metadata_props.add(key="scope", value=f"layer {index}")
    return made


def parts(made: onnx.ModelProto) -> dict[str, bytes]:
    """The bytes of each node, weight, input and output, and of all else."""
    found = {}
    for field in ("node", "initializer", "input", "output", "value_info"):
        for each in getattr(made.graph, field):
            found[f"{field} {each.name}"] = each.SerializeToString()
    rest = type(made)()
    rest.CopyFrom(made)
    for field in ("node", "initializer", "input", "output", "value_info"):
        rest.graph.ClearField(field)
    return found | {"rest": rest.SerializeToString()}


UNTOUCHED = {
    "add-output": ({"tensor": ["r"]}, {"output r"}),
    "argmax": ({}, {"node probs_argmax", "output probs", "output probs_argmax"}),
    "batch": ({"size": 2}, {"input x", "output probs"}),
    "bypass": ({"node": "/act/Relu"}, {"node /act/Relu", "node /fc2/Gemm"}),
    "replace": ({"node": "/act/Relu", "op": "Elu"}, {"node /act/Relu"}),
    "rename": (
        {"name": {"x": "y"}, "dimension": {"batch": "n"}},
        {"input x", "input y", "node /fc1/Gemm", "output probs"},
    ),
    "fold-constants": ({}, set()),
    "fold-batchnorm": ({}, set()),
    "cut": (
        {"start": ["h"], "end": ["logits"]},
        {"node /fc1/Gemm", "node /Softmax", "initializer fc1.weight", "initializer fc1.bias",
         "input x", "input h", "output probs", "output logits"},
    ),
    "normalize": (
        {"mean": 0.5, "std": 2.0},
        {"node /fc1/Gemm", "node x_centred", "node x_normalized", "initializer x_mean",
         "initializer x_std"},
    ),
    "float16": (
        {"keep": ["/fc1/Gemm", "/act/Relu", "/fc2/Gemm"]},
        {"node logits_half", "node /Softmax", "node probs"},
    ),
}  # fmt: skip
"""Options by verb, and the parts of the model that may change."""


def test_every_verb_is_tested_for_what_it_leaves_alone() -> None:
    assert set(UNTOUCHED) == set(edits.VERBS)


@pytest.mark.parametrize("verb", UNTOUCHED)
def test_what_a_verb_does_not_touch_keeps_its_bytes(verb: str, edit) -> None:
    options, changed = UNTOUCHED[verb]
    made = described()
    before, after = parts(made), parts(edit(made, verb, **options))
    names = before.keys() | after.keys()
    assert {name for name in names if before.get(name) != after.get(name)} - changed == set()


def test_a_tensor_becomes_an_output(edit) -> None:
    made = mlp()
    found = expected(edit(made, "add-output", tensor="r"), {"x": X})
    weights = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    hidden = np.maximum(X @ weights["fc1.weight"].T + weights["fc1.bias"], 0)
    assert list(found) == ["probs", "r"]
    np.testing.assert_allclose(found["r"], hidden, rtol=1e-4, atol=1e-6)


def test_a_range_computes_what_it_did_inside(edit) -> None:
    made = cnn()
    whole = edit(made, "add-output", tensor=["n", "p"])
    inside = expected(whole, {"x": PICTURES})
    part = edit(made, "cut", start="n", end="p")
    assert [v.name for v in part.graph.input] == ["n"] and len(part.graph.node) == 2
    assert not part.graph.initializer
    found = expected(part, {"n": inside["n"]})
    np.testing.assert_array_equal(found["p"], inside["p"])


def test_a_range_keeps_the_inputs_that_it_also_needs(edit) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "a"),
        helper.make_node("Add", ["r", "mask"], ["s"], "b"),
        helper.make_node("Abs", ["s"], ["y"], "c"),
    ]
    made = model(nodes, [value("x", [2]), value("mask", [2])], [value("y", [2])])
    part = edit(made, "cut", start="r", end="s")
    assert {v.name for v in part.graph.input} == {"mask", "r"}


def with_branch() -> onnx.ModelProto:
    """A model whose branches read tensors from outside."""

    def branch(op: str) -> onnx.GraphProto:
        node = helper.make_node(op, ["h"], [f"{op}_y"], op)
        return helper.make_graph([node], op, [], [value(f"{op}_y", ["n", 4])])

    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], "MatMul"),
        helper.make_node(
            "If", ["c"], ["y"], "If", then_branch=branch("Relu"), else_branch=branch("Neg")
        ),
    ]
    inputs = [value("x", ["n", 3]), value("c", [], TensorProto.BOOL)]
    return model(nodes, inputs, [value("y", ["n", 4])], [weight("w", 3, 4)])


@pytest.mark.parametrize("chosen", [True, False])
def test_bodies_read_renamed_and_converted_tensors(chosen: bool, edit) -> None:
    fed = {"x": X[:, :3], "c": np.array(chosen)}
    made = with_branch()
    wanted = expected(made, fed)["y"]
    renamed = edit(made, "rename", name=["y=z", "x=pixels"])
    found = expected(renamed, {"pixels": fed["x"], "c": fed["c"]})
    np.testing.assert_array_equal(found["z"], wanted)
    half = edit(made, "float16")
    np.testing.assert_allclose(expected(half, fed)["y"], wanted, rtol=1e-2, atol=1e-3)
    assert "Cast" in {node.op_type for node in half.graph.node}


@pytest.mark.parametrize("size", [3, "n"])
def test_the_batch_of_reshapes_changes_too(size, edit) -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "s"], ["r"], "Reshape"),
        helper.make_node("Softmax", ["r"], ["y"], "Softmax", axis=-1),
    ]
    made = model(nodes, [value("x", [1, 2, 3])], [value("y", [1, 6])], [ints("s", 1, 6)])
    new = edit(made, "batch", size=size)
    x = RNG.normal(size=(3, 2, 3)).astype("f4")
    found = expected(new, {"x": x})["y"]
    for row, one in zip(found, x, strict=True):
        np.testing.assert_allclose(row, expected(made, {"x": one[None]})["y"][0], rtol=1e-6)


def test_a_node_is_taken_out(edit) -> None:
    made = mlp()
    found = edit(made, "bypass", node="/act/Relu")
    x = {"x": X}
    w = {t.name: numpy_helper.to_array(t).astype("f8") for t in made.graph.initializer}
    logits = (X @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"].T + w["fc2.bias"]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    wanted = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(expected(found, x)["probs"], wanted, rtol=1e-4)
    last = edit(mlp(), "bypass", node="/Softmax")
    assert [v.name for v in last.graph.output] == ["probs"], "the output keeps its name"


def test_another_op_takes_the_place(edit) -> None:
    made = model(
        [helper.make_node("Relu", ["x"], ["y"], "act")],
        [value("x", [2, 20])],
        [value("y", [2, 20])],
    )
    found = edit(made, "replace", node="act", op="LeakyRelu", attribute="alpha=0.25")
    np.testing.assert_allclose(expected(found, {"x": X})["y"], np.where(X > 0, X, X * 0.25))
    again = edit(found, "replace", node="act", op="LeakyRelu", attribute={"alpha": 0.5})
    np.testing.assert_allclose(expected(again, {"x": X})["y"], np.where(X > 0, X, X * 0.5))


def test_normalization_is_numpys(edit) -> None:
    mean, std = [0.1, 0.2, 0.3], [1.0, 2.0, 4.0]
    made = cnn()
    found = edit(made, "normalize", mean=mean, std=std)
    by_hand = (PICTURES - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    wanted = expected(made, {"x": by_hand.astype("f4")})["y"]
    np.testing.assert_allclose(expected(found, {"x": PICTURES})["y"], wanted, rtol=1e-4, atol=1e-5)


def test_argmax_is_numpys(edit) -> None:
    made = mlp()
    found = expected(edit(made, "argmax"), {"x": X})
    np.testing.assert_array_equal(
        found["probs_argmax"], expected(made, {"x": X})["probs"].argmax(-1)
    )


def test_constants_are_folded(edit) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], "Shape"),
        helper.make_node("Gather", ["shape", "one"], ["size"], "Gather"),
        helper.make_node("Concat", ["minus", "size"], ["target"], "Concat", axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"], "Reshape"),
    ]
    made = model(
        nodes, [value("x", [2, 4])], [value("y", ["a", "b"])], [ints("one", 1), ints("minus", -1)]
    )
    made.graph.initializer.append(ints("unused", 7))
    found = edit(made, "fold-constants")
    assert [node.op_type for node in found.graph.node] == ["Reshape"]
    assert {t.name for t in found.graph.initializer} == {"target", "unused"}
    x = {"x": X[:, :4]}
    np.testing.assert_array_equal(expected(found, x)["y"], expected(made, x)["y"])


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "Gemm", "Gemm transB"])
def test_batch_normalization_is_folded(kind: str, edit) -> None:
    op, _, flag = kind.partition(" ")
    shape = {"Conv": (4, 3, 3, 3), "ConvTranspose": (4, 3, 3, 3), "Gemm": (6, 6)}[op]
    size = {"Conv": ["n", 3, 8, 8], "ConvTranspose": ["n", 4, 8, 8], "Gemm": ["n", 6]}[op]
    result = ["n", "c"] if op == "Gemm" else ["n", "c", "h", "w"]
    count = {"Conv": 4, "ConvTranspose": 3, "Gemm": 6}[op]
    settings = {"transB": 1} if flag else {}
    nodes = [
        helper.make_node(op, ["x", "w"], ["c"], "layer", **settings),
        helper.make_node("BatchNormalization", ["c", "g", "o", "m", "v"], ["y"], "norm"),
    ]
    weights = [weight("w", *shape), *(weight(name, count) for name in "gom")]
    weights.append(numpy_helper.from_array(np.linspace(0.5, 2, count).astype("f4"), "v"))
    made = model(nodes, [value("x", size)], [value("y", result)], weights)
    found = edit(made, "fold-batchnorm")
    assert [node.name for node in found.graph.node] == ["layer"]
    assert len(found.graph.initializer) == 2
    x = {"x": RNG.normal(size=[2, *size[1:]]).astype("f4")}
    wanted = expected(made, x)["y"]
    np.testing.assert_allclose(expected(found, x)["y"], wanted, rtol=1e-3, atol=1e-5)


@NEEDS_ONNXRUNTIME
def test_batch_normalization_is_folded_into_groups(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["c"], "layer", group=2),
        helper.make_node("BatchNormalization", ["c", "g", "o", "m", "v"], ["y"], "norm"),
    ]
    weights = [weight("w", 4, 3, 3, 3), *(weight(name, 6) for name in "gom")]
    weights.append(numpy_helper.from_array(np.linspace(0.5, 2, 6).astype("f4"), "v"))
    result = value("y", ["n", 6, "h", "w"])
    onnx.save(model(nodes, [value("x", ["n", 4, 8, 8])], [result], weights), tmp_path / "a.onnx")
    found = edit_model(tmp_path / "a.onnx", tmp_path / "b.onnx", "fold-batchnorm")
    assert found.verified and found.done[0].startswith("1 batch")


@pytest.mark.parametrize("make", [mlp, cnn])
def test_float16_is_near_and_half_as_large(make, edit) -> None:
    made = make()
    found = edit(made, "float16")
    x = {"x": X if make is mlp else PICTURES}
    name = found.graph.output[0].name
    wanted = expected(made, x)[name]
    np.testing.assert_allclose(expected(found, x)[name], wanted, rtol=2e-2, atol=5e-3)
    assert {t.data_type for t in found.graph.initializer} == {TensorProto.FLOAT16}
    assert found.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_weights_in_other_files_stay_there(tmp_path: Path) -> None:
    old, new = tmp_path / "old.onnx", tmp_path / "new.onnx"
    onnx.save(mlp(), old, save_as_external_data=True, location="w.data", size_threshold=0)
    data = (tmp_path / "w.data").read_bytes()
    edit_model(old, new, "add-output", tensor="h")
    assert (tmp_path / "w.data").read_bytes() == data
    before, after = (onnx.load(p, load_external_data=False) for p in (old, new))
    assert [t.SerializeToString() for t in after.graph.initializer] == [
        t.SerializeToString() for t in before.graph.initializer
    ]
    assert expected(onnx.load(new), {"x": X}).keys() == {"probs", "h"}
    (tmp_path / "sub").mkdir()
    with pytest.raises(NodeflowError, match="keeps weights in files beside it"):
        edit_model(old, tmp_path / "sub" / "new.onnx", "add-output", tensor="h")


REFUSED = [
    ("add-output", {"tensor": "hh"}, r"the tensor 'hh' is not in the model\. Did you mean h\?"),
    ("add-output", {"tensor": "probs"}, "/Softmax: the tensor 'probs' is already an output"),
    ("bypass", {"node": "/fc1/Gem"}, r"no node '/fc1/Gem'\. Did you mean /fc1/Gemm"),
    ("bypass", {"node": "/fc1/Gemm"}, r"/fc1/Gemm: its input x has the shape \(batch, 20\)"),
    ("replace", {"node": "h", "op": "Sigmoi"}, "/fc1/Gemm: ONNX has no op 'Sigmoi'"),
    ("replace", {"node": "r", "op": "Elu", "attribute": "alpha=a"}, "Relu: 'a' is not a value"),
    ("replace", {"node": "r", "op": "Elu", "attribute": "beta=1"}, "Elu has no attribute 'beta'"),
    ("cut", {"start": "probs", "end": "h"}, "/Softmax: no end depends on the tensor 'probs'"),
    ("cut", {}, r"cut needs end"),
    ("rename", {"name": "h=z"}, "'h' is neither an input nor an output"),
    ("rename", {"name": "x=h"}, "the name 'h' for 'x' is taken"),
    ("rename", {"dimension": "b=n"}, r"no dimension has the name 'b'\. Did you mean batch\?"),
    ("batch", {"size": 0}, "the batch cannot be 0"),
    ("normalize", {"mean": [1, 2]}, "has 20 channels in axis 1, and 2 numbers"),
    ("argmax", {"axis": 2}, "the output 'probs' has 2 axes, and no axis 2"),
    ("float16", {"keep": "nothing"}, "no node 'nothing'"),
    ("float16", {"keeep": "x"}, "float16 has no option 'keeep'. Did you mean keep"),
    ("fold", {}, "there is no verb 'fold'"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "options", "text"), REFUSED)
def test_mistakes_are_named(verb: str, options: dict, text: str, tmp_path: Path) -> None:
    onnx.save(mlp(), tmp_path / "old.onnx")
    with pytest.raises(NodeflowError) as refused:
        edit_model(tmp_path / "old.onnx", tmp_path / "new.onnx", verb, **options)
    assert re.search(text, refused.value.text("python"))
    assert not (tmp_path / "new.onnx").exists()


def test_the_model_itself_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "old.onnx"
    onnx.save(mlp(), path)
    (tmp_path / "link.onnx").symlink_to(path)
    before = path.read_bytes()
    for target in (path, tmp_path / "link.onnx"):
        with pytest.raises(FileProblem, match="is the model itself"):
            edit_model(path, target, "float16")
    assert path.read_bytes() == before


@NEEDS_ONNXRUNTIME
def test_a_wrong_change_is_found_and_not_written(tmp_path: Path, monkeypatch) -> None:
    def spoil(operation, options):
        weight = operation.graph.initializer[0]
        array = numpy_helper.to_array(weight) * 1.1
        weight.CopyFrom(numpy_helper.from_array(array.astype("f4"), weight.name))

    monkeypatch.setitem(edits.VERBS, "fold-constants", spoil)
    onnx.save(mlp(), tmp_path / "old.onnx")
    with pytest.raises(NodeflowError, match="the output probs differs"):
        edit_model(tmp_path / "old.onnx", tmp_path / "new.onnx", "fold-constants")
    assert not (tmp_path / "new.onnx").exists()


@NEEDS_ONNXRUNTIME
def test_a_change_is_verified_by_onnxruntime(tmp_path: Path) -> None:
    onnx.save(mlp(), tmp_path / "old.onnx")
    found = edit_model(tmp_path / "old.onnx", tmp_path / "new.onnx", "cut", start="h", end="r")
    assert found.verified and found.verdict.startswith("verified by onnxruntime ")


def test_without_onnxruntime_a_change_says_so(tmp_path: Path, monkeypatch) -> None:
    def missing():
        raise SoftwareMissing("missing")

    monkeypatch.setattr(proof, "onnxruntime_package", missing)
    onnx.save(mlp(), tmp_path / "old.onnx")
    found = edit_model(tmp_path / "old.onnx", tmp_path / "new.onnx", "add-output", tensor="h")
    assert not found.verified
    assert found.verdict == "not verified: onnxruntime is not installed"
