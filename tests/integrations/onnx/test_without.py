"""Graphs of models where ONNX is not there: they open, say what is missing, and keep everything."""

from __future__ import annotations

import sys

import onnx
import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.errors import NodeflowError
from nodeflow.exchange.importing import import_model
from nodeflow.exchange.peers import peer
from nodeflow.manifests import NotOffered, SoftwareMissing

from .models import with_unknown_op


@pytest.fixture
def odd(tmp_path):
    """The file of a graph with a node that only ONNX has."""
    onnx.save(with_unknown_op(), tmp_path / "odd.onnx")
    import_model(tmp_path / "odd.onnx", tmp_path / "odd.flow")
    return tmp_path / "odd.flow"


def problem_of(path):
    found = Analysis(flow.load(path)).all_problems()
    return next(each for each in found if each.node == "wobble")


def test_a_node_that_only_onnx_has_stays_and_says_what_it_is(odd, without):
    document = flow.load(odd)
    types = Analysis(document).out_types(document.node_named("wobble").id)
    assert "nodeflow cannot compute ONNX's com.example/Wobble" in problem_of(odd).message
    assert "export the graph as it is" in problem_of(odd).hint
    without("onnx")
    again = flow.load(odd)
    assert flow.dumps(again) == odd.read_text(encoding="utf-8")
    assert Analysis(again).out_types(again.node_named("wobble").id) == types
    assert "nodeflow cannot compute onnx's com.example/Wobble" in problem_of(odd).message
    assert "export" not in problem_of(odd).hint


def test_what_the_missing_integration_did_is_refused_in_words(odd, without):
    without("onnx")
    with pytest.raises(NodeflowError, match=r"odd\.onnx is not a model that can be imported"):
        import_model(odd.with_suffix(".onnx"), odd)
    with pytest.raises(NotOffered, match="no program to compare with 'onnx' here"):
        peer("onnx")


def test_one_line_says_how_to_get_the_package(odd, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for ask in (lambda: import_model(odd.with_suffix(".onnx"), odd), lambda: peer("onnx")):
        with pytest.raises(SoftwareMissing) as refused:
            ask()
        text = refused.value.text("cli")
        assert text == (
            "ONNX needs the package onnx, which is not installed. pip install 'onnx>=1.17' "
            "brings it."
        )
