"""Of a large document, live values are asked for where they are drawn, and follow the view."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.ui.controllers.viewing.shown_values import FEW

COLUMNS = 20


@pytest.fixture
def large(qtbot, window, engine):
    """A window with more constants than are all live, in rows from left to right."""
    document = window.workspace.document
    with document.transaction("Many"):
        for i in range(FEW + COLUMNS):
            place = (300.0 * (i % COLUMNS), 260.0 * (i // COLUMNS))
            commands.add_node(document, "constant", place, name=f"c{i}", attrs={"value": i})
    qtbot.waitUntil(lambda: bool(engine.requests(p.Evaluate)))
    return window


def asked(engine) -> tuple[str, ...] | None:
    return engine.requests(p.Evaluate)[-1].names


@pytest.mark.thorough
def test_all_values_of_a_small_document_are_live(qtbot, window, engine):
    commands.add_node(window.workspace.document, "constant", (0, 0), name="c")
    qtbot.waitUntil(lambda: bool(engine.requests(p.Evaluate)))
    assert asked(engine) is None


def test_what_is_drawn_is_asked_for_and_scrolling_brings_the_rest(qtbot, large, engine):
    canvas = large.canvas
    canvas.viewport.zoom_reset()
    canvas.viewport.center_on(large.workspace.document.node_named("c0").id)
    qtbot.waitUntil(lambda: "c0" in (asked(engine) or ()))
    first = set(asked(engine))
    assert len(first) < FEW and f"c{FEW}" not in first
    canvas.viewport.center_on(large.workspace.document.node_named(f"c{FEW}").id)
    qtbot.waitUntil(lambda: f"c{FEW}" in asked(engine), timeout=2000)
    node = large.workspace.document.node_named("c0").id
    assert canvas.node_state.value_of(node) is not None, "what has left keeps its value"


@pytest.mark.thorough
def test_nothing_is_asked_twice_while_nothing_changes(qtbot, large, engine):
    canvas = large.canvas
    canvas.viewport.center_on(large.workspace.document.node_named("c0").id)
    qtbot.wait(150)
    count = len(engine.requests(p.Evaluate))
    canvas.viewport.pan(1, 0)
    qtbot.wait(150)
    assert len(engine.requests(p.Evaluate)) == count


@pytest.mark.thorough
def test_from_far_away_only_the_selection_is_live(qtbot, large, engine):
    large.canvas.viewport.zoom(-1000)
    qtbot.waitUntil(lambda: not large.canvas.renderer.draws_values)
    chosen = large.workspace.document.node_named("c7").id
    large.canvas.selection.select([chosen])
    commands.set_attr(large.workspace.document, chosen, "value", 70)
    qtbot.waitUntil(lambda: asked(engine) == ("c7",))
