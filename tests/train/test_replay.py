"""A step that is computed again has the bits of the step itself, whatever tier ran it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.functions.without_variables import dropout
from nodeflow.ops.namespaces import image, nn
from nodeflow.resources import example
from nodeflow.train.events import Done, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Training

RNG = np.random.default_rng(5)


@dataclass
class Ran:
    """A training that is over."""

    past: Past
    session: Session
    losses: np.ndarray
    variables: dict[str, np.ndarray] = field(default_factory=dict)


def ran(training: Training, graph: nf.Graph, tier: Any, steps: int, every: int, **how: Any) -> Ran:
    """Train for some steps, copying the variables every so many."""
    session, losses, pasts = Session(graph, tier=tier, seed=training.seed), [], []
    session.initialize()
    snapshots = EverySo(every, budget=1 << 28)
    for event in train(session, training, snapshots=snapshots, remember=pasts.append, **how):
        if isinstance(event, Steps):
            losses.append(event.losses)
        if sum(map(len, losses)) >= steps or isinstance(event, Done):
            break
    return Ran(pasts[0], session, np.concatenate(losses), dict(session.variables.items()))


class EverySo(Snapshots):
    """Copies by steps, not by time, so that a test does the same everywhere."""

    def __init__(self, every: int, **how: Any) -> None:
        super().__init__(**how)
        self.every = every

    def is_due(self, step: int) -> bool:
        return step - self.steps[-1] >= self.every


def recorded(
    past: Past, tensors: list[Tensor], last: int, take: set[int], tier: Any, since: int = 0
) -> dict[int, list[np.ndarray]]:
    """The tensors of some steps, from a loop of `session.run` that fetches them in the step.

    Args:
        since: how many steps run by reference before the compiled ones.
    """
    training, found = past.training, {}
    sessions = [Session(past.session.graph, tier="reference", seed=training.seed)]
    if since < last:
        sessions.append(Session(past.session.graph, tier="compiled", seed=training.seed))
    session = sessions[0] if since else sessions[-1]
    if tier == "reference":
        session = sessions[0]
    session.initialize()
    bindings = training.used_bindings([training.optimizer, training.loss.node])
    for step in range(1, last + 1):
        if since and step == since + 1:
            other = sessions[-1]
            for name, value in session.variables.items():
                other.variables[name] = value
            other.count_steps([training.optimizer.name], since)
            session = other
        epoch, at = divmod(step - 1, past.steps_per_epoch)
        order = order_of(training, past.rows or 0, epoch + 1)
        which = order[at * training.batch_size : (at + 1) * training.batch_size]
        feeds = {t: b.dataset.split("train")[b.column].rows(which) for t, b in bindings.items()}
        wanted = [training.optimizer, *(tensors if step in take else [])]
        values = session.run(wanted, {**training.feeds, **feeds})
        if step in take:
            found[step] = [np.asarray(value) for value in values[1:]]
    return found


def flow_training(name: str, batch: int, **settings: Any) -> tuple[nf.Graph, Training]:
    """An example's training, on batches that a test can wait for."""
    path = example(f"{name}.flow")
    task = Task(flow.loads(path.read_text(encoding="utf-8")), base_dir=path.parent)
    training = replace(task.training(), batch_size=batch, metrics=(), **settings)
    return task.graph, training


def looked_at(training: Training) -> list[Tensor]:
    """Every tensor that a step computes: activations, gradients, what optimizers keep."""
    from nodeflow.graph.graph import ancestors

    nodes = sorted(ancestors([training.optimizer, training.loss.node]), key=lambda n: n.index)
    tensors = (t for n in nodes if n.op.id not in ("assign", "print") for t in n.outputs)
    return [t for t in tensors if not t.node.op.macro]


def compare(found: Ran, tier: Any, steps: int, count: int, since: int = 0) -> None:
    tensors = looked_at(found.past.training)
    chosen = sorted(RNG.choice(np.arange(1, steps + 1), count, replace=False).tolist())
    truth = recorded(found.past, tensors, max(chosen), set(chosen), tier, since)
    replay = Replay(found.past)
    shuffled = RNG.permutation(chosen).tolist()
    for step in chosen if tier == "reference" else shuffled:  # in order there is less to repeat
        replay.go_to(step)
        values = replay.values(tensors)
        for tensor, expected in zip(tensors, truth[step], strict=True):
            value = values[tensor]
            assert value.dtype == expected.dtype and value.shape == expected.shape, tensor.name
            assert value.tobytes() == expected.tobytes(), (step, tensor.name)
    replay.close()


def everything(rows: int = 90) -> tuple[nf.Graph, Training]:
    """Adam, running means, batch normalisation, dropout, pictures that are altered at random."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6, 6, 1], name="x")
        y = nf.placeholder("int32", [None], name="y")
        turned = image.random_flip_left_right(x, seed=3)
        bright = turned + nf.random_uniform([], -0.1, 0.1, seed=4)
        hidden = nf.layers.dense(nf.reshape(bright, [-1, 36]), 9, activation=nn.relu)
        hidden = nf.layers.batch_normalization(hidden)
        hidden = dropout(hidden, rate=0.3)
        logits = nf.layers.dense(hidden, 3)
        losses = nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = nf.reduce_mean(losses, name="loss")
        optimizer = nf.adam(loss, learning_rate=0.05, average_decay=0.9, name="train")
    return graph, of_rows(optimizer, loss, {x: PICTURES[:rows], y: LABELS[:rows]})


PICTURES = RNG.normal(size=(90, 6, 6, 1))
LABELS = RNG.integers(0, 3, 90).astype("int32")


def of_rows(optimizer: Any, loss: Tensor, rows: dict[Tensor, Any], **how: Any) -> Training:
    from nodeflow.data.data_splits import DataSplits
    from nodeflow.engine.columns import Column
    from nodeflow.train.training import Binding

    columns = {t.name: Column(np.asarray(a, t.dtype)) for t, a in rows.items()}
    data = DataSplits("d", "memory", {"train": columns})
    bindings = {t: Binding(data, t.name) for t in rows}
    how = {"batch_size": 8, "epochs": 100, "seed": 3, **how}
    return Training(optimizer, loss, bindings=bindings, **how)


CASES: dict[str, Callable[[], tuple[nf.Graph, Training]]] = {
    "everything": everything,
    "few_rows": lambda: everything(rows=10),  # every step is an epoch
    "mnist": lambda: flow_training("mnist", 20),
    "mnist_adam": lambda: flow_training("mnist_adam", 20),
    "lstm": lambda: flow_training("lstm", 4),
    "mnist_cnn": lambda: flow_training("mnist_cnn", 4),
}
TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])


@pytest.mark.thorough
@TIERS
@pytest.mark.parametrize("case", CASES)
def test_it_has_the_bits_of_a_run_that_recorded_them(case, tier):
    graph, training = CASES[case]()
    steps, count = (70, 50) if case != "mnist_cnn" else (60, 50)
    found = ran(training, graph, tier, steps, every=13)
    compare(found, tier, steps, count)


@pytest.mark.thorough
def test_it_follows_the_switch_of_a_training():
    graph, training = everything()
    found = ran(training, graph, "auto", 60, every=7, tiers={"steps": 20})
    assert found.past.tiers.since["steps"] == 20
    compare(found, "auto", 60, 50, since=20)


@pytest.mark.thorough
@TIERS
def test_the_training_goes_on_undisturbed(tier):
    graph, training = everything()
    alone = ran(training, graph, tier, 60, every=9)
    graph, training = everything()
    session, losses, pasts = Session(graph, tier=tier, seed=training.seed), [], []
    session.initialize()
    replay = None
    for event in train(
        session, training, snapshots=EverySo(9, budget=1 << 28), remember=pasts.append
    ):
        if isinstance(event, Steps):
            losses.append(event.losses)
            replay = replay or Replay(pasts[0])
            replay.go_to(1 + event.last // 2)
            replay.values([training.loss])
        if sum(map(len, losses)) >= len(alone.losses):
            break
    after = np.concatenate(losses)
    length = min(len(after), len(alone.losses))
    assert after[:length].tobytes() == alone.losses[:length].tobytes()


@pytest.mark.thorough
@TIERS
def test_a_replay_in_another_thread_disturbs_nothing(tier):
    graph, training = everything()
    steps = 400
    alone = ran(training, graph, tier, steps, every=9)
    graph, training = everything()
    session, losses, pasts, looked = Session(graph, tier=tier, seed=training.seed), [], [], []
    session.initialize()
    over = threading.Event()

    def look() -> None:
        replay, random = Replay(pasts[0]), np.random.default_rng(1)
        while not over.is_set() or len(looked) <= 3:
            last = 1 + len(pasts[0].progress.recorded())
            step = int(random.integers(1, last + 1))
            replay.go_to(step)
            value = replay.values(replay.everything)[training.loss]
            looked.append((step, float(value)))
        replay.close()

    thread = threading.Thread(target=look)
    try:
        for event in train(
            session, training, snapshots=EverySo(9, budget=1 << 28), remember=pasts.append
        ):
            if isinstance(event, Steps):
                losses.append(event.losses)
                if not thread.ident:
                    thread.start()
            if sum(map(len, losses)) >= steps:
                break
    finally:
        over.set()
        thread.join()
    after = np.concatenate(losses)
    length = min(len(after), len(alone.losses))
    assert after[:length].tobytes() == alone.losses[:length].tobytes()
    assert len(looked) > 3
    assert all(value == after[step - 1] for step, value in looked if step <= len(after))


@pytest.mark.thorough
def test_the_losses_are_those_of_the_training():
    graph, training = everything()
    found = ran(training, graph, "compiled", 40, every=9)
    replay = Replay(found.past)
    replay.go_to(1)
    again = np.concatenate([replay.advance(5)[:, 0] for _ in range(30)])
    length = min(len(again), len(found.losses))
    assert length >= 40 and again[:length].tobytes() == found.losses[:length].tobytes()


@pytest.mark.thorough
def test_a_loss_that_is_not_the_recorded_one_is_noticed():
    graph, training = everything()
    found = ran(training, graph, "compiled", 40, every=10_000)
    replay = Replay(found.past)
    replay.go_to(30)
    assert replay.differs_from is None
    progress = found.past.progress
    progress._losses = [progress.losses.copy()]
    progress._losses[0][20] += 1e-12
    replay.go_to(18)
    assert replay.differs_from is None
    replay.go_to(22)
    assert replay.differs_from == 21


@pytest.mark.thorough
def test_what_runs_beside_the_steps_switches_tiers_when_it_can():
    graph, training = everything()
    session = Session(graph, tier="auto", seed=training.seed)
    session.initialize()
    for event in train(session, training):
        assert session.tiers is None  # a record would hold runs between two steps to one tier
        if isinstance(event, Steps) and event.last > 20:
            break


@pytest.mark.thorough
def test_it_reports_progress_and_can_be_cancelled():
    graph, training = everything()
    found = ran(training, graph, "reference", 30, every=10_000)
    seen: list[tuple[int, int]] = []
    replay = Replay(found.past)
    replay.go_to(25, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24) and [d for d, _ in seen] == sorted(d for d, _ in seen)
    cancelled = Replay(found.past, cancelled=lambda: True)
    with pytest.raises(Cancelled):
        cancelled.go_to(25)


def test_without_copies_it_says_so():
    graph, training = everything()
    found = ran(training, graph, "reference", 3, every=10_000)
    none = replace(found.past, snapshots=Snapshots(budget=0))
    with pytest.raises(RunError, match="no earlier snapshot"):
        Replay(none).go_to(2)


@pytest.mark.thorough
def test_copies_stay_within_the_budget():
    graph, training = everything()
    session = Session(graph, tier="reference", seed=1)
    session.initialize()
    size = sum(a.nbytes for a in session.variables.values())
    snapshots = EverySo(1, budget=5 * size)
    for event in train(session, training, snapshots=snapshots):
        assert snapshots.nbytes <= 5 * size
        if isinstance(event, Steps) and event.last > 60:
            break
    assert snapshots.steps[0] == 0 and 4 <= len(snapshots.steps) <= 7
