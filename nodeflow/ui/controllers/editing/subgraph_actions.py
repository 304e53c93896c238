"""Subgraphs in the window: creating, entering, leaving, exposing ports, and the user's library.

`document.edit` contains the edits themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER, DEFINITION
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.edit.inserting import insertables, library
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import make_independent
from nodeflow.document.edit.subgraphs.subgraph_ports import expose
from nodeflow.document.model.names import automatic_name
from nodeflow.document.model.records import INPUTS, OUTPUTS, Change, NodeRecord
from nodeflow.drawing.cards import card_data
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.editing.add_in_middle import add_in_middle
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.popups.search.fuzzy_match import score
from nodeflow.ui.popups.search.op_query import ranked
from nodeflow.ui.popups.search.quick_pick import QuickPick, Row

NOT_INSIDE = Blocked("This is the file's own graph, not a subgraph.")
NO_INSTANCE = Blocked("Select a subgraph.")


class SubgraphActions(QObject):
    """The actions on subgraphs.

    Signals:
        insertables_changed(list of declarations): the file's subgraphs and the library, for the
            palette.
        list_requested(): show the file's subgraphs in the palette.
    """

    insertables_changed = Signal(object)
    list_requested = Signal()

    def __init__(
        self,
        workspace: Workspace,
        canvas: CanvasView,
        pages: PageStack,
        quick_pick: QuickPick,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas, self._pages = workspace, canvas, pages
        self._quick_pick, self._messages = quick_pick, messages
        workspace.edited.connect(self._on_edited)
        for signal in (workspace.replaced, workspace.entered):
            signal.connect(self.refresh_insertables)
        pages.breadcrumbs.back.connect(self.leave)
        pages.breadcrumbs.chosen.connect(self.go_to)
        canvas.signals.leave_requested.connect(self.leave)
        actions.bind(self._bindings())

    def _bindings(self) -> dict[str, Binding]:
        return {
            "subgraph": Binding(self._create, self._create_blocked),
            "independent": Binding(self._make_independent, self._independent_blocked),
            "leave": Binding(self.leave, self._leave_blocked),
            "expose": Binding(self._ask_port, self._expose_blocked),
            "save_library": Binding(self._save_selection, self._save_blocked),
            "insert_library": Binding(self._ask_insertable, self._insert_blocked),
            "remove_library": Binding(self._ask_removed, self._remove_blocked),
            "list_subgraphs": Binding(self._list, self._list_blocked),
        }

    # ---- creating -------------------------------------------------------------------------

    def _locked(self) -> Blocked | None:
        is_read = self._pages.shows_expansion or self._pages.shows_comparison
        return Blocked("This view is read-only.") if is_read else None

    def _create_blocked(self) -> Blocked | None:
        nodes = self._workspace.document.nodes
        chosen = self._canvas.selection.with_contents()
        some = any(i in nodes and nodes[i].op not in BORDER for i in chosen)
        return self._locked() or (None if some else Blocked("Select the nodes for the subgraph."))

    def _create(self) -> None:
        """Put the selection into a subgraph and let the user name it."""
        with self._canvas.signals.reporting():
            made = create(self._workspace.document, self._canvas.selection.with_contents())
            self._canvas.selection.select([made])
            self._canvas.rename.node(made)

    def _independent_blocked(self) -> Blocked | None:
        return self._locked() or (None if self._workspace.selected_instance else NO_INSTANCE)

    def _make_independent(self) -> None:
        record = self._workspace.selected_instance
        if record is not None:
            with self._canvas.signals.reporting():
                name = make_independent(self._workspace.document, record.id)
                self._messages.show_status(f"{record.name} now has its own subgraph {name}")

    # ---- entering and leaving ---------------------------------------------------------------

    def _leave_blocked(self) -> Blocked | None:
        inside = self._pages.shows_expansion or self._pages.shows_comparison
        return None if self._workspace.path or inside else NOT_INSIDE

    def leave(self) -> None:
        """Return to the outer graph, and select the instance that was left."""
        if self._pages.shows_expansion:
            self._pages.show_canvas()
        elif self._pages.shows_comparison:
            self._pages.comparison.leave()
        elif self._workspace.path:
            self.go_to(len(self._workspace.path) - 1)

    def go_to(self, depth: int) -> None:
        """Leave subgraphs until the path has this many instances."""
        came_from = self._workspace.path[depth] if depth < len(self._workspace.path) else None
        self._workspace.go_to(self._workspace.path[:depth])
        if came_from in self._workspace.document.nodes:
            self._canvas.selection.select([came_from])
            self._canvas.viewport.ensure_visible(came_from)
        self._canvas.setFocus()

    # ---- ports ------------------------------------------------------------------------------

    def _expose_blocked(self) -> Blocked | None:
        if not self._workspace.path:
            return NOT_INSIDE
        one = len(self._workspace.selection) == 1
        return self._locked() or (None if one else Blocked("Select the node of the port."))

    def _ask_port(self) -> None:
        """Ask which port of the selected node is to become a port of the subgraph."""
        record = self._workspace.document.nodes[self._workspace.selection[0]]
        rows = self._exposable(record)
        self._quick_pick.open(
            lambda query: [row for row in rows if score(query, row.title) > 0],
            self._exposed,
            title="Port",
            heading=f"Which port of {record.name} should become a port of the subgraph?",
            nothing="The node has no port of this name.",
            back=self._canvas,
        )

    def _exposable(self, record: NodeRecord) -> list[Row]:
        document, analysis = self._workspace.document, self._workspace.analysis
        rows = []
        for side, ports in (
            (INPUTS, in_ports(document, record)),
            (OUTPUTS, out_ports(document, record, analysis)),
        ):
            word, sign = ("input", "log-in") if side == INPUTS else ("output", "log-out")
            for port in ports if record.op not in BORDER else ():
                kind = card_data.type_text(analysis.type_of(record.id, port.name))
                data = (record.id, port.name, side)
                rows.append(Row(port.label or port.name, word, kind, data, icon=sign))
        return rows

    def _exposed(self, row: Row) -> None:
        node, port, side = row.data
        with self._canvas.signals.reporting():
            name = expose(self._workspace.document, node, port, side)
            self._messages.show_status(f"The subgraph now has the port {name}")

    # ---- the library ------------------------------------------------------------------------

    def _save_blocked(self) -> Blocked | None:
        some = self._workspace.selection
        return self._locked() or (None if some else Blocked("Select a subgraph, or nodes."))

    def _save_selection(self) -> None:
        """Ask for a name and save the selection in the library: an instance as a subgraph,
        nodes as a template.
        """
        record = self._workspace.selected_instance
        self.ask_to_save(None if record is None else str(record.attrs.get(DEFINITION)))

    def ask_to_save(self, definition: str | None) -> None:
        """Ask for a name and save in the library: a subgraph's definition, or else the
        selection.
        """
        document = self._workspace.document
        default = definition or document.nodes[self._workspace.selection[0]].name
        kind = library.SUBGRAPHS if definition else library.TEMPLATES

        def names(query: str) -> Sequence[Row]:
            name = automatic_name(query.replace(" ", "_") or default)
            taken = any((i.kind, i.name) == (kind, name) for i in library.items())
            return [Row(name, "Replaces the existing one" if taken else "", data=name, icon="save")]

        self._quick_pick.open(
            names,
            lambda row: self._save(definition, row.data),
            title="Name",
            hint="A name in the library",
            heading=f"Save to the library, as a {kind.rstrip('s')}",
            nothing="Use letters, digits and underscores.",
            back=self._pages.window().focusWidget() or self._canvas,
        )

    def _save(self, definition: str | None, name: str) -> None:
        document = self._workspace.document
        with self._canvas.signals.reporting():
            if definition:
                item = library.save_subgraph(document, definition, name=name)
            else:
                item = library.save_template(document, self._canvas.selection.with_contents(), name)
            self.refresh_insertables()
            self._messages.show_status(f"Saved {item.name} to the library")

    def _insert_blocked(self) -> Blocked | None:
        return self._locked() or self._when_any()

    def _when_any(self) -> Blocked | None:
        some = library.items() or self._workspace.root.subgraphs
        return None if some else Blocked("There are no subgraphs and no templates yet.")

    def _ask_insertable(self) -> None:
        """Ask for a subgraph or template, and add it in the middle of the canvas."""
        self._pages.show_canvas()
        self._quick_pick.open(
            self._found,
            lambda row: add_in_middle(self._canvas, row.data),
            title="Insert",
            hint="Subgraph or template",
            nothing="No subgraph or template has this name.",
            back=self._canvas,
        )

    def _remove_blocked(self) -> Blocked | None:
        return None if library.items() else Blocked("The library is empty.")

    def _ask_removed(self) -> None:
        """Ask which library entry to remove."""
        self._quick_pick.open(
            lambda query: [
                Row(item.name, item.kind.rstrip("s"), data=item, icon="trash-2")
                for item in library.items()
                if score(query, item.name) > 0
            ],
            self._removed,
            title="Remove",
            heading="Remove from the library (graphs that use it keep their copy)",
            back=self._canvas,
        )

    def _removed(self, row: Row) -> None:
        library.remove(row.data)
        self.refresh_insertables()
        self._messages.show_status(f"Removed {row.title} from the library")

    def _found(self, query: str) -> list[Row]:
        return [
            Row(op.title, op.summary, data=op.id, op=op.id, category=op.category)
            for op in ranked(query, insertables.available(self._workspace.document))
        ]

    def insertables(self) -> list[insertables.Insertable]:
        """Return the file's subgraphs and the library, for the palette."""
        return insertables.available(self._workspace.document, every=True)

    def refresh_insertables(self) -> None:
        """Update the palette after a change of the library, the subgraphs or the shown graph."""
        self.insertables_changed.emit(self.insertables())

    def _on_edited(self, change: Change) -> None:
        if not change.only_moves:
            self.refresh_insertables()

    def _list_blocked(self) -> Blocked | None:
        some = self._workspace.root.subgraphs
        return None if some else Blocked("The file has no subgraphs yet.", "subgraph")

    def _list(self) -> None:
        self._pages.show_canvas()
        self.list_requested.emit()
