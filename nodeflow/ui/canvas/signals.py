"""The signals of the canvas to the window, in one object that all parts of the canvas share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject, QPoint, QPointF, Signal

from nodeflow.errors import NodeflowError
from nodeflow.ui.core.user_messages import sentence


class CanvasSignals(QObject):
    """Signals of a canvas, apart from the changes of its selection and its viewport.

    Signals:
        message(text): a text for the status bar.
        node_activated(node id): a double click on a node's body.
        search_requested(scene point, view point, context): search for an op to add; the context
            is a WireContext, ReplaceContext, InsertContext or None.
        menu_requested(kind, global position): a context menu; the kind is node, wire, frame or
            canvas.
        edit_requested(id): edit this node or frame in the inspector.
        wire_requested(node id, ``in`` or ``out``, port): draw a wire from this port by keyboard.
        history_requested(step): go back (-1) or forward (1) in the view history.
        leave_requested(): leave the subgraph, or the document that cannot be edited.
        tutorial_requested(): a click on the link of the empty canvas.
        iteration_requested(node id, part): the new position of a loop's slider, from 0 to 1.
        take_back_requested(node id): a click on the badge of an override.
    """

    message = Signal(str)
    node_activated = Signal(str)
    search_requested = Signal(QPointF, QPointF, object)
    menu_requested = Signal(str, QPoint)
    edit_requested = Signal(str)
    wire_requested = Signal(str, str, str)
    history_requested = Signal(int)
    leave_requested = Signal()
    tutorial_requested = Signal()
    iteration_requested = Signal(str, float)
    take_back_requested = Signal(str)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Catch an error that the document raises when it refuses an edit, and show it as a
        message.
        """
        try:
            yield
        except NodeflowError as error:
            self.message.emit(sentence(error))
