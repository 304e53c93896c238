"""The menus: short enough to be read and to fit a small screen, and nothing is lost in them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QKeySequence

from nodeflow.document.edit import commands
from nodeflow.ui.actions.action_set import action_ids
from nodeflow.ui.actions.key_text import is_plain
from nodeflow.ui.actions.menus import CONTEXT_MENUS, MENUS, MOST_ENTRIES

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def walk(menu, path: str = ""):
    """A menu and all below it, filled as when they are opened, each with its path."""
    menu.aboutToShow.emit()
    yield path, menu
    for action in menu.actions():
        if action.menu() is not None:
            yield from walk(action.menu(), f"{path} > {action.text()}".replace("&", ""))


def entries(menu) -> list[str]:
    return [action.text() for action in menu.actions() if not action.isSeparator()]


@pytest.mark.thorough
def test_no_menu_has_more_entries_than_can_be_read(window, tmp_path):
    for number in range(12):
        window.settings.add_recent(tmp_path / f"graph{number}.flow")
    for top in window.menuBar().actions():
        for path, menu in walk(top.menu(), top.text().replace("&", "")):
            assert 0 < len(entries(menu)) <= MOST_ENTRIES == 12, path
            assert path.count(">") <= 1, "a submenu contains no submenus"


@pytest.mark.sample(1)
@pytest.mark.parametrize("query", ["dark theme", "theme dark", "panels bottom"])
def test_the_search_finds_several_words_in_any_order(window, qtbot, query):
    window.actions_.trigger("command_palette")
    qtbot.keyClicks(window.quick_pick.field, query)
    wanted = "panel_bottom" if "bottom" in query else "theme_dark"
    assert window.quick_pick.model.rows[0].data == wanted
    window.quick_pick.dismiss()


def test_every_menu_fits_the_smallest_screen(window):
    for top in window.menuBar().actions():
        for path, menu in walk(top.menu(), top.text()):
            assert menu.sizeHint().height() < 700, path


@pytest.mark.thorough
@pytest.mark.parametrize("kind", CONTEXT_MENUS)
def test_no_context_menu_has_more_entries_than_can_be_read(window, kind):
    node = commands.add_node(window.workspace.document, "constant", (0, 0))
    window.canvas.selection.select([node])
    window.context_menu.open(kind, QPoint(20, 20))
    menu = window.context_menu.menu
    for path, inner in walk(menu, kind):
        assert 0 < len(entries(inner)) <= MOST_ENTRIES, path
    menu.close()


BEFORE = """
    undo redo cut copy paste paste_wired copy_formula copy_latex copy_python duplicate
    duplicate_wired delete select_all find search formula start_wire end_wire pick_wire new_op
    plugin_folder choose_plugins reload_plugins rename frame note replace swap_inputs detach heal
    mute bypass collapse insert_node add_dot hide_wires arrange align_left align_center_x
    align_right align_top align_center_y align_bottom distribute_x distribute_y snap_grid subgraph
    expand leave unpack expose independent list_subgraphs insert_library save_library
    remove_library
"""
"""What stood in the Edit menu when it had 38 entries."""


@pytest.mark.thorough
def test_nothing_is_lost_and_every_key_is_kept(window):
    edit = tuple(i for title, items in MENUS if title in ("&Edit", "&Graph") for i in items)
    assert set(BEFORE.split()) <= set(action_ids(edit))
    for action_id in action_ids(edit):
        spec = window.actions_.spec(action_id)
        wanted = [QKeySequence(k) for k in spec.shortcuts if spec.on_canvas or not is_plain(k)]
        assert window.actions_[action_id].shortcuts() == wanted, action_id
