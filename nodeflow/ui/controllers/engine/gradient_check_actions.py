"""Gradient checks: requested from the menu, and shown as badges on the nodes."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.model.records import Change
from nodeflow.engine.gradient_check.check import RIGHT, UNCHECKED, WRONG, Checked
from nodeflow.host import protocol as p
from nodeflow.number_text import count
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.scene.badges import Badge
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, in_window, listed, sentence

CANCEL = "cancel_gradient_checks"
ROLES = {RIGHT: "ok", WRONG: "error", UNCHECKED: "ink_muted"}


class GradientActions(QObject):
    """The actions that request gradient checks. Results are kept until the graph changes.

    Signals:
        found(names): show these nodes, because their gradients are wrong.
    """

    found = Signal(object)

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        canvas: CanvasView,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._link, self._canvas = workspace, link, canvas
        self._messages, self._actions = messages, actions
        self.results: dict[str, Checked] = {}
        """The results of the checks, by the full names of the nodes."""
        self._request = 0
        actions.bind(
            {
                "check_gradient": Binding(self.check_selected, self._selected_blocked),
                "check_gradients": Binding(self.check_all, self._blocked),
                CANCEL: Binding(link.cancel_gradient_checks, self._not_running),
            }
        )
        link.gradients.connect(self._on_message)
        link.died.connect(self._on_died)
        workspace.edited.connect(self._on_edited)
        workspace.replaced.connect(self.forget)
        workspace.entered.connect(self._show)

    # ---- conditions ---------------------------------------------------------------------------

    def _blocked(self) -> Blocked | None:
        if not self._link.is_up:
            return Blocked("The engine is not running.", "restart_engine")
        return None

    def _selected_blocked(self) -> Blocked | None:
        if not self._workspace.selection:
            return Blocked("Select a node.")
        if self._workspace.is_apart:
            return Blocked("This subgraph has no values here. Open an instance of it.")
        return self._blocked()

    def _not_running(self) -> Blocked | None:
        return None if self._request else Blocked("No gradients are being checked.")

    # ---- requests -----------------------------------------------------------------------------

    def check_selected(self) -> None:
        """Request a gradient check of the selected nodes."""
        nodes, scope = self._workspace.document.nodes, self._workspace.scope
        self._ask(tuple(scope + nodes[i].name for i in self._workspace.selection))

    def check_all(self) -> None:
        """Check all nodes of the file's own graph."""
        self._ask(None)

    def _ask(self, names: tuple[str, ...] | None) -> None:
        if names is None:
            self.results.clear()
        for name in names or ():
            self.results.pop(name, None)
        self._show()
        self._request = self._link.check_gradients(names)
        self._actions.refresh_soon()
        self._messages.show("Checking gradients…", "info", CANCEL, "Cancel")

    # ---- answers of the engine ----------------------------------------------------------------

    @Slot(object)
    def _on_message(self, message: p.GradientChecked | p.GradientsChecked | p.Failed) -> None:
        if message.request != self._request:
            return
        if isinstance(message, p.GradientChecked):
            self.results[message.checked.node] = message.checked
            self._show()
            done = f"Checking gradients: {count(message.done)} of {count(message.total)} nodes"
            self._messages.show(done, "info", CANCEL, "Cancel")
            return
        self._request = 0
        self._actions.refresh_soon()
        if isinstance(message, p.Failed):
            self._messages.show(sentence(message.error), "error")
        else:
            self._summarize(message)

    def _summarize(self, message: p.GradientsChecked) -> None:
        compared = [c for c in self.results.values() if c.error is not None]
        wrong = [c for c in compared if c.verdict == WRONG]
        stopped = "Stopped: " if message.cancelled else ""
        if wrong:
            at_fault = [checked for checked in wrong if not checked.along] or wrong
            names = listed([checked.node for checked in at_fault])
            worst = max(at_fault, key=lambda checked: checked.error or 0.0)
            rest = len(wrong) - len(at_fault)
            more = f" It affects the loss gradients of {count(rest)} more nodes." if rest else ""
            text = f"{stopped}the gradient of {names} is wrong. {worst}.{more}"
            self._messages.show(text[0].upper() + text[1:], "error")
            self.found.emit([checked.node for checked in at_fault])
        elif compared:
            worst = max(compared, key=lambda checked: checked.error or 0.0)
            each = "gradient is" if len(compared) == 1 else "gradients are"
            text = f"{stopped}{count(len(compared))} {each} correct; the largest relative error is "
            self._messages.show(f"{text}{worst.error:.1e}, at {worst.node}.", "info")
        elif message.count == 1:
            (only,) = list(self.results.values())[-1:]
            self._messages.show(f"{only.node} was not compared: {in_window(only.note)}.")
        else:
            self._messages.show(f"{stopped}no gradients were compared.".capitalize())

    @Slot(object, bool)
    def _on_died(self, *_: object) -> None:
        if self._request:
            self._request = 0
            self._messages.dismissed.emit()

    # ---- badges -------------------------------------------------------------------------------

    @Slot(object)
    def _on_edited(self, change: Change) -> None:
        """Discard the results after an edit, unless it only moved nodes."""
        if self.results and not change.only_moves:
            self.forget()

    @Slot()
    def forget(self) -> None:
        """Cancel running checks and remove all results."""
        if self._request:
            self._link.cancel_gradient_checks()
        self.results.clear()
        self._show()

    @Slot()
    def _show(self) -> None:
        """Show the badges of the nodes of the displayed graph."""
        scope, nodes = self._workspace.scope, self._workspace.document.nodes.values()
        found = {r.id: self.results.get(scope + r.name) for r in nodes} if self.results else {}
        badges = {i: badge_of(checked) for i, checked in found.items() if checked is not None}
        self._canvas.node_state.set_badges(badges)


def badge_of(checked: Checked) -> Badge:
    """Return a badge with the result of a node's gradient check."""
    error = checked.error
    text = "∇ –" if error is None else "∇ exact" if error == 0 else f"∇ {error:.0e}"
    return Badge(text.replace("e-0", "e-"), ROLES[checked.verdict], f"Gradient of {checked}.")
