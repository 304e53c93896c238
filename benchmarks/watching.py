"""Training while one looks: how much the window takes from the engine, and how quick it stays.

    python benchmarks/watching.py [--seconds 6] [--rounds 2]

The MNIST example trains headless (the same engine process, nobody watching) and in the real window
of 1920 x 1080 with live plots and values, in turns. Meanwhile the window's user pans, sixty
events a second; a frame is measured from the event being posted to its paint being flushed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from canvas_desk import Desk, Paints, figures
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QPointF, Qt
from PySide6.QtWidgets import QApplication

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.host.client import EngineClient
from nodeflow.resources import example
from nodeflow.train import events
from nodeflow.ui.app import make_window
from nodeflow.ui.core.settings import Settings

PATIENCE = 60.0


def handle_events() -> None:
    """What is waiting, but not for ever: reports of the training never stop coming."""
    QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)


class Rate:
    """Steps a second, from the reports of a training."""

    def __init__(self) -> None:
        self.steps, self.tier = 0, ""
        self.compiled = threading.Event()

    def take(self, message: object) -> None:
        if isinstance(message, events.Steps):
            self.steps = message.first + len(message.losses)
            self.tier = message.tier or self.tier
            if self.tier == "compiled":
                self.compiled.set()


def graph(folder: Path) -> Path:
    """The example, with epochs for longer than anyone looks."""
    document = flow.load(example("mnist"))
    commands.set_training(document, epochs=100_000)
    path = folder / "mnist.flow"
    flow.save(document, path)
    return path


def headless(path: Path, seconds: float) -> float:
    rate = Rate()
    client = EngineClient(rate.take)
    client.start()
    try:
        client.send(p.SyncDocument(path.read_text(encoding="utf-8"), 0, str(path.parent)))
        client.send(p.Train(1))
        if not rate.compiled.wait(PATIENCE):
            raise SystemExit("the compiled tier did not take over")
        time.sleep(1.0)
        begun, start = rate.steps, time.perf_counter()
        time.sleep(seconds)
        return (rate.steps - begun) / (time.perf_counter() - start)
    finally:
        client.close()


class Watching(Desk):
    """The window on the example, training."""

    def __init__(self, path: Path) -> None:
        self.rate = Rate()
        self.window = make_window(Settings(path.parent / "window.ini"))
        self.window.resize(1920, 1080)
        self.window.pages.show_canvas()
        self.window.show()
        self.paints = Paints()
        self.canvas.installEventFilter(self.paints)
        self.window.link.training.connect(self.rate.take)
        self.window.link.start()
        self.window.files.load(path)
        self.wait(lambda: self.window.link.state == "idle")
        self.window.actions_.trigger("train")
        self.wait(self.rate.compiled.is_set)
        self.idle(1.0)

    def wait(self, reached) -> None:
        end = time.perf_counter() + PATIENCE
        while not reached():
            if time.perf_counter() > end:
                raise SystemExit(f"the window did not get there: {self.window.link.state}")
            handle_events()
            time.sleep(0.002)

    def idle(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            handle_events()
            time.sleep(0.002)

    def pan(self, seconds: float) -> tuple[float, dict[str, float]]:
        """Steps a second, and the frames' figures, while the middle button drags the view."""
        middle, button = QPointF(self.canvas.rect().center()), Qt.MouseButton.MiddleButton
        self.mouse(QEvent.Type.MouseButtonPress, middle, button)
        begun, start, wall, tick = self.rate.steps, time.perf_counter(), [], 0
        while time.perf_counter() - start < seconds:
            painted, posted = self.paints.count, time.perf_counter()
            tick += 1
            self.mouse(QEvent.Type.MouseMove, middle + QPointF(abs(tick % 60 - 30) * 8, 0), button)
            while self.paints.count == painted and time.perf_counter() - posted < 1:
                handle_events()
            wall.append(time.perf_counter() - posted)
            while time.perf_counter() - posted < 1 / 60:
                handle_events()
                time.sleep(0.001)
        rate = (self.rate.steps - begun) / (time.perf_counter() - start)
        self.mouse(QEvent.Type.MouseButtonRelease, middle, button)
        return rate, figures(wall)

    def watch(self, seconds: float) -> float:
        """Steps a second while nobody touches anything."""
        begun, start = self.rate.steps, time.perf_counter()
        self.idle(seconds)
        return (self.rate.steps - begun) / (time.perf_counter() - start)

    def close(self) -> None:
        self.window.link.close()
        self.window.files.close()
        self.window.hide()  # closing would ask what to do with the trained weights
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {"headless": [], "watched": [], "panned": []}
    frames: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="nodeflow-bench-") as name:
        os.environ.update(XDG_STATE_HOME=name, NODEFLOW_RUNS=f"{name}/runs")  # kept, as for users
        path = graph(Path(name))
        for _ in range(options.rounds):
            rates["headless"].append(headless(path, options.seconds))
            desk = Watching(path)
            rates["watched"].append(desk.watch(options.seconds))
            rate, found = desk.pan(options.seconds)
            rates["panned"].append(rate)
            frames.append(found)
            desk.close()
    middle = {case: statistics.median(found) for case, found in rates.items()}
    for case, found in middle.items():
        line = {"case": case, "steps_per_s": round(found, 1)}
        print(json.dumps({**line, "of_headless": round(found / middle["headless"], 3)}))
    worst = {key: max(found[key] for found in frames) for key in frames[0]}
    print(json.dumps({"case": "input to paint while training", **worst}))


if __name__ == "__main__":
    main()
