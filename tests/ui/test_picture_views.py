"""Feature maps, filters and matrices with names, as the Viewer shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.ui.core.theming.theme import LIGHT
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.value_views.labelled_matrix import LabelledMatrix
from nodeflow.ui.panels.value_views.picture_options import Drawn, drawn, ways
from nodeflow.ui.panels.value_views.picture_view import PictureView
from nodeflow.ui.panels.viewer import HISTOGRAM, IMAGE, TABLE

RANDOM = np.random.default_rng(3)
LEFT = Qt.MouseButton.LeftButton


def ids(array, **shapes) -> list[str]:
    return [way.id for way in ways(array, **shapes)]


def test_the_first_way_suits_the_tensor():
    assert ids(np.zeros((100, 28, 28, 8))) == ["channels", "rows"]
    assert ids(np.zeros((5, 5, 1, 8))) == ["filters"]
    assert ids(np.zeros((100, 28, 28, 1))) == ["rows"]
    assert ids(np.zeros((100, 28, 28))) == ["rows"]
    assert ids(np.zeros((784, 300)), column_shape=(28, 28)) == ["columns", "matrix"]
    assert ids(np.zeros((100, 784)), image_shape=(28, 28))[0] == "rows"
    assert ids(np.zeros((70, 784))) == ["matrix", "rows"], "only a guess"
    assert ids(np.zeros(300)) == ["matrix"]
    assert ids(np.float32(3)) == [] and ids(np.zeros((0, 3))) == []


def test_channels_filters_rows_and_columns_are_what_they_say():
    maps = RANDOM.normal(size=(4, 9, 8, 5))
    channels, rows = ways(maps)
    assert (channels.picks, channels.count) == ("Row", 4)
    np.testing.assert_array_equal(drawn(maps, channels, 2).pictures[3], maps[2, :, :, 3])
    assert (rows.picks, rows.count) == ("Channel", 5)
    np.testing.assert_array_equal(drawn(maps, rows, 4).pictures[1], maps[1, :, :, 4])
    weights = RANDOM.normal(size=(5, 5, 2, 8))
    (filters,) = ways(weights)
    assert (filters.picks, filters.count) == ("Input channel", 2)
    np.testing.assert_array_equal(drawn(weights, filters, 1).pictures[7], weights[:, :, 1, 7])
    matrix = RANDOM.normal(size=(784, 6))
    columns = ways(matrix, column_shape=(28, 28))[0]
    pictures = drawn(matrix, columns, column_shape=(28, 28)).pictures
    np.testing.assert_array_equal(pictures[5], matrix[:, 5].reshape(28, 28))


def test_colour_pictures_have_the_pixels_of_their_files():
    stored = RANDOM.integers(0, 256, (10, 10, 9, 3)).astype(np.uint8)
    values = stored * np.float32(1 / 255)
    for given in (values, values.reshape(10, -1)):
        way = ways(given, image_shape=(10, 9))[0]
        assert way.id == "rows"
        np.testing.assert_array_equal(drawn(given, way, image_shape=(10, 9)).pictures, stored)


def test_a_tall_matrix_is_drawn_wide_and_its_values_keep_their_places(qapp):
    tall = RANDOM.normal(size=(50, 4))
    (way,) = ways(tall)
    shown = drawn(tall, way)
    assert shown.note == "transposed" and shown.pictures[0].shape == (4, 50)
    view = PictureView(ThemeManager(LIGHT))
    view.resize(500, 60)
    view.show_drawn(shown)
    (place,) = view._places()
    assert place.width() > 300
    cell = QPointF(place.left() + place.width() * 10.5 / 50, place.top() + place.height() * 2.5 / 4)
    assert view.value_at(cell).startswith("row 10, column 2: ")
    assert float(view.value_at(cell).split(": ")[1].replace("−", "-")) == pytest.approx(
        tall[10, 2], rel=1e-3
    )


def test_a_click_enlarges_a_picture_and_another_shows_all_again(qtbot):
    view = PictureView(ThemeManager(LIGHT))
    qtbot.addWidget(view)
    view.resize(400, 120)
    view.show_drawn(Drawn([np.full((4, 4), float(i)) for i in range(8)]), "channel")
    place = view._places()[5].center().toPoint()
    qtbot.mouseClick(view, LEFT, pos=place)
    assert view.enlarged == 5 and len(view._places()) == 1
    assert view.value_at(view._places()[0].center()).startswith("channel 5, ")
    qtbot.mouseClick(view, LEFT, pos=view._places()[0].center().toPoint())
    assert view.enlarged is None and len(view._places()) == 8


def test_names_stand_at_a_matrix_and_stay_while_it_is_scrolled(qtbot):
    words = tuple(f"word{i}" for i in range(64))
    values = RANDOM.uniform(-1, 1, (64, 64))
    view = LabelledMatrix(ThemeManager(LIGHT))
    qtbot.addWidget(view)
    view.resize(360, 260)
    view.show_matrix(values, words, words)
    view.show()
    qtbot.waitExposed(view)
    assert view.cell >= 12 and view.verticalScrollBar().maximum() > 0
    view.verticalScrollBar().setValue(20 * view.cell)
    point = QPointF(view._left + 3.5 * view.cell, view._top + 1.5 * view.cell)
    assert view.cell_at(point) == (21, 3)
    assert view.text_at((21, 3)).startswith("word21, word3: ")
    assert view.cell_at(QPointF(2, 2)) is None


# ---- the panel ------------------------------------------------------------------------------


@pytest.fixture
def viewer(window, engine, qtbot):
    commands.add_node(window.workspace.document, "constant", (0, 0), name="one")
    window.docking.show("viewer")
    found = window.panels["viewer"]
    qtbot.waitUntil(found.isVisible)
    window.canvas.selection.select([window.workspace.document.node_named("one").id])
    qtbot.waitUntil(lambda: found.array is not None)
    return found


def show(window, viewer, qtbot, array, data=None, **shapes) -> None:
    """Answer for a node that was just selected with an array."""
    viewer._asked, viewer.array = 9999, None
    window.link.tensor.emit(p.TensorValue(9999, "one", array, data=data, **shapes))


@pytest.mark.thorough
def test_pictures_come_first_where_there_are_some(window, viewer, qtbot):
    show(window, viewer, qtbot, np.zeros((3, 9, 9, 4)))
    assert viewer._pages.currentIndex() == IMAGE
    assert viewer.pick.isVisible() and viewer.pick.text() == "Row 0 of 0–2"
    show(window, viewer, qtbot, RANDOM.normal(size=(3, 9)))
    assert viewer._pages.currentIndex() == TABLE
    viewer._tabs.button(HISTOGRAM).click()
    show(window, viewer, qtbot, np.zeros((3, 9, 9, 4)))
    assert viewer._pages.currentIndex() == IMAGE, "what is chosen for tables is for tables"
    viewer._tabs.button(TABLE).click()
    show(window, viewer, qtbot, np.zeros((3, 9, 9, 4)))
    assert viewer._pages.currentIndex() == TABLE


@pytest.mark.thorough
def test_the_picker_shows_another_row(window, viewer, qtbot):
    maps = RANDOM.normal(size=(3, 9, 8, 4))
    show(window, viewer, qtbot, maps)
    viewer.pick.setValue(2)
    np.testing.assert_array_equal(viewer.images.drawn.pictures[1], maps[2, :, :, 1])
    viewer.way.setCurrentIndex(1)
    viewer.way.activated.emit(1)
    assert viewer.pick.text() == "Channel 0 of 0–3"
    viewer.pick.setValue(3)
    np.testing.assert_array_equal(viewer.images.drawn.pictures[0], maps[0, :, :, 3])


def test_a_double_click_on_a_row_shows_it_in_the_whole_graph(window, viewer, qtbot, engine):
    rows = p.ShownRows("test", 100, 5)
    show(window, viewer, qtbot, RANDOM.random((5, 784)), rows, image_shape=(28, 28))
    place = viewer.images._places()[3].center().toPoint()
    qtbot.mouseDClick(viewer.images, LEFT, pos=place)
    assert window.data.choice == p.ShowData("test", 103, 1)


@pytest.mark.thorough
def test_a_matrix_over_the_words_of_the_data_has_their_names(window, viewer, qtbot, engine):
    words = tuple(f"word{i}" for i in range(12))
    shown = p.ShownData(p.ShownRows("test", 0, 100), classes={"words": words})
    window.data.shown = engine.shows = shown
    values = RANDOM.uniform(-1, 1, (12, 12))
    show(window, viewer, qtbot, values)
    assert viewer._pages.currentIndex() == IMAGE and viewer.matrix.isVisible()
    assert viewer.matrix.names == (words, words)
    window.data.shown = engine.shows = replace(shown, classes={})
    show(window, viewer, qtbot, values)
    assert not viewer.matrix.isVisible()


def test_columns_that_are_classes_have_their_names(window, viewer, qtbot, engine):
    kinds = ("setosa", "versicolor", "virginica")
    window.data.shown = engine.shows = p.ShownData(
        p.ShownRows("test", 0, 4), classes={"labels": kinds}
    )
    show(window, viewer, qtbot, np.eye(3)[[0, 1, 2, 2]], p.ShownRows("test", 0, 4))
    model = viewer.table.array_model
    header = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(3)]
    assert tuple(header) == kinds
