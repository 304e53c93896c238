"""Models of other programs in the window: dropped or opened, read beside it, shown as a graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from nodeflow.document.edit import commands
from tests.integrations.onnx.models import expected, mlp, with_unknown_op
from tests.ui.test_own_data import drop

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key = Qt.Key


@pytest.fixture
def model(tmp_path) -> Path:
    onnx.save(mlp(), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def press(widget, key) -> None:
    QTest.keyClick(widget.focusWidget() or widget, key)


@pytest.mark.thorough
def test_a_dropped_model_is_a_graph_after_enter(window, engine, model, qtbot):
    drop(window, model)
    dialog = window.models.dialog
    assert dialog.path == model.with_suffix(".flow")
    press(dialog, Key.Key_Return)
    assert dialog.progress.isVisible() and not dialog.open_button.isEnabled()
    root = lambda: window.workspace.root  # noqa: E731
    qtbot.waitUntil(lambda: root().node_named("probs") is not None, timeout=30_000)
    assert root().path == model.with_suffix(".flow") and not root().is_modified
    assert root().extra["initial_values"] == "net.initial.safetensors"
    assert not root().node_named("fc1/weight").attrs["trainable"]
    assert window.models.dialog is None


def test_weights_that_a_training_may_change(window, model, qtbot, monkeypatch):
    chosen = lambda *_, **__: (str(model), "")  # noqa: E731
    monkeypatch.setattr(QFileDialog, "getOpenFileName", chosen)
    window.actions_.trigger("open")
    dialog = window.models.dialog
    QTest.mouseClick(
        dialog.trainable, Qt.MouseButton.LeftButton, pos=dialog.trainable.rect().center() * 0.2
    )
    assert dialog.trainable.isChecked()
    QTest.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    root = lambda: window.workspace.root  # noqa: E731
    qtbot.waitUntil(lambda: root().node_named("fc1/weight") is not None, timeout=30_000)
    assert root().node_named("fc1/weight").attrs.get("trainable", True)


def test_a_file_that_is_there_is_not_taken_for_the_graph(window, model):
    model.with_suffix(".flow").write_text("mine")
    window.files.open_path(model)
    assert window.models.dialog.path.name == "net-2.flow"
    press(window.models.dialog, Key.Key_Escape)
    assert window.models.dialog is None


@pytest.mark.thorough
def test_a_damaged_model_says_so_in_the_dialog(window, tmp_path, qtbot):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    window.files.open_path(tmp_path / "bad.onnx")
    dialog = window.models.dialog
    press(dialog, Key.Key_Return)
    qtbot.waitUntil(lambda: "damaged" in dialog.state.text(), timeout=30_000)
    assert dialog.open_button.isEnabled() and not (tmp_path / "bad.flow").exists()
    press(dialog, Key.Key_Escape)


@pytest.mark.thorough
def test_what_cannot_be_computed_is_said(window, tmp_path, qtbot):
    onnx.save(with_unknown_op(), tmp_path / "odd.onnx")
    window.files.open_path(tmp_path / "odd.onnx")
    press(window.models.dialog, Key.Key_Return)
    root = lambda: window.workspace.root  # noqa: E731
    qtbot.waitUntil(lambda: root().node_named("wobble") is not None, timeout=30_000)
    problems = [x for x in window.workspace.analysis.all_problems() if x.node == "wobble"]
    assert "no op Wobble of com.example" in problems[0].message


def opened(window, path: Path, qtbot):
    window.files.open_path(path)
    press(window.models.dialog, Key.Key_Return)
    qtbot.waitUntil(lambda: window.models.dialog is None, timeout=60_000)
    qtbot.waitUntil(lambda: window.workspace.root.path is not None, timeout=10_000)
    return window.workspace.root


def select(window, *names: str) -> None:
    document = window.workspace.document
    window.canvas.selection.select([document.node_named(name).id for name in names])


def test_export_and_check_have_the_weights_of_the_engine(
    live_window, model, tmp_path, qtbot, monkeypatch
):
    window = live_window()
    root = opened(window, model, qtbot)
    target = tmp_path / "out.onnx"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    said = []
    window.messages.message_shown.connect(lambda text, *_: said.append(text))
    window.actions_.trigger("export_onnx")
    qtbot.waitUntil(lambda: any("Wrote out.onnx" in text for text in said), timeout=60_000)
    x = {"x": np.ones((2, 20), "f4")}
    found, wanted = expected(onnx.load(target), x), expected(onnx.load(model), x)
    np.testing.assert_allclose(found["probs"], wanted["probs"], rtol=1e-5)
    commands.set_attr(root, root.node_named("x").id, "sample", np.ones((2, 20)).tolist())
    window.actions_.trigger("check_onnx")
    qtbot.waitUntil(
        lambda: any("erified, largest difference" in text for text in said), timeout=60_000
    )


@pytest.mark.thorough
def test_freeze_and_thaw_what_is_selected(window, model, qtbot):
    root = opened(window, model, qtbot)
    trainable = lambda name: root.node_named(name).attrs.get("trainable", True)  # noqa: E731
    select(window, "fc2/weight", "fc2/bias")
    window.actions_.trigger("thaw")
    assert trainable("fc2/weight") and trainable("fc2/bias") and not trainable("fc1/weight")
    select(window, "probs")
    window.actions_.trigger("thaw")
    assert trainable("fc1/weight"), "it depends on all of them"
    window.actions_.trigger("undo")
    assert not trainable("fc1/weight") and trainable("fc2/weight")
    window.actions_.trigger("freeze")
    assert not trainable("fc2/weight")
    assert root.undo() and trainable("fc2/weight")
