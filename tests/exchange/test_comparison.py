"""The comparison with other programs, with one that is made here."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError, RunError
from nodeflow.exchange.comparison import Lacks, NotVerified, Taken, verify


class Other:
    """Computes what nodeflow does, but for some nodes."""

    title = "Other"

    def __init__(self, wrong=(), lacks=(), fails=None, rounds=()):
        self.wrong, self.lacks, self.fails, self.asked = wrong, lacks, fails, []
        self.rounds = rounds

    def take(self, task, session, tensors):
        self.asked.append([t.name for t in tensors])
        inputs = [p for p in task.graph.placeholders if p.name == "x"]

        def values(fed):
            if self.fails is not None:
                raise self.fails
            found = [n for n in self.lacks if any(n.startswith(t.name) for t in tensors)]
            if found:
                raise Lacks({found[0]: "it is too hard"})
            made = session.run(list(tensors), dict(fed))
            wrong = {*self.wrong, *self.rounds}
            return [m + (t.name in wrong) for t, m in zip(tensors, made, strict=True)]

        return Taken(inputs, values)

    def alone(self, task, session, tensor, fed):
        if tensor.name in self.rounds:
            return session.run(tensor, dict(fed))
        return session.run(tensor, dict(fed)) + 0.25 if tensor.name == "e" else None

    def ends(self, task):
        return {"e": task.tensor("e")}


def task() -> Task:
    with nf.Graph() as made:
        x = nf.placeholder("float32", [3], name="x", sample=[0.1, 0.5, 2.0])
        b = nf.square(nf.tanh(x, name="a"), name="b")
        nf.add(nf.exp(x, name="c"), b, name="d")
        nf.sqrt(b, name="e")
    return Task(from_graph(made))


def compared(peer, names=()):
    made = task()
    with Session(made.graph, tier="reference") as session:
        return verify(made, session, peer, names)


def test_all_that_the_ends_depend_on_is_compared():
    found = compared(Other())
    assert [one.name for one in found.nodes] == ["a", "b", "e"]
    assert found.text.startswith("verified, largest difference 0 at node ")
    assert [one.name for one in compared(Other(), ["d"]).nodes] == ["a", "b", "c", "d"]


def test_the_first_node_that_differs_is_named():
    found = compared(Other(wrong=("b", "e")))
    assert found.first is not None and found.first.name == "b"
    assert found.text.startswith("not verified: the first larger difference is ")


def test_where_a_difference_arises_and_where_it_has_only_grown():
    found = compared(Other(rounds=("a", "b"), wrong=("e",)))
    assert [one.alone for one in found.nodes] == pytest.approx([0, 0, 0.25])
    assert found.first is not None and found.first.name == "e"
    assert "the first larger difference is 0.25 at node e" in found.text
    grown = compared(Other(rounds=("a", "b")))
    assert grown.first is None
    assert grown.text == "verified node by node; rounding grows to 1 at node a"


def test_what_the_other_lacks_is_left_out_with_what_depends_on_it():
    """It finds out one after the other; the second name is that of a node inside another."""
    peer = Other(lacks=("b", "c/inner"))
    found = compared(peer, ["d", "e"])
    assert [one.name for one in found.nodes] == ["a"]
    assert found.left_out == {"b": "it is too hard", "c/inner": "it is too hard"}
    assert peer.asked == [["a", "b", "c", "d", "e"], ["a", "c"], ["a"]]


def test_nothing_left_is_an_error():
    with pytest.raises(NotVerified, match="compared with Other: a: it is too hard"):
        compared(Other(lacks=("a",)))


def test_a_failure_of_the_other_is_told_as_its_own():
    with pytest.raises(NotVerified, match="Other cannot compute the graph: oh"):
        compared(Other(fails=ValueError("oh")))
    with pytest.raises(NodeflowError, match="not installed"):
        compared(Other(fails=RunError("it is not installed")))


def test_nan_and_infinity_are_the_same_where_both_have_them():
    class Broken(Other):
        def ends(self, task):
            return {"q": task.tensor("q")}

    with nf.Graph() as made:
        x = nf.placeholder("float32", [3], name="x", sample=[float("nan"), float("inf"), 1.0])
        nf.identity(x, name="q")
    broken = Task(from_graph(made))
    with Session(broken.graph, tier="reference") as session:
        assert verify(broken, session, Broken()).first is None
        found = verify(broken, session, Broken(wrong=("q",)))
    assert found.first is not None and np.isfinite(found.first.largest)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_only_one_of_both_cannot_say_is_a_difference(number):
    class Adds(Other):
        """Adds a number that is infinite or none to the first result."""

        def take(self, task, session, tensors):
            taken = super().take(task, session, tensors)
            return Taken(taken.inputs, lambda fed: [m + number for m in taken.values(fed)])

    found = compared(Adds())
    assert found.first is not None and found.first.largest == float("inf")
