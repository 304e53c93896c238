"""``nodeflow import``: a file of ONNX becomes a ``.flow`` file that runs."""

from __future__ import annotations

import numpy as np
import onnx

from tests.exchange.onnx.models import expected, mlp, with_unknown_op


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
    (tmp_path / "net.safetensors").write_bytes(b"mine")
    result = nodeflow("import", "net.onnx")
    assert result.code == 1 and "net.safetensors exists" in result.err
    assert not (tmp_path / "net.flow").exists()
    assert nodeflow("import", "net.onnx", "--force").code == 0


def test_what_has_no_counterpart_is_named(nodeflow, tmp_path):
    onnx.save(with_unknown_op(), tmp_path / "net.onnx")
    result = nodeflow("import", "net.onnx", "-o", "other.flow")
    assert result.code == 0
    assert "wobble cannot be computed: no op Wobble of com.example" in result.err
    assert (tmp_path / "other.safetensors").exists()


def test_a_damaged_file_is_an_error_in_words(nodeflow, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07\x3a\xff\xff\xff")
    result = nodeflow("import", "net.onnx")
    assert result.code == 1 and "is damaged or not a file of ONNX" in result.err
    assert "Traceback" not in result.err
