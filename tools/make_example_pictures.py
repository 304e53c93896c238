"""Make the pictures of docs/examples.md: each example trained, with a value in the viewer.

QT_QPA_PLATFORM=offscreen .venv/bin/python tools/make_example_pictures.py [NAME ...]
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nodeflow.ui  # noqa: F401  before the first Qt call: see there

# isort: split
from PIL import Image
from PySide6.QtCore import QBuffer, QCoreApplication, QEvent, QEventLoop, QSize, Qt
from PySide6.QtWidgets import QToolButton

from nodeflow.resources import example
from nodeflow.ui.app import make_window
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.panels.training import TrainingPanel
from nodeflow.ui.panels.viewer import ViewerPanel
from nodeflow.ui.window.main_window import MainWindow

LOOK_AT = {
    "mnist_cnn": "F1",
    "lstm": "memory",
    "word2vec": "similarity",
    "autoencoder": "restored",
    "mandelbrot": "mandelbrot",
}
"""The node whose value is shown."""
MOST_SECONDS = 1200
SIZE = QSize(1120, 800)
VIEWER_HEIGHT = 350
COLORS = 200
FOLDER = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Make all pictures, or the named ones."""
    for name in sys.argv[1:] or LOOK_AT:
        settings = Settings(Path(tempfile.mkdtemp()) / "window.ini")
        settings.theme = "light"
        window = make_window(settings)
        window.resize(SIZE)
        window.show()
        window.link.start()
        window.files.open_example(example(name))
        show(window, LOOK_AT[name])
        save(window, FOLDER / f"{name}.png")
        window.workspace.document.mark_saved()
        window.close()
        window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def show(window: MainWindow, node: str) -> None:
    """Train, if there is an optimizer; then select a node with its value in the viewer."""
    training, viewer = window.panels["training"], window.panels["viewer"]
    assert isinstance(training, TrainingPanel) and isinstance(viewer, ViewerPanel)
    wait(lambda: window.link.state == "idle")
    if window.workspace.optimizers:
        window.actions_.trigger("train")
        wait(lambda: training.record.done is not None, MOST_SECONDS)
    for name in ("palette", "inspector"):
        window.docking.docks[name].hide()
    window.docking.show("viewer")
    window.resizeDocks([window.docking.docks["viewer"]], [VIEWER_HEIGHT], Qt.Orientation.Vertical)
    place = window.workspace.find(node)
    assert place is not None, node
    window.canvas.selection.select([place])
    window.actions_.trigger("fit")
    wait(lambda: viewer.array is not None)
    buttons = viewer.findChildren(QToolButton)
    image = next(b for b in buttons if b.text() == "Image")
    image.click()
    pause(1.0)


def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)


def pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def save(window: MainWindow, path: Path) -> None:
    """Grab the window in few colours, which makes the file a fifth as large."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    window.grab().save(buffer, "PNG")
    picture = Image.open(io.BytesIO(buffer.data().data())).convert("RGB")
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
