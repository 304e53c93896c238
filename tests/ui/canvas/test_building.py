"""The seed's first idea, by hand: a = (b + c) * (c + 2) from an empty canvas, undone and redone."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.to_graph.build import build
from nodeflow.drawing.cards import value_preview
from nodeflow.engine.session import Session
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.ui.popups.search.add_node import AddNodePopup

Key = Qt.Key


@pytest.fixture
def search(canvas) -> AddNodePopup:
    return AddNodePopup(canvas)


def add(hands, search, canvas, at: QPoint, letters: str, name: str) -> str:
    """Add by double click and a few letters, and name it with F2."""
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QTest.keyClicks(search.field, letters)
    QTest.keyClick(search.field, Key.Key_Return)
    (node_id,) = canvas.selection.ids()
    hands.key(Key.Key_F2)
    QTest.keyClicks(canvas.rename.editor, name)
    QTest.keyClick(canvas.rename.editor, Key.Key_Return)
    return node_id


@pytest.mark.thorough
def test_the_expression_is_built_undone_and_redone(document, canvas, hands, search):
    empty = flow.dumps(document)
    b = add(hands, search, canvas, hands.at(60, 60), "const", "b")
    c = add(hands, search, canvas, hands.at(60, 240), "const", "c")
    two = add(hands, search, canvas, hands.at(60, 420), "const", "two")
    d = add(hands, search, canvas, hands.at(360, 80), "add", "d")
    e = add(hands, search, canvas, hands.at(360, 300), "add", "e")
    a = add(hands, search, canvas, hands.at(660, 180), "mul", "a")
    for source, target, port in (
        (b, d, "x"),
        (c, d, "y"),
        (c, e, "x"),
        (two, e, "y"),
        (d, a, "x"),
        (e, a, "y"),
    ):
        hands.drag(hands.port(source, "out"), hands.port(target, port))
    for node, value in ((b, 2.0), (c, 1.0), (two, 2.0)):
        commands.set_attr(document, node, "value", value)
    assert not [p for p in canvas.scene.analysis.all_problems() if p.severity == "error"]

    built = build(document)
    with Session(built.graph, tier="reference") as session:
        session.initialize()
        result = session.run(built.graph.tensor("a"))
    canvas.node_state.set_values({"a": make_preview(np.asarray(result))})
    assert value_preview.plain_text(canvas.node_state.value_of(a)) == "9"

    full = flow.dumps(document)
    while document.can_undo:
        hands.key(Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not document.nodes
    assert len(canvas.scene.nodes) == 0
    assert flow.loads(empty).nodes == document.nodes
    while document.can_redo:
        hands.key(
            Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        )
    assert flow.dumps(document) == full


def test_every_command_of_the_canvas_is_one_undo_step(document, canvas, hands, expression):
    steps = {
        "wire": lambda: hands.drag(
            hands.port(expression["b"], "out"), hands.port(expression["e"], "x")
        ),
        "move": lambda: hands.drag(
            hands.title(expression["e"]), hands.title(expression["e"]) + QPoint(40, 40)
        ),
        "rewire": lambda: hands.drag(
            hands.port(expression["e"], "x"), hands.port(expression["e"], "y")
        ),
        "delete": lambda: (canvas.selection.select([expression["d"]]), hands.key(Key.Key_Delete)),
    }
    for name, do in steps.items():
        before, revision = flow.dumps(document), document.revision
        do()
        assert document.revision == revision + 1, name
        after = flow.dumps(document)
        document.undo()
        assert flow.dumps(document) == before, name
        document.redo()
        assert flow.dumps(document) == after, name
