"""A learner's first minutes on a classroom's computer: ``python classroom_walk.py COURSE.zip``.

Opens the window, begins a lesson, builds its first step with the engine's process, opens a course,
and prints the title of the step that it has reached. A connection to another computer is an error.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import nodeflow.ui  # noqa: F401  before the first Qt call

# isort: split
from PySide6.QtTest import QTest

PATIENCE = 600
connect = socket.socket.connect


def local_only(own: socket.socket, address: Any) -> None:
    if own.family in (socket.AF_INET, socket.AF_INET6):
        raise AssertionError(f"a connection to {address}")
    connect(own, address)


def main(course: Path) -> int:
    from nodeflow.document.edit import commands
    from nodeflow.ui.app import make_application, make_window

    socket.socket.connect = local_only  # type: ignore[method-assign]
    application = make_application()
    window = make_window()
    window.show()
    window.link.start()
    window.begin_lesson("expression")
    document = window.workspace.root
    node = commands.add_node(document, "add", (300, 300), "d")
    for name, port in (("b", "x"), ("c", "y")):
        source = document.node_named(name)
        assert source is not None
        commands.connect(document, source.id, "out", node, port)
    for _ in range(PATIENCE):
        if window.lessons.step == 1:
            break
        QTest.qWait(100)
    print(window.lesson_panel.title)
    window.files.open_path(course)
    print(len(window.pages.welcome.learn.progress_labels), "courses", flush=True)
    window.lessons.leave()
    window.close()
    application.processEvents()
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(code)
