"""The inside of a node: the graph of a subgraph, or the nodes that an optimizer generates."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.model.records import NodeRecord
from nodeflow.document.to_graph.expansion.expand import can_expand, unpack
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.training.run_controller import NOTHING_RUNS
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.pages.page_stack import PageStack

NOTHING_INSIDE = Blocked(
    "Select a subgraph, a layer, an optimizer or a gradients node to look inside."
)


class ExpandActions(QObject):
    """The actions Expand and Unpack, for subgraphs and for nodes that generate others.

    Args:
        title: returns the document's name.

    Signals:
        node_opened(): show the value of a double-clicked node that has no inside.
        dataset_opened(id): show the rows of this dataset node.
    """

    node_opened = Signal()
    dataset_opened = Signal(str)

    def __init__(
        self,
        workspace: Workspace,
        canvas: CanvasView,
        pages: PageStack,
        messages: Messages,
        actions: ActionSet,
        title: Callable[[], str],
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas, self._pages = workspace, canvas, pages
        self._messages, self._title = messages, title
        actions.bind(
            {
                "expand": Binding(self._expand, self._expand_blocked),
                "unpack": Binding(self.unpack, self._unpack_blocked),
            }
        )
        self._unpacks = False
        canvas.signals.node_activated.connect(self.activate)
        pages.expansion.opened.connect(self._on_opened)
        pages.page_changed.connect(self._on_page)
        pages.expansion.unpack_requested.connect(self.unpack)
        workspace.changed.connect(self._on_changed)

    def activate(self, node_id: str) -> None:
        """Handle a double click on a node: show its inside, or else request its value."""
        if self._enter(node_id):
            return
        if self._workspace.document.nodes[node_id].op == DATASET:
            self.dataset_opened.emit(node_id)
        elif can_expand(self._workspace.document, node_id):
            self._show_derived(node_id)
        else:
            self.node_opened.emit()

    def unpack(self) -> None:
        """Replace the selected or expanded node by the nodes inside it."""
        inside = self._pages.is_inside
        instance = None if inside else self._workspace.selected_instance
        if instance is not None:
            self._unpack_instance(instance)
            return
        node_id = self._pages.expansion.node if inside else self._workspace.selection[0]
        assert node_id is not None
        if not inside:
            try:
                self._pages.expansion.open(node_id, self._title())
            except NodeflowError as error:
                self._messages.show(sentence(error), "error")
                return
            if not self._pages.expansion.is_ready:
                self._unpacks = True  # as soon as the nodes have places
                self._pages.show_expansion()
                return
        self._unpack(node_id)

    def _unpack(self, node_id: str) -> None:
        workspace = self._workspace
        self._pages.show_canvas()
        try:
            path = "/".join((*workspace.path, node_id))
            new = unpack(
                *(workspace.root, path),
                base_dir=workspace.base_dir,
                analysis=workspace.root_analysis,
                places=self._pages.expansion.places(path),
            )
        except NodeflowError as error:
            self._messages.show(sentence(error), "error")
            return
        self._canvas.selection.select(new)
        self._canvas.viewport.fit(new)
        self._messages.show_status(f"Unpacked {len(new)} nodes")

    def _on_opened(self) -> None:
        """Unpack the generated nodes now that they are laid out, if the user asked for it."""
        node_id = self._pages.expansion.node
        if self._unpacks and node_id is not None:
            self._unpacks = False
            self._unpack(node_id)

    def _on_page(self) -> None:
        if not self._pages.shows_expansion:
            self._unpacks = False  # the user did not want to wait

    # ---- internals --------------------------------------------------------------------------

    def _expand_blocked(self) -> Blocked | None:
        if self._pages.shows_comparison:
            return None if self._pages.comparison.selected_instance else NOTHING_INSIDE
        if self._workspace.selected_instance is not None or self._selects_data():
            return None
        if self._workspace.is_apart:
            return NOTHING_RUNS
        ids = self._workspace.selection
        if len(ids) == 1 and can_expand(self._workspace.document, ids[0]):
            return None
        return NOTHING_INSIDE

    def _expand(self) -> None:
        if self._pages.shows_comparison:
            self._pages.comparison.enter_selected()
            return
        node_id = self._workspace.selection[0]
        if self._selects_data():
            self.dataset_opened.emit(node_id)
        elif self._workspace.selected_instance is not None:
            self._enter(node_id)
        else:
            self._show_derived(node_id)

    def _unpack_blocked(self) -> Blocked | None:
        if self._pages.is_inside:
            return None
        if self._pages.shows_comparison:
            return Blocked("A comparison is read-only.")
        return NOTHING_INSIDE if self._selects_data() else self._expand_blocked()

    def _selects_data(self) -> bool:
        """Return whether a single dataset node is selected, and nothing else."""
        nodes, chosen = self._workspace.document.nodes, self._workspace.selection
        return len(chosen) == 1 and nodes[chosen[0]].op == DATASET

    def _unpack_instance(self, record: NodeRecord) -> None:
        with self._canvas.signals.reporting():
            new = unpack_subgraph(self._workspace.document, record.id)
            self._canvas.selection.select(new)
            self._messages.show_status(f"Unpacked {len(new)} nodes")

    def _enter(self, node_id: str) -> bool:
        """Show the graph of an instance. Return False if the node is not an instance."""
        if not self._workspace.enter(node_id):
            return False
        self._pages.show_canvas()
        return True

    def _show_derived(self, node_id: str) -> None:
        """Show the nodes that a node generates, on their page."""
        self._unpacks = False
        try:
            self._pages.expansion.open(node_id, self._title())
        except NodeflowError as error:
            self._messages.show(sentence(error), "error")
            return
        self._pages.show_expansion()

    def _on_changed(self, _: object) -> None:
        """Leave the page of generated nodes, because an edit may have changed them."""
        if self._pages.shows_expansion:
            self._pages.show_canvas()
