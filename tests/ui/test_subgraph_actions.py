"""Subgraphs in the window, by mouse and keyboard, with a real engine in a thread."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QToolButton
from test_expand import body, shown

from nodeflow.document.analysis.subgraphs.subgraph_interface import port_names
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import library
from nodeflow.document.io import flow
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH

LEFT = Qt.MouseButton.LeftButton


def shortcut(qtbot, window, keys: str) -> None:
    """Press keys where the focus is, once the actions have seen what is selected."""
    window.actions_.refresh()
    pressed = QKeySequence(keys)[0]
    qtbot.keyClick(window.focusWidget(), pressed.key(), pressed.keyboardModifiers())


def expression_window(qtbot, live_window):
    """A window on expression.flow, its values there."""
    window = live_window("expression")
    qtbot.waitUntil(lambda: shown(window.canvas, "a") == "9", timeout=10000)
    return window


@pytest.fixture
def window(qtbot, live_window):
    return expression_window(qtbot, live_window)


def node(window, name: str):
    record = window.workspace.document.node_named(name)
    assert record is not None, name
    return record


def make(qtbot, window, *names: str, called: str = "sums") -> None:
    """Ctrl+Shift+G, and a name typed into the title."""
    window.canvas.setFocus()
    window.canvas.selection.select([node(window, name).id for name in names])
    shortcut(qtbot, window, "Ctrl+Shift+G")
    field = window.focusWidget()
    qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(field, called)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert node(window, called).op == SUBGRAPH


@pytest.mark.thorough
def test_a_selection_becomes_a_subgraph_that_is_entered_and_left_by_keyboard(window, qtbot):
    make(qtbot, window, "d", "e")
    qtbot.waitUntil(lambda: shown(window.canvas, "sums") == "3", timeout=10000)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Return")
    assert window.workspace.path and window.workspace.scope == "sums/"
    assert (
        window.pages.breadcrumbs.isVisible()
        and window.pages.breadcrumbs.text == "expression ▸ sums"
    )
    assert {"d", "e", "inputs", "outputs"} <= set(window.canvas.document.names)
    assert shown(window.canvas, "d") == "3", "values that came before are there at once"
    qtbot.keyClick(window.canvas, Qt.Key.Key_Escape)
    assert not window.workspace.path and not window.pages.breadcrumbs.isVisible()
    assert window.workspace.selection == (node(window, "sums").id,)
    shortcut(qtbot, window, "Ctrl+Return")
    shortcut(qtbot, window, "Ctrl+Shift+Return")
    assert not window.workspace.path


@pytest.mark.thorough
def test_a_double_click_enters_and_the_bar_leads_back_over_several_levels(window, qtbot):
    make(qtbot, window, "d", "e")
    make(qtbot, window, "sums", "a", called="outer")
    for name in ("outer", "sums"):
        at = body(window.canvas, name)
        qtbot.mouseClick(window.canvas, LEFT, pos=at)
        qtbot.mouseDClick(window.canvas, LEFT, pos=at)
    assert window.pages.breadcrumbs.text == "expression ▸ outer ▸ sums"
    qtbot.mouseClick(window.pages.breadcrumbs.steps[0], LEFT)
    assert window.workspace.scope == "outer/"
    assert window.workspace.selection == (node(window, "sums").id,)
    qtbot.mouseClick(window.pages.breadcrumbs.outside, LEFT)
    assert window.workspace.path == ()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("title", "name"),
    [("Two sums", "Two_sums"), ("2. Größe: d, e", "_2_Groe_d_e"), ("d", "d_1"), ("", "subgraph")],
)
@pytest.mark.parametrize("by_frame", [True, False])
def test_a_frame_that_becomes_a_subgraph_gives_it_its_title(window, qtbot, title, name, by_frame):
    canvas, document = window.canvas, window.workspace.document
    ids = [node(window, n).id for n in ("d", "e")]
    corners = [document.nodes[i].pos for i in ids]
    x, y = min(c[0] for c in corners) - 20, min(c[1] for c in corners) - 40
    sizes = max(c[0] for c in corners) + 180 - x, max(c[1] for c in corners) + 90 - y
    frame = commands.add_frame(document, (x, y, *sizes), title=title)
    canvas.setFocus()
    canvas.selection.select([frame] if by_frame else ids)
    shortcut(qtbot, window, "Ctrl+Shift+G")
    assert window.focusWidget().text() == name
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    made = node(window, name)
    assert made.op == SUBGRAPH and frame not in document.frames
    inside = document.definition(made.attrs["definition"])
    assert [f.title for f in inside.frames.values()] == [title]


@pytest.mark.thorough
def test_a_double_click_on_the_title_of_a_subgraph_enters_it(window, qtbot):
    make(qtbot, window, "d", "e")
    canvas = window.canvas
    made = node(window, "sums").id
    canvas.viewport.center_on(made)
    at = canvas.viewport.header_rect(made).center().toPoint()
    qtbot.mouseClick(canvas, LEFT, pos=at)
    qtbot.mouseDClick(canvas, LEFT, pos=at)
    assert window.workspace.path == (made,)


@pytest.mark.thorough
def test_an_edit_inside_changes_the_value_outside_and_is_undone_from_there(window, qtbot):
    make(qtbot, window, "d", "e", "c")
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Return")
    commands.set_attr(window.canvas.document, node(window, "c").id, "value", 2.0)
    qtbot.waitUntil(lambda: shown(window.canvas, "d") == "4", timeout=10000)
    window.actions_.trigger("leave")
    qtbot.waitUntil(lambda: shown(window.canvas, "a") == "16", timeout=10000)
    shortcut(qtbot, window, "Ctrl+Z")
    qtbot.waitUntil(lambda: shown(window.canvas, "a") == "9", timeout=10000)


@pytest.mark.thorough
def test_undo_inside_of_what_made_the_subgraph_leads_back_out(window, qtbot):
    make(qtbot, window, "d", "e")
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Return")
    window.workspace.root.undo()  # the name
    assert window.workspace.path and window.pages.breadcrumbs.text == "expression ▸ subgraph"
    window.workspace.root.undo()  # the subgraph
    assert not window.workspace.path and not window.pages.breadcrumbs.isVisible()
    assert window.canvas.document is window.workspace.root and "d" in window.canvas.document.names


@pytest.mark.thorough
def test_unpack_leads_back_to_the_same_document(window, qtbot):
    before = flow.dumps(window.workspace.root).split("\n", 1)[1]
    make(qtbot, window, "d", "e")
    shortcut(qtbot, window, "Ctrl+Alt+G")
    assert flow.dumps(window.workspace.root).split("\n", 1)[1] == before
    assert {window.workspace.document.nodes[i].name for i in window.workspace.selection} == {
        "d",
        "e",
    }


def test_ports_are_renamed_moved_and_removed_in_the_inspector(window, qtbot):
    make(qtbot, window, "d", "e")
    definition = window.workspace.root.definition("subgraph")
    names = port_names(definition, INPUTS)
    inputs, outputs = window.panels["inspector"].outside.page.subgraph.ports
    field = inputs.fields[0]
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "first")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert port_names(definition, INPUTS) == ["first", *names[1:]]
    assert (node(window, "sums").id, "first") in window.workspace.document.wires
    down = next(
        t for t in inputs.findChildren(QToolButton) if t.accessibleName() == "Move first down"
    )
    qtbot.mouseClick(down, LEFT)
    assert port_names(definition, INPUTS)[:2] == [names[1], "first"]
    field = inputs.fields[0]
    field.selectAll()
    qtbot.keyClicks(field, "first")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert inputs.fields[0].text() == names[1], "a taken name is refused, with the reason"
    gone = next(t for t in outputs.findChildren(QToolButton) if "Remove e" in t.accessibleName())
    qtbot.mouseClick(gone, LEFT)
    assert port_names(definition, OUTPUTS) == ["d"]
    for _ in range(3):
        window.workspace.root.undo()
    assert port_names(definition, INPUTS) == names and len(port_names(definition, OUTPUTS)) == 2


def test_a_port_is_exposed_by_keyboard(window, qtbot):
    make(qtbot, window, "d", "e", "c", "a")
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Return")
    window.canvas.selection.select([node(window, "c").id])
    shortcut(qtbot, window, "Ctrl+Alt+P")
    popup = window.quick_pick
    assert popup.isVisible()
    qtbot.keyClicks(popup.field, "out")
    qtbot.keyClick(popup.field, Qt.Key.Key_Return)
    assert port_names(window.workspace.document, OUTPUTS) == ["a", "c"]


@pytest.mark.thorough
def test_find_goes_into_subgraphs_and_a_problem_leads_to_its_node(window, qtbot):
    make(qtbot, window, "d", "e")
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+F")
    popup = window.quick_pick
    qtbot.keyClicks(popup.field, "sums/e")
    qtbot.keyClick(popup.field, Qt.Key.Key_Return)
    assert window.workspace.scope == "sums/"
    e = node(window, "e").id
    assert window.workspace.selection == (e,)
    window.actions_.trigger("leave")
    definition = window.workspace.root.definition("subgraph")
    commands.disconnect(definition, (e, "y"))
    problems = window.workspace.problems()
    assert [p.node for p in problems if p.severity == "error"] == ["sums/e"]
    window.docking.show("problems")
    items = window.panels["problems"].list
    item = next(items.item(i) for i in range(items.count()) if "sums/e" in items.item(i).text())
    window.panels["problems"]._on_item(item)
    assert window.workspace.scope == "sums/" and window.workspace.selection == (e,)


@pytest.mark.thorough
def test_the_formula_of_a_subgraph_is_that_of_what_is_inside(window, qtbot):
    from nodeflow.document.formula.render import formula_text

    make(qtbot, window, "d", "e")
    assert formula_text(window.workspace.document, node(window, "a").id).count("+") == 2


def test_a_subgraph_and_a_template_are_saved_and_used_again(window, qtbot):
    make(qtbot, window, "d", "e")
    window.canvas.setFocus()
    popup = window.quick_pick
    window.actions_.trigger("save_library")
    qtbot.keyClicks(popup.field, "pair")
    qtbot.keyClick(popup.field, Qt.Key.Key_Return)
    window.canvas.selection.select([node(window, "b").id, node(window, "c").id])
    window.actions_.trigger("save_library")
    qtbot.keyClicks(popup.field, "numbers")
    qtbot.keyClick(popup.field, Qt.Key.Key_Return)
    assert [(i.kind, i.name) for i in library.items()] == [
        ("subgraphs", "pair"),
        ("templates", "numbers"),
    ]
    window.workspace.root.mark_saved()
    window.files.begin_empty()
    shortcut(qtbot, window, "Ctrl+Alt+L")
    qtbot.keyClicks(popup.field, "pair")
    qtbot.keyClick(popup.field, Qt.Key.Key_Return)
    assert list(window.workspace.root.subgraphs) == ["subgraph"]
    window.panels["palette"].search.setText("numbers")
    qtbot.keyClick(window.panels["palette"].search, Qt.Key.Key_Return)
    assert {"b", "c"} <= set(window.workspace.document.names)
    window.canvas.setFocus()
    qtbot.keyClick(window.canvas, Qt.Key.Key_Tab)
    qtbot.keyClicks(window.focusWidget(), "subgraph")
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    instances = [n for n in window.workspace.document.nodes.values() if n.op == SUBGRAPH]
    assert len(instances) == 2


@pytest.mark.thorough
def test_an_instance_can_be_made_independent(window, qtbot):
    make(qtbot, window, "d", "e")
    window.canvas.clipboard.duplicate()
    window.actions_.trigger("independent")
    assert sorted(window.workspace.root.subgraphs) == ["subgraph", "subgraph_1"]


@pytest.mark.thorough
def test_actions_say_why_they_cannot_run(window):
    window.canvas.selection.select([])
    window.actions_.refresh_now()
    for name in ("subgraph", "leave", "independent", "expose", "save_library", "insert_library"):
        assert window.actions_.blocked(name) is not None, name
