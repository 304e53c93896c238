"""Getting to subgraphs, used or not: views, bookmarks, the ops panel's rows, find."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication
from test_subgraph_actions import expression_window, make, node, shortcut

from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import library
from nodeflow.document.edit.subgraphs.definitions import add_instance, rename_definition
from nodeflow.document.io import flow
from nodeflow.document.model.records import SUBGRAPH
from nodeflow.ui.controllers.viewing.view_history import View
from nodeflow.ui.panels.op_palette import OP_ROLE

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(qtbot, live_window):
    return expression_window(qtbot, live_window)


def remove(window, *names: str) -> None:
    commands.remove(window.workspace.document, [node(window, name).id for name in names])


def body(window) -> str:
    """The file's text but for the counter of ids."""
    return flow.dumps(window.workspace.root).split("\n", 1)[1]


# ---- views --------------------------------------------------------------------------------------


def test_back_and_forward_lead_into_subgraphs_and_out(window, qtbot):
    make(qtbot, window, "d", "e")
    views, canvas = window.views, window.canvas
    views.reset()
    canvas.viewport.pan(300, 40)
    outside = views.current()
    shortcut(qtbot, window, "Ctrl+Return")
    canvas.viewport.pan(-500, 200)
    inside = views.current()
    assert inside.path == window.workspace.path != ()
    canvas.selection.select([])
    qtbot.keyClick(canvas, Key.Key_Left, Keys.AltModifier)
    assert window.workspace.path == () and views.current().is_near(outside)
    qtbot.mouseClick(canvas, Qt.MouseButton.ForwardButton)
    assert window.workspace.scope == "sums/" and views.current().is_near(inside)
    assert window.pages.breadcrumbs.text == "expression ▸ sums"


@pytest.mark.thorough
def test_leaving_shows_the_graph_outside_as_it_was_left(window, qtbot):
    make(qtbot, window, "d", "e")
    views = window.views
    window.canvas.viewport.zoom_out()
    window.canvas.viewport.pan(60, -30)
    outside = views.current()
    shortcut(qtbot, window, "Ctrl+Return")
    window.canvas.viewport.pan(77, 0)
    inside = views.current()
    qtbot.keyClick(window.canvas, Key.Key_Escape)
    assert views.current().is_near(outside)
    shortcut(qtbot, window, "Ctrl+Return")
    assert views.current().is_near(inside)


@pytest.mark.thorough
def test_back_passes_over_views_in_a_subgraph_that_is_gone(window, qtbot):
    make(qtbot, window, "d", "e")
    views = window.views
    views.reset()
    first = views.current()
    shortcut(qtbot, window, "Ctrl+Return")
    views.note()
    qtbot.keyClick(window.canvas, Key.Key_Escape)
    remove(window, "sums")
    window.canvas.viewport.pan(900, 0)
    assert views.back()
    assert window.workspace.path == () and views.current().is_near(first)


@pytest.mark.thorough
def test_a_bookmark_leads_into_its_subgraph_also_in_another_session(window, qtbot, tmp_path):
    make(qtbot, window, "d", "e")
    make(qtbot, window, "sums", "a", called="outer")
    views, canvas, root = window.views, window.canvas, window.workspace.root
    for name in ("outer", "sums"):
        canvas.selection.select([node(window, name).id])
        shortcut(qtbot, window, "Ctrl+Return")
    canvas.viewport.pan(123, 45)
    wanted = views.current()
    before = body(window)
    shortcut(qtbot, window, "Ctrl+Shift+4")
    assert body(window) == before, "bookmarks are the user's, not the file's"
    window.actions_.refresh()
    window.actions_.refresh_now()
    assert window.actions_["bookmark_4"].text() == "Go to bookmark 4 (in outer/sums)"
    window.subgraphs.go_to(0)
    shortcut(qtbot, window, "Ctrl+Alt+4")
    assert window.workspace.scope == "outer/sums/" and views.current().is_near(wanted)
    path = tmp_path / "kept.flow"
    assert window.files._save(path)
    window.files.begin_empty()
    assert not views.has_bookmark(4), "an unsaved graph begins without"
    window.files.load(path)
    assert window.workspace.root is not root and window.workspace.path == ()
    shortcut(qtbot, window, "Ctrl+Alt+4")
    assert window.workspace.scope == "outer/sums/" and views.current().is_near(wanted)


@pytest.mark.thorough
def test_a_bookmark_in_a_subgraph_that_is_gone_says_so_and_offers_to_set_it(window, qtbot):
    make(qtbot, window, "d", "e")
    shortcut(qtbot, window, "Ctrl+Return")
    shortcut(qtbot, window, "Ctrl+Shift+2")
    qtbot.keyClick(window.canvas, Key.Key_Escape)
    shortcut(qtbot, window, "Ctrl+Alt+G")  # unpack
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Alt+2")
    assert "The subgraph of bookmark 2 no longer exists." in window.info.text
    assert window.workspace.path == ()
    qtbot.mouseClick(window.info.button, LEFT)
    assert window.views.place_of(2) == ""
    window.canvas.viewport.pan(400, 0)
    shortcut(qtbot, window, "Ctrl+Alt+2")
    assert window.workspace.path == ()


def test_bookmarks_of_before_without_a_path_are_of_the_files_own_graph(settings):
    settings._store.setValue("bookmarks", '{"a.flow": {"1": [1, 2, 3], "2": [1, 2, 3, ["n4"]]}}')
    assert settings.bookmarks("a.flow") == {1: (1.0, 2.0, 3, ()), 2: (1.0, 2.0, 3, ("n4",))}
    settings._store.setValue("bookmarks", '{"a.flow": {"1": [1, 2, 3, "n4"]}}')
    assert settings.bookmarks("a.flow") == {}


# ---- fit, minimap, outline ----------------------------------------------------------------------


def inside(window, qtbot) -> None:
    make(qtbot, window, "d", "e")
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Return")


@pytest.mark.thorough
def test_fit_and_the_minimap_are_of_the_subgraph_that_is_shown(window, qtbot):
    window.actions_.trigger("minimap")
    minimap, canvas = window.view_actions.minimap, window.canvas
    minimap.grab()
    inside(window, qtbot)
    outside = minimap._area
    canvas.viewport.pan(5000, 5000)
    shortcut(qtbot, window, "Ctrl+0")
    assert all(
        canvas.rect().contains(canvas.viewport.node_rect(i).toRect()) for i in canvas.document.nodes
    )
    minimap.grab()
    assert minimap._area == canvas.scene.bounds().adjusted(-64, -64, 64, 64) != outside
    d = canvas.scene.rect(canvas.scene.nodes.get(node(window, "d").id)).center()
    scale, offset = minimap._scale()
    qtbot.mouseClick(minimap, LEFT, pos=(d * scale + offset).toPoint())
    gap = canvas.viewport.camera.to_scene(canvas.rect().center().toPointF()) - d
    assert abs(gap.x()) + abs(gap.y()) < 4 / scale
    before = minimap.grab().toImage()
    commands.move(canvas.document, {node(window, "d").id: (900.0, 900.0)})
    qtbot.waitUntil(lambda: minimap._picture is None or minimap.grab().toImage() != before)
    qtbot.keyClick(canvas, Key.Key_Escape)
    if window.workspace.path:
        qtbot.keyClick(canvas, Key.Key_Escape)
    minimap.grab()
    assert minimap._area == canvas.scene.bounds().adjusted(-64, -64, 64, 64)


def test_the_outline_lists_what_is_inside_and_selects_there(window, qtbot):
    shortcut(qtbot, window, "Ctrl+Shift+O")
    view = window.panels["outline"].view

    def table() -> dict[str, list[str]]:
        model = window.panels["outline"].sorted
        cells = [[model.index(r, c).data() for c in range(4)] for r in range(model.rowCount())]
        return {name: rest for name, *rest in cells}

    def go_to(name: str) -> None:
        view.setCurrentIndex(window.panels["outline"].sorted.index(list(table()).index(name), 0))
        view.setFocus()

    inside(window, qtbot)
    qtbot.waitUntil(lambda: table().keys() == {"inputs", "outputs", "d", "e"})
    qtbot.waitUntil(lambda: table()["e"] == ["add", "f32", "3"])
    go_to("e")
    assert window.canvas.selection.nodes() == [node(window, "e").id]
    window.canvas.viewport.pan(4000, 0)
    press(window, qtbot, Key.Key_Return)
    rect = window.canvas.viewport.node_rect(node(window, "e").id).toRect()
    assert window.canvas.rect().contains(rect) and window.workspace.scope == "sums/"
    window.actions_.trigger("leave")
    qtbot.waitUntil(lambda: {"sums", "a", "b"} < table().keys())
    assert table()["sums"][0] == "subgraph subgraph", "what it is an instance of"
    go_to("sums")
    shortcut(qtbot, window, "Ctrl+Return")
    assert window.workspace.scope == "sums/"


# ---- a definition that nothing uses -------------------------------------------------------------


def rows(window) -> dict[str, str]:
    """Titles of the file's subgraphs and the library in the ops panel, with their notes."""
    found = window.panels["palette"]._insertables
    return {op.title: op.note for op in found if op.category != "Control flow"}


@pytest.fixture
def alone(window, qtbot):
    """The window with the subgraph `sums`, of which no instance is left."""
    make(qtbot, window, "d", "e")
    assert rows(window) == {"subgraph": ""}
    field = window.panels["inspector"].outside.page.subgraph.field
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "sums")
    qtbot.keyClick(field, Key.Key_Return)
    remove(window, "sums")
    assert rows(window) == {"sums": "not used"}
    window.workspace.select(())
    shortcut(qtbot, window, "Ctrl+Alt+O")
    tree = window.panels["palette"].tree
    assert tree.hasFocus() and tree.currentIndex().data() == "sums"
    return window


def press(window, qtbot, key, keys=Keys.NoModifier) -> None:
    qtbot.keyClick(window.focusWidget(), key, keys)


def test_an_unused_subgraph_is_opened_edited_and_left_by_keyboard(alone, qtbot):
    workspace, canvas = alone.workspace, alone.canvas
    press(alone, qtbot, Key.Key_Return, Keys.ControlModifier)
    assert workspace.document is workspace.root.definition("sums") and canvas.hasFocus()
    assert canvas.document is workspace.document
    assert alone.pages.breadcrumbs.text == "expression ▸ sums"
    assert "not used by an instance" in alone.pages.breadcrumbs.facts.text()
    two = next(n for n in workspace.document.nodes.values() if n.op == "add")
    assert not workspace.analysis.problems_of(two.id)
    commands.disconnect(workspace.document, (two.id, "y"))
    assert workspace.analysis.problems_of(two.id), "what is wrong is found without an instance"
    canvas.selection.select([two.id])
    alone.actions_.trigger("run_to")
    assert "nothing in it can run" in alone.info.text
    press(alone, qtbot, Key.Key_Z, Keys.ControlModifier)
    assert not workspace.analysis.problems_of(two.id)
    canvas.selection.select([])
    press(alone, qtbot, Key.Key_Escape)
    assert workspace.path == () and not alone.pages.breadcrumbs.isVisible()


@pytest.mark.thorough
def test_an_unused_subgraph_is_placed_by_enter_and_by_the_menu_in_one_step_each(alone, qtbot):
    before = body(alone)
    press(alone, qtbot, Key.Key_Return)
    assert [n.op for n in alone.workspace.document.nodes.values()].count(SUBGRAPH) == 1
    assert rows(alone) == {"sums": ""}
    alone.workspace.root.undo()
    assert body(alone) == before
    choose(alone, qtbot, "sums", "Place")
    assert len([n for n in alone.workspace.document.nodes.values() if n.op == SUBGRAPH]) == 1
    assert alone.canvas.selection.nodes() == [node(alone, "sums").id]


def choose(window, qtbot, title: str, entry: str) -> None:
    """Right click on a row of the ops panel, and an entry of its menu by arrow keys and Enter."""
    tree = window.panels["palette"].tree
    index = window.panels["palette"]._row_of(row_id(window, title))
    tree.scrollTo(index)
    at = tree.visualRect(index).center()
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, at, tree.viewport().mapToGlobal(at), Keys.NoModifier
    )
    QApplication.sendEvent(tree.viewport(), event)
    menu = window.insertables.menu
    assert menu.isVisible()
    action = next(a for a in menu.actions() if a.text().partition("\t")[0] == entry)
    menu.setActiveAction(action)
    qtbot.keyClick(menu, Key.Key_Return)


def row_id(window, title: str) -> str:
    return next(op.id for op in window.panels["palette"]._insertables if op.title == title)


@pytest.mark.thorough
def test_the_menu_opens_by_key_at_the_current_row(alone):
    tree = alone.panels["palette"].tree
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint())
    QApplication.sendEvent(tree, event)
    menu = alone.insertables.menu
    texts = [a.text().partition("\t")[0] for a in menu.actions() if not a.isSeparator()]
    assert texts == ["Place", "Open", "Rename…", "Save to the library…", "Remove"]
    menu.close()
    tree.setCurrentIndex(alone.panels["palette"]._row_of("add"))
    QApplication.sendEvent(tree, event)
    assert [a.text().partition("\t")[0] for a in alone.insertables.menu.actions()] == ["Place"]
    alone.insertables.menu.close()


@pytest.mark.thorough
def test_a_subgraph_is_renamed_by_f2_in_one_step_while_it_is_shown(alone, qtbot):
    press(alone, qtbot, Key.Key_Return, Keys.ControlModifier)
    before = body(alone)
    shortcut(qtbot, alone, "Ctrl+Alt+O")
    press(alone, qtbot, Key.Key_F2)
    popup = alone.quick_pick
    assert popup.isVisible() and popup.field.text() == popup.field.selectedText() == "sums"
    qtbot.keyClicks(popup.field, "9")
    qtbot.keyClick(popup.field, Key.Key_Return)
    assert popup.isVisible() and "not starting with a digit" in popup.note.text()
    popup.field.selectAll()
    qtbot.keyClicks(popup.field, "totals")
    qtbot.keyClick(popup.field, Key.Key_Return)
    root = alone.workspace.root
    assert list(root.subgraphs) == ["totals"] and rows(alone) == {"totals": "not used"}
    assert alone.panels["palette"].tree.currentIndex().data() == "totals"
    assert alone.workspace.document is root.definition("totals"), "it is still shown"
    assert alone.pages.breadcrumbs.text == "expression ▸ totals"
    root.undo()
    assert body(alone) == before and alone.workspace.document is root.definition("sums")


def test_bookmarks_and_views_of_a_subgraph_without_an_instance_follow_its_new_name(
    alone, qtbot, tmp_path
):
    views, canvas = alone.views, alone.canvas
    press(alone, qtbot, Key.Key_Return, Keys.ControlModifier)
    assert alone.workspace.path == ("@sums",)
    canvas.viewport.pan(123, 45)
    wanted = views.current()
    canvas.setFocus()
    shortcut(qtbot, alone, "Ctrl+Shift+6")
    canvas.viewport.pan(0, 900)
    shortcut(qtbot, alone, "Ctrl+Alt+O")
    press(alone, qtbot, Key.Key_F2)
    popup = alone.quick_pick
    popup.field.selectAll()
    qtbot.keyClicks(popup.field, "totals")
    qtbot.keyClick(popup.field, Key.Key_Return)
    assert alone.workspace.path == ("@totals",)

    def leads_there() -> bool:
        alone.canvas.setFocus()
        shortcut(qtbot, alone, "Ctrl+Alt+6")
        now = views.current()
        return alone.workspace.path == now.path and now.is_near(
            View(wanted.x, wanted.y, wanted.step, now.path)
        )

    assert views.place_of(6) == "totals" and leads_there()
    qtbot.keyClick(canvas, Key.Key_Escape)
    assert alone.workspace.path == () and leads_there()
    assert views.back() and alone.workspace.path == ()
    assert alone.files._save(tmp_path / "kept.flow")
    alone.files.begin_empty()
    alone.files.load(tmp_path / "kept.flow")
    assert leads_there() and alone.workspace.path == ("@totals",)
    alone.workspace.go_to(())
    root = alone.workspace.root
    rename_definition(root, "totals", "again")
    root.undo()
    assert leads_there() and alone.workspace.path == ("@totals",), (
        "undo is a name that changes, too"
    )


@pytest.mark.thorough
def test_a_subgraph_is_removed_by_del_in_one_step_and_comes_back(alone, qtbot):
    press(alone, qtbot, Key.Key_Return, Keys.ControlModifier)
    before = body(alone)
    shortcut(qtbot, alone, "Ctrl+Alt+O")
    press(alone, qtbot, Key.Key_Delete)
    root = alone.workspace.root
    assert not root.subgraphs and rows(alone) == {} and alone.workspace.document is root
    root.undo()
    assert body(alone) == before and rows(alone) == {"sums": "not used"}


@pytest.mark.thorough
def test_a_used_subgraph_is_not_removed_and_says_by_what_it_is_used(alone, qtbot):
    root = alone.workspace.root
    used = add_instance(root, "sums", (0, 0))
    add_instance(root, "sums", (0, 200))
    before = body(alone)
    shortcut(qtbot, alone, "Ctrl+Alt+O")
    press(alone, qtbot, Key.Key_Delete)
    assert body(alone) == before
    assert "Used by sums and 1 more. Unpack or delete these nodes first." in alone.info.text
    qtbot.mouseClick(alone.info.button, LEFT)
    assert alone.canvas.selection.nodes() == [used]
    shortcut(qtbot, alone, "Ctrl+Alt+O")
    press(alone, qtbot, Key.Key_Return, Keys.ControlModifier)
    assert alone.workspace.path == (used,), "an instance is entered where there is one"


@pytest.mark.thorough
def test_back_to_a_subgraph_that_was_unused_shows_the_instance_that_it_has_now(alone, qtbot):
    views = alone.views
    views.reset()
    press(alone, qtbot, Key.Key_Return, Keys.ControlModifier)
    alone.canvas.viewport.pan(50, 60)
    assert alone.workspace.path == ("@sums",)
    press(alone, qtbot, Key.Key_Escape)
    used = add_instance(alone.workspace.root, "sums", (0, 0))
    assert views.back() and alone.workspace.path == (used,) and not alone.workspace.is_apart
    assert views.back() and alone.workspace.path == ()
    assert not views.back()
    assert views.forward() and alone.workspace.path == (used,)


@pytest.mark.thorough
def test_a_subgraph_used_by_an_unused_one_alone_says_so(alone, qtbot):
    root = alone.workspace.root
    press(alone, qtbot, Key.Key_Return, Keys.ControlModifier)
    ids = [n.id for n in alone.workspace.document.nodes.values() if n.op == "add"]
    alone.canvas.selection.select(ids)
    shortcut(qtbot, alone, "Ctrl+Shift+G")
    qtbot.keyClick(alone.focusWidget(), Key.Key_Return)
    assert rows(alone) == {"subgraph": "not used", "sums": "not used"}
    alone.panels["palette"].go_to("subgraph/subgraph")
    alone.panels["palette"].tree.setFocus()
    press(alone, qtbot, Key.Key_Delete)
    assert "Used by sums/subgraph. Unpack or delete" in alone.info.text and len(root.subgraphs) == 2
    alone.workspace.go_to(())
    qtbot.mouseClick(alone.info.button, LEFT)
    assert alone.workspace.path == ("@sums",) and len(alone.canvas.selection.nodes()) == 1
    shortcut(qtbot, alone, "Ctrl+Return")  # into the instance inside
    assert alone.pages.breadcrumbs.text == "expression ▸ sums ▸ subgraph"
    assert alone.workspace.is_apart
    alone.panels["palette"].go_to("subgraph/sums")
    alone.panels["palette"].tree.setFocus()
    alone.insertables.do("subgraph/sums", "place")
    assert "cannot contain sums" in alone.info.text


def test_a_subgraph_goes_to_the_library_and_out_of_it_from_its_row(alone, qtbot):
    choose(alone, qtbot, "sums", "Save to the library…")
    popup = alone.quick_pick
    qtbot.keyClicks(popup.field, "kept")
    qtbot.keyClick(popup.field, Key.Key_Return)
    assert [(i.kind, i.name) for i in library.items()] == [("subgraphs", "kept")]
    assert rows(alone) == {"sums": "not used", "kept": "subgraph"}
    choose(alone, qtbot, "kept", "Place")
    assert node(alone, "sums").op == SUBGRAPH and rows(alone)["sums"] == ""
    choose(alone, qtbot, "kept", "Remove")
    assert library.items() == [] and rows(alone) == {"sums": ""}


@pytest.mark.thorough
def test_a_subgraph_is_dragged_from_its_row_into_a_wire(alone, qtbot):
    document, canvas = alone.workspace.document, alone.canvas
    end_of = commands.add_node(document, "negative", (1100, 400))
    commands.connect(document, node(alone, "b").id, "out", end_of, "x")
    canvas.viewport.fit_all()
    canvas.grab()
    tree = alone.panels["palette"].tree.viewport()
    start = (
        alone.panels["palette"]
        .tree.visualRect(alone.panels["palette"].tree.currentIndex())
        .center()
    )
    line = canvas.viewport.wire_lines([(end_of, "x")])
    x, y = line[len(line) // 2, :2].tolist()
    end = tree.mapFromGlobal(canvas.mapToGlobal(QPoint(round(x), round(y))))
    qtbot.mousePress(tree, LEFT, pos=start)
    qtbot.mouseMove(tree, start + QPoint(30, 0))
    qtbot.mouseMove(tree, end)
    ghost = canvas.palette_drag.preview
    assert (ghost.card.title, ghost.card.subtitle) == ("sums", "Subgraph sums")
    assert [p.name for p in ghost.card.outputs] == ["d", "e"] and ghost.drop.found is not None
    before = body(alone)
    qtbot.mouseRelease(tree, LEFT, pos=end)
    placed = node(alone, "sums").id
    assert document.wires[end_of, "x"].source == placed and (placed, "b") in document.wires
    assert document.undo_label == "Add sums"
    document.undo()
    assert body(alone) == before


@pytest.mark.thorough
def test_find_looks_into_subgraphs_that_nothing_uses(alone, qtbot):
    alone.canvas.setFocus()
    shortcut(qtbot, alone, "Ctrl+F")
    popup = alone.quick_pick
    qtbot.keyClicks(popup.field, "sums/e")
    assert [r.title for r in popup.model.rows] == ["sums/e"]
    assert "not used" in popup.model.rows[0].detail
    qtbot.keyClick(popup.field, Key.Key_Return)
    assert alone.workspace.path == ("@sums",)
    e = next(n.id for n in alone.workspace.document.nodes.values() if n.name == "e")
    assert alone.canvas.selection.nodes() == [e]


@pytest.mark.thorough
def test_what_is_closed_in_the_ops_panel_stays_closed_while_the_file_changes(alone, qtbot):
    tree = alone.panels["palette"].tree
    math = next(
        tree.model().index(r, 0)
        for r in range(tree.model().rowCount())
        if tree.model().index(r, 0).data() == "Math"
    )
    qtbot.mouseClick(tree.viewport(), LEFT, pos=tree.visualRect(math).center())
    assert not tree.isExpanded(math)
    alone.panels["palette"].go_to("subgraph/sums")
    press(alone, qtbot, Key.Key_Return)
    names = {tree.model().index(r, 0).data(): r for r in range(tree.model().rowCount())}
    assert not tree.isExpanded(tree.model().index(names["Math"], 0))
    assert tree.isExpanded(tree.model().index(names["Matrix"], 0))
    assert tree.currentIndex().data(OP_ROLE) == "subgraph/sums"


@pytest.mark.thorough
def test_what_cannot_run_because_it_contains_itself_is_entered_and_mended(window, qtbot, tmp_path):
    make(qtbot, window, "d", "e")
    data = json.loads(flow.dumps(window.workspace.root))
    own = {"id": "n90", "op": SUBGRAPH, "name": "own", "attrs": {"definition": "subgraph"}}
    data["subgraphs"]["subgraph"]["nodes"].append({**own, "pos": [0, 400]})
    path = tmp_path / "endless.flow"
    path.write_text(json.dumps({**data, "next_id": 91}))
    window.workspace.root.mark_saved()
    window.files.load(path)
    workspace = window.workspace
    assert [p.kind for p in workspace.problems()] == ["RecursiveSubgraph"]
    window.canvas.selection.select([node(window, "sums").id])
    shortcut(qtbot, window, "Ctrl+Return")
    assert workspace.scope == "sums/" and workspace.root_analysis.at(workspace.path) is None
    e = node(window, "e").id
    commands.disconnect(workspace.document, (e, "y"))
    assert "nothing is connected" in str(workspace.analysis.problems_of(e)[0]), "edits are followed"
    press(window, qtbot, Key.Key_Z, Keys.ControlModifier)
    assert not workspace.analysis.problems_of(e)
    window.canvas.selection.select(["n90"])
    press(window, qtbot, Key.Key_Delete)
    assert workspace.problems() == []
    assert workspace.analysis is workspace.root_analysis.at(workspace.path)
    assert str(workspace.analysis.type_of(e, "out")) == "float32 ()"
