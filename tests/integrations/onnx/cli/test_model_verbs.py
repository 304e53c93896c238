"""``nodeflow model VERB IN -o OUT``."""

from __future__ import annotations

import onnx
import pytest

from tests.integrations.onnx.models import mlp


def test_a_verb_writes_another_file_and_says_what_changed(nodeflow, tmp_path) -> None:
    onnx.save(mlp(), tmp_path / "a.onnx")
    result = nodeflow(
        "model", "add-output", "a.onnx", "--tensor", "h", "--tensor", "r", "-o", "b.onnx"
    )
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[:2] == ["h is an output", "r is an output"]
    assert lines[2].startswith(("verified by onnxruntime", "not verified"))
    assert [v.name for v in onnx.load(tmp_path / "b.onnx").graph.output] == ["probs", "h", "r"]


def test_json_has_the_facts(nodeflow, tmp_path) -> None:
    onnx.save(mlp(), tmp_path / "a.onnx")
    facts = nodeflow("model", "float16", "a.onnx", "-o", "b.onnx", "--json").json
    assert facts["file"].endswith("b.onnx") and facts["done"][0].startswith("4 nodes compute")
    assert set(facts) == {"file", "done", "verified", "text"}


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["cut", "a.onnx", "--end", "h", "-o", "a.onnx"], 1, "is the model itself"),
        (["cut", "a.flow", "--end", "h", "-o", "b.onnx"], 1, "a.flow is not a model that can be"),
        (["cut", "none.onnx", "--end", "h", "-o", "b.onnx"], 1, "none.onnx"),
        (["cut", "a.onnx", "-o", "b.onnx"], 2, "--end"),
        (["bypass", "a.onnx", "--node", "fc", "-o", "b.onnx"], 1, "has no node 'fc'"),
    ],
)
def test_mistakes_write_nothing(words, code, text, nodeflow, tmp_path) -> None:
    onnx.save(mlp(), tmp_path / "a.onnx")
    before = (tmp_path / "a.onnx").read_bytes()
    result = nodeflow("model", *words)
    assert (result.code, text in result.err) == (code, True), result.err
    assert "Traceback" not in result.err
    assert (tmp_path / "a.onnx").read_bytes() == before and not (tmp_path / "b.onnx").exists()


def test_the_help_has_the_verbs(nodeflow) -> None:
    found = nodeflow("model", "--help")
    assert "fold-batchnorm" in found.out
