"""Optuna in the panel of sweeps: chosen, not installed, and not there at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit.sweep_settings import set_sweep, vary
from nodeflow.resources import example

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(window, qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The panel over the line, whose learning rate varies."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    window.files.open_example(example("linear_regression"))
    root = window.workspace.root
    vary(root, root.node_named("train").id, "learning_rate", "0.1..0.5")
    window.docking.show("sweep")
    qtbot.waitUntil(window.panels["sweep"].isVisible)
    return window.panels["sweep"]


@pytest.mark.thorough
def test_it_is_chosen_and_saved(panel, window, qtbot):
    combo = panel.settings.sampler
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_End)
    assert combo.currentData() == "optuna" and combo.currentText() == "Optuna"
    assert window.workspace.root.training["sweep"]["sampler"] == "optuna"
    assert panel.settings.prune.isVisibleTo(panel) and not panel.settings.note.text()


@pytest.mark.thorough
def test_that_it_is_not_installed_is_said(panel, window, qtbot, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    set_sweep(window.workspace.root, sampler="optuna")
    text = "Optuna is not installed. pip install 'optuna>=4.0' brings it."
    assert panel.settings.note.text() == text
    qtbot.mouseClick(panel.start, LEFT)
    assert "pip install 'optuna>=4.0'" in window.info.text and not panel.runner.trains


def test_a_file_that_names_it_is_kept_where_it_is_missing(panel, window, qtbot, without):
    without("optuna")
    set_sweep(window.workspace.root, sampler="optuna")
    assert "no sampler of sweeps 'optuna' here" in panel.settings.note.text()
    combo = panel.settings.sampler
    assert combo.currentData() == "optuna" and not panel.settings.prune.isVisibleTo(panel)
    qtbot.mouseClick(panel.start, LEFT)
    assert "no sampler of sweeps 'optuna' here" in window.info.text and not panel.runner.trains
    assert window.workspace.root.training["sweep"]["sampler"] == "optuna"
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Home)
    assert [combo.itemData(n) for n in range(combo.count())] == ["grid", "random"]
