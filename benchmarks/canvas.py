"""How fast the canvas is, on graphs of any size: one JSON line a case.

    python benchmarks/canvas.py --nodes 10000 --case pan

A frame is the work of the GUI thread from the change of the view to the finished painting,
offscreen at 1920 x 1080. CPU time of the thread is reported beside wall time, so that a busy
machine can be told from slow code.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication

import nodeflow.ui  # noqa: F401  before the first Qt call
from nodeflow.document.analysis import Analysis
from nodeflow.document.model import Document
from nodeflow.document.records import NodeRecord, Wire
from nodeflow.host.previews import make_preview
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.moving import MoveNodes
from nodeflow.ui.search import SearchToAdd

OPS = ("add", "multiply", "subtract", "maximum")
MIDDLE = QPointF(960, 540)
STEPS = (0, -8, -16, -24)


def graph(count: int) -> Document:
    """Layers of binary ops, each fed by two nodes of the layer before."""
    rng = random.Random(1)
    document, ids = Document(), []
    rows = max(4, int((count / 2) ** 0.5))
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
                t.put_wire(Wire(ids[(column - 1) * rows + near], "out", ids[-1], port))
    return document


class Bench:
    """One canvas over one graph, and the clock."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.document = graph(count)
        started = time.perf_counter()
        self.analysis = Analysis(self.document)
        self.view = CanvasView(self.document, self.analysis)
        self.view.resize(1920, 1080)
        self.view.show()
        self.view.repaint()
        self.opened = time.perf_counter() - started
        names = [record.name for record in self.document.nodes.values()]
        self.view.set_values({n: make_preview(np.float32(i)) for i, n in enumerate(names)})
        self.settle()

    def settle(self) -> None:
        """Wait for the true frame with all its cards; some of it waits for timers."""
        deadline = time.perf_counter() + 20
        while time.perf_counter() < deadline:
            QApplication.processEvents()
            if self.view.is_settled and self.view.frame.is_whole:
                return
            time.sleep(0.001)

    def frames(self, steps: Iterator[Callable[[], None]]) -> dict[str, float]:
        wall, cpu = [], []
        for step in steps:
            start, start_cpu = time.perf_counter(), time.thread_time()
            step()
            self.view.repaint()
            wall.append(time.perf_counter() - start)
            cpu.append(time.thread_time() - start_cpu)
            QApplication.processEvents()
        return {**_figures(wall, ""), **_figures(cpu, "cpu_")}

    # ---- cases ------------------------------------------------------------------------------

    def pan(self) -> Iterator[dict]:
        for zoom in (None, *STEPS):
            self.view.fit_all() if zoom is None else self._zoom_to(zoom)
            self.settle()
            moves = [(-14, 6)] * 30 + [(14, -6)] * 30
            result = self.frames(lambda d=d: self.view.pan(*d) for d in moves)
            where = "fit" if zoom is None else f"{self.view.camera.scale:g}"
            yield {"case": f"pan at {where}", **result}

    def zoom(self) -> Iterator[dict]:
        self.view.fit_all()
        self.settle()
        steps = [1] * 20 + [-1] * 20
        yield {"case": "zoom", **self.frames(lambda s=s: self.view.zoom(s, MIDDLE) for s in steps)}

    def drag(self) -> Iterator[dict]:
        self._zoom_to(-12)
        self.settle()
        slots = self.view.scene.nodes.used()[:1000]
        self.view.select([self.view.scene.nodes.key(int(s)) for s in slots])
        gesture = MoveNodes(self.view, self.view.scene.nodes.key(int(slots[0])))
        self.view.gesture = gesture
        none = Qt.KeyboardModifier.NoModifier
        gesture.start(MIDDLE, none)
        places = [MIDDLE + QPointF(4 * i, 3 * i) for i in range(1, 40)]
        result = self.frames(lambda p=p: gesture.move(p, none) for p in places)
        self.view.cancel_gesture()
        yield {"case": f"drag {len(slots)} nodes", **result}

    def select(self) -> Iterator[dict]:
        self.view.select([])
        self.settle()
        yield {"case": "select all", **self.frames(iter([self.view.select_all]))}

    def search(self) -> Iterator[dict]:
        """Tab until the search is painted."""
        popup = SearchToAdd(self.view)

        def show() -> None:
            self.view.ask_search(MIDDLE, None)
            popup.repaint()

        for _ in range(2):  # the first time it loads fonts and icons
            result = self.frames(iter([show] * 10))
        popup.close_search()
        yield {"case": "search opens", **result}

    def open(self) -> Iterator[dict]:
        yield {"case": "open", "seconds": round(self.opened, 3)}

    def _zoom_to(self, step: int) -> None:
        self.view.zoom(step - self.view.camera.step, MIDDLE)


def _figures(seconds: list[float], prefix: str) -> dict[str, float]:
    ms = np.array(seconds) * 1e3
    return {
        f"{prefix}p50_ms": round(float(np.percentile(ms, 50)), 2),
        f"{prefix}p95_ms": round(float(np.percentile(ms, 95)), 2),
        f"{prefix}max_ms": round(float(ms.max()), 2),
    }


CASES = ("open", "pan", "zoom", "drag", "select", "search")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--nodes", type=int, action="append", help="default: 100, 1000, 10000")
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    options = parser.parse_args()
    app = QApplication([])
    app.setStyle("Fusion")
    for count in options.nodes or (100, 1000, 10000):
        bench = Bench(count)
        for name in options.case or CASES:
            for result in getattr(bench, name)():
                print(json.dumps({"nodes": count, **result}), flush=True)
        bench.view.close()


if __name__ == "__main__":
    main()
