"""Text from files is shown as it is written, and showing it loads nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget

import nodeflow.ui
from nodeflow.ui.core.widgets.anchored_tips import show_beside, shown_tip
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.dialogs import confirmation_dialogs

UI = Path(nodeflow.ui.__file__).parent
HOSTILE = [
    "<img src='file:///etc/hostname'>",
    '<a href="http://example.org">x</a>',
    "<b>a</b> & <i>b</i>\nc  d",
    "<!DOCTYPE html><style>p { background: url(x) }</style>",
]


class Watched(QTextDocument):
    """Notes what its text would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.setHtml(text) if GuiQt.mightBeRichText(text) else self.setPlainText(text)
        self.setTextWidth(200)

    def loadResource(self, kind: int, name) -> object:
        self.asked.append(name.toString())
        return None


def test_the_watched_document_sees_what_html_loads(qapp) -> None:
    document = Watched(HOSTILE[0])
    document.size()
    assert document.asked == ["file:///etc/hostname"] and HOSTILE[0] not in document.toPlainText()


@pytest.mark.parametrize("text", [*HOSTILE, "plain, 1 < 2 & 3", ""])
def test_a_tooltip_shows_text_as_it_is_written(qapp, text: str) -> None:
    document = Watched(plain_tip(text))
    assert document.toPlainText() == text and document.asked == []


def test_a_tooltip_of_a_cut_label_is_plain(qtbot) -> None:
    label = ElidedLabel(HOSTILE[0])
    qtbot.addWidget(label)
    label.resize(30, 20)
    label.show()
    assert Watched(label.toolTip()).toPlainText() == HOSTILE[0]


def test_the_tooltip_on_the_screen_is_plain(qtbot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    show_beside(plain_tip(HOSTILE[0]), QRect(0, 0, 9, 9), widget)
    shown = shown_tip()
    assert isinstance(shown, QLabel) and Watched(shown.text()).toPlainText() == HOSTILE[0]
    show_beside("", QRect(), widget)


def test_message_boxes_are_plain(qtbot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    box = confirmation_dialogs._box(parent, "x", "title", HOSTILE[0], HOSTILE[1], False)
    assert isinstance(box, QMessageBox) and box.textFormat() == Qt.TextFormat.PlainText
    labels = {label.text(): label.textFormat() for label in box.findChildren(QLabel)}
    assert labels[HOSTILE[0]] == labels[HOSTILE[1]] == Qt.TextFormat.PlainText


# ---- nothing is left out ------------------------------------------------------------------------

SAFE = {"plain_tip", "op_tooltip", "_tooltip", "toolTip"}
"""Functions that escape, and tooltips that are there already."""
OWN_WORDS = {
    ("popups/dialogs/shortcut_editor.py", "spec.tip"),
    ("window/statusbar.py", "tip"),
    ("inspector/sections/subgraph_section.py", "text"),
    ("inspector/sections/early_stopping_rows.py", "name"),
    ("panels/sketch_pad.py", "text"),
    ("panels/predictions.py", "text"),
    ("pages/breadcrumbs.py", "f'Back to the graph ({keys})'"),
    (
        "inspector/editors/text_editors.py",
        "f'No table: more than two axes or {count(MOST)} values'",
    ),
    # escaped where they are put together
    ("actions/action_set.py", "'<br>'.join(lines)"),
    ("window/data_chooser.py", "f'<b>Nodes show {rows}{escape(of)}.</b><br>{tip}'"),
    ("core/widgets/anchored_tips.py", "text"),
    ("panels/trainings/scrubber.py", "tip"),
    ("panels/runs.py", "two"),
    ("panels/runs.py", "why"),
    ("panels/plots/plot_controls.py", "f'Arrange and export the plots. {HELP}'"),
}
"""Texts of the program's own."""


def tooltips(path: Path) -> list[ast.expr]:
    """What a module passes to Qt as a tooltip."""
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    given = []
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name == "setToolTip":
            given.append(call.args[-1])
        elif name == "showText":
            given.append(call.args[1])
    return given


def is_plain(text: ast.expr, where: str) -> bool:
    written = ast.unparse(text)
    if isinstance(text, ast.Constant) or written.isupper() or (where, written) in OWN_WORDS:
        return True
    if isinstance(text, ast.IfExp):
        return is_plain(text.body, where) and is_plain(text.orelse, where)
    if isinstance(text, ast.BoolOp):
        return all(is_plain(each, where) for each in text.values)
    called = text.func if isinstance(text, ast.Call) else None
    name = getattr(called, "id", getattr(called, "attr", ""))
    return name in SAFE


@pytest.mark.thorough
def test_every_tooltip_goes_through_the_function_that_escapes() -> None:
    found = [
        f"{path.relative_to(UI)}: {ast.unparse(text)}"
        for path in sorted(UI.rglob("*.py"))
        for text in tooltips(path)
        if not is_plain(text, path.relative_to(UI).as_posix())
    ]
    assert found == []
