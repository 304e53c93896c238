"""Commands, by menu and key, for the rows of subgraphs and library entries in the palette."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

from nodeflow.document.analysis.subgraphs.instance_paths import (
    ALONE,
    check_recursion,
    graph_at,
    instances_of,
    place_of_use,
)
from nodeflow.document.edit.inserting import insertables, library
from nodeflow.document.edit.subgraphs.create_subgraph import check_definition
from nodeflow.document.edit.subgraphs.definitions import remove_definition, rename_definition
from nodeflow.document.model.records import SUBGRAPH
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.binding import Blocked
from nodeflow.ui.actions.menus import SEPARATOR
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.editing.add_in_middle import add_in_middle
from nodeflow.ui.controllers.editing.subgraph_actions import SubgraphActions
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages, in_window, sentence
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.popups.search.quick_pick import QuickPick, Row


@dataclass(frozen=True)
class Entry:
    """One command for a row of the palette."""

    id: str
    text: str
    key: str = ""
    icon: str = ""


PLACE = Entry("place", "Place", "Return", "plus")
OPEN = Entry("open", "Open", "Ctrl+Return", "layers")
RENAME = Entry("rename", "Rename…", "F2", "pencil")
SAVE = Entry("save", "Save to the library…", "", "save")
REMOVE = Entry("remove", "Remove", "Del", "trash-2")
MENUS: dict[str, tuple[Entry | str, ...]] = {
    SUBGRAPH: (PLACE, OPEN, SEPARATOR, RENAME, SAVE, SEPARATOR, REMOVE),
    insertables.LIBRARY: (PLACE, SEPARATOR, REMOVE),
    "": (PLACE,),
}
ENTRIES = {entry.id: entry for entry in (PLACE, OPEN, RENAME, SAVE, REMOVE)}


class InsertablesMenu(QObject):
    """The menu of a row of the palette, and its keys. Each edit is one undo step.

    Signals:
        renamed(id): a row was renamed; the id is its new one.
    """

    renamed = Signal(str)

    def __init__(
        self,
        workspace: Workspace,
        canvas: CanvasView,
        pages: PageStack,
        quick_pick: QuickPick,
        subgraphs: SubgraphActions,
        themes: ThemeManager,
        messages: Messages,
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas, self._pages = workspace, canvas, pages
        self._quick_pick, self._subgraphs = quick_pick, subgraphs
        self._themes, self._messages = themes, messages
        self.menu: QMenu | None = None
        self._do: dict[Entry, Callable[[str], None]] = {
            PLACE: self.place,
            OPEN: self._open,
            RENAME: self._ask_name,
            SAVE: self._save,
            REMOVE: self._remove,
        }
        self._when: dict[Entry, Callable[[str], Blocked | None]] = {
            PLACE: self._place_blocked,
            REMOVE: self._remove_blocked,
        }

    def open(self, op_id: str, at: QPoint) -> None:
        """Show the menu of a row at a global position."""
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = QMenu(self._pages)
        self.menu.setObjectName("insertablesMenu")
        self.menu.setToolTipsVisible(True)
        for entry in MENUS[_kind(op_id)]:
            if isinstance(entry, str):
                self.menu.addSeparator()
                continue
            key = QKeySequence(entry.key).toString(QKeySequence.SequenceFormat.NativeText)
            action = self.menu.addAction(f"{entry.text}\t{key}" if key else entry.text)
            action.setIcon(icon(entry.icon, self._themes.theme, "ink"))
            action.setData((op_id, entry.id))
            blocked = self._blocked(op_id, entry)
            action.setEnabled(blocked is None or bool(blocked.fix))
            action.setToolTip(plain_tip(blocked.reason) if blocked else "")
        self.menu.triggered.connect(self._on_triggered)
        self.menu.popup(at)

    def _on_triggered(self, action: QAction) -> None:
        self.do(*action.data())

    def _blocked(self, op_id: str, entry: Entry) -> Blocked | None:
        """Return why a command cannot run for a row, or None."""
        when = self._when.get(entry)
        return None if when is None else when(op_id)

    def do(self, op_id: str, what: str) -> None:
        """Run a command. If it is blocked, show the reason, and an action that would help."""
        entry = ENTRIES[what]
        if entry not in MENUS[_kind(op_id)]:
            return
        blocked = self._blocked(op_id, entry)
        title = _name(op_id)
        try:
            if blocked is None:
                self._do[entry](op_id)
                return
            text, fix = f"{title}: {blocked.reason}", blocked.fix
        except NodeflowError as error:
            text, fix = sentence(error), ""
        self._messages.show(text, "info", fix, "Show the node" if fix else "")

    # ---- placing and opening ----------------------------------------------------------------

    def _place_blocked(self, op_id: str) -> Blocked | None:
        document = self._workspace.document
        if _kind(op_id) == SUBGRAPH:
            try:
                check_recursion(document, _name(op_id))
            except NodeflowError as error:
                return Blocked(error.message[:1].upper() + error.message[1:] + ".")
        return None

    def place(self, op_id: str) -> None:
        """Add a row's subgraph or template to the graph, in the middle of the canvas."""
        self._pages.show_canvas()
        add_in_middle(self._canvas, op_id)

    def _open(self, op_id: str) -> None:
        """Show the inside of a subgraph of the file, of an active instance if there is one."""
        name, workspace = _name(op_id), self._workspace
        self._pages.show_canvas()
        if workspace.document.scope == name:
            return
        workspace.go_to([ALONE + name])
        count = len(instances_of(workspace.root, name))
        if count > 1:
            shown = "/".join(workspace.path_names)
            self._messages.show_status(f"{shown}, one of {count} instances of {name}")

    # ---- the file's subgraphs ---------------------------------------------------------------

    def _ask_name(self, op_id: str) -> None:
        """Ask for a new name of a row."""
        old = _name(op_id)
        self._quick_pick.open(
            lambda query: [self._renaming(old, query)] if query else [],
            lambda row: self._renamed(old, row.data),
            title="Name",
            hint="New name",
            heading=f"Rename the subgraph {old} and all its instances",
            nothing="Use letters, digits and underscores.",
            back=self._pages.window().focusWidget(),
            text=old,
        )

    def _renaming(self, old: str, query: str) -> Row:
        name = query.replace(" ", "_")
        try:
            check_definition(name)
        except NodeflowError as error:
            return Row(name, in_window(error.hint), enabled=False, icon="pencil")
        taken = name in self._workspace.root.subgraphs and name != old
        reason = "The file already has a subgraph of this name." if taken else ""
        return Row(name, reason, data=name, enabled=not taken, icon="pencil")

    def _renamed(self, old: str, new: str) -> None:
        rename_definition(self._workspace.root, old, new)
        self.renamed.emit(f"{SUBGRAPH}/{new}")

    def _save(self, op_id: str) -> None:
        self._subgraphs.ask_to_save(_name(op_id))

    def _remove_blocked(self, op_id: str) -> Blocked | None:
        if _kind(op_id) != SUBGRAPH:
            return None
        root, name = self._workspace.root, _name(op_id)
        count = len(instances_of(root, name))
        if not count:
            return None
        path = place_of_use(root, name) or ""
        *steps, node = path.split("/")
        found = graph_at(root, steps)
        scope = "/".join([*found[1], ""]) if found else ""
        first = f"{scope}{found[0].nodes[node].name}" if found else name
        others = f" and {count - 1} more" if count > 1 else ""
        text = f"Used by {first}{others}. Unpack or delete these nodes first."
        return Blocked(text, f"node:{path}")

    def _remove(self, op_id: str) -> None:
        if _kind(op_id) == SUBGRAPH:
            remove_definition(self._workspace.root, _name(op_id))
            self._messages.show_status(f"Removed the subgraph {_name(op_id)}; Undo restores it")
        else:
            item = insertables.library_item(op_id)
            library.remove(item)
            self._subgraphs.refresh_insertables()
            self._messages.show_status(f"Removed {item.name} from the library")


def _kind(op_id: str) -> str:
    """Return the kind of a palette row: ``subgraph``, ``library``, or "" for an op."""
    return op_id.partition("/")[0] if insertables.is_insertable(op_id) else ""


def _name(op_id: str) -> str:
    return op_id.rpartition("/")[2]
