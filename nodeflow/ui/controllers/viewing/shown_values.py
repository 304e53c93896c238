"""Current values: finds which tensors the window needs, and gives the engine's answers to the
nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.analysis.bound_attributes import bound_attributes
from nodeflow.document.analysis.subgraphs.instance_paths import walk
from nodeflow.host import protocol as p
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace

FEW, MOST_SHOWN = 200, 2000
"""Maximum number of nodes of a document with live values for all nodes; and the maximum number
of visible nodes with live values in larger documents.
"""


class ShownValues(QObject):
    """The last values of tensors, which the canvas and panels show.

    Signals:
        changed(names): these tensors have new values.
        feeds_missing(names): placeholders without a feed, needed for live values.
        notices_changed(texts): notices about the data for the user.

    Attributes:
        waiting_for: the placeholders of the last ``feeds_missing``.
        notices: the texts of the last ``notices_changed``.
    """

    changed = Signal(object)
    feeds_missing = Signal(object)
    notices_changed = Signal(object)

    def __init__(self, workspace: Workspace, link: EngineLink, canvas: CanvasView) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas = workspace, canvas
        self.waiting_for: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()
        self._last: p.Previews | None = None
        link.previews.connect(self._on_previews)
        workspace.entered.connect(self.show_again)
        workspace.replaced.connect(self._on_replaced)
        link.live.names = self._shown_names
        canvas.viewport.changed.connect(link.live.look)
        workspace.selected.connect(link.live.look)
        workspace.entered.connect(link.live.look)

    @Slot()
    def show_again(self) -> None:
        """Set the values of the displayed nodes again, from the last values."""
        if self._last is not None:
            self._show_values(self._last)

    @property
    def values(self) -> Mapping[str, p.Preview]:
        """The last previews of values, by tensor name."""
        return {} if self._last is None else self._last.values

    @Slot(object)
    def _on_previews(self, message: p.Previews) -> None:
        self._keep(message)
        self._show_values(message)
        self.changed.emit(tuple(message.values))
        if message.missing != self.waiting_for:
            self.waiting_for = message.missing
            self.feeds_missing.emit(message.missing)
        if message.step is None and message.notices != self.notices:
            self.notices = message.notices
            self.notices_changed.emit(message.notices)

    @Slot()
    def _on_replaced(self) -> None:
        self._last = None
        self.waiting_for = self.notices = ()
        self.feeds_missing.emit(())
        self.notices_changed.emit(())

    def _keep(self, message: p.Previews) -> None:
        """Store the values of a message, together with earlier values if the message is partial.

        A training may send only the values that it changes, and the answer to a request for
        names contains only these. Values of two steps are never mixed.
        """
        of = message.past, message.run
        mixes = self._last is not None and (self._last.past, self._last.run) == of
        is_part = not message.whole or message.names is not None
        if self._last is not None and mixes and is_part:
            asked = set(message.names or ()) if message.whole else set()
            last = {n: value for n, value in self._last.values.items() if n not in asked}
            message = replace(message, values={**last, **message.values})
        self._last = message

    def _show_values(self, message: p.Previews) -> None:
        """Set the values of the displayed nodes.

        Inside a subgraph, these are the values of the shown instance.
        """
        document, scope = self._workspace.document, self._workspace.scope
        values = dict(message.values)
        for name in message.iterations:  # a loop shows the value of the chosen iteration
            if f"{name}/" in values:
                values[name] = values.pop(f"{name}/")
        if scope:
            inside = [name for name in values if name.startswith(scope)]
            values = {name[len(scope) :]: values[name] for name in inside}
        self._canvas.node_state.set_values(values)
        if message.whole and not message.pending and (message.watch or message.names is None):
            have = {name.partition(":")[0] for name in values}
            if message.names is None:
                asked: Iterable[str] = document.names
            else:
                asked = (n.removeprefix(scope) for n in message.names if n.startswith(scope))
            records = (document.node_named(name) for name in asked if name not in have)
            stale = [record.id for record in records if record is not None]
            self._canvas.node_state.clear_values(stale)

    def _shown_names(self) -> tuple[str, ...] | None:
        """Return the names of the nodes whose values are needed; None for all nodes of a small
        graph.

        Needed are nodes whose card shows a value at this zoom, selected nodes, and nodes whose
        wire sets an attribute of a selected node.
        """
        workspace = self._workspace
        if len(list(islice(walk(workspace.root), FEW + 1))) <= FEW:
            return None
        if workspace.is_apart:
            return ()
        document, names = workspace.document, []
        canvas = self._canvas
        visible: Iterable[str] = ()
        if canvas.renderer.draws_values or canvas.renderer.tints is not None:
            visible = islice(canvas.viewport.visible_ids(), MOST_SHOWN)
        givers = (
            wire.source
            for node_id in workspace.selection
            if node_id in document.nodes
            for wire in bound_attributes(document, document.nodes[node_id]).values()
        )
        for node_id in dict.fromkeys([*visible, *workspace.selection, *givers]):
            record = document.nodes.get(node_id)
            if record is None:
                continue
            name = workspace.full_name(record.name)
            names.append(name)
            if node_id in workspace.selection:
                count = len(workspace.analysis.out_types(node_id) or ())
                names += [f"{name}:{index}" for index in range(1, count)]
        return tuple(names)
