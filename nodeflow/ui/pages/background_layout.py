"""The layout of generated nodes in a thread, because it takes a second for many nodes."""

from __future__ import annotations

import threading

from PySide6.QtCore import QObject, Qt, Signal, Slot

from nodeflow.document.to_graph.expansion.expand import Expansion, UnplacedExpansion
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal


class BackgroundLayout(QObject):
    """The layout of the nodes of one expansion at a time. A new layout discards the previous
    result.

    Signals:
        placed(Expansion): all nodes have positions; on the GUI thread.
    """

    placed = Signal(object)
    _arrived = Signal(int, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._number = 0
        self._back = ThreadSignal(self, "_arrived")
        self.is_busy = False
        self._arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)

    def begin(self, unplaced: UnplacedExpansion) -> None:
        """Start a layout. The document must not be used until `placed` is emitted."""
        self._number += 1
        self.is_busy = True
        arguments = (self._number, unplaced)
        threading.Thread(target=self._work, args=arguments, name="layout", daemon=True).start()

    def cancel(self) -> None:
        """Discard the result of the running layout."""
        self._number += 1
        self.is_busy = False

    def _work(self, number: int, unplaced: UnplacedExpansion) -> None:
        try:
            result: Expansion | Exception = unplaced.placed()
        except Exception as error:
            result = error
        self._back.emit(number, result)

    @Slot(int, object)
    def _on_arrived(self, number: int, result: Expansion | Exception) -> None:
        if number != self._number:
            return
        self.is_busy = False
        if isinstance(result, Exception):
            raise result
        self.placed.emit(result)
