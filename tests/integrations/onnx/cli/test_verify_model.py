"""``nodeflow verify MODEL.onnx``: every tensor of the file, as nodeflow and another program say."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from onnx import helper

import nodeflow as nf
from nodeflow.integrations.onnx.call import TRANSLATIONS
from nodeflow.integrations.onnx.checking.measures import Gap
from tests.integrations.onnx.models import cnn, mlp, model, value, with_functions, with_unknown_op

REFERENCE = ("--against", "onnx", "--tier", "reference")


@pytest.mark.parametrize("make", [mlp, cnn, with_functions])
def test_every_tensor_is_compared(make, nodeflow, tmp_path):
    onnx.save(make(), tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", *REFERENCE, "--json")
    assert found.code == 0, found.err
    facts = found.json
    assert facts["verified"] and facts["samples"] == ["random 1", "random 2"]
    assert facts["programs"] == [
        f"nodeflow {nf.__version__}",
        f"onnx {onnx.__version__}, its evaluator",
    ]
    assert len(facts["tensors"]) == {mlp: 4, cnn: 6, with_functions: 12}[make]


def test_the_text_has_versions_and_samples(nodeflow, tmp_path):
    onnx.save(mlp(), tmp_path / "net.onnx")
    (tmp_path / "samples").mkdir()
    np.savez(tmp_path / "samples" / "a.npz", x=np.ones((3, 20), "f4"))
    np.save(tmp_path / "samples" / "b.npy", np.zeros((1, 20), "f4"))
    found = nodeflow("verify", "net.onnx", *REFERENCE, "--samples", "samples")
    assert found.code == 0, found.err
    verdict, programs, samples = found.out.splitlines()
    assert verdict.startswith("verified, largest difference ")
    assert nf.__version__ in programs and onnx.__version__ in programs
    assert samples == "4 tensors, 2 samples: a.npz, b.npy"


def test_the_node_is_named_where_a_difference_arises(nodeflow, tmp_path, monkeypatch):
    monkeypatch.setitem(TRANSLATIONS, ("", "Relu"), lambda call: nf.abs(call.x()))
    onnx.save(mlp(), tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", *REFERENCE)
    assert found.code == 1
    assert "not verified: the first difference arises at /act/Relu" in found.out
    facts = nodeflow("verify", "net.onnx", *REFERENCE, "--json").json
    assert facts["arising"] == ["/act/Relu"], "and not the nodes after it"


def test_nodes_that_none_of_the_programs_knows_are_named(nodeflow, tmp_path):
    onnx.save(with_unknown_op(), tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", *REFERENCE)
    assert found.code == 0, found.err
    assert "wobble: no op Wobble of com.example" in found.out
    assert "not compared: output unknown" in found.out.splitlines()[0]


def test_open_sizes_of_random_samples(nodeflow, tmp_path):
    made = cnn()
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    onnx.save(made, tmp_path / "net.onnx")
    assert nodeflow("verify", "net.onnx", *REFERENCE).code == 0


def test_an_older_batch_normalization_uses_its_statistics(nodeflow, tmp_path):
    made = cnn()
    made.opset_import[0].version = 9
    next(n for n in made.graph.node if n.name == "BN_1").attribute.append(
        helper.make_attribute("momentum", 0.9)
    )
    onnx.save(made, tmp_path / "net.onnx")
    assert nodeflow("verify", "net.onnx", *REFERENCE).code == 0


def test_a_huge_random_sample_is_refused(nodeflow, tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"])
    made = model([node], [value("x", [2**40])], [value("y", [2**40])])
    onnx.save(made, tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", *REFERENCE)
    assert found.code == 1 and "a random sample of x takes" in found.err


def test_inputs_that_do_not_fit_are_said(nodeflow, tmp_path):
    node = helper.make_node("Add", ["x", "z"], ["y"])
    made = model([node], [value("x", ["a", "b"]), value("z", [1, 3])], [value("y", ["a", 3])])
    onnx.save(made, tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", *REFERENCE)
    assert found.code == 1 and "give samples of yours with --samples" in found.err


def test_integers_are_counted(nodeflow, tmp_path, monkeypatch):
    monkeypatch.setitem(
        TRANSLATIONS, ("", "ArgMax"), lambda call: nf.argmax(call.x(), axis=-1) + np.int64(2)
    )
    node = helper.make_node("ArgMax", ["x"], ["y"], "/best/ArgMax", axis=-1, keepdims=0)
    made = model([node], [value("x", [4, 3])], [value("y", [4], onnx.TensorProto.INT64)])
    onnx.save(made, tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", *REFERENCE)
    assert found.code == 1 and "8 of 8 integers differ, by at most 2" in found.out


def test_a_missing_onnxruntime_is_said_with_what_installs_it(nodeflow, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    onnx.save(mlp(), tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", "--against", "onnxruntime")
    assert found.code == 1 and "pip install 'onnxruntime>=1.20' brings it." in found.err


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no samples"),
        ({"a.npz": {"y": np.ones((1, 20))}}, "a.npz has no array x"),
        ({"a.npz": {"x": np.ones(20)}}, "x has 1 axes, and the model's input 2"),
        ({"a.npz": b"damaged"}, "a.npz is damaged"),
        ({"a.npz": {"x": np.ones((1, 20), "c8") * 1j}}, "not float32 numbers"),
    ],
)
def test_samples_that_do_not_fit(files, words, nodeflow, tmp_path):
    onnx.save(mlp(), tmp_path / "net.onnx")
    (tmp_path / "samples").mkdir()
    for name, content in files.items():
        if isinstance(content, bytes):
            (tmp_path / "samples" / name).write_bytes(content)
        else:
            np.savez(tmp_path / "samples" / name, **content)
    found = nodeflow("verify", "net.onnx", *REFERENCE, "--samples", "samples")
    assert found.code == 1 and words in found.err, found.err


def test_options_of_graphs_are_refused(nodeflow, tmp_path):
    onnx.save(mlp(), tmp_path / "net.onnx")
    found = nodeflow("verify", "net.onnx", "--feed", "x=1")
    assert found.code == 1 and "--feed is for graphs" in found.err


@pytest.mark.parametrize(
    ("ours", "theirs", "equal"),
    [
        ([100.0, 0.0099], [100.0, 0.0], True),
        ([100.0, 0.011], [100.0, 0.0], False),
        ([1e-6], [0.0], True),
        ([2e-6], [0.0], False),
        ([np.nan, np.inf], [np.nan, np.inf], True),
        ([np.nan], [1.0], False),
        ([1], [1], True),
        ([1], [2], False),
        ([[1.0]], [1.0], False),
    ],
)
def test_what_is_equal(ours, theirs, equal):
    gap = Gap()
    gap.add(np.array(ours), np.array(theirs))
    assert gap.is_equal is equal
