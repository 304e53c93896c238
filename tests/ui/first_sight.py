"""Count what a newcomer sees at first: ``python tests/ui/first_sight.py WHAT [FILE]``.

WHAT is ``empty``, ``example`` (with a .flow file) or ``data`` (with a table, from which the window
makes the suggested graph).

Counted are the visible tabs, buttons, fields and entries of the menu bar's menus; the parts of one
field (such as the arrows of a number, or its slider on the stage) count once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QRadioButton,
    QScrollBar,
    QTabBar,
    QWidget,
)

from nodeflow.ui.stage.control_row import ControlRow

FIELDS = (
    *(QLineEdit, QPlainTextEdit, QComboBox, QAbstractSpinBox, QCheckBox, QRadioButton),
    QAbstractSlider,
)
COMPOUND = (QComboBox, QAbstractSpinBox)


def seen(window: QWidget, kind: Any) -> Iterator[Any]:
    """Yield the visible widgets of a kind."""
    for widget in window.findChildren(kind):
        if widget.isVisible() and not widget.visibleRegion().isEmpty():
            yield widget


def tabs(window: QWidget) -> list[str]:
    return [
        bar.tabText(index)
        for bar in seen(window, QTabBar)
        for index in range(bar.count())
        if bar.isTabVisible(index)
    ]


def buttons(window: QWidget) -> list[str]:
    """Return the buttons by their text or accessible name."""
    return [
        each.text().strip() or each.accessibleName() or each.toolTip()
        for each in seen(window, QAbstractButton)
        if not isinstance(each, (QCheckBox, QRadioButton))
        and not isinstance(each.parent(), (QTabBar, QLineEdit, *COMPOUND))
        and each.objectName() != "qt_toolbar_ext_button"
    ]


def fields(window: QWidget) -> list[str]:
    """Return the fields by their accessible name."""
    return [
        each.accessibleName() or getattr(each, "text", str)()
        for each in seen(window, QWidget)
        if isinstance(each, FIELDS)
        and not isinstance(each, QScrollBar)
        and not isinstance(each.parent(), COMPOUND)
        and not (isinstance(each, QAbstractSlider) and isinstance(each.parent(), ControlRow))
    ]


def entries(menu: QMenu) -> list[str]:
    """Return the entries of a menu that a user sees when it opens, without its submenus'."""
    menu.aboutToShow.emit()
    shown = [a for a in menu.actions() if a.isVisible() and not a.isSeparator()]
    return [action.text().replace("&", "") for action in shown]


def menu_entries(window: Any) -> list[str]:
    return [text for top in window.menuBar().actions() for text in entries(top.menu())]


def first_sight(window: Any) -> dict[str, list[str]]:
    """Return everything that is counted, by kind."""
    return {
        "tabs": tabs(window),
        "buttons": buttons(window),
        "fields": fields(window),
        "menu entries": menu_entries(window),
    }


def _open(window: Any, what: str, rest: list[str], until: Any) -> None:
    if what == "empty":
        window.files.begin_empty()
        window.pages.show_canvas()
    elif what == "example":
        window.files.open_path(Path(rest[0]))
    else:
        window.own_data.open_path(Path(rest[0]))
        until(lambda: window.own_data.wizard is not None and window.own_data.wizard.step == 0)
        until(lambda: bool(window.own_data.wizard.preview.facts.text()))
        while window.own_data.wizard is not None:
            wizard = window.own_data.wizard
            QTest.keyClick(wizard.focusWidget() or wizard, Qt.Key.Key_Return)
            QApplication.processEvents()


def main() -> None:
    folder = tempfile.mkdtemp(prefix="first-sight-")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        os.environ[name] = folder
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from fake_engine import FakeClient

    from nodeflow.ui.app import make_application, make_window
    from nodeflow.ui.core.state.user_settings import Settings

    what, *rest = sys.argv[1:]
    app = make_application()
    window = make_window(Settings(Path(folder) / "window.ini"), factory=FakeClient)
    window.resize(1280, 720)
    window.show()

    def wait(milliseconds: int) -> None:
        timer = QTimer(singleShot=True)
        timer.start(milliseconds)
        while timer.isActive():
            app.processEvents()

    def until(holds: Any) -> None:
        while not holds():
            wait(50)

    window.link.start()
    wait(1000)
    _open(window, what, rest, until)
    wait(1000)
    found = first_sight(window)
    for kind, things in found.items():
        print(f"{kind}: {len(things)}: {', '.join(things)}")
    in_sight = sum(len(things) for kind, things in found.items() if kind != "menu entries")
    print(f"in sight: {in_sight}; with menus: {in_sight + len(found['menu entries'])}")
    os._exit(0)


if __name__ == "__main__":
    main()
