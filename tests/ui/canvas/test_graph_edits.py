"""Edits around wires by real events: insert, heal, detach, slice, dots, offers. One step each."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.ui.canvas.gestures.cut_wires import CutWires
from nodeflow.ui.canvas.gestures.shake_detector import ShakeDetector
from nodeflow.ui.canvas.view.conversion_chip import ConversionChip
from nodeflow.ui.canvas.view.graph_edits import ReplaceContext
from nodeflow.ui.popups.search.add_node import AddNodePopup

RIGHT, CTRL = Qt.MouseButton.RightButton, Qt.KeyboardModifier.ControlModifier
Key = Qt.Key


@pytest.fixture
def chain(document, canvas):
    """``b -> r (relu) -> e (exp)`` in a row, and a loose ``t`` (tanh) below."""
    ids = {}
    for name, op, x, y in (
        ("b", "constant", 40, 40),
        ("r", "relu", 360, 40),
        ("e", "exp", 700, 40),
        ("t", "tanh", 360, 400),
    ):
        attrs = {"value": 2.0} if op == "constant" else {}
        ids[name] = commands.add_node(document, op, (x, y), name=name, attrs=attrs)
    commands.connect(document, ids["b"], "out", ids["r"], "x")
    commands.connect(document, ids["r"], "out", ids["e"], "x")
    return ids


def wire_middle(canvas, key) -> QPoint:
    lines = canvas.viewport.wire_lines([key])
    return QPointF(*lines[len(lines) // 2, :2].tolist()).toPoint()


def content(document) -> tuple:
    return dict(document.nodes), dict(document.wires)


class TestDropOnWire:
    def test_a_loose_node_dropped_on_a_wire_is_inserted_in_one_step(
        self, document, canvas, hands, chain, picture
    ):
        before = content(document)
        start = hands.title(chain["t"])
        end = wire_middle(canvas, (chain["e"], "x"))
        hands.press(start)
        hands.move(start + (end - start) * 0.5)
        plain = picture()
        hands.move(end)
        assert canvas.mouse.gesture.drop.found.wire.key == (chain["e"], "x")
        assert (picture() != plain).any()
        hands.release(end)
        assert document.wires[(chain["e"], "x")].source == chain["t"]
        assert document.wires[(chain["t"], "x")].source == chain["r"]
        document.undo()
        assert content(document) == before

    def test_a_node_that_does_not_fit_is_only_moved(self, document, canvas, hands, chain):
        n = commands.add_node(document, "logical_not", (40, 400), name="n")
        wires = dict(document.wires)
        hands.drag(hands.title(n), wire_middle(canvas, (chain["e"], "x")))
        assert document.wires == wires
        assert document.nodes[n].pos != (40, 400)

    def test_a_wired_node_stays_in_its_wires(self, document, canvas, hands, chain):
        wires = dict(document.wires)
        hands.drag(hands.title(chain["e"]), wire_middle(canvas, (chain["r"], "x")))
        assert document.wires == wires

    def test_an_op_from_the_palette_goes_into_the_wire_in_one_step(
        self, document, canvas, hands, chain
    ):
        before = content(document)
        at = canvas.mapToGlobal(wire_middle(canvas, (chain["e"], "x")))
        canvas.palette_drag.begin("sin", canvas.mapToGlobal(QPoint(10, 10)))
        canvas.palette_drag.move(at)
        assert canvas.palette_drag.preview.drop.found is not None
        node = canvas.palette_drag.drop(at)
        assert document.wires[(chain["e"], "x")].source == node
        assert canvas.selection.ids() == [node]
        document.undo()
        assert content(document) == before


class TestShake:
    def test_to_and_fro_is_a_shake_and_a_long_way_is_not(self):
        shake = ShakeDetector()
        assert not any(shake.feed(QPointF(10 * i, 0), 0.01 * i) for i in range(40))
        turns = (360, 400, 360, 400, 360, 400)
        assert sum(shake.feed(QPointF(x, 0), 0.4 + 0.05 * i) for i, x in enumerate(turns)) == 1

    def test_slow_turns_are_none(self):
        shake = ShakeDetector()
        assert not any(shake.feed(QPointF(40 * (i % 2), 0), i * 0.5) for i in range(20))

    def test_a_shaken_node_leaves_its_wires_which_heal(self, document, canvas, hands, chain):
        before = content(document)
        at = hands.title(chain["r"])
        hands.press(at)
        for x in (40, 0, 40, 0, 40, 0, 40):
            hands.move(at + QPoint(x, 120))
        assert canvas.mouse.gesture.is_detached
        hands.release(at + QPoint(40, 120))
        assert not document.has_wires(chain["r"])
        assert document.wires[(chain["e"], "x")].source == chain["b"]
        document.undo()
        assert content(document) == before

    def test_escape_puts_a_shaken_node_back(self, document, canvas, hands, chain):
        before = content(document)
        at = hands.title(chain["r"])
        hands.press(at)
        for x in (40, 0, 40, 0, 40, 0, 40):
            hands.move(at + QPoint(x, 120))
        hands.key(Key.Key_Escape)
        assert canvas.renderer.lifted is None
        assert content(document) == before


class TestSlice:
    def test_a_stroke_with_ctrl_and_the_right_button_cuts_what_it_crosses(
        self, document, canvas, hands, chain
    ):
        before = content(document)
        middle = wire_middle(canvas, (chain["e"], "x"))
        hands.press(middle + QPoint(0, -40), RIGHT, CTRL)
        assert isinstance(canvas.mouse.gesture, CutWires)
        hands.move(middle + QPoint(0, 40))
        assert canvas.mouse.gesture.crossed == [(chain["e"], "x")]
        hands.release(middle + QPoint(0, 40), RIGHT, CTRL)
        assert list(document.wires) == [(chain["r"], "x")]
        assert document.undo_label == "Cut a wire"
        document.undo()
        assert content(document) == before

    def test_one_stroke_through_several_wires_is_one_step(self, document, canvas, hands, chain):
        left, right = (wire_middle(canvas, (chain[n], "x")) for n in "re")
        hands.press(left + QPoint(0, -30), RIGHT, CTRL)
        for at in (left + QPoint(0, 30), QPoint(450, 350), right + QPoint(0, 40)):
            hands.move(at)
        hands.move(right + QPoint(0, -40))
        hands.release(right + QPoint(0, -40), RIGHT, CTRL)
        assert not document.wires
        document.undo()
        assert len(document.wires) == 2

    def test_escape_spares_the_wires(self, document, canvas, hands, chain):
        middle = wire_middle(canvas, (chain["e"], "x"))
        hands.press(middle + QPoint(0, -40), RIGHT, CTRL)
        hands.move(middle + QPoint(0, 40))
        hands.key(Key.Key_Escape)
        hands.release(middle + QPoint(0, 40), RIGHT, CTRL)
        assert len(document.wires) == 2


class TestDots:
    def add(self, document, canvas, chain) -> str:
        at = wire_middle(canvas, (chain["e"], "x"))
        QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
        return document.wires[(chain["e"], "x")].source

    def test_a_double_click_on_a_wire_adds_a_dot_there_in_one_step(
        self, document, canvas, hands, chain
    ):
        before = content(document)
        at = wire_middle(canvas, (chain["e"], "x"))
        dot = self.add(document, canvas, chain)
        assert document.nodes[dot].op == "reroute"
        assert canvas.viewport.node_rect(dot).center().toPoint() == at
        assert canvas.selection.ids() == [dot]
        document.undo()
        assert content(document) == before

    def test_a_dot_is_dragged_by_its_middle(self, document, canvas, hands, chain):
        dot = self.add(document, canvas, chain)
        place = document.nodes[dot].pos
        center = canvas.viewport.node_rect(dot).center().toPoint()
        hands.drag(center, center + QPoint(0, 160))
        assert document.nodes[dot].pos == pytest.approx((place[0], place[1] + 160), abs=8)
        assert document.wires[(chain["e"], "x")].source == dot

    def test_a_wire_starts_at_the_right_of_a_dot(self, document, canvas, hands, chain):
        dot = self.add(document, canvas, chain)
        center = canvas.viewport.node_rect(dot).center().toPoint()
        hands.drag(center + QPoint(10, 0), hands.port(chain["t"], "x"))
        assert document.wires[(chain["t"], "x")].source == dot

    def test_a_double_click_on_a_dot_takes_it_off_again(self, document, canvas, hands, chain):
        wires = dict(document.wires)
        dot = self.add(document, canvas, chain)
        at = canvas.viewport.node_rect(dot).center().toPoint()
        hands.click(at)
        QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
        assert dot not in document.nodes
        assert document.wires == wires

    def test_a_dot_looks_like_what_passes(self, document, canvas, hands, chain):
        dot = self.add(document, canvas, chain)
        card = canvas.scene.card(canvas.scene.nodes.get(dot))
        assert (card.form, card.outputs[0].dtype) == ("dot", "float32")
        assert card.width == card.height == 20


class TestHiddenWires:
    def test_a_hidden_wire_is_drawn_as_stubs_and_named_on_hover(
        self, document, canvas, hands, chain, picture
    ):
        key = (chain["e"], "x")
        middle = wire_middle(canvas, key)
        hands.move(QPoint(5, 600))
        whole = picture()
        hands.click(middle)
        canvas.edits.toggle_wire_hidden()
        hands.key(Key.Key_Escape)
        hands.move(QPoint(5, 600))
        hidden = picture()
        around = (slice(middle.y() - 2, middle.y() + 3), slice(middle.x() - 2, middle.x() + 3))
        assert (whole[around] != hidden[around]).any()
        assert canvas.viewport.hit_test(QPointF(middle)).kind == "empty"
        stub = hands.port(chain["e"], "x") + QPoint(-18, 0)
        hands.move(stub)
        assert canvas.mouse.hover.wire == key
        assert (picture()[around] != hidden[around]).any() or (picture() != hidden).any()
        assert "hidden" in flow.dumps(document)
        document.undo()
        assert not canvas.edits.is_wire_hidden(key)


class TestOffers:
    @pytest.fixture
    def refused(self, document, canvas, chain):
        """An int32 constant, and an add that has a float32 already."""
        n = commands.add_node(
            document, "constant", (40, 400), name="n", attrs={"value": 1, "dtype": "int32"}
        )
        add = commands.add_node(document, "add", (700, 400), name="add")
        commands.connect(document, chain["b"], "out", add, "x")
        return n, add

    def drop(self, canvas, hands, refused) -> ConversionChip | None:
        hands.drag(hands.port(refused[0], "out"), hands.port(refused[1], "y"))
        return canvas.conversions.chip

    def test_a_refused_wire_offers_a_cast_that_enter_takes(self, document, canvas, hands, refused):
        before = content(document)
        chip = self.drop(canvas, hands, refused)
        assert content(document) == before
        assert [b.text() for b in chip.buttons] == ["Insert Cast to float32"]
        assert chip.buttons[0].hasFocus()
        QTest.keyClick(chip.buttons[0], Key.Key_Return)
        cast = document.nodes[document.wires[(refused[1], "y")].source]
        assert (cast.op, cast.attrs) == ("cast", {"dtype": "float32"})
        assert document.wires[(cast.id, "x")].source == refused[0]
        assert canvas.conversions.chip is None
        document.undo()
        assert content(document) == before

    @pytest.mark.parametrize(
        ("shape", "op", "port", "beside", "title"),
        [
            ((9, 784), "conv2d", "x", (5, 5, 1, 8), "Insert Reshape to [-1, 28, 28, 1]"),
            ((9, 28, 28), "conv2d", "x", (5, 5, 1, 8), "Insert Expand dims, axis -1"),
            ((10, 784), "matmul", "y", (9, 784), "Insert Transpose"),
        ],
    )
    def test_other_shapes_are_offered_reshape_expand_dims_and_transpose(
        self, document, canvas, hands, shape, op, port, beside, title
    ):
        given = commands.add_node(document, "placeholder", (0, 0), "g", {"shape": list(shape)})
        other = commands.add_node(document, "placeholder", (0, 300), "o", {"shape": list(beside)})
        target = commands.add_node(document, op, (500, 0), "t")
        free = {"conv2d": "filter", "matmul": "x"}[op]
        commands.connect(document, other, "out", target, free)
        canvas.viewport.fit_all()
        hands.drag(hands.port(given, "out"), hands.port(target, port))
        assert [button.text() for button in canvas.conversions.chip.buttons] == [title]
        QTest.keyClick(canvas.conversions.chip.buttons[0], Key.Key_Return)
        between = document.nodes[document.wires[(target, port)].source]
        assert document.wires[(between.id, "x")].source == given
        document.undo()
        assert between.id not in document.nodes and (target, port) not in document.wires

    @pytest.mark.parametrize("way", ["Enter", "click"])
    def test_a_cast_and_a_reshape_are_taken_as_one_step(self, document, canvas, hands, way):
        pictures = {"shape": [None, 28, 28], "dtype": "uint8"}
        given = commands.add_node(document, "placeholder", (0, 0), "pictures", pictures)
        other = commands.add_node(document, "placeholder", (0, 300), "W", {"shape": [784, 10]})
        near = 420 if way == "click" else 900  # where there is no room for both
        target = commands.add_node(document, "matmul", (near, 0), "product")
        commands.connect(document, other, "out", target, "y")
        canvas.viewport.fit_all()
        before = content(document)
        hands.drag(hands.port(given, "out"), hands.port(target, "x"))
        words = "Cast to float32 and Reshape to [-1, 784]"
        assert words.replace("and", "and then") in hands.messages[-1], (
            "the refusal says what would help"
        )
        (button,) = canvas.conversions.chip.buttons
        assert button.text() == f"Insert {words}"
        if way == "Enter":
            QTest.keyClick(button, Key.Key_Return)
        else:
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        reshape = document.nodes[document.wires[(target, "x")].source]
        cast = document.nodes[document.wires[(reshape.id, "x")].source]
        assert (cast.op, reshape.op) == ("cast", "reshape")
        assert document.wires[(cast.id, "x")].source == given
        assert canvas.scene.analysis.type_of(target, "out").shape == (None, 10)
        assert set(canvas.selection.ids()) == {cast.id, reshape.id}
        rects = [canvas.viewport.node_rect(i) for i in (given, cast.id, reshape.id, target)]
        assert not any(a.intersects(b) for i, a in enumerate(rects) for b in rects[:i])
        hands.key(Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert content(document) == before

    def test_a_click_takes_an_offer(self, document, canvas, hands, refused):
        chip = self.drop(canvas, hands, refused)
        QTest.mouseClick(chip.buttons[0], Qt.MouseButton.LeftButton)
        assert (refused[1], "y") in document.wires

    @pytest.mark.parametrize("way", ["escape", "elsewhere", "undo"])
    def test_an_offer_goes_and_changes_nothing(self, document, canvas, hands, refused, way):
        chip = self.drop(canvas, hands, refused)
        wires = dict(document.wires)
        if way == "escape":
            QTest.keyClick(chip.buttons[0], Key.Key_Escape)
        elif way == "elsewhere":
            hands.click(hands.at(300, 650))
        else:
            document.undo()
            document.redo()
        assert canvas.conversions.chip is None
        assert document.wires == wires
        assert canvas.hasFocus()

    def test_nothing_is_offered_where_nothing_fits(self, document, canvas, hands, chain):
        hands.drag(hands.port(chain["e"], "out"), hands.port(chain["r"], "x"))  # a loop
        assert canvas.conversions.chip is None


class TestReplace:
    def test_only_what_fits_is_offered_and_takes_the_place(self, document, canvas, hands, chain):
        search = AddNodePopup(canvas)
        before = content(document)
        canvas.selection.select([chain["r"]])
        canvas.edits.replace()
        assert isinstance(search.asked.context, ReplaceContext)
        ids = [row.op for row in search.model.rows]
        assert "sigmoid" in ids
        assert not {"relu", "logical_not", "constant", "dataset"} & set(ids)
        QTest.keyClicks(search.field, "sigmoid")
        QTest.keyClick(search.field, Key.Key_Return)
        assert document.nodes[chain["r"]].op == "sigmoid"
        assert document.wires == before[1]
        document.undo()
        assert content(document) == before


class TestInsertFromMenu:
    def test_only_what_fits_into_the_wire_is_offered_and_goes_in(
        self, document, canvas, hands, chain
    ):
        search = AddNodePopup(canvas)
        before = content(document)
        at = wire_middle(canvas, (chain["e"], "x"))
        hands.click(at)
        canvas.edits.insert_into_wire(at.toPointF())
        ids = [row.op for row in search.model.rows]
        assert {"sin", "add"} <= set(ids)
        assert not {"constant", "logical_not", "dataset"} & set(ids)
        QTest.keyClicks(search.field, "sin")
        QTest.keyClick(search.field, Key.Key_Return)
        node = document.wires[(chain["e"], "x")].source
        assert document.nodes[node].op == "sin"
        assert document.wires[(node, "x")].source == chain["r"]
        document.undo()
        assert content(document) == before
