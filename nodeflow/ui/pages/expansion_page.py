"""The page with the nodes that an optimizer, layer or gradients node generates.

A separate read-only canvas shows them with their live values. The inspector and the viewer
follow its selection. Unpack adds these nodes to the document.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.layout.layered import Position
from nodeflow.document.to_graph.expansion.expand import Expansion, derive
from nodeflow.host import protocol as p
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.view.keyboard import CanvasKeys
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.core.widgets.common_widgets import column, label, switch
from nodeflow.ui.inspector import Inspector
from nodeflow.ui.pages.background_layout import BackgroundLayout
from nodeflow.ui.pages.breadcrumbs import UNPACK_TIP, Breadcrumbs

PAUSE_MS = 400
"""Minimum milliseconds between requests for generated values."""
FEW = 8
"""Maximum number of generated nodes laid out at once. More are laid out in a thread."""
READABLE = 0.5
"""Scale below which the beginning of a graph is shown and not the whole graph."""


class ExpansionPage(QWidget):
    """The page of generated nodes.

    Signals:
        opened: the requested nodes are ready.
        closed: show the document's own canvas.
        unpack_requested: make the generated nodes part of the document.
        outer_requested(id): show this node of the document.
        node_activated: a generated node was double-clicked.
        view_changed: the canvas shows another place or has another scale.
    """

    opened = Signal()
    closed = Signal()
    unpack_requested = Signal()
    outer_requested = Signal(str)
    node_activated = Signal()
    view_changed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        themes: ThemeManager,
        keys: CanvasKeys,
        messages: Messages,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._outside, self._link, self._themes = workspace, link, themes
        self._keys, self._messages = keys, messages
        self.inside = Workspace(self)
        self.node: str | None = None
        self.canvas: CanvasView | None = None
        self.inspector = Inspector(self.inside, themes)
        self.inspector.node_requested.connect(self.show_node)
        self.path = Breadcrumbs(themes)
        self.path.back.connect(self.closed)
        self.path.unpack.connect(self.unpack_requested)
        self._names: tuple[str, ...] = ()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addWidget(self.path)
        self._make_waiting()
        self._work = BackgroundLayout(self)
        self._work.placed.connect(self._on_placed)
        self._known: tuple[object, Expansion, Analysis] | None = None
        self._wanted: object = None
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self._ask)
        link.previews.connect(self._on_values_elsewhere)
        link.derived.connect(self._on_values)

    def _make_waiting(self) -> None:
        """Make the widget that is shown while many nodes are laid out."""
        self.waiting = QWidget()
        self._said = label("", "muted")
        self._said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        bar = QProgressBar()
        bar.setAccessibleName("Progress of the layout")
        bar.setTextVisible(False)
        bar.setRange(0, 0)
        bar.setFixedWidth(220)
        inside = column(None, self._said, bar, None, gap=3)
        inside.setAlignment(bar, Qt.AlignmentFlag.AlignHCenter)
        self.waiting.setLayout(inside)
        self.waiting.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.waiting.hide()
        self._layout.addWidget(self.waiting, 1)

    def open(self, node_id: str, outside: str) -> None:
        """Show the nodes that a node generates: at once if there are few, otherwise after a layout.

        Args:
            outside: the document's name.

        Raises:
            NodeflowError: the node generates nothing, or it cannot run.
        """
        outer = self._outside
        path = "/".join((*outer.path, node_id))
        self._work.cancel()
        self._outside_name, self.node = outside, node_id
        self._wanted = (outer.root, outer.root.revision, path)
        if self._known is not None and self._known[0] == self._wanted:
            self._show(*self._known[1:])
            return
        analysis = outer.root_analysis
        unplaced = derive(outer.root, path, base_dir=outer.base_dir, analysis=analysis)
        self._count = len(unplaced.derived)
        if self._count <= FEW:
            self._on_placed(unplaced.placed())
            return
        self._said.setText(f"Laying out {self._count} generated nodes…")
        self.path.show_path(outside, unplaced.inner.owner, "")
        self._show_waiting(True)
        self._work.begin(unplaced)

    def close_inside(self) -> None:
        """Cancel a running layout when the page is left."""
        self._work.cancel()

    @property
    def is_ready(self) -> bool:
        """Whether the requested nodes are ready to be shown."""
        return self.canvas is not None and not self._work.is_busy

    def places(self, path: str) -> dict[str, Position]:
        """Return the known positions of the nodes that the node at ``path`` generates, by name."""
        wanted = (self._outside.root, self._outside.root.revision, path)
        if self._known is None or self._known[0] != wanted:
            return {}
        return {record.name: record.pos for record in self._known[1].nodes.values()}

    @Slot(object)
    def _on_placed(self, inner: Expansion) -> None:
        self._known = (self._wanted, inner, inner.analyse())
        self._show(*self._known[1:])

    def _show_waiting(self, waits: bool) -> None:
        why = "The generated nodes are being laid out." if waits else ""
        switch(self.path.unpack_button, why, UNPACK_TIP)
        if self.canvas is not None:
            self.canvas.setVisible(not waits)
            if self.waiting.hasFocus():
                self.canvas.setFocus()
        self.waiting.setVisible(waits)

    def _show(self, inner: Expansion, analysis: Analysis) -> None:
        self.inside.open(inner, analysis)
        if self.canvas is None:
            self._make_canvas(inner, analysis)
        else:
            self.canvas.set_document(inner, analysis)
        self._show_waiting(False)
        self.inside.announce_last()
        count = len(inner.nodes) - len(inner.outer)
        facts = f"{count} generated nodes, read-only: Unpack to edit them"
        self.path.show_path(self._outside_name, inner.owner, facts)
        self._names = tuple(_tensor_names(inner))
        self._timer.start(0)
        self.opened.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return to the graph with Escape or Backspace while a layout runs."""
        if self._work.is_busy and event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace):
            self.closed.emit()
            return
        super().keyPressEvent(event)

    def _make_canvas(self, inner: Expansion, analysis: Analysis) -> None:
        self.canvas = canvas = CanvasView(inner, analysis, self._themes.theme, keys=self._keys)
        self._themes.changed.connect(canvas.set_theme)
        canvas.setAccessibleName("Generated nodes")
        canvas.selection.changed.connect(self.inside.select)
        canvas.signals.node_activated.connect(self._on_activated)
        canvas.signals.message.connect(self._messages.status_text)
        canvas.signals.leave_requested.connect(self.closed)
        canvas.viewport.changed.connect(self.view_changed)
        self._layout.addWidget(canvas, 1)

    def show_start(self) -> None:
        """Focus the canvas. Show the whole graph if it is readable, otherwise its beginning."""
        if self.canvas is None or self._work.is_busy:
            self.waiting.setFocus()
            return
        self._layout.activate()
        self.canvas.viewport.fit_all()
        if self.canvas.viewport.camera.scale < READABLE:
            self.canvas.viewport.show_beginning(READABLE)
        self.canvas.setFocus()

    @Slot(str)
    def show_node(self, node_id: str) -> None:
        """Select a generated node and centre it."""
        if self.canvas is not None and node_id in self.canvas.document.nodes:
            self.canvas.selection.select([node_id])
            self.canvas.viewport.center_on(node_id)

    @Slot(str)
    def _on_activated(self, node_id: str) -> None:
        """For a double-clicked node that stands for a node of the document, show that node;
        otherwise show its value.
        """
        assert isinstance(self.inside.document, Expansion)
        outer = self.inside.document.outer_ids.get(node_id)
        if outer:
            self.outer_requested.emit(outer)
        else:
            self.node_activated.emit()

    @Slot(object)
    def _on_values_elsewhere(self, _: p.Previews) -> None:
        """Request the values of the generated nodes, because the document has new values."""
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _ask(self) -> None:
        if self._names and self._link.is_up:
            self._link.ask_derived(self._names)

    @Slot(object)
    def _on_values(self, message: p.Previews) -> None:
        if self.canvas is None:
            return
        nodes = self.canvas.document.nodes.values()
        self.canvas.node_state.set_values(message.values)
        self.canvas.node_state.clear_values([r.id for r in nodes if r.name not in message.values])


def _tensor_names(inner: Expansion) -> list[str]:
    """Return the names of all tensors of the displayed nodes."""
    names = []
    for node_id, record in inner.nodes.items():
        for index in range(len(inner.types.get(node_id, ()))):
            names.append(f"{record.name}:{index}" if index else record.name)
    return names
