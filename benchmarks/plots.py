"""Measure how fast plots pan and zoom over many steps, in a separate window. One JSON line a case.

    python benchmarks/plots.py [--points 1000000] [--curves 1] [--plots 2] [--frames 120]

A frame is a pan by some pixels, as a mouse drag makes it, until the plots are painted (`repaint`).
It runs on the platform of ``QT_QPA_PLATFORM``, which the line names. ``cpu_`` is the time that the
window's thread computed; other programs on the machine lengthen it little.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

import nodeflow.ui  # noqa: F401  before the first Qt call: see there

# isort: split
from PySide6.QtWidgets import QApplication

from nodeflow.ui.app import make_application
from nodeflow.ui.core.theming.stylesheet import apply_theme
from nodeflow.ui.core.theming.theme import LIGHT
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.plots.arrangement import Arrangement, PlotPlace
from nodeflow.ui.panels.plots.curve import LOSS, Curve

SIZE = (1200, 320)


def course(points: int, number: int) -> Curve:
    """Return the losses of a long training, in chunks of 500, as they arrive."""
    random = np.random.default_rng(number)
    curve = Curve(LOSS, run=f"run {number}" if number else "", smoothing=0.9)
    for first in range(0, points, 500):
        steps = np.arange(first + 1.0, min(first + 500, points) + 1)
        values = 2 / (1 + steps / 20_000) + random.gamma(2, 0.05, len(steps))
        curve.extend(steps, steps / 550, steps / 1500, values)
    return curve


def percentiles(seconds: list[float], prefix: str = "") -> dict[str, float]:
    low, high = np.percentile(np.array(seconds) * 1e3, [50, 95])
    return {f"{prefix}p50_ms": round(float(low), 2), f"{prefix}p95_ms": round(float(high), 2)}


def frames(grid, spans) -> dict[str, float]:
    """Return the time of each frame that shows one of these stretches."""
    seconds, busy = [], []
    for low, high in spans:
        started, before = time.perf_counter(), time.thread_time()
        grid.zoom(low, high)
        for cell in grid.cells:
            cell.plot.viewport().repaint()
        seconds.append(time.perf_counter() - started)
        busy.append(time.thread_time() - before)
        QApplication.processEvents()
    return {**percentiles(seconds[5:]), **percentiles(busy[5:], "cpu_")}


def growth(grid, curve: Curve, count: int) -> dict[str, float]:
    """Return the time of each frame of a training that goes on: 50 more steps, all in sight."""
    seconds, busy = [], []
    grid.show_whole()
    for _ in range(count):
        steps = np.arange(curve.count + 1.0, curve.count + 51)
        started, before = time.perf_counter(), time.thread_time()
        curve.extend(steps, steps / 550, steps / 1500, 0.1 + 0.1 / steps)
        grid.refresh(is_over=False)
        for cell in grid.cells:
            cell.plot.viewport().repaint()
        seconds.append(time.perf_counter() - started)
        busy.append(time.thread_time() - before)
        QApplication.processEvents()
    return {**percentiles(seconds[5:]), **percentiles(busy[5:], "cpu_")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--curves", type=int, default=1)
    parser.add_argument("--plots", type=int, default=2)
    parser.add_argument("--frames", type=int, default=120)
    chosen = parser.parse_args()
    app = make_application()
    apply_theme(app, LIGHT)
    from nodeflow.ui.panels.plots.plot_grid import PlotGrid

    grid = PlotGrid(ThemeManager(LIGHT))
    grid.resize(*SIZE)
    grid.set_arrangement(Arrangement(tuple(PlotPlace((LOSS,)) for _ in range(chosen.plots))))
    grid.show()
    started = time.perf_counter()
    curves = [course(chosen.points, number) for number in range(chosen.curves)]
    appended = (time.perf_counter() - started) / chosen.curves / chosen.points
    grid.show_curves(curves[:1])
    grid.show_overlays(curves[1:])
    grid.refresh(True)
    for _ in range(10):
        app.processEvents()
    about = {
        "platform": app.platformName(),
        "points": chosen.points,
        "curves": chosen.curves,
        "plots": chosen.plots,
        "size": list(SIZE),
    }
    print(json.dumps({"case": "append", **about, "ns_each": round(appended * 1e9)}))
    size = chosen.points
    for part in (0.9, 0.3, 0.01):
        steps = np.linspace(0, (1 - part) * size, chosen.frames)
        spans = [(low, low + part * size) for low in steps.tolist()]
        found = frames(grid, spans)
        print(json.dumps({"case": f"pan, {part:g} of all in sight", **about, **found}))
    print(json.dumps({"case": "grow", **about, **growth(grid, curves[0], chosen.frames)}))
    parts = np.geomspace(0.9, 0.0005, chosen.frames)
    found = frames(grid, [(0.5 * size * (1 - p), 0.5 * size * (1 + p)) for p in parts.tolist()])
    print(json.dumps({"case": "zoom", **about, **found}))


if __name__ == "__main__":
    main()
