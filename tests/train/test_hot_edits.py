"""A training goes on with another graph between two steps, and can be replayed across that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.errors import DataError, RunError
from nodeflow.ops.namespaces import nn
from nodeflow.train.control import Control
from nodeflow.train.edits.variant import Variant, same_batches
from nodeflow.train.events import Done, Edited, Epoch, Event, Started, Steps, as_json
from nodeflow.train.loop.event_stream import train
from nodeflow.train.resume.checkpoints import Checkpoints, Every
from nodeflow.train.resume.resuming import Resumption
from nodeflow.train.rewind.branching import branch, state_before
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Binding, Metric, Training
from nodeflow.train.training_state import load_state

RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(80, 5)).astype("float32")
TARGETS = np.sin(ROWS.sum(1, keepdims=True)).astype("float32")
COLUMNS = {"x": Column(ROWS), "y": Column(TARGETS)}
DATA = DataSplits("d", "memory", {"train": COLUMNS, "test": COLUMNS})
TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])


def variant(
    activation: str = "relu",
    layers: tuple[int, ...] = (6,),
    rule: str = "adam",
    tier: Any = "reference",
    rate: float = 0.01,
    **settings: Any,
) -> Variant:
    """A small network with dropout, in a session of its own."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 5], name="x")
        y = nf.placeholder("float32", [None, 1], name="y")
        hidden, width = x, 5
        for number, units in enumerate(layers):
            start = nf.random_normal([width, units], stddev=0.3)
            w = nf.variable(initial=start, name=f"w{number}")
            hidden = graph.apply(activation, hidden @ w, name=f"act{number}")
            hidden, width = nn.dropout(hidden, rate=0.2), units
        out = nf.variable(initial=nf.random_normal([width, 1]), name="out")
        loss = nf.reduce_mean(nf.square(hidden @ out - y), name="loss")
        optimizer = graph.add_node(rule, [loss], {"learning_rate": rate}, name="train")
    given = {"epochs": 20, "batch_size": 8, "seed": 3, **settings}
    bound = {t: Binding(DATA, t.name) for t in (x, y)}
    metrics = (Metric(loss, "test", key="test/loss"),) if given.pop("measured", False) else ()
    training = Training(optimizer, loss, bindings=bound, metrics=metrics, **given)
    session = Session(graph, tier=tier, seed=training.seed)
    session.initialize()
    return Variant(session, training, what=(f"act0: {activation}",))


class Run:
    """A training that takes edits after steps that a test chooses."""

    def __init__(self, first: Variant, edits: dict[int, Variant], last: int, **how: Any) -> None:
        self.pasts: list[Past] = []
        self.events: list[Event] = []
        self.variants = [first]
        self._edits, self._last = dict(edits), last
        control = self.control = Control(idle=self._idle)
        begun = train(
            first.session,
            first.training,
            control,
            remember=self.pasts.append,
            variant=first,
            taken=self.variants.append,
            **how,
        )
        self._stop_at = min([*edits, last])
        control.step(self._stop_at)
        for event in begun:
            self.events.append(event)

    def _idle(self) -> None:
        """All steps up to here are made."""
        step = max((e.last for e in self.events if isinstance(e, Steps)), default=0)
        if step < self._stop_at:
            return
        if step in self._edits:
            self.control.offer(self._edits.pop(step))
            self._stop_at = min([*self._edits, self._last])
            self.control.step(self._stop_at - step)
        else:
            self.control.stop()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def losses(self) -> np.ndarray:
        return np.concatenate([event.losses for event in self.of(Steps)])

    @property
    def session(self) -> Session:
        return self.variants[-1].session


def by_hand(parts: list[tuple[Variant, int]]) -> Iterator[tuple[int, np.ndarray, Session]]:
    """Steps by `session.run`, each variant up to a step: number, loss, and the session after it.

    Variables of one name, shape and dtype are carried over.
    """
    step, values = 0, dict[str, np.ndarray]()
    for one, last in parts:
        training, session = one.training, Session(one.session.graph, tier=one.session.wanted,
                                                   seed=one.training.seed)  # fmt: skip
        session.initialize()
        for name, value in values.items():
            if name in session.variables and session.variables[name].shape == value.shape:
                session.variables[name] = value
        session.count_steps([training.optimizer.name], step)
        each = len(ROWS) // training.batch_size
        while step < last:
            epoch, at = divmod(step, each)
            order = order_of(training, len(ROWS), epoch + 1)
            which = order[at * training.batch_size : (at + 1) * training.batch_size]
            feeds = {t: COLUMNS[t.name].rows(which) for t in training.bindings}
            _, loss = session.run([training.optimizer, training.loss], feeds)
            step += 1
            yield step, np.float64(loss), session
        values = dict(session.variables.items())


@pytest.mark.thorough
@TIERS
@pytest.mark.parametrize("at", [10, 23])
def test_another_activation_counts_from_the_step_on(tier, at):
    """In the middle of an epoch and between two of them."""
    first, second = variant(tier=tier), variant("tanh", tier=tier)
    run = Run(first, {at: second}, 45)
    expected = [(loss, s) for _, loss, s in by_hand([(first, at), (second, 45)])]
    assert run.losses.tobytes() == np.array([loss for loss, _ in expected]).tobytes()
    for name, value in expected[-1][1].variables.items():
        assert run.session.variables[name].tobytes() == value.tobytes(), name
    (edited,) = run.of(Edited)
    assert (edited.step, edited.what, edited.notices) == (at, ("act0: tanh",), ())
    assert (edited.epoch, edited.done) == divmod(at, 10) or (edited.epoch - 1, edited.done) == (
        at // 10,
        at % 10,
    )
    assert len(run.of(Started)) == 1 and run.of(Done)[0].stopped
    assert [e.epoch for e in run.of(Epoch)] == [1, 2, 3, 4]


@TIERS
def test_a_layer_that_is_inserted_begins_with_its_initial_values(tier):
    first, second = variant(tier=tier), variant(layers=(6, 4), tier=tier)
    fresh = dict(second.session.variables.items())
    run = Run(first, {15: second}, 15)
    (edited,) = run.of(Edited)
    assert edited.notices == ("out, w1: from the initial value",)
    before = dict(first.session.variables.items())
    for name in ("w0", "train/w0/m", "train/w0/v", "train/beta1_power"):
        assert run.session.variables[name].tobytes() == before[name].tobytes()
    for name in ("w1", "out", "train/w1/m", "train/out/v"):
        assert run.session.variables[name].tobytes() == fresh[name].tobytes()


@pytest.mark.thorough
@TIERS
def test_replay_crosses_edits_to_the_bit(tier):
    parts = [variant(tier=tier), variant("tanh", tier=tier), variant("tanh", (6, 4), tier=tier)]
    run = Run(parts[0], {13: parts[1], 30: parts[2]}, 60, snapshots=Snapshots(1 << 24))
    truth = {
        step: (loss, dict(session.variables.items()))
        for step, loss, session in by_hand([(parts[0], 13), (parts[1], 30), (parts[2], 60)])
    }
    newest = run.pasts[-1]
    for step in (1, 60, 13, 14, 29, 30, 31, 45, 2):
        past = newest.at(step)
        assert past is run.pasts[0 if step <= 13 else 1 if step <= 30 else 2]
        replay = Replay(past)
        replay.go_to(step)
        loss = replay.values([past.training.loss])[past.training.loss]
        assert float(loss) == truth[step][0]
        if step > 1 and newest.at(step - 1) is past:
            for name, value in truth[step - 1][1].items():
                assert replay.session.variables[name].tobytes() == value.tobytes()
        assert replay.differs_from is None
        replay.close()


@pytest.mark.thorough
def test_a_hot_edit_at_step_1000_is_replayed_to_the_bit():
    how = {"tier": "compiled", "epochs": 300}
    first, second = variant(**how), variant("tanh", **how)
    run = Run(first, {1000: second}, 2000, snapshots=Snapshots(1 << 16))
    assert run.of(Edited)[0].step == 1000 and len(run.losses) == 2000
    newest = run.pasts[-1]
    for step in (999, 1000, 1001, 1002, 1500, 2000, 500):
        past = newest.at(step)
        replay = Replay(past)
        replay.go_to(step)
        loss = replay.values([past.training.loss])[past.training.loss]
        assert float(loss) == run.losses[step - 1]
        assert replay.differs_from is None
        replay.close()


@pytest.mark.thorough
def test_a_branch_begins_on_either_side_of_an_edit():
    first, second = variant(tier="compiled"), variant(layers=(6, 4), tier="compiled")
    run = Run(first, {25: second}, 50, snapshots=Snapshots(1 << 24))
    assert "w1" not in state_before(run.pasts[-1], 25).variables
    state = state_before(run.pasts[-1], 40)
    assert "w1" in state.variables
    assert state.losses.tobytes() == run.losses[:39].tobytes()
    assert (state.epoch, state.done) == (4, 9)
    going_on = variant(layers=(6, 4), tier="compiled")
    resumption = Resumption(state, None, None)
    rest = []
    for event in train(going_on.session, going_on.training, resumption=resumption):
        if isinstance(event, Steps):
            rest.append(event.losses)
        if sum(map(len, rest)) >= 11:
            break
    assert np.concatenate(rest)[:11].tobytes() == run.losses[39:].tobytes()


@pytest.mark.thorough
def test_a_branch_finds_variables_by_what_they_are_and_has_the_edited_numbers():
    first = variant(tier="compiled")
    first.ids = {name: (f"n{i}", name) for i, name in enumerate(first.session.variables)}
    run = Run(first, {}, 30, snapshots=Snapshots(1 << 24))
    run.pasts[0].numbers.set(10, "train", "learning_rate", 0.5)
    other = variant(tier="compiled", rate=0.25)
    ids = dict(first.ids)
    ids["w0"], ids["out"] = ("n9", "w0"), first.ids["w0"]  # of another shape: by name
    found = branch(run.pasts[0], 20, other.session, other.training, ids)
    assert found.notices == () and found.state.numbers == {}
    same = variant(tier="compiled")
    found = branch(run.pasts[0], 20, same.session, same.training, first.ids)
    assert found.state.numbers == {"train.learning_rate": 0.5}
    wide = variant(layers=(5, 5), tier="compiled")
    wide.ids = {"w0": ("a", "w0"), "w1": ("b", "w1"), "out": ("c", "out")}
    run = Run(wide, {}, 30, snapshots=Snapshots(1 << 24))
    turned = variant(layers=(5, 5), tier="compiled")
    ids = {"w0": ("b", "w1"), "w1": ("a", "w0"), "out": ("c", "out")}
    found = branch(run.pasts[0], 20, turned.session, turned.training, ids).state.variables
    plain = state_before(run.pasts[0], 20).variables
    assert found["w0"].tobytes() == plain["w1"].tobytes()
    assert found["w1"].tobytes() == plain["w0"].tobytes()


@pytest.mark.thorough
def test_copies_of_all_graphs_share_the_memory():
    how = {"tier": "compiled", "epochs": 300}
    first, second = variant(**how), variant("tanh", **how)
    snapshots = Often(budget=12_000)
    Run(first, {400: second}, 1200, snapshots=snapshots)
    assert snapshots.nbytes <= 12_000
    steps = snapshots.steps
    assert 0 in steps and steps.count(400) >= 1 and steps == sorted(steps)
    gaps = np.diff([*steps, 1200])
    assert gaps.max() <= 2 * 1200 / (len(steps) - 1)


class Often(Snapshots):
    """Copies every few steps, whatever the time."""

    def is_due(self, step: int) -> bool:
        return step - self.steps[-1] >= 5


def test_another_kind_of_optimizer_starts_anew_and_says_so():
    first, second = variant(rule="adam"), variant(rule="nadam")
    fresh = dict(second.session.variables.items())
    run = Run(first, {15: second}, 15)
    assert run.of(Edited)[0].notices == ("nadam instead of adam: its state starts anew",)
    for name in ("train/w0/m", "train/w0/v", "train/beta1_power"):  # both keep these
        assert run.session.variables[name].tobytes() == fresh[name].tobytes()
        assert first.session.variables[name].tobytes() != fresh[name].tobytes()
    assert run.session.variables["w0"].tobytes() == first.session.variables["w0"].tobytes()


@pytest.mark.thorough
def test_a_variable_is_found_by_what_it_is_before_its_name():
    """w0 was renamed w1, and another variable is called w0 now."""
    first, second = variant(layers=(5, 5)), variant(layers=(5, 5))
    first.ids = {"w0": ("n1", "w0"), "w1": ("n2", "w1"), "out": ("n3", "out")}
    second.ids = {"w0": ("n9", "w0"), "w1": ("n1", "w0"), "out": ("n4", "out")}
    fresh = dict(second.session.variables.items())
    run = Run(first, {5: second}, 5)
    before = dict(first.session.variables.items())
    assert run.session.variables["w1"].tobytes() == before["w0"].tobytes()
    assert run.session.variables["w0"].tobytes() == fresh["w0"].tobytes()
    assert run.session.variables["out"].tobytes() == before["out"].tobytes()  # by its name


@pytest.mark.thorough
def test_batches_change_where_an_epoch_begins():
    first, second = variant(), variant(batch_size=20, seed=9)
    assert not same_batches(first.training, second.training)
    assert same_batches(first.training, variant("tanh").training)
    second.at_epoch = True
    run = Run(first, {13: second}, 30)
    (edited,) = run.of(Edited)
    assert (edited.step, edited.epoch, edited.done, edited.steps_per_epoch) == (20, 3, 0, 4)
    assert [e.steps for e in run.of(Epoch)] == [10, 20, 24, 28]
    orders = order_of(second.training, 80, 3)
    with Session(second.session.graph, tier="reference", seed=9) as session:
        session.initialize()
        session.variables.update(state_before(run.pasts[-1], 21).variables)
        session.count_steps(["train"], 20)
        feeds = {t: COLUMNS[t.name].rows(orders[:20]) for t in second.training.bindings}
        _, loss = session.run([second.training.optimizer, second.training.loss], feeds)
    assert float(loss) == run.losses[20]


@pytest.mark.thorough
def test_epochs_change_and_the_one_that_has_begun_is_finished():
    more = Run(variant(epochs=2), {5: variant(epochs=4)}, 1000)
    assert [e.epoch for e in more.of(Epoch)] == [1, 2, 3, 4]
    fewer = Run(variant(epochs=6), {25: variant(epochs=1)}, 1000)
    assert [e.epoch for e in fewer.of(Epoch)] == [1, 2, 3]
    assert not fewer.of(Done)[0].stopped
    assert fewer.of(Edited)[0].epochs == 1


@pytest.mark.thorough
def test_metrics_and_early_stopping_change():
    second = variant(measured=True, patience=2, rate=0.0)
    run = Run(variant(), {15: second}, 1000)
    assert [set(e.metrics) for e in run.of(Epoch)][:2] == [set(), {"test/loss"}]
    assert run.of(Edited)[0].measured == (("test/loss", "test", 80),)
    assert run.of(Done)[0].reason == "training loss has not improved for 2 epochs"


@pytest.mark.thorough
def test_what_was_offered_last_counts_once():
    first, second, third = variant(), variant("tanh"), variant("sigmoid")

    class Twice(Run):
        def _idle(self) -> None:
            if self._edits:
                self.control.offer(second)
            super()._idle()

    run = Twice(first, {5: third}, 12)
    assert [e.what for e in run.of(Edited)] == [("act0: sigmoid",)]


def test_a_step_after_a_pause_waits_for_an_edit_that_is_being_prepared():
    control = Control()
    control.prepare(True)
    assert control.allow(10) == 10  # it is not paused
    control.pause()
    control.step(3)
    assert control._grant(10, False) is None
    control.prepare(False)
    assert control.allow(10) == 3
    control.prepare(True)
    control.resume()
    assert control._grant(10, False) is None
    control.prepare(False)
    assert control.allow(10) == 10
    control.prepare(True)
    control.stop()
    assert control.allow(10) == 0


def test_an_edit_that_cannot_take_effect_leaves_the_training_alone():
    refused = []
    second = variant(measured=True)
    second.training = Training(**{**vars(second.training), "metrics": (
        Metric(second.training.loss, "validation", key="v"),)})  # fmt: skip
    second.refused = refused.append
    run = Run(variant(), {5: second}, 12)
    assert len(run.losses) == 12 and run.of(Edited) == []
    assert isinstance(refused[0], DataError)


@pytest.mark.thorough
def test_checkpoints_after_an_edit_are_of_its_graph(tmp_path):
    first, second = variant(tier="compiled"), variant(layers=(6, 4), tier="compiled")
    Run(first, {15: second}, 45, checkpoints=Checkpoints(tmp_path, Every(steps=10)))
    newest = max(tmp_path.glob("step-*"), key=lambda p: int(p.name.partition("-")[2]))
    state = load_state(newest)
    assert state.step == 45 and "w1" in state.variables and "w1" in str(state.identity["graph"])
    parts = variant(tier="compiled"), variant(layers=(6, 4), tier="compiled")
    whole = Run(parts[0], {15: parts[1]}, 50)
    again = variant(layers=(6, 4), tier="compiled")
    rest = []
    resumption = Resumption(state, tmp_path, state.identity)
    for event in train(again.session, again.training, resumption=resumption):
        if isinstance(event, Steps):
            rest.append(event.losses)
        if sum(map(len, rest)) >= 5:
            break
    assert np.concatenate(rest)[:5].tobytes() == whole.losses[45:].tobytes()


@pytest.mark.thorough
def test_a_step_whose_copies_are_gone_cannot_be_shown():
    first, second = variant(), variant("tanh")
    run = Run(first, {5: second}, 12, snapshots=Snapshots(most=1))
    with pytest.raises(RunError, match="step 3 cannot be computed again"):
        Replay(run.pasts[-1].at(3)).go_to(3)


def test_the_event_is_a_line_of_json():
    event = Edited(7, 1, 7, ("node act: op relu -> tanh",), ("w1: from the initial value",))
    assert as_json(event) == {
        "event": "edited",
        "step": 7,
        "what": ["node act: op relu -> tanh"],
        "notices": ["w1: from the initial value"],
    }
