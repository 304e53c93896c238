"""A network of another program gets new layers behind one of its own, and goes on learning."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands
from nodeflow.train.events import Done
from nodeflow.train.saving.weights import load_weights
from tests.exchange.onnx.models import cnn
from tests.ui.test_own_data import drop

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Control = Qt.Key, Qt.KeyboardModifier.ControlModifier


def formula(window, qtbot, text: str) -> None:
    """Type a formula over the canvas; an unknown name becomes a placeholder."""
    window.canvas.setFocus()
    window.actions_.trigger("formula")
    bar = window.popups.formula
    bar.field.clear()
    qtbot.keyClicks(bar.field, text)
    bar.check()
    if bar.declare_buttons["placeholder"].isVisible():
        QTest.mouseClick(bar.declare_buttons["placeholder"], Qt.MouseButton.LeftButton)
        bar.check()
    qtbot.keyClick(bar.field, Key.Key_Return)
    if bar.isVisible():
        qtbot.keyClick(bar.field, Key.Key_Escape)


def test_new_layers_behind_a_network_of_others(live_window, tmp_path, qtbot):
    onnx.save(cnn(), tmp_path / "net.onnx")
    window = live_window()
    drop(window, tmp_path / "net.onnx")
    dialog = window.models.dialog
    QTest.keyClick(dialog.focusWidget() or dialog, Key.Key_Return)
    root = lambda: window.workspace.root  # noqa: E731
    qtbot.waitUntil(lambda: root().node_named("Flatten_4") is not None, timeout=60_000)
    document = root()
    ids = [document.node_named(name).id for name in ("MatMul_5", "w2", "y")]
    window.canvas.setFocus()
    window.canvas.selection.select(ids)
    QTest.keyClick(window.canvas, Key.Key_Delete)
    assert document.node_named("y") is None, "the network is cut behind Flatten_4"
    formula(window, qtbot, "head = layers.dense(Flatten_4, units=2)")
    formula(window, qtbot, "loss = mean_squared_error(labels, head)")
    formula(window, qtbot, "train = adam(loss, learning_rate=0.01)")
    assert document.node_named("train") is not None
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 3, 8, 10)).round(3)
    commands.set_attr(document, document.node_named("x").id, "sample", x.tolist())
    labels = document.node_named("labels").id
    commands.set_attr(document, labels, "shape", [None, 2])
    commands.set_attr(document, labels, "sample", [[1.0, 0.0], [0.0, 1.0]] * 2)
    done = []
    window.link.training.connect(lambda event: done.append(event))
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: any(isinstance(e, Done) for e in done), timeout=120_000)
    target = str(tmp_path / "after.safetensors")
    saved = []
    window.link.done.connect(saved.append)
    window.link.save_weights(target)
    qtbot.waitUntil(lambda: bool(saved), timeout=30_000)
    before, after = load_weights(tmp_path / "net.initial.safetensors"), load_weights(target)
    np.testing.assert_array_equal(after["w1"], before["w1"], "frozen")
    assert np.any(after["head/bias"]), "it began with zeros"
    window.files.weights.discard()
