"""Search to add: opened by keys, mouse and dropped wires; Enter places and wires in one step."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.edit import commands
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.popups.search.add_node import AddNodePopup
from nodeflow.ui.popups.search.fuzzy_match import score
from nodeflow.ui.popups.search.op_query import OpQuery, ranked
from nodeflow.ui.popups.search.quick_pick import ROWS_SHOWN

Key = Qt.Key


@pytest.fixture
def search(canvas) -> AddNodePopup:
    return AddNodePopup(canvas)


def found(search: AddNodePopup) -> list[str]:
    return [row.op for row in search.model.rows]


@pytest.mark.thorough
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
    assert canvas.selection.ids() == [node.id]
    assert canvas.hasFocus()


@pytest.mark.thorough
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
    assert canvas.viewport.node_rect(node.id).contains(at)


def test_in_a_graph_that_is_read_only_a_message_says_why_nothing_is_added(
    document, canvas, hands, search
):
    document.locked = "this graph is read-only"
    hands.key(Key.Key_Tab)
    assert hands.messages == ["this graph is read-only"]
    at = hands.at(500, 300)
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert hands.messages == ["this graph is read-only"] * 2
    assert not search.isVisible()


@pytest.mark.thorough
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
    column = canvas.scene.card(canvas.scene.nodes.get(data)).outputs[0].name
    hands.drag(hands.port(data, column), hands.at(500, 100))
    assert found(search) == ["placeholder"]
    QTest.keyClick(search.field, Key.Key_Return)
    node = document.node_named("placeholder")
    assert document.wires[(node.id, "feed")].source == data
    kind = canvas.scene.analysis.type_of(data, column)
    assert canvas.scene.analysis.type_of(node.id, "out") == kind


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


def test_page_keys_go_a_page_down_and_up_again(hands, search):
    hands.key(Key.Key_Tab)
    rows = []
    for key in (Key.Key_Down, Key.Key_PageDown, Key.Key_PageUp):
        QTest.keyClick(search.field, key)
        rows.append(search.list.currentIndex().row())
    assert rows == [1, 1 + ROWS_SHOWN, 1]


@pytest.mark.thorough
def test_every_op_is_found_by_its_own_name():
    ops = declarations()
    for op in ops:
        if op.superseded:
            continue
        assert ranked(op.title, ops, Counter())[0] is op
        found = ranked(op.short_id, ops, Counter())  # conv2d: the layer, then the function
        assert found[0] is op or (op.layered and found[:2] == [found[0], op]), op.id
        assert found[0].short_id == op.short_id


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


def test_an_empty_canvas_offers_first_what_a_graph_begins_with(hands, search):
    hands.key(Key.Key_Tab)
    assert found(search)[:3] == ["constant", "placeholder", "variable"]


@pytest.mark.thorough
def test_filters_say_what_an_op_takes_and_gives(hands, search):
    hands.key(Key.Key_Tab)
    QTest.keyClicks(search.field, "out:bool")
    assert {"equal", "less", "logical_and", "reduce_any"} <= set(found(search))
    assert not {"add", "softmax", "argmax"} & set(found(search))
    QTest.keyClicks(search.field, " in:f32 equal")
    assert found(search)[0] == "equal" and "logical_and" not in found(search)
    search.field.clear()
    QTest.keyClicks(search.field, "arg in:float32 out:int")
    assert set(found(search)[:2]) == {"argmax", "argmin"}


def test_a_filter_that_is_no_dtype_says_which_there_are(hands, search):
    hands.key(Key.Key_Tab)
    QTest.keyClicks(search.field, "in:float8")
    assert found(search) == []
    assert "float8" in search.note.text() and "float32" in search.note.text()


def test_a_filter_being_typed_filters_nothing_yet():
    assert OpQuery.parse("sum in:") == OpQuery("sum")
    assert OpQuery.parse("in:i64").takes == {"int64"}


def test_a_scalar_finds_no_op_that_needs_a_matrix(document, hands, expression, search):
    hands.drag(hands.port(expression["d"], "out"), hands.at(640, 420))
    assert "multiply" in found(search) and "gradient_descent" in found(search)
    assert not {"matmul", "conv2d", "softmax"} & set(found(search))


def test_ops_made_for_the_dtype_of_a_wire_come_first(document, hands, search):
    flag = commands.add_node(document, "constant", (40, 40), attrs={"value": True, "dtype": "bool"})
    hands.drag(hands.port(flag, "out"), hands.at(500, 300))
    assert {*found(search)[:5]} == {
        *("logical_and", "logical_or", "logical_not", "reduce_any", "reduce_all")
    }


def test_an_input_finds_only_what_gives_its_dtype(document, hands, search):
    node = commands.add_node(document, "logical_and", (500, 200))
    hands.drag(hands.port(node, "x"), hands.at(200, 300))
    assert {"equal", "less", "constant", "placeholder"} <= set(found(search))
    assert not {"add", "softmax", "argmax", "dataset"} & set(found(search))


def test_an_input_beside_a_wired_one_finds_what_gives_the_same_dtype(
    document, hands, expression, search
):
    label = commands.add_node(document, "constant", (40, 400), attrs={"value": 1, "dtype": "int64"})
    commands.connect(document, label, "out", expression["e"], "x")
    hands.drag(hands.port(expression["e"], "y"), hands.at(180, 560))
    assert "argmax" in found(search) and "add" in found(search)
    assert not {"softmax", "equal", "reduce_mean"} & set(found(search))


def typed(search, text, keys=Qt.KeyboardModifier.NoModifier):
    QTest.keyClicks(search.field, text)
    QTest.keyClick(search.field, Key.Key_Return, keys)


def test_tab_wires_what_is_added_to_the_selected_node_in_one_step(
    document, canvas, hands, expression, search
):
    canvas.selection.select([expression["d"]])
    hands.key(Key.Key_Tab)
    assert search.note.text() == "Enter connects it to d if it fits, Shift+Enter adds it alone"
    revision = document.revision
    typed(search, "relu")
    assert document.revision == revision + 1
    node = document.node_named("relu")
    assert document.wires[(node.id, "x")].source == expression["d"]
    hands.key(Key.Key_Tab)
    typed(search, "square")
    assert document.wires[(document.node_named("square").id, "x")].source == node.id


def test_shift_and_enter_add_it_alone(document, canvas, hands, expression, search):
    canvas.selection.select([expression["d"]])
    hands.key(Key.Key_Tab)
    typed(search, "relu", Qt.KeyboardModifier.ShiftModifier)
    assert not document.has_wires(document.node_named("relu").id)


@pytest.mark.thorough
@pytest.mark.parametrize("op", ["constant", "logical_not", "matmul"])
def test_what_does_not_fit_the_selected_node_is_added_alone(
    document, canvas, hands, expression, search, op
):
    """A constant takes nothing, logical_not no number, matmul no scalar."""
    canvas.selection.select([expression["d"]])
    before = set(document.nodes)
    hands.key(Key.Key_Tab)
    typed(search, op)
    (new,) = set(document.nodes) - before
    assert document.nodes[new].op == op and not document.has_wires(new)
    assert hands.messages == []


def test_own_use_is_remembered_and_fades(canvas, hands, tmp_path):
    path = tmp_path / "window.ini"
    search = AddNodePopup(canvas, Settings(path))
    hands.key(Key.Key_Tab)
    first = found(search)[0]
    search.dismiss()
    for _ in range(60):
        search._settings.count_use("lstm")
    search._settings.sync()
    later = AddNodePopup(canvas, Settings(path))
    canvas.signals.search_requested.disconnect(search.search)
    hands.key(Key.Key_Tab)
    assert found(later)[0] == "lstm" != first
    for _ in range(600):
        later._settings.count_use("add")
    assert later._settings.uses()["lstm"] < 60 and sum(later._settings.uses().values()) <= 501


@pytest.mark.parametrize("stored", ["[]", "5", "{", '{"add": "x", "sub": -1, "lstm": true}'])
def test_damaged_memory_of_use_counts_as_none(tmp_path, stored):
    settings = Settings(tmp_path / "window.ini")
    settings._store.setValue("uses", stored)
    assert settings.uses() == {}
