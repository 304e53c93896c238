"""Every error that a file can provoke is said in the window: at a node, or in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodeflow.ui.popups.dialogs import confirmation_dialogs
from tests.errors.table import TABLE

OPENED = {name: one for name, one in TABLE.items() if one.opened}


@pytest.mark.thorough
@pytest.mark.parametrize("name", OPENED)
def test_it_is_said(name: str, window, engine, qtbot, tmp_path: Path, monkeypatch) -> None:
    shown: list[str] = []

    def show(parent, title: str, error: Exception, *_: object) -> None:
        assert str(error) and "Traceback" not in str(error)
        shown.append(type(error).__name__)

    monkeypatch.setattr(engine, "send", lambda request: None)  # what is said comes before a run
    monkeypatch.setattr(confirmation_dialogs, "show_problem", show)
    folder = tmp_path / "files"
    folder.mkdir()
    OPENED[name].prepare(folder)
    window.files.load(folder / OPENED[name].opened)

    def said() -> bool:
        return name in shown or name in {problem.kind for problem in window.problem_list.shown}

    qtbot.waitUntil(said, timeout=10_000)
