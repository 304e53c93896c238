"""The smallest screen, 1280 x 720, with all panels open: nothing is cut off."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QDialog

from nodeflow.resources import example


@pytest.fixture
def small(window, qtbot):
    window.resize(1280, 720)
    window.files.open_path(example("mnist"))
    window.docking.show("problems")
    qtbot.waitUntil(lambda: window.canvas.height() < 500)
    return window


def inside(popup) -> bool:
    return popup.parentWidget().rect().contains(popup.geometry())


def test_lists_that_pop_up_end_above_the_panels_below(small, qtbot) -> None:
    small.actions_.trigger("search")
    assert inside(small.search) and small.search.list.height() >= 2 * 40
    small.search.dismiss()
    small.actions_.trigger("command_palette")
    picks = small.quick_pick
    assert picks.isVisible() and inside(picks)


def test_dialogs_fit(small) -> None:
    for action in ("keymap", "shortcuts", "about", "new_op"):
        small.actions_.trigger(action)
        (dialog,) = [d for d in small.findChildren(QDialog) if d.isVisible()]
        assert dialog.width() <= 1280 and dialog.height() <= 690, action
        hint = dialog.minimumSizeHint()
        assert dialog.width() >= hint.width() and dialog.height() >= hint.height(), action
        dialog.close()


def test_the_window_and_its_panels_are_no_larger_than_the_screen(small) -> None:
    assert small.minimumSizeHint().width() <= 1280
    assert small.minimumSizeHint().height() <= 720
    for name in small.docking.docks:
        small.docking.show(name)
        dock = small.docking.docks[name]
        assert dock.width() >= dock.minimumSizeHint().width(), name
    assert small.size().width() == 1280 and small.size().height() == 720
