"""Trains a file in the window, and prints what the window shows: ``python window_program.py FILE``.

The texts of all panels, menus, actions and choices come last, as a list in JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication

sys.path.append(str(Path(__file__).resolve().parent.parent / "ui"))

import shown_texts

from nodeflow.ui import app

PATIENCE = 240.0


class Driver:
    """Looks at the window every 50 ms and does what comes next."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.steps = iter((self.press_train, self.wait_for_end, self.open_panels, self.look))
        self.step = next(self.steps)
        self.timer = QTimer()
        self.timer.timeout.connect(self.tick)

    def on_painted(self) -> None:
        named = (w for w in QApplication.topLevelWidgets() if w.objectName() == "mainWindow")
        self.window = next(named)
        self.timer.start(50)

    def tick(self) -> None:
        if time.perf_counter() - self.started > PATIENCE:
            self.finish({"error": f"stuck in {self.step.__name__}, {self.window.link.state}"})
        elif self.step():
            self.step = next(self.steps, self.tick)

    def press_train(self) -> bool:
        if self.window.link.state != "idle" or not self.window.actions_["train"].isEnabled():
            return False
        self.window.actions_.trigger("train")
        return True

    def wait_for_end(self) -> bool:
        record = self.window.panels["training"].record
        return record.done is not None and self.window.link.state == "idle"

    def open_panels(self) -> bool:
        for name in self.window.panels:
            self.window.panels[name]  # made when it is first asked for
        return True

    def look(self) -> bool:
        record = self.window.panels["training"].record
        actions = self.window.findChildren(QAction)
        shown = [shown_texts.texts(), *(f"{each.text()}\n{each.toolTip()}" for each in actions)]
        self.finish({"accuracy": record.metrics["accuracy"].values[-1], "texts": shown})
        return True

    def finish(self, report: dict) -> None:
        self.timer.stop()
        print(json.dumps(report), flush=True)
        self.window.files.weights.discard()
        self.window.close()


def main() -> int:
    application = app.make_application()
    code = app.run(Path(sys.argv[1]), Driver().on_painted)
    assert application is not None
    return code


if __name__ == "__main__":
    sys.exit(main())
