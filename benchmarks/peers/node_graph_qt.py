"""NodeGraphQt on the graphs of benchmarks/canvas.py, built as its documentation does.

Events, clock, cases and JSON lines are the same.

    QT_PREFERRED_BINDING=PySide6 python benchmarks/peers/node_graph_qt.py --nodes 1000

Needs NodeGraphQt and PySide6 in its environment, and nothing of nodeflow.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_PREFERRED_BINDING", "PySide6")

from NodeGraphQt import BaseNode, NodeGraph
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

for constant in (None, True, False):  # PySide6 6.12 on Python 3.11 releases them too often
    ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40

HUB_WIRES = 500


class Binary(BaseNode):
    """Two inputs, one output, and the value that nodeflow's cards also show."""

    __identifier__ = "bench"
    NODE_NAME = "Binary"

    def __init__(self) -> None:
        super().__init__()
        self.add_input("x")
        self.add_input("y")
        self.add_output("out")
        self.add_text_input("value", "", "0")


class Paints(QObject):
    count = 0

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


class Desk:
    def __init__(self, count: int) -> None:
        self.count = count
        self.graph = NodeGraph()
        self.graph.register_node(Binary)
        self.viewer = self.graph.viewer()
        self.port = self.viewer.viewport()
        self.viewer.resize(1920, 1080)
        self.viewer.show()
        self.paints = Paints()
        self.port.installEventFilter(self.paints)
        self.nodes = self._build()
        self.file = Path(tempfile.mkdtemp(prefix="bench-")) / "graph.json"
        start = time.perf_counter()
        self.graph.save_session(str(self.file))
        self.saved = time.perf_counter() - start
        start = time.perf_counter()
        self.graph.load_session(str(self.file))
        self.fit()
        self.opened = time.perf_counter() - start
        self.nodes = self.graph.all_nodes()

    def _build(self) -> list:
        rng = random.Random(1)
        rows = max(4, int((self.count / 2) ** 0.5))
        fed = set(rng.sample(range(rows, self.count), min(HUB_WIRES, self.count - rows)))
        nodes = []
        for index in range(self.count):
            column, row = divmod(index, rows)
            place = [column * 260.0, row * 170.0]
            node = self.graph.create_node("bench.Binary", pos=place, push_undo=False)
            nodes.append(node)
            for port in (0, 1) if column else ():
                near = min(rows - 1, max(0, row + rng.randint(-2, 2)))
                hub = port == 1 and index in fed
                source = nodes[0] if hub else nodes[(column - 1) * rows + near]
                node.input(port).connect_to(source.output(0), push_undo=False)
        return nodes

    def fit(self) -> None:
        self.graph.clear_selection()
        self.graph.select_all()
        self.graph.fit_to_selection()
        self.graph.clear_selection()
        QApplication.processEvents()

    def frames(self, steps: Iterable[Callable[[], None]], most: float = 3.0) -> dict[str, float]:
        wall = []
        for step in steps:
            painted, start = self.paints.count, time.perf_counter()
            step()
            while self.paints.count == painted and time.perf_counter() - start < most:
                QApplication.processEvents()
            wall.append((time.perf_counter() - start) * 1e3)
        wall.sort()
        return {
            "p50_ms": round(wall[len(wall) // 2], 2),
            "p95_ms": round(wall[int(0.95 * (len(wall) - 1))], 2),
            "max_ms": round(wall[-1], 2),
        }

    def mouse(self, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton) -> None:
        none = Qt.MouseButton.NoButton
        event = QMouseEvent(
            kind,
            at,
            QPointF(self.port.mapToGlobal(at.toPoint())),
            none if kind == QEvent.Type.MouseMove else button,
            none if kind == QEvent.Type.MouseButtonRelease else button,
            Qt.KeyboardModifier.NoModifier,
        )
        QCoreApplication.postEvent(self.port, event)

    def drag(self, places: list[QPointF], button: Qt.MouseButton) -> dict[str, float]:
        self.mouse(QEvent.Type.MouseButtonPress, places[0], button)
        for at in places[1:4]:
            self.mouse(QEvent.Type.MouseMove, at, button)
            QApplication.processEvents()
        result = self.frames(
            lambda at=at: self.mouse(QEvent.Type.MouseMove, at, button) for at in places[4:]
        )
        self.mouse(QEvent.Type.MouseButtonRelease, places[-1], button)
        QApplication.processEvents()
        return result

    def wheel(self, angle: int) -> None:
        at = QPointF(self.port.rect().center())
        none = Qt.KeyboardModifier.NoModifier
        event = QWheelEvent(
            at,
            QPointF(self.port.mapToGlobal(at.toPoint())),
            QPoint(),
            QPoint(0, angle),
            Qt.MouseButton.NoButton,
            none,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QCoreApplication.postEvent(self.port, event)

    def drag_node(self, node: BaseNode) -> dict[str, float]:
        rect = node.view.sceneBoundingRect()
        start = QPointF(self.viewer.mapFromScene(QPointF(rect.center().x(), rect.top() + 8)))
        places = [start + QPointF(5 * i, 3 * i) for i in range(24)]
        return self.drag([*places, *places[::-1]], Qt.MouseButton.LeftButton)


def case_open(desk: Desk) -> Iterator[dict]:
    yield {"case": "open", "seconds": round(desk.opened, 3)}


def case_save(desk: Desk) -> Iterator[dict]:
    yield {"case": "save", "seconds": round(desk.saved, 3)}


def case_pan(desk: Desk) -> Iterator[dict]:
    middle = QPointF(desk.port.rect().center())
    there = [middle + QPointF(-9 * i, 4 * i) for i in range(14)]
    desk.fit()
    result = desk.drag([*there, *there[::-1]], Qt.MouseButton.MiddleButton)
    yield {"case": "pan at fit", **result}


def case_zoom(desk: Desk) -> Iterator[dict]:
    desk.fit()
    turns = [60] * 10 + [-60] * 10
    yield {"case": "zoom", **desk.frames(lambda a=a: desk.wheel(a) for a in turns)}


def case_hub(desk: Desk) -> Iterator[dict]:
    desk.fit()
    hub = max(desk.nodes, key=lambda n: len(n.output(0).connected_ports()))
    wires = len(hub.output(0).connected_ports())
    yield {"case": f"drag a node with {wires} wires", **desk.drag_node(hub)}


def case_drag(desk: Desk) -> Iterator[dict]:
    desk.fit()
    chosen = desk.nodes[:1000]
    for node in chosen:
        node.set_selected(True)
    result = desk.drag_node(chosen[len(chosen) // 2])
    yield {"case": f"drag {len(chosen)} nodes", **result}


def case_select(desk: Desk) -> Iterator[dict]:
    desk.fit()
    yield {"case": "select all", **desk.frames([desk.graph.select_all])}
    desk.graph.clear_selection()


def case_delete(desk: Desk) -> Iterator[dict]:
    chosen = desk.nodes[: min(5000, desk.count // 2)]
    delete = [lambda: desk.graph.delete_nodes(chosen)]
    result = desk.frames(delete, most=60)
    yield {"case": f"delete {len(chosen)}", "max_ms": result["max_ms"]}
    result = desk.frames([desk.graph.undo_stack().undo], most=60)
    yield {"case": "undo it", "max_ms": result["max_ms"]}


CASES = {
    name.removeprefix("case_"): function
    for name, function in list(globals().items())
    if name.startswith("case_")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--case", action="append", help=f"of {', '.join(CASES)}; default: all")
    options = parser.parse_args()
    QApplication([])
    desk = Desk(options.nodes)
    for name in options.case or CASES:
        for result in CASES[name](desk) if name in CASES else ():
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
