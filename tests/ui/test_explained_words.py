"""Words of the field in the text of a lesson: explained under the pointer, and by keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QVBoxLayout, QWidget

from nodeflow.ui.core.glossary import with_links, words
from nodeflow.ui.core.widgets.anchored_tips import shown_tip
from nodeflow.ui.core.widgets.explained_text import ExplainedText, explanation


def test_the_first_use_of_each_word_is_a_link_and_all_else_is_text():
    shown = with_links("Losses <b> & a learning rate.\nA loss, a rate, a glossy one-hot.", "#000")
    assert shown.count("<a ") == 3
    assert '<a href="loss" style="color: #000; text-decoration: underline">Losses</a>' in shown
    assert ">learning rate</a>" in shown
    assert ">one-hot</a>" in shown
    assert "&lt;b&gt; &amp; a" in shown
    assert ".<br>A loss, a rate, a glossy " in shown
    assert with_links("nothing of the kind", "#000") == "nothing of the kind"


@pytest.mark.parametrize("shown", ["Loss", "losses", "loss"])
def test_a_word_is_explained_in_all_its_forms(shown):
    assert words()["loss"].split(":")[0] in explanation(shown)
    assert explanation("glossy") == ""


@pytest.fixture
def text(qtbot):
    """A text after a field, in a window that has the focus in the field."""
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    field, shown = QLineEdit(), ExplainedText()
    layout.addWidget(field)
    layout.addWidget(shown)
    shown.show_text("A batch of rows, and the loss.", "#000000")
    window.resize(300, 100)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    field.setFocus()
    yield shown
    window.close()


def tip() -> str:
    shown = shown_tip()
    return shown.text() if isinstance(shown, QLabel) else ""


@pytest.mark.thorough
def test_tab_goes_from_word_to_word_and_explains_each(text, qtbot):
    field = text.window().findChild(QLineEdit)
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert text.selectedText() == "batch"
    qtbot.waitUntil(lambda: words()["batch"] in tip())
    qtbot.keyClick(text, Qt.Key.Key_Tab)
    assert text.selectedText() == "loss"
    qtbot.waitUntil(lambda: "<b>loss</b>" in tip())
    qtbot.keyClick(text, Qt.Key.Key_Backtab)
    assert text.selectedText() == "batch"
    qtbot.keyClick(text, Qt.Key.Key_Backtab)
    assert field.hasFocus()


@pytest.mark.thorough
def test_the_pointer_explains_a_word(text, qtbot):
    hovered = []
    text.linkHovered.connect(hovered.append)
    for x in range(0, 200, 4):
        qtbot.mouseMove(text, QPoint(x, text.height() // 2))
        QApplication.processEvents()
        if hovered:
            break
    assert hovered == ["batch"]
    assert words()["batch"] in tip()


def test_a_text_without_words_takes_no_focus(qtbot):
    shown = ExplainedText()
    qtbot.addWidget(shown)
    shown.show_text("Nothing <b>of</b> the kind.", "#000000")
    assert shown.text() == shown.plain == "Nothing <b>of</b> the kind."
    assert shown.textFormat() == Qt.TextFormat.PlainText
    assert shown.focusPolicy() == Qt.FocusPolicy.NoFocus
