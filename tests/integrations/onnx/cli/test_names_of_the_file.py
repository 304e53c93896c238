"""The names that inputs and outputs of an imported model have in its file are taken everywhere."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import nodeflow as nf
from tests.integrations.onnx.models import expected, renamed

NAMES = ["sigmoid_0.tmp_0", "Identity:0", "/fc/Sigmoid_output_0", "a b", "y"]
X = np.linspace(-1, 1, 8, dtype="f4").reshape(2, 4)


def saved(made: onnx.ModelProto, tmp_path):
    onnx.save(made, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_takes_the_names_of_the_model(nodeflow, tmp_path, name):
    made = renamed(name)
    saved(made, tmp_path)
    np.save(tmp_path / "x.npy", X)
    assert nodeflow("import", "net.onnx").code == 0
    wanted = expected(made, {"input.1:0": X})[name]
    feed = "--feed", "input.1:0=@x.npy"
    found = nodeflow("run", "net.flow", *feed, "--fetch", name, "--json")
    assert found.code == 0, found.err
    np.testing.assert_allclose(found.json["fetches"][name], wanted, rtol=1e-5)
    assert nodeflow("run", "net.flow", *feed, "--fetch", name, "-o", "out.npy").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), wanted, rtol=1e-5)
    verified = nodeflow("verify", "net.flow", *feed, "--fetch", name, "--json")
    assert verified.code == 0 and verified.json["verified"], verified.err
    result = nodeflow("export", "net.flow", "--to", "onnx", "-o", "e.onnx", "--fetch", name)
    assert result.code == 0, result.err
    again = onnx.load(tmp_path / "e.onnx")
    np.testing.assert_allclose(expected(again, {"input.1:0": X})[name], wanted, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_python_takes_the_names_of_the_model(nodeflow, tmp_path, name):
    made = renamed(name)
    saved(made, tmp_path)
    assert nodeflow("import", "net.onnx").code == 0
    wanted = expected(made, {"input.1:0": X})[name]
    graph = nf.load(tmp_path / "net.flow")
    nf.save(graph, tmp_path / "again.flow")
    for one in (graph, nf.load(tmp_path / "again.flow")):
        with nf.Session(one) as session:
            session.initialize()
            found = session.run(name, {"input.1:0": X})
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
