"""The actions of the window as data; shortcuts, tooltips, menus and toolbar derive from it.

An action that only shows a panel is declared in the panel's file instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nodeflow.engine.backend import NUMBA
from nodeflow.manifests import offers
from nodeflow.ui.core.theming.colorings import COLORINGS


@dataclass(frozen=True)
class ActionSpec:
    """An action that a user can trigger.

    Attributes:
        id: a stable name, which a controller uses to bind the function.
        text: the menu text.
        tip: a further sentence, for the tooltip.
        on_canvas: whether the keys work only while the canvas has the focus.
        by_canvas: like `on_canvas`, but the canvas handles the keys, without a Qt shortcut.
        place: the place in a menu for actions of integrations, such as ``engine``.
    """

    id: str
    text: str
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    on_canvas: bool = False
    by_canvas: bool = False
    place: str = ""


def _a(id: str, text: str, shortcut: str = "", icon: str = "", tip: str = "", **more: Any) -> Any:
    return ActionSpec(id, text, tuple(shortcut.split()), icon, tip, **more)


BOOKMARKS = 9
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}

_NEIGHBOURS = {
    "left": "the source",
    "right": "a consumer",
    "up": "the node above",
    "down": "the node below",
}


_GROWTH = (
    ("left", "Narrow the frame", "Alt+Home"),
    ("right", "Widen the frame", "Alt+End"),
    ("up", "Shorten the frame", "Alt+PgUp"),
    ("down", "Lengthen the frame", "Alt+PgDown"),
)
"""Keys that resize a frame.

On small keyboards these keys are Fn+arrow, which resembles Alt+arrow for moving.
"""


def _arrows(id: str, text: str, keys: str, tip: str = "") -> Any:
    """Return four actions, one for each arrow key.

    Args:
        text: the menu text; it may contain ``{direction}`` or ``{neighbour}``.
        keys: the modifiers before the arrow, such as ``Ctrl+``.
    """
    return tuple(
        _a(
            f"{id}_{name}",
            text.format(neighbour=_NEIGHBOURS[name], direction=name),
            f"{keys}{name.title()}",
            f"arrow-{name}",
            tip,
            on_canvas=True,
            by_canvas=True,
        )
        for name in DIRECTIONS
    )


LIBRARIES = ", ".join(each.label for each in offers("code"))
CODE = f"For {LIBRARIES}, or nodeflow itself" if LIBRARIES else "Python that builds the graph"
OPENS = "Open a .flow file, a model or data" if offers("importer") else "Open a .flow file or data"


def _exports() -> Iterator[ActionSpec]:
    """Yield an export action for each kind of file that an integration can write."""
    for each in offers("exporter"):
        yield _a(f"export_{each.name}", f"Export as {each.label}…", tip=each.fields["tip"])


def _checks() -> Iterator[ActionSpec]:
    """Yield an action for each program that an integration can compare results with."""
    for each in offers("peer"):
        yield _a(f"check_{each.name}", f"Check against {each.label}", tip=each.fields["tip"])


def _backend_choices() -> Iterator[ActionSpec]:
    """Yield an action for each backend that can be chosen.

    If nodeflow's own is the only one, yield none.
    """
    others = offers("backend")
    if others:
        tip = "Use nodeflow's engine for the next training"
        yield _a(f"train_with_{NUMBA}", "This engine", tip=tip, checkable=True)
    for each in others:
        tip = each.fields["tip"]
        yield _a(f"train_with_{each.name}", each.label, tip=tip, checkable=True)


ACTIONS: tuple[ActionSpec, ...] = (
    _a("new", "New", "Ctrl+N", "file-plus", "Start with an empty graph"),
    _a("open", "Open…", "Ctrl+O", "folder-open", OPENS),
    _a("own_data", "Your data…", "Ctrl+Alt+D", "database", "Make a graph from a file of your own"),
    _a("attach_data", "Attach data…", "", "database", "Feed the placeholders that have no data"),
    _a("save", "Save", "Ctrl+S", "save", "Write the graph to its file"),
    _a("save_as", "Save as…", "Ctrl+Shift+S", "", "Write the graph to another file"),
    _a("reload", "Reload from disk…", "", "refresh-cw", "Load the file from disk again"),
    _a("versions", "Earlier versions…", "", "history", "Earlier saves of this file"),
    _a("compare", "Compare with…", "", "git-branch", "Show differences from another file"),
    _a("compare_saved", "Compare with the saved file", "", "", "Show your unsaved changes"),
    _a("next_change", "Next change", "F3", "chevron-right", "In a comparison"),
    _a("previous_change", "Previous change", "Shift+F3", "chevron-left", "In a comparison"),
    _a("export_comparison", "Export the comparison…", "", "image-down", "As PNG, SVG or PDF"),
    _a("end_comparison", "End the comparison", "", "", "Return to the graph"),
    _a("save_weights", "Save weights…", "", "", "Write the trained variables beside the file"),
    _a("load_weights", "Load weights…", "", "", "Set the variables from a file"),
    _a("export", "Export picture…", "Ctrl+E", "image-down", "Write the canvas as PNG, SVG or PDF"),
    _a(
        "export_page",
        "Web page…",
        "",
        "",
        "Write one HTML file that shows the graph or plays a training, offline",
    ),
    _a(
        "export_code",
        "Export code…",
        "",
        "",
        CODE,
    ),
    _a("freeze", "Freeze", "", "", "Training does not change the selection's variables"),
    _a("thaw", "Thaw", "", "", "Training changes the selection's variables again"),
    *_exports(),
    *_checks(),
    _a("welcome", "Welcome page", "", "house", "Lessons, examples and recent files"),
    _a("quit", "Quit", "Ctrl+Q"),
    _a("undo", "Undo", "Ctrl+Z", "undo-2"),
    _a("redo", "Redo", "Ctrl+Shift+Z Ctrl+Y", "redo-2"),
    _a("cut", "Cut", "Ctrl+X Shift+Del", "scissors", on_canvas=True),
    _a("copy", "Copy", "Ctrl+C Ctrl+Ins", "copy", on_canvas=True),
    _a("paste", "Paste", "Ctrl+V Shift+Ins", "clipboard-paste", on_canvas=True),
    _a(
        "paste_wired",
        "Paste with wires",
        "Ctrl+Shift+V",
        "clipboard-paste",
        "Connect the copies to the nodes with the same names here",
        on_canvas=True,
    ),
    _a("duplicate", "Duplicate", "Ctrl+D", "copy-plus", on_canvas=True),
    _a(
        "duplicate_wired",
        "Duplicate with wires",
        "Ctrl+Shift+D",
        "copy-plus",
        "Connect the copies to the inputs of the originals",
        on_canvas=True,
    ),
    _a("copy_formula", "Copy its formula", "", "square-function", "As text for the formula bar"),
    _a("copy_latex", "Copy its formula as LaTeX", "", "square-function", "In mathematics mode"),
    _a("copy_python", "Copy as Python", "", "binary", "A program that computes the node"),
    _a("delete", "Delete", "Del Backspace", "trash-2", on_canvas=True),
    _a("select_all", "Select all", "Ctrl+A", on_canvas=True),
    _a(
        "cancel",
        "Cancel",
        "Esc",
        "",
        "Cancel the mouse gesture, else clear the selection, else leave the subgraph",
        on_canvas=True,
        by_canvas=True,
    ),
    _a(
        "edit_selected",
        "Edit in the inspector",
        "Return Enter",
        "sliders-horizontal",
        "Edit the selected node or frame",
        on_canvas=True,
        by_canvas=True,
    ),
    _a("rename", "Rename", "F2", "pencil", "Rename the selected node"),
    _a("search", "Add a node…", "Ctrl+Space Tab", "plus", "Search all ops; Enter adds one"),
    _a(
        "formula",
        "Type a formula…",
        "=",
        "square-function",
        "Add the nodes of a formula such as a = (b + c) * (c + 2)",
        on_canvas=True,
    ),
    _a(
        "start_wire",
        "Wire by keyboard…",
        "W",
        "cable",
        "Draw a wire from the selected node to a port that you type",
        on_canvas=True,
    ),
    _a(
        "end_wire",
        "Wire into by keyboard…",
        "Shift+W",
        "cable",
        "Draw a wire into the selected node from a port that you type",
        on_canvas=True,
    ),
    _a(
        "pick_wire",
        "Select a wire…",
        "L",
        "cable",
        "Choose a wire of the selected node, to delete, hide or extend it",
        on_canvas=True,
    ),
    _a("find", "Find in graph…", "Ctrl+F", "search", "Find a node by its name, op or value"),
    _a("frame", "Frame the selection", "Ctrl+G", "frame", "Draw a titled frame around it"),
    _a(
        "note",
        "Add a note",
        "N",
        "sticky-note",
        "A text on the canvas, in Markdown",
        on_canvas=True,
    ),
    _a(
        "subgraph",
        "Make a subgraph",
        "Ctrl+Shift+G",
        "package",
        "Group the selected nodes into one reusable node",
    ),
    _a(
        "expand",
        "Expand",
        "Ctrl+Return",
        "layers",
        "Enter a subgraph, or show the nodes inside a layer, optimizer or gradients node",
    ),
    _a(
        "leave", "Leave the subgraph", "Ctrl+Shift+Return", "arrow-left", "Back to where it is used"
    ),
    _a(
        "unpack",
        "Unpack",
        "Ctrl+Alt+G",
        "ungroup",
        "Replace a subgraph, layer or optimizer by its nodes",
    ),
    _a(
        "independent",
        "Make independent",
        "",
        "git-branch",
        "Give this instance its own copy of the subgraph",
    ),
    _a(
        "expose",
        "Expose a port…",
        "Ctrl+Alt+P",
        "log-out",
        "Make a node's port a port of the subgraph",
    ),
    _a(
        "list_subgraphs",
        "Subgraphs of the file",
        "Ctrl+Alt+O",
        "list",
        "Add, open, rename or remove subgraphs in the ops panel",
    ),
    _a("save_library", "Save to the library…", "", "save", "A subgraph, or nodes as a template"),
    _a("insert_library", "Insert from the library…", "Ctrl+Alt+L", "package", "Or from this file"),
    _a("remove_library", "Remove from the library…", "", "trash-2"),
    _a(
        "heal",
        "Delete and heal",
        "Ctrl+Del",
        "trash-2",
        "Delete nodes and connect their inputs to their consumers where types fit",
        on_canvas=True,
    ),
    _a(
        "detach",
        "Detach",
        "Alt+D",
        "unlink",
        "Disconnect nodes and close the gap (or shake them while dragging)",
        on_canvas=True,
    ),
    _a("replace", "Replace…", "Ctrl+R", "refresh-cw", "Exchange the op and keep the wires"),
    _a("swap_inputs", "Swap inputs", "Alt+S", "shuffle", "The first two", on_canvas=True),
    _a(
        "slider",
        "Slider…",
        "",
        "settings",
        "Show a slider for the node's number, with the limits that you type",
    ),
    _a(
        "override_value",
        "Override value…",
        "Ctrl+Alt+V",
        "circle-help",
        "Show the effects of another value on all dependents, without changing the training",
    ),
    _a("override_file", "Override from a file…", "", "upload", "An array, a table or a picture"),
    _a(
        "apply_override",
        "Apply to training",
        "",
        "check",
        "Continue the training with this value; the run records the change",
    ),
    _a("take_back", "Remove the override", "", "rotate-ccw", "Show the computed value again"),
    _a("take_back_all", "Remove all overrides", "", "rotate-ccw", "Show the computed values again"),
    _a("mute", "Mute", "M", "eye-off", "Skip this node and its dependents", on_canvas=True),
    _a(
        "bypass",
        "Bypass",
        "B",
        "route",
        "Pass on the first input of the output's type",
        on_canvas=True,
    ),
    _a(
        "breakpoint",
        "Set a breakpoint",
        "Ctrl+F8",
        "circle",
        "Pause training when the value becomes NaN, infinite or true",
        on_canvas=True,
    ),
    _a(
        "bounds",
        "Set the allowed range…",
        "",
        "ruler",
        "Stop training at the step in which the value leaves the range",
    ),
    _a(
        "check_gradient",
        "Check gradient",
        "",
        "square-function",
        "Compare the gradients of the selected nodes with finite differences",
    ),
    _a(
        "plot_node",
        "Plot over steps",
        "",
        "chart-line",
        "Record its value at each step, from the next training on",
    ),
    _a("collapse", "Collapse to the title", "H", "minus", on_canvas=True),
    _a("unfold", "Unfold the ports of settings", "", "chevron-down", "Let tensors set them"),
    _a(
        "add_placeholders",
        "Add placeholders",
        "",
        "log-in",
        "One for each dataset column without a placeholder",
    ),
    _a("show_dataset", "Show the rows", "", "table", "The data of the selected dataset as a table"),
    _a("locate_data", "Locate…", "", "folder-open", "Find a data file that was moved"),
    _a("allow_data", "Allow its data", "", "", "Let the document read this node's data file"),
    _a(
        "allow_all_data",
        "Allow all data outside the folder",
        "",
        "",
        "Let the document read all its data files outside its folder",
    ),
    _a("insert_node", "Insert a node…", "", "plus", "Insert one into the selected wire"),
    _a("add_dot", "Add a dot", "", "circle", "Bend a wire (or double-click the wire)"),
    _a("fold_values", "Fold values into readers", "", "combine", "Without their nodes"),
    _a("hide_wires", "Hide or show wires", "Shift+H", "cable", "Draw as stubs", on_canvas=True),
    _a(
        "arrange",
        "Arrange",
        "Ctrl+Shift+A",
        "workflow",
        "Lay out the selected nodes, or all nodes, from left to right",
        on_canvas=True,
    ),
    _a("align_left", "Left edges", "Ctrl+Shift+Left", "arrow-left", on_canvas=True),
    _a("align_right", "Right edges", "Ctrl+Shift+Right", "arrow-right", on_canvas=True),
    _a("align_top", "Top edges", "Ctrl+Shift+Up", "arrow-up", on_canvas=True),
    _a("align_bottom", "Bottom edges", "Ctrl+Shift+Down", "arrow-down", on_canvas=True),
    _a("align_center_x", "Centres, one above the other"),
    _a("align_center_y", "Centres, side by side"),
    _a("distribute_x", "Equal gaps across", "", "columns-3"),
    _a("distribute_y", "Equal gaps down", "", "rows-3"),
    _a("snap_grid", "Snap to the grid", "", "grid-3x3"),
    _a(
        "fit",
        "Fit everything",
        "Ctrl+0 Home",
        "maximize",
        "Zoom so that the whole graph is visible",
    ),
    _a("fit_selection", "Fit the selection", "Ctrl+Shift+F F", "scan"),
    _a("zoom_in", "Zoom in", "Ctrl++ Ctrl+=", "zoom-in"),
    _a("zoom_out", "Zoom out", "Ctrl+-", "zoom-out"),
    _a("zoom_reset", "Actual size", "Ctrl+1"),
    _a(
        "pan_hold",
        "Pan by dragging",
        "Space",
        "hand",
        "While the key is held; as a command: until Cancel",
        on_canvas=True,
        by_canvas=True,
    ),
    *_arrows("pan", "Scroll {direction}", "Ctrl+"),
    *_arrows("walk", "Go to {neighbour}", ""),
    *_arrows("extend", "Also select {neighbour}", "Shift+"),
    *_arrows("move", "Move {direction}", "Alt+", "Move the selection by one step"),
    *_arrows("move_far", "Move far {direction}", "Alt+Shift+", "Move the selection by five steps"),
    *(
        _a(
            f"frame_{name}",
            text,
            keys,
            f"arrow-{name}",
            "Resize the selected frame by one grid step",
            on_canvas=True,
            by_canvas=True,
        )
        for name, text, keys in _GROWTH
    ),
    _a("view_back", "Back", "Ctrl+Alt+Left", "arrow-left", "Go back to the previous view"),
    _a("view_forward", "Forward", "Ctrl+Alt+Right", "arrow-right", "Go forward again"),
    *(
        _a(f"bookmark_{n}", f"Go to bookmark {n}", f"Ctrl+Alt+{n}", "pin")
        for n in range(1, BOOKMARKS + 1)
    ),
    *(
        _a(f"bookmark_set_{n}", f"Set bookmark {n}", f"Ctrl+Shift+{n}", "pin")
        for n in range(1, BOOKMARKS + 1)
    ),
    _a("color_none", "Nothing", tip="Colour nodes by kind and wires by type", checkable=True),
    *(
        _a(f"color_{each.id}", each.title, tip=each.tip, checkable=True)
        for each in COLORINGS.values()
    ),
    _a("minimap", "Minimap", "Ctrl+M", "", "The whole graph in a corner", checkable=True),
    _a(
        "stage",
        "Canvas, beside or stage",
        "F4",
        "monitor",
        "Show the graph, the graph beside its result, or the result in large",
    ),
    _a(
        "stage_node",
        "Put on the stage",
        "",
        "pin",
        "Show the node's view or value in large, with the file",
    ),
    _a("next_pane", "Next pane", "F6", "", "Move the focus to the next panel"),
    _a("previous_pane", "Previous pane", "Shift+F6", "", "Move the focus to the previous panel"),
    _a("context_menu", "Menu", "Shift+F10", "", "Menu for the focused item"),
    _a(
        "order",
        "Show order",
        "Ctrl+L",
        "list-ordered",
        "Number the levels: nodes with the same number can run in parallel",
        checkable=True,
    ),
    _a("undim", "Show everything", "", "eye", "Show the nodes dimmed by “Run to here”"),
    _a("panel_left", "Ops panel", "Ctrl+B", "panel-left", "Show or hide the ops", checkable=True),
    _a(
        "panel_bottom",
        "Bottom panels",
        "Ctrl+J",
        "panel-bottom",
        "Show or hide viewer, training, problems, log and profile",
        checkable=True,
    ),
    _a("panel_right", "Inspector", "Ctrl+I", "panel-right", "Show or hide it", checkable=True),
    _a("theme_system", "Same as the system", checkable=True),
    _a("theme_light", "Light", checkable=True),
    _a("theme_dark", "Dark", checkable=True),
    _a("theme", "Light or dark", "Ctrl+Shift+L", "sun-moon", "Switch between light and dark"),
    _a("run", "Run", "F5", "play", "Compute every tensor once"),
    _a(
        "run_to",
        "Run to here",
        "Shift+F5",
        "step-forward",
        "Compute only the selected node and dim all nodes that it does not need",
    ),
    _a(
        "train",
        "Train",
        "Ctrl+T",
        "graduation-cap",
        "From the initial values; Undo brings back learned values",
    ),
    _a(
        "continue",
        "Continue",
        "Ctrl+Shift+T",
        "fast-forward",
        "Go on: after a pause or a stop exactly as if it had not ended, or with more epochs",
    ),
    _a("pause", "Pause", "F7", "pause", "Pause the training after this step, or continue it"),
    _a("step", "Single step", "F8", "skip-forward", "Make one step of the paused training"),
    _a("stop", "Stop", "Shift+F7", "square", "Stop the training; keep the trained weights"),
    _a(
        "replay",
        "Replay",
        "",
        "history",
        "Play the kept steps of the training, at its speed; moving to a step pauses it",
    ),
    _a("predict", "Predict for a file…", "", "table", "Predictions for each row of a file"),
    _a(
        "initialise",
        "Initialise variables",
        "",
        "rotate-ccw",
        "Reset variables to their initial values",
    ),
    _a(
        "data_test",
        "First test batch",
        "",
        "",
        "Nodes show the first rows of the test split",
        checkable=True,
    ),
    _a(
        "data_validation",
        "First validation batch",
        "",
        "",
        "Nodes show the first rows of the validation split",
        checkable=True,
    ),
    _a(
        "data_train",
        "First training batch",
        "",
        "",
        "Nodes show the first rows of the training split, in the order of the file",
        checkable=True,
    ),
    _a(
        "data_single",
        "One row at a time",
        "",
        "",
        "Nodes show a single row instead of a batch",
        checkable=True,
    ),
    _a("data_row", "Go to row…", "", "", "Show one row, by its number"),
    _a("data_next", "Next rows", "Ctrl+PgDown", "chevron-right", "Show the next batch or row"),
    _a(
        "data_previous",
        "Previous rows",
        "Ctrl+PgUp",
        "chevron-left",
        "Show the previous batch or row",
    ),
    _a(
        "check_gradients",
        "Check all gradients",
        "",
        "square-function",
        "Compare the gradients of all nodes with finite differences",
    ),
    _a("cancel_gradient_checks", "Cancel the gradient check", "", "x"),
    _a("profile", "Profile", "", "timer", "Time every op of a training step, or of a run"),
    _a(
        "follow_edits",
        "Apply edits to the running training",
        "",
        "",
        "On: edits apply once compiled. Off: from the next training",
        checkable=True,
    ),
    *_backend_choices(),
    _a("threads", "Threads…", "", "cpu", "Number of threads that compute"),
    _a("memory", "Memory…", "", "", "Memory limit for the values of a training"),
    _a(
        "live_values",
        "Live values and data…",
        "",
        "",
        "Limits of memory and time for live values, data and past steps",
    ),
    _a("restart_engine", "Restart the engine", "", "refresh-cw"),
    _a("fetch_data", "Download the full MNIST…", "", "download"),
    _a("tutorial", "Build a = (b + c) × (c + 2)", "", "lightbulb", "A first graph, step by step"),
    _a("learn", "Lessons…", "", "graduation-cap", "Lessons that check what you build"),
    _a(
        "lesson_new",
        "New lesson from this graph…",
        "",
        "graduation-cap",
        "The graph is its solution",
    ),
    _a("lesson_edit", "Edit the lesson…", "", "pencil", "Its texts, steps, checks and hints"),
    _a("lesson_given", "Given", tip="The learner starts with this node", checkable=True),
    _a(
        "lesson_milestone",
        "Milestone",
        tip="An answer with this value gets a part of the credit",
        checkable=True,
    ),
    _a(
        "lesson_required",
        "Require this value",
        tip="An answer needs a node of this name with the solution's value",
        checkable=True,
    ),
    _a(
        "lesson_solution",
        "This graph is the solution",
        tip="Mistakes are drawn from it, and it comes back after them",
    ),
    _a(
        "lesson_mistake",
        "This graph is a mistake…",
        tip="Keep it with a hint for learners who make it, and go back to the solution",
    ),
    _a("lesson_preview", "Preview as a learner", "", "eye", "Begin the lesson; nothing is kept"),
    _a(
        "lesson_check",
        "Check the lesson",
        "",
        "check",
        "The solution has to pass, and each mistake to be told from it",
    ),
    _a(
        "lesson_export",
        "Export for students…",
        "",
        "share-2",
        "Write a copy without the solution and the mistakes",
    ),
    _a("lesson_cancel", "Stop checking the lesson", "", "x"),
    _a("lesson_remove", "Remove the lesson", tip="The graph stays"),
    _a("new_op", "New op…", "", "file-plus", "Write an op of your own: a Python function"),
    _a("plugin_folder", "Open plugin folder", "", "folder-open", "Show the folder of your own ops"),
    _a("choose_plugins", "Choose plugin folder…", "", "", "Load own ops from another folder"),
    _a("safe_start", "Restart without own ops", "", "", "Start again without your own ops"),
    _a("reload_plugins", "Reload own ops", "", "refresh-cw", "Run every file of the folder again"),
    _a(
        "command_palette",
        "All commands…",
        "Ctrl+Shift+P",
        "terminal",
        "Find any command by a few letters",
    ),
    _a("keymap", "Keys and pointer…", "", "settings", "Change the keys of commands"),
    _a("shortcuts", "Keyboard shortcuts", "F1", "keyboard"),
    _a(
        "report_problem",
        "Report a problem…",
        "",
        "triangle-alert",
        "Write a report to attach; nothing is sent",
    ),
    _a("about", "About nodeflow", "", "info"),
    _a("add_optimizer", "Add gradient descent", "", "graduation-cap"),
    _a(
        "take_turns",
        "Let optimizers take turns",
        "",
        "graduation-cap",
        "Each optimizer makes one step, then the next one does",
    ),
)


def training_file_actions() -> tuple[ActionSpec, ...]:
    """Return the actions that make a training write files for another program, one for each
    kind of file.
    """
    return tuple(
        ActionSpec(
            each.fields["action"],
            f"Write {each.label} files to…",
            tip=each.fields["tip"],
            place="engine",
        )
        for each in offers("training_files")
    )
