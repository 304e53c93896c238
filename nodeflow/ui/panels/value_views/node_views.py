"""The views of the node in the Viewer: the available kinds, and the chosen options."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.analysis.node_flags import view_of
from nodeflow.document.edit.set_flags import set_view
from nodeflow.drawing.views.view import ShownView, discover_views
from nodeflow.host.protocol import ViewSpec, ViewValue
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.value_views.view_page import ViewPage


class NodeViews(QObject):
    """The controller of a `ViewPage` with one view of one node.

    The document stores the options of the view on the node. The options of other views are kept
    until the window closes.

    Signals:
        changed: another view was put on the node, or the view was removed.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace, watcher: ViewWatcher, themes: ThemeManager) -> None:
        super().__init__()
        self.page = ViewPage(themes)
        self._workspace, self._watcher = workspace, watcher
        self._node, self._name, self._over, self._kind = "", "", "", ""
        self._options: dict[tuple[str, str], dict[str, Any]] = {}
        self.page.chosen.connect(self._on_chosen)
        self.page.pin_toggled.connect(self._on_pin)
        watcher.arrived.connect(self._on_view)
        workspace.replaced.connect(self._on_replaced)
        workspace.changed.connect(self._on_changed)

    # ---- contents -------------------------------------------------------------------------------

    def set_node(self, workspace: Workspace, node_id: str, name: str, over: str = "") -> None:
        """Set the node whose views are shown.

        Args:
            name: name of the tensor; empty for none.
            over: name of the tensor over which the first is plotted.
        """
        if (workspace, name, over) != (self._workspace, self._name, self._over):
            self.page.reset()
        self._workspace, self._node, self._name, self._over = workspace, node_id, name, over

    def unfit(self, kind: str) -> str:
        """Return why the node has no view of a kind; empty if it has one."""
        if not self._name or self._node not in self._workspace.document.nodes:
            return "Nothing to show for this node."
        if self._over and kind != "plot":
            return "For two nodes there is only the plot."
        if self._over:
            return ""
        workspace, drawing = self._workspace, discover_views()[kind]
        return drawing.fits(workspace.document, workspace.analysis, self._node)

    @property
    def pinned(self) -> str:
        """The kind of view that is shown on the node; empty for none."""
        record = self._workspace.document.nodes.get(self._node)
        view = view_of(record) if record is not None else None
        return "" if view is None else str(view["kind"])

    # ---- showing --------------------------------------------------------------------------------

    def show(self, kind: str) -> None:
        """Show a view of the node.

        Hide the view if another document has been opened and the selection is still outdated.
        """
        spec = self._spec_or_none(kind)
        if spec is None:
            self.hide()
            return
        if kind != self._kind:
            self.page.reset()
        self._kind = kind
        self._watcher.ask((spec,))
        self.page.show_view(ShownView(kind, self._watcher.latest(spec)))
        self._show_pin()

    def hide(self) -> None:
        """Stop showing and computing a view."""
        self._kind = ""
        self._watcher.ask(())

    def _spec(self, kind: str = "") -> ViewSpec:
        kind = kind or self._kind
        record = self._workspace.document.nodes[self._node]
        is_first = self._name == self._workspace.full_name(record.name)
        pinned = self._watcher.spec(record) if is_first and not self._over else None
        if pinned is not None and pinned.kind == kind:
            return pinned
        options = dict(self._options.get((self._name, kind), {}))
        if self._over:
            options.setdefault("x", self._over)
        return ViewSpec(kind, self._name, tuple(sorted(options.items())))

    def _show_pin(self) -> None:
        blocked = "" if not self._workspace.document.locked else "This view is read-only."
        self.page.set_pin(self.pinned == self._kind, blocked)

    @Slot(object)
    def _on_view(self, message: ViewValue) -> None:
        if self._kind and message.spec == self._spec_or_none():
            self.page.show_view(ShownView(self._kind, message))

    def _spec_or_none(self, kind: str = "") -> ViewSpec | None:
        return self._spec(kind) if self._node in self._workspace.document.nodes else None

    # ---- choosing -------------------------------------------------------------------------------

    @Slot(str, object)
    def _on_chosen(self, option: str, value: Any) -> None:
        spec = self._spec()
        options = {**dict(spec.options), option: value}
        if self.pinned == self._kind and not self._over:
            self._watcher.show_on_node(self._node, self._kind, options)
        else:
            self._options[self._name, self._kind] = options
        self.show(self._kind)

    @Slot(bool)
    def _on_pin(self, on: bool) -> None:
        if on:
            self._watcher.show_on_node(self._node, self._kind, dict(self._spec().options))
        else:
            self._options[self._name, self._kind] = dict(self._spec().options)
            set_view(self._workspace.document, self._node, None)
        self._show_pin()

    @Slot()
    def _on_replaced(self) -> None:
        self._options.clear()

    @Slot(object)
    def _on_changed(self, _: object) -> None:
        if self._kind and self._node in self._workspace.document.nodes:
            self.show(self._kind)
