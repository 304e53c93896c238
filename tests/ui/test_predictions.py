"""A second file on a trained graph gives a table of predictions, which is saved as CSV."""

from __future__ import annotations

import csv

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.train.events import Done
from tests import own_data

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key = Qt.Key


def drop(window, path) -> None:
    """A file is dragged in and let go over the canvas."""
    at = window.canvas.mapTo(window, QPoint(300, 200))
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    keys = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDragEnterEvent(QPointF(at), copy, mime, left, keys))
    QApplication.sendEvent(window, QDropEvent(QPointF(at), copy, mime, left, keys))


@pytest.fixture
def graph(window, tmp_path):
    """A graph with data and a prediction, without variables: nothing has to be trained."""
    document = window.workspace.document
    path = own_data.houses(tmp_path / "houses.csv", 50)
    data = commands.add_node(document, "dataset", (0, 0), "houses", {"source": f"csv:{path}"})
    shape = {"dtype": "float32", "shape": [None, 4]}
    x = commands.add_node(document, "placeholder", (300, 0), "x", shape)
    commands.connect(document, data, "features", x, "feed")
    prediction = commands.add_node(document, "square", (600, 0), "prediction")
    commands.connect(document, x, "out", prediction, "x")
    return document


@pytest.fixture
def new_file(tmp_path):
    return own_data.write(
        tmp_path / "new.csv", ["area", "rooms", "age", "distance"], [[1, 2, 3, 4]]
    )


def menu_texts(window) -> list[str]:
    return [action.text() for action in window.own_data.menu.actions()]


def choose(window, index: int) -> None:
    """An entry of the menu that the drop opened, by keyboard."""
    menu = window.own_data.menu
    menu.setActiveAction(menu.actions()[index])
    QTest.keyClick(menu, Key.Key_Return)


@pytest.mark.thorough
def test_a_drop_on_a_graph_asks_what_for(window, graph, new_file):
    drop(window, new_file)
    assert menu_texts(window) == [
        "Predict for the rows of new.csv",
        "Make a new graph from it…",
        "Add it as a dataset node",
    ]
    choose(window, 2)
    added = [r for r in graph.nodes.values() if r.op == "dataset"]
    assert len(added) == 2 and len(graph.wires_out_of(added[1].id)) == 2
    graph.undo()
    assert len(graph.nodes) == 3, "one undo step"


def test_rows_arrive_in_parts_and_are_saved(
    window, engine, graph, new_file, tmp_path, monkeypatch, qtbot
):
    drop(window, new_file)
    choose(window, 0)
    page = window.pages.predictions
    assert window.pages.shows_predictions and page.stop.isVisible()
    request = engine.requests(p.Predict)[-1]
    assert request.source == f"csv:{new_file}"
    columns = ("area", "prediction")
    engine.on_message(
        p.PredictedRows(request.request, columns, (True,), (("1", "2.25"), ("3", "0.125")), 2, 3)
    )
    engine.on_message(p.PredictedRows(request.request, columns, (True,), (("5", ""),), 3, 3))
    engine.on_message(p.Predicted(request.request, 3, notices=("One row lacks a value.",)))
    qtbot.waitUntil(lambda: page.notice.isVisible())
    model = page.model
    assert [model.index(row, 1).data() for row in range(3)] == ["2.25", "0.125", ""]
    assert not page.stop.isVisible() and page.facts.text() == "3 rows."
    assert page.notice.text() == "One row lacks a value."
    target = tmp_path / "answers"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    qtbot.mouseClick(page.save, Qt.MouseButton.LeftButton)
    assert engine.requests(p.Predict)[-1].path == f"{target}.csv"


@pytest.mark.thorough
def test_a_long_computation_can_be_stopped(window, engine, graph, new_file, qtbot):
    window.predict.predict(new_file)
    page = window.pages.predictions
    qtbot.mouseClick(page.stop, Qt.MouseButton.LeftButton)
    assert engine.requests(p.CancelPredictions)
    request = engine.requests(p.Predict)[-1].request
    engine.on_message(p.PredictedRows(request, ("a", "prediction"), (True,), (("1", "2"),), 1, 9))
    engine.on_message(p.Predicted(request, 1, cancelled=True))
    qtbot.waitUntil(lambda: "stopped" in page.facts.text())


def test_what_does_not_fit_is_said_on_the_page(window, engine, graph, new_file, qtbot):
    window.predict.predict(new_file)
    request = engine.requests(p.Predict)[-1].request
    error = p.ErrorData("DataFormatError", "new.csv has no column 'area'", hint="It has size.")
    engine.on_message(p.Failed(request, "Predict", error))
    page = window.pages.predictions
    qtbot.waitUntil(page.problem.isVisible)
    assert page.problem.text() == "new.csv has no column 'area'. It has size."
    assert not page.save.isEnabled() and not page.stop.isVisible()
    QTest.keyClick(page.table if page.table.isVisible() else page, Key.Key_Escape)
    assert window.pages.focus_area is window.canvas


@pytest.mark.thorough
def test_an_untrained_graph_says_to_train_first(window, graph, new_file):
    commands.add_node(graph, "variable", (0, 300), "w", {"value": 1.0})
    drop(window, new_file)
    predict = window.own_data.menu.actions()[0]
    assert not predict.isEnabled() and "Train" in predict.toolTip()
    window.own_data.menu.close()


@pytest.mark.thorough
def test_from_a_dropped_table_to_saved_predictions(qtbot, live_window, tmp_path, monkeypatch):
    """The whole way, with the real engine: drop, Enter, train, drop another file, save."""
    window = live_window()
    window.pages.show_welcome()
    ended = []
    window.link.training.connect(lambda e: ended.append(e) if isinstance(e, Done) else None)
    drop(window, own_data.flowers(tmp_path / "iris.csv"))
    wizard = window.own_data.wizard
    qtbot.waitUntil(lambda: wizard.step == 0, timeout=20_000)
    for _ in range(3):
        QTest.keyClick(wizard.focusWidget() or wizard, Key.Key_Return)
    qtbot.waitUntil(lambda: bool(ended), timeout=60_000)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=20_000)
    new = own_data.write(
        tmp_path / "new.csv",
        ["petal_width", "petal_length", "sepal_width", "sepal_length"],
        [[0.2, 1.5, 3.4, 5.0], [2.1, 5.8, 3.0, 6.8]],
    )
    drop(window, new)
    choose(window, 0)
    page = window.pages.predictions
    qtbot.waitUntil(lambda: page.save.isEnabled(), timeout=60_000)
    assert page.model.columns[4:] == (
        "prediction", "prediction setosa", "prediction versicolor", "prediction virginica",
    )  # fmt: skip
    assert [page.model.index(row, 4).data() for row in range(2)] == ["setosa", "virginica"]
    target = tmp_path / "answers.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    qtbot.mouseClick(page.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.save.isEnabled(), timeout=60_000)
    with target.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["prediction"] for row in rows] == ["setosa", "virginica"]
    assert rows[0]["petal_width"] == "0.2"


@pytest.mark.thorough
def test_the_wrong_table_is_named_with_its_columns(live_window, embedded_digits, tmp_path, qtbot):
    """Dropped on digits, predicted for from the menu."""
    window = live_window("mnist")
    window.link.train()
    qtbot.waitUntil(lambda: window.link.has_trained, timeout=60_000)
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)
    drop(window, own_data.flowers(tmp_path / "iris.csv"))
    choose(window, 0)
    page = window.pages.predictions
    qtbot.waitUntil(page.problem.isVisible, timeout=20_000)
    text = page.problem.text()
    assert text.startswith("iris.csv does not fit x: it has 5 columns, and x takes 784 numbers")
    assert "Choose what to predict" not in text and "--" not in text
    assert not page.progress.isVisible() and not page.save.isEnabled()
