"""Pictures of every panel, page and popup: ``python record_views.py FOLDER [light|dark] [WxH]``.

The real program with the real engine, on trained examples; each view is one PNG.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nodeflow.ui  # noqa: F401  before the first Qt call

# isort: split
from first_hour import Newcomer
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeflow.resources import example

PANELS = (
    *("viewer", "sketch_pad", "training", "predictions", "doctor"),
    *("problems", "log", "outline", "profile"),
)


def views(window) -> Iterator[str]:
    """Shows one view after the other; yields the name of each."""
    newcomer = Newcomer(window)
    window.pages.show_welcome()
    window.pages.welcome.draw_pictures()
    yield "welcome"
    for name in ("spirals", "mnist_cnn_layers", "regression"):
        window.files.open_example(example(name))
        newcomer.wait(lambda: window.data.shown is not None, f"values of {name}")
        yield f"{name}-opened"
    newcomer.train()
    yield "regression-trained"
    select(window, "prediction")
    for panel in PANELS:
        window.docking.show(panel)
        yield f"panel-{panel}"
    window.workspace.select(())
    window.files.open_example(example("mnist"))
    newcomer.wait(lambda: window.data.shown is not None, "values of mnist")
    newcomer.train()
    select(window, "W1")
    for panel in PANELS:
        window.docking.show(panel)
        yield f"mnist-{panel}"
    for action in ("command_palette", "search", "formula", "find"):
        window.canvas.setFocus()
        window.actions_.trigger(action)
        yield f"popup-{action}"
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Escape)
    select(window, "train")
    window.actions_.trigger("expand")
    newcomer.wait(lambda: window.pages.is_inside, "the generated nodes")
    QTest.qWait(4000)
    yield "generated"
    window.pages.show_canvas()
    select(window, "mnist")
    window.actions_.trigger("show_dataset")
    yield "dataset"


def select(window, name: str) -> None:
    window.canvas.selection.select([window.workspace.document.node_named(name).id])


def main(folder: Path, theme: str, size: str) -> None:
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
    window.resize(*map(int, size.split("x")))
    window.show()
    window.link.start()
    window.activateWindow()
    for number, name in enumerate(views(window), 1):
        QTest.qWait(1500)
        window.grab().save(str(folder / f"{number:02}-{name}.png"))
        print(f"{number:02}  {name}", flush=True)
    window.workspace.root.mark_saved()
    window.files.weights.discard()
    window.close()


if __name__ == "__main__":
    given = sys.argv[2:]
    main(Path(sys.argv[1]), *(given + ["light", "1440x900"][len(given) :]))
