"""Notices about data are of the graph at hand, not of what was opened before it."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.resources import example


@pytest.mark.thorough
def test_a_data_set_of_another_document_gives_no_notice(monkeypatch, tmp_path):
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    opened: dict = {}  # as the engine process keeps them
    notices = Evaluator(flow.load(example("mnist")), opened=opened).previews().notices
    assert len(notices) == 1 and "MNIST" in notices[0]
    spirals = Evaluator(flow.load(example("spirals")), opened=opened).previews()
    assert spirals.values and spirals.notices == ()


def test_a_source_that_was_exchanged_gives_no_notice(monkeypatch, tmp_path):
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    document = flow.load(example("mnist"))
    evaluator = Evaluator(document)
    assert evaluator.previews().notices
    (data,) = [record for record in document.nodes.values() if record.op == DATASET]
    commands.set_attr(document, data.id, "source", "spirals")
    evaluator.rebuild()
    assert evaluator.previews().notices == ()
