"""Write TensorBoard files to: chosen in the training settings, written while a training goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QToolBar

from nodeflow.document.edit import commands
from nodeflow.integrations.tensorboard.reading import event_folders, read_folder
from nodeflow.train.events import Done, Steps
from nodeflow.ui.inspector.sections.training_files_section import TrainingFilesSection

LEFT = Qt.MouseButton.LeftButton


def section(window):
    """The TensorBoard part of the training settings, in sight."""
    window.docking.show("inspector")
    inspector = window.panels["inspector"].outside
    (found,) = inspector.findChildren(TrainingFilesSection)
    inspector.ensureWidgetVisible(found)
    return found


def press_train(window, qtbot) -> None:
    """Press the button Train of the toolbar."""
    toolbar = window.findChild(QToolBar, "toolbar")
    qtbot.mouseClick(toolbar.widgetForAction(window.actions_["train"]), LEFT)


@pytest.fixture
def spirals(live_window):
    window = live_window("spirals", size=(1440, 900))
    commands.set_training(window.workspace.root, epochs=4)
    window.canvas.selection.clear()
    return window


@pytest.mark.thorough
def test_a_training_writes_files_where_the_mouse_said(spirals, qtbot, tmp_path, monkeypatch):
    window, target = spirals, tmp_path / "board"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(target))
    files = section(window)
    assert not files.place.isVisibleTo(files)
    qtbot.mouseClick(files.choose, LEFT, pos=files.choose.rect().center())
    assert files.place.text() == str(target) and files.remove.isVisibleTo(files)
    assert not target.exists(), "nothing is written before a training begins"
    losses, states, done = [], [], []

    def on_training(event) -> None:
        if isinstance(event, Steps):
            losses.extend(event.losses.tolist())
            states.append(files.state.text())
        elif isinstance(event, Done):
            done.append(event)

    window.link.training.connect(on_training)
    press_train(window, qtbot)
    qtbot.waitUntil(lambda: bool(done), timeout=120_000)
    (folder,) = event_folders(target)
    assert states and all(text == f"Writing {folder.name}" for text in states)
    qtbot.waitUntil(lambda: "Writing" not in files.state.text(), timeout=10_000)
    assert folder.name.startswith("spirals")
    log = read_folder(folder)
    np.testing.assert_allclose(log.scalars["loss"].values, losses, rtol=1e-6)
    assert log.scalars["loss"].steps == list(range(1, len(losses) + 1))
    assert len(log.scalars["loss_of_epoch"].values) == 4 and log.settings["epochs"] == 4
    assert window.settings.text("event_folder") == str(target)
    files = section(window)
    qtbot.mouseClick(files.remove, LEFT, pos=files.remove.rect().center())
    assert not files.place.isVisibleTo(files) and window.settings.text("event_folder") == ""
    done.clear()
    press_train(window, qtbot)
    qtbot.waitUntil(lambda: bool(done), timeout=120_000)
    assert event_folders(target) == [folder], "the second training wrote nothing"


@pytest.mark.thorough
def test_files_that_cannot_be_written_do_not_end_a_training(spirals, qtbot, tmp_path: Path):
    window = spirals
    (tmp_path / "file").write_text("no folder")
    (folder,) = window.training_folders
    folder.choose(str(tmp_path / "file" / "board"))
    said, done = [], []
    window.messages.message_shown.connect(lambda text, *_: said.append(text))
    window.link.training.connect(lambda e: done.append(e) if isinstance(e, Done) else None)
    press_train(window, qtbot)
    qtbot.waitUntil(lambda: bool(done), timeout=120_000)
    assert len([text for text in said if "continues without TensorBoard files" in text]) == 1
    assert done[0].steps and "Writing" not in section(window).state.text()


def test_where_it_is_missing_the_window_has_no_action_and_keeps_the_folder(
    without, settings, request
):
    settings.set_text("event_folder", "/logs")
    without("tensorboard")
    window = request.getfixturevalue("window")
    assert "restart_engine" in {spec.id for spec in window.actions_.specs}
    assert "event_files" not in {spec.id for spec in window.actions_.specs}
    window.docking.show("inspector")
    inspector = window.panels["inspector"].outside
    assert not inspector.findChildren(TrainingFilesSection)
    assert window.link.training_folders == {} and settings.text("event_folder") == "/logs"
