"""An evaluator that follows edits shows what a fresh one shows, bit for bit.

70 random sequences of edits in ``make test``, 1000 in ``make test-nightly``.
"""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_mode
from nodeflow.document.io import flow
from nodeflow.document.model.records import Change
from nodeflow.document.to_graph.build import Build, build
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node
from nodeflow.host.evaluation.evaluator import Evaluation, Evaluator
from nodeflow.resources import example
from tests.volumes import seeds, volume

from .documents import regression
from .random_edits import RandomEdits
from .sharing_edits import SharingEdits

SEQUENCES = volume("live edit sequences")
EDITS = 12


class Followed:
    """A document in the window, its mirror as the engine process keeps it, and its evaluator."""

    def __init__(self, edits: RandomEdits) -> None:
        self.edits = edits
        self.mirror = flow.loads(flow.dumps(edits.document))
        self.live = Evaluator(self.mirror)
        edits.document.subscribe(self._send)

    def _send(self, change: Change) -> None:
        arrived = Change.from_text(change.text)
        self.mirror.apply_change(arrived)
        seed = self.live.seed
        self.live.follow(arrived)
        if self.live.seed != seed:
            self.live.initialize()  # variables keep their values when the seed changes


@pytest.mark.sample(9)
@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_after_each_edit_all_is_as_if_built_anew(seed: int) -> None:
    check(seed, RandomEdits(seed))


@pytest.mark.sample(9)
@pytest.mark.parametrize("seed", seeds("edit sequences with shared weights"))
def test_with_shared_weights_all_is_as_if_built_anew(seed: int) -> None:
    check(seed, SharingEdits(seed))


def check(seed: int, edits: RandomEdits) -> None:
    followed = Followed(edits)
    choice = np.random.default_rng(seed)
    for _ in range(EDITS):
        followed.edits.edit()
        if choice.random() < 0.5:
            followed.live.settle()
        shown = followed.live.previews()
        if shown.pending:
            followed.live.settle()
            shown = followed.live.previews()
        fresh = Evaluator(flow.loads(flow.dumps(followed.mirror)))
        assert texts(shown) == texts(fresh.previews())
        assert_equal_values(followed.live, fresh)
        if choice.random() < 0.7:
            followed.live.settle()
            assert outline(followed.live.task.build) == outline(
                build(followed.mirror, partial=True)
            )
            assert variables(followed.live) == variables(fresh)


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(2000, 2000 + SEQUENCES // 4))
def test_values_are_those_that_a_session_computes(seed: int) -> None:
    """The independent truth: a fresh graph, run as a whole in the reference tier."""
    followed = Followed(RandomEdits(seed))
    for _ in range(EDITS):
        followed.edits.edit()
        followed.live.settle()
        shown = followed.live.previews()
        good = [n for n, p in shown.values.items() if p.kind != "error" and ":" not in n]
        task = Task(followed.mirror)
        session = Session(task.graph, tier="reference", seed=task.build.settings.seed)
        initialize(session, task)
        for name in good:
            expected = first_run(session, task, name)
            found = followed.live.value(name).array
            assert bits(found) == bits(expected), name


def initialize(session: Session, task: Task) -> None:
    """Initializes the variables that can be: another's initial value may lack its feed."""
    for variable in task.graph.variables:
        with contextlib.suppress(NodeflowError):
            session.initialize([variable.node])


def first_run(session: Session, task: Task, name: str) -> np.ndarray:
    """The value that a fresh session gives a tensor."""
    session.runs = 0  # random nodes draw as in the first run
    tensor = task.tensor(name)
    return np.asarray(session.run(tensor, task.feeds([tensor])))


def texts(evaluation: Evaluation) -> dict[str, tuple]:
    """All that previews show but the arrays."""
    shown = {
        name: (p.kind, p.dtype, p.shape, p.text, repr((p.minimum, p.maximum, p.mean)))
        for name, p in evaluation.values.items()
    }
    return {**shown, "missing": evaluation.missing, "notices": evaluation.notices}


def assert_equal_values(live: Evaluator, fresh: Evaluator) -> None:
    for tensor in fresh.visible():
        assert value(live, tensor.name) == value(fresh, tensor.name), tensor.name


def value(evaluator: Evaluator, name: str) -> tuple | str:
    try:
        tensor = evaluator.task.tensor(name)
    except NodeflowError as error:
        return str(error)
    outcome = evaluator._run.outcomes.get(tensor.node)
    return bits(outcome[tensor.index]) if isinstance(outcome, tuple) else type(outcome).__name__


def bits(array: np.ndarray | None) -> tuple:
    return () if array is None else (str(array.dtype), array.shape, np.asarray(array).tobytes())


def variables(evaluator: Evaluator) -> dict[str, tuple]:
    return {name: bits(value) for name, value in evaluator.session.variables.items()}


def outline(built: Build) -> list:
    """All of a build: nodes in order with names, attributes, types and sources; what is wrong."""
    ids = {node_id: (node.name, node.op.id) for node_id, node in built.nodes.items()}
    tensors = {key: (t.name, t.type) for key, t in built.tensors.items()}
    skipped = {i: [str(p) for p in built.why_skipped(i)] for i in built.skipped}
    muted = {i: str(built.why_muted(i)) for i in built.muted}
    graph = [described(node) for node in built.graph.nodes]
    indexes = [node.index for node in built.graph.nodes]
    rest = (ids, tensors, built.bindings, repr(sorted(built.samples.items())), skipped, muted)
    found = {i: [str(p) for p in problems] for i, problems in built.found.items()}
    passed = {n: {p: t.name for p, t in ports.items()} for n, ports in built.passed.items()}
    problems = [(p.severity, str(p)) for p in built.problems]
    return [graph, indexes, rest, found, passed, problems, built.instances, built.settings]


def described(node: Node) -> tuple:
    return (
        node.name,
        node.op.id,
        repr(dict(node.attrs)),
        [t.name for t in node.inputs],
        [n.name for n in node.control_inputs],
        [t.type for t in node.outputs],
        node.derived_from,
        [None if t is None else t.name for t in node.alias],
    )


def test_a_learning_rate_derives_nothing_again() -> None:
    document = regression()
    live = Evaluator(document)
    document.subscribe(live.follow)
    before = live.task.graph.node("train/learning_rate")
    commands.set_attr(document, document.node_named("train").id, "learning_rate", 0.25)
    assert live.is_settled
    assert live.task.graph.node("train/learning_rate") is before
    assert outline(live.task.build) == outline(build(document, partial=True))


def test_a_value_derives_nothing_again_and_variables_stay() -> None:
    document = regression()
    live = Evaluator(document)
    document.subscribe(live.follow)
    live.take_variables({"b": np.float32(3)})
    nodes = list(live.task.graph.nodes)
    commands.set_attr(document, document.node_named("w").id, "value", [[2.0]])
    assert live.is_settled and live.task.graph.nodes == nodes
    assert live.session.variables["w"].item() == 2 and live.session.variables["b"] == 3


def test_deriving_stops_for_a_request_and_is_done_later() -> None:
    document = regression()
    last = document.node_named("squared").id
    for _ in range(100):  # so many nodes that there is time for a request
        node = commands.add_node(document, "tanh", (0, 0))
        commands.connect(document, last, "out", node, "x")
        last = node
    commands.connect(document, last, "out", document.node_named("loss").id, "x")
    live = Evaluator(document)
    document.subscribe(live.follow)
    live.take_variables({"w": np.float32([[7.0]])})
    xw, line = document.node_named("xw").id, document.node_named("line").id
    commands.connect(document, xw, "out", line, "y")
    live.settle(lambda: True)
    assert not live.is_settled and live.previews().values["loss"].kind == "scalar"
    live.settle()
    assert live.is_settled
    assert outline(live.task.build) == outline(build(document, partial=True))
    assert live.session.variables["w"].item() == 7


def misplaced(live: Evaluator) -> list[str]:
    """Nodes of the graph that come before one that they use."""
    graph = live.task.graph
    return [
        node.name
        for node in graph.nodes
        if node.name in graph and graph.node(node.name) is node
        for tensor in node.inputs
        if tensor.node.index >= node.index
    ]


@pytest.mark.sample(53)
@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_each_node_comes_after_those_it_uses(seed: int) -> None:
    """A node that becomes valid by an undo is added last, and others use it already."""
    document = flow.loads(example("spirals").read_text(encoding="utf-8"))
    live = Evaluator(document)
    document.subscribe(live.follow)
    edits = RandomEdits.__new__(RandomEdits)
    edits.random, edits.document, edits.subgraphs = random.Random(seed), document, False
    for _ in range(EDITS):
        edits.edit()
        live.view_source()
        assert not misplaced(live)
    while document.can_undo:
        document.undo()
        live.view_source()
        assert not misplaced(live)
        if live.is_settled:
            live.settle()
            assert not misplaced(live)


def test_a_bypassed_optimizer_derives_nothing_after_an_edit_before_it() -> None:
    edits = RandomEdits(0, subgraphs=False)
    doc = edits.document = regression()
    followed = Followed(edits)
    train = next(i for i, r in doc.nodes.items() if r.op == "gradient_descent")
    followed.live.settle()
    set_mode(doc, [train], "bypassed")
    for variable in [i for i, r in doc.nodes.items() if r.op == "variable"]:
        commands.set_attr(doc, variable, "trainable", False)
    followed.live.settle()
    assert outline(followed.live.task.build) == outline(build(followed.mirror, partial=True))
