"""``nodeflow compare A.onnx B.onnx``: the layer that lost its accuracy."""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.integrations.onnx.models import mlp, model, value
from tests.integrations.onnx.quantized_models import (
    SIZES,
    activations,
    arrays,
    inputs,
    network,
    with_integers,
    with_pairs,
)

LAYERS = len(SIZES) - 1
REFERENCE = ("--tier", "reference", "--values", "nodeflow")


@pytest.fixture
def compare(nodeflow, tmp_path):
    """Compares a model with the network on two samples."""
    onnx.save(network(), tmp_path / "a.onnx")
    (tmp_path / "samples").mkdir()
    np.save(tmp_path / "samples" / "one.npy", inputs())
    np.save(tmp_path / "samples" / "two.npy", inputs()[:2])

    def run(other, *more):
        onnx.save(other, tmp_path / "b.onnx")
        return nodeflow("compare", "a.onnx", "b.onnx", "--samples", "samples", *REFERENCE, *more)

    return run


WAYS = {
    "pairs": with_pairs,
    "other names": lambda spoilt=None: with_pairs(spoilt, ["other_"]),
    "integers": with_integers,
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "spoilt", [3, *(pytest.param(i, marks=pytest.mark.thorough) for i in range(LAYERS) if i != 3)]
)
def test_the_layer_that_is_quantized_badly_is_named(way, spoilt, compare):
    found = compare(WAYS[way](spoilt), "--json")
    assert found.code == 1, found.err
    facts = found.json
    assert facts["first"].startswith(f"/layers.{spoilt}/")
    assert facts["nodes"][0]["node"] == facts["first"], "and its error is the largest"
    assert all(node["isolated"] < 0.05 for node in facts["nodes"][1:])
    layers = {re.sub(r"/layers\.(\d+)/.*", r"\1", node["node"]) for node in facts["nodes"]}
    assert layers == set(map(str, range(LAYERS)))


@pytest.mark.parametrize("way", WAYS)
def test_good_layers_are_no_finding(way, compare):
    found = compare(WAYS[way]())
    assert found.code == 0, found.err
    assert found.out.startswith("no isolated error is over 0.1; the largest is ")


def test_errors_are_those_of_numpy(compare):
    facts = compare(with_pairs(3), "--json").json
    found = {node["node"]: node for node in facts["nodes"]}
    isolated, accumulated, signal = 0.0, 0.0, 0.0
    for x in (inputs(), inputs()[:2]):
        scales = [np.abs(a).max() / np.float32(127) for a in [inputs(), *relus(inputs())]]
        state = x
        for i, array in enumerate(arrays()[:4]):
            weights = rounded(array, np.abs(array).max() / np.float32(127) * (40 if i == 3 else 1))
            if i < 3:
                state = np.maximum(rounded(state, scales[i]) @ weights, 0)
        wanted = activations(x)[3]
        alone = rounded(relus(x)[2], scales[3]) @ weights
        isolated += np.square(alone - wanted).sum()
        accumulated += np.square(rounded(state, scales[3]) @ weights - wanted).sum()
        signal += np.square(wanted).sum()
    node = found["/layers.3/MatMul"]
    assert node["isolated"] == pytest.approx(np.sqrt(isolated / signal), rel=1e-4)
    assert node["accumulated"] == pytest.approx(np.sqrt(accumulated / signal), rel=1e-4)


def relus(x):
    return [np.maximum(p, 0) for p in activations(x)]


def rounded(array, scale):
    return np.clip(np.rint(array / scale), -128, 127) * scale


def test_the_text_is_a_table_with_the_worst_node_first(compare):
    lines = compare(with_pairs(3)).out.splitlines()
    assert lines[0].startswith("the first isolated error over 0.1 is ")
    assert lines[0].endswith(" at /layers.3/MatMul")
    assert lines[2] == "20 tensors, 2 samples: one.npy, two.npy"
    assert lines[4].split()[:3] == ["node", "isolated", "accumulated"]
    assert lines[5].startswith("/layers.3/MatMul ")


def test_the_page_holds_all_rows_and_needs_no_other_file(compare, tmp_path):
    assert compare(with_pairs(3), "-o", "report.html").code == 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<tr><td>") == 20 and "/layers.3/MatMul" in page
    assert "src=" not in page and "http" not in page


def test_names_of_nodes_are_text_on_the_page(nodeflow, tmp_path):
    made = mlp()
    made.graph.node[0].name = "<script>alert(1)</script>"
    onnx.save(made, tmp_path / "a.onnx")
    found = nodeflow("compare", "a.onnx", "a.onnx", *REFERENCE, "-o", "report.html")
    assert found.code == 0, found.err
    assert "<script>alert" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_model_in_float16_is_near_its_reference(compare):
    half = network()
    for tensor in half.graph.initializer:
        array = numpy_helper.to_array(tensor).astype("f2")
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for end in (*half.graph.input, *half.graph.output):
        end.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    facts = compare(half, "--json").json
    assert facts["first"] is None and 1e-5 < facts["nodes"][0]["isolated"] < 1e-2
    assert len(facts["nodes"]) == 2 * LAYERS


def test_a_smaller_bound_finds_smaller_errors(compare):
    assert compare(with_pairs(), "--bound", "0.001", "--json").json["first"] == "/layers.0/MatMul"


def test_models_that_do_not_belong_together(nodeflow, tmp_path):
    onnx.save(mlp(), tmp_path / "a.onnx")
    node = helper.make_node("Add", ["x", "z"], ["y"])
    two = model([node], [value("x", [2, 20]), value("z", [2, 20])], [value("y", [2, 20])])
    onnx.save(two, tmp_path / "b.onnx")
    found = nodeflow("compare", "a.onnx", "b.onnx", *REFERENCE)
    assert found.code == 1 and "one model has 1 inputs, the other 2" in found.err
    found = nodeflow("compare", "a.onnx", "b.flow", *REFERENCE)
    assert found.code == 1 and "are of different kinds" in found.err
