"""Metrics in the inspector: what is measured by itself, and what *Add a metric* picks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QToolButton

from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_mode
from nodeflow.document.model.records import MUTED
from nodeflow.resources import example
from nodeflow.ui.window.stage_modes import CANVAS


def section_of(window):
    """The training settings of the open graph."""
    names = {record.name: node for node, record in window.workspace.document.nodes.items()}
    window.canvas.selection.select([names["train"]])
    return window.panels["inspector"].outside.page.training, names


END = ", on test rows"


def shown(section) -> list[str]:
    """Return the names of the metrics: of chosen ones in fields, of others in words."""
    combos = section.findChildren(QComboBox)
    chosen = [c.currentText() for c in combos if c.accessibleName() == "Node to measure"]
    texts = [text.text() for text in section.findChildren(QLabel)]
    return chosen + [text.removesuffix(END) for text in texts if text.endswith(END)]


def opened(window, tmp_path: Path, name: str, **training: object) -> None:
    """Open an example without its metrics."""
    content = json.loads(example(name).read_text())
    del content["training"]["metrics"]
    content["training"].update(training)
    path = tmp_path / f"{name}.flow"
    path.write_text(json.dumps(content))
    assert window.files.open_path(path)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["mnist", "mnist_cnn_layers"])
def test_an_accuracy_is_picked_before_the_loss(window, qtbot, tmp_path, name: str) -> None:
    opened(window, tmp_path, name, metrics=[])
    section, names = section_of(window)
    assert shown(section) == []
    qtbot.mouseClick(section.add_button, Qt.MouseButton.LeftButton)
    assert window.workspace.root.training["metrics"] == [
        {"node": names["accuracy"], "split": "test", "every": "epoch"}
    ]
    qtbot.mouseClick(section.add_button, Qt.MouseButton.LeftButton)
    chosen = [m["node"] for m in window.workspace.root.training["metrics"]]
    assert chosen == [names["accuracy"], names["loss"]]


def test_an_accuracy_node_is_shown_as_measured_by_itself(window, qtbot, tmp_path) -> None:
    opened(window, tmp_path, "mnist_cnn_layers")
    section, names = section_of(window)
    assert shown(section) == ["accuracy"]
    assert "metrics" not in window.workspace.root.training
    qtbot.mouseClick(section.add_button, Qt.MouseButton.LeftButton)
    chosen = [m["node"] for m in window.workspace.root.training["metrics"]]
    assert chosen == [names["accuracy"], names["loss"]]
    window.workspace.document.undo()
    assert shown(section) == ["accuracy"]
    remove = next(b for b in section.findChildren(QToolButton) if b.accessibleName() == "Remove")
    qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert window.workspace.root.training["metrics"] == [] and shown(section) == []


@pytest.mark.thorough
def test_a_metric_node_counts_when_it_is_complete(window, tmp_path) -> None:
    opened(window, tmp_path, "mnist")
    document = window.workspace.document
    section, names = section_of(window)
    node = commands.add_node(document, "binary_accuracy", (0.0, 0.0), name="hits")
    commands.connect(document, names["y"], "out", node, "labels")
    assert shown(section) == []
    commands.connect(document, names["probabilities"], "out", node, "predictions")
    assert shown(section) == ["hits"]
    set_mode(document, [node], MUTED)
    assert shown(section) == []


@pytest.mark.thorough
def test_an_accuracy_node_is_recorded_and_plotted(live_window, qtbot, tmp_path) -> None:
    window = live_window()
    opened(window, tmp_path, "mnist_layers", epochs=1, batch_size=1000)
    window.stage_modes.show(CANVAS)  # the example opens beside its stage, without panels below
    qtbot.waitUntil(lambda: window.actions_.blocked("train") is None, timeout=20000)
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: window.link.has_trained, timeout=60000)
    panel = window.panels["training"]
    qtbot.waitUntil(lambda: "accuracy" in panel.metric_rows, timeout=60000)
    qtbot.waitUntil(lambda: panel.plots is not None and len(panel.plots.grid.cells) == 2)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60000)
    assert "metrics" not in window.workspace.root.training


def split_of(section) -> QComboBox:
    (found,) = (
        c for c in section.findChildren(QComboBox) if c.accessibleName() == "Split to measure on"
    )
    return found


def test_a_metric_is_measured_once_at_the_end_by_a_choice(window, tmp_path) -> None:
    opened(window, tmp_path, "mnist_cnn_layers", metrics=[])
    section, names = section_of(window)
    section.add_button.click()
    combo = split_of(section)
    combo.setCurrentIndex(combo.findText("test, at the end"))
    combo.activated.emit(combo.currentIndex())
    wanted = {"node": names["accuracy"], "split": "test", "every": "end"}
    assert window.workspace.root.training["metrics"] == [wanted]
    combo = split_of(section_of(window)[0])
    assert combo.currentText() == "test, at the end"
    combo.setCurrentIndex(combo.findText("validation"))
    combo.activated.emit(combo.currentIndex())
    wanted = {"node": names["accuracy"], "split": "validation", "every": "epoch"}
    assert window.workspace.root.training["metrics"] == [wanted]
