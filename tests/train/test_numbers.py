"""Numbers that change while a training runs: from the next step on, and without any compiling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.compiler.cache import statistics
from nodeflow.engine.plan import plan as planning
from nodeflow.engine.session import Session
from nodeflow.errors import AttributeProblem
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train.control import Control
from nodeflow.train.events import Epoch, NumberChanged, Steps, as_json
from nodeflow.train.loop.event_stream import train
from nodeflow.train.resume.checkpoints import Checkpoints, Every
from nodeflow.train.resume.resuming import ChangedProblem, Resumption, resume
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.training import Training
from nodeflow.train.training_state import load_state
from nodeflow.train.tunable_numbers import Numbers

RNG = np.random.default_rng(3)
TARGETS = RNG.normal(size=(6, 3))


def task(rule: str, dtype: str = "float32", **attrs: Any) -> tuple[nf.Graph, Training]:
    """A linear map towards fixed targets; each epoch is one step."""
    with nf.Graph() as graph:
        x = nf.constant(np.eye(6), dtype=dtype)
        w = nf.variable(np.ones((6, 3)), dtype=dtype, name="w")
        loss = nf.reduce_mean(nf.square(x @ w - nf.constant(TARGETS, dtype=dtype)), name="loss")
        optimizer = graph.add_node(rule, [loss], attrs, name="train")
    return graph, Training(optimizer, loss, epochs=40, batch_size=1, seed=1)


def trained(
    graph: nf.Graph,
    training: Training,
    changes: dict[int, tuple[str, float]],
    tier: Any = "compiled",
    **how: Any,
) -> tuple[Session, np.ndarray, list[NumberChanged]]:
    """The session, the losses and the events of a training whose numbers change after steps."""
    session, control = Session(graph, tier=tier, seed=training.seed), Control()
    if "resumption" not in how:
        session.initialize()
    losses, noted, step = [], [], 0
    for event in train(session, training, control, **how):
        if isinstance(event, Steps):
            losses.append(event.losses)
            step = event.last
        if isinstance(event, NumberChanged):
            noted.append(event)
        if isinstance(event, Epoch) and step in changes:
            control.set_number("train", *changes[step])
    return session, np.concatenate(losses), noted


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_momentum_with_other_numbers_is_the_formula_with_them(tier):
    graph, training = task("momentum", "float64", learning_rate=0.5, momentum=0.9)
    changes = {10: ("learning_rate", 0.05), 20: ("momentum", 0.0), 30: ("learning_rate", 0.0)}
    session, losses, noted = trained(graph, training, changes, tier)
    w, velocity, expected = np.ones((6, 3)), np.zeros((6, 3)), []
    numbers = {"learning_rate": 0.5, "momentum": 0.9}
    for step in range(40):
        if step in changes:
            numbers[changes[step][0]] = changes[step][1]
        expected.append(np.mean((w - TARGETS) ** 2))
        velocity = numbers["momentum"] * velocity + 2 * (w - TARGETS) / 18
        w = w - numbers["learning_rate"] * velocity
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    np.testing.assert_allclose(session.variables["w"], w, rtol=1e-12)
    assert [(n.step, n.attr, n.value, n.before) for n in noted] == [
        (10, "learning_rate", 0.05, 0.5),
        (20, "momentum", 0.0, 0.9),
        (30, "learning_rate", 0.0, 0.05),
    ]


NUMBERS = [
    ("gradient_descent", "learning_rate"),
    ("gradient_descent", "clip_value"),
    ("momentum", "clip_norm"),
    ("adamw", "weight_decay"),
    ("momentum", "momentum"),
    ("momentum", "learning_rate"),
    ("adam", "learning_rate"),
    ("adam", "beta1"),
    ("adam", "epsilon"),
    ("rmsprop", "rho"),
    ("adagrad", "learning_rate"),
]


@pytest.mark.sample(18)
@pytest.mark.parametrize(("rule", "attr"), NUMBERS)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_step_has_the_bits_of_a_training_with_the_number(rule, attr, value):
    """Changed before the second step, and so from the start, zero and one included."""
    limits = {attr: 0.7} if attr in Optimizer.LIMITS else {}
    value = value or (1e-30 if limits else 0.0)  # none and 0 of a limit are another graph
    graph, training = task(rule, **limits)
    before, _, _ = trained(graph, training, {})
    state = dict(before.variables.items())

    def second(attrs: dict[str, float], change: bool) -> dict[str, bytes]:
        other, once = task(rule, **attrs)
        session, control = Session(other, tier="compiled", seed=1), Control()
        session.initialize()
        session.variables.update(state)
        if change:
            control.set_number("train", attr, value)
        for event in train(session, once, control):
            if isinstance(event, Epoch):
                break
        return {name: array.tobytes() for name, array in session.variables.items()}

    assert second(limits, change=True) == second({attr: value}, change=False)


def regular(rate: float = 0.4, low: float = -0.5, high: float = 0.5) -> tuple[Task, Training]:
    """A document with dropout and clipped values."""
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    x, w = add("constant", "x", value=np.eye(6).tolist()), add("variable", "w", shape=[6, 3])
    commands.set_attr(document, w, "initializer", {"op": "random_normal", "stddev": 1.0})
    product, clipped = add("matmul", "product"), add("clip_by_value", "clipped", min=low, max=high)
    gaps, squared = add("dropout", "gaps", rate=rate), add("square", "squared")
    loss, step = add("reduce_mean", "loss"), add("momentum", "train", learning_rate=0.5)
    for source, target, port in (
        (x, product, "x"), (w, product, "y"), (product, clipped, "x"), (clipped, gaps, "x"),
        (gaps, squared, "x"), (squared, loss, "x"), (loss, step, "loss"),
    ):  # fmt: skip
        commands.connect(document, source, "out", target, port)
    metric = {"node": clipped_mean(document, clipped), "split": "train"}
    commands.set_training(document, optimizer=step, loss=loss, epochs=40, metrics=[metric])
    found = Task(document, for_edits=True)
    return found, found.training()


def clipped_mean(document: Document, clipped: str) -> str:
    mean = commands.add_node(document, "reduce_max", (0, 0), name="largest")
    commands.connect(document, clipped, "out", mean, "x")
    return mean


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize(
    ("changes", "attrs"),
    [
        ([("gaps", "rate", 0.0)], {"rate": 0.0}),
        ([("gaps", "rate", 1.0)], {"rate": 1.0}),
        ([("gaps", "rate", 0.15)], {"rate": 0.15}),
        ([("clipped", "max", 0.0)], {"high": 0.0}),
        ([("clipped", "max", 1.0), ("clipped", "min", 0.0)], {"high": 1.0, "low": 0.0}),
    ],
)
def test_dropout_and_clipping_have_the_bits_of_a_training_with_the_number(changes, attrs, tier):
    def run(attrs: dict[str, float], changes: list[tuple[str, str, float]]) -> list[bytes]:
        built, training = regular(**attrs)
        session, control = Session(built.graph, tier=tier, seed=1), Control()
        session.initialize()
        for change in changes:
            control.set_number(*change)
        found = []
        for event in train(session, training, control):
            if isinstance(event, Steps):
                found.append(event.losses.tobytes())
            if isinstance(event, Epoch):
                found.append(np.float64(event.metrics["largest"]).tobytes())
        return [*found, session.variables["w"].tobytes()]

    assert run({}, changes) == run(attrs, [])
    assert run({}, changes) != run({}, [])


@pytest.mark.thorough
def test_what_can_be_edited_has_the_same_bits():
    built, training = regular()
    plain = Task(built.document)
    assert plain.graph.node("clipped").op is not built.graph.node("clipped").op
    found = []
    for graph, once in ((built.graph, training), (plain.graph, plain.training())):
        session, losses, _ = trained(graph, once, {})
        found.append((losses.tobytes(), session.variables["w"].tobytes()))
    assert found[0] == found[1]


def test_a_sweep_through_zero_and_one_plans_and_compiles_nothing(monkeypatch):
    made, original = [], planning.run_passes
    monkeypatch.setattr(
        planning, "run_passes", lambda *a, **k: (made.append(1), original(*a, **k))[1]
    )
    built, training = regular()
    session, control = Session(built.graph, tier="compiled", seed=1), Control()
    session.initialize()
    values = iter([
        (node, attr, value)
        for node, attr in (("train", "learning_rate"), ("train", "momentum"), ("gaps", "rate"),
                           ("clipped", "max"), ("clipped", "min"))
        for value in (0.0, 1.0, 0.25)
        if (attr, value) != ("min", 1.0)
    ])  # fmt: skip
    noted, counts = [], []
    for event in train(session, training, control):
        if isinstance(event, NumberChanged):
            noted.append(event)
        if isinstance(event, Epoch):
            counts.append((len(made), *statistics().values()))
            if event.epoch >= 2 and (change := next(values, None)) is not None:
                control.set_number(*change)
    assert len(noted) >= 13 and counts[1][0] > 0
    assert set(counts[1:]) == {counts[1]}


@pytest.mark.thorough
def test_nothing_is_planned_or_compiled_for_a_change(monkeypatch):
    graph, training = task("adam")
    made = []
    original = planning.run_passes
    monkeypatch.setattr(
        planning, "run_passes", lambda *a, **k: (made.append(1), original(*a, **k))[1]
    )
    trained(graph, training, {})
    plans = len(made)
    assert plans
    values = (0.0, 1.0, 0.25)
    changes = {5 + i: ("learning_rate", v) for i, v in enumerate(values)}
    changes |= {15 + i: ("beta1", v) for i, v in enumerate(values)}
    graph, training = task("adam")
    made.clear()
    _, _, noted = trained(graph, training, changes)
    assert (len(noted), len(made)) == (6, plans)


def test_a_number_out_of_range_or_from_a_wire_is_refused():
    graph, training = task("momentum")
    numbers = Numbers(training.optimizer)
    with pytest.raises(AttributeProblem, match="learning_rate must be at least 0, not -1"):
        numbers.check("train", "learning_rate", -1)
    with pytest.raises(AttributeProblem, match=r"train.nesterov does not change while training"):
        numbers.check("train", "nesterov", 1)
    with graph:
        wired = graph.add_node("momentum", [training.loss, nf.constant(0.5)], name="other")
    with pytest.raises(AttributeProblem, match=r"other.learning_rate does not change"):
        Numbers(wired).check("other", "learning_rate", 0.1)
    _, losses, noted = trained(graph, training, {5: ("learning_rate", -1.0)})
    assert noted == [] and len(losses) == 40


@pytest.mark.thorough
def test_a_replay_crosses_the_changes():
    graph, training = task("momentum")
    changes = {7: ("learning_rate", 0.5), 13: ("momentum", 0.1), 29: ("learning_rate", 0.02)}
    pasts: list[Past] = []
    _, losses, _ = trained(
        graph, training, changes, snapshots=Snapshots(1 << 20, 1), remember=pasts.append
    )
    replay = Replay(pasts[0])
    rate = graph.tensor("train/learning_rate")
    for step in (1, 7, 8, 13, 14, 40, 30, 29, 2):
        replay.go_to(step)
        found = replay.values([training.loss, rate])
        assert float(found[training.loss]) == losses[step - 1]
        assert float(found[rate]) == pytest.approx(
            0.01 if step <= 7 else 0.5 if step <= 29 else 0.02
        )


def test_a_training_goes_on_with_the_numbers_that_it_had(tmp_path):
    graph, training = task("momentum")
    changes = {7: ("learning_rate", 0.5), 13: ("momentum", 0.1)}
    _, whole, _ = trained(graph, training, changes)
    control, session = Control(), Session(graph, tier="compiled", seed=1)
    session.initialize()
    kept = Checkpoints(tmp_path, Every(steps=1))
    for event in train(session, training, control, checkpoints=kept):
        if isinstance(event, Epoch) and event.epoch in changes:
            control.set_number("train", *changes[event.epoch])
        if isinstance(event, Epoch) and event.epoch == 20:
            break
    path = max(p for p in tmp_path.iterdir() if p.is_dir())
    state = load_state(path)
    assert state.numbers == {"train.learning_rate": 0.5, "train.momentum": 0.1}
    resumption = Resumption(state, path, state.identity)
    _, rest, _ = trained(graph, training, {}, resumption=resumption)
    assert rest.tobytes() == whole[state.step :].tobytes()


def test_a_graph_with_the_number_that_a_training_ended_with_goes_on(tmp_path):
    """As the document of a window that was killed has it."""
    graph, training = task("momentum")
    session, control = Session(graph, tier="compiled", seed=1), Control()
    session.initialize()
    kept = Checkpoints(tmp_path, Every(steps=1))
    for event in train(session, training, control, checkpoints=kept):
        if isinstance(event, Epoch) and event.epoch == 7:
            control.set_number("train", "learning_rate", 0.5)
        if isinstance(event, Epoch) and event.epoch == 20:
            break
    for attrs in ({}, {"learning_rate": 0.5}):
        other, again = task("momentum", **attrs)
        found = resume(Session(other, tier="compiled", seed=1), again, tmp_path)
        assert found.state.numbers == {"train.learning_rate": 0.5}
    other, again = task("momentum", learning_rate=0.25)
    with pytest.raises(ChangedProblem, match="learning_rate"):
        resume(Session(other, tier="compiled", seed=1), again, tmp_path)


def test_the_event_is_a_line_of_json():
    event = NumberChanged(7, "train", "learning_rate", 0.5, 0.01)
    assert as_json(event) == {
        "event": "changed",
        "step": 7,
        "node": "train",
        "attr": "learning_rate",
        "value": 0.5,
        "before": 0.01,
    }
