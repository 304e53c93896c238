"""The real window on a graph of any size, driven by real events, with a clock.

A frame lasts from the posting of the event to the flushing of the paint, with everything else that
the window does in between. CPU time of the thread is reported with wall time, so that a busy
machine can be told from slow code.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np

import nodeflow.ui  # noqa: F401  before the first Qt call

# isort: split
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.ui.app import make_window
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.user_settings import Settings

OPS = ("add", "multiply", "subtract", "maximum")
HUB_WIRES = 500
NONE = Qt.KeyboardModifier.NoModifier
PATIENCE = 20.0
"""Seconds to wait for a true frame."""


def graph(count: int) -> Document:
    """Make layers of binary ops, each fed by two nodes of the previous layer. One node
    feeds 500."""
    rng = random.Random(1)
    document, ids = Document(), []
    rows = max(4, int((count / 2) ** 0.5))
    fed = set(rng.sample(range(rows, count), min(HUB_WIRES, count - rows)))
    with document.transaction("build") as t:
        for index in range(count):
            column, row = divmod(index, rows)
            op = OPS[index % 4] if column else "constant"
            attrs = {} if column else {"value": float(index)}
            ids.append(t.new_id())
            place = (column * 260.0, row * 170.0)
            t.put_node(NodeRecord(ids[-1], op, f"{op}_{index}", attrs, place))
            for port in ("x", "y") if column else ():
                near = min(rows - 1, max(0, row + rng.randint(-2, 2)))
                hub = port == "y" and index in fed
                source = ids[0] if hub else ids[(column - 1) * rows + near]
                t.put_wire(Wire(source, "out", ids[-1], port))
    return document


class Paints(QObject):
    """A counter of a widget's paints."""

    count = 0

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.count += 1
        return False


class Desk:
    """A window of 1920 x 1080 on a graph of ``count`` nodes, which all show values."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.folder = tempfile.TemporaryDirectory(prefix="nodeflow-bench-")
        os.environ["XDG_STATE_HOME"] = self.folder.name
        self.window = make_window(Settings(Path(self.folder.name) / "window.ini"))
        self.window.resize(1920, 1080)
        self.window.pages.show_canvas()
        self.window.show()
        self.paints = Paints()
        self.canvas.installEventFilter(self.paints)
        self.path = Path(self.folder.name) / "graph.flow"
        flow.save(graph(count), self.path)
        start = time.perf_counter()
        self.window.files.load(self.path)
        self.settle()
        self.opened = time.perf_counter() - start
        names = [record.name for record in self.document.nodes.values()]
        self.canvas.node_state.set_values(
            {n: make_preview(np.float32(i)) for i, n in enumerate(names)}
        )
        self.settle()

    @property
    def canvas(self) -> CanvasView:
        return self.window.canvas

    @property
    def document(self) -> Document:
        return self.window.workspace.document

    def close(self) -> None:
        self.document.mark_saved()
        self.window.close()
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.folder.cleanup()

    def settle(self) -> None:
        """Wait for the true frame with all its cards. Parts of it wait for timers."""
        deadline = time.perf_counter() + PATIENCE
        while time.perf_counter() < deadline:
            QApplication.processEvents()
            if self.canvas.renderer.is_settled and self.canvas.renderer.frame.is_whole:
                return
            time.sleep(0.001)

    # ---- the clock --------------------------------------------------------------------------

    def frames(self, steps: Iterable[Callable[[], None]], most: float = 1.0) -> dict[str, float]:
        """Return p50, p95 and maximum of the times from each step's posted event to its flushed
        paint."""
        wall, cpu = [], []
        for step in steps:
            painted = self.paints.count
            start, start_cpu = time.perf_counter(), time.thread_time()
            step()
            while self.paints.count == painted and time.perf_counter() - start < most:
                QApplication.processEvents()
            wall.append(time.perf_counter() - start)
            cpu.append(time.thread_time() - start_cpu)
            QApplication.processEvents()
        return {**figures(wall), **figures(cpu, "cpu_")}

    # ---- events -----------------------------------------------------------------------------

    def mouse(
        self,
        kind: QEvent.Type,
        at: QPointF,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    ) -> None:
        """Post a mouse event to the canvas."""
        moving = kind == QEvent.Type.MouseMove
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
        place = QPointF(self.canvas.mapToGlobal(at))
        event = QMouseEvent(
            kind, at, place, Qt.MouseButton.NoButton if moving else button, held, NONE
        )
        QCoreApplication.postEvent(self.canvas, event)

    def drag(
        self, places: list[QPointF], button: Qt.MouseButton = Qt.MouseButton.LeftButton
    ) -> dict[str, float]:
        """Press at the first place, move through the others, release. Return figures of the
        moves."""
        self.mouse(QEvent.Type.MouseButtonPress, places[0], button)
        for at in places[1:4]:  # past the distance at which a drag begins
            self.mouse(QEvent.Type.MouseMove, at, button)
            QApplication.processEvents()
        result = self.frames(
            lambda at=at: self.mouse(QEvent.Type.MouseMove, at, button) for at in places[4:]
        )
        self.mouse(QEvent.Type.MouseButtonRelease, places[-1], button)
        QApplication.processEvents()
        return result

    def wheel(self, notches: float) -> None:
        """Post a turn of the wheel over the middle of the canvas."""
        at = QPointF(self.canvas.rect().center())
        event = QWheelEvent(
            at,
            self.canvas.mapToGlobal(at),
            QPoint(),
            QPoint(0, round(notches * 120)),
            Qt.MouseButton.NoButton,
            NONE,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QCoreApplication.postEvent(self.canvas, event)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Send a key to the canvas. Shortcuts of the window take their keys first."""
        self.canvas.setFocus()
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QCoreApplication.postEvent(self.canvas, QKeyEvent(kind, key, modifiers))


def figures(seconds: list[float], prefix: str = "") -> dict[str, float]:
    """Return p50, p95 and maximum in milliseconds."""
    ms = np.array(seconds) * 1e3
    return {
        f"{prefix}p50_ms": round(float(np.percentile(ms, 50)), 2),
        f"{prefix}p95_ms": round(float(np.percentile(ms, 95)), 2),
        f"{prefix}max_ms": round(float(ms.max()), 2),
    }
