"""The actions that screen readers offer for nodes and ports, by name, with their keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtGui import QAccessibleActionInterface
from shiboken6 import isValid

from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.drawing.message_text import plain

if TYPE_CHECKING:
    from nodeflow.ui.canvas.a11y.interfaces import NodeObject, PortObject

OPEN, DISCONNECT = "open", "disconnect"
"""Names of actions that Qt does not define. Screen readers know the names of Qt's own actions."""


class AccessibleAction(NamedTuple):
    """One action: its title, its description, its key (empty if none) and its function."""

    title: str
    description: str
    key: str
    do: Callable[[], None]


class Actions(QAccessibleActionInterface):
    """The currently available actions, by name, in the form that Qt queries."""

    def available(self) -> dict[str, AccessibleAction]:
        raise NotImplementedError

    def actionNames(self) -> list[str]:
        return list(self.available())

    def localizedActionName(self, name: str) -> str:
        action = self.available().get(name)
        return "" if action is None else action.title

    def localizedActionDescription(self, name: str) -> str:
        action = self.available().get(name)
        return "" if action is None else action.description

    def keyBindingsForAction(self, name: str) -> list[str]:
        action = self.available().get(name)
        return [action.key] if action is not None and action.key else []

    def doAction(self, name: str) -> None:
        action = self.available().get(name)
        if action is not None:
            action.do()


class NodeActions(Actions):
    """The actions of a node: go to it, edit it, open it as a double click does, or open its
    menu.
    """

    def __init__(self, subject: NodeObject) -> None:
        super().__init__()
        self._subject = subject

    def available(self) -> dict[str, AccessibleAction]:
        if not isValid(self._subject) or self._subject.card is None:
            return {}
        return {
            self.setFocusAction(): AccessibleAction("Go to", "Select the node", "", self._go),
            self.pressAction(): AccessibleAction(
                "Edit", "Edit the node's settings", "Return", self._edit
            ),
            OPEN: AccessibleAction("Open", "Enter the node, or show its value", "", self._open),
            self.showMenuAction(): AccessibleAction(
                "Menu", "Menu for this item", "Menu", self._menu
            ),
        }

    def _go(self) -> None:
        canvas = self._subject.tree.canvas
        canvas.widget.setFocus()
        canvas.go_to(self._subject.node)

    def _edit(self) -> None:
        self._go()
        self._subject.tree.canvas.signals.edit_requested.emit(self._subject.node)

    def _open(self) -> None:
        self._go()
        self._subject.tree.canvas.signals.node_activated.emit(self._subject.node)

    def _menu(self) -> None:
        self._go()
        self._subject.tree.canvas.open_menu(self._subject.node)


class PortActions(Actions):
    """The actions of a port: start or end a wire here, or remove the port's wire."""

    def __init__(self, subject: PortObject) -> None:
        super().__init__()
        self._subject = subject

    def available(self) -> dict[str, AccessibleAction]:
        if not isValid(self._subject):
            return {}
        node, side, name = self._subject.of, self._subject.side, self._subject.name
        document, out = node.tree.canvas.scene.document, side == "out"
        if document.locked or (side, name) not in node.port_keys():
            return {}
        what = f"Draw a wire {'from' if out else 'into'} this port, by typing its other end"
        if self._other_end() is not None:
            what = "End the wire here"
        key = "W" if out else "Shift+W"
        found = {self.pressAction(): AccessibleAction("Connect", what, key, self._connect)}
        if not out and (node.node, name) in document.wires:
            found[DISCONNECT] = AccessibleAction(
                "Disconnect", "Remove the wire", "", self._disconnect
            )
        return found

    def _other_end(self) -> tuple[str, str] | None:
        """Return the port (node, port) where the user began a wire by keyboard, if the wire can end
        at this port. Otherwise return None.
        """
        start = self._subject.of.tree.canvas.selection.open_port
        return None if start is None or start[1] == self._subject.side else (start[0], start[2])

    def _connect(self) -> None:
        port, canvas, other = self._subject, self._subject.of.tree.canvas, self._other_end()
        canvas.widget.setFocus()  # this closes the popup that waits for the other end
        if other is None:
            canvas.go_to(port.of.node)
            canvas.signals.wire_requested.emit(port.of.node, port.side, port.name)
            return
        here = (port.of.node, port.name)
        source, target = (other, here) if port.side == "in" else (here, other)
        document, analysis = canvas.scene.document, canvas.scene.analysis
        verdict = check_wire(document, analysis, *source, *target)
        if not verdict.ok:
            canvas.signals.message.emit(plain(verdict.reason))
            return
        with canvas.signals.reporting():
            commands.connect(document, *source, *target)

    def _disconnect(self) -> None:
        port, canvas = self._subject, self._subject.of.tree.canvas
        with canvas.signals.reporting():
            commands.disconnect(canvas.scene.document, (port.of.node, port.name))
