"""The training doctor: each rule finds its fault, stays silent without it, and its fix helps."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.errors import NonFiniteError
from nodeflow.graph.graph import Graph
from nodeflow.number_text import number
from nodeflow.train.control import Control
from nodeflow.train.diagnosis.hints import Hint, percent
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.doctor.curves import Curves, check_curves, rate_edit, record
from nodeflow.train.doctor.looking_back import first_seen
from nodeflow.train.doctor.structure import check_structure
from nodeflow.train.doctor.updates import check_updates
from nodeflow.train.events import Diverged, Done, Epoch, Hints, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.loop_progress import Progress
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.training import Binding, Metric, Monitor, Training

ROWS = 400


def dataset(**columns: Column) -> DataSplits:
    return DataSplits("rows", "rows", {"train": columns, "test": columns})


def hints_of(graph: Graph, training: Training) -> dict[str, Hint]:
    """The hints that are left at the end of a training, by kind."""
    found: tuple[Hint, ...] = ()
    with Session(graph, tier="reference", seed=1) as session:
        session.initialize()
        with np.errstate(all="ignore"), suppress(NonFiniteError):
            for event in Doctor(training, session.run).examined(train(session, training)):
                if isinstance(event, Hints):
                    found = event.hints
        assert isinstance(event, (Diverged, Done))
    return {hint.kind: hint for hint in found}


class Net:
    """A network with one hidden layer over two classes; what differs from a sound one is given."""

    def __init__(
        self,
        scale: float = 1.0,
        rate: float = 0.3,
        activation: str = "relu",
        weights: object = None,
        bias: float = 0.1,
        epochs: int = 4,
        batch_size: int = 20,
        labels: np.ndarray | None = None,
        rows: int = ROWS,
    ) -> None:
        rng = np.random.default_rng(7)
        x = rng.normal(size=(rows, 3)).astype(np.float32)
        classes = (x @ np.array([1.0, -2.0, 0.5]) > 0).astype(np.int64)
        if labels is not None:
            classes = labels
        self.data = dataset(x=Column(x * np.float32(scale)), y=Column(classes, depth=2))
        weights = "glorot_uniform" if weights is None else weights
        with nf.Graph() as self.graph:
            feed = nf.placeholder("float32", [None, 3], name="x")
            target = nf.placeholder("float32", [None, 2], name="y")
            w1 = nf.variable(weights, shape=[3, 16], name="W1")
            hidden = getattr(nf, activation)(
                nf.matmul(feed, w1) + nf.variable(bias, shape=[16], name="b1"), name="hidden"
            )
            w2 = nf.variable("glorot_uniform", shape=[16, 2], name="W2")
            logits = nf.matmul(hidden, w2)
            self.loss = nf.reduce_mean(
                nf.softmax_cross_entropy_with_logits(target, logits), name="loss"
            )
            self.step = nf.gradient_descent(self.loss, learning_rate=rate, name="train")
        self.bindings = {feed: Binding(self.data, "x"), target: Binding(self.data, "y")}
        self.epochs, self.batch_size = epochs, batch_size

    def training(self, **more: object) -> Training:
        return Training(
            self.step,
            self.loss,
            bindings=self.bindings,
            epochs=self.epochs,
            batch_size=self.batch_size,
            **more,
        )

    def hints(self, **more: object) -> dict[str, Hint]:
        return hints_of(self.graph, self.training(**more))


@pytest.mark.thorough
def test_a_sound_training_gets_no_hint() -> None:
    net = Net()
    metrics = (Metric(net.loss, "test", key="loss"),)
    assert net.hints(metrics=metrics) == {}


@pytest.mark.thorough
def test_inputs_that_are_not_scaled() -> None:
    found = Net(scale=500.0, rate=1e-6).hints()["unscaled"]
    assert found.node == "x"
    (edit,) = found.edits
    rng = np.random.default_rng(7)
    x = rng.normal(size=(ROWS, 3)).astype(np.float32) * np.float32(500)
    assert edit.kind == "normalize"
    np.testing.assert_allclose(edit.value["mean"], x.mean(axis=0, dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(edit.value["deviation"], x.std(axis=0, dtype=np.float64), rtol=1e-5)


def test_inputs_that_a_node_scales() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(ROWS, 3)).astype(np.float32) * np.float32(500)
    data = dataset(x=Column(x), y=Column((x[:, 0] > 0).astype(np.int64), depth=2))
    with nf.Graph() as graph:
        feed = nf.placeholder("float32", [None, 3], name="x")
        target = nf.placeholder("float32", [None, 2], name="y")
        scaled = nf.normalize(feed, mean=0.0, deviation=500.0)
        weights = nf.variable("glorot_uniform", shape=[3, 2], name="W")
        losses = nf.softmax_cross_entropy_with_logits(target, nf.matmul(scaled, weights))
        loss = nf.reduce_mean(losses, name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.3, name="train")
    bindings = {feed: Binding(data, "x"), target: Binding(data, "y")}
    training = Training(step, loss, bindings=bindings, epochs=2, batch_size=20)
    assert "unscaled" not in hints_of(graph, training)


def test_hints_of_one_rule_come_in_the_order_of_the_graph() -> None:
    with nf.Graph():
        value = nf.constant(np.ones((4, 3), np.float32))
        for layer in range(12):
            weights = nf.variable(0.0, shape=[3, 3], name=f"W{layer}")
            value = nf.relu(nf.matmul(value, weights), name=f"hidden{layer}")
        loss = nf.reduce_mean(nf.square(value), name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.1, name="train")
    hints = check_structure(Training(step, loss, epochs=1))
    found = [hint.node for hint in hints if hint.kind == "equal_weights"]
    assert found == [f"W{layer}" for layer in range(11)], "the last layer may start at 0"


def test_a_training_that_diverges() -> None:
    found = Net(scale=1000.0, rate=1e30).hints()["diverging"]
    assert found.edits[0].name == "learning_rate"
    assert found.edits[0].value == 0.01, "a tenth of 1e30 is no rate to train with"


@pytest.mark.parametrize(
    ("optimizer", "rate", "offered"),
    [
        ("gradient_descent", 1000.0, 0.01),
        ("gradient_descent", 2.5, 0.25),
        ("gradient_descent", 1.0, 0.1),
        ("adam", 1000.0, 0.001),
        ("adam", 0.5, 0.05),
        ("lion", 3.0, 0.0001),
    ],
)
def test_the_rate_that_is_offered_can_train(optimizer: str, rate: float, offered: float) -> None:
    with nf.Graph():
        loss = nf.square(nf.variable(1.0, name="w"), name="loss")
        step = getattr(nf, optimizer)(loss, learning_rate=rate, name="train")
    text, (edit,) = rate_edit(Training(step, loss, epochs=1), 0.1, diverged=True)
    assert (edit.node, edit.value) == ("train", offered)
    assert text == f"Set the learning rate to {offered:g}"


def test_the_rate_of_a_schedule_is_the_one_that_is_lowered() -> None:
    with nf.Graph():
        loss = nf.square(nf.variable(1.0, name="w"), name="loss")
        rate = nf.cosine_decay(learning_rate=1000.0, steps=50, name="rate")
        step = nf.adam(loss, schedule=rate, name="train")
    _, (edit,) = rate_edit(Training(step, loss, epochs=1), 0.1, diverged=True)
    assert (edit.node, edit.name, edit.value) == ("rate", "learning_rate", 0.01)


def test_a_loss_that_grows_but_stays_finite() -> None:
    with nf.Graph() as graph:
        w = nf.variable(1.0, name="w")
        loss = nf.square(w, name="loss")
        step = nf.gradient_descent(loss, learning_rate=1.01, name="train")
    found = hints_of(graph, Training(step, loss, epochs=100))["diverging"]
    assert "grows" in found.title


@pytest.mark.thorough
def test_a_loss_that_does_not_move_and_one_that_moves_too_slowly() -> None:
    assert "flat" in Net(rate=1e-9).hints()
    slow = Net(rate=0.0004, epochs=6).hints()
    assert "slow" in slow and slow["slow"].edits[0].value == pytest.approx(0.004)


def test_units_that_never_fire() -> None:
    found = Net(bias=-50.0).hints()["dead_relu"]
    assert found.node == "hidden" and "16 of 16" in found.evidence


@pytest.mark.thorough
def test_saturated_units() -> None:
    wide = {"op": "random_normal", "stddev": 200.0}
    found = Net(activation="sigmoid", weights=wide).hints()["saturated"]
    assert found.edits[0].kind == "op" and found.edits[0].value == "relu"
    assert "saturated" not in Net(activation="sigmoid").hints()


def test_hidden_layers_of_equal_weights() -> None:
    found = Net(weights=0.0).hints()["equal_weights"]
    assert found.node == "W1" and found.edits[0].value == {"op": "glorot_uniform"}


def test_a_last_layer_may_start_at_zero() -> None:
    rng = np.random.default_rng(0)
    data = dataset(x=Column(rng.normal(size=(100, 3)).astype(np.float32)))
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable(0.0, shape=[3, 2], name="W")
        loss = nf.reduce_mean(nf.square(nf.matmul(x, w) - 1.0), name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.1)
    training = Training(step, loss, bindings={x: Binding(data, "x")}, batch_size=10, epochs=2)
    assert "equal_weights" not in hints_of(graph, training)


@pytest.mark.thorough
def test_a_variable_that_nothing_trains() -> None:
    net = Net()
    with net.graph:
        nf.variable(1.0, name="lonely")
        nf.variable(1.0, name="fixed", trainable=False)
    found = net.hints()["untrained"]
    assert found.node == "lonely"


def test_batches_that_are_too_large() -> None:
    found = Net(batch_size=300).hints()["large_batch"]
    assert found.edits[0].value == 40 and "1 step" in found.evidence
    assert "large_batch" not in Net(batch_size=200).hints()


def test_uneven_classes() -> None:
    labels = np.zeros(ROWS, np.int64)
    labels[:20] = 1
    found = Net(labels=labels).hints()["imbalanced"]
    assert "0 has 95 % of the rows" in found.evidence


@pytest.mark.parametrize(
    ("loss", "dtype", "values", "kind"),
    [
        ("sparse_softmax_cross_entropy", "int64", [0, 1, 1], None),
        ("softmax_cross_entropy_with_logits", "float32", [[0.0, 1.0], [0.5, 0.5]], None),
        ("softmax_cross_entropy_with_logits", "float32", [[0.0, 1.0], [3.0, -1.0]], "labels"),
        ("binary_cross_entropy", "float32", [[0.0, 1.0], [1.0, 1.0]], None),
        ("binary_cross_entropy", "float32", [[0.0, 2.0], [1.0, 1.0]], "labels"),
    ],
)
def test_labels_that_do_not_fit_the_loss(loss, dtype, values, kind) -> None:
    target = np.array(values * 30, dtype)
    data = dataset(x=Column(np.ones((len(target), 3), np.float32)), y=Column(target))
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        y = nf.placeholder(dtype, [None, *target.shape[1:]], name="y")
        answers = nf.matmul(x, nf.variable("glorot_uniform", shape=[3, 2]))
        if loss == "binary_cross_entropy":
            answers = nf.sigmoid(answers)
        total = nf.reduce_mean(getattr(nf, loss)(y, answers), name="loss")
        step = nf.gradient_descent(total, learning_rate=1e-3)
    bindings = {x: Binding(data, "x"), y: Binding(data, "y")}
    found = hints_of(graph, Training(step, total, bindings=bindings, batch_size=10, epochs=1))
    assert ("labels" in found) is (kind == "labels")


def test_class_numbers_out_of_range() -> None:
    from nodeflow.train.doctor.data import check_data

    data = dataset(x=Column(np.ones((60, 3), np.float32)), y=Column(np.arange(60) % 4))
    with nf.Graph():
        x = nf.placeholder("float32", [None, 3], name="x")
        y = nf.placeholder("int64", [None], name="y")
        logits = nf.matmul(x, nf.variable("he_normal", shape=[3, 3]))
        loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits), name="loss")
        step = nf.gradient_descent(loss)
    bindings = {x: Binding(data, "x"), y: Binding(data, "y")}
    (found,) = [
        hint for hint in check_data(Training(step, loss, bindings=bindings)) if hint.node == "y"
    ]
    assert found.kind == "labels" and "from 0 to 3" in found.evidence and "3 classes" in str(found)


@pytest.mark.thorough
def test_overfitting() -> None:
    rng = np.random.default_rng(3)
    train_rows = {
        "x": Column(rng.normal(size=(30, 40)).astype(np.float32)),
        "y": Column(rng.integers(0, 2, 30), depth=2),
    }
    other = {
        "x": Column(rng.normal(size=(200, 40)).astype(np.float32)),
        "y": Column(rng.integers(0, 2, 200), depth=2),
    }
    data = DataSplits("noise", "noise", {"train": train_rows, "validation": other})
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 40], name="x")
        y = nf.placeholder("float32", [None, 2], name="y")
        hidden = nf.relu(nf.matmul(x, nf.variable("he_normal", shape=[40, 64])))
        w = nf.variable("glorot_uniform", shape=[64, 2])
        entropy = nf.softmax_cross_entropy_with_logits(y, nf.matmul(hidden, w))
        loss = nf.reduce_mean(entropy, name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.2)
    training = Training(
        step,
        loss,
        metrics=(Metric(loss, "validation", key="validation/loss"),),
        bindings={x: Binding(data, "x"), y: Binding(data, "y")},
        epochs=32,
        batch_size=10,
    )
    found = hints_of(graph, training)["overfitting"]
    assert found.edits[0].name == "patience"


@pytest.mark.thorough
def test_looking_does_not_change_a_training() -> None:
    def losses(examined: bool) -> np.ndarray:
        net = Net()
        training = net.training()
        with Session(net.graph, tier="reference", seed=1) as session:
            session.initialize()
            events = train(session, training)
            if examined:
                events = Doctor(training, session.run).examined(events)
            return np.concatenate([e.losses for e in events if type(e).__name__ == "Steps"])

    np.testing.assert_array_equal(losses(True), losses(False))


def looks(training: Training, graph: Graph) -> list[int]:
    """How often a batch is looked at by each event: after epochs, and at the end."""
    counts: list[int] = []
    with Session(graph, tier="reference", seed=1) as session:
        session.initialize()
        ran: list[object] = []

        def run(*asked: Any) -> Any:
            ran.append(asked)
            return session.run(*asked)

        for event in Doctor(training, run).examined(train(session, training)):
            if isinstance(event, (Epoch, Done)):
                counts.append(len(ran))
    return counts


@pytest.mark.thorough
def test_what_was_looked_at_is_not_looked_at_again() -> None:
    net = Net(epochs=4)
    after = looks(net.training(), net.graph)
    each = after[1]
    assert each > 0
    # Before the events after epochs 1 to 4 and at the end: looks come after epochs 1, 2 and 4.
    assert after == [0, each, 2 * each, 2 * each, 3 * each]
    net = Net(epochs=3)
    assert looks(net.training(), net.graph) == [0, each, 2 * each, 3 * each]


@pytest.mark.parametrize("if_stopped", [True, False])
def test_a_training_that_was_stopped_is_looked_at_where_there_is_time(if_stopped: bool) -> None:
    net, control, ran = Net(epochs=4), Control(), []
    training = net.training()
    with Session(net.graph, tier="reference", seed=1) as session:
        session.initialize()

        def run(*asked: Any) -> Any:
            ran.append(asked)
            return session.run(*asked)

        doctor = Doctor(training, run, if_stopped=if_stopped)
        for event in doctor.examined(train(session, training, control)):
            if isinstance(event, Steps):
                control.stop()
    assert isinstance(event, Done) and event.stopped and bool(ran) is if_stopped


def test_weights_that_are_restored_are_looked_at() -> None:
    net = Net(epochs=4, rate=0.0)
    metric = Metric(net.loss, "test", key="test/loss")
    training = net.training(patience=1, monitor=Monitor(metric), restore_best=True)
    after = looks(training, net.graph)
    # It stops after epoch 2, which was looked at, with the weights of epoch 1.
    assert len(after) == 3 and after[2] == 3 * after[1]


def test_percent() -> None:
    assert (percent(0.0), percent(0.125), percent(0.9999)) == ("0 %", "12 %", "99.9 %")


def test_inputs_behind_a_normalize_node_are_scaled() -> None:
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(200, 3)) * [1.0, 500.0, 20.0] + 100).astype(np.float32)
    data = dataset(x=Column(values))
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        statistics = {"mean": values.mean(axis=0), "deviation": values.std(axis=0)}
        scaled = nf.normalize(x, **{k: v.tolist() for k, v in statistics.items()})
        w = nf.variable("glorot_uniform", shape=[3, 1])
        loss = nf.reduce_mean(nf.square(nf.matmul(scaled, w) - 1.0), name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.05)
    training = Training(step, loss, bindings={x: Binding(data, "x")}, batch_size=20, epochs=3)
    assert "unscaled" not in hints_of(graph, training)


# ---- updates, and when it began ------------------------------------------------------------------


def test_steps_that_change_weights_beyond_recognition() -> None:
    found = Net(rate=30.0, epochs=1).hints()["large_updates"]
    assert found.node in ("W1", "W2") and "% of its size" in found.evidence and found.step == 20
    (edit,) = found.edits
    assert (edit.node, edit.name, edit.value) == ("train", "learning_rate", 3.0)


def test_the_share_is_that_of_the_next_step_by_hand() -> None:
    net = Net(rate=40.0, epochs=1)
    training = net.training()
    with Session(net.graph, tier="reference", seed=1) as session:
        session.initialize()
        x, y = (b.dataset.split("train")[b.column].rows(slice(0, 64))
                for b in net.bindings.values())  # fmt: skip
        values = {n: v.astype(np.float64) for n, v in session.variables.items()}
        (hint,) = check_updates(training, session.run, True)
    hidden = np.maximum(x.astype(np.float64) @ values["W1"] + values["b1"], 0)
    name = next(n for n, v in values.items() if v.shape == (16, 2))
    scores = hidden @ values[name]
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    slope = (odds / odds.sum(axis=1, keepdims=True) - y) / len(x)
    by_hand = {
        name: np.linalg.norm(40 * hidden.T @ slope) / np.linalg.norm(values[name]),
        "W1": np.linalg.norm(40 * x.T @ ((slope @ values[name].T) * (hidden > 0)))
        / np.linalg.norm(values["W1"]),
    }
    worst = max(by_hand, key=by_hand.__getitem__)
    assert hint.node == worst and f"By {number(100 * by_hand[worst], 2)} %" in hint.evidence


def test_steps_that_change_nothing_are_found_at_the_beginning_alone() -> None:
    found = Net(rate=1e-9, epochs=1).hints()["small_updates"]
    assert found.edits[0].value == 1e-8 and found.step == 20
    net = Net(rate=1e-9)
    with Session(net.graph, tier="reference", seed=1) as session:
        session.initialize()
        assert list(check_updates(net.training(), session.run, False)) == []


class EveryStep(Snapshots):
    """Copies after every step, so that the step is known to one."""

    def is_due(self, step: int) -> bool:
        return True


def test_the_step_at_which_units_died_is_found_between_two_looks() -> None:
    """Each step lowers the biases by a known amount, until no row reaches above zero."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 4)).astype(np.float32)
    with nf.Graph() as graph:
        feed = nf.placeholder("float32", [None, 4], name="x")
        w = nf.variable(np.eye(4, 8, dtype=np.float32), name="w", trainable=False)
        b = nf.variable(np.zeros(8, np.float32), name="b")
        hidden = nf.relu(nf.matmul(feed, w) + b, name="hidden")
        out = nf.matmul(hidden, nf.variable(np.ones((8, 1), np.float32), name="v", trainable=False))
        loss = nf.reduce_mean(out + nf.reduce_sum(b), name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.01, name="train")
    bindings = {feed: Binding(dataset(x=Column(x)), "x")}
    training = Training(step, loss, bindings=bindings, epochs=20, batch_size=10, shuffle=False)
    died, bias = 0, np.zeros(8)
    wide = x.astype(np.float64) @ np.eye(4, 8)
    for number_of_step in range(800):
        rows = wide[number_of_step % 40 * 10 :][:10]
        bias = bias - 0.01 * (1 + (rows + bias > 0).mean(axis=0))
        if not died and ((wide[:256] + bias).max(axis=0) <= 0).mean() >= 0.8:
            died = number_of_step + 1
    assert 120 < died < 640, "between two looks of the doctor"
    hints: tuple[Hint, ...] = ()
    with Session(graph, tier="reference", seed=1) as session:
        session.initialize()
        doctor = Doctor(training, session.run)

        def remember(past) -> None:
            doctor.past = past

        events = train(session, training, snapshots=EveryStep(1 << 24), remember=remember)
        for event in doctor.examined(events):
            hints = event.hints if isinstance(event, Hints) else hints
    (found,) = [hint for hint in hints if hint.kind == "dead_relu"]
    assert (found.node, found.step) == ("hidden", died)


def test_overfitting_leads_to_the_step_of_the_best_epoch() -> None:
    curves = Curves()
    curves.losses.append(np.linspace(1, 0.1, 80))
    best = (5, 0.4)
    rows = [(1, 0.9), (2, 0.7), (3, 0.6), (4, 0.5), best, (6, 0.6), (7, 0.8), (8, 0.9)]
    for epoch, value in rows:
        record(curves, {"validation/loss": value}, epoch, 1 / epoch, epoch * 10)
    net = Net()
    training = net.training(metrics=(Metric(net.loss, "validation", key="validation/loss"),))
    found = {hint.kind: hint for hint in check_curves(training, curves)}["overfitting"]
    assert found.step == 50 and "epoch 5" in found.evidence and found.edits


def test_vanishing_gradients_can_be_mended_by_another_activation() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(64, 6)).astype(np.float32)
    with nf.Graph() as graph:
        feed = out = nf.placeholder("float32", [None, 6], name="x")
        for number_of_layer in range(8):
            weights = nf.variable(rng.normal(size=(6, 6)).astype(np.float32) * 0.1)
            out = nf.sigmoid(nf.matmul(out, weights, name=f"product{number_of_layer}"),
                             name=f"layer{number_of_layer}")  # fmt: skip
        out = nf.matmul(out, nf.variable(rng.normal(size=(6, 1)).astype(np.float32)))
        loss = nf.reduce_mean(nf.square(out), name="loss")
        step = nf.gradient_descent(loss, learning_rate=1e-3, name="train")
    bindings = {feed: Binding(dataset(x=Column(x)), "x")}
    training = Training(step, loss, bindings=bindings, epochs=1, batch_size=16)
    found = hints_of(graph, training)["vanishing_gradients"]
    assert found.fix == "Use ReLU in 8 layers" and found.step == 4
    assert {(e.kind, e.node, e.value) for e in found.edits} == {
        ("op", f"layer{i}", "relu") for i in range(8)
    }


def test_what_began_before_an_edit_is_dated_after_it() -> None:
    """Copies of the graph as it was are no copies of what is looked at."""

    class Copies:
        steps = (0, 10, 20, 30)

        def __init__(self) -> None:
            self.asked: list[int] = []

        def restore(self, step: int, variables: object) -> None:
            self.asked.append(step)

    copies, net = Copies(), Net()
    with Session(net.graph, tier="reference", seed=1) as session:
        progress = Progress(1, 0, 0)
        progress.steps, progress.seconds = 1, 100.0  # too slow to be made again
        past = Past(session, net.training(), (), 400, 20, copies, None, None, progress, start=15)
        hint = Hint("dead_relu", "", "", node="hidden")
        assert first_seen(past, lambda run: [hint], hint.key, 5, 40) == 20
        assert min(copies.asked) == 20
