"""The contents of the menu bar, the context menus of the canvas, and the toolbar.

An item is the id of an action, a separator, or a title with the items of its submenu. A title with
a name instead of items is a menu that the window fills itself.
"""

from __future__ import annotations

from typing import Any

from nodeflow.engine.backend import backends
from nodeflow.manifests import offers
from nodeflow.ui.actions.specs import BOOKMARKS
from nodeflow.ui.core.theming.colorings import COLORINGS

SEPARATOR = "-"
NEEDED = "@needed"
"""The place of the buttons that `window.needed_buttons` shows while they are needed."""
PLACE = "+"
"""The prefix of a menu item that names a place for the actions of integrations
(`ActionSpec.place`).
"""
SPACER = ">"
DATA_CHOOSER = "@data"
"""The place of the data chooser, a widget that the window makes."""

ALIGN: tuple[Any, ...] = (
    *("align_left", "align_center_x", "align_right", SEPARATOR),
    *("align_top", "align_center_y", "align_bottom", SEPARATOR),
    *("distribute_x", "distribute_y", SEPARATOR, "snap_grid"),
)
COPY_AS: tuple[Any, ...] = ("copy_formula", "copy_latex", "copy_python")
OWN_OPS: tuple[Any, ...] = (
    "new_op",
    "plugin_folder",
    "choose_plugins",
    "reload_plugins",
    "safe_start",
)
DATASET: tuple[Any, ...] = (
    *("attach_data", "show_dataset", "add_placeholders", "locate_data"),
    *("allow_data", "allow_all_data"),
)
WHAT_IF: tuple[Any, ...] = (
    *("override_value", "override_file", SEPARATOR, "apply_override"),
    *("take_back", "take_back_all", SEPARATOR, "show_overrides"),
)
NODE: tuple[Any, ...] = (
    *("rename", "replace", SEPARATOR, "mute", "bypass", "collapse", "unfold", "slider"),
    *("freeze", "thaw", SEPARATOR, *COPY_AS),
)
WIRES: tuple[Any, ...] = (
    *("start_wire", "end_wire", "pick_wire", SEPARATOR),
    *("swap_inputs", "detach", "heal", SEPARATOR),
    *(
        "insert_node",
        "add_dot",
        "hide_wires",
        "fold_values",
        SEPARATOR,
        "paste_wired",
        "duplicate_wired",
    ),
)
ON_WIRES: tuple[Any, ...] = (
    "detach",
    "heal",
    "hide_wires",
    "fold_values",
    SEPARATOR,
    "duplicate_wired",
)
GROUPING: tuple[Any, ...] = ("subgraph", "expose", "independent", SEPARATOR, "save_library")
SUBGRAPHS: tuple[Any, ...] = (
    *("subgraph", "expand", "leave", "unpack", SEPARATOR),
    *("expose", "independent", "list_subgraphs"),
    *(SEPARATOR, "insert_library", "save_library", "remove_library"),
)
SHOWN_DATA: tuple[Any, ...] = (
    *("data_test", "data_validation", "data_train", SEPARATOR),
    *("data_single", "data_row", "data_next", "data_previous", SEPARATOR, "sketch"),
)
BACKENDS = tuple(f"train_with_{name}" for name in backends())
CHECKS = tuple(f"check_{each.name}" for each in offers("peer"))
ENGINE: tuple[Any, ...] = (
    *("threads", "memory", "live_values", "follow_edits"),
    *((SEPARATOR, *BACKENDS, SEPARATOR) if len(BACKENDS) > 1 else ()),
    *("+engine", SEPARATOR, "fetch_data", "restart_engine"),
)
BOOKMARK_PLACES = tuple(f"bookmark_{n}" for n in range(1, BOOKMARKS + 1))
COLORS: tuple[Any, ...] = ("color_none", SEPARATOR, *(f"color_{each}" for each in COLORINGS))
VERSIONS: tuple[Any, ...] = (
    *("versions", "compare", "compare_saved", SEPARATOR),
    *("next_change", "previous_change", "export_comparison", "end_comparison"),
)
TRAINING: tuple[Any, ...] = (
    *("continue", "pause", "step", "stop", "replay", SEPARATOR),
    *("save_weights", "load_weights", "initialise"),
)
EXPORTERS = tuple(f"export_{each.name}" for each in offers("exporter"))
EXPORT: tuple[Any, ...] = ("export", "export_page", *EXPORTERS, "export_code")
IN_LESSON: tuple[Any, ...] = (
    *("lesson_given", "lesson_milestone", "lesson_required", SEPARATOR),
    *("lesson_solution", "lesson_mistake"),
)
LESSON: tuple[Any, ...] = (
    *("lesson_new", "lesson_edit", "lesson_remove", SEPARATOR, *IN_LESSON, SEPARATOR),
    *("lesson_preview", "lesson_check", "lesson_export"),
)
MOST_ENTRIES = 12
"""Maximum number of entries in a menu, so that it can be scanned. A submenu contains no submenus.

A test checks all menus. Rare commands are only in the command search.
"""
MENUS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    (
        "&File",
        (
            *("new", "open", "own_data"),
            *(("Open recent", "recent_menu"), ("Examples", "examples_menu")),
            *(SEPARATOR, "save", "save_as", ("Versions", VERSIONS), ("Export", EXPORT)),
            *(SEPARATOR, ("Lesson", LESSON)),
            *(SEPARATOR, "quit"),
        ),
    ),
    (
        "&Edit",
        (
            *("undo", "redo", SEPARATOR, "cut", "copy", "paste"),
            *("duplicate", "delete", SEPARATOR, "select_all", "find"),
        ),
    ),
    (
        "&Graph",
        (
            *("search", "formula", SEPARATOR),
            *(("Node", NODE), ("Wires", WIRES), ("Dataset", DATASET)),
            ("Arrange", ("frame", "note", SEPARATOR, "arrange", SEPARATOR, *ALIGN)),
            ("Subgraphs", SUBGRAPHS),
            *(SEPARATOR, ("Own ops", OWN_OPS)),
        ),
    ),
    (
        "&View",
        (
            ("Zoom", ("fit", "fit_selection", SEPARATOR, "zoom_in", "zoom_out", "zoom_reset")),
            ("Go", ("view_back", "view_forward", SEPARATOR, *BOOKMARK_PLACES)),
            *(SEPARATOR, "order", ("Colour by", COLORS), ("Data shown", SHOWN_DATA), SEPARATOR),
            ("Show", ("stage", SEPARATOR, "panel_left", "panel_bottom", "panel_right", "minimap")),
            ("Panels", "panels_menu"),
            ("Theme", ("theme_system", "theme_light", "theme_dark")),
        ),
    ),
    (
        "&Run",
        (
            *("run", "run_to", SEPARATOR, "train", ("Training", TRAINING), SEPARATOR),
            ("Watch", ("breakpoint", "bounds", "check_gradients", *CHECKS, SEPARATOR, "profile")),
            *(("What if", WHAT_IF), "predict", ("Engine", ENGINE)),
        ),
    ),
    (
        "&Help",
        (
            *("command_palette", "welcome", SEPARATOR),
            "learn",
            ("Keyboard", ("shortcuts", "keymap")),
            *(SEPARATOR, "show_log", "report_problem", "about"),
        ),
    ),
)

CONTEXT_MENUS: dict[str, tuple[Any, ...]] = {
    "node": (
        *("rename", "replace", ("Values", ("run_to", SEPARATOR, *WHAT_IF))),
        *(("Watch", ("breakpoint", "bounds", "check_gradient")), SEPARATOR),
        ("Show on node or stage", "views_menu"),
        ("Group", ("frame", "expand", "unpack", SEPARATOR, *GROUPING)),
        ("Wires", ("mute", "bypass", "swap_inputs", SEPARATOR, *ON_WIRES)),
        ("Arrange", ("collapse", "unfold", SEPARATOR, "arrange", SEPARATOR, *ALIGN)),
        *(SEPARATOR, "copy", "duplicate", ("Cut or copy as", ("cut", SEPARATOR, *COPY_AS))),
        *(SEPARATOR, "delete"),
    ),
    "dataset": (
        *("show_dataset", "add_placeholders", "locate_data", "allow_data", SEPARATOR),
        *("rename", SEPARATOR),
        *("mute", "collapse", "hide_wires", SEPARATOR),
        *("cut", "copy", "duplicate", SEPARATOR, "delete"),
    ),
    "wire": ("insert_node", "add_dot", "hide_wires", SEPARATOR, "delete"),
    "frame": (
        *("rename", SEPARATOR, "mute", "bypass", "collapse", SEPARATOR),
        *("cut", "copy", "duplicate", SEPARATOR, "delete"),
    ),
    "canvas": (
        *("search", "formula", "note", "insert_library", SEPARATOR),
        *("paste", "paste_wired", "select_all", SEPARATOR, "leave", "fit", "zoom_reset"),
    ),
}
"""The context menus, by the kind of item clicked."""
_EDITED = ("cut", "copy", "duplicate")
_MORE = ("Cut, copy or duplicate", _EDITED)
_COPIES = ("Cut, duplicate or copy as", ("cut", "duplicate", SEPARATOR, *COPY_AS))
LESSON_MENUS: dict[str, tuple[Any, ...]] = {
    "node": (
        *CONTEXT_MENUS["node"][:-6],
        *(("Lesson", IN_LESSON), SEPARATOR, "copy", _COPIES, SEPARATOR, "delete"),
    ),
    "dataset": (
        *CONTEXT_MENUS["dataset"][:-5],
        *(("Lesson", IN_LESSON), _MORE, SEPARATOR, "delete"),
    ),
    "frame": ("lesson_given", SEPARATOR, *CONTEXT_MENUS["frame"]),
}
"""The context menus in a lesson that its author edits, where they have other entries."""

TOOLBAR: tuple[str, ...] = ("welcome", "open", SEPARATOR, DATA_CHOOSER, SPACER, NEEDED)
TOOLBAR_TEXT = ("run", "train", "continue", "pause", "step", "stop")
"""Toolbar actions that show their text beside the icon; `window.run_bar` shows the usable ones."""
ACCENTED = ("run", "train", "continue")
