"""Actions are bound to callables when a window is made, or it is not made at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget

import nodeflow.ui
from nodeflow.document.edit import commands
from nodeflow.ui.actions.action_set import ActionError, ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.actions.specs import ACTIONS, ActionSpec
from nodeflow.ui.core.theming.theme import LIGHT
from nodeflow.ui.core.theming.theme_manager import ThemeManager

SPECS = (ActionSpec("save", "Save", ("Ctrl+S",)), ActionSpec("open", "Open"))


@pytest.fixture
def actions(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    return ActionSet(window, window, SPECS, ThemeManager(LIGHT, window))


def test_an_action_without_a_binding_is_an_error_that_names_it(actions):
    actions.bind({"save": Binding(lambda: None)})
    with pytest.raises(ActionError, match="open"):
        actions.complete()


def test_a_binding_of_an_action_that_no_spec_declares_is_an_error(actions):
    with pytest.raises(ActionError, match="sav_as"):
        actions.bind({"sav_as": Binding(lambda: None)})


def test_an_action_is_bound_once(actions):
    actions.bind({"save": Binding(lambda: None)})
    with pytest.raises(ActionError, match="save"):
        actions.bind({"save": Binding(lambda: None)})


def test_a_trigger_runs_what_is_bound_or_tells_why_not(actions):
    done, refused = [], []
    reason = Blocked("Nothing is open.", "open")
    actions.bind({"open": Binding(lambda: done.append("open"))})
    actions.bind({"save": Binding(lambda: done.append("save"), lambda: reason)})
    actions.complete()
    actions.refused.connect(lambda spec, blocked: refused.append((spec.id, blocked)))
    actions.refresh_now()
    actions["open"].trigger()
    actions["save"].trigger()
    assert done == ["open"] and refused == [("save", reason)]
    assert "Nothing is open." in actions["save"].toolTip()


@pytest.mark.thorough
def test_a_window_is_not_made_if_an_action_lacks_its_binding(qapp, settings, monkeypatch):
    from fake_engine import FakeClient

    from nodeflow.ui.window import main_window

    monkeypatch.setattr(main_window, "ACTIONS", (*ACTIONS, ActionSpec("fly", "Fly")))
    with pytest.raises(ActionError, match="fly"):
        main_window.MainWindow(settings, factory=FakeClient)
    for window in qapp.topLevelWidgets():
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.thorough
def test_what_helps_a_blocked_action_is_an_action(window):
    """The second argument of `Blocked`, wherever it is written as a text."""
    sources = Path(nodeflow.ui.__file__).parent.rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    fixes = set(re.findall(r'Blocked\([^()]*,\s*"(\w+)"\)', text))
    assert {"stop", "find", "show_problems", "restart_engine"} <= fixes
    window.actions_.require(fixes)


@pytest.mark.thorough
def test_what_a_canvas_does_by_itself_has_its_reason_too(window):
    actions = window.actions_
    document = window.workspace.document
    node = commands.add_node(document, "constant", (0, 0))
    frame = commands.add_frame(document, (0, 0, 300, 200), "Layer")
    for selected, blocked in (
        ([], (True, True)),
        ([node], (False, True)),
        ([frame], (False, False)),
    ):
        window.canvas.selection.select(selected)
        actions.refresh_now()
        found = [actions.blocked(i) is not None for i in ("edit_selected", "frame_left")]
        assert tuple(found) == blocked, selected
    assert actions.blocked("walk_left") is None
