"""Initial and learned weights in the window, over renaming and grouping; with a real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from test_expand import ThreadClient, shown
from test_subgraph_actions import make, node, shortcut

from nodeflow.resources import example


@pytest.fixture
def window(qtbot, settings, tmp_path, monkeypatch) -> Iterator:
    """A window on spirals.flow, its values there."""
    from nodeflow.ui.app import make_window

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    settings.theme = "light"
    ThreadClient.made.clear()
    window = make_window(settings, factory=ThreadClient)
    window.resize(1280, 800)
    window.files.open_example(example("spirals"))
    window.show()
    qtbot.waitExposed(window)
    window.link.start()
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    yield window
    window.workspace.root.mark_saved()
    window.link.has_trained = False
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not shiboken6.isValid(window)


@pytest.fixture
def settled(qtbot, window):
    """Waits until the values of the document as it is now have come."""
    arrived: list[int] = []
    window.link.previews.connect(lambda message: arrived.append(message.revision))

    def wait() -> None:
        revision = window.workspace.root.revision
        qtbot.waitUntil(lambda: bool(arrived) and arrived[-1] == revision, timeout=20000)

    return wait


def rename(qtbot, window, old: str, new: str) -> None:
    """F2, and a name typed into the title."""
    window.canvas.setFocus()
    window.canvas.selection.select([node(window, old).id])
    shortcut(qtbot, window, "F2")
    field = window.focusWidget()
    qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(field, new)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert node(window, new)


def test_renaming_and_grouping_redraw_no_initial_weights(qtbot, window, settled):
    loss = shown(window.canvas, "loss")
    make(qtbot, window, "W1", "b1", called="layer")
    settled()
    assert shown(window.canvas, "loss") == loss
    rename(qtbot, window, "layer", "dense")
    settled()
    assert shown(window.canvas, "loss") == loss
    rename(qtbot, window, "W2", "weights")
    settled()
    assert shown(window.canvas, "loss") == loss
