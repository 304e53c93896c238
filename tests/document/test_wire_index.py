"""The wires at a node, whether they are none, one, a few or many."""

from __future__ import annotations

from random import Random

from nodeflow.document.model.records import Wire
from nodeflow.document.model.wire_index import FEW, WireIndex


def test_an_index_holds_what_was_added_and_not_removed_in_order():
    random, index, truth = Random(1), WireIndex(), {f"n{i}": {} for i in range(4)}
    most = 0
    for step in range(4000):
        node = random.choice(list(truth))
        wires = truth[node]
        grows = step % 400 < 200  # from none to many and back
        if grows or not wires:
            wire = Wire(node, "out", f"n{step}", "x")
            wires[wire.key] = wire
            index.add(node, wire)
        else:
            wire = wires.pop(random.choice(list(wires)))
            index.remove(node, wire)
            index.remove(node, wire)
        assert all(list(index.at(n)) == list(truth[n].values()) for n in truth)
        assert all((n in index) == bool(truth[n]) for n in truth)
        most = max(most, len(wires))
    assert most > 3 * FEW


def test_wires_that_end_at_one_node_are_told_apart_by_their_ports():
    index = WireIndex()
    x, y = Wire("n1", "out", "n2", "x"), Wire("n1", "out", "n2", "y")
    index.add("n2", x)
    index.add("n2", y)
    assert list(index.at("n2")) == [x, y]
    index.remove("n2", x)
    assert list(index.at("n2")) == [y]
    assert list(index.at("n1")) == [] and "n1" not in index
