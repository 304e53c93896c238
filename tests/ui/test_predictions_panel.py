"""The predictions panel: choices become a request, answers are drawn, a sample is fed."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.host.protocol import ViewValue
from nodeflow.host.views.kinds.predictions import PredictionData
from nodeflow.host.views.kinds.thresholds import ClassCurve, ThresholdData


def page(**changes) -> PredictionData:
    count = changes.pop("count", 5)
    matrix = np.array([[3, 1, 0], [0, 4, 2], [1, 0, 5]])
    fields = {
        "tensor": "probabilities",
        "candidates": ("probabilities", "logits"),
        "split": "test",
        "splits": ("test", "train"),
        "seen": 16,
        "total": 16,
        "names": ("cat", "dog", "eel"),
        "matrix": matrix,
        "right": 12,
        "error": 0.0,
        "matching": 30,
        "page": 0,
        "rows": np.arange(count) * 3,
        "truth": np.array([0, 1, 2, 0, 1][:count], np.float64),
        "answer": np.array([1, 1, 2, 0, 2][:count], np.float64),
        "shares": np.tile(np.array([0.2, 0.5, 0.3], np.float32), (count, 1)),
        "pictures": np.full((count, 4, 4), 90, np.uint8),
        "texts": (),
        **changes,
    }
    return PredictionData(**fields)


@pytest.fixture
def panel(window, qtbot):
    window.actions_.trigger("show_predictions")
    panel = window.panels["predictions"]
    qtbot.waitUntil(panel.isVisible)
    return panel


def answer(panel, data: PredictionData | None = None, error: str = "") -> None:
    panel._views.arrived.emit(ViewValue(1, panel.spec, data, error, None, None))


def test_what_is_chosen_is_asked_for(window, panel, qtbot) -> None:
    answer(panel, page())
    assert panel.spec.name == "" and panel.spec.options == ()
    panel.nodes.setCurrentIndex(1)
    panel.nodes.activated.emit(1)
    panel.splits.setCurrentIndex(1)
    panel.splits.activated.emit(1)
    assert panel.spec.name == "logits" and panel.spec.option("split") == "train"
    qtbot.mouseClick(panel.next, Qt.MouseButton.LeftButton)
    assert panel.spec.option("page") == 1
    qtbot.mouseClick(panel.wrong, Qt.MouseButton.LeftButton)
    assert panel.spec.option("filter") == "wrong" and panel.spec.option("page") is None


def test_a_cell_of_the_matrix_filters_and_filters_no_more(panel, qtbot) -> None:
    answer(panel, page())
    area = panel.matrix._area()
    side = area.height() / 3
    at = QPoint(int(area.x() + 2.5 * side), int(area.y() + 1.5 * side))
    qtbot.mouseClick(panel.matrix, Qt.MouseButton.LeftButton, pos=at)
    assert panel.spec.option("filter") == "1,2"
    answer(panel, page(matching=2, count=2))
    assert panel.filter.isVisible() and "True dog, answer eel" in panel.filter.text()
    qtbot.mouseClick(panel.filter, Qt.MouseButton.LeftButton)
    assert panel.spec.option("filter") is None


def test_a_clicked_sample_is_fed_to_the_graph(window, panel, qtbot) -> None:
    answer(panel, page())
    at = panel.grid.card(2).center().toPoint()
    qtbot.mouseClick(panel.grid, Qt.MouseButton.LeftButton, pos=at)
    assert window.data.is_single
    assert (window.data.choice.split, window.data.choice.first) == ("test", 6)


def test_samples_by_keyboard(window, panel, qtbot) -> None:
    answer(panel, page())
    panel.grid.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Return):
        qtbot.keyClick(panel.grid, key)
    assert window.data.choice.first == 0
    assert panel.grid.words(0) == "row 1: cat, answered dog with 50%"


def test_numbers_have_no_matrix(panel) -> None:
    answer(
        panel,
        page(
            names=(), matrix=None, error=0.25, right=0, shares=np.zeros((5, 0), np.float32),
            pictures=None, texts=("1, 2",) * 5,
        ),
    )  # fmt: skip
    assert not panel.matrix.isVisible() and not panel.wrong.isVisible()
    assert "0.25" in panel.figures.text()
    assert panel.grid.words(1) == "row 4: 1, answered 1"


@pytest.mark.thorough
def test_a_problem_is_said_and_another_document_forgets(window, panel) -> None:
    answer(panel, None, "No node answers.")
    assert panel._nothing.isVisible() and panel._nothing.text() == "No node answers."
    answer(panel, page())
    window.workspace.replaced.emit()
    assert panel.shown is None and panel.nodes.count() == 0


@pytest.mark.thorough
def test_an_answer_to_an_older_question_is_not_shown(panel) -> None:
    old = panel.spec
    panel._set_filter("wrong")
    panel._views.arrived.emit(ViewValue(1, old, page(), "", None, None))
    assert panel.shown is None


@pytest.mark.thorough
def test_later_answers_to_the_same_question_are_shown(panel) -> None:
    spec = panel.spec
    for right in (12, 15):
        panel._views.arrived.emit(ViewValue(1, spec, page(right=right), "", None, None))
    assert panel.shown.right == 15


def choose(qtbot, combo, row: int) -> None:
    combo.setFocus()
    while combo.currentIndex() != row:
        before = combo.currentIndex()
        qtbot.keyClick(combo, Qt.Key.Key_Down if before < row else Qt.Key.Key_Up)
        assert combo.currentIndex() != before


def test_views_of_the_same_answers_stand_in_place_of_the_samples(panel, qtbot) -> None:
    answer(panel, page())
    assert panel.view_spec is None and panel.grid.isVisible()
    choose(qtbot, panel.ways, 1)
    spec = panel.view_spec
    assert (spec.kind, spec.name, spec.option("split")) == ("roc", "probabilities", "test")
    assert panel.view.isVisible() and not panel.wrong.isVisible() and not panel.next.isVisible()
    line = np.array([0.0, 0.25, 1.0])
    curve = ClassCurve("dog", line, np.sqrt(line), 0.8125, 7)
    data = ThresholdData("probabilities", "test", ("test",), 16, 16, (curve,), 0.8125)
    panel._views.arrived.emit(ViewValue(1, spec, data, "", None, None))
    assert "area under the curve 0.812" in panel.view.accessibleDescription()
    choose(qtbot, panel.ways, 0)
    assert panel.grid.isVisible() and panel.wrong.isVisible() and panel.view_spec is None
