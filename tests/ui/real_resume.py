"""Drives the real program in a process of its own: ``python real_resume.py train|resume ...``.

``train FILE LOSSES`` opens the file, presses Train, and writes the losses that it has seen to
LOSSES until it is killed. ``resume PICTURE`` opens the program without a file, presses Continue in
the question that a crash is followed by, kills the engine in the training, presses Continue again,
and prints one JSON object of what the window then shows.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()
PATIENCE = 240.0


class Driver:
    """Looks at the window every 50 ms and does what comes next."""

    def __init__(self, steps: tuple[str, ...], target: Path) -> None:
        from PySide6.QtCore import QTimer

        self.target = target
        self.report: dict[str, object] = {}
        self.resumed: list[int] = []
        self.expected = 1
        self.steps = iter(steps)
        self.step = getattr(self, next(self.steps))
        self.timer = QTimer()
        self.timer.timeout.connect(self.tick)
        self.timer.start(50)
        self.window = None

    def on_painted(self) -> None:
        from nodeflow.train.events import Resumed

        self.window.link.training.connect(
            lambda event: self.resumed.append(event.step) if isinstance(event, Resumed) else None
        )

    def tick(self) -> None:
        from PySide6.QtWidgets import QApplication

        if self.window is None:
            named = (w for w in QApplication.topLevelWidgets() if w.objectName() == "mainWindow")
            self.window = next(named, None)
            if self.window is not None:
                self.on_painted()
        elif time.perf_counter() - STARTED > PATIENCE:
            self.finish({"error": f"stuck in {self.step.__name__}, {self.window.link.state}"})
        elif self.step():
            following = next(self.steps, None)
            self.step = getattr(self, following) if following else self.finish

    @property
    def record(self):
        return self.window.panels["training"].record

    # ---- train --------------------------------------------------------------------------------

    def press_train(self) -> bool:
        if self.window.link.state != "idle":
            return False
        self.window.actions_.trigger("train")
        return True

    def tell(self) -> bool:
        if self.record.losses.count:
            self.target.write_bytes(self.record.losses.values.tobytes())
        return False

    # ---- resume -------------------------------------------------------------------------------

    def press_resume(self) -> bool:
        """In the question at the start, or in the toolbar where that question was another one."""
        from PySide6.QtWidgets import QApplication, QMessageBox

        box = QApplication.activeModalWidget()
        if box is not None and box.objectName() == "recover":  # learned values lie beside a journal
            self.report["question"] = box.table.topLevelItem(0).text(0)
            self._click(box, "Restore")
        elif isinstance(box, QMessageBox):
            self.report["question"] = f"{box.text()} {box.informativeText()}"
            self._click(box, "Continue")
            return True
        elif self.window.link.state == "idle" and self.window.unfinished.step:
            self.window.actions_.trigger("continue")
            return True
        return False

    @staticmethod
    def _click(box, text: str) -> None:
        from PySide6.QtWidgets import QPushButton

        buttons = box.findChildren(QPushButton)
        next(b for b in buttons if b.text().replace("&", "") == text).click()

    def goes_on(self) -> bool:
        """Some hundred steps after it was resumed, and a state was kept."""
        if len(self.resumed) < self.expected or self.record.last_step < self.resumed[-1] + 300:
            return False
        kept = self.window.unfinished._kept
        return kept is not None and kept.step > self.resumed[-1]

    def kill_engine(self) -> bool:
        os.kill(self.window.link.channel.client.pid, signal.SIGKILL)
        return True

    def press_resume_again(self) -> bool:
        """In the message about the engine."""
        if self.window.link.state != "idle" or not self.window.unfinished.step:
            return False
        self.report["message"] = self.window.info.text
        self.report["offered"] = self.window.unfinished.text
        self.window.screen().grabWindow(self.window.winId()).save(str(self.target))
        self.window.actions_.trigger("continue")
        self.expected = 2
        return True

    def look(self) -> bool:
        self.report |= {
            "resumed": self.resumed,
            "step": self.record.last_step,
            "losses": self.record.losses.values.tolist(),
            "title": self.window.workspace.title,
        }
        return True

    def finish(self, report: dict | None = None) -> None:
        self.timer.stop()
        print(json.dumps(report or self.report), flush=True)
        self.window.workspace.root.mark_saved()
        self.window.files.weights.discard()
        self.window.files.weights.may_leave = lambda: True
        self.window.close()


STEPS = {
    "train": ("press_train", "tell"),
    "resume": (
        *("press_resume", "goes_on", "kill_engine", "press_resume_again", "goes_on", "look"),
    ),
}


def main() -> int:
    import nodeflow.ui  # noqa: F401
    from nodeflow.ui import app
    from nodeflow.ui.controllers.training import unfinished_training

    unfinished_training.EVERY = "0.5s"
    what, *paths = sys.argv[1:]
    application = app.make_application()
    driver = Driver(STEPS[what], Path(paths[-1]))
    code = app.run(Path(paths[0]) if what == "train" else None)
    assert application is not None and driver is not None
    return code


if __name__ == "__main__":
    sys.exit(main())
