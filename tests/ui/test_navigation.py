"""Commands, find, views, bookmarks, minimap, own keys, formulas, outline: through the window."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QGuiApplication,
    QKeySequence,
    QNativeGestureEvent,
    QPointingDevice,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from test_window import build_expression, shown

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.resources import example as example_file
from nodeflow.ui.actions.keymap import Keymap
from nodeflow.ui.actions.specs import ACTIONS
from nodeflow.ui.canvas.gestures.navigation_presets import PRESETS
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.theming.theme import DARK, LIGHT
from nodeflow.ui.popups.dialogs.shortcut_editor import ShortcutEditor

Key, Keys = Qt.Key, Qt.KeyboardModifier


def titles(window) -> list[str]:
    return [row.title for row in window.quick_pick.model.rows]


def ask(window, text: str) -> None:
    field = window.quick_pick.field
    field.clear()
    QTest.keyClicks(field, text)


def selected(window) -> list[str]:
    return [window.workspace.document.nodes[i].name for i in window.canvas.selection.nodes()]


# ---- command palette ----------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_command_palette_has_every_action(window):
    window.actions_.trigger("command_palette")
    rows = window.quick_pick.model.rows
    ids = {spec.id for spec in window.actions_.specs}
    assert {row.data for row in rows} == ids - {"command_palette"}
    by_id = {row.data: row for row in rows}
    assert by_id["save"].aside == QKeySequence("Ctrl+S").toString(
        QKeySequence.SequenceFormat.NativeText
    )
    assert not by_id["undo"].enabled and by_id["undo"].detail == "Nothing to undo."


@pytest.mark.thorough
def test_a_command_is_found_by_a_few_letters_and_done(window, qtbot):
    window.actions_.trigger("command_palette")
    ask(window, "dark")
    assert titles(window)[0] == "Dark"
    QTest.keyClick(window.quick_pick.field, Key.Key_Return)
    qtbot.waitUntil(lambda: window.themes.theme.is_dark)
    window.actions_.trigger("command_palette")
    ask(window, "undo")
    QTest.keyClick(window.quick_pick.field, Key.Key_Return)
    assert window.quick_pick.isVisible()
    assert window.quick_pick.note.text() == "Nothing to undo."
    QTest.keyClick(window.quick_pick.field, Key.Key_Escape)
    assert not window.quick_pick.isVisible() and window.canvas.hasFocus()


# ---- find ---------------------------------------------------------------------------------------


@pytest.fixture
def ids(window, qtbot) -> dict[str, str]:
    made = build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    return made


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("text", "names"),
    [("two", ["two"]), ("multi", ["a"]), ("9", ["a"]), ("zzz", []), ("multi f32", ["a"])],
)
def test_find_looks_at_names_ops_and_values(window, ids, text, names):
    window.actions_.trigger("find")
    ask(window, text)
    assert titles(window) == names
    assert window.quick_pick.note.isVisible() == (not names)


@pytest.mark.thorough
def test_enter_selects_what_was_found_and_brings_it_to_the_middle(window, ids):
    window.canvas.viewport.pan(4000, 3000)
    window.actions_.trigger("find")
    ask(window, "a")
    QTest.keyClick(window.quick_pick.field, Key.Key_Return)
    assert selected(window) == ["a"]
    middle = window.canvas.rect().center()
    gap = window.canvas.viewport.node_rect(ids["a"]).center().toPoint() - middle
    assert gap.manhattanLength() < 6 and window.canvas.hasFocus()


@pytest.mark.thorough
def test_find_is_quick_in_a_large_graph(window):
    with window.workspace.document.transaction("many"):
        for number in range(3000):
            place = (number % 60 * 200, number // 60 * 160)
            commands.add_node(window.workspace.document, "exp", place, f"layer_{number}")
    window.actions_.trigger("find")
    ask(window, "layer_2999")
    assert titles(window)[0] == "layer_2999"
    assert len(titles(window)) <= 50


# ---- views --------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_back_and_forward_lead_through_views(window, ids, qtbot):
    views, canvas = window.views, window.canvas
    views.reset()
    places = [views.current()]
    for _ in range(2):
        canvas.viewport.pan(900, 300)
        views.note()
        places.append(views.current())
    canvas.selection.select([])
    canvas.setFocus()
    QTest.keyClick(canvas, Key.Key_Left, Keys.AltModifier)
    assert views.current().is_near(places[1])
    window.actions_.trigger("view_back")
    assert views.current().is_near(places[0])
    qtbot.waitUntil(lambda: not window.actions_["view_back"].isEnabled())
    QTest.mouseClick(canvas, Qt.MouseButton.ForwardButton)
    assert views.current().is_near(places[1])
    window.actions_.trigger("view_forward")
    assert views.current().is_near(places[2])


@pytest.mark.thorough
def test_a_view_is_remembered_when_it_rests(window, ids, qtbot):
    views = window.views
    views.reset()
    window.canvas.viewport.zoom_in()
    window.canvas.viewport.pan(500, 500)
    qtbot.waitUntil(lambda: len(views._past) == 2, timeout=3000)


@pytest.mark.thorough
def test_bookmarks_are_kept_for_the_file_and_not_in_it(window, ids, settings, tmp_path):
    document, canvas = window.workspace.document, window.canvas
    document.path = tmp_path / "expression.flow"
    before = flow.dumps(document)
    canvas.viewport.pan(700, 200)
    wanted = window.views.current()
    QTest.keyClick(canvas, Key.Key_3, Keys.ControlModifier | Keys.ShiftModifier)
    canvas.viewport.pan(-2000, 0)
    QTest.keyClick(canvas, Key.Key_3, Keys.ControlModifier | Keys.AltModifier)
    assert window.views.current().is_near(wanted)
    assert flow.dumps(document) == before
    window.views.reset()
    assert window.views.has_bookmark(3)
    assert settings.bookmarks("another.flow") == {}


@pytest.mark.thorough
def test_a_bookmark_that_is_not_there_offers_to_set_it(window):
    window.actions_.trigger("bookmark_5")
    assert window.info.text.endswith("There is no bookmark 5 yet.")
    window.info.button.click()
    assert window.views.has_bookmark(5)


@pytest.mark.thorough
def test_the_minimap_shows_the_graph_and_moves_the_view(window, ids):
    window.actions_.trigger("minimap")
    minimap = window.view_actions.minimap
    assert minimap.isVisible() and window.settings.minimap
    minimap.grab()
    for name in ("b", "a"):
        scene = window.canvas.scene.rect(window.canvas.scene.nodes.get(ids[name])).center()
        scale, offset = minimap._scale()
        at = (scene * scale + offset).toPoint()
        QTest.mouseClick(minimap, Qt.MouseButton.LeftButton, Keys.NoModifier, at)
        middle = window.canvas.viewport.camera.to_scene(QPointF(window.canvas.rect().center()))
        gap = middle - scene
        assert abs(gap.x()) + abs(gap.y()) < 3 / scale
    image = minimap.grab().toImage()
    ratio = image.width() / minimap.width()
    x, y = at.x() * ratio, at.y() * ratio
    assert image.pixelColor(int(x), int(y)) != image.pixelColor(int(x), int(12 * ratio))
    window.actions_.trigger("minimap")
    assert not minimap.isVisible()


@pytest.fixture
def under_the_minimap(window):
    """The names of the nodes and notes that the minimap hides, and of those out of sight."""
    window.actions_.trigger("minimap")

    def look(ids=None) -> list[str]:
        canvas, document = window.canvas, window.workspace.document
        corner = QRectF(window.view_actions.minimap.geometry())
        view = QRectF(canvas.rect())
        rects = {
            r.name: canvas.viewport.node_rect(i)
            for i, r in document.nodes.items()
            if not ids or i in ids
        }
        for frame in () if ids else document.frames.values():
            if frame.note:
                rects[frame.title] = canvas.viewport.camera.rect_to_view(QRectF(*frame.rect))
        assert rects
        return [n for n, r in rects.items() if r.intersects(corner) or not view.contains(r)]

    return look


@pytest.mark.thorough
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (960, 600)])
@pytest.mark.parametrize("example", ["mnist", "mnist_cnn", "expression", "lstm"])
def test_fit_leaves_the_corner_of_the_minimap_free(window, under_the_minimap, example, size):
    window.resize(*size)
    window.files.load_quietly(example_file(example))
    QTest.qWait(30)
    assert under_the_minimap() == []
    window.canvas.viewport.pan(900, 40)
    QTest.keyClick(window.canvas, Key.Key_Home)
    assert under_the_minimap() == []


@pytest.mark.sample(1)
@pytest.mark.parametrize(("columns", "rows"), [(9, 3), (3, 9), (6, 6), (1, 1), (12, 1), (1, 12)])
def test_fit_makes_room_beside_the_minimap_where_the_corner_is_full(
    window, under_the_minimap, columns, rows
):
    document, canvas = window.workspace.document, window.canvas
    with document.transaction("many"):
        for number in range(columns * rows):
            place = (number % columns * 240, number // columns * 160)
            commands.add_node(document, "exp", place)
    for width, height in ((1280, 720), (1920, 1080)):
        window.resize(width, height)
        QTest.qWait(20)
        QTest.keyClick(canvas, Key.Key_Home)
        assert under_the_minimap() == []
        beside = canvas.viewport.camera.step
        window.view_actions.minimap.hide()
        assert canvas.viewport.camera.step >= beside, "what nobody moved is fitted again"
        window.view_actions.minimap.show()
        assert canvas.viewport.camera.step == beside and under_the_minimap() == []
        canvas.selection.select(list(document.nodes)[-4:])
        QTest.keyClick(canvas, Key.Key_F)
        assert under_the_minimap(canvas.selection.nodes()) == []


@pytest.mark.thorough
def test_a_walk_does_not_end_under_the_minimap(window, under_the_minimap, ids):
    canvas = window.canvas
    canvas.viewport.fit_all()
    corner = canvas.rect().bottomRight()
    canvas.viewport.pan(corner.x() - 60 - canvas.viewport.node_rect(ids["a"]).right(), 0)
    canvas.viewport.pan(0, corner.y() - 50 - canvas.viewport.node_rect(ids["a"]).bottom())
    canvas.selection.select([ids["d"]])
    assert under_the_minimap([ids["a"]]) == ["a"]
    QTest.keyClick(canvas, Key.Key_Right)
    assert canvas.selection.nodes() == [ids["a"]] and under_the_minimap([ids["a"]]) == []


# ---- keys and pointer ---------------------------------------------------------------------------


def spec(action_id: str):
    return next(s for s in ACTIONS if s.id == action_id)


def test_keys_in_use_are_refused_with_the_reason(settings, qapp):
    keymap = Keymap(settings)
    assert "Save" in keymap.refusal(spec("fit"), "Ctrl+S")
    assert "“Add a node”" in keymap.refusal(spec("fit"), "Tab")
    assert "“Go to the source”" in keymap.refusal(spec("fit"), "Left")
    assert keymap.refusal(spec("search"), "Shift+A") == "", "as Tab, only on the canvas"
    assert "typing" in keymap.refusal(spec("save"), "K")
    assert "not a key" in keymap.refusal(spec("fit"), "")
    assert keymap.refusal(spec("start_wire"), "K") == ""
    assert keymap.refusal(spec("fit"), "F9") == ""
    assert keymap.refusal(spec("save"), "Ctrl+S") == ""


def test_every_declared_key_is_free_of_conflicts(settings, qapp):
    keymap = Keymap(settings)
    found = {s.id: keymap.refusal(s, k) for s in ACTIONS for k in s.shortcuts}
    assert {i: text for i, text in found.items() if text} == {}


def test_own_keys_work_at_once_and_are_kept(window, qtbot, tmp_path, ids):
    dialog = ShortcutEditor(window, window.actions_, window.keys.keymap)
    qtbot.addWidget(dialog)
    dialog.choose("minimap")
    QTest.keyClick(dialog.field, Key.Key_S, Keys.ControlModifier)
    assert "Save" in dialog.note.text() and not dialog.set_button.isEnabled()
    QTest.keyClick(dialog.field, Key.Key_F9)
    assert dialog.note.text() == ""
    dialog.set_button.click()
    assert window.actions_["minimap"].shortcut() == QKeySequence("F9")
    assert "F9" in window.actions_["minimap"].toolTip()
    again = Keymap(Settings(tmp_path / "window.ini"))
    assert again.keys(spec("minimap")) == ("F9",)
    QTest.keyClick(window.canvas, Key.Key_F9)
    assert window.view_actions.minimap.isVisible()
    dialog.default_button.click()
    assert window.actions_["minimap"].shortcut() == QKeySequence("Ctrl+M")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("action", "key", "keys"),
    [("duplicate", Key.Key_D, Keys.ControlModifier), ("delete", Key.Key_Delete, Keys.NoModifier)],
)
def test_a_key_that_was_taken_away_does_nothing_any_more(window, ids, action, key, keys):
    document, canvas, keymap = window.workspace.document, window.canvas, window.keys.keymap
    canvas.setFocus()
    canvas.selection.select([ids["a"]])
    keymap.bind(spec(action), ("Ctrl+Alt+U",))
    window.actions_.apply_keymap(keymap.keys)
    revision = document.revision
    QTest.keyClick(canvas, key, keys)
    assert document.revision == revision
    window.actions_.refresh()
    QTest.keyClick(canvas, Key.Key_U, Keys.ControlModifier | Keys.AltModifier)
    assert document.revision == revision + 1
    keymap.reset()
    window.actions_.apply_keymap(keymap.keys)
    document.undo()
    canvas.selection.select([ids["a"]])
    window.actions_.refresh()
    QTest.keyClick(canvas, key, keys)
    assert document.revision > revision + 2


def test_damaged_stored_keys_count_as_none(settings, qapp):
    for text in ("[", "[1]", '{"minimap": 5, "nothing": ["F9"]}'):
        settings.shortcuts = text
        assert Keymap(settings).keys(spec("minimap")) == spec("minimap").shortcuts


def wheel(canvas, dy: int, keys=Keys.NoModifier) -> None:
    at = QPointF(canvas.rect().center())
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, dy),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


@pytest.mark.thorough
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_of_wheel_and_drag(window, ids, preset):
    canvas = window.canvas
    canvas.mouse.set_preset(preset)
    canvas.viewport.fit_all()
    step, y = canvas.viewport.camera.step, canvas.viewport.camera.y
    wheel(canvas, -120)
    assert (canvas.viewport.camera.step != step) == (preset != "touchpad")
    assert (canvas.viewport.camera.y == y - 120) == (preset == "touchpad")
    wheel(canvas, 120, Keys.ControlModifier)
    assert canvas.viewport.camera.step == (step if preset != "touchpad" else step + 2)
    before = QPointF(canvas.viewport.camera.x, canvas.viewport.camera.y)
    start = QPoint(20, canvas.height() - 20)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Keys.NoModifier, start)
    QTest.mouseMove(canvas, start + QPoint(60, -30))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Keys.NoModifier, start + QPoint(60, -30))
    moved = QPointF(canvas.viewport.camera.x, canvas.viewport.camera.y) - before
    assert moved == (QPointF(60, -30) if preset == "drag" else QPointF())


# ---- the expression bar -------------------------------------------------------------------------


@pytest.fixture
def bar(window):
    window.actions_.trigger("formula")
    return window.popups.formula


@pytest.mark.thorough
def test_what_is_said_of_a_formula_takes_the_colours_of_a_new_theme(window, bar):
    for text, ink in (("a = 2 + foo(1)", "error"), ("a = 2 + 1", "ink_muted")):
        bar.field.setText(text)
        bar.check()
        for theme in (DARK, LIGHT):
            bar.set_theme(theme)
            assert getattr(theme, ink) in bar.note.styleSheet()


@pytest.mark.thorough
def test_a_mistake_is_underlined_and_named(window, bar):
    QTest.keyClicks(bar.field, "a = 2 + foo(1)")
    bar.check()
    assert bar.field.fault == (8, 3)
    assert bar.note.text() == "There is no op 'foo'. Did you mean floor?"
    assert not bar.add_button.isEnabled()
    QTest.keyClick(bar.field, Key.Key_Return)
    assert bar.isVisible() and not window.workspace.document.nodes
    QTest.keyClick(bar.field, Key.Key_Escape)
    assert window.canvas.hasFocus() and not bar.isVisible()


@pytest.mark.thorough
def test_unknown_names_can_be_added(window, bar):
    QTest.keyClicks(bar.field, "a = (b + c) * (c + 2)")
    bar.check()
    assert bar._offer.text() == "Add b and c as"
    bar.declare_buttons["variable"].click()
    document = window.workspace.document
    assert document.node_named("b").op == document.node_named("c").op == "variable"
    assert set(window.canvas.selection.nodes()) == set(document.nodes)
    assert all(
        window.canvas.rect().contains(window.canvas.viewport.node_rect(i).toRect())
        for i in document.nodes
    )
    document.undo()
    assert not document.nodes


def test_enter_twice_adds_unknown_names_and_reaches_nothing_below(window, bar):
    QTest.keyClicks(bar.field, "p = softmax(x @ W)")
    QTest.keyClick(bar.field, Key.Key_Return)
    focus = bar.focusWidget()
    assert bar.isVisible() and focus is bar.declare_buttons["placeholder"]
    QTest.keyClick(focus, Key.Key_Right)
    assert bar.focusWidget() is bar.declare_buttons["variable"]
    QTest.keyClick(bar.focusWidget(), Key.Key_Return)
    document = window.workspace.document
    assert document.node_named("x").op == document.node_named("W").op == "variable"
    assert not bar.isVisible() and window.canvas.hasFocus()


@pytest.mark.thorough
def test_escape_on_an_offer_closes_the_bar(window, bar):
    QTest.keyClicks(bar.field, "p = x")
    QTest.keyClick(bar.field, Key.Key_Return)
    QTest.keyClick(bar.focusWidget(), Key.Key_Escape)
    assert not bar.isVisible() and window.canvas.hasFocus()


@pytest.mark.thorough
def test_tab_completes_names_of_nodes_and_ops(window, bar):
    commands.add_node(window.workspace.document, "constant", (0, 0), "weights")
    QTest.keyClicks(bar.field, "wei")
    QTest.keyClick(bar.field, Key.Key_Tab)
    assert bar.field.text() == "weights"
    QTest.keyClicks(bar.field, " / reduce_me")
    QTest.keyClick(bar.field, Key.Key_Tab)
    assert bar.field.text() == "weights / reduce_mean"
    QTest.keyClicks(bar.field, "(red")
    QTest.keyClick(bar.field, Key.Key_Tab)
    first = bar.field.text()
    QTest.keyClick(bar.field, Key.Key_Tab)
    second = bar.field.text()
    assert first != second and first.startswith("weights / reduce_mean(reduce_")
    QTest.keyClick(bar.field, Key.Key_Backtab)
    assert bar.field.text() == first


@pytest.mark.thorough
def test_the_arrows_bring_earlier_formulas_back(window, bar, settings):
    for text in ("p = 1", "q = 2"):
        bar.open()
        bar.field.setText(text)
        QTest.keyClick(bar.field, Key.Key_Return)
    bar.open()
    bar.field.setText("draft")
    QTest.keyClick(bar.field, Key.Key_Up)
    assert bar.field.text() == "q = 2"
    QTest.keyClick(bar.field, Key.Key_Up)
    assert bar.field.text() == "p = 1"
    QTest.keyClick(bar.field, Key.Key_Down)
    QTest.keyClick(bar.field, Key.Key_Down)
    assert bar.field.text() == "draft"
    assert settings.formulas() == ["p = 1", "q = 2"]


@pytest.mark.thorough
def test_several_lines_are_pasted_as_statements(window, bar):
    QGuiApplication.clipboard().setText("b = 2\nc = 1\n\na = b + c\n")
    QTest.keyClick(bar.field, Key.Key_V, Keys.ControlModifier)
    assert bar.field.text() == "b = 2; c = 1; a = b + c"


# ---- the formula of a node ----------------------------------------------------------------------


@pytest.mark.thorough
def test_the_inspector_shows_and_copies_the_formula(window, ids, qtbot):
    window.canvas.selection.select([ids["a"]])
    section = window.panels["inspector"].outside.page.formula
    assert section.text.text() == "(2 + 1) * (1 + 2)"
    qtbot.waitUntil(lambda: section.picture.isVisible() and section.picture.width() > 40)
    qtbot.waitUntil(lambda: section.height() >= section.heightForWidth(section.width()))
    image = section.picture.grab().toImage()
    colors = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(4, 20)}
    assert window.themes.theme.ink in colors
    for kind, part in (("text", "* ("), ("LaTeX", r"\cdot"), ("Python", "nf.multiply(d, e")):
        section.buttons[kind].click()
        assert part in QGuiApplication.clipboard().text()
    commands.rename(window.workspace.document, ids["d"], "sum")
    assert "nf.multiply(sum, e" in section.copied("Python")


@pytest.mark.thorough
def test_inputs_have_no_formula_section(window):
    node = commands.add_node(window.workspace.document, "placeholder", (0, 0), "x")
    window.canvas.selection.select([node])
    assert not window.panels["inspector"].outside.page.formula.isVisible()


# ---- outline ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_outline_lists_nodes_with_op_type_and_value(window, ids, qtbot):
    window.actions_.trigger("outline")
    outline = window.panels["outline"]
    assert outline.view.hasFocus()
    model = outline.sorted
    table = [[model.index(r, c).data() for c in range(4)] for r in range(model.rowCount())]
    assert ["a", "multiply", "f32", "9"] in table and len(table) == 6
    commands.add_node(window.workspace.document, "exp", (0, 600), "broken")
    qtbot.waitUntil(lambda: model.rowCount() == 7)
    text = next(model.index(r, 3).data() for r in range(7) if model.index(r, 0).data() == "broken")
    assert text.startswith("incomplete: nothing is connected to `x`")
    outline.filter.setText("mult")
    assert model.rowCount() == 1
    spoken = model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "a, multiply, f32, 9"


@pytest.mark.thorough
def test_outline_and_canvas_select_together(window, ids):
    window.actions_.trigger("outline")
    outline = window.panels["outline"]
    window.canvas.selection.select([ids["two"]])
    rows = outline.view.selectionModel().selectedRows()
    assert [index.data() for index in rows] == ["two"]
    QTest.keyClick(outline.view, Key.Key_Down)
    assert selected(window) == ["d"]
    window.canvas.viewport.pan(5000, 0)
    QTest.keyClick(outline.view, Key.Key_Return)
    assert window.canvas.rect().contains(window.canvas.viewport.node_rect(ids["d"]).toRect())
    assert np.count_nonzero(window.canvas.scene.selected) == 1


@pytest.mark.thorough
def test_a_pinch_zooms(window, ids):
    canvas = window.canvas
    canvas.viewport.fit_all()
    at, step = QPointF(200, 150), canvas.viewport.camera.step
    under = canvas.viewport.camera.to_scene(at)
    for value, wanted in ((0.1, step + 1), (-0.1, step)):
        kind = Qt.NativeGestureType.ZoomNativeGesture
        device = QPointingDevice.primaryPointingDevice()
        event = QNativeGestureEvent(kind, device, 2, at, at, at, value, QPointF())
        QApplication.sendEvent(canvas, event)
        assert canvas.viewport.camera.step == wanted
    gap = canvas.viewport.camera.to_scene(at) - under
    assert abs(gap.x()) + abs(gap.y()) < 4 / canvas.viewport.camera.scale
