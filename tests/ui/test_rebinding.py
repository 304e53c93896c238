"""Every key of the canvas is an action's: it can be given to another, by real key events."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from test_window import build_expression
from typist import Typist

from nodeflow.document.edit import commands
from nodeflow.ui.actions.key_text import is_plain
from nodeflow.ui.actions.specs import ACTIONS
from nodeflow.ui.canvas.view.keyboard import COMMANDS
from nodeflow.ui.popups.dialogs.shortcut_editor import ShortcutEditor

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier
NONE, SHIFT, CTRL, ALT = (
    *(Keys.NoModifier, Keys.ShiftModifier, Keys.ControlModifier, Keys.AltModifier),
)

DEFAULTS = {
    (Key.Key_Tab, NONE): "search",
    (Key.Key_Escape, NONE): "cancel",
    (Key.Key_Return, NONE): "edit_selected",
    (Key.Key_Enter, Keys.KeypadModifier): "edit_selected",
    (Key.Key_F2, NONE): "rename",
    (Key.Key_F, NONE): "fit_selection",
    (Key.Key_Home, NONE): "fit",
    (Key.Key_Delete, NONE): "delete",
    (Key.Key_Backspace, NONE): "delete",
    (Key.Key_Left, NONE): "walk_left",
    (Key.Key_Right, SHIFT): "extend_right",
    (Key.Key_Up, CTRL): "pan_up",
    (Key.Key_Down, ALT): "move_down",
    (Key.Key_Left, ALT | SHIFT): "move_far_left",
    (Key.Key_D, CTRL): "duplicate",
    (Key.Key_End, ALT): "frame_right",
    (Key.Key_PageUp, ALT): "frame_up",
    (Key.Key_A, CTRL): "select_all",
    (Key.Key_Z, CTRL): "undo",
}
"""Keys of the canvas and the action that each is of, before a user changes them."""


def spec(action_id: str):
    return next(s for s in ACTIONS if s.id == action_id)


@pytest.fixture
def ids(window) -> dict[str, str]:
    made = build_expression(window.workspace.document)
    window.activateWindow()
    window.canvas.setFocus()
    window.canvas.selection.select([made["d"]])
    window.actions_.refresh()
    return made


@pytest.fixture
def editor(window, qtbot) -> ShortcutEditor:
    dialog = ShortcutEditor(window, window.actions_, window.keys.keymap)
    qtbot.addWidget(dialog)
    return dialog


def what_is_seen(window) -> tuple:
    """All that a key of the canvas can change."""
    canvas, document = window.canvas, window.workspace.document
    focus = window.focusWidget()
    return (
        *(document.revision, tuple(canvas.selection.ids()), canvas.selection.wire),
        *(
            canvas.viewport.camera.step,
            canvas.viewport.camera.x,
            canvas.viewport.camera.y,
            canvas.mouse.is_space_held,
        ),
        *(window.search.isVisible(), focus is canvas),
    )


def rebind(editor: ShortcutEditor, action: str, key: Qt.Key, keys=NONE) -> None:
    """As a user does in the dialog."""
    editor.choose(action)
    QTest.keyClick(editor.field, key, keys)
    assert editor.note.text() == ""
    QTest.mouseClick(editor.set_button, Qt.MouseButton.LeftButton)


@pytest.fixture(params=DEFAULTS.items(), ids=lambda item: f"{item[1]} {item[0][0].name}")
def key_and_action(request, window, ids) -> tuple[tuple, str]:
    """A key and its action, in a window where the action has something to do."""
    window.canvas.edits.nudge(8, 0)
    if request.param[1].startswith("frame_"):
        document = window.workspace.document
        window.canvas.selection.select([commands.add_frame(document, (-300, 0, 200, 200), "Frame")])
    window.canvas.viewport.pan(31, 17)
    window.actions_.refresh()
    return request.param


@pytest.mark.thorough
def test_the_declared_key_does_it(window, key_and_action):
    before = what_is_seen(window)
    QTest.keyClick(window.canvas, *key_and_action[0])
    assert what_is_seen(window) != before


@pytest.mark.thorough
def test_a_key_is_changed_and_the_old_one_is_dead(window, editor, key_and_action):
    pressed, action = key_and_action
    rebind(editor, action, Key.Key_J, CTRL | ALT)
    window.canvas.setFocus()
    before = what_is_seen(window)
    QTest.keyClick(window.canvas, *pressed)
    if pressed[0] == Key.Key_Tab:  # is a step to the next widget then, as everywhere
        assert not window.canvas.hasFocus()
        window.canvas.setFocus()
    assert what_is_seen(window) == before
    QTest.keyClick(window.canvas, Key.Key_J, CTRL | ALT)
    assert what_is_seen(window) != before


def test_tab_is_given_away_and_walks_to_the_next_widget(window, ids, editor):
    rebind(editor, "search", Key.Key_A, SHIFT)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Key.Key_A, SHIFT)
    assert window.search.isVisible()
    QTest.keyClick(window.focusWidget(), Key.Key_Escape)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Key.Key_Tab)
    assert not window.search.isVisible() and not window.canvas.hasFocus()
    editor.choose("formula")
    editor.more_keys.menu().actions()[0].trigger()
    assert editor.field.keys == "Tab" and editor.note.text() == ""
    editor.set_button.click()
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Key.Key_Tab)
    assert window.popups.formula.isVisible()


def test_tab_of_the_canvas_leaves_other_widgets_alone(window, ids):
    window.panels["inspector"].outside.focus_first()
    focus = window.focusWidget()
    QTest.keyClick(focus, Key.Key_Tab)
    assert window.focusWidget() is not focus and not window.search.isVisible()
    typist = Typist(window)
    window.canvas.setFocus()
    typist.press(Key.Key_F6)
    assert not window.canvas.hasFocus()
    typist.press(Key.Key_F6, SHIFT)
    assert window.canvas.hasFocus()


@pytest.mark.thorough
def test_arrows_and_enter_in_an_editor_on_the_canvas_stay_there(window, ids):
    typist = Typist(window)
    typist.press(Key.Key_F2)
    editor = window.focusWidget()
    assert window.canvas.isAncestorOf(editor)
    for key in (Key.Key_Left, Key.Key_Home, Key.Key_F, Key.Key_Space, Key.Key_Backspace):
        typist.press(key)
    typist.type("total")
    typist.press(Key.Key_Return)
    document = window.workspace.document
    assert document.nodes[ids["d"]].name == "ftotald"
    assert window.canvas.selection.ids() == [ids["d"]]


@pytest.mark.thorough
def test_keys_are_added_to_those_that_an_action_has(window, ids, editor):
    editor.choose("fit")
    QTest.keyClick(editor.field, Key.Key_G)
    editor.add_button.click()
    assert window.keys.keymap.keys(spec("fit")) == ("Ctrl+0", "Home", "G")
    for key, keys in ((Key.Key_G, NONE), (Key.Key_Home, NONE), (Key.Key_0, CTRL)):
        window.canvas.viewport.fit_all()
        place = QPointF(window.canvas.viewport.camera.x, window.canvas.viewport.camera.y)
        window.canvas.viewport.pan(900, 0)
        QTest.keyClick(window.canvas, key, keys)
        assert QPointF(window.canvas.viewport.camera.x, window.canvas.viewport.camera.y) == place


@pytest.mark.thorough
def test_a_held_key_pans_while_it_is_held_whichever_it_is(window, ids, editor):
    canvas = window.canvas
    for key in (Key.Key_Space, Key.Key_G):
        if key == Key.Key_G:
            rebind(editor, "pan_hold", key)
            canvas.setFocus()
        x = canvas.viewport.camera.x
        at = canvas.rect().bottomLeft() + QPointF(60, -60).toPoint()
        QTest.keyPress(canvas, key)
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, NONE, at)
        QTest.mouseMove(canvas, at + QPointF(50, 0).toPoint())
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, NONE, at + QPointF(50, 0).toPoint())
        QTest.keyRelease(canvas, key)
        assert canvas.viewport.camera.x == x + 50 and not canvas.mouse.is_space_held
    QTest.keyPress(canvas, Key.Key_Space)
    assert not canvas.mouse.is_space_held


@pytest.mark.thorough
def test_a_canvas_without_keys_understands_none(window, ids):
    """What a canvas does by key, it does as an action whose keys are in the list."""
    keymap, canvas = window.keys.keymap, window.canvas
    for each in window.actions_.specs:
        keymap.bind(each, ())
    window.actions_.apply_keymap(keymap.keys)
    before = what_is_seen(window)
    everything = [Key(k) for k in range(Key.Key_Space, Key.Key_QuoteLeft + 1)]
    named = [Key.Key_Escape, Key.Key_Backspace, Key.Key_Return, Key.Key_Enter, Key.Key_Insert]
    named += [Key.Key_Delete, Key.Key_Home, Key.Key_End, Key.Key_PageUp, Key.Key_PageDown]
    named += [Key.Key_Left, Key.Key_Right, Key.Key_Up, Key.Key_Down, Key.Key_F2, Key.Key_F6]
    for key in (*everything, *named):
        for keys in (NONE, SHIFT, CTRL, CTRL | SHIFT, ALT, ALT | SHIFT):
            if keys & ALT and key in everything:
                continue  # opens a menu of the menu bar
            QTest.keyClick(canvas, key, keys)
            assert what_is_seen(window) == before, (key, keys)


@pytest.mark.thorough
def test_every_command_of_the_canvas_is_found_in_the_palette_and_the_preferences(window, editor):
    listed = {s.id for s in ACTIONS}
    assert set(COMMANDS) <= listed
    shown = {item.data(0, Qt.ItemDataRole.UserRole) for item in editor._items()}
    assert set(COMMANDS) <= shown
    window.actions_.trigger("command_palette")
    rows = {row.data: row for row in window.quick_pick.model.rows}
    assert rows["walk_left"].title == "Go to the source" and rows["walk_left"].enabled
    QTest.keyClicks(window.quick_pick.field, "move far l")
    assert window.quick_pick.model.rows[0].data == "move_far_left"
    window.quick_pick.hide()


@pytest.mark.thorough
def test_a_command_of_the_canvas_is_done_from_the_palette(window, ids, qtbot):
    typist = Typist(window)
    typist.press(Key.Key_P, CTRL | SHIFT)
    typist.type("go to the source")
    typist.press(Key.Key_Return)
    qtbot.waitUntil(lambda: window.canvas.selection.ids() == [ids["b"]])


def test_keys_that_typing_needs_are_told_from_others(qapp):
    plain = ["A", "Shift+A", "Tab", "Left", "Shift+Left", "Home", "Space", "Del", "="]
    other = ["Ctrl+A", "Alt+Left", "F2", "Shift+F6", "Meta+K"]
    assert [k for k in (*plain, *other) if is_plain(k)] == plain


@pytest.mark.thorough
def test_searching_for_a_key_chooses_the_action_that_has_it(window, editor):
    editor.choose("save")
    QTest.keyClicks(editor.filter, "Alt+End")
    assert editor.table.currentItem().text(0) == "Widen the frame"
    assert editor.field.keys == "Alt+End"
