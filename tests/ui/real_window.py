"""Drives the real program in a process of its own: ``python real_window.py FILE PICTURE``.

Opens the file as ``nodeflow FILE`` does, presses Train with the mouse, waits for the training to
end, and prints one JSON object of what the window then shows.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()
PATIENCE = 240.0


class Driver:
    """Looks at the window every 50 ms and does what comes next."""

    def __init__(self, picture: str) -> None:
        from PySide6.QtCore import QTimer

        self.picture = picture
        self.report: dict[str, object] = {}
        self.longest = 0.0
        self.last = time.perf_counter()
        self.steps = iter((self.wait_for_values, self.press_train, self.wait_for_end, self.look))
        self.step = next(self.steps)
        self.timer = QTimer()
        self.timer.timeout.connect(self.tick)
        self.beat = QTimer()
        self.beat.timeout.connect(self.on_beat)

    def on_painted(self) -> None:
        from PySide6.QtWidgets import QApplication

        self.report["seconds_to_paint"] = time.perf_counter() - STARTED
        self.window = next(
            w for w in QApplication.topLevelWidgets() if w.objectName() == "mainWindow"
        )
        self.timer.start(50)

    def on_beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self.last - 0.005)
        self.last = now

    def tick(self) -> None:
        if time.perf_counter() - STARTED > PATIENCE:
            self.finish({"error": f"stuck in {self.step.__name__}, {self.window.link.state}"})
        elif self.step():
            self.step = next(self.steps, None) or self.finish

    def named(self, name: str):
        record = self.window.workspace.document.node_named(name)
        return self.window.canvas.node_state.value_of(record.id)

    def wait_for_values(self) -> bool:
        """Opening alone shows images and initial values."""
        preview = self.named("x")
        if preview is None or preview.kind != "images" or self.window.link.state != "idle":
            return False
        self.report["notice"] = self.window.panels["training"].notice_text.text()
        return self.window.panels["training"].plots is not None

    def press_train(self) -> bool:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        button = self.window.toolbar.widgetForAction(self.window.actions_["train"])
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.last = time.perf_counter()
        self.beat.start(5)
        return True

    def wait_for_end(self) -> bool:
        return (
            self.window.panels["training"].record.done is not None
            and self.window.link.state == "idle"
        )

    def look(self) -> bool:
        self.beat.stop()
        panel, window = self.window.panels["training"], self.window
        panel.draw()
        self.report |= {
            "visible": window.isVisible() and window.windowHandle().isExposed(),
            "platform": os.environ.get("QT_QPA_PLATFORM"),
            "accuracy": panel.record.metrics["accuracy"].values[-1],
            "epochs": panel.record.metrics["accuracy"].count,
            "losses": panel.record.losses.count,
            "plotted": len(panel.plots.grid.item("training loss").columns.x),
            "points": len(panel.plots.grid.item("accuracy").columns.x),
            "headline": panel.headline.text(),
            "longest_block": self.longest,
            "problems": window.panels["problems"].list.count(),
            "message": window.info.text,
        }
        window.screen().grabWindow(window.winId()).save(self.picture)
        self.finish(self.report)
        return True

    def finish(self, report: dict | None = None) -> None:
        self.timer.stop()
        print(json.dumps(report or self.report), flush=True)
        self.window.files.weights.discard()
        self.window.close()


def main() -> int:
    import nodeflow.ui  # noqa: F401
    from nodeflow.ui import app

    path, picture = sys.argv[1:]
    application = app.make_application()
    driver = Driver(picture)
    code = app.run(Path(path), driver.on_painted)
    assert application is not None
    return code


if __name__ == "__main__":
    sys.exit(main())
