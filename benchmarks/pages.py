"""Measure pan and zoom of exported pages in headless Chromium, from the browser's trace.

    python benchmarks/pages.py [--chromium PROGRAM] [--rounds 3]

A page of 1000 nodes with a picture on each, and the recording of `spirals`, are panned by the mouse
and zoomed by the wheel; the recording is also played by its slider. A frame is everything between
two inputs; `rest` has the frames after a zoom. Reported are the milliseconds of a frame on the main
thread (scripts, style, layout, paint, commit), as wall time and as processor time, which a busy
machine lengthens less; and the processor time of the threads that rasterise. Without a GPU,
Chromium rasterises in software.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.host.past.record_for_page import record
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore
from tests.pages.browser import Browser

CATEGORIES = "toplevel,devtools.timeline,blink.user_timing,cc,disabled-by-default-devtools.timeline"
FRAMES = 40
NODES = 1000
BUDGET_MS = 16.0
AT_REST = "new Promise(done => setTimeout(done, 1500))"
"""Until all cards in sight have their contents."""


def thousand(folder: Path) -> Path:
    """Write the page of a graph of `NODES` nodes with a picture on each."""
    document = Document()
    with document.transaction("Add nodes"):
        for index in range(NODES):
            place = (index % 40 * 260, index // 40 * 260)
            commands.add_node(document, "add", place)
    preview = make_preview(np.random.default_rng(0).random((40, 40)))
    values = {record.name: preview for record in document.nodes.values()}
    return _saved(folder / "nodes.html", page_file(document, title="nodes", values=values))


def recorded(folder: Path, name: str) -> Path:
    """Train an example, and write the page with its recording."""
    os.environ["NODEFLOW_RUNS"] = str(folder / "runs")
    nf.train.fit(nf.load(example(name)), run_name=name)
    with RunStore(write=False) as store:
        found = record(store, store.find(name))
    return _saved(folder / f"{name}.html", page_file(found.document, title=name, recording=found))


def _saved(path: Path, page: str) -> Path:
    path.write_text(page, encoding="utf-8")
    return path


# ---- inputs -------------------------------------------------------------------------------------


def pan(browser: Browser) -> Iterator[None]:
    """Drag the graph to and fro, one move each frame."""
    browser.mouse("mousePressed", 300, 300, button="left", clickCount=1)
    for index in range(FRAMES):
        far = 12 * min(index, FRAMES - index)
        browser.mouse("mouseMoved", 310 + far, 305 + far / 2, button="left", buttons=1)
        yield
    browser.mouse("mouseReleased", 310, 305, button="left", clickCount=1)


def zoom(browser: Browser) -> Iterator[None]:
    """Turn the wheel in and out again, also over the scale where cards become names."""
    for index in range(FRAMES):
        browser.wheel(400, 300, -120 if index < FRAMES / 2 else 120)
        yield


def rest(browser: Browser) -> Iterator[None]:
    """Zoom in at once, and rest: cards get their contents, and the picture becomes sharp."""
    browser.value("zoom(0.5 / here.view.scale)")
    for _ in range(2 * FRAMES):
        yield


def play(browser: Browser) -> Iterator[None]:
    """Go back through the steps of a recording by the arrow key."""
    browser.value("document.getElementById('step').focus()")
    for _ in range(FRAMES):
        browser.press("ArrowLeft")
        yield


Gesture = Callable[[Browser], Iterator[None]]


# ---- the trace ----------------------------------------------------------------------------------


def traced(browser: Browser, gesture: Gesture) -> list[dict[str, Any]]:
    """Return the trace events of a gesture, whose frames are marked."""
    browser.events.clear()
    browser.ask("Tracing.start", traceConfig={"includedCategories": CATEGORIES.split(",")})
    _next_frame(browser)
    for _ in gesture(browser):
        _next_frame(browser)
    browser.ask("Tracing.end")
    found: list[dict[str, Any]] = []
    browser.wait_for("Tracing.tracingComplete")
    for event in browser.events:
        if event["method"] == "Tracing.dataCollected":
            found += event["params"]["value"]
    return found


def _next_frame(browser: Browser) -> None:
    """Wait until the page has painted, and mark the end of the frame in the trace."""
    browser.wait_in_page(
        "new Promise(done => requestAnimationFrame(() => setTimeout(() => "
        "{ performance.mark('frame'); done(); })))"
    )


def frames(trace: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the milliseconds of each frame, by kind of time."""
    marks = [e for e in trace if e["name"] == "frame" and "blink.user_timing" in e["cat"]]
    main = marks[0]["pid"], marks[0]["tid"]
    times = sorted(e["ts"] for e in marks)
    found = {name: [0.0] * (len(times) - 1) for name in ("wall", "cpu", "raster")}
    for event in trace:
        if event.get("ph") != "X" or not times[0] <= event["ts"] < times[-1]:
            continue
        index = int(np.searchsorted(times, event["ts"], side="right")) - 1
        thread = event["pid"], event["tid"]
        if thread == main and event["name"] == "ThreadControllerImpl::RunTask":
            found["wall"][index] += event["dur"] / 1000
            found["cpu"][index] += event.get("tdur", event["dur"]) / 1000
        elif event["name"] == "RasterTask":
            found["raster"][index] += event.get("tdur", event["dur"]) / 1000
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nodeflow-bench-") as name:
        folder = Path(name)
        pages = {"1000 nodes": thousand(folder), "recording": recorded(folder, "spirals")}
        browser = Browser(options.chromium, folder / "profile")
        for title, path in pages.items():
            for scale, gesture in _cases(title):
                found: dict[str, list[float]] = {"wall": [], "cpu": [], "raster": []}
                for _ in range(options.rounds):
                    browser.open(path, 1280, 720)
                    if scale:
                        browser.value(f"zoom({scale} / here.view.scale)")
                    browser.wait_in_page(AT_REST)
                    for kind, values in frames(traced(browser, gesture)).items():
                        found[kind] += values
                print(json.dumps(_row(title, scale, gesture, path, found)), flush=True)
        browser.close()


def _cases(title: str) -> list[tuple[float, Gesture]]:
    cases: list[tuple[float, Gesture]] = [(0.0, pan), (1.0, pan), (0.0, zoom), (0.0, rest)]
    return [*cases, (0.0, play)] if title == "recording" else cases


def _row(
    title: str, scale: float, gesture: Gesture, path: Path, found: dict[str, list[float]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"page": title, "mb": round(path.stat().st_size / 1e6, 2)}
    row["case"] = f"{gesture.__name__} at {scale:g}" if scale else f"{gesture.__name__} from fit"
    for kind, values in found.items():
        parts = statistics.quantiles(values, n=20)
        row[f"{kind}_p50_ms"] = round(statistics.median(values), 2)
        row[f"{kind}_p95_ms"] = round(parts[-1], 2)
        row[f"{kind}_max_ms"] = round(max(values), 2)
    row["over_16_ms"] = sum(value > BUDGET_MS for value in found["cpu"])
    row["frames"] = len(found["cpu"])
    return row


if __name__ == "__main__":
    main()
