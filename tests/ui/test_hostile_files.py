"""Files that hold anything, opened in the window: it shows them, with their problems."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from random import Random

import pytest
from PySide6.QtWidgets import QApplication

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from tests.document.flow_mutations import mutant
from tests.volumes import is_nightly

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LOOKED_AT, EACH = 400, 5
BATCHES = 20 if is_nightly() else 2
ODD = [
    ("placeholder", {"shape": 2.5, "dtype": 7, "sample": {}}),
    ("placeholder", {"shape": [[1]], "dtype": ["float32"]}),
    ("variable", {"shape": 3, "initializer": {"op": 3}, "value": "x"}),
    ("variable", {"shape": {"a": 1}, "initializer": [1], "trainable": "maybe"}),
    ("constant", {"dtype": 2**70, "value": {"a": [1]}}),
    ("reduce_mean", {"axis": {"a": 1}, "keepdims": 2**65}),
    ("reshape", {"shape": "none"}),
    ("dropout", {"rate": [], "seed": 1e300}),
    ("layers/dense", {"units": None, "activation": 5, "kernel_initializer": {"op": {}}}),
    ("adam", {"learning_rate": "fast", "variables": 3}),
    ("dataset", {"source": 5, "splits": 7}),
    ("dataset", {"source": "spirals", "splits": {"a": 1}, "noise": []}),
    ("subgraph", {"definition": ["x"]}),
    ("reroute", {"x": 1}),
]
"""Attributes of wrong kinds; at some of them the window failed once."""


@lru_cache(maxsize=1)
def worst() -> list[int]:
    """Numbers of spoilt files that open, those with the most different problems first.

    Where ops are added, other files have these numbers.
    """
    found = {}
    for number in range(LOOKED_AT):
        try:
            document = flow.loads(mutant(number))
        except NodeflowError:
            continue
        problems = Analysis(document).all_problems()
        found[number] = len({problem.message for problem in problems})
    return sorted(found, key=lambda number: (-found[number], number))


def look_around(window, random: Random) -> None:
    """Show the graph, some of its nodes in the inspector, and what is inside."""
    document = window.workspace.document
    window.canvas.grab()
    ids = list(document.nodes)
    for node in random.sample(ids, min(4, len(ids))):
        window.canvas.selection.select([node])
        QApplication.processEvents()
    window.canvas.selection.select(ids)
    QApplication.processEvents()
    inside = [node for node in ids if window.workspace.has((node,))]
    for node in inside[:1]:
        window.workspace.enter(node)
        window.canvas.grab()
        window.workspace.leave()
    window.grab()


@pytest.mark.sample(1)
@pytest.mark.parametrize("odd", ODD, ids=[f"{op}-{number}" for number, (op, _) in enumerate(ODD)])
def test_the_inspector_shows_values_of_another_kind(window, qtbot, tmp_path, odd):
    op, attrs = odd
    text = json.dumps(
        {
            "format": "nodeflow", "version": flow.VERSION, "next_id": 3,
            "nodes": [{"id": "n1", "op": op, "name": "odd", "attrs": attrs},
                      {"id": "n2", "op": "relu", "name": "relu"}],
            "wires": [["n1", "out", "n2", "x"]],
        }
    )  # fmt: skip
    path = tmp_path / "odd.flow"
    path.write_text(text)
    with qtbot.captureExceptions() as raised:
        assert window.files.load(path)
        for node in ("n1", "n2", "n1"):
            window.canvas.selection.select([node])
            QApplication.processEvents()
            window.grab()
    assert not raised, raised
    assert window.workspace.document.nodes["n1"].attrs == attrs
    window.workspace.root.mark_saved()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["pipe", "zero", "proc"])
def test_data_that_are_no_regular_file_are_a_problem_of_their_node(window, qtbot, tmp_path, kind):
    data = tmp_path / "rows.csv"
    if kind == "pipe":
        os.mkfifo(data)
    else:
        data.symlink_to({"zero": "/dev/zero", "proc": "/proc/uptime"}[kind])
    node = {"id": "n1", "op": "dataset", "name": "rows", "attrs": {"source": "csv:rows.csv"}}
    content = {"format": "nodeflow", "version": flow.VERSION, "next_id": 3, "nodes": [node]}
    path = tmp_path / "graph.flow"
    path.write_text(json.dumps(content))
    with qtbot.captureExceptions() as raised:
        assert window.files.load(path)
        if kind != "pipe":  # a link that leaves the folder
            window.workspace.allow_source("csv:rows.csv")
            window.workspace.reanalyse()
        window.canvas.selection.select(["n1"])
        QApplication.processEvents()
        window.grab()
        problems = window.workspace.analysis.problems_of("n1")
        assert "not a regular file" in problems[0].message
        assert window.own_data._nothing_missing() is not None
    assert not raised, raised


@pytest.mark.thorough
@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_window_shows_whatever_a_file_holds(window, qtbot, tmp_path, monkeypatch, batch):
    monkeypatch.setattr(confirmation_dialogs, "show_problem", lambda *_, **__: None)
    for number in worst()[batch * EACH : (batch + 1) * EACH]:
        path = tmp_path / f"spoilt_{number}.flow"
        path.write_text(mutant(number))
        with qtbot.captureExceptions() as raised:
            assert window.files.load(path)
            look_around(window, Random(number))
        assert not raised, (f"flow_mutations.mutant({number})", raised)
        window.workspace.root.mark_saved()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_settings_that_are_a_pipe_keep_no_window_from_opening(tmp_path, caplog):
    os.mkfifo(tmp_path / "window.ini")
    settings = Settings(tmp_path / "window.ini")
    settings.theme = "dark"
    assert settings.theme == "dark"
    assert "window.ini is not a regular file, so that no setting is kept" in caplog.text
