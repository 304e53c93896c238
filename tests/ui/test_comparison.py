"""Comparing two graphs in the window: marks on the canvas, the list, the way through and out."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QToolTip

from nodeflow.document.diff.comparison_view import INSIDE
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.io.embedded_graph import load_picture
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.ui.canvas.a11y.interfaces import tree_of
from nodeflow.ui.core.theming.theme import DARK, LIGHT
from nodeflow.ui.pages import comparison_page

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys, Left = Qt.Key, Qt.KeyboardModifier, Qt.MouseButton.LeftButton


@pytest.fixture
def earlier(window) -> Document:
    """``n1 = constant, n2 = relu(n1), n3 = tanh(n2), n4 = part(n1)``; the window has it, too, with
    one node removed, one changed, one added, and a change inside the subgraph."""
    doc = Document()
    for name, op, x in (("a", "constant", 0), ("b", "relu", 300), ("c", "tanh", 600)):
        commands.add_node(doc, op, (x, 0), name)
    commands.add_node(doc, "square", (300, 300), "inner")
    commands.connect(doc, "n1", "out", "n2", "x")
    commands.connect(doc, "n2", "out", "n3", "x")
    commands.connect(doc, "n1", "out", "n4", "x")
    create(doc, ["n4"], "part")
    now = flow.loads(flow.dumps(doc))
    commands.set_attr(now, "n1", "value", 2.5)
    commands.remove(now, ["n2"])
    new = commands.add_node(now, "sigmoid", (300, -300), "d")
    commands.connect(now, "n1", "out", new, "x")
    commands.connect(now, new, "out", "n3", "x")
    commands.rename(now.graph("part"), "n4", "squared")
    window.workspace.open(now)
    window.pages.show_canvas()
    return doc


@pytest.fixture
def page(window, earlier, qtbot):
    """The page that compares both, on a canvas with room."""
    window.compare.show_comparison(earlier, window.workspace.root, "before", "after")
    qtbot.waitUntil(lambda: window.pages.comparison.is_ready, timeout=20_000)
    return window.pages.comparison


def node(page, name: str) -> str:
    """The id of a node in the union; a minus stands before the name of a ghost."""
    part = page.inside.document
    marks = page.found.marks[part.scope].nodes
    return next(
        i for i, record in part.nodes.items()
        if ("-" if marks.get(i) == "removed" else "") + record.name == name
    )  # fmt: skip


def place(page, node_id: str) -> QPoint:
    return page.canvas.viewport.node_rect(node_id).center().toPoint()


def row_of(page, text: str) -> int:
    texts = [page.model.of(i).data() for i in range(page.model.rowCount())]
    return texts.index(text)


def hover(widget, at: QPoint) -> str:
    QToolTip.hideText()
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, at, widget.mapToGlobal(at)))
    return QToolTip.text()


@pytest.mark.thorough
def test_the_banner_and_the_list_say_what_differs(page, window):
    assert window.pages.shows_comparison and page.banner.titles.text() == "Compared: before → after"
    shown = {kind: widget.text() for kind, widget in page.banner.counts.items()}
    assert shown == {"added": "2 added", "removed": "2 removed", "changed": "3 changed"}
    rows = [
        tuple(page.model.index(i, column).data() for column in range(3))
        for i in range(page.model.rowCount())
    ]
    assert rows == [
        ("a: value", "not set", "2.5"),
        ("b (relu)", "", ""),
        ("d (sigmoid)", "", ""),
        ("wire into b:x", "a", "no wire"),
        ("wire into c:x", "b", "d"),
        ("wire into d:x", "no wire", "a"),
        ("part ▸ squared: name", "inner", "squared"),
    ]


@pytest.mark.sample(1)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_each_kind_of_node_has_its_own_line_and_colour(page, window, theme):
    window.themes.set_theme(theme)
    page.canvas.viewport.fit_all()
    picture = page.canvas.grab().toImage()
    ratio = picture.devicePixelRatio()
    covered = {}
    for name, role in (("d", "added"), ("-b", "removed"), ("a", "changed"), ("part", "changed")):
        rect = page.canvas.viewport.node_rect(node(page, name))
        wanted, left = theme.color(role), rect.left() - 3
        points = [QPointF(left, rect.top() + 14 + i) for i in range(int(rect.height()) - 24)]
        colors = [picture.pixelColor((point * ratio).toPoint()) for point in points]
        near = [
            abs(c.red() - wanted.red()) + abs(c.green() - wanted.green())
            + abs(c.blue() - wanted.blue()) < 60 for c in colors
        ]  # fmt: skip
        covered[name] = sum(near) / len(near)
    assert covered["d"] > 0.95 and covered["a"] > 0.95, "solid"
    assert 0.2 < covered["-b"] < 0.9 and 0.1 < covered["part"] < 0.9, "dashed and dotted"


@pytest.mark.thorough
def test_what_is_gone_stays_where_it_was_and_the_rest_is_pale(page):
    canvas = page.canvas
    ghost = node(page, "-b")
    assert canvas.document.nodes[ghost].pos == (300, 0)
    pale = {canvas.scene.nodes.key(int(s)) for s in canvas.scene.dimmed.nonzero()[0]}
    assert {canvas.document.nodes[i].name for i in pale} == {"c"}
    assert page.found.marks[""].nodes[node(page, "part")] == INSIDE


def test_keys_lead_through_the_changes_and_into_the_subgraph(page, window, qtbot):
    seen = []
    for _ in range(8):
        qtbot.keyClick(window, Key.Key_F3)
        seen.append((page.number, page.inside.document.scope, page.list.currentIndex().row()))
    assert [s[0] for s in seen] == [0, 1, 2, 3, 4, 5, 6, 0]
    assert [s[1] for s in seen] == [""] * 6 + ["part", ""]
    assert [s[2] for s in seen] == [0, 1, 2, 3, 4, 5, 6, 0]
    assert page.banner.place.text() == "1 of 7"
    qtbot.keyClick(window, Key.Key_F3, Keys.ShiftModifier)
    assert page.number == 6 and page.canvas.selection.nodes() == ["n4"]
    assert page.path.isVisible() and page.path.text.endswith("part")


@pytest.mark.thorough
def test_buttons_of_the_banner_do_the_same(page, qtbot):
    qtbot.mouseClick(page.banner.next, Left)
    qtbot.mouseClick(page.banner.next, Left)
    assert page.number == 1 and page.canvas.selection.nodes() == [node(page, "-b")]
    qtbot.mouseClick(page.banner.previous, Left)
    assert page.number == 0


def test_going_round_is_said_and_a_step_is_not(page):
    """Forward over all seven and once round, then back over the first and on."""
    said, seen = [], []
    page.said.connect(said.append)
    for by in (1,) * 8 + (-1, -1, 1):
        said.clear()
        page.step(by)
        seen.append((page.number, [text for text in said if text.startswith("Back at")]))
    assert seen[:7] == [(number, []) for number in range(7)]
    first, last = ["Back at the first change."], ["Back at the last change."]
    assert seen[7:] == [(0, first), (6, last), (5, []), (6, [])]


def test_a_click_in_the_list_shows_the_node_and_one_on_the_canvas_the_row(page, qtbot):
    page.canvas.viewport.look_at(QPointF(9000, 9000), 0)
    row = page.model.of(row_of(page, "d (sigmoid)"))
    at = page.list.visualRect(row).center()
    qtbot.mouseClick(page.list.viewport(), Left, pos=at)
    assert page.canvas.selection.nodes() == [node(page, "d")]
    assert page.canvas.rect().contains(place(page, node(page, "d")))
    page.canvas.viewport.fit_all()
    qtbot.mouseClick(page.canvas, Left, pos=place(page, node(page, "a")))
    assert page.list.currentIndex().data() == "a: value"


@pytest.mark.thorough
def test_a_wire_is_looked_at_with_both_its_ends(page, qtbot):
    page.canvas.viewport.look_at(QPointF(9000, 9000), 0)
    page.go_to(row_of(page, "wire into c:x"))
    assert page.canvas.selection.wire == ("n3", "x")
    for name in ("c", "d"):
        assert page.canvas.rect().contains(place(page, node(page, name)))


def test_tooltips_say_what_changed(page):
    canvas = page.canvas
    canvas.viewport.fit_all()
    assert hover(canvas, place(page, node(page, "a"))) == "<b>a: value: not set → 2.5</b>"
    assert hover(canvas, place(page, node(page, "-b"))) == "<b>b (relu)</b>"
    inside = hover(canvas, place(page, node(page, "part")))
    assert inside == "<b>part</b><br>1 change inside: double-click to see"
    x0, y0, x1, y1 = canvas.scene.marks.gone_ends[0]  # from the ghost into c
    middle = canvas.viewport.camera.to_view(QPointF((x0 + x1) / 2, (y0 + y1) / 2))
    assert hover(canvas, middle.toPoint()) == "<b>wire into c:x: b → d</b>"
    assert "tanh" in hover(canvas, place(page, node(page, "c"))).lower(), "as on any canvas"


@pytest.mark.thorough
def test_text_of_files_is_shown_as_it_is(window, earlier, qtbot):
    commands.set_attr(window.workspace.root, "n1", "note", "<img src=x>")
    window.compare.show_comparison(earlier, window.workspace.root, "<b>x</b>", "after")
    page = window.pages.comparison
    qtbot.waitUntil(lambda: page.is_ready, timeout=20_000)
    page.canvas.viewport.fit_all()
    assert "&lt;img src=x&gt;" in hover(page.canvas, place(page, "n1"))
    assert page.banner.titles.textFormat() == Qt.TextFormat.PlainText


@pytest.mark.thorough
def test_a_double_click_enters_a_subgraph_and_escape_leads_out_and_ends(page, window, qtbot):
    canvas = page.canvas
    canvas.viewport.fit_all()
    qtbot.mouseDClick(canvas, Left, pos=place(page, node(page, "part")))
    assert page.inside.document.scope == "part"
    assert page.found.marks["part"].nodes == {"n4": "changed"}
    assert canvas.scene.marks.nodes[canvas.scene.nodes.get("n4")]
    canvas.selection.select([])
    qtbot.keyClick(canvas, Key.Key_Escape)
    assert page.inside.document.scope == "" and window.pages.shows_comparison
    canvas.selection.select([])
    qtbot.keyClick(canvas, Key.Key_Escape)
    assert not window.pages.shows_comparison and page.found is None
    assert not canvas.document.nodes, "nothing is kept of it"


def test_keys_enter_and_leave_a_subgraph_as_on_the_canvas(page, window, qtbot):
    page.canvas.selection.select([node(page, "part")])
    window.actions_.refresh_now()
    qtbot.keyClick(window, Key.Key_Return, Keys.ControlModifier)
    assert page.inside.document.scope == "part" and not window.workspace.path
    window.actions_.refresh_now()
    qtbot.keyClick(window, Key.Key_Return, Keys.ControlModifier | Keys.ShiftModifier)
    assert page.inside.document.scope == "" and window.pages.shows_comparison
    for action in ("subgraph", "unpack"):
        assert "read-only" in window.actions_.blocked(action).reason


@pytest.mark.thorough
def test_screen_readers_hear_the_marks(page):
    heard = {}
    for name in ("-b", "d", "a", "part", "c"):
        child = tree_of(page.canvas._accessible).object(node(page, name))
        heard[name] = QAccessible.queryAccessibleInterface(child).text(QAccessible.Text.Name)
    assert heard["-b"].startswith("removed: b, ReLU node")
    assert heard["d"].startswith("added: d, ") and heard["a"].startswith("changed: a, ")
    assert heard["part"].startswith("changes inside: part, ") and heard["c"].startswith("c, Tanh")


@pytest.mark.thorough
def test_a_removed_node_can_be_copied_from_it(page, window, qtbot):
    page.canvas.selection.select([node(page, "-b")])
    window.actions_.refresh_now()
    qtbot.keyClick(page.canvas, Key.Key_C, Keys.ControlModifier)
    window.actions_.trigger("end_comparison")
    window.actions_.refresh_now()
    qtbot.keyClick(window.canvas, Key.Key_V, Keys.ControlModifier)
    assert window.workspace.root.node_named("b").op == "relu"


@pytest.mark.sample(1)
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_comparison_is_exported_with_its_marks(page, window, tmp_path, monkeypatch, ending):
    path = tmp_path / f"changes.{ending}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    window.actions_.refresh_now()
    window.actions_.trigger("export_comparison")
    assert path.stat().st_size > 2000
    if ending == "png":
        picture, seen = QImage(str(path)), set()
        for x in range(picture.width()):
            seen |= {picture.pixelColor(x, y).name() for y in range(0, picture.height(), 3)}
        assert {LIGHT.added, LIGHT.removed, LIGHT.changed} <= seen
        with pytest.raises(NodeflowError):
            load_picture(path)  # it is of two graphs
    if ending == "svg":
        assert LIGHT.removed in path.read_text().lower()


@pytest.mark.thorough
def test_the_button_and_the_menu_end_it(page, window, earlier, qtbot):
    qtbot.mouseClick(page.banner.end, Left)
    assert not window.pages.shows_comparison
    window.actions_.refresh_now()
    assert window.actions_.blocked("next_change").reason == "No comparison."
    window.compare.show_comparison(earlier, window.workspace.root, "before", "after")
    window.actions_.refresh_now()
    window.actions_.trigger("end_comparison")
    assert not window.pages.shows_comparison
    QTest.qWait(200)
    assert page.found is None, "what a thread found too late is dropped"


def test_nothing_is_edited_in_a_comparison(page, window, earlier, qtbot):
    texts = flow.dumps(earlier), flow.dumps(window.workspace.root)
    canvas = page.canvas
    canvas.viewport.fit_all()
    qtbot.mouseClick(canvas, Left, pos=place(page, node(page, "d")))
    for key in (Key.Key_Delete, Key.Key_M, Key.Key_H):
        qtbot.keyClick(canvas, key)
    at = place(page, node(page, "d"))
    qtbot.mousePress(canvas, Left, pos=at)
    qtbot.mouseMove(canvas, at + QPoint(60, 60))
    qtbot.mouseRelease(canvas, Left, pos=at + QPoint(60, 60))
    window.actions_.refresh_now()
    assert "read-only" in window.actions_.blocked("delete").reason
    assert (flow.dumps(earlier), flow.dumps(window.workspace.root)) == texts


@pytest.mark.thorough
def test_an_edit_of_the_open_document_is_compared_again(page, window, qtbot):
    page.go_to(row_of(page, "d (sigmoid)"))
    commands.set_attr(window.workspace.root, "n3", "q", 1)
    qtbot.waitUntil(lambda: page.model.rowCount() == 8, timeout=20_000)
    assert page.list.currentIndex().data() == "d (sigmoid)", "one stays where one was"
    window.actions_.trigger("undo")
    qtbot.waitUntil(lambda: page.model.rowCount() == 7, timeout=20_000)


@pytest.mark.thorough
def test_another_document_ends_it(page, window):
    window.workspace.open(Document())
    assert page.found is None and page.sides is None


@pytest.mark.thorough
def test_positions_count_when_asked(page, window, qtbot):
    commands.move(window.workspace.root, {"n3": (700, 40)})
    qtbot.waitUntil(lambda: not page._again.isActive() and not page._work.is_busy, timeout=20_000)
    assert page.model.rowCount() == 7
    qtbot.mouseClick(
        page.banner.positions, Left, pos=QPoint(8, page.banner.positions.height() // 2)
    )
    qtbot.waitUntil(lambda: page.model.rowCount() == 8, timeout=20_000)
    assert ("c: pos", "[600, 0]", "[700, 40]") in [
        tuple(page.model.index(i, c).data() for c in range(3)) for i in range(8)
    ]


@pytest.mark.thorough
def test_equal_documents_say_so(window, earlier, qtbot):
    window.compare.show_comparison(earlier, earlier, "before", "after")
    page = window.pages.comparison
    qtbot.waitUntil(lambda: page.is_ready, timeout=20_000)
    assert page.model.rowCount() == 0 and not page.canvas.scene.dimmed.any()
    window.actions_.refresh_now()
    assert window.actions_.blocked("next_change").reason == "No differences."
    assert not page.banner.next.isVisible()
    assert page.banner.nothing.isVisible() and page.banner.nothing.text() == "No differences"


@pytest.mark.thorough
def test_that_only_positions_differ_is_said(window, earlier, qtbot):
    moved = flow.loads(flow.dumps(earlier))
    commands.move(moved, {"n1": (5, 5)})
    window.compare.show_comparison(earlier, moved, "before", "after")
    page = window.pages.comparison
    qtbot.waitUntil(lambda: page.is_ready, timeout=20_000)
    assert page.banner.nothing.text() == "Only positions differ"


def test_a_file_is_chosen_read_and_compared_by_threads(
    window, earlier, qtbot, tmp_path, monkeypatch
):
    flow.save(earlier, tmp_path / "old.flow")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "old.flow"), ""))
    threads = []

    def compared(*arguments):
        threads.append(threading.current_thread())
        return made(*arguments)

    made = comparison_page._compared
    monkeypatch.setattr(comparison_page, "_compared", compared)
    window.actions_.trigger("compare")
    page = window.pages.comparison
    qtbot.waitUntil(lambda: page.is_ready, timeout=20_000)
    assert page.banner.titles.text() == "Compared: old.flow → in this window"
    assert page.model.rowCount() == 7 and threads[0] is not threading.main_thread()


@pytest.mark.thorough
def test_a_file_that_cannot_be_read_is_a_message(window, qtbot, tmp_path, monkeypatch):
    (tmp_path / "bad.flow").write_text("{")
    said = []
    monkeypatch.setattr(
        "nodeflow.ui.popups.dialogs.confirmation_dialogs.show_problem",
        lambda _, title, error: said.append(title),
    )
    window.compare.compare_with_file(tmp_path / "bad.flow")
    qtbot.waitUntil(lambda: bool(said), timeout=10_000)
    assert said == ["bad.flow cannot be compared"] and not window.pages.shows_comparison


@pytest.mark.thorough
def test_what_was_changed_since_the_last_save_is_compared(window, earlier, qtbot, tmp_path):
    assert "no file" in window.actions_.blocked("compare_saved").reason
    flow.save(window.workspace.root, tmp_path / "mine.flow")
    window.actions_.refresh_now()
    assert "Nothing has changed" in window.actions_.blocked("compare_saved").reason
    commands.rename(window.workspace.root, "n3", "last")
    window.actions_.trigger("compare_saved")
    page = window.pages.comparison
    qtbot.waitUntil(lambda: page.is_ready, timeout=20_000)
    assert page.model.of(0).data() == "last: name" and page.model.rowCount() == 1


@pytest.mark.thorough
def test_the_dialog_of_other_versions_leads_here(window, earlier, qtbot):
    window.files.versions.on_canvas(earlier, window.workspace.root, "on disk", "in this window")
    page = window.pages.comparison
    qtbot.waitUntil(lambda: page.is_ready, timeout=20_000)
    assert page.banner.titles.text() == "Compared: on disk → in this window"
