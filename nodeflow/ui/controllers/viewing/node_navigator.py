"""Navigation to a node: in the visible graph, inside a subgraph, or by the name of a generated
node.
"""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.pages.page_stack import PageStack


class NodeNavigator(QObject):
    """Enters a node's graph, selects the node and centres it.

    Signals:
        attribute_requested(name): edit this attribute of the shown node.
    """

    attribute_requested = Signal(str)

    def __init__(
        self, workspace: Workspace, canvas: CanvasView, pages: PageStack, messages: Messages
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas = workspace, canvas
        self._pages, self._messages = pages, messages
        pages.expansion.outer_requested.connect(self.show_path)

    def show_node(self, node_id: str) -> None:
        """Show a node or frame of the visible graph."""
        document = self._workspace.document
        if node_id not in document.nodes and node_id not in document.frames:
            return
        self._pages.show_canvas()
        self._canvas.selection.select([node_id])
        if node_id in document.nodes:
            self._canvas.viewport.center_on(node_id)
        else:
            self._canvas.viewport.fit([node_id])

    def show_path(self, path: str) -> None:
        """Show a node by its path of ids from the file's own graph."""
        *steps, node_id = path.split("/")
        if tuple(steps) == self._workspace.path or self._workspace.go_to(steps):
            self.show_node(node_id)

    def show_named(self, names: Iterable[str]) -> None:
        """Show the nodes with these full names.

        For generated nodes, show the nodes that generate them.
        """
        places = [place_of(self._workspace, name) for name in names]
        paths = list(dict.fromkeys(place for place in places if place))
        if not paths:
            self._messages.show_status("No node of the graph corresponds to these ops")
            return
        self.show_path(paths[0])
        steps = paths[0].split("/")[:-1]
        self._canvas.selection.select(
            [p.split("/")[-1] for p in paths if p.split("/")[:-1] == steps]
        )


def place_of(workspace: Workspace, name: str) -> str | None:
    """Return the path of the node with a full name, or of the node that generates it."""
    parts = name.split("/")
    if parts[0] == "gradients":
        ends = [i for i, part in enumerate(parts) if part.endswith("_grad")]
        parts = [*parts[1 : ends[0]], parts[ends[0]].removesuffix("_grad")] if ends else []
    for count in range(len(parts), 0, -1):
        found = workspace.find("/".join(parts[:count]))
        if found is not None:
            return found
    return None
