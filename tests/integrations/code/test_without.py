"""Targets of code where the integration is not there: nodeflow's own is left."""

from __future__ import annotations

import pytest

from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import DOCUMENT, code_of, titles
from nodeflow.manifests import NotOffered
from nodeflow.resources import example


def test_only_code_for_nodeflow_is_left_and_another_target_is_refused_in_words(without):
    task = Task(flow.load(example("expression")))
    assert set(titles()) == {"pytorch", "jax", "tensorflow1", "numpy", DOCUMENT}
    assert "def predict" in code_of(task, "net", "numpy").text
    without("code")
    assert titles() == {DOCUMENT: DOCUMENT}
    assert "nf.DocumentBuilder()" in code_of(task, "net", DOCUMENT).text
    with pytest.raises(NotOffered, match=r"no library to write code for 'numpy' here"):
        code_of(task, "net", "numpy")
