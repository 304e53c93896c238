"""What an imported model begins with: the values of its file, kept beside the document."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import FileProblem, NodeflowError, RunError
from nodeflow.exchange.importing import import_model
from tests.integrations.onnx.models import cnn, mlp, with_functions

INITIAL = "net.initial.safetensors"


@pytest.fixture
def net(tmp_path: Path) -> Path:
    onnx.save(mlp(), tmp_path / "net.onnx")
    import_model(tmp_path / "net.onnx", tmp_path / "net.flow", trainable=True)
    return tmp_path / "net.flow"


def begun(document: Document) -> dict[str, np.ndarray]:
    """The variables of a session that was only initialized."""
    task = Task(document)
    with nf.Session(task.graph, tier="reference") as session:
        session.initialize()
        return dict(session.variables.items())


@pytest.mark.parametrize("make", [mlp, cnn, with_functions])
def test_a_session_begins_with_the_values_of_the_model(make, tmp_path):
    made = make()
    onnx.save(made, tmp_path / "net.onnx")
    opened = import_model(tmp_path / "net.onnx", tmp_path / "net.flow")
    found = begun(flow.load(tmp_path / "net.flow"))
    assert found.keys() == opened.weights.keys() and found
    for name, value in found.items():
        np.testing.assert_array_equal(value, opened.weights[name])
    assert flow.load(tmp_path / "net.flow").weights is None
    assert (tmp_path / INITIAL).exists() and not (tmp_path / "net.safetensors").exists()


def test_values_follow_names_subgraphs_and_the_file(net, tmp_path):
    document = flow.load(net)
    value = begun(document)["fc1/weight"]
    commands.rename(document, document.node_named("fc1/weight").id, "kernel")
    np.testing.assert_array_equal(begun(document)["kernel"], value)
    kernel = document.node_named("kernel").id
    create(document, [kernel, *(w.target for w in document.wires_out_of(kernel))], "block")
    (name,) = [name for name in begun(document) if name.endswith("kernel")]
    np.testing.assert_array_equal(begun(document)[name], value)
    (tmp_path / "elsewhere").mkdir()
    reanchor(document, tmp_path / "elsewhere")
    flow.save(document, tmp_path / "elsewhere" / "net.flow")
    np.testing.assert_array_equal(begun(document)[name], value)


def test_another_initial_value_counts(net):
    document = flow.load(net)
    node = document.node_named("fc1/bias")
    commands.set_attr(document, node.id, "initializer", {"op": "fill", "value": 0.5})
    found = begun(document)
    assert np.all(found["fc1/bias"] == 0.5) and np.any(found["fc2/bias"] != 0.5)


def test_a_copy_has_no_value_and_says_so(net):
    document = flow.load(net)
    clipboard.duplicate(document, [document.node_named("fc1/bias").id])
    with pytest.raises(RunError, match=r"no stored initial value.*another initializer"):
        begun(document)


def test_a_missing_or_wrong_file_is_an_error_in_words(net, tmp_path):
    (tmp_path / INITIAL).rename(tmp_path / "other.safetensors")
    with pytest.raises(FileProblem, match=f"{INITIAL} cannot be read"):
        begun(flow.load(net))
    document = flow.load(net)
    commands.set_attr(document, document.node_named("fc1/bias").id, "shape", [3])
    shutil.copy(tmp_path / "other.safetensors", tmp_path / INITIAL)
    with pytest.raises(NodeflowError, match=r"fc1/bias: its stored .* \(32,\).* \(3,\)"):
        begun(document)


def test_a_file_outside_the_folder_needs_a_yes(net, tmp_path):
    (tmp_path / "sub").mkdir()
    document = flow.load(net)
    document.extra = {**document.extra, "initial_values": f"../{INITIAL}"}
    flow.save(document, tmp_path / "sub" / "net.flow")
    with pytest.raises(NodeflowError, match="outside the document's folder"):
        begun(flow.load(tmp_path / "sub" / "net.flow"))
    allowed = flow.load(tmp_path / "sub" / "net.flow")
    allowed.allow(tmp_path / INITIAL)
    assert np.any(begun(allowed)["fc1/weight"])
