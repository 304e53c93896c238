"""Event files in the panel of runs: written of the selected runs, and read as runs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog

from nodeflow.resources import example
from nodeflow.run_store.curves import Piece
from nodeflow.run_store.run_records import DONE, Run
from nodeflow.run_store.store import Batch, RunStore
from nodeflow.ui.popups.dialogs import confirmation_dialogs

SPIRALS = example("spirals")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A store with one run."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    with RunStore() as found:
        now = time.time()
        run = Run("raaaaaaaa", "first", file=str(SPIRALS), created=now, updated=now)
        run = found.begin(run, SPIRALS.read_text("utf-8"))
        done = Run(**{**vars(run), "status": DONE, "steps": 4})
        found.add(Batch(done, [Piece(1, np.linspace(2, 1, 4), np.array([[4, 0.4]]))], [], []))
        yield found


@pytest.fixture
def panel(store, window, qtbot):
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: panel.shown.rowCount() == 1)
    return panel


def names(panel) -> list[str]:
    column = panel.model.columns.index("Name")
    return [panel.shown.index(r, column).data() for r in range(panel.shown.rowCount())]


def test_runs_are_written_as_event_files_and_read_again(panel, qtbot, tmp_path, monkeypatch):
    logs = tmp_path / "logs"
    logs.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(logs))
    panel.table.selectRow(0)
    panel.actions_["tensorboard"].trigger()
    qtbot.waitUntil(lambda: len(list(logs.iterdir())) == 1, timeout=60_000)
    panel.actions_["import"].trigger()
    qtbot.waitUntil(lambda: len(names(panel)) == 2, timeout=60_000)
    panel.table.selectRow(names(panel).index("logs/first raaaaaaaa"))
    assert not panel.actions_["graph"].isEnabled()
    assert panel.actions_["graph"].toolTip() == "This run has no graph."


@pytest.mark.thorough
def test_a_folder_without_event_files_is_said(panel, qtbot, tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "runs"))
    monkeypatch.setattr(
        confirmation_dialogs, "show_problem", lambda _, title, error: said.append(str(error))
    )
    panel.actions_["import"].trigger()
    qtbot.waitUntil(lambda: bool(said), timeout=60_000)
    assert "has no event files" in said[0] and len(names(panel)) == 1


def test_where_it_is_missing_the_panel_and_the_menus_have_no_entry(without, store, window, qtbot):
    texts = {action.text() for action in window.actions_._actions.values()}
    assert "Write TensorBoard files to…" in texts
    without("tensorboard")
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: panel.shown.rowCount() == 1)
    assert {"export", "delete", "limit"} <= set(panel.actions_)
    assert not {"tensorboard", "import"} & set(panel.actions_)
