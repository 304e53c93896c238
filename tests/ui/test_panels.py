"""A panel is one file that declares itself; the window finds, docks and lists it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from nodeflow.ui import panels
from nodeflow.ui.panels.panel import PanelSpec, Place, discover_panels

SOURCE = """
from PySide6.QtWidgets import QLabel
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.panels.panel import PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext

SHOW = ActionSpec("show_notes", "Show the notes", ("Ctrl+Shift+F9",), "list")

def make(context):
    label = QLabel()
    context.document.workspace.selected.connect(lambda ids: label.setText(f"{len(ids)} selected"))
    return label

def wire(context, panel):
    context.window.actions.bind({SHOW.id: Binding(panel.show)})

PANEL = PanelSpec("notes", "Notes", Place.BOTTOM, 15, make, wire, (SHOW,))
"""


@pytest.fixture
def dropped(tmp_path, monkeypatch):
    """A file with a panel, found as if it lay in the package."""
    folder = tmp_path / "panels"
    folder.mkdir()
    (folder / "notes_for_a_test.py").write_text(SOURCE)
    monkeypatch.setattr(panels, "__path__", [*panels.__path__, str(folder)])
    yield
    sys.modules.pop("nodeflow.ui.panels.notes_for_a_test", None)


@pytest.mark.thorough
def test_a_panel_is_one_file(dropped, window, qtbot):
    dock = window.docking.docks["notes"]
    assert window.dockWidgetArea(dock) == Qt.DockWidgetArea.BottomDockWidgetArea
    assert dock.isHidden() and dock.windowTitle() == "Notes"
    window.docking.menu.aboutToShow.emit()
    assert "Notes" in [action.text() for action in window.docking.menu.actions()]
    window.actions_.trigger("show_notes")
    assert not dock.isHidden()
    window.workspace.select(["n1", "n2"])
    assert window.panels["notes"].text() == "2 selected"
    tabs = [dock.objectName() for dock in window.tabifiedDockWidgets(dock)]
    assert {"viewer", "training"} <= set(tabs)


def test_panels_stand_by_place_and_order():
    found = discover_panels()
    places = list(Place)
    keys = [(places.index(spec.place), spec.order) for spec in found]
    assert keys == sorted(keys)
    ids = [spec.id for spec in found]
    bottom = ["viewer", "training", "sketch_pad", "problems", "outline", "log", "profile"]
    assert [i for i in ids if i in {"palette", "inspector", *bottom}] == [
        *("palette", "inspector"),
        *bottom,
    ]


def test_two_panels_with_one_id_are_an_error(monkeypatch):
    twin = ModuleType("nodeflow.ui.panels.twin")
    twin.PANEL = PanelSpec("log", "Twin", Place.LEFT, 1, lambda context: QLabel())
    monkeypatch.setitem(sys.modules, "nodeflow.ui.panels.log", twin)
    monkeypatch.setitem(sys.modules, "nodeflow.ui.panels.outline", twin)
    with pytest.raises(ValueError, match="log"):
        discover_panels()


@pytest.mark.thorough
def test_the_saved_layout_of_other_panels_leaves_a_new_one_where_it_docks(window):
    from nodeflow.ui.window.docking import STATE_VERSION

    state = window.saveState(STATE_VERSION)
    made = PanelSpec("later", "Later", Place.BOTTOM, 99, lambda context: QLabel())
    window.docking.add(made)
    assert window.restoreState(state, STATE_VERSION)
    dock = window.docking.docks["later"]
    window.docking.show("later")
    assert window.dockWidgetArea(dock) == Qt.DockWidgetArea.BottomDockWidgetArea
    assert dock.isVisible() and window.docking.docks["viewer"] in window.tabifiedDockWidgets(dock)
