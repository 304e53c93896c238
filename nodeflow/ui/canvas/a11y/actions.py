"""What a screen reader can do with nodes and ports, by name, and which keys do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtGui import QAccessibleActionInterface
from shiboken6 import isValid

from nodeflow.document.analysis.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.ui.core.messages import plain

if TYPE_CHECKING:
    from nodeflow.ui.canvas.a11y.interfaces import NodeObject, PortObject

OPEN, DISCONNECT = "open", "disconnect"
"""Names of actions that are ours; the others are those that screen readers know."""


class AccessibleAction(NamedTuple):
    """One action: what it is called, what it means, its key if it has one, and how it is done."""

    title: str
    what: str
    key: str
    do: Callable[[], None]


class Actions(QAccessibleActionInterface):
    """What can be done now, as Qt asks for it; ``deeds`` says it, by the actions' names."""

    def deeds(self) -> dict[str, AccessibleAction]:
        raise NotImplementedError

    def actionNames(self) -> list[str]:
        return list(self.deeds())

    def localizedActionName(self, name: str) -> str:
        deed = self.deeds().get(name)
        return "" if deed is None else deed.title

    def localizedActionDescription(self, name: str) -> str:
        deed = self.deeds().get(name)
        return "" if deed is None else deed.what

    def keyBindingsForAction(self, name: str) -> list[str]:
        deed = self.deeds().get(name)
        return [deed.key] if deed is not None and deed.key else []

    def doAction(self, name: str) -> None:
        deed = self.deeds().get(name)
        if deed is not None:
            deed.do()


class NodeActions(Actions):
    """Go to a node, edit it, open it as a double click does, ask for its menu."""

    def __init__(self, subject: NodeObject) -> None:
        super().__init__()
        self._subject = subject

    def deeds(self) -> dict[str, AccessibleAction]:
        if not isValid(self._subject) or self._subject.face is None:
            return {}
        return {
            self.setFocusAction(): AccessibleAction("Go to", "Select the node", "", self._go),
            self.pressAction(): AccessibleAction(
                "Edit", "Edit the node's settings", "Return", self._edit
            ),
            OPEN: AccessibleAction("Open", "Enter the node, or show its value", "", self._open),
            self.showMenuAction(): AccessibleAction(
                "Menu", "What can be done with it", "Menu", self._menu
            ),
        }

    def _go(self) -> None:
        canvas = self._subject.tree.canvas
        canvas.setFocus()
        canvas.step_to(self._subject.node)

    def _edit(self) -> None:
        self._go()
        self._subject.tree.canvas.edit_wanted.emit(self._subject.node)

    def _open(self) -> None:
        self._go()
        self._subject.tree.canvas.node_activated.emit(self._subject.node)

    def _menu(self) -> None:
        self._go()
        self._subject.tree.canvas.show_menu_of(self._subject.node)


class PortActions(Actions):
    """Wire from a port or into it, by typing the other end or pressing it; take its wire away."""

    def __init__(self, subject: PortObject) -> None:
        super().__init__()
        self._subject = subject

    def deeds(self) -> dict[str, AccessibleAction]:
        if not isValid(self._subject):
            return {}
        node, side, name = self._subject.of, self._subject.side, self._subject.name
        document, out = node.tree.canvas.document, side == "out"
        if document.locked or (side, name) not in node.port_keys():
            return {}
        what = f"Draw a wire {'from' if out else 'into'} this port, by typing its other end"
        if self._other_end() is not None:
            what = "End the wire here"
        key = "W" if out else "Shift+W"
        found = {self.pressAction(): AccessibleAction("Connect", what, key, self._connect)}
        if not out and (node.node, name) in document.wires:
            found[DISCONNECT] = AccessibleAction(
                "Disconnect", "Take the wire away", "", self._disconnect
            )
        return found

    def _other_end(self) -> tuple[str, str] | None:
        """Node and port of a wire that may end here."""
        begun = self._subject.of.tree.canvas.wire_begun
        return None if begun is None or begun[1] == self._subject.side else (begun[0], begun[2])

    def _connect(self) -> None:
        port, canvas, other = self._subject, self._subject.of.tree.canvas, self._other_end()
        canvas.setFocus()  # which ends the asking for another end
        if other is None:
            canvas.step_to(port.of.node)
            canvas.wire_wanted.emit(port.of.node, port.side, port.name)
            return
        here = (port.of.node, port.name)
        source, target = (other, here) if port.side == "in" else (here, other)
        verdict = check_wire(canvas.document, canvas.analysis, *source, *target)
        if not verdict.ok:
            canvas.say(plain(verdict.reason))
            return
        with canvas.reporting():
            commands.connect(canvas.document, *source, *target)

    def _disconnect(self) -> None:
        port, canvas = self._subject, self._subject.of.tree.canvas
        with canvas.reporting():
            commands.disconnect(canvas.document, (port.of.node, port.name))
