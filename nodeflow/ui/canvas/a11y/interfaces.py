"""The canvas as a tree of accessible objects: its children are nodes, and their children are ports.

Qt keeps one interface for each QObject and deletes it with the object. So each node and port
that a screen reader queries gets a small QObject; without a screen reader none is made.
Interfaces are registered one by one, because Qt would call a Python factory for every widget of
the program, even for half-made ones. This module keeps the interfaces until Qt deletes them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QAccessibleInterface,
    QAccessibleObject,
)
from PySide6.QtWidgets import QWidget
from shiboken6 import VoidPtr, getCppPointer, isValid

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.drawing.cards.card_data import CardData
from nodeflow.ui.canvas.a11y import descriptions
from nodeflow.ui.canvas.a11y.actions import NodeActions, PortActions
from nodeflow.ui.canvas.scene.drawn_marks import KINDS
from nodeflow.ui.canvas.scene.hit_test import PORT_REACH
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals
from nodeflow.ui.core.theming.theme import Theme

Role, Text, Event = QAccessible.Role, QAccessible.Text, QAccessible.Event
_kept: list[QAccessibleInterface] = []
_look_again = 64


def register(interface: QAccessibleInterface) -> None:
    """Register an interface with Qt, and keep it until Qt has deleted it."""
    global _look_again
    if len(_kept) >= _look_again:
        _kept[:] = [known for known in _kept if isValid(known)]
        _look_again = 64 + 2 * len(_kept)
    _kept.append(interface)
    QAccessible.registerAccessibleInterface(interface)


@dataclass(frozen=True)
class AccessibleCanvas:
    """The parts of a canvas that its accessible objects use. The widget owns it.

    Attributes:
        go_to: selects a node and brings it into view.
        open_menu: opens a node's context menu.
    """

    widget: QWidget
    scene: SceneModel
    viewport: Viewport
    selection: Selection
    signals: CanvasSignals
    theme: Callable[[], Theme]
    go_to: Callable[[str], None]
    open_menu: Callable[[str], None]


def attach(canvas: AccessibleCanvas) -> None:
    """Make a canvas accessible; call it when the canvas is shown."""
    if not isinstance(QAccessible.queryAccessibleInterface(canvas.widget), CanvasInterface):
        register(CanvasInterface(canvas))
    if QAccessible.isActive():
        tree_of(canvas)  # else the first query makes it


class NodeObject(QObject):
    """The accessible object of a node. Its parent is the canvas's tree."""

    def __init__(self, tree: AccessibleTree, node: str) -> None:
        super().__init__(tree)
        self.tree, self.node = tree, node
        self.ports: dict[tuple[str, str], PortObject] = {}
        register(NodeInterface(self))

    @property
    def card(self) -> CardData | None:
        scene = self.tree.canvas.scene
        slot = scene.nodes.get(self.node)
        return None if slot is None else scene.card(slot)

    @property
    def mark(self) -> str:
        """The node's mark in a comparison; empty for none."""
        scene = self.tree.canvas.scene
        slot = scene.nodes.get(self.node)
        return "" if scene.marks is None or slot is None else KINDS[scene.marks.nodes[slot]]

    def port_keys(self) -> list[tuple[str, str]]:
        """Return side and name of each port, inputs first."""
        card = self.card
        if card is None:
            return []
        return [("in", p.name) for p in card.inputs] + [("out", p.name) for p in card.outputs]

    def port(self, key: tuple[str, str]) -> PortObject:
        found = self.ports.get(key)
        if found is None:
            found = self.ports[key] = PortObject(self, *key)
        return found


class PortObject(QObject):
    """The accessible object of a port. Its parent is the object of its node."""

    def __init__(self, node: NodeObject, side: str, name: str) -> None:
        super().__init__(node)
        self.of, self.side, self.name = node, side, name
        register(PortInterface(self))


class AccessibleTree(QObject):
    """The accessible objects of one canvas. It makes them when queried and reports the focus."""

    def __init__(self, canvas: AccessibleCanvas) -> None:
        super().__init__(canvas.widget)
        self.canvas = canvas
        self._objects: dict[str, NodeObject] = {}
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._seen: tuple[Any, int] = (None, -1)
        self._focused = ""
        canvas.selection.changed.connect(self._on_selection)
        canvas.widget.installEventFilter(self)

    # ---- reading ----------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """Return the ids of all nodes in document order, except folded ones. Delete the
        accessibility objects of nodes that no longer exist.
        """
        document = self.canvas.scene.document
        if self._seen != (document, document.revision):
            self._seen = (document, document.revision)
            self._ids = [i for i, r in document.nodes.items() if not is_folded(document, r)]
            self._places = {node: place for place, node in enumerate(self._ids)}
            for node in self._objects.keys() - self._places.keys():
                self._objects.pop(node).deleteLater()
        return self._ids

    def place(self, node: str) -> int:
        """Return the index of a node among the children of the canvas, or -1."""
        self.ids()
        return self._places.get(node, -1)

    def object(self, node: str) -> NodeObject:
        found = self._objects.get(node)
        if found is None:
            found = self._objects[node] = NodeObject(self, node)
        return found

    def focused(self) -> str:
        """Return the id of the node that has the keyboard focus while the canvas has the focus: the
        selected node, if it is the only one, else "".
        """
        chosen = self.canvas.selection.nodes()
        return chosen[0] if len(chosen) == 1 else ""

    def to_screen(self, rect: QRectF) -> QRect:
        """Return a rectangle of the scene in pixels of the screen."""
        shown = self.canvas.viewport.camera.rect_to_view(rect).toRect()
        return QRect(self.canvas.widget.mapToGlobal(shown.topLeft()), shown.size())

    def at(self, x: int, y: int) -> QObject | None:
        """Return the node or port at a point of the screen."""
        at = self.canvas.widget.mapFromGlobal(QPoint(x, y))
        hit = self.canvas.viewport.hit_test(QPointF(at))
        if not hit.node:
            return None
        node = self.object(hit.node)
        return node if hit.port is None else node.port((hit.side, hit.port.name))

    # ---- reporting --------------------------------------------------------------------------

    def _on_selection(self, _: object) -> None:
        node = self.focused()
        if node == self._focused:
            return
        self._focused = node
        if node and self.canvas.widget.hasFocus():
            self._report_focus(node)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Report that the selected node has the focus when the canvas gets the focus."""
        if event.type() == QEvent.Type.FocusIn and self.focused():
            self._report_focus(self.focused())
        return False

    def _report_focus(self, node: str) -> None:
        if QAccessible.isActive():
            for kind in (Event.Focus, Event.Selection):
                QAccessible.updateAccessibility(QAccessibleEvent(self.object(node), kind))


def tree_of(canvas: AccessibleCanvas) -> AccessibleTree:
    """Return the tree of accessibility objects of a canvas. Create it if it does not exist yet."""
    only_direct = Qt.FindChildOption.FindDirectChildrenOnly
    tree = canvas.widget.findChild(AccessibleTree, "", only_direct)
    return tree if tree is not None else AccessibleTree(canvas)


# ---- interfaces for Qt ----------------------------------------------------------------------


def interface_of(subject: QObject | None) -> QAccessibleInterface | None:
    """Return the accessibility interface of a Qt object, or None if the object is deleted."""
    if subject is None or not isValid(subject):
        return None
    return QAccessible.queryAccessibleInterface(subject)


class CanvasInterface(QAccessibleObject):
    """The accessible canvas: a widget whose children are nodes."""

    def __init__(self, canvas: AccessibleCanvas) -> None:
        super().__init__(canvas.widget)
        self._reference = weakref.ref(canvas)  # the interface is kept longer than the widget

    @property
    def _canvas(self) -> AccessibleCanvas:
        canvas = self._reference()
        assert canvas is not None
        return canvas

    @property
    def _tree(self) -> AccessibleTree:
        return tree_of(self._canvas)

    def role(self) -> QAccessible.Role:
        return Role.Canvas

    def text(self, kind: QAccessible.Text) -> str:
        widget = self._canvas.widget
        if kind == Text.Name:
            return widget.accessibleName()
        return widget.accessibleDescription() if kind == Text.Description else ""

    def state(self) -> QAccessible.State:
        widget, state = self._canvas.widget, QAccessible.State()
        state.focusable = state.multiSelectable = 1
        state.focused = int(widget.hasFocus() and not self._tree.focused())
        state.invisible = int(not widget.isVisible())
        state.readOnly = int(bool(self._canvas.scene.document.locked))
        return state

    def parent(self) -> QAccessibleInterface | None:
        widget = self._canvas.widget
        return interface_of(widget.parentWidget() or widget.window())

    def window(self) -> Any:
        return self._canvas.widget.window().windowHandle()

    def rect(self) -> QRect:
        widget = self._canvas.widget
        return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())

    def childCount(self) -> int:
        return len(self._tree.ids())

    def child(self, index: int) -> QAccessibleInterface | None:
        ids = self._tree.ids()
        return interface_of(self._tree.object(ids[index])) if 0 <= index < len(ids) else None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        subject = child.object()
        return self._tree.place(subject.node) if isinstance(subject, NodeObject) else -1

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:
        found = self._tree.at(x, y)
        return interface_of(found.of if isinstance(found, PortObject) else found)

    def focusChild(self) -> QAccessibleInterface | None:
        tree = self._tree
        has_focus = tree.focused() and self._canvas.widget.hasFocus()
        return interface_of(tree.object(tree.focused())) if has_focus else None


class _Part(QAccessibleObject):
    """The common base of nodes and ports, which are painted and not widgets."""

    def window(self) -> Any:
        return None

    def foregroundColor(self) -> Any:
        return self._canvas().theme().color("ink")

    def backgroundColor(self) -> Any:
        return self._canvas().theme().color("surface")

    def _node(self) -> NodeObject:
        raise NotImplementedError

    def _canvas(self) -> AccessibleCanvas:
        return self._node().tree.canvas

    def isValid(self) -> bool:
        subject = self.object()
        return subject is not None and isValid(subject) and self._node().card is not None


class NodeInterface(_Part):
    """An accessible node. Its name contains the op, the outputs, the value and problems."""

    def __init__(self, subject: NodeObject) -> None:
        super().__init__(subject)
        self._actions = NodeActions(subject)

    def _node(self) -> NodeObject:
        return self.object()  # type: ignore[return-value]

    def role(self) -> QAccessible.Role:
        return Role.ListItem

    def text(self, kind: QAccessible.Text) -> str:
        node = self._node()
        card = node.card
        if card is None:
            return ""
        if kind == Text.Name:
            return descriptions.node_name(card, node.mark)
        if kind == Text.Description:
            badge = node.tree.canvas.scene.badges.get(node.node)
            return descriptions.node_state(card) + (f". {badge.tip}" if badge else "")
        return descriptions.value_words(card) if kind == Text.Value else ""

    def state(self) -> QAccessible.State:
        node, state = self._node(), QAccessible.State()
        card, canvas = node.card, node.tree.canvas
        if card is None:
            state.invalid = state.invisible = 1
            return state
        state.focusable = state.selectable = state.movable = 1
        state.selected = int(canvas.scene.selected[canvas.scene.nodes.get(node.node)])
        state.focused = int(canvas.widget.hasFocus() and node.tree.focused() == node.node)
        state.invalid = int(card.severity == "error")
        state.busy = int(card.status == "running")
        state.disabled = int(card.status in ("muted", "inactive"))
        state.collapsed = int(card.form != "card")
        widget = canvas.widget
        visible = QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())
        state.offscreen = int(not visible.intersects(self.rect()))
        return state

    def parent(self) -> QAccessibleInterface | None:
        return interface_of(self._canvas().widget)

    def rect(self) -> QRect:
        node = self._node()
        scene = node.tree.canvas.scene
        slot = scene.nodes.get(node.node)
        return QRect() if slot is None else node.tree.to_screen(scene.rect(slot))

    def childCount(self) -> int:
        return len(self._node().port_keys())

    def child(self, index: int) -> QAccessibleInterface | None:
        node, keys = self._node(), self._node().port_keys()
        return interface_of(node.port(keys[index])) if 0 <= index < len(keys) else None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        port, keys = child.object(), self._node().port_keys()
        key = (port.side, port.name) if isinstance(port, PortObject) else None
        return keys.index(key) if key in keys else -1

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:
        found = self._node().tree.at(x, y)
        return interface_of(found) if isinstance(found, PortObject) else None

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        if kind == QAccessible.InterfaceType.ActionInterface:
            return VoidPtr(getCppPointer(self._actions)[0])
        return VoidPtr(0)


class PortInterface(_Part):
    """An accessible port. Its name contains dtype, shape and connections; pressing it starts a
    wire.
    """

    def __init__(self, subject: PortObject) -> None:
        super().__init__(subject)
        self._actions = PortActions(subject)

    def _port(self) -> PortObject:
        return self.object()  # type: ignore[return-value]

    def _node(self) -> NodeObject:
        return self._port().of

    def role(self) -> QAccessible.Role:
        return Role.Button

    def text(self, kind: QAccessible.Text) -> str:
        port, node = self._port(), self._node()
        if kind != Text.Name or node.card is None:
            return ""
        document = node.tree.canvas.scene.document
        return descriptions.port_name(document, node.node, node.card, port.side, port.name)

    def state(self) -> QAccessible.State:
        state, port = QAccessible.State(), self._port()
        found = descriptions.port_data(self._node().card, port.side, port.name)
        state.readOnly = state.disabled = int(bool(self._canvas().scene.document.locked))
        state.invalid = int(found is None or found.fault == "error")
        return state

    def parent(self) -> QAccessibleInterface | None:
        return interface_of(self._node())

    def rect(self) -> QRect:
        port, node = self._port(), self._node()
        card, scene = node.card, node.tree.canvas.scene
        slot, keys = scene.nodes.get(node.node), node.port_keys()
        if card is None or slot is None or (port.side, port.name) not in keys:
            return QRect()
        sides = [name for side, name in keys if side == port.side]
        x, y = scene.positions[slot]
        x += card.width if port.side == "out" else 0
        y += card.port_y(sides.index(port.name), port.side)
        return node.tree.to_screen(
            QRectF(x - PORT_REACH, y - PORT_REACH, 2 * PORT_REACH, 2 * PORT_REACH)
        )

    def childCount(self) -> int:
        return 0

    def child(self, index: int) -> QAccessibleInterface | None:
        return None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return -1

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        if kind == QAccessible.InterfaceType.ActionInterface:
            return VoidPtr(getCppPointer(self._actions)[0])
        return VoidPtr(0)
