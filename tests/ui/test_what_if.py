"""What if: values overridden by mouse and keys in the window, with an engine."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit
from test_context_menu import right_click
from test_expand import shown
from test_subgraph_actions import node, shortcut
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.host.training import training_requests
from nodeflow.train import events
from nodeflow.ui.canvas.scene.override_badge import badge_rect
from nodeflow.ui.controllers.files import file_controller
from nodeflow.ui.popups.dialogs.export_dialog import FORMATS, ExportDialog

LEFT = Qt.MouseButton.LeftButton
X = np.arange(6.0, dtype=np.float32).reshape(3, 2)
W = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)


@pytest.fixture
def window(qtbot, live_window):
    """x (3, 2) times the variable w (2, 2), its relu, and the sum of that times a number."""
    window = live_window()
    document = window.workspace.root

    def add(op, name, at, **attrs):
        return commands.add_node(document, op, at, name=name, attrs=attrs)

    x = add("constant", "x", (0, 0), value=X.tolist())
    w = add("variable", "w", (0, 200), value=W.tolist())
    product, relu = add("matmul", "product", (260, 60)), add("relu", "relu", (520, 60))
    total, factor = add("reduce_sum", "total", (780, 60)), add("constant", "factor", (520, 300))
    scaled = add("multiply", "scaled", (1040, 120))
    commands.set_attr(document, factor, "value", 2.0)
    for source, target, port in (
        (x, product, "x"),
        (w, product, "y"),
        (product, relu, "x"),
        (relu, total, "x"),
        (total, scaled, "x"),
        (factor, scaled, "y"),
    ):
        commands.connect(document, source, "out", target, port)
    document.mark_saved()
    window.canvas.viewport.fit_all()
    qtbot.waitUntil(lambda: scalar(window, "scaled") == 2 * total_of(X @ W), timeout=20000)
    return window


def total_of(product: np.ndarray) -> float:
    return float(np.maximum(product, 0).sum())


def scalar(window, name: str) -> float | None:
    preview = window.canvas.node_state.value_of(node(window, name).id)
    return None if preview is None or preview.array is None else preview.array.item()


def wait_for(qtbot, window, name: str, value: float) -> None:
    qtbot.waitUntil(lambda: scalar(window, name) == pytest.approx(value, rel=1e-6), timeout=20000)


def view(qtbot, window, name: str):
    """The Viewer with the table of a node."""
    viewer = window.panels["viewer"]
    window.canvas.selection.select([node(window, name).id])
    window.docking.show("viewer")
    qtbot.waitUntil(lambda: viewer.array is not None and viewer.name == name, timeout=20000)
    qtbot.mouseClick(viewer._tabs.button(0), LEFT)
    qtbot.waitUntil(viewer.table.isVisible)
    return viewer


def type_in_cell(qtbot, viewer, row: int, column: int, text: str) -> None:
    """Double-click a number in the table, and type another one."""
    table = viewer.table
    index = table.array_model.index(row, column)
    table.scrollTo(index)
    place = table.visualRect(index).center()
    qtbot.waitUntil(lambda: not table.is_editing)
    qtbot.mouseClick(table.viewport(), LEFT, pos=place)
    qtbot.mouseDClick(table.viewport(), LEFT, pos=place)
    qtbot.waitUntil(lambda: table.is_editing and isinstance(QApplication.focusWidget(), QLineEdit))
    editor = QApplication.focusWidget()
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not table.is_editing)


def badge(window, name: str) -> QPoint:
    """Where the badge of a node is, in the canvas."""
    canvas = window.canvas
    slot = canvas.scene.nodes.get(node(window, name).id)
    rect = badge_rect(canvas.scene.rect(slot), canvas.viewport.camera.scale)
    return canvas.viewport.camera.rect_to_view(rect).center().toPoint()


def bytes_of(window) -> bytes:
    return flow.dumps(window.workspace.root).encode()


# ---- by hand ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_number_typed_in_the_table_is_followed_by_all_that_depends_on_it(qtbot, window):
    before, revision = bytes_of(window), window.workspace.root.revision
    viewer = view(qtbot, window, "product")
    type_in_cell(qtbot, viewer, 1, 1, "-50.5")
    product = X @ W
    product[1, 1] = -50.5
    wait_for(qtbot, window, "scaled", 2 * total_of(product))
    qtbot.waitUntil(lambda: viewer.array[1, 1] == np.float32(-50.5), timeout=20000)
    np.testing.assert_array_equal(viewer.array, product)
    assert not viewer.what_if.note.isHidden() and "typed" in viewer.what_if.note.text.text()
    assert bytes_of(window) == before and window.workspace.root.revision == revision
    assert not window.workspace.root.is_modified
    type_in_cell(qtbot, viewer, 0, 0, "7")
    product[0, 0] = 7
    wait_for(qtbot, window, "scaled", 2 * total_of(product))
    qtbot.mouseClick(viewer.what_if.note.back, LEFT)
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ W))
    qtbot.waitUntil(viewer.what_if.note.isHidden, timeout=20000)


@pytest.mark.thorough
def test_what_is_no_number_of_the_dtype_is_refused(qtbot, window):
    viewer = view(qtbot, window, "product")
    type_in_cell(qtbot, viewer, 0, 0, "seven")
    qtbot.waitUntil(lambda: "seven" in window.info.text)
    assert not window.overrides
    document = window.workspace.root
    whole = commands.add_node(
        document, "constant", (0, 420), "whole", {"dtype": "int32", "value": [1, 2]}
    )
    qtbot.waitUntil(lambda: shown(window.canvas, "whole") is not None, timeout=20000)
    assert whole
    viewer = view(qtbot, window, "whole")
    type_in_cell(qtbot, viewer, 1, 0, "2.5")
    qtbot.waitUntil(lambda: "2.5" in window.info.text)
    assert not window.overrides
    type_in_cell(qtbot, viewer, 1, 0, "5")
    qtbot.waitUntil(lambda: bool(window.overrides))
    np.testing.assert_array_equal(window.overrides.of("whole").array, [1, 5])


@pytest.mark.thorough
def test_a_slider_is_followed_while_it_is_dragged(qtbot, window):
    viewer = view(qtbot, window, "total")
    slider = viewer.what_if.slider
    assert not slider.isHidden()
    track = slider.slider
    seen = set()
    window.overrides.changed.connect(lambda: seen.add(window.overrides.of("total").array.item()))
    qtbot.mousePress(track, LEFT, pos=QPoint(track.width() // 2, track.height() // 2))
    for part in (0.6, 0.7, 0.9):
        place = QPoint(int(track.width() * part), track.height() // 2)
        qtbot.mouseMove(track, place)
    qtbot.mouseRelease(track, LEFT, pos=QPoint(int(track.width() * 0.9), track.height() // 2))
    assert seen and window.overrides.of("total").how == "slider"
    value = window.overrides.of("total").array.item()
    wait_for(qtbot, window, "scaled", 2 * value)
    assert value > total_of(X @ W)
    slider.field.setFocus()
    slider.field.selectAll()
    qtbot.keyClicks(slider.field, "-3")
    qtbot.keyClick(slider.field, Qt.Key.Key_Return)
    wait_for(qtbot, window, "scaled", -6)


@pytest.mark.thorough
def test_a_click_on_the_badge_takes_it_back(qtbot, window):
    viewer = view(qtbot, window, "product")
    type_in_cell(qtbot, viewer, 0, 0, "100")
    canvas, product = window.canvas, node(window, "product").id
    qtbot.waitUntil(lambda: bool(canvas.scene.overridden.any()))
    assert canvas.node_state.value_of(product) is not None
    place = badge(window, "product")
    assert canvas.viewport.overridden_at(QPointF(place)) == product
    qtbot.mouseMove(canvas, place)
    qtbot.waitUntil(lambda: canvas.cursor().shape() == Qt.CursorShape.PointingHandCursor)
    qtbot.mouseClick(canvas, LEFT, pos=place)
    assert not window.overrides and not canvas.scene.overridden.any()
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ W))


@pytest.mark.thorough
def test_badges_are_painted_but_no_picture_that_is_exported_says_what_if(
    qtbot, window, tmp_path, monkeypatch
):
    def export(name: str) -> str:
        path = tmp_path / name
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        window.actions_.trigger("export")
        return path.read_text()

    def accept(dialog: ExportDialog) -> int:
        dialog.format.setCurrentIndex(list(FORMATS.values()).index(".svg"))
        return 1

    monkeypatch.setattr(ExportDialog, "exec", accept)
    drawn: list[set[str]] = []
    whole = file_controller.render_file

    def render(*args, values, **more) -> None:
        drawn.append(set(values))
        whole(*args, values=values, **more)

    monkeypatch.setattr(file_controller, "render_file", render)
    color = window.themes.theme.color("warning").name()
    assert color not in export("plain.svg")
    window.overrides.set("relu", np.zeros((3, 2)), "typed")
    wait_for(qtbot, window, "scaled", 0)
    image, place = window.canvas.grab().toImage(), badge(window, "relu")
    near = {
        image.pixelColor(place.x() + dx, place.y() + dy).name()
        for dx in range(-30, 31)
        for dy in range(-4, 5)
    }
    assert color in near
    assert color not in export("other.svg")
    assert {"relu", "total", "scaled"} <= drawn[0]
    assert drawn[1] == drawn[0] - {"relu", "total", "scaled"}


@pytest.mark.thorough
def test_the_key_opens_the_value_for_editing_and_the_menu_has_it(qtbot, window):
    window.canvas.selection.select([node(window, "total").id])
    window.docking.show("training")
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Alt+V")
    viewer = window.panels["viewer"]
    qtbot.waitUntil(viewer.isVisible)
    qtbot.waitUntil(lambda: viewer.what_if.slider.field.hasFocus(), timeout=20000)
    window.canvas.selection.select([])
    window.actions_.refresh_now()
    assert not window.actions_["override_value"].isEnabled()


# ---- from files ---------------------------------------------------------------------------------


def choose(monkeypatch, path) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))


@pytest.mark.thorough
@pytest.mark.parametrize("ending", ["npy", "npz", "csv"])
def test_a_file_is_read_and_shown(qtbot, window, tmp_path, monkeypatch, ending):
    value = np.array([[1.5, 2.0], [-4.0, 0.25]], np.float32)
    path = tmp_path / f"w.{ending}"
    if ending == "npy":
        np.save(path, value)
    elif ending == "npz":
        np.savez(path, w=value, other=np.zeros(7))
    else:
        path.write_text("a,b\n1.5,2.0\n-4.0,0.25\n")
    choose(monkeypatch, path)
    window.canvas.selection.select([node(window, "w").id])
    window.actions_.trigger("override_file")
    qtbot.waitUntil(lambda: bool(window.overrides), timeout=20000)
    assert window.overrides.of("w").how == path.name
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ value))


def test_a_file_that_does_not_fit_says_what_was_expected_and_what_came(
    qtbot, window, tmp_path, monkeypatch
):
    path = tmp_path / "wrong.npy"
    np.save(path, np.zeros((3, 5)))
    choose(monkeypatch, path)
    window.canvas.selection.select([node(window, "w").id])
    window.actions_.trigger("override_file")
    qtbot.waitUntil(lambda: bool(window.info.text), timeout=20000)
    for words in ("w", "(2, 2)", "(3, 5)"):
        assert words in window.info.text
    assert not window.overrides
    choose(monkeypatch, tmp_path / "nothing.npy")
    window.actions_.trigger("override_file")
    qtbot.waitUntil(lambda: "nothing.npy" in window.info.text, timeout=20000)


# ---- all of them --------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_panel_lists_them_and_takes_back_one_or_all(qtbot, window):
    panel, bar = window.panels["overrides"], window.pages.override_bar
    assert not bar.isVisibleTo(window.pages)
    view_of = view(qtbot, window, "product")
    type_in_cell(qtbot, view_of, 0, 0, "3")
    qtbot.waitUntil(lambda: bool(window.overrides))
    window.overrides.set("w", np.eye(2), "eye.npy")
    window.overrides.set("factor", 10.0, "slider")
    assert bar.isVisibleTo(window.pages) and "product, w and factor are" in bar.text.text()
    qtbot.mouseClick(bar.list, LEFT)
    qtbot.waitUntil(panel.isVisible)
    assert list(panel.back_buttons) == ["product", "w", "factor"]
    assert panel._texts["w"].text() == "float32 2 × 2 (eye.npy)"
    qtbot.mouseClick(panel.back_buttons["w"], LEFT)
    assert list(window.overrides.by_name) == ["product", "factor"]
    qtbot.mouseClick(panel.node_buttons["factor"], LEFT)
    assert window.workspace.selection == (node(window, "factor").id,)
    qtbot.mouseClick(panel.all_back, LEFT)
    assert not window.overrides and not bar.isVisibleTo(window.pages)
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ W))


# ---- the order of undo --------------------------------------------------------------------------

UNDO, REDO = "Ctrl+Z", "Ctrl+Shift+Z"


def edits_of(window) -> tuple[bytes, int, bool]:
    root = window.workspace.root
    return bytes_of(window), root.revision, root.is_modified


@pytest.mark.thorough
def test_undo_takes_a_typed_value_back_before_the_edit_before_it(qtbot, window):
    factor, root = node(window, "factor").id, window.workspace.root
    commands.set_attr(root, factor, "value", 3.0)
    edited = edits_of(window)
    viewer = view(qtbot, window, "product")
    type_in_cell(qtbot, viewer, 1, 1, "-50.5")
    assert viewer.table.hasFocus()
    product = X @ W
    product[1, 1] = -50.5
    wait_for(qtbot, window, "scaled", 3 * total_of(product))
    window.actions_.refresh_now()
    assert window.actions_["undo"].text() == "Undo override product"
    shortcut(qtbot, window, UNDO)
    assert not window.overrides and edits_of(window) == edited
    wait_for(qtbot, window, "scaled", 3 * total_of(X @ W))
    shortcut(qtbot, window, UNDO)
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ W))
    assert root.nodes[factor].attrs["value"] == 2 and not root.is_modified
    shortcut(qtbot, window, REDO)
    assert edits_of(window)[0] == edited[0] and not window.overrides
    shortcut(qtbot, window, REDO)
    wait_for(qtbot, window, "scaled", 3 * total_of(product))
    assert list(window.overrides.by_name) == ["product"] and edits_of(window)[0] == edited[0]


@pytest.mark.thorough
def test_a_number_that_was_typed_in_the_field_is_undone_from_there(qtbot, window):
    viewer = view(qtbot, window, "factor")
    field = viewer.what_if.slider.field
    for text in ("5", "7"):
        qtbot.mouseClick(field, LEFT)
        field.selectAll()
        qtbot.keyClicks(field, text)
        qtbot.keyClick(field, Qt.Key.Key_Return)
        wait_for(qtbot, window, "scaled", float(text) * total_of(X @ W))
    assert window.focusWidget() is field
    for value in (5.0, 2.0):
        shortcut(qtbot, window, UNDO)
        wait_for(qtbot, window, "scaled", value * total_of(X @ W))
        qtbot.waitUntil(lambda shown=str(value): field.text() == shown, timeout=20000)
    qtbot.keyClicks(field, "1")
    shortcut(qtbot, window, UNDO)
    assert field.text() == "2.0" and not window.overrides, "what is being typed is undone first"
    shortcut(qtbot, window, REDO)
    assert field.text() == "2.01" and not window.overrides
    assert not window.workspace.root.is_modified


def test_a_drag_of_the_slider_is_one_step_and_the_next_drag_another(qtbot, window):
    viewer = view(qtbot, window, "factor")
    slider = viewer.what_if.slider.slider
    seen = []
    for end in (300, 50):
        slider.setSliderDown(True)
        for position in range(slider.value(), end, 20 if end > slider.value() else -20):
            slider.setSliderPosition(position)
        slider.setSliderDown(False)
        seen.append(window.overrides.of("factor").array.item())
    shortcut(qtbot, window, UNDO)
    assert window.overrides.of("factor").array.item() == seen[0]
    shortcut(qtbot, window, UNDO)
    assert not window.overrides
    for value in seen:
        shortcut(qtbot, window, REDO)
        assert window.overrides.of("factor").array.item() == value


@pytest.mark.thorough
def test_taking_back_is_a_step_too(qtbot, window):
    window.overrides.set("product", np.ones((3, 2)), "typed")
    window.overrides.set("total", 7.0, "typed")
    window.actions_.trigger("take_back_all")
    assert not window.overrides
    window.canvas.setFocus()
    shortcut(qtbot, window, UNDO)
    assert list(window.overrides.by_name) == ["product", "total"]
    wait_for(qtbot, window, "scaled", 14)
    shortcut(qtbot, window, UNDO)
    wait_for(qtbot, window, "scaled", 12)
    shortcut(qtbot, window, UNDO)
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ W))
    for value in (12, 14, 2 * total_of(X @ W)):
        shortcut(qtbot, window, REDO)
        wait_for(qtbot, window, "scaled", value)
    assert not window.workspace.root.is_modified and not window.overrides


@pytest.mark.thorough
def test_a_step_whose_node_is_gone_is_passed_over(qtbot, window):
    document = window.workspace.root
    factor = node(window, "factor").id
    commands.set_attr(document, factor, "value", 3.0)
    window.overrides.set("product", np.ones((3, 2)), "typed")
    commands.remove(document, [node(window, "product").id])
    window.canvas.setFocus()
    shortcut(qtbot, window, UNDO)
    assert node(window, "product") and not window.overrides
    shortcut(qtbot, window, UNDO)
    assert document.nodes[factor].attrs["value"] == 2, "not a press without an effect"


@pytest.mark.thorough
def test_what_if_values_never_reach_file_or_journal(qtbot, window, tmp_path, monkeypatch):
    target = tmp_path / "graph.flow"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    assert window.files.save()
    content = target.read_bytes()
    viewer = view(qtbot, window, "product")
    type_in_cell(qtbot, viewer, 0, 0, "7")
    shortcut(qtbot, window, UNDO)
    shortcut(qtbot, window, REDO)
    journal = window.files.recovery.journal
    assert journal is not None and journal.path is None, "nothing is to be recovered"
    assert not window.workspace.root.is_modified
    shortcut(qtbot, window, "Ctrl+S")
    assert target.read_bytes() == content and list(window.overrides.by_name) == ["product"]
    shortcut(qtbot, window, UNDO)
    assert not window.workspace.root.is_modified and not window.overrides


# ---- the document goes on -----------------------------------------------------------------------


@pytest.mark.thorough
def test_an_override_follows_its_node_and_goes_with_it(qtbot, window):
    document = window.workspace.root
    product = node(window, "product").id
    window.overrides.set("product", np.ones((3, 2)), "typed")
    wait_for(qtbot, window, "scaled", 12)
    commands.rename(document, product, "renamed")
    assert list(window.overrides.by_name) == ["renamed"]
    commands.set_attr(document, node(window, "factor").id, "value", 3.0)
    wait_for(qtbot, window, "scaled", 18)
    commands.remove(document, [product])
    assert not window.overrides
    assert "renamed no longer exists" in window.status.text.text()
    document.undo()
    wait_for(qtbot, window, "scaled", 3 * total_of(X @ W))
    assert not window.overrides and not window.canvas.scene.overridden.any()


def test_another_document_and_another_engine(qtbot, window):
    window.overrides.set("product", np.ones((3, 2)), "typed")
    wait_for(qtbot, window, "scaled", 12)
    window.link.restart()
    qtbot.waitUntil(lambda: len(ThreadClient.made) == 2)
    sent = ThreadClient.made[-1].sent
    qtbot.waitUntil(lambda: any(isinstance(r, p.Override) for r in sent), timeout=20000)
    window.workspace.root.mark_saved()
    window.files.new()
    assert not window.overrides and not window.pages.override_bar.isVisibleTo(window.pages)


@pytest.mark.thorough
def test_a_run_has_none_of_them_and_the_bar_says_so(qtbot, window):
    window.overrides.set("product", np.ones((3, 2)), "typed")
    wait_for(qtbot, window, "scaled", 12)
    window.canvas.setFocus()
    window.actions_.trigger("run")
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ W))
    qtbot.waitUntil(lambda: "from the run" in window.pages.override_bar.text.text())


# ---- inside -------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_node_inside_a_subgraph_is_overridden_there_alone(qtbot, window):
    document = window.workspace.root
    ids = [node(window, name).id for name in ("product", "relu")]
    instance = create(document, ids, "layer")
    wait_for(qtbot, window, "scaled", 2 * total_of(X @ W))
    assert window.workspace.enter(instance)
    scope = window.workspace.scope
    window.overrides.set(f"{scope}product", np.full((3, 2), 2.0), "typed")
    assert list(window.overrides.shown_here()) == [
        window.workspace.document.node_named("product").id
    ]
    assert window.canvas.scene.overridden.any()
    window.workspace.leave()
    assert not window.canvas.scene.overridden.any()
    wait_for(qtbot, window, "scaled", 24)
    commands.rename(document, instance, "renamed")
    assert list(window.overrides.by_name) == ["renamed/product"]
    wait_for(qtbot, window, "scaled", 24)


# ---- trainings ----------------------------------------------------------------------------------


def losses(window) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    window.link.training.connect(
        lambda e: found.append(e.losses) if isinstance(e, events.Steps) else None
    )
    return found


def train(qtbot, window) -> np.ndarray:
    done: list[object] = []
    found = losses(window)
    window.link.training.connect(lambda e: done.append(e) if isinstance(e, events.Done) else None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: bool(done) and window.link.state == "idle", timeout=60000)
    return np.concatenate(found)


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_a_training_in_the_window_has_the_same_bits(qtbot, live_window, monkeypatch, tier):
    pinned = {"tier": tier}  # auto switches at any step, and tiers round otherwise
    monkeypatch.setattr(
        training_requests, "Session", lambda *args, **more: Session(*args, **more | pinned)
    )
    window = live_window("linear_regression")
    commands.set_training(window.workspace.root, epochs=20)
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    expected = train(qtbot, window)
    name = next(r.name for r in window.workspace.root.nodes.values() if r.op == "variable")
    window.overrides.set(name, np.full_like(_value(qtbot, window, name), 9.0), "typed")
    found = train(qtbot, window)
    assert len(found) == len(expected) > 10
    np.testing.assert_array_equal(found.view(np.int64), expected.view(np.int64))
    assert name in window.overrides.by_name, "it is still shown"


def _value(qtbot, window, name: str) -> np.ndarray:
    viewer = view(qtbot, window, name)
    return viewer.array


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_the_menu_of_a_node_asks_what_if(qtbot, window):
    canvas = window.canvas
    place = canvas.viewport.node_rect(node(window, "product").id).center().toPoint()
    menu = right_click(window, place)
    values = next(a.menu() for a in menu.actions() if a.text() == "Values")
    texts = [action.text() for action in values.actions() if action.text()]
    assert texts[:3] == ["Run to here", "Override value…", "Override from a file…"]
    entry = next(a for a in values.actions() if a.text() == "Override value…")
    menu.close()
    entry.trigger()
    viewer = window.panels["viewer"]
    qtbot.waitUntil(lambda: window.focusWidget() is viewer.table, timeout=20000)
    window.overrides.set("product", np.ones((3, 2)), "typed")
    window.actions_.refresh_now()
    window.actions_.trigger("take_back")
    assert not window.overrides


# ---- in a training ------------------------------------------------------------------------------


@pytest.fixture
def paused(qtbot, live_window):
    """A window in which linear_regression.flow is paused after some steps."""
    window = live_window("linear_regression")
    commands.set_training(window.workspace.root, epochs=100_000)
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: window.link.past.last > 20, timeout=60000)
    window.actions_.refresh_now()
    window.actions_.trigger("pause")
    qtbot.waitUntil(lambda: window.link.state == "paused", timeout=20000)
    yield window
    window.link.stop()
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60000)


def variable(window) -> str:
    return next(r.name for r in window.workspace.root.nodes.values() if r.op == "variable")


@pytest.mark.thorough
def test_a_value_in_the_middle_of_a_paused_training_is_shown_only(qtbot, paused):
    window, name = paused, variable(paused)
    viewer = view(qtbot, window, name)
    with qtbot.waitSignal(window.link.previews, timeout=20000):
        window.link.live.refresh_soon()  # what came last may be from some steps before the pause
    with qtbot.waitSignal(window.link.tensor, timeout=20000):
        viewer.on_values_changed((name,))
    before, losses_now = viewer.array.copy(), scalar(window, "loss")
    type_in_cell(qtbot, viewer, 0, 0, "41")
    qtbot.waitUntil(lambda: scalar(window, "loss") != losses_now, timeout=20000)
    assert window.link.state == "paused"
    assert "the training ignores it" in window.pages.override_bar.text.text()
    window.overrides.take_back_all()
    qtbot.waitUntil(lambda: scalar(window, "loss") == losses_now, timeout=20000)
    qtbot.waitUntil(lambda: np.array_equal(viewer.array, before), timeout=20000)


@pytest.mark.thorough
def test_a_variable_is_applied_to_the_training_at_its_step(qtbot, paused):
    window, name = paused, variable(paused)
    changes: list[events.VariableChanged] = []
    window.link.training.connect(
        lambda e: changes.append(e) if isinstance(e, events.VariableChanged) else None
    )
    viewer = view(qtbot, window, name)
    type_in_cell(qtbot, viewer, 0, 0, "41")
    qtbot.waitUntil(lambda: viewer.what_if.note.apply.isVisible(), timeout=20000)
    qtbot.mouseClick(viewer.what_if.note.apply, LEFT)
    qtbot.waitUntil(lambda: bool(changes), timeout=20000)
    last = changes[0].step
    assert changes == [events.VariableChanged(last, name, 1)] and last >= 20
    assert not window.overrides, "it is the training's own value now"
    assert window.link.state == "paused"
    qtbot.waitUntil(lambda: not viewer.what_if.note.isVisible(), timeout=20000)
    qtbot.waitUntil(lambda: viewer.array is not None and viewer.array.reshape(-1)[0] == 41)
    window.link.step(3)
    qtbot.waitUntil(lambda: window.link.past.last == last + 3, timeout=20000)
    window.link.past.show(last + 1)
    qtbot.waitUntil(lambda: window.link.past.is_there, timeout=60000)
    qtbot.waitUntil(lambda: "step" in viewer.title.text(), timeout=20000)
    qtbot.waitUntil(lambda: viewer.array.reshape(-1)[0] == 41, timeout=20000)
    window.link.past.show(last)
    qtbot.waitUntil(lambda: window.link.past.is_there, timeout=60000)
    qtbot.waitUntil(lambda: viewer.array.reshape(-1)[0] != 41, timeout=20000)
    window.link.past.back()


def test_a_value_that_is_not_finite_is_not_applied(qtbot, paused):
    window, name = paused, variable(paused)
    viewer = view(qtbot, window, name)
    type_in_cell(qtbot, viewer, 0, 0, "nan")
    qtbot.waitUntil(lambda: viewer.what_if.note.apply.isVisible(), timeout=20000)
    qtbot.mouseClick(viewer.what_if.note.apply, LEFT)
    qtbot.waitUntil(lambda: "not a number" in window.info.text, timeout=20000)
    assert window.overrides and window.link.state == "paused"


@pytest.mark.thorough
def test_only_variables_are_applied_and_only_while_something_trains(qtbot, window):
    window.overrides.set("w", np.eye(2), "typed")
    window.overrides.set("product", np.ones((3, 2)), "typed")
    for name, why in (
        ("w", "No training is running."),
        ("product", "Only values of variables"),
    ):
        window.canvas.selection.select([node(window, name).id])
        window.actions_.refresh_now()
        assert why in window.actions_.blocked("apply_override").reason
    assert not any(b.isVisibleTo(window.panels["overrides"])
                   for b in window.panels["overrides"].apply_buttons.values())  # fmt: skip
