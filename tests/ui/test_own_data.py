"""Data of one's own: dropped, chosen or opened, looked at in three steps, and made into a graph."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QMessageBox

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.ui.popups.own_data import wizard as wizards
from nodeflow.ui.popups.own_data.columns_model import INPUT, LABEL
from tests import own_data

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key = Qt.Key
MIDDLE = QPoint(600, 400)


@pytest.fixture
def flowers(tmp_path) -> Path:
    return own_data.flowers(tmp_path / "iris.csv")


def drop(window, path: Path, at: QPoint = MIDDLE) -> None:
    """What the desktop sends when a file is dragged in and let go."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    keys = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(at), copy, mime, left, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(at), copy, mime, left, keys))


def wizard_of(window, qtbot, step: int = 0):
    """The wizard once the file has been read."""
    qtbot.waitUntil(lambda: window.own_data.wizard is not None, timeout=10_000)
    wizard = window.own_data.wizard
    qtbot.waitUntil(lambda: wizard.step == step, timeout=20_000)
    return wizard


def press(widget, key) -> None:
    """A key, wherever the focus of the widget's window is."""
    QTest.keyClick(widget.focusWidget() or widget, key)


def test_a_dropped_table_becomes_a_graph_that_trains_by_enter_alone(window, engine, flowers, qtbot):
    drop(window, flowers)
    wizard = wizard_of(window, qtbot)
    assert "150 rows, 5 columns" in wizard.preview.facts.text()
    press(wizard, Key.Key_Return)
    assert wizard.step == 1
    press(wizard, Key.Key_Return)
    assert wizard.step == 2
    press(wizard, Key.Key_Return)
    document = lambda: window.workspace.document  # noqa: E731
    qtbot.waitUntil(lambda: document().node_named("prediction") is not None, timeout=20_000)
    qtbot.waitUntil(lambda: bool(engine.requests(p.Train)), timeout=10_000)
    assert window.pages.focus_area is window.canvas
    assert document().is_modified, "it is in no file yet"
    assert window.files.title == "iris"
    assert not [x for x in window.workspace.analysis.all_problems() if x.severity == "error"]
    assert not document().undo(), "there is nothing to undo in it"


@pytest.mark.thorough
def test_a_graph_saved_beside_its_data_can_move_with_it(
    window, flowers, tmp_path, qtbot, monkeypatch
):
    node = commands.add_node(
        window.workspace.document, "dataset", (0, 0), "iris", {"source": f"csv:{flowers}"}
    )
    target = tmp_path / "graph.flow"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    assert window.files.save()
    assert window.workspace.document.nodes[node].attrs["source"] == "csv:iris.csv"
    assert not window.workspace.document.is_modified


@pytest.mark.thorough
def test_what_a_dragged_file_would_become_is_said_while_it_hovers(window, flowers):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(flowers))])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    keys = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDragEnterEvent(QPointF(MIDDLE), copy, mime, left, keys))
    assert window.drop_hint.isVisible()
    assert window.drop_hint.text == "Drop iris.csv to make a graph that learns from it"
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert not window.drop_hint.isVisible()


@pytest.mark.thorough
def test_a_dropped_table_on_the_welcome_page(window, flowers, qtbot):
    window.pages.show_welcome()
    drop(window, flowers)
    assert wizard_of(window, qtbot).title.text() == "iris.csv"


@pytest.mark.thorough
def test_the_preview_shows_types_missing_values_and_distributions(window, tmp_path, qtbot):
    path = tmp_path / "few.csv"
    path.write_text("size,color,ok\n1,red,yes\n,blue,no\n3,red,yes\n4,red,no\n")
    drop(window, path)
    preview = wizard_of(window, qtbot).preview
    spoken = [
        preview.model.headerData(i, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole)
        for i in range(3)
    ]
    assert "whole number" in spoken[0] and "1 missing" in spoken[0] and "1 to 4" in spoken[0]
    assert "category" in spoken[1] and "red, blue" in spoken[1]
    assert preview.model.index(1, 1).data() == "blue"
    assert "1 value is missing" in preview.facts.text()
    picture, ratio = preview.header.grab().toImage(), preview.header.devicePixelRatioF()
    left = preview.header.sectionPosition(1)
    bars = [picture.pixelColor(round((left + x) * ratio), round(88 * ratio)) for x in range(12, 40)]
    ground = window.themes.theme.color("sunken")
    assert any(color.blue() - color.red() > 40 for color in bars), "red and blue have bars"
    assert any(color == ground for color in bars)


def test_columns_are_chosen_by_keyboard(window, flowers, qtbot):
    drop(window, flowers)
    wizard = wizard_of(window, qtbot)
    wizard.show_step(1)
    table, choices = wizard.columns.table, wizard.choices
    assert table.hasFocus() or wizard.focusWidget() is table
    table.setCurrentIndex(table.model().index(1, INPUT))
    QTest.keyClick(table, Key.Key_Space)
    assert choices.inputs == ("sepal_length", "petal_length", "petal_width")
    table.setCurrentIndex(table.model().index(0, LABEL))
    QTest.keyClick(table, Key.Key_Space)
    assert choices.labels == ("sepal_length",) and choices.task == "regress"
    assert "species" in choices.inputs
    wizard.columns.scale.setFocus()
    QTest.keyClick(wizard.columns.scale, Key.Key_Space)
    assert choices.scale is False


@pytest.mark.thorough
def test_classes_get_names_by_keyboard(window, tmp_path, qtbot):
    rows = [[i, i % 7, i % 2] for i in range(60)]
    drop(window, own_data.write(tmp_path / "coded.csv", ["a", "b", "label"], rows))
    wizard = wizard_of(window, qtbot)
    wizard.show_step(1)
    step = wizard.columns
    assert [step.class_list.item(i).text() for i in range(2)] == ["0", "1"]
    step.class_list.setFocus()
    step.class_list.setCurrentRow(1)
    QTest.keyClick(step.class_list, Key.Key_F2)
    editor = step.class_list.findChild(QLineEdit)
    QTest.keyClicks(editor, "yes")
    QTest.keyClick(editor, Key.Key_Return)
    qtbot.waitUntil(lambda: wizard.choices.class_names == {"1": "yes"}, timeout=5000)
    assert wizard.step == 1, "Enter ends the name, not the step"
    wizard.show_step(2)
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    attrs = wizard.document.node_named("coded").attrs
    assert attrs["class_names"] == {"1": "yes"}
    note = next(f.note for f in wizard.document.frames.values() if f.note)
    assert "(0 and yes)" in note


@pytest.mark.thorough
def test_starters_are_chosen_by_arrow_keys(window, flowers, qtbot):
    drop(window, flowers)
    wizard = wizard_of(window, qtbot)
    wizard.choices.use_as_label("petal_width", True)
    wizard.choices.order_by = ""
    wizard.show_step(2)
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    regress = wizard.starter.buttons["regress"]
    regress.setFocus()
    QTest.keyClick(regress, Key.Key_Down)
    assert wizard.choices.task == "series"


@pytest.mark.thorough
def test_a_series_is_ordered_by_its_date_or_as_the_file(window, tmp_path, qtbot):
    drop(window, own_data.series(tmp_path / "sales.csv", 120))
    wizard = wizard_of(window, qtbot)
    wizard.show_step(1)
    step = wizard.columns
    assert step.order.isVisible() and step.order.currentText() == "date"
    assert step.look_back.isVisible() and step.look_back.value() > 1
    step.order.setFocus()
    QTest.keyClick(step.order, Key.Key_Home)
    assert wizard.choices.order_by == "" and "order_by" not in wizard.choices.options()
    step.look_back.setValue(5)
    wizard.show_step(2)
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    assert wizard.document.node_named("x").attrs["shape"] == [None, 5, 1]


@pytest.mark.thorough
def test_a_wrong_choice_says_why_and_offers_no_graph(window, flowers, qtbot):
    drop(window, flowers)
    wizard = wizard_of(window, qtbot)
    wizard.show_step(1)
    model = wizard.columns.model
    for row in range(4):
        model.setData(model.index(row, INPUT), Qt.CheckState.Unchecked.value, 10)
    assert wizard.columns.problem.text() == "Choose at least one input."
    wizard.show_step(2)
    assert not wizard.next.isEnabled()
    assert wizard.problem.text() == "Choose at least one input."


@pytest.mark.thorough
def test_the_graph_to_come_is_drawn_and_follows_the_starter(window, tmp_path, qtbot):
    drop(window, own_data.houses(tmp_path / "houses.csv"))
    wizard = wizard_of(window, qtbot)
    wizard.choices.use_as_label("rooms", True)
    wizard.show_step(2)
    starter = wizard.starter
    assert starter.buttons["classify"].isChecked()
    assert not starter.buttons["pictures"].isEnabled()
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    assert not starter.picture.pixmap().isNull() and "epochs" in starter.facts.text()
    qtbot.mouseClick(starter.buttons["regress"], Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert wizard.document is None
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    assert wizard.document.node_named("scaled_prediction") is not None


def test_a_choice_that_changes_while_the_graph_is_made_counts(window, tmp_path, qtbot, monkeypatch):
    go_on, make = Event(), wizards.make_document

    def slow(*choices):
        go_on.wait(20)
        return make(*choices)

    monkeypatch.setattr(wizards, "make_document", slow)
    drop(window, own_data.houses(tmp_path / "houses.csv", 60))
    wizard = wizard_of(window, qtbot)
    wizard.choices.use_as_label("rooms", True)
    wizard.show_step(2)
    regress = wizard.starter.buttons["regress"]
    qtbot.mouseClick(regress, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    go_on.set()
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    assert wizard.document.node_named("scaled_prediction") is not None


def test_a_folder_of_pictures_is_previewed_and_made(window, tmp_path, qtbot):
    drop(window, own_data.pictures(tmp_path / "shapes", 12))
    wizard = wizard_of(window, qtbot)
    assert "36 pictures" in wizard.preview.facts.text()
    model = wizard.preview.model
    qtbot.waitUntil(lambda: len(model.pictures) == 36, timeout=10_000)
    assert model.data(model.index(0, 0), Qt.ItemDataRole.DecorationRole).height() == 40
    wizard.show_step(1)
    step = wizard.columns
    assert step.table.isColumnHidden(INPUT) and step.classes.text() == "3 classes"
    assert [step.class_list.item(i).text() for i in range(3)] == ["cross", "disc", "square"]
    step.height_.setValue(16)
    wizard.show_step(2)
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    assert wizard.document.node_named("x").attrs["shape"] == [None, 16, 24, 1]


@pytest.mark.thorough
def test_a_damaged_file_is_explained_and_another_can_be_chosen(window, tmp_path, qtbot):
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n1,2\n3\n")
    drop(window, path)
    qtbot.waitUntil(lambda: window.own_data.wizard is not None)
    wizard = window.own_data.wizard
    qtbot.waitUntil(wizard.file_button.isVisible, timeout=10_000)
    assert "line 3" in wizard._message.text()
    good = own_data.flowers(tmp_path / "iris.csv")
    drop(wizard, good)
    assert wizard_of(window, qtbot).title.text() == "iris.csv"


@pytest.mark.thorough
def test_opening_a_data_file_asks_whether_to_use_it(window, flowers, qtbot, monkeypatch):
    asked = []

    def answer(box) -> int:
        asked.append(box.text())
        box.buttons()[0].click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    assert window.files.open_path(flowers) is False
    assert asked == ["This is a data file. Use it as a dataset?"]
    assert wizard_of(window, qtbot).title.text() == "iris.csv"


@pytest.mark.thorough
def test_unsaved_work_is_asked_about_and_the_wizard_stays(window, flowers, qtbot, monkeypatch):
    commands.add_node(window.workspace.document, "constant", (0, 0))
    monkeypatch.setattr(
        "nodeflow.ui.popups.dialogs.confirmation_dialogs.ask_unsaved", lambda *_: "cancel"
    )
    drop(window, flowers)
    menu = window.own_data.menu
    menu.setActiveAction(menu.actions()[1])
    QTest.keyClick(menu, Key.Key_Return)
    wizard = wizard_of(window, qtbot)
    wizard.show_step(2)
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    press(wizard, Key.Key_Return)
    assert window.own_data.wizard is wizard and wizard.isVisible()
    assert len(window.workspace.document.nodes) == 1


@pytest.mark.thorough
def test_the_menu_and_the_welcome_page_offer_to_choose(window, qtbot):
    window.pages.show_welcome()
    qtbot.mouseClick(window.pages.welcome.data_button, Qt.MouseButton.LeftButton)
    wizard = window.own_data.wizard
    assert wizard.file_button.isVisible() and wizard.folder_button.isVisible()
    press(wizard, Key.Key_Escape)
    qtbot.waitUntil(lambda: window.own_data.wizard is None)
    window.actions_.trigger("own_data")
    assert window.own_data.wizard.isVisible()


@pytest.mark.thorough
def test_adding_a_dataset_places_its_placeholders(window, qtbot):
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Key.Key_Tab)
    QTest.keyClicks(window.focusWidget(), "dataset")
    QTest.keyClick(window.focusWidget(), Key.Key_Return)
    document = window.workspace.document
    assert {r.name for r in document.nodes.values()} == {"dataset", "images", "labels"}
    assert len(document.wires) == 2
    document.undo()
    assert not document.nodes, "one undo step"


@pytest.mark.thorough
def test_placeholders_follow_another_source(window, flowers):
    document = window.workspace.document
    window.workspace.allow(flowers)
    node = commands.add_node(document, "dataset", (0, 0), None, {"source": f"csv:{flowers}"})
    window.canvas.selection.select([node])
    window.actions_.trigger("add_placeholders")
    assert document.node_named("features").attrs["shape"] == [None, 4]
    window.canvas.selection.select([node])
    window.actions_.refresh_now()
    blocked = window.own_data._placeholders_blocked()
    assert blocked is not None and blocked.reason == "All columns feed a placeholder."


def test_a_starter_that_cannot_use_the_data_is_not_chosen(window, tmp_path, qtbot):
    path = tmp_path / "notes.csv"
    path.write_text("note\n" + "".join(f"remark number {n} of many\n" for n in range(30)))
    drop(window, path)
    wizard = wizard_of(window, qtbot)
    wizard.show_step(2)
    buttons = wizard.starter.buttons.values()
    assert not any(button.isEnabled() or button.isChecked() for button in buttons)
    assert not wizard.next.isEnabled()


@pytest.mark.thorough
def test_arrays_that_fit_no_starter_become_placeholders(window, tmp_path, qtbot):
    path = tmp_path / "odd.npz"
    np.savez(path, a=np.ones((50, 3, 4, 5)), b=np.ones((50, 2), "i8"), w=np.ones(7))
    drop(window, path)
    wizard = wizard_of(window, qtbot)
    assert "Left out: w (7 rows in place of 50)." in wizard.preview.facts.text()
    wizard.show_step(2)
    chosen = [name for name, button in wizard.starter.buttons.items() if button.isChecked()]
    assert chosen == ["data"] and not wizard.starter.train.isVisible()
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    assert wizard.starter.facts.text() == "3 nodes. Nothing is trained yet."
    press(wizard, Key.Key_Return)
    qtbot.waitUntil(lambda: window.own_data.wizard is None)
    document = window.workspace.document
    assert sorted(r.op for r in document.nodes.values()) == [
        "dataset",
        "placeholder",
        "placeholder",
    ]
    assert not document.training


@pytest.mark.thorough
def test_the_last_step_says_which_rows_are_measured(window, flowers, qtbot):
    drop(window, flowers)
    wizard = wizard_of(window, qtbot)
    wizard.show_step(2)
    qtbot.waitUntil(lambda: wizard.document is not None, timeout=20_000)
    text = wizard.starter.facts.text()
    assert text.endswith("Metrics are of validation rows; test rows are measured once, at the end.")
