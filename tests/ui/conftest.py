"""A window of its own for each test: own settings, own journal folder, a fake engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6

import nodeflow.ui  # noqa: F401  before the first Qt call: see there

# isort: split
from PySide6.QtCore import QCoreApplication, QEvent

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def qapp():
    """The application as the program makes it: our style and fonts."""
    from nodeflow.ui.app import make_application
    from nodeflow.ui.core.stylesheet import apply_theme
    from nodeflow.ui.core.theme import LIGHT

    app = make_application()
    apply_theme(app, LIGHT)
    yield app
    app.clipboard().clear()  # the offscreen platform crashes at exit with data there


@pytest.fixture(autouse=True)
def discard_weights(monkeypatch):
    """Windows close without a question about what was learned; a test that wants it asks."""
    from nodeflow.ui.popups import dialogs

    monkeypatch.setattr(dialogs, "ask_unsaved_weights", lambda *_: dialogs.DISCARD)


@pytest.fixture
def settings(tmp_path: Path):
    from nodeflow.ui.core.settings import Settings

    return Settings(tmp_path / "window.ini")


@pytest.fixture
def window(qtbot, settings, tmp_path, monkeypatch) -> Iterator:
    """A shown main window with an empty document and a running fake engine."""
    from fake_engine import FakeClient

    from nodeflow.ui.app import make_window

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    settings.theme = "light"
    FakeClient.made.clear()
    window = make_window(settings, factory=FakeClient)
    window.resize(1280, 800)
    window.pages.show_canvas()
    window.show()
    qtbot.waitExposed(window)
    window.link.start()
    yield window
    window.canvas.setFocus()  # what a failed test left in a field is no change to ask about
    window.workspace.root.mark_saved()
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not shiboken6.isValid(window), "a window that stays slows all later tests down"


@pytest.fixture
def engine(window):
    """The fake engine of the window, the one that was started last."""
    from fake_engine import FakeClient

    return FakeClient.made[-1]
