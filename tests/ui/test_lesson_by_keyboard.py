"""A lesson by keyboard alone: begun, built, answered and finished by real key events."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from typist import Typist

# what the offscreen platform says of popups
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.qt_log_ignore("This plugin does not support", extend=True),
]
Key, Keys = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def typist(live_window) -> Typist:
    window = live_window()
    window.activateWindow()
    return Typist(window)


def test_the_first_lesson_is_learned_by_keyboard_alone(typist, qtbot):
    window, panel = typist.window, typist.window.lesson_panel
    window.actions_.trigger("learn")  # Help, Lessons…
    typist.press(Key.Key_Tab)
    typist.press(Key.Key_Space)
    assert window.lessons.running == "expression"
    qtbot.waitUntil(window.canvas.hasFocus)

    def at_step(step: int) -> None:
        qtbot.waitUntil(lambda: window.lessons.step == step, timeout=30_000)

    def built(op: str, name: str, *wires: tuple[str, str]) -> None:
        typist.add(op, name)
        for source, target in wires:
            typist.wire(source, target)

    typist.press(Key.Key_F6)
    assert typist.focus is panel.check_button
    typist.press(Key.Key_Return)
    qtbot.waitUntil(lambda: panel.hint not in ("", "Checking…"), timeout=30_000)
    typist.press(Key.Key_Delete)  # deletes no node from here
    typist.press(Key.Key_Escape)
    assert window.canvas.hasFocus()
    assert len(window.workspace.root.nodes) == 3
    built("add", "d", ("b", "d:x"), ("c", "d:y"))
    at_step(1)
    built("add", "e", ("c", "e:x"), ("two", "e:y"))
    at_step(2)
    typist.press(Key.Key_F6)
    assert typist.focus is panel.form.field
    typist.type("9")
    typist.press(Key.Key_Return)
    assert panel.hint.startswith("Right.")
    assert typist.focus is panel.next_button
    typist.press(Key.Key_Return)
    assert window.lessons.step == 3
    assert window.canvas.hasFocus()
    built("multiply", "a", ("d", "a:x"), ("e", "a:y"))
    at_step(4)
    typist.press(Key.Key_F6)
    assert typist.focus is panel.form.choices[0]
    typist.press(Key.Key_Down)
    typist.press(Key.Key_Space)
    assert panel.hint.startswith("Right. There is a way")
    typist.press(Key.Key_Space)
    at_step(5)
    assert typist.focus is panel.next_button
    assert panel.next_button.text() == "Next: Many at once"
    typist.press(Key.Key_Space)
    assert window.lessons.running == "many-at-once"
