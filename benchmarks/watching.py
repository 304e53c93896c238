"""Measure training under watch: the window's share of the engine's time, and its own quickness.

    python benchmarks/watching.py [--seconds 6] [--rounds 2]
    python benchmarks/watching.py --memory 1000

The MNIST example trains headless (the same engine process, nobody watching) and in the real window
of 1920 x 1080 with live plots and values, in turns, without and with the views of plots, classes,
distributions and points on its nodes, and with the stage beside the graph or alone. Meanwhile the
window's user pans, with sixty events per second. A frame lasts from the posting of the event to the
flushing of its paint. Each round measures headless, watched, headless, and so on; ``of_headless``
is the median of the ratios to the headless measurement just before.

The processor time of a step, for the window and for all processes, is reported with steps per
second: on a machine that others use, it can still be compared. So can ``window_of_all_cores``, the
window's part of the time of all cores. With ``--memory`` the example is
trained for so many epochs in the window, and the memory of both processes is read meanwhile. Copies
of the past have 16 MB (NODEFLOW_HISTORY_MB), so that they are full long before the middle.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from canvas_desk import Desk, Paints, figures
from processor_time import Cost, family, resident_bytes
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QPointF, Qt, QTimer
from PySide6.QtWidgets import QApplication

from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_view
from nodeflow.document.io import flow
from nodeflow.engine.cores import cores
from nodeflow.host import protocol as p
from nodeflow.host.engine_client import EngineClient
from nodeflow.resources import example
from nodeflow.train import events
from nodeflow.ui.app import make_window
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.window.stage_modes import BESIDE, CANVAS, STAGE

PATIENCE = 60.0
VIEWS: dict[str, dict[str, str]] = {
    "W1": {"kind": "distribution"},
    "W2": {"kind": "distribution", "of": "gradient"},
    "b1": {"kind": "distribution", "of": "update"},
    "hidden": {"kind": "distribution"},
    "logits": {"kind": "projection"},
    "probabilities": {"kind": "roc"},
    "p": {"kind": "precision_recall"},
    "log_p": {"kind": "class_accuracy"},
}
"""By node of the example: the view on it, in addition to the plots of the training."""
EACH = 20
"""How often memory is read in a training."""


def handle_events() -> None:
    """Handle waiting events for a limited time: reports of the training never stop coming."""
    QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)


class Rate:
    """Steps per second, from the reports of a training."""

    def __init__(self) -> None:
        self.steps, self.tier = 0, ""
        self.compiled = threading.Event()

    def take(self, message: object) -> None:
        if isinstance(message, events.Steps):
            self.steps = message.first + len(message.losses)
            self.tier = message.tier or self.tier
            if self.tier == "compiled":
                self.compiled.set()


def graph(folder: Path, views: bool = False, name: str = "mnist", epochs: int = 100_000) -> Path:
    """Return a file of an example, with epochs for longer than anyone looks."""
    document = flow.load(example(name))
    commands.set_training(document, epochs=epochs)
    for node, view in VIEWS.items() if views else ():
        set_view(document, document.node_named(node).id, dict(view))
    path = folder / f"{name}{'_views' if views else ''}.flow"
    flow.save(document, path)
    return path


Measured = tuple[float, float, float]
"""Steps per second; milliseconds of processor time per step, of this process and of all
processes."""


def measured(rate: Rate, wait: Callable[[], object]) -> Measured:
    """Return the figures of a training while ``wait`` runs."""
    cost, begun, start = Cost(), rate.steps, time.perf_counter()
    wait()
    steps, seconds = rate.steps - begun, time.perf_counter() - start
    cost.stop()
    each = 1000 / max(1, steps)
    return steps / seconds, cost.own * each, (cost.own + cost.others) * each


def headless(path: Path, seconds: float) -> Measured:
    rate = Rate()
    client = EngineClient(rate.take)
    client.start()
    try:
        client.send(p.SyncDocument(path.read_text(encoding="utf-8"), 0, str(path.parent)))
        client.send(p.Train(1))
        if not rate.compiled.wait(PATIENCE):
            raise SystemExit("the compiled tier did not take over")
        time.sleep(1.0)
        return measured(rate, lambda: time.sleep(seconds))
    finally:
        client.close()


class Watching(Desk):
    """The window on the example, training."""

    def __init__(
        self, path: Path, hear: Callable[[object], None] | None = None, stage: str = CANVAS
    ) -> None:
        self.rate = Rate()
        self.window = make_window(Settings(path.parent / "window.ini"))
        self.window.resize(1920, 1080)
        self.window.pages.show_canvas()
        self.window.show()
        self.paints = Paints()
        self.canvas.installEventFilter(self.paints)
        self.window.link.training.connect(self.rate.take)
        if hear is not None:
            self.window.link.training.connect(hear)
        self.window.link.start()
        self.window.files.load(path)
        self.wait(lambda: self.window.link.state == "idle")
        self.window.stage_modes.show(stage)
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
        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def pan(self, seconds: float) -> tuple[Measured, dict[str, float]]:
        """Return steps per second and the frames' figures while the middle button drags the
        view."""
        middle, button = QPointF(self.canvas.rect().center()), Qt.MouseButton.MiddleButton
        self.mouse(QEvent.Type.MouseButtonPress, middle, button)
        wall: list[float] = []

        def drag() -> None:
            tick, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                painted, posted = self.paints.count, time.perf_counter()
                tick += 1
                at = middle + QPointF(abs(tick % 60 - 30) * 8, 0)
                self.mouse(QEvent.Type.MouseMove, at, button)
                while self.paints.count == painted and time.perf_counter() - posted < 1:
                    handle_events()
                wall.append(time.perf_counter() - posted)
                while time.perf_counter() - posted < 1 / 60:
                    handle_events()
                    time.sleep(0.001)

        found = measured(self.rate, drag)
        self.mouse(QEvent.Type.MouseButtonRelease, middle, button)
        return found, figures(wall)

    def watch(self, seconds: float) -> Measured:
        """Return steps per second while nobody touches anything."""
        return measured(self.rate, lambda: self.idle(seconds))

    def close(self) -> None:
        self.window.link.close()
        self.window.files.close()
        self.window.hide()  # closing would ask about the trained weights
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def memory(folder: Path, epochs: int) -> None:
    """Print megabytes of the window and of its processes over many epochs."""
    os.environ.setdefault("NODEFLOW_HISTORY_MB", "16")
    done: list[events.Done] = []
    ended: list[int] = [0]

    def take(message: object) -> None:
        if isinstance(message, events.Done):
            done.append(message)
        elif isinstance(message, events.Epoch):
            ended[0] = message.epoch

    desk = Watching(graph(folder, epochs=epochs), take)
    rows: list[tuple[int, float, float]] = []
    while not done:
        desk.idle(0.1)
        if ended[0] >= len(rows) * epochs / EACH:
            own, *others = (resident_bytes(pid) / 1e6 for pid in family(os.getpid()))
            rows.append((ended[0], own, sum(others)))
            row = {"case": "memory", "epoch": ended[0]}
            print(json.dumps({**row, "window_mb": round(own), "engine_mb": round(sum(others))}))
    half = [row for row in rows if row[0] >= epochs / 2]
    growth = {"window_mb": half[-1][1] - half[0][1], "engine_mb": half[-1][2] - half[0][2]}
    shown = {name: round(value, 1) for name, value in growth.items()}
    print(json.dumps({"case": "growth over the second half", "epochs": epochs, **shown}))
    desk.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0, metavar="EPOCHS")
    options = parser.parse_args()
    found: dict[str, list[Measured]] = {}
    ratios: dict[str, list[float]] = {}
    frames: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="nodeflow-bench-") as name:
        os.environ.update(XDG_STATE_HOME=name, NODEFLOW_RUNS=f"{name}/runs")  # kept, as for users
        if options.memory:
            memory(Path(name), options.memory)
            return
        plain, with_views = graph(Path(name)), graph(Path(name), views=True)
        for _ in range(options.rounds):
            for path, stage, cases in (
                (plain, CANVAS, ("watched", "panned")),
                (with_views, CANVAS, ("all views",)),
                (plain, BESIDE, ("beside the stage",)),
                (plain, STAGE, ("the stage",)),
            ):
                alone = headless(plain, options.seconds)
                found.setdefault("headless", []).append(alone)
                ratios.setdefault("headless", []).append(1.0)
                desk = Watching(path, stage=stage)
                for case in cases:
                    if case == "panned":
                        values, shown = desk.pan(options.seconds)
                        frames.append(shown)
                    else:
                        values = desk.watch(options.seconds)
                    found.setdefault(case, []).append(values)
                    ratios.setdefault(case, []).append(values[0] / alone[0])
                desk.close()
    middle = {case: [statistics.median(column) for column in zip(*rows, strict=True)]
              for case, rows in found.items()}  # fmt: skip
    for case, (steps, own, every) in middle.items():
        line = {"case": case, "steps_per_s": round(steps, 1)}
        line |= {"of_headless": round(statistics.median(ratios[case]), 3)}
        line |= {"window_ms_per_step": round(own, 4), "all_ms_per_step": round(every, 4)}
        line |= {"window_of_all_cores": round(own * steps / 1000 / cores(), 4)}
        print(json.dumps(line))
    worst = {key: max(found[key] for found in frames) for key in frames[0]}
    print(json.dumps({"case": "input to paint while training", **worst}))


if __name__ == "__main__":
    main()
