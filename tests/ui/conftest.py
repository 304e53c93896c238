"""A window of its own for each test: own settings, own journal folder, a fake engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
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
    from nodeflow.ui.core.theming.stylesheet import apply_theme
    from nodeflow.ui.core.theming.theme import LIGHT

    app = make_application()
    apply_theme(app, LIGHT)
    yield app
    app.clipboard().clear()  # the offscreen platform crashes at exit with data there


@pytest.fixture(autouse=True)
def discard_weights(monkeypatch):
    """Windows close without a question about what was learned, or what trains; a test that wants it
    asks."""
    from nodeflow.ui.popups.dialogs import confirmation_dialogs

    monkeypatch.setattr(
        confirmation_dialogs, "ask_unsaved_weights", lambda *_: confirmation_dialogs.DISCARD
    )
    monkeypatch.setattr(confirmation_dialogs, "ask_end_sweep", lambda *_: True)


@pytest.fixture(autouse=True)
def files_are_read_at_once(monkeypatch):
    """What a thread does to a file is done when an action returns, however busy the machine is; a
    test that wants it, waits."""
    from nodeflow.ui.popups import waiting_window

    monkeypatch.setattr(waiting_window, "GRACE_S", 60.0)


@pytest.fixture(autouse=True)
def own_read_limit():
    """A window sets the limit of its process; the next test has the default again."""
    from nodeflow.file_reading import set_limit

    yield
    set_limit(None)


@pytest.fixture
def embedded_digits(tmp_path: Path, monkeypatch) -> None:
    """The digits that come with the program, whatever was downloaded; kernels are those of all
    tests."""
    from nodeflow.paths import CACHE_VARIABLE, cache_folder

    monkeypatch.setenv(CACHE_VARIABLE, str(cache_folder()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)


@pytest.fixture
def settings(tmp_path: Path):
    from nodeflow.ui.core.state.user_settings import Settings

    return Settings(tmp_path / "window.ini")


@pytest.fixture
def open_window(qtbot, settings, tmp_path, monkeypatch) -> Iterator[Callable]:
    """Opens windows for a test: shown, with folders of their own and the engine started."""
    from nodeflow.resources import example
    from nodeflow.ui.app import make_window

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    settings.theme = "light"
    opened = []

    def open_one(factory, name: str = "", *, size=(1280, 800), settings=settings):
        """A window on a bundled example, or on an empty document."""
        window = make_window(settings, factory=factory)
        opened.append(window)
        qtbot.waitUntil(lambda: not window.plugins.is_loading, timeout=60_000)
        window.resize(*size)
        window.pages.show_canvas()
        if name:
            window.files.open_example(example(name))
        window.show()
        qtbot.waitExposed(window)
        window.link.start()
        return window

    yield open_one
    for window in reversed(opened):
        window.canvas.setFocus()  # what a failed test left in a field is no change to ask about
        window.workspace.root.mark_saved()
        window.close()
        window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert not shiboken6.isValid(window), "a window that stays slows all later tests down"


@pytest.fixture
def window(open_window):
    """A window with an empty document and a running fake engine."""
    from fake_engine import FakeClient

    FakeClient.made.clear()
    return open_window(FakeClient)


@pytest.fixture
def live_window(open_window) -> Callable:
    """Opens windows with the real engine: ``live_window("spirals", size=(1440, 900))``."""
    from thread_engine import ThreadClient

    ThreadClient.made.clear()
    return partial(open_window, ThreadClient)


@pytest.fixture
def engine(window):
    """The fake engine of the window, the one that was started last."""
    from fake_engine import FakeClient

    return FakeClient.made[-1]
