"""Measure views of a training: pictures per second, and their cost for the training.

    python benchmarks/views.py [--seconds 3] [--pairs 8] [--window]

``spirals.flow`` trains in the engine process, with and without its decision regions (a grid of
60 x 60 cells) in turns within one training. With ``--window`` it trains in the real window of
1920 x 1080. The regions are then drawn on the node, and frames of panning are measured with and
without them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from watching import PATIENCE, Rate, Watching

from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_view
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.host.engine_client import EngineClient
from nodeflow.resources import example

REGIONS = p.ViewSpec("regions", "logits")


class Counted(Rate):
    """A counter of steps and views of a training."""

    def __init__(self) -> None:
        super().__init__()
        self.views = 0

    def take(self, message: object) -> None:
        super().take(message)
        if isinstance(message, p.ViewValue) and message.data is not None:
            self.views += 1


def graph(folder: Path) -> Path:
    """Return a file of the example, with epochs for longer than anyone looks."""
    document = flow.load(example("spirals"))
    commands.set_training(document, epochs=1_000_000)
    path = folder / "spirals.flow"
    flow.save(document, path)
    return path


def headless(path: Path, seconds: float, pairs: int) -> tuple[list[float], list[float]]:
    """Return each pair's ratio of steps per second with and without the view, and views per
    second."""
    counted = Counted()
    client = EngineClient(counted.take)
    client.start()
    ratios, views = [], []
    try:
        client.send(p.SyncDocument(path.read_text(encoding="utf-8"), 0, str(path.parent)))
        client.send(p.Train(1))
        if not counted.compiled.wait(PATIENCE):
            raise SystemExit("the compiled tier did not take over")
        time.sleep(1.0)
        for pair in range(pairs):
            rates = {}
            for on in (True, False) if pair % 2 else (False, True):
                client.send(p.WatchViews((REGIONS,) if on else (), 2 + 2 * pair + on))
                time.sleep(0.3)
                steps, seen, start = counted.steps, counted.views, time.perf_counter()
                time.sleep(seconds)
                passed = time.perf_counter() - start
                rates[on] = (counted.steps - steps) / passed
                if on:
                    views.append((counted.views - seen) / passed)
            ratios.append(rates[True] / rates[False])
    finally:
        client.close()
    return ratios, views


def in_window(path: Path, seconds: float, pairs: int) -> None:
    desk = Watching(path)
    document = desk.window.workspace.document
    node = document.node_named("logits").id
    count = 0

    def seen(_: object) -> None:
        nonlocal count
        count += 1

    desk.window.link.view.connect(seen)
    rates: dict[bool, list[float]] = {True: [], False: []}
    views, worst = [], {}
    for pair in range(pairs):
        for on in (True, False) if pair % 2 else (False, True):
            set_view(document, node, {"kind": "regions"} if on else None)
            desk.canvas.viewport.fit_all()
            desk.idle(0.5)
            start = count
            rates[on].append(desk.watch(seconds))
            if on:
                views.append((count - start) / seconds)
            _, found = desk.pan(seconds)
            worst.setdefault(on, []).append(found)
    desk.close()
    ratios = [a / b for a, b in zip(rates[True], rates[False], strict=True)]
    report("in the window", ratios, views)
    for on, found in worst.items():
        middle = {key: statistics.median(f[key] for f in found) for key in found[0]}
        case = f"input to paint, {'with' if on else 'without'} the view"
        print(json.dumps({"case": case, **middle}))


def report(case: str, ratios: list[float], views: list[float]) -> None:
    line = {
        "case": case,
        "of_training_without": round(statistics.median(ratios), 3),
        "pairs": [round(ratio, 3) for ratio in ratios],
        "views_per_s": round(statistics.median(views), 2),
    }
    print(json.dumps(line))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--window", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nodeflow-bench-") as name:
        os.environ.update(XDG_STATE_HOME=name, NODEFLOW_RUNS="off")
        path = graph(Path(name))
        if options.window:
            in_window(path, options.seconds, options.pairs)
        else:
            report("engine process", *headless(path, options.seconds, options.pairs))


if __name__ == "__main__":
    main()
