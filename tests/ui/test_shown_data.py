"""Which data the nodes show: chosen in one place, said wherever values are."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.view.tooltips import tooltip

SPLITS = {"train": 4000, "validation": 500, "test": 500}


@pytest.fixture
def data(window, engine, qtbot):
    """The selection of a window whose engine has a data set."""
    engine.shows = p.ShownData(p.ShownRows("test", 0, 100), "MNIST", SPLITS)
    commands.add_node(window.workspace.document, "constant", (0, 0), name="one")
    qtbot.waitUntil(lambda: window.data.shown is not None)
    return window.data


def asked(engine) -> list[p.ShowData]:
    return engine.requests(p.ShowData)


@pytest.mark.thorough
def test_the_toolbar_says_what_is_shown_once_there_are_data(window, qtbot, engine):
    chooser = window.data_chooser
    assert not chooser.isVisible(), "without a data set there is nothing to choose"
    engine.shows = p.ShownData(p.ShownRows("test", 0, 100), "MNIST", SPLITS)
    commands.add_node(window.workspace.document, "constant", (0, 0), name="one")
    qtbot.waitUntil(chooser.isVisible)
    assert chooser.button.text().strip() == "Showing test rows 1–100"
    assert "MNIST" in chooser.button.toolTip()


@pytest.mark.thorough
def test_the_arrow_goes_to_the_next_rows(window, qtbot, engine, data):
    chooser = window.data_chooser
    assert not chooser.previous.isEnabled()
    qtbot.mouseClick(chooser.next, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: chooser.button.text().strip() == "Showing test rows 101–200")
    assert asked(engine)[-1] == p.ShowData("test", 100)
    qtbot.mouseClick(chooser.previous, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: chooser.button.text().strip() == "Showing test rows 1–100")


@pytest.mark.thorough
def test_the_last_rows_have_no_next(window, qtbot, engine, data):
    data.show_batch("validation", 400)
    qtbot.waitUntil(lambda: data.text == "Validation rows 401–500")
    assert not window.data_chooser.next.isEnabled()
    assert "no later rows" in window.actions_.blocked("data_next").reason


@pytest.mark.thorough
def test_another_split_is_chosen_from_the_menu(window, qtbot, engine, data):
    window.actions_["data_train"].trigger()
    qtbot.waitUntil(lambda: data.text == "Training rows 1–100")
    assert asked(engine)[-1].split == "train"
    window.actions_.refresh_now()
    checked = [a for a in ("data_test", "data_train") if window.actions_[a].isChecked()]
    assert checked == ["data_train"]


@pytest.mark.qt_log_ignore("does not support", extend=True)
def test_a_row_is_chosen_by_its_number(window, qtbot, engine, data):
    chooser = window.data_chooser
    chooser.button.menu().popup(chooser.mapToGlobal(QPoint(0, 30)))
    qtbot.waitUntil(chooser.row.isVisible)
    chooser.row.setFocus()
    chooser.row.selectAll()
    qtbot.keyClicks(chooser.row, "42")
    qtbot.keyClick(chooser.row, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: data.text == "Test row 42")
    assert asked(engine)[-1] == p.ShowData("test", 41, 1)
    assert not chooser.button.menu().isVisible()


def test_a_sample_that_is_clicked_elsewhere_is_shown(window, qtbot, engine, data):
    data.show_row("validation", 6)
    qtbot.waitUntil(lambda: data.text == "Validation row 7")
    window.actions_["data_single"].trigger()  # back to a batch: the one that holds the row
    qtbot.waitUntil(lambda: data.text == "Validation rows 1–100")


def test_what_is_made_by_hand_is_shown_until_it_ends(window, qtbot, engine, data):
    data.show_row("test", 3)
    feeds = {"x": np.zeros((1, 784), np.float32)}
    data.show_by_hand(feeds)
    assert data.text == "Sketch pad"
    qtbot.waitUntil(lambda: bool(engine.requests(p.Override)))
    assert engine.requests(p.Override)[-1].values.keys() == feeds.keys()
    assert engine.requests(p.Override)[-1].rows == {"x": "sketch pad"}
    assert not data.can_step(1)
    with qtbot.waitSignal(data.left_by_hand):
        data.end_by_hand()
    qtbot.waitUntil(lambda: data.text == "Test row 4")


@pytest.mark.thorough
def test_while_the_engine_is_busy_only_the_last_choice_is_kept(window, qtbot, engine, data):
    engine.computes = False
    data.show_row("test", 1)
    qtbot.waitUntil(lambda: len(asked(engine)) == 1)
    for row in range(2, 50):
        data.show_row("test", row)
        qtbot.wait(1)
    assert len(asked(engine)) == 1
    engine.computes = True
    engine.on_message(engine.evaluate(engine.requests(p.Evaluate)[-1]))
    qtbot.waitUntil(lambda: data.text == "Test row 50")
    assert [request.first for request in asked(engine)] == [1, 49]


@pytest.mark.thorough
def test_another_document_begins_with_the_first_test_batch(window, qtbot, engine, data):
    data.show_row("train", 3)
    qtbot.waitUntil(lambda: data.text == "Training row 4")
    window.workspace.document.mark_saved()
    engine.shows = None
    window.files.new()
    assert data.choice == p.ShowData() and data.shown is None
    qtbot.waitUntil(lambda: not window.data_chooser.isVisible())


@pytest.mark.thorough
def test_the_choice_outlives_the_engine(window, qtbot, data):
    from fake_engine import FakeClient

    data.show_row("validation", 4)
    window.link.restart()
    engine = FakeClient.made[-1]
    qtbot.waitUntil(lambda: bool(asked(engine)))
    assert asked(engine)[-1] == p.ShowData("validation", 4, 1)


@pytest.mark.thorough
def test_values_say_which_rows_they_are_of(window, qtbot, engine, data):
    value = np.float32(0.47)
    rows = p.ShownRows("test", 0, 100)
    shown = p.Preview("scalar", "float32", (), "0.47", value, step=300, data=rows)
    window.canvas.node_state.set_values({"one": shown})
    node = window.workspace.document.node_named("one").id
    tip = tooltip(window.canvas.scene, Hit("body", node))
    assert "test rows 1–100, step 300" in tip
    window.docking.show("viewer")
    window.canvas.selection.select([node])
    viewer = window.panels["viewer"]
    qtbot.waitUntil(lambda: viewer.array is not None)
    request = engine.requests(p.FetchTensor)[-1].request
    viewer._asked = request
    window.link.tensor.emit(p.TensorValue(request, "one", value, step=300, data=rows))
    assert viewer.title.text() == "one  ·  test rows 1–100  ·  step 300"
