"""Make the picture of docs/guides/versions.md: a comparison in the window.

QT_QPA_PLATFORM=offscreen .venv/bin/python tools/make_comparison_picture.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nodeflow.ui  # noqa: F401  before the first Qt call: see there

# isort: split
from make_example_pictures import FOLDER, pause, save, wait
from PySide6.QtCore import QSize

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.resources import example
from nodeflow.ui.app import make_window
from nodeflow.ui.core.state.user_settings import Settings

SIZE = QSize(1280, 720)
LOOKED_AT = "hidden"
ROOM = 264
"""Scene units that one more node takes."""


def main() -> None:
    """Show the changes in an example since it was saved."""
    folder = Path(tempfile.mkdtemp())
    settings = Settings(folder / "window.ini")
    settings.theme = "light"
    window = make_window(settings)
    window.resize(SIZE)
    window.show()
    path = folder / "digits.flow"
    flow.save(flow.load(example("mnist_layers")), path)
    assert window.files.load(path)
    change(window.workspace.root)
    for name in ("palette", "inspector"):
        window.docking.docks[name].hide()
    window.actions_.refresh_now()
    window.actions_.trigger("compare_saved")
    page = window.pages.comparison
    wait(lambda: page.is_ready)
    pause(0.5)
    found = page.found
    assert found is not None
    number = next(i for i, d in enumerate(found.differences) if d.name == LOOKED_AT)
    page.go_to(number)
    window.actions_.trigger("fit")
    pause(0.5)
    save(window, FOLDER / "comparison.png")
    window.workspace.root.mark_saved()
    window.close()


def change(doc: Document) -> None:
    """Make somebody's experiment: a smaller layer, dropout, another rate, and no accuracy."""
    ids = {record.name: record.id for record in doc.nodes.values()}
    commands.set_attr(doc, ids["hidden"], "units", 100)
    commands.set_attr(doc, ids["hidden"], "activation", "tanh")
    frames = {frame.title: frame for frame in doc.frames.values()}
    x, y, width, height = frames["Training"].rect
    commands.move_frame(doc, frames["Training"].id, (x + ROOM, y))
    x, y, width, height = frames["Network"].rect
    commands.set_frame(doc, frames["Network"].id, rect=(x, y, width + ROOM, height))
    x, y = doc.nodes[ids["logits"]].pos
    commands.move(doc, {ids["logits"]: (x + ROOM, y)})
    dropout = commands.add_node(doc, "dropout", (x, y), attrs={"rate": 0.3})
    commands.connect(doc, ids["hidden"], "out", dropout, "x")
    commands.connect(doc, dropout, "out", ids["logits"], "x")
    commands.set_attr(doc, ids["train"], "learning_rate", 0.0005)
    commands.remove(doc, [ids["accuracy"]])
    commands.set_training(doc, epochs=5, metrics=[])


if __name__ == "__main__":
    main()
