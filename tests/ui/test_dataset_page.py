"""A dataset node opens into a table of its rows; a file that moved is located."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from tests import own_data

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier
DISPLAY, DECORATION = Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.DecorationRole


@pytest.fixture
def flowers(window, tmp_path) -> str:
    """A dataset node with flowers, in the order of the file."""
    path = own_data.flowers(tmp_path / "iris.csv")
    window.workspace.allow(tmp_path)
    attrs = {"source": f"csv:{path}", "shuffle": False, "splits": [0.6, 0.2, 0.2]}
    return commands.add_node(window.workspace.document, "dataset", (40, 40), "iris", attrs)


def opened(window, qtbot):
    """The page once its rows are there."""
    page = window.pages.dataset
    qtbot.waitUntil(lambda: page.content is not None, timeout=20_000)
    qtbot.waitUntil(lambda: page.model.index(0, 0).data() is not None, timeout=20_000)
    return page


def test_a_double_click_shows_rows_splits_and_distributions(window, flowers, qtbot):
    window.canvas.viewport.fit_all()
    place = window.canvas.viewport.node_rect(flowers).center().toPoint()
    qtbot.mouseDClick(window.canvas, Qt.MouseButton.LeftButton, pos=place)
    page = opened(window, qtbot)
    assert window.pages.shows_dataset and page.table.isVisible()
    texts = [page.tabs.tabText(i) for i in range(page.tabs.count())]
    assert [t.split("·")[1].strip() for t in texts] == ["90 rows", "30 rows", "30 rows"]
    header = page.model.headerData
    names = [header(i, Qt.Orientation.Horizontal, DISPLAY) for i in range(5)]
    assert names == ["sepal_length", "sepal_width", "petal_length", "petal_width", "labels"]
    commands.set_attr(window.workspace.document, flowers, "labels", ["species"])
    qtbot.waitUntil(lambda: header(4, Qt.Orientation.Horizontal, DISPLAY) == "species")
    page = opened(window, qtbot)
    assert page.model.surveys[4].categories[0] == ("setosa", 50)
    assert page.model.index(0, 4).data() == "setosa"


@pytest.mark.thorough
def test_cells_are_those_of_the_file(window, flowers, qtbot, tmp_path):
    window.own_data.show_rows(flowers)
    page = opened(window, qtbot)
    lines = (tmp_path / "iris.csv").read_text().splitlines()[1:]
    page.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: page.model.index(0, 0).data() is not None, timeout=10_000)
    for row in (0, 7, 29):
        wanted = lines[120 + row].split(",")
        found = [page.model.index(row, column).data() for column in range(5)]
        assert [float(x) for x in found[:4]] == pytest.approx([float(x) for x in wanted[:4]])
        assert found[4] == wanted[4]
    assert page.model.headerData(0, Qt.Orientation.Vertical, DISPLAY) == "121"


@pytest.mark.thorough
def test_far_rows_are_read_when_they_come_into_sight(window, qtbot, tmp_path):
    path = own_data.houses(tmp_path / "houses.csv", 5000)
    window.workspace.allow(path)
    node = commands.add_node(
        window.workspace.document, "dataset", (0, 0), None, {"source": f"csv:{path}"}
    )
    window.own_data.show_rows(node)
    page = opened(window, qtbot)
    last = page.model.rowCount() - 1
    page.table.scrollToBottom()
    qtbot.waitUntil(lambda: page.model.index(last, 0).data() is not None, timeout=10_000)
    assert len(page.model._blocks) < 10, "only what was seen is kept"


def test_pictures_are_shown_as_pictures(window, qtbot, tmp_path):
    random = np.random.default_rng(0)
    path = tmp_path / "pictures.npz"
    np.savez(path, x=random.integers(0, 255, (50, 12, 12), np.uint8), y=np.arange(50) % 3)
    window.workspace.allow(path)
    node = commands.add_node(
        window.workspace.document, "dataset", (0, 0), None, {"source": f"npz:{path}"}
    )
    window.own_data.show_rows(node)
    page = window.pages.dataset
    qtbot.waitUntil(lambda: page.content is not None, timeout=20_000)
    drawn = lambda: page.model.data(page.model.index(0, 0), DECORATION)  # noqa: E731
    qtbot.waitUntil(lambda: drawn() is not None, timeout=10_000)
    assert drawn().height() > 20


@pytest.mark.thorough
def test_keys_lead_there_and_back(window, flowers, qtbot):
    window.canvas.selection.select([flowers])
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Key.Key_Return, Keys.ControlModifier)
    page = opened(window, qtbot)
    assert page.table.hasFocus() or window.focusWidget() is page.table
    QTest.keyClick(page.table, Key.Key_Escape)
    assert window.pages.focus_area is window.canvas


def test_enter_on_a_row_shows_it_on_the_graph(window, engine, flowers, qtbot):
    window.own_data.show_rows(flowers)
    page = opened(window, qtbot)
    page.tabs.setCurrentIndex(2)
    page.table.setCurrentIndex(page.model.index(7, 0))
    QTest.keyClick(page.table, Key.Key_Return)
    assert window.pages.focus_area is window.canvas
    choice = window.data.choice
    assert (choice.split, choice.first, choice.count) == ("test", 7, 1)


def test_another_option_shows_other_rows(window, flowers, qtbot):
    window.own_data.show_rows(flowers)
    page = opened(window, qtbot)
    commands.set_attr(window.workspace.document, flowers, "splits", [0.5, 0.5])
    qtbot.waitUntil(lambda: page.tabs.count() == 2, timeout=10_000)
    commands.remove(window.workspace.document, [flowers])
    assert window.pages.focus_area is window.canvas, "the node is gone, and its page with it"


@pytest.mark.thorough
def test_the_menu_of_a_dataset_offers_what_it_can_do(window, flowers, qtbot):
    window.canvas.selection.select([flowers])
    window.context_menu.open("node", QPoint(10, 10))
    texts = [action.text() for action in window.context_menu.menu.actions()]
    assert texts[:3] == ["Show the rows", "Add placeholders", "Locate…"]
    window.context_menu.menu.close()


def moved_file(window, tmp_path, qtbot):
    """An opened document whose data file is elsewhere now."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    own_data.flowers(old / "iris.csv")
    document = Document()
    commands.add_node(document, "dataset", (0, 0), "iris", {"source": "csv:old/iris.csv"})
    flow.save(document, tmp_path / "graph.flow")
    old.rename(new)
    assert window.files.load(tmp_path / "graph.flow")
    return new / "iris.csv"


def test_a_file_that_moved_is_located_from_the_banner(window, tmp_path, qtbot, monkeypatch):
    place = moved_file(window, tmp_path, qtbot)
    document = window.workspace.document
    assert window.info.isVisible() and "iris.csv was not found" in window.info.text
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(place), ""))
    qtbot.mouseClick(window.info.button, Qt.MouseButton.LeftButton)
    assert document.node_named("iris").attrs["source"] == "csv:new/iris.csv"
    assert not window.info.isVisible() and not window.workspace.problems()
    document.undo()
    assert document.node_named("iris").attrs["source"] == "csv:old/iris.csv"


@pytest.mark.thorough
def test_a_file_that_moved_is_located_from_the_inspector(window, tmp_path, qtbot, monkeypatch):
    place = moved_file(window, tmp_path, qtbot)
    node = window.workspace.document.node_named("iris").id
    window.canvas.selection.select([node])
    section = window.panels["inspector"].outside.page.dataset
    assert section.locate.isVisibleTo(section) and not section.show_rows.isVisibleTo(section)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(place), ""))
    qtbot.mouseClick(section.locate, Qt.MouseButton.LeftButton)
    section = window.panels["inspector"].outside.page.dataset
    assert not section.locate.isVisibleTo(section) and section.placeholders.isVisibleTo(section)


@pytest.mark.thorough
def test_the_page_of_a_missing_file_says_so_and_offers_to_locate_it(
    window, tmp_path, qtbot, monkeypatch
):
    place = moved_file(window, tmp_path, qtbot)
    window.own_data.show_rows(window.workspace.document.node_named("iris").id)
    page = window.pages.dataset
    qtbot.waitUntil(page.locate.isVisible, timeout=10_000)
    assert "iris.csv" in page.problem.text()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(place), ""))
    qtbot.mouseClick(page.locate, Qt.MouseButton.LeftButton)
    assert opened(window, qtbot).model.rowCount() == 120


@pytest.mark.thorough
def test_a_notice_speaks_of_the_window_not_of_the_command_line(
    window, qtbot, monkeypatch, tmp_path
):
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    node = commands.add_node(window.workspace.document, "dataset", (40, 40), "digits", {})
    window.own_data.show_rows(node)
    page = window.pages.dataset
    qtbot.waitUntil(lambda: page.content is not None, timeout=20_000)
    assert "5 000" in page.notice.text().replace("\u202f", " ").replace("\u2009", " ")
    assert "nodeflow data fetch" not in page.notice.text()
