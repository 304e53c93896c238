"""The inspector shows what a beginner changes first; the rest stands below More."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QMenu, QPushButton

from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.edit import commands
from nodeflow.graph.declaration import REQUIRED
from nodeflow.resources import example
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.inspector.more import MoreButton

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(window, qtbot):
    """The page of the optimizer of mnist_layers.flow."""
    window.files.open_example(example("mnist_layers"))
    window.canvas.selection.select([train(window)])
    return lambda: window.panels["inspector"].outside.page


def train(window) -> str:
    return window.workspace.document.node_named("train").id


def shown(page) -> list[str]:
    rows = {**page.attributes.attr_rows, **page.training.setting_rows}
    return [name for name, row in rows.items() if row.isVisible()]


def more(page) -> QPushButton:
    (button,) = (b for b in page.findChildren(MoreButton) if b.isVisible())
    return button


def test_an_optimizer_shows_its_rate_and_the_length_of_the_training(page, qtbot, window, settings):
    assert shown(page()) == ["learning_rate", "epochs", "batch_size", "until_stopped"]
    assert not page().place.isVisible()
    assert not page().training.stopping.isVisible()
    qtbot.mouseClick(more(page()), LEFT)
    assert {"beta1", "clip_norm", "seed", "shuffle"} <= set(shown(page()))
    assert page().place.isVisible() and page().training.stopping.isVisible()
    assert settings.shows_more
    window.canvas.selection.select([window.workspace.document.node_named("hidden").id])
    assert page().attributes.attr_rows["trainable"].isVisible(), "one switch for all pages"
    assert page().bounds.isVisible()
    qtbot.mouseClick(more(page()), LEFT)
    assert not page().attributes.attr_rows["trainable"].isVisible() and not settings.shows_more


def test_what_is_not_the_default_is_always_shown(page, qtbot, window):
    document, node = window.workspace.document, train(window)
    commands.set_attr(document, node, "clip_norm", 1.0)
    commands.set_training(document, shuffle=False)
    changed = {"clip_norm", "shuffle"}
    assert {*shown(page())} == {"learning_rate", "epochs", "batch_size", "until_stopped", *changed}
    commands.reset_attr(document, node, "clip_norm")
    assert "clip_norm" in shown(page()), "it does not vanish under the pointer"
    window.canvas.selection.select([])
    window.canvas.selection.select([node])
    assert "clip_norm" not in shown(page())
    commands.set_training(document, patience=4)
    assert page().training.stopping.isVisible()
    commands.set_attr(document, node, "beta1", 2.0)  # at most 1
    qtbot.waitUntil(lambda: page().attributes.attr_rows["beta1"].message != "")
    assert "beta1" in shown(page())


def test_what_the_user_is_led_to_is_shown(page, window):
    inspector = window.panels["inspector"].outside
    assert inspector.focus_attribute("beta2") and "beta2" in shown(page())
    assert page().attributes.attr_rows["beta2"].editor.focus_widget().hasFocus()


def test_metrics_that_nobody_chose_are_said_in_words(page, qtbot, window):
    document = window.workspace.document
    commands.set_training(document, metrics=None)
    training = page().training
    texts = [text.text() for text in training.findChildren(QLabel)]
    assert "accuracy, on test rows" in texts
    combos = [combo.accessibleName() for combo in training.findChildren(QComboBox)]
    assert "Node to measure" not in combos
    qtbot.mouseClick(training.add_button, LEFT)
    assert len(document.training["metrics"]) == 2


def test_no_advanced_attribute_must_be_given():
    for op in declarations():
        bad = [a.name for a in op.attrs if a.advanced and a.default is REQUIRED]
        assert not bad, op.id


def entries(row) -> list[str]:
    (menu,) = (m for m in row.window().findChildren(QMenu) if m.isVisible())
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    menu.close()
    return texts


def test_a_field_has_a_menu_at_its_name_and_at_its_editor(page, qtbot):
    row = page().attributes.attr_rows["learning_rate"]
    qtbot.mouseClick(row.label, LEFT)
    assert entries(row) == ["Vary in a sweep…", "Take off the stage", "Back to the default"]
    field = row.editor.focus_widget()
    middle = field.rect().center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, middle, field.mapToGlobal(middle))
    QApplication.sendEvent(field, event)
    texts = entries(row)
    assert texts[-3:] == ["Vary in a sweep…", "Take off the stage", "Back to the default"]
    assert len(texts) > 5
    (box,) = (r for n, r in page().training.setting_rows.items() if n == "batch_size")
    box._open_menu(QPoint(5, 5))
    assert "Vary in a sweep…" in entries(box)


def test_the_switch_is_remembered(tmp_path):
    path = tmp_path / "window.ini"
    Settings(path).shows_more = True
    assert Settings(path).shows_more
