"""Subgraphs in the window: making, entering, leaving, exposing ports, and the user's library.

Functions ``do_ID`` and ``when_ID`` of the actions; the document's part is in `document.subgraphs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from nodeflow.document.analysis.ports import in_ports, out_ports
from nodeflow.document.analysis.subgraph_declarations import SubgraphDeclaration
from nodeflow.document.analysis.subgraph_interface import BORDER, DEFINITION
from nodeflow.document.edit import insertables, library
from nodeflow.document.edit.create_subgraph import create
from nodeflow.document.edit.definitions import make_independent
from nodeflow.document.edit.subgraph_ports import expose
from nodeflow.document.edit.unpack_subgraph import unpack_subgraph
from nodeflow.document.model.names import automatic_name
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, Change, NodeRecord
from nodeflow.ui.actions.action_set import Blocked
from nodeflow.ui.canvas.scene import card_data
from nodeflow.ui.popups.fuzzy_match import score
from nodeflow.ui.popups.quick_pick import Row

if TYPE_CHECKING:
    from nodeflow.ui.window.main_window import MainWindow

NOT_INSIDE = Blocked("This is the file's own graph, not a subgraph.")
NO_INSTANCE = Blocked("Select a subgraph.")


class Subgraphs:
    """The actions on subgraphs."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._workspace, self._canvas = window.workspace, window.canvas

    # ---- making and unpacking ---------------------------------------------------------------

    def _locked(self) -> Blocked | None:
        return Blocked("This is only to be looked at.") if self._window.is_inside else None

    def when_subgraph(self) -> Blocked | None:
        nodes = self._workspace.document.nodes
        some = any(nodes[i].op not in BORDER for i in self._workspace.selection)
        return self._locked() or (None if some else Blocked("Select the nodes to put together."))

    def do_subgraph(self) -> None:
        """Put what is selected into a subgraph, and let the user name it."""
        with self._canvas.reporting():
            made = create(self._workspace.document, self._canvas.selected_things())
            self._canvas.select([made])
            self._canvas.rename_node(made)

    def instance(self) -> NodeRecord | None:
        """The one selected instance."""
        chosen = self._workspace.selection
        record = self._workspace.document.nodes[chosen[0]] if len(chosen) == 1 else None
        return record if record is not None and record.op == SUBGRAPH else None

    def unpack(self, record: NodeRecord) -> None:
        """Replace an instance by what is inside."""
        with self._canvas.reporting():
            new = unpack_subgraph(self._workspace.document, record.id)
            self._canvas.select(new)
            self._window.status.say(f"Unpacked {len(new)} nodes")

    def when_independent(self) -> Blocked | None:
        return self._locked() or (None if self.instance() else NO_INSTANCE)

    def do_independent(self) -> None:
        record = self.instance()
        if record is not None:
            with self._canvas.reporting():
                name = make_independent(self._workspace.document, record.id)
                self._window.status.say(f"{record.name} has the subgraph {name} for itself")

    # ---- entering and leaving ---------------------------------------------------------------

    def when_leave(self) -> Blocked | None:
        return None if self._workspace.path or self._window.is_inside else NOT_INSIDE

    def do_leave(self) -> None:
        """Back to the graph outside; the instance that was shown is selected there."""
        if self._window.is_inside:
            self._window.show_canvas()
        elif self._workspace.path:
            self.go_to(len(self._workspace.path) - 1)

    def enter(self, node_id: str) -> bool:
        """Show what is inside an instance; False if there is nothing to show."""
        if not self._workspace.enter(node_id):
            return False
        self._window.show_canvas()
        return True

    def go_to(self, depth: int) -> None:
        """Leave until so many instances lead to what is shown."""
        came_from = self._workspace.path[depth] if depth < len(self._workspace.path) else None
        self._workspace.go_to(self._workspace.path[:depth])
        if came_from in self._workspace.document.nodes:
            self._canvas.select([came_from])
            self._canvas.show_whole(came_from)
        self._canvas.setFocus()

    def show_path(self) -> None:
        """Say in the bar over the canvas where one is."""
        bar, names = self._window.breadcrumbs, self._workspace.path_names
        bar.setVisible(bool(names))
        if not names:
            return
        document = self._workspace.document
        count = len(document.nodes) - len(document.borders)
        facts = f"subgraph {document.scope}, {count} node{'' if count == 1 else 's'}"
        if self._workspace.is_apart:
            facts += ", not inside an instance: nothing in it is computed"
        bar.show_names([self._window.files.title, *names], facts)

    # ---- ports ------------------------------------------------------------------------------

    def when_expose(self) -> Blocked | None:
        if not self._workspace.path:
            return NOT_INSIDE
        one = len(self._workspace.selection) == 1
        return self._locked() or (None if one else Blocked("Select the node whose port it is."))

    def do_expose(self) -> None:
        """Ask which port of the selected node becomes one of the subgraph."""
        record = self._workspace.document.nodes[self._workspace.selection[0]]
        rows = self._exposable(record)
        self._window.navigation.popup.open(
            lambda query: [row for row in rows if score(query, row.title) > 0],
            self._exposed,
            title="Port",
            heading=f"Which port of {record.name} should the subgraph have?",
            nothing="It has no port of this name.",
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
        with self._canvas.reporting():
            name = expose(self._workspace.document, node, port, side)
            self._window.status.say(f"The subgraph has the port {name}")

    # ---- the library ------------------------------------------------------------------------

    def when_save_library(self) -> Blocked | None:
        some = self._workspace.selection
        return self._locked() or (None if some else Blocked("Select a subgraph, or nodes."))

    def do_save_library(self) -> None:
        """Ask for a name: an instance is saved as a subgraph, nodes as a template."""
        record = self.instance()
        self.ask_to_save(None if record is None else str(record.attrs.get(DEFINITION)))

    def ask_to_save(self, definition: str | None) -> None:
        """Ask what a subgraph, or else the selection, is to be called in the library."""
        document = self._workspace.document
        default = definition or document.nodes[self._workspace.selection[0]].name
        kind = library.SUBGRAPHS if definition else library.TEMPLATES

        def names(query: str) -> Sequence[Row]:
            name = automatic_name(query.replace(" ", "_") or default)
            taken = any((i.kind, i.name) == (kind, name) for i in library.items())
            return [Row(name, "Replaces the one there" if taken else "", data=name, icon="save")]

        self._window.navigation.popup.open(
            names,
            lambda row: self._save(definition, row.data),
            title="Name",
            hint="A name in the library",
            heading=f"Save to the library, as a {kind.rstrip('s')}",
            nothing="Letters, digits and underscores, please.",
            back=self._window.focusWidget() or self._canvas,
        )

    def _save(self, definition: str | None, name: str) -> None:
        document = self._workspace.document
        with self._canvas.reporting():
            if definition:
                item = library.save_subgraph(document, definition, name=name)
            else:
                item = library.save_template(document, self._canvas.selected_things(), name)
            self.refresh_offers()
            self._window.status.say(f"{item.name} is in the library")

    def when_insert_library(self) -> Blocked | None:
        return self._locked() or self._when_any()

    def _when_any(self) -> Blocked | None:
        some = library.items() or self._workspace.root.subgraphs
        return None if some else Blocked("There are no subgraphs and no templates yet.")

    def do_insert_library(self) -> None:
        """Ask for a subgraph or template, and put it into the middle."""
        self._window.show_canvas()
        self._window.navigation.popup.open(
            self._found,
            lambda row: self.insert(row.data),
            title="Insert",
            hint="Subgraph or template",
            nothing="Nothing of this name.",
            back=self._canvas,
        )

    def when_remove_library(self) -> Blocked | None:
        return None if library.items() else Blocked("The library is empty.")

    def do_remove_library(self) -> None:
        """Ask what to remove from the library."""
        self._window.navigation.popup.open(
            lambda query: [
                Row(item.name, item.kind.rstrip("s"), data=item, icon="trash-2")
                for item in library.items()
                if score(query, item.name) > 0
            ],
            self._removed,
            title="Remove",
            heading="Remove from the library; graphs that use it keep it",
            back=self._canvas,
        )

    def _removed(self, row: Row) -> None:
        library.remove(row.data)
        self.refresh_offers()
        self._window.status.say(f"{row.title} is no longer in the library")

    def _found(self, query: str) -> list[Row]:
        return [
            Row(op.title, op.summary, data=op.id, op=op.id, category=op.category)
            for op in insertables.offers(self._workspace.document)
            if score(query, op.title) > 0
        ]

    def insert(self, op_id: str) -> None:
        """Add what an offer stands for, in the middle of what is seen."""
        canvas = self._canvas
        middle = canvas.view_to_scene(QPointF(canvas.rect().center()))
        place = self._window.edit_menu.free_place(middle)
        canvas.add_node(op_id, place)

    def refresh_offers(self, change: Change | None = None) -> None:
        """The palette shows the file's subgraphs and the library."""
        if change is None or not change.only_moves:
            found = insertables.offers(self._workspace.document, every=True)
            self._window.palette_panel.offer(found)

    def when_list_subgraphs(self) -> Blocked | None:
        some = self._workspace.root.subgraphs
        return None if some else Blocked("The file has no subgraphs yet.", "subgraph")

    def do_list_subgraphs(self) -> None:
        """Give the keyboard to the file's subgraphs in the ops panel."""
        self._window.show_canvas()
        self._window.show_panel("palette")
        self._window.palette_panel.show_offers(SubgraphDeclaration.category)
