"""Pictures of building and training MNIST by keyboard: ``python record_keyboard.py FOLDER [dark]``.

The real program with the real engine; each step of ``typist.build_mnist`` is one numbered PNG.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nodeflow.ui  # noqa: F401  before the first Qt call

# isort: split
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from typist import Typist, build_mnist

PATIENCE_MS = 120_000


def main(folder: Path, theme: str) -> None:
    from nodeflow.ui.app import make_application, make_window
    from nodeflow.ui.core.state.user_settings import Settings
    from nodeflow.ui.core.theming.stylesheet import apply_theme
    from nodeflow.ui.core.theming.theme import THEMES

    application = make_application()
    apply_theme(application, THEMES[theme])
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(Path(tempfile.mkdtemp()) / "window.ini")
    settings.theme = theme
    window = make_window(settings)
    window.resize(1440, 900)
    window.pages.show_canvas()
    window.show()
    window.link.start()
    typist = Typist(window)
    number = 0

    def picture(caption: str) -> None:
        nonlocal number
        number += 1
        QTest.qWait(1500)  # values arrive from the engine's process
        window.grab().save(str(folder / f"{number:02}.png"))
        print(f"{number:02}  {caption}", flush=True)
        awake()

    def awake() -> None:
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        window.canvas.setFocus()

    awake()
    for caption in build_mnist(typist):
        picture(caption)
    typist.press(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    waited = 0
    while window.panels["training"].record.done is None and waited < PATIENCE_MS:
        QTest.qWait(500)
        waited += 500
    picture("Ctrl+T trains it")
    window.workspace.document.mark_saved()
    window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "light")
