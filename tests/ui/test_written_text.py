"""The text that a graph writes, on the stage of a real window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.io import flow
from nodeflow.document.to_graph.generation import generator
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.resources import example
from nodeflow.ui.window.stage_modes import BESIDE


def command_line(document) -> str:
    """The text of `nodeflow generate`."""
    task = Task(document)
    with Session(task.graph, tier="reference", seed=task.settings.seed) as session:
        session.initialize()
        return "".join(token.text for token in generator(task, session))


def test_the_stage_writes_the_text_of_the_command_line(live_window, qtbot):
    window = live_window("names", size=(1400, 900))
    qtbot.waitUntil(lambda: window.stage_modes.mode == BESIDE, timeout=10_000)
    main = window.stage_modes.stage.main

    def data():
        value = main.canvas.shown.value
        return None if value is None else value.data

    def is_whole() -> bool:
        return data() is not None and not data().continues

    qtbot.waitUntil(is_whole, timeout=60_000)
    document = flow.load(example("names"))
    assert main.title.text() == "Text of invented" and data().count == 300
    assert data().written == command_line(document)
    assert data().written.split()[-1] in main.canvas.accessibleDescription()
    before = data().written
    set_value(window.workspace.document, "invented", "seed", 5)
    set_value(document, "invented", "seed", 5)
    qtbot.waitUntil(lambda: is_whole() and data().written != before, timeout=60_000)
    assert data().written == command_line(document)


@pytest.mark.thorough
def test_it_writes_on_while_the_graph_trains(live_window, qtbot):
    window = live_window("names", size=(1400, 900))
    commands.set_training(window.workspace.root, epochs=100_000)
    main = window.stage_modes.stage.main
    seen: set[str] = set()

    def grows() -> bool:
        value = main.canvas.shown.value
        if value is not None and value.data is not None and value.step:
            seen.add(value.data.written)
        return len(seen) > 3

    window.actions_.trigger("train")
    qtbot.waitUntil(grows, timeout=60_000)
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)


@pytest.mark.thorough
def test_a_button_stops_the_writing_and_goes_on_with_it(live_window, qtbot):
    window = live_window("names", size=(1400, 900))
    set_value(window.workspace.document, "invented", "length", 100_000)
    qtbot.waitUntil(lambda: window.stage_modes.mode == BESIDE, timeout=10_000)
    main = window.stage_modes.stage.main

    def written() -> str:
        value = main.canvas.shown.value
        return "" if value is None or value.data is None else value.data.written

    qtbot.waitUntil(lambda: main.writing.isVisible() and written() != "", timeout=60_000)
    assert main.writing.text() == "Stop writing"
    qtbot.mouseClick(main.writing, Qt.MouseButton.LeftButton)
    assert main.writing.text() == "Go on writing"
    watched = window.link._views
    qtbot.waitUntil(lambda: not any(spec.kind == "text" for spec in watched._specs))
    with qtbot.waitSignal(window.link.ran, timeout=60_000):  # the engine has heard of it
        window.actions_.trigger("run")
    before = written()
    with qtbot.waitSignal(window.link.ran, timeout=60_000):
        window.actions_.trigger("run")
    assert written() == before and main.writing.isVisible()
    qtbot.mouseClick(main.writing, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(written()) > len(before), timeout=60_000)
    assert written().startswith(before) and main.writing.text() == "Stop writing"
    window.stage_modes.show("canvas")
    qtbot.waitUntil(lambda: not main.writing.isVisible())
