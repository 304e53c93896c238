"""macOS asks a running program to open a file by an event."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nodeflow import resources

PROGRAM = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtGui import QFileOpenEvent
from nodeflow.ui import app

def ask():
    application = app.make_application()
    (window,) = [w for w in application.topLevelWidgets() if isinstance(w, app.MainWindow)]
    window.files.shown_later = QTimer(window, interval=20)
    window.files.shown_later.timeout.connect(lambda: end(window))
    application.postEvent(application, QFileOpenEvent(sys.argv[1]))
    window.files.shown_later.start()

def end(window):
    if window.workspace.root.path is not None:
        window.files.shown_later.stop()
        print(window.workspace.root.path)
        window.close()

app.run(on_painted=ask)
"""


def test_a_file_that_the_system_asks_for_is_opened():
    path = resources.example("expression")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, timeout=120
    )
    assert Path(done.stdout.strip()) == path, done.stderr
