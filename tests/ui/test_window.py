"""The window as a whole: opening, editing, undo, actions and their reasons, themes, closing."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.engine.events import CompileFailure
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.train.saving.weights import Match
from nodeflow.ui.core.error_handler import ErrorHandler
from nodeflow.ui.popups.dialogs import confirmation_dialogs, recovery_dialog


def build_expression(document: Document) -> dict[str, str]:
    """a = (b + c) * (c + 2) with constants, by commands; ids by name."""
    ids = {}
    for name, value, y in (("b", 2.0, 0), ("c", 1.0, 120), ("two", 2.0, 240)):
        attrs = {"value": value, "dtype": "float32"}
        ids[name] = commands.add_node(document, "constant", (0, y), name, attrs)
    for name, op, left, right in (("d", "add", "b", "c"), ("e", "add", "c", "two")):
        ids[name] = commands.add_node(document, op, (300, 0), name)
        commands.connect(document, ids[left], "out", ids[name], "x")
        commands.connect(document, ids[right], "out", ids[name], "y")
    ids["a"] = commands.add_node(document, "multiply", (600, 0), "a")
    commands.connect(document, ids["d"], "out", ids["a"], "x")
    commands.connect(document, ids["e"], "out", ids["a"], "y")
    return ids


def shown(window, name: str) -> str | None:
    """The text of the value that a node shows."""
    record = window.workspace.document.node_named(name)
    preview = window.canvas.node_state.value_of(record.id)
    return None if preview is None else preview.text


@pytest.mark.thorough
def test_live_values_follow_each_edit(window, qtbot):
    ids = build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    commands.set_attr(window.workspace.document, ids["b"], "value", 5.0)
    qtbot.waitUntil(lambda: shown(window, "a") == "18")
    window.actions_.trigger("undo")
    qtbot.waitUntil(lambda: shown(window, "a") == "9")


@pytest.mark.thorough
def test_the_mirror_gets_changes_not_snapshots(window, engine, qtbot):
    before = len(engine.requests(p.SyncDocument))
    build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    assert len(engine.requests(p.SyncDocument)) == before
    assert engine.document.digest() == window.workspace.document.digest()


@pytest.mark.thorough
def test_a_burst_of_edits_asks_for_values_once(window, engine, qtbot):
    ids = build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    before = len(engine.requests(p.Evaluate))
    for value in range(30):
        commands.set_attr(window.workspace.document, ids["b"], "value", float(value))
    qtbot.waitUntil(lambda: shown(window, "a") == "90")
    assert len(engine.requests(p.Evaluate)) - before == 1


@pytest.mark.thorough
def test_stale_values_are_dropped(window, engine, qtbot):
    ids = build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    engine.computes = False
    stale = engine.evaluate(p.Evaluate(window.workspace.document.revision - 1, 999))
    stale.values["a"] = p.Preview("scalar", "float32", (), "1234")
    engine.on_message(stale)
    commands.set_attr(window.workspace.document, ids["b"], "value", 5.0)
    qtbot.wait(80)
    assert shown(window, "a") == "9"


def test_the_answer_to_the_last_question_about_another_document_is_not_heard(window, engine, qtbot):
    heard = []
    window.link.tensor.connect(lambda message: heard.append(message.name))
    engine.computes = False
    late = window.link.fetch("before")
    window.workspace.open(Document())
    engine.on_message(p.TensorValue(late, "before", np.float32([9])))
    engine.on_message(p.TensorValue(window.link.fetch("now"), "now", np.float32([1])))
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == ["now"]


@pytest.mark.thorough
def test_resync_sends_the_whole_document_again(window, engine, qtbot):
    build_expression(window.workspace.document)
    before = len(engine.requests(p.SyncDocument))
    engine.on_message(p.Resync("diverged"))
    qtbot.waitUntil(lambda: len(engine.requests(p.SyncDocument)) == before + 1)


def test_show_order_numbers_levels(window, qtbot):
    ids = build_expression(window.workspace.document)
    window.actions_.trigger("order")
    order = {
        name: window.canvas.scene.order[window.canvas.scene.nodes.get(i)] for name, i in ids.items()
    }
    assert {n: int(v) for n, v in order.items()} == {
        "b": 0,
        "c": 0,
        "two": 0,
        "d": 1,
        "e": 1,
        "a": 2,
    }
    window.actions_.trigger("order")
    assert not window.canvas.scene.order.any()


def test_run_to_here_fetches_one_node_and_dims_the_rest(window, engine, qtbot):
    ids = build_expression(window.workspace.document)
    window.canvas.selection.select([ids["d"]])
    window.actions_.trigger("run_to")
    request = engine.requests(p.Evaluate)[-1]
    assert request.names == ("d",) and not request.watch
    scene = window.canvas.scene
    dimmed = {name for name, i in ids.items() if scene.dimmed[scene.nodes.get(i)]}
    assert dimmed == {"two", "e", "a"}
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    assert not scene.dimmed.any()
    window.actions_.trigger("run_to")
    assert "dimmed" in window.info.text
    window.canvas.selection.select([])
    assert not scene.dimmed.any()
    assert window.info.text == "", "the message goes with what it tells of"


def test_run_reports_a_missing_feed_with_its_node(window, qtbot):
    commands.add_node(window.workspace.document, "placeholder", (0, 0), "x")
    window.actions_.trigger("run")
    qtbot.waitUntil(lambda: window.info.text != "")
    assert "x:feed" in window.info.text and "float32" in window.info.text
    assert window.panels["problems"].list.count() == 1


@pytest.mark.thorough
def test_a_blocked_action_says_why_and_offers_the_fix(window, qtbot):
    build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: window.actions_.blocked("train") is not None)
    qtbot.waitUntil(lambda: "optimizer" in window.actions_["train"].toolTip())
    assert window.actions_["train"].isEnabled()
    window.actions_.trigger("train")
    assert "optimizer" in window.info.text
    assert window.info.button.text() == "Add gradient descent"
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    added = [r for r in window.workspace.document.nodes.values() if r.op == "gradient_descent"]
    assert len(added) == 1
    wire = window.workspace.document.wires[(added[0].id, "loss")]
    assert window.workspace.document.nodes[wire.source].name == "a"
    window.actions_.trigger("undo")
    assert not [r for r in window.workspace.document.nodes.values() if r.op == "gradient_descent"]


@pytest.mark.thorough
def test_actions_without_a_remedy_are_disabled_with_a_reason(window, qtbot):
    qtbot.waitUntil(lambda: not window.actions_["undo"].isEnabled())
    assert "Nothing to undo" in window.actions_["undo"].toolTip()
    build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: window.actions_["undo"].isEnabled())
    assert window.actions_["undo"].text().startswith("Undo connect")


@pytest.mark.thorough
def test_shortcuts_are_not_given_twice(window):
    keys = [key for spec in window.actions_.specs for key in spec.shortcuts]
    assert len(keys) == len(set(keys))


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["expression", "mnist", "spirals"])
def test_examples_open_as_copies(window, name, qtbot):
    assert window.files.open_example(example(name))
    document = window.workspace.document
    assert document.path is None and document.nodes and not document.is_modified
    assert window.canvas.document is document
    assert name in window.windowTitle()


def test_save_as_and_open_again(window, tmp_path, monkeypatch, qtbot):
    build_expression(window.workspace.document)
    assert window.windowTitle().startswith("• ")
    path = tmp_path / "a.flow"
    monkeypatch.setattr(
        "nodeflow.ui.controllers.files.file_controller.QFileDialog.getSaveFileName",
        lambda *a: (str(path), ""),
    )
    window.actions_.trigger("save")
    assert flow.load(path).digest() == window.workspace.document.digest()
    assert not window.windowTitle().startswith("• ")
    assert window.settings.recent_files()[0] == path
    window.actions_.trigger("new")
    assert not window.workspace.document.nodes
    assert window.files.open_path(path)
    assert len(window.workspace.document.nodes) == 6


@pytest.mark.thorough
@pytest.mark.parametrize(
    "answer, left", [(confirmation_dialogs.CANCEL, False), (confirmation_dialogs.DISCARD, True)]
)
def test_unsaved_changes_are_asked_about(window, monkeypatch, answer, left):
    build_expression(window.workspace.document)
    asked = []

    def ask(parent, name):
        asked.append(name)
        return answer

    monkeypatch.setattr(confirmation_dialogs, "ask_unsaved", ask)
    window.actions_.trigger("new")
    assert asked == ["Untitled"]
    assert (not window.workspace.document.nodes) == left


def test_the_question_about_unsaved_changes_names_the_graph(window, qtbot):
    build_expression(window.workspace.document)
    texts = []

    def answer():
        box = QApplication.activeModalWidget()
        texts.append(box.text())
        qtbot.mouseClick(
            next(b for b in box.buttons() if b.text() == "Cancel"), Qt.MouseButton.LeftButton
        )

    from PySide6.QtCore import QTimer

    QTimer.singleShot(50, answer)
    window.close()
    assert "Untitled" in texts[0]
    assert window.isVisible()


BROKEN = {
    "truncated": '{"format": "nodeflow", "version": 1, "next_id": 3, "nodes": [{"id": "n1"',
    "hostile": '{"format": "nodeflow", "version": 1, "nodes": [{"id": "../x", "op": 1}]}',
    "other": "hello",
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_a_message_and_nothing_is_lost(window, tmp_path, monkeypatch, kind):
    build_expression(window.workspace.document)
    window.workspace.document.mark_saved()
    before = window.workspace.document
    path = tmp_path / "broken.flow"
    path.write_text(BROKEN[kind])
    told = []
    monkeypatch.setattr(QMessageBox, "exec", lambda box: told.append(box.informativeText()))
    assert not window.files.open_path(path)
    assert window.workspace.document is before and len(before.nodes) == 6
    assert str(path) in told[0]


@pytest.mark.thorough
def test_a_dropped_file_is_opened(window, tmp_path):
    build_expression(window.workspace.document)
    path = tmp_path / "dropped.flow"
    flow.save(window.workspace.document, path)
    window.files.begin_empty()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    actions, buttons = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    event = QDropEvent(QPointF(5, 5), actions, data, buttons, Qt.KeyboardModifier.NoModifier)
    window.dropEvent(event)
    assert event.isAccepted() and len(window.workspace.document.nodes) == 6


def test_palette_drag_adds_a_node_where_it_is_dropped(window, qtbot):
    tree = window.panels["palette"].tree
    window.panels["palette"].search.setText("multiply")
    rect = tree.visualRect(tree.model().index(0, 0))
    start = rect.center()
    viewport = tree.viewport()
    target = window.canvas.mapToGlobal(QPoint(300, 200))
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(viewport, start + QPoint(30, 0))
    qtbot.mouseMove(viewport, viewport.mapFromGlobal(target))
    assert window.canvas.palette_drag.preview is not None
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=viewport.mapFromGlobal(target))
    nodes = list(window.workspace.document.nodes.values())
    assert [n.op for n in nodes] == ["multiply"]
    corner = window.canvas.viewport.node_rect(nodes[0].id)
    assert corner.adjusted(-8, -8, 8, 8).contains(QPointF(300, 200))


def test_palette_double_click_and_enter_add_in_the_middle(window, qtbot):
    panel = window.panels["palette"]
    panel.search.setFocus()
    qtbot.keyClicks(panel.search, "const")
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    center = panel.tree.visualRect(panel.tree.model().index(0, 0)).center()
    qtbot.mouseDClick(panel.tree.viewport(), Qt.MouseButton.LeftButton, pos=center)
    nodes = list(window.workspace.document.nodes.values())
    assert [n.op for n in nodes] == ["constant", "constant"]
    assert nodes[0].pos != nodes[1].pos


@pytest.mark.thorough
def test_palette_has_every_op_with_its_documentation(window):
    from nodeflow.document.analysis.declarations import declarations
    from nodeflow.ui.panels.op_palette import OP_ROLE

    def under(item):
        rows = [item.child(i) for i in range(item.rowCount())]
        return [row for found in rows for row in (under(found) if found.rowCount() else [found])]

    items = under(window.panels["palette"].tree.model().invisibleRootItem())
    found = {item.data(OP_ROLE): item.toolTip() for item in items}
    assert set(found) == {op.id for op in declarations() if not op.superseded}
    assert all("<b>" in tip and "→" in tip for tip in found.values())


@pytest.mark.thorough
def test_palette_folds_rarer_ops_away_and_search_finds_them(window):
    from nodeflow.graph.registry import REGISTRY

    panel = window.panels["palette"]
    folds = dict(panel._folds())
    assert {"Math", "Matrix", "Shape"} <= set(folds)
    assert not any(panel.tree.isExpanded(fold) for fold in folds.values())
    shown = [
        panel.tree.op_at(folds["Matrix"].siblingAtRow(i)) for i in range(folds["Matrix"].row())
    ]
    assert "matmul" in shown and all(REGISTRY.lookup(op).everyday for op in shown)
    panel.tree.setExpanded(folds["Matrix"], True)
    panel.search.setText("cholesky")
    assert panel.tree.op_at(panel.tree.currentIndex()) == "cholesky"
    panel.search.clear()
    opened = {name for name, fold in panel._folds() if panel.tree.isExpanded(fold)}
    assert opened == {"Matrix"}


def test_escape_ends_a_drag_from_the_palette_without_a_node(window, qtbot):
    palette, canvas = window.panels["palette"], window.canvas
    palette.go_to("relu")
    tree = palette.tree
    start = tree.visualRect(tree.currentIndex()).center()
    end = tree.viewport().mapFromGlobal(canvas.mapToGlobal(canvas.rect().center()))
    qtbot.mousePress(tree.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for at in (start + QPoint(30, 0), end):
        qtbot.mouseMove(tree.viewport(), at)
    assert canvas.palette_drag.preview.op_id == "relu"
    qtbot.keyClick(tree, Qt.Key.Key_Escape)
    assert canvas.palette_drag.preview is None
    qtbot.mouseRelease(tree.viewport(), Qt.MouseButton.LeftButton, pos=end)
    assert not window.workspace.document.nodes


@pytest.mark.thorough
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_show_everything(window, theme, qtbot):
    window.files.open_example(example("mnist"))
    window.actions_.trigger(f"theme_{theme}")
    assert window.themes.theme.name == theme and window.settings.theme == theme
    window.pages.show_welcome()
    image = window.grab().toImage()
    color = image.pixelColor(image.width() // 2, image.height() - 40)
    assert (color.lightness() < 100) == (theme == "dark")


def test_node_activated_leads_to_its_value(window, qtbot):
    ids = build_expression(window.workspace.document)
    window.canvas.selection.select([ids["b"]])
    window.canvas.signals.node_activated.emit(ids["b"])
    row = window.panels["inspector"].outside.page.attributes.attr_rows["value"]
    assert row.editor.focus_widget().hasFocus()


@pytest.mark.thorough
def test_problem_list_leads_to_the_node(window, qtbot):
    document = window.workspace.document
    one = commands.add_node(document, "constant", (0, 0), "one", {"value": 1.0})
    commands.add_node(document, "constant", (0, 900), "far", {"value": 1.5, "dtype": "int32"})
    assert window.panels["problems"].list.count() == 1
    item = window.panels["problems"].list.item(0)
    assert "far:value" in item.text()
    window.docking.show("problems")
    qtbot.waitUntil(window.panels["problems"].list.isVisible)
    center = window.panels["problems"].list.visualItemRect(item).center()
    qtbot.mouseClick(
        window.panels["problems"].list.viewport(), Qt.MouseButton.LeftButton, pos=center
    )
    assert window.workspace.selection == (document.node_named("far").id,)
    assert one not in window.workspace.selection


@pytest.mark.thorough
def test_engine_crash_is_told_and_restarted_with_the_document(window, engine, qtbot):
    from fake_engine import FakeClient

    build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    engine.on_message(p.Died(-11))
    qtbot.waitUntil(lambda: len(FakeClient.made) == 2)
    again = FakeClient.made[-1]
    assert "untouched" in window.info.text
    assert again.document.digest() == window.workspace.document.digest()
    assert len(window.workspace.document.nodes) == 6


def test_repeated_crashes_wait_for_the_user(window, engine, qtbot):
    from fake_engine import FakeClient

    for count in range(1, 4):
        FakeClient.made[-1].on_message(p.Died(1))
        if count < 3:
            qtbot.waitUntil(lambda count=count: len(FakeClient.made) == count + 1)
    qtbot.waitUntil(lambda: window.link.state == "off")
    assert window.info.button.text() == "Restart the engine" or "again" in window.info.button.text()
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.link.state == "idle")


def test_what_was_learned_before_a_crash_is_unsaved_in_the_next_engine(window, engine, qtbot):
    from fake_engine import FakeClient

    weights = window.files.weights
    commands.add_node(window.workspace.document, "variable", (0, 0), "w")
    kept = weights.journal.keep_weights()
    kept.write_bytes(b"")  # this engine reads none
    engine.on_message(p.Died(-11))
    qtbot.waitUntil(lambda: len(FakeClient.made) == 2)
    (asked,) = FakeClient.made[-1].requests(p.LoadWeights)
    assert asked.path == str(kept) and not weights.is_unsaved
    FakeClient.made[-1].on_message(p.WeightsLoaded(asked.request, asked.path, Match({"w": "w"})))
    qtbot.waitUntil(lambda: weights.is_unsaved)


def test_the_log_panel_shows_which_node_does_not_compile(window, engine, qtbot, tmp_path):
    handler = ErrorHandler()
    handler.install(tmp_path / "window.log")
    handler.recorded.connect(window.panels["log"].append)
    try:
        engine.on_message(CompileFailure(("dense/activation",), "KernelError: no"))
        qtbot.waitUntil(lambda: "dense/activation" in window.panels["log"].text.toPlainText())
    finally:
        handler.uninstall()
    assert "KernelError: no" in window.panels["log"].text.toPlainText()
    assert "by reference" in (tmp_path / "window.log").read_text()


@pytest.mark.thorough
def test_messages_of_a_dead_engine_are_not_heard(window, engine, qtbot):
    from fake_engine import FakeClient

    window.link.restart()
    qtbot.waitUntil(lambda: len(FakeClient.made) == 2)
    engine.on_message(p.Failed(0, "Evaluate", p.ErrorData("RunError", "too late")))
    qtbot.wait(50)
    assert window.info.text == ""


@pytest.mark.thorough
def test_recovery_brings_back_unsaved_work(window, tmp_path, monkeypatch, qtbot):
    from nodeflow.document.io.journal import Journal
    from nodeflow.paths import journal_folder

    lost = Document()
    journal = Journal(lost, journal_folder())
    build_expression(lost)
    assert journal.path is not None
    journal._file.close()  # the process died: the lock is gone
    monkeypatch.setattr(
        recovery_dialog, "ask_recover", lambda _, found: (confirmation_dialogs.SAVE, found)
    )
    window.files.recovery.offer()
    assert len(window.workspace.document.nodes) == 6
    assert window.workspace.document.is_modified
    assert journal.path.exists(), "it stays until the work is safe elsewhere"
    target = tmp_path / "safe.flow"
    monkeypatch.setattr(
        "nodeflow.ui.controllers.files.file_controller.QFileDialog.getSaveFileName",
        lambda *a: (str(target), ""),
    )
    window.actions_.trigger("save")
    assert target.exists() and not journal.path.exists()


@pytest.mark.thorough
def test_saving_elsewhere_keeps_what_variables_learned(window, engine, tmp_path, monkeypatch):
    build_expression(window.workspace.document)
    path = tmp_path / "a.flow"
    monkeypatch.setattr(
        "nodeflow.ui.controllers.files.file_controller.QFileDialog.getSaveFileName",
        lambda *a: (str(path), ""),
    )
    window.actions_.trigger("save")
    request = engine.requests(p.SyncDocument)[-1]
    assert request.keep and request.folder == str(tmp_path)
    window.files.begin_empty()
    assert not engine.requests(p.SyncDocument)[-1].keep


def test_weights_are_loaded_saved_and_missed_with_a_warning(window, engine, tmp_path, qtbot):
    document = window.workspace.document
    commands.add_node(document, "variable", (0, 0), "W")
    commands.set_weights(document, "w.safetensors")
    flow.save(document, tmp_path / "a.flow")
    assert window.files.open_path(tmp_path / "a.flow")
    request = engine.requests(p.LoadWeights)[-1]
    assert request.path == str(tmp_path / "w.safetensors")
    error = p.ErrorData("FileProblem", "the weights w.safetensors are not there")
    engine.on_message(p.Failed(request.request, "LoadWeights", error))
    qtbot.waitUntil(lambda: "initial values" in window.info.text)
    assert not engine.requests(p.SaveWeights), "nothing was learned, so nothing is written"
    engine.on_message(p.WeightsLoaded(request.request, request.path))
    qtbot.waitUntil(lambda: window.link.has_trained)
    window.actions_.trigger("save")
    assert engine.requests(p.SaveWeights)[-1].path == str(tmp_path / "w.safetensors")


@pytest.mark.thorough
def test_sample_data_are_said_in_the_status_bar(window, engine, qtbot):
    revision = window.workspace.document.revision
    engine.on_message(p.Previews(revision, 10_000, {}, (), ("Using the 5 000 MNIST images.",)))
    qtbot.waitUntil(window.status.notice.isVisible)
    assert "5 000" in window.status.notice.toolTip()
    qtbot.mouseClick(window.status.notice, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(window.panels["training"].download_button.isVisible)


def test_single_steps_while_paused(window, engine, qtbot):
    window.actions_.trigger("step")
    assert "No training" in window.info.text
    engine.on_message(p.State("paused"))
    qtbot.waitUntil(lambda: window.link.state == "paused")
    window.actions_.trigger("step")
    assert engine.sent[-1] == p.Step(1)


def test_panels_at_the_bottom_come_and_go_together(window, qtbot):
    docks = window.docking.docks
    window.docking.show("log")
    window.actions_.trigger("panel_bottom")
    assert docks["viewer"].isHidden() and docks["log"].isHidden()
    window.actions_.trigger("panel_bottom")
    assert not docks["viewer"].isHidden() and not docks["log"].isHidden()
    window.actions_.trigger("panel_bottom")
    assert docks["viewer"].isHidden() and docks["log"].isHidden()


@pytest.mark.thorough
def test_dialogs_open_and_close(window, qtbot):
    for action, name in (("shortcuts", "shortcuts"), ("about", "about")):
        window.actions_.trigger(action)
        dialog = next(
            d for d in window.findChildren(confirmation_dialogs.QDialog) if d.objectName() == name
        )
        assert dialog.isVisible()
        dialog.close()


@pytest.mark.thorough
def test_the_first_window_fits_on_the_screen(window):
    room = window.screen().availableSize()
    assert room.height() < 900, "the tests' screen is lower than the size the window would like"
    assert window.height() <= room.height()


@pytest.mark.thorough
def test_a_message_of_two_lines_is_shown_whole(window, qtbot):
    window.resize(960, 700)
    window.pages.show_canvas()
    message = "The engine stopped unexpectedly. " * 5
    window.info.show_message(message, "warning")
    qtbot.wait(10)
    (text,) = (part for part in window.info.findChildren(QLabel) if part.text() == message)
    assert text.height() >= text.heightForWidth(text.width()) > 2 * text.fontMetrics().height()
