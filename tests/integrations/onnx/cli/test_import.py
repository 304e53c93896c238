"""``nodeflow import``: a file of ONNX becomes a ``.flow`` file that runs."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.resources import example
from tests.cli.test_file_names import ODD, strict  # noqa: F401  a terminal that takes only UTF-8
from tests.integrations.onnx.models import expected, mlp, with_unknown_op


def test_import_and_run(nodeflow, tmp_path):
    made = mlp()
    onnx.save(made, tmp_path / "net.onnx")
    result = nodeflow("import", "net.onnx", "--json")
    assert result.code == 0, result.err
    assert result.json["inputs"] == {"x": "float32 (?, 20)"} and not result.json["missing"]
    x = np.linspace(-1, 1, 40, dtype="f4").reshape(2, 20)
    np.save(tmp_path / "x.npy", x)
    found = nodeflow("run", "net.flow", "--feed", "x=@x.npy", "--fetch", "probs", "--json")
    assert found.code == 0, found.err
    wanted = expected(made, {"x": x})["probs"]
    np.testing.assert_allclose(found.json["fetches"]["probs"], wanted, rtol=1e-5)


def test_nothing_is_overwritten_unasked(nodeflow, tmp_path):
    onnx.save(mlp(), tmp_path / "net.onnx")
    (tmp_path / "net.initial.safetensors").write_bytes(b"mine")
    result = nodeflow("import", "net.onnx")
    assert result.code == 1 and "net.initial.safetensors exists" in result.err
    assert not (tmp_path / "net.flow").exists()
    assert nodeflow("import", "net.onnx", "--force").code == 0


@pytest.mark.thorough
def test_what_has_no_counterpart_is_named(nodeflow, tmp_path):
    onnx.save(with_unknown_op(), tmp_path / "net.onnx")
    result = nodeflow("import", "net.onnx", "-o", "other.flow")
    assert result.code == 0
    assert "wobble cannot be computed: no op Wobble of com.example" in result.err
    assert (tmp_path / "other.initial.safetensors").exists()


def test_a_damaged_file_is_an_error_in_words(nodeflow, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07\x3a\xff\xff\xff")
    result = nodeflow("import", "net.onnx")
    assert result.code == 1 and "is damaged or not a file of ONNX" in result.err
    assert "Traceback" not in result.err


def initial(file):
    """The variables of a session that was only initialized."""
    with nf.Session(nf.load(file), tier="reference") as session:
        session.initialize()
        return dict(session.variables.items())


def test_training_afresh_begins_with_the_values_of_the_model(nodeflow, tmp_path):
    """A learning rate of nothing: what is saved is what the training began with."""
    onnx.save(mlp(), tmp_path / "net.onnx")
    assert nodeflow("import", "net.onnx", "--trainable").code == 0
    net = tmp_path / "net.flow"
    graph = nf.load(net)
    with graph:
        loss = nf.reduce_mean(nf.square(graph.tensor("probs")), name="loss")
        nf.gradient_descent(loss, learning_rate=1e-30, name="train")
    nf.save(graph, net)
    document = flow.load(net)
    sample = np.ones((4, 20)).tolist()
    commands.set_attr(document, document.node_named("x").id, "sample", sample)
    flow.save(document, net)
    before = initial(net)
    assert np.any(before["fc1/weight"])
    for _ in range(2):  # what a training saved is not what the next one begins with
        options = ("--epochs", "1", "--tier", "reference", "--save-weights", "net.safetensors")
        assert nodeflow("train", "net.flow", *options).code == 0
        after = initial(net)
        for name, value in before.items():
            np.testing.assert_array_equal(after[name], value)


def test_layers_of_a_file_of_ours_keep_their_initializers(nodeflow, tmp_path):
    """Its values are weights; training afresh draws anew, as it did before."""
    arguments = (example("mnist_layers"), "--to", "onnx", "-o", "net.onnx", "--init")
    assert nodeflow("export", *arguments).code == 0
    assert nodeflow("import", "net.onnx").code == 0
    document = flow.load(tmp_path / "net.flow")
    assert document.weights == "net.safetensors"
    assert document.node_named("hidden").attrs["kernel_initializer"] == {"op": "glorot_uniform"}


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode")
def test_a_model_is_imported_to_a_name_that_is_not_utf_8(strict, tmp_path):  # noqa: F811
    made = mlp()
    onnx.save(made, tmp_path / "m.onnx")
    text, code = strict("import", "m.onnx", "-o", f"{ODD}m.flow", "--json")
    assert code == 0, text
    x = np.linspace(-1, 1, 40, dtype="f4").reshape(2, 20)
    np.save(tmp_path / f"{ODD}.npy", x)
    text, code = strict("run", f"{ODD}m.flow", "--feed", f"x=@{ODD}.npy", "--json")
    assert code == 0, text
    found = json.loads(text)["fetches"]["probs"]
    np.testing.assert_allclose(found, expected(made, {"x": x})["probs"], rtol=1e-5)


def test_a_file_with_another_ending_is_refused_with_the_endings_that_there_are(nodeflow, tmp_path):
    (tmp_path / "net.pb").write_bytes(b"x")
    result = nodeflow("import", "net.pb")
    assert result.code == 1
    assert "net.pb is not a model that can be imported" in result.err and ".onnx" in result.err
