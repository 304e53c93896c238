"""Measure the speed of the canvas in the real window, on graphs of any size. One JSON line a case.

    python benchmarks/canvas.py --nodes 10000 --case pan
    python benchmarks/canvas.py --peer PYTHON    # beside NodeGraphQt, if it has the case

`PYTHON` is the interpreter of an environment with NodeGraphQt and PySide6. `canvas_desk.py` defines
a frame.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from canvas_desk import Desk
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication

from nodeflow.ui.popups.search.add_node import AddNodePopup

SIZES = (100, 1000, 10_000, 50_000)
STEPS = (0, -8, -16, -24)
"""Zoom levels at which the view is panned, in eighths of an octave."""
PEER_MOST = 1000
"""Most nodes for the peer: with more, one of its frames takes seconds."""
PEER = Path(__file__).with_name("peers") / "node_graph_qt.py"
Result = Iterator[dict]


def case_open(desk: Desk) -> Result:
    yield {"case": "open", "seconds": round(desk.opened, 3)}


def case_pan(desk: Desk) -> Result:
    middle = QPointF(desk.canvas.rect().center())
    there = [middle + QPointF(-9 * i, 4 * i) for i in range(34)]
    for zoom in (None, *STEPS):
        desk.canvas.viewport.fit_all() if zoom is None else _zoom_to(desk, zoom)
        desk.settle()
        result = desk.drag([*there, *there[::-1]], Qt.MouseButton.MiddleButton)
        where = "fit" if zoom is None else f"{desk.canvas.viewport.camera.scale:g}"
        yield {"case": f"pan at {where}", **result}


def case_zoom(desk: Desk) -> Result:
    """Measure from a turn of the wheel to the first picture, which may be scaled, and to the
    true one."""
    desk.canvas.viewport.fit_all()
    desk.settle()
    turns = [0.5] * 20 + [-0.5] * 20
    yield {"case": "zoom", **desk.frames(lambda n=n: desk.wheel(n) for n in turns)}
    desk.settle()
    wall = []
    for turn in turns[:10]:
        start = time.perf_counter()
        desk.wheel(turn)
        QApplication.processEvents()
        desk.settle()
        wall.append((time.perf_counter() - start) * 1e3)
    yield {"case": "zoom, true frame", "p50_ms": round(sorted(wall)[5], 2), "max_ms": max(wall)}


def case_hub(desk: Desk) -> Result:
    """Drag one node with 500 wires."""
    hub = next(iter(desk.document.nodes))
    desk.canvas.viewport.fit_all()
    desk.settle()
    desk.canvas.selection.select([hub])
    wires = len(desk.document.wires_out_of(hub))
    yield {"case": f"drag a node with {wires} wires", **_drag_node(desk, hub)}


def case_drag(desk: Desk) -> Result:
    desk.canvas.viewport.fit_all()
    desk.settle()
    ids = list(desk.document.nodes)[:1000]
    desk.canvas.selection.select(ids)
    yield {"case": f"drag {len(ids)} nodes", **_drag_node(desk, ids[len(ids) // 2])}


def case_box(desk: Desk) -> Result:
    desk.canvas.viewport.fit_all()
    desk.settle()
    corner = QPointF(4, desk.canvas.height() - 4)
    width, height = desk.canvas.width() - 30, desk.canvas.height() - 30
    places = [corner + QPointF(width * i / 40, -height * i / 40) for i in range(41)]
    yield {"case": "box select", **desk.drag(places)}
    desk.canvas.selection.select([])


def case_select(desk: Desk) -> Result:
    desk.canvas.selection.select([])
    desk.settle()
    control = Qt.KeyboardModifier.ControlModifier
    action = desk.window.actions_
    yield {"case": "select all", **desk.frames([lambda: action.trigger("select_all")])}
    desk.key(Qt.Key.Key_A, control)
    desk.canvas.selection.select([])


def case_search(desk: Desk) -> Result:
    """Measure from Tab until the search is painted."""
    popup = desk.window.findChild(AddNodePopup)
    middle = QPointF(desk.canvas.rect().center())
    wall = []
    for _ in range(12):
        start = time.perf_counter()
        desk.canvas.edits.search(middle, None)
        popup.repaint()
        wall.append((time.perf_counter() - start) * 1e3)
        popup.dismiss()
        QApplication.processEvents()
    wall = sorted(wall[2:])  # the first times load fonts and icons
    yield {"case": "search opens", "p50_ms": round(wall[5], 2), "max_ms": round(wall[-1], 2)}


def case_save(desk: Desk) -> Result:
    start = time.perf_counter()
    assert desk.window.files.save()
    yield {"case": "save", "seconds": round(time.perf_counter() - start, 3)}


def case_delete(desk: Desk) -> Result:
    """Delete half of the nodes, at most 5000, and undo."""
    chosen = list(desk.document.nodes)[: min(5000, desk.count // 2)]
    desk.canvas.viewport.fit_all()
    desk.canvas.selection.select(chosen)
    desk.settle()
    for case, action in ((f"delete {len(chosen)}", "delete"), ("undo it", "undo")):
        result = desk.frames([lambda a=action: desk.window.actions_.trigger(a)], most=20)
        yield {"case": case, **{k: v for k, v in result.items() if "max" in k}}
        desk.settle()
    assert len(desk.document.nodes) == desk.count
    desk.document.mark_saved()


def _drag_node(desk: Desk, node: str) -> dict[str, float]:
    start = desk.canvas.viewport.header_rect(node).center()
    start.setX(desk.canvas.viewport.node_rect(node).center().x())
    places = [start + QPointF(5 * i, 3 * i) for i in range(44)]
    result = desk.drag([*places, *places[::-1]])
    desk.settle()
    return result


def _zoom_to(desk: Desk, step: int) -> None:
    desk.canvas.viewport.zoom(
        step - desk.canvas.viewport.camera.step, QPointF(desk.canvas.rect().center())
    )


CASES = {
    name.removeprefix("case_"): function
    for name, function in list(globals().items())
    if name.startswith("case_")
}


def ours(count: int, cases: list[str]) -> Result:
    desk = Desk(count)
    try:
        for name in cases:
            yield from CASES[name](desk)
    finally:
        desk.close()


def theirs(python: str, count: int, cases: list[str]) -> Result:
    """Measure NodeGraphQt, in a separate process, on a graph of the same shape."""
    command = [python, str(PEER), "--nodes", str(count)]
    command += [part for name in cases for part in ("--case", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield {"case": "all", "problem": done.stderr.strip().splitlines()[-1:]}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--nodes", type=int, action="append", help=f"default: {SIZES}")
    parser.add_argument("--case", choices=list(CASES), action="append", help="default: all")
    parser.add_argument("--peer", metavar="PYTHON", help="an environment with NodeGraphQt")
    options = parser.parse_args()
    cases = options.case or list(CASES)
    for count in options.nodes or SIZES:
        for result in ours(count, cases):
            print(json.dumps({"nodes": count, **result}), flush=True)
        beside = options.peer and count <= PEER_MOST
        for result in theirs(options.peer, count, cases) if beside else ():
            print(json.dumps({"library": "NodeGraphQt", "nodes": count, **result}), flush=True)


if __name__ == "__main__":
    main()
