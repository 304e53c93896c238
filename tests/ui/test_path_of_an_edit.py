"""The path of an edit: one change and one request for values, which nodes get without detours."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p


@pytest.fixture
def constant(window, engine, qtbot) -> str:
    node = commands.add_node(window.workspace.document, "constant", (0.0, 0.0), name="c")
    qtbot.waitUntil(lambda: shown(window, node) is not None)
    qtbot.waitUntil(lambda: not window.link.live.is_awaited)
    engine.sent.clear()
    return node


def shown(window, node: str) -> str | None:
    value = window.canvas.node_state.value_of(node)
    return None if value is None else value.text


def test_edits_are_one_change_each_and_one_request_for_values(window, engine, constant, qtbot):
    for value in (1.0, 2.0, 3.0):
        commands.set_attr(window.workspace.document, constant, "value", value)
    qtbot.waitUntil(lambda: shown(window, constant) == "3")
    assert [type(request) for request in engine.sent] == [*3 * [p.SyncChange], p.Evaluate]


def test_values_reach_a_node_without_the_run_menu(window, engine, constant, qtbot, monkeypatch):
    engine.computes = False
    commands.set_attr(window.workspace.document, constant, "value", 5.0)
    qtbot.waitUntil(lambda: bool(engine.requests(p.Evaluate)))
    answer = engine.evaluate(engine.requests(p.Evaluate)[-1])
    callers: set[str] = set()
    state = window.canvas.node_state
    set_values = state.set_values

    def noted(values) -> None:
        callers.update(Path(frame.filename).name for frame in traceback.extract_stack())
        set_values(values)

    monkeypatch.setattr(state, "set_values", noted)
    window.link.channel.arrived.emit(window.link.channel.generation, answer)
    qtbot.waitUntil(lambda: shown(window, constant) == "5")
    assert "shown_values.py" in callers and "run_controller.py" not in callers


def test_the_run_menu_reports_the_runs_that_it_started(window, engine, constant, qtbot):
    said = []
    window.messages.status_text.connect(said.append)
    window.actions_.trigger("run")
    qtbot.waitUntil(lambda: any(text.startswith("Computed 1 tensor") for text in said))
