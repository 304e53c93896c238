"""Search to add: opened by keys, mouse and dropped wires; Enter places and wires in one step."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeflow.document import commands
from nodeflow.document.declarations import declarations
from nodeflow.ui.fuzzy import score
from nodeflow.ui.search import SearchToAdd, ranked

Key = Qt.Key


@pytest.fixture
def search(canvas) -> SearchToAdd:
    return SearchToAdd(canvas)


def found(search: SearchToAdd) -> list[str]:
    return [op.id for op in search.model.ops]


def test_tab_opens_letters_find_and_enter_adds(document, canvas, hands, search):
    hands.key(Key.Key_Tab)
    assert search.isVisible()
    assert search.field.hasFocus()
    QTest.keyClicks(search.field, "mult")
    assert found(search)[0] == "multiply"
    QTest.keyClick(search.field, Key.Key_Return)
    assert not search.isVisible()
    (node,) = document.nodes.values()
    assert node.op == "multiply"
    assert canvas.selected_ids() == [node.id]
    assert canvas.hasFocus()


def test_the_list_is_seen_with_and_without_a_note(canvas, hands, search):
    hands.key(Key.Key_Tab)
    assert search.note.isHidden()
    assert search.height() > search.list.height() > 200
    QTest.keyClicks(search.field, "xyzzy")
    assert not search.note.isHidden()
    assert search.height() > search.field.height() + search.note.height()


def test_a_double_click_on_nothing_adds_there(document, canvas, hands, search):
    at = hands.at(500, 300)
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QTest.keyClicks(search.field, "add")
    QTest.keyClick(search.field, Key.Key_Return)
    (node,) = document.nodes.values()
    assert canvas.node_rect(node.id).contains(at)


def test_a_dropped_wire_finds_only_what_fits_and_connects_in_one_step(
    document, canvas, hands, expression, search
):
    hands.drag(hands.port(expression["d"], "out"), hands.at(640, 420))
    assert search.isVisible()
    ids = found(search)
    assert "multiply" in ids
    assert "logical_and" not in ids  # takes bool only
    assert "constant" not in ids  # takes nothing
    revision = document.revision
    QTest.keyClicks(search.field, "multiply")
    QTest.keyClick(search.field, Key.Key_Return)
    assert document.revision == revision + 1
    node = document.node_named("multiply")
    assert document.wires[(node.id, "x")].source == expression["d"]
    document.undo()
    assert document.node_named("multiply") is None
    assert not document.wires_out_of(expression["d"])


def test_a_wire_dropped_from_an_input_is_given_a_source(document, hands, expression, search):
    hands.drag(hands.port(expression["e"], "x"), hands.at(180, 480))
    QTest.keyClicks(search.field, "constant")
    QTest.keyClick(search.field, Key.Key_Return)
    wire = document.wires[(expression["e"], "x")]
    assert document.nodes[wire.source].op == "constant"


def test_a_column_of_a_dataset_is_given_a_placeholder_of_its_type(document, canvas, hands, search):
    data = commands.add_node(document, "dataset", (40, 40), attrs={"source": "spirals"})
    column = canvas.scene.face(canvas.scene.nodes.get(data)).outputs[0].name
    hands.drag(hands.port(data, column), hands.at(500, 100))
    assert found(search) == ["placeholder"]
    QTest.keyClick(search.field, Key.Key_Return)
    node = document.node_named("placeholder")
    assert document.wires[(node.id, "feed")].source == data
    kind = canvas.analysis.type_of(data, column)
    assert canvas.analysis.type_of(node.id, "out") == kind


def test_escape_closes_and_changes_nothing(document, canvas, hands, expression, search):
    revision = document.revision
    hands.drag(hands.port(expression["d"], "out"), hands.at(640, 420))
    QTest.keyClick(search.field, Key.Key_Escape)
    assert not search.isVisible()
    assert document.revision == revision
    assert canvas.hasFocus()


def test_arrows_choose_and_nothing_found_says_so(document, hands, search):
    hands.key(Key.Key_Tab)
    QTest.keyClicks(search.field, "reduce")
    QTest.keyClick(search.field, Key.Key_Down)
    second = found(search)[1]
    QTest.keyClick(search.field, Key.Key_Return)
    assert [n.op for n in document.nodes.values()] == [second]
    hands.key(Key.Key_Tab)
    QTest.keyClicks(search.field, "zzzz")
    assert found(search) == []
    assert "zzzz" in search.note.text()
    QTest.keyClick(search.field, Key.Key_Return)
    assert len(document.nodes) == 1


def test_every_op_is_found_by_its_own_name():
    ops = declarations()
    for op in ops:
        assert ranked(op.id, ops, Counter())[0] is op
        assert ranked(op.title, ops, Counter())[0] is op


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("add", "add", "pad"),
        ("sum", "reduce_sum", "assume_it"),
        ("rs", "reduce_sum", "transpose"),
        ("mean", "mean_squared_error", "remeaning"),
        ("sfmx", "softmax", "add"),
    ],
)
def test_better_answers_score_higher(query, better, worse):
    assert score(query, better) > score(query, worse)


def test_own_use_decides_between_equals():
    ops = [op for op in declarations() if op.id in ("sin", "sinh", "sign", "size")]
    assert ranked("", ops, Counter({"size": 3}))[0].id == "size"
