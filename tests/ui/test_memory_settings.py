"""The limit of memory in the window: set, remembered, and given to every engine."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from nodeflow.host import protocol as p


def ask(window):
    """The dialog that the action opens."""
    window.actions_.trigger("memory")
    shown = [w for w in QApplication.topLevelWidgets() if w.objectName() == "memory"]
    (dialog,) = (each for each in shown if each.isVisible())
    return dialog


def test_the_limit_is_set_remembered_and_given_to_every_engine(window, engine, settings):
    assert settings.memory_megabytes == 0
    assert engine.requests(p.SetMemory) == []
    dialog = ask(window)
    assert dialog.field.text() == "Free memory"
    dialog.field.setValue(400)
    dialog.accept()
    assert settings.memory_megabytes == 400
    assert engine.requests(p.SetMemory) == [p.SetMemory(400_000_000)]
    window.link.restart()
    again = type(engine).made[-1]
    assert again.requests(p.SetMemory) == [p.SetMemory(400_000_000)]
    dialog = ask(window)
    dialog.field.setValue(0)
    dialog.accept()
    assert again.requests(p.SetMemory)[-1] == p.SetMemory(None)


@pytest.mark.parametrize("stored, expected", [("0", 0), ("250", 250), ("-1", 0), ("much", 0)])
def test_a_damaged_limit_is_none(settings, stored, expected):
    settings._store.setValue("memory_megabytes", stored)
    assert settings.memory_megabytes == expected
