"""Several optimizers take turns in one training. The number of a step says whose turn it is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError, NonFiniteError, OutOfBoundsError
from nodeflow.ops.layers.functions.without_variables import dropout
from nodeflow.train.events import Epoch, Started, Steps
from nodeflow.train.resume.resuming import ChangedProblem
from nodeflow.train.rewind.kept_past import KeptPast, load_past
from nodeflow.train.rewind.replay import Replay
from nodeflow.train.schedule import Schedule, Turn
from nodeflow.train.stepping.rows import bound
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Phase, Training, scheduled
from tests.train.test_replay import Ran, looked_at, ran
from tests.train.test_resume import Seen

RNG = np.random.default_rng(11)
REAL = RNG.normal(2, 0.5, (90, 2)).astype("float32")
NOISE = RNG.normal(size=(90, 3)).astype("float32")
SHAPES = {
    "gen/W1": (3, 8), "gen/W2": (8, 2), "dis/W1": (2, 8), "dis/W2": (8, 1),
}  # fmt: skip
START = {name: RNG.normal(0, 0.5, shape).astype("float32") for name, shape in SHAPES.items()}
BATCH, STEPS = 8, 11  # 90 rows, the last two are left out in each epoch
TURNS = [{"optimizer": "d", "steps": 2}, {"optimizer": "g", "from": 3}]


def gan(noise_is_drawn: bool = False, rate: float = 0.1, adam: bool = False) -> nf.Graph:
    """A generator and a discriminator of points."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 2], name="x")
        if noise_is_drawn:
            z = nf.random_normal([BATCH, 3], name="z")
        else:
            z = nf.placeholder("float32", [None, 3], name="z")
        w = {name: nf.variable(value, name=name) for name, value in START.items()}
        fake = nf.matmul(nf.tanh(nf.matmul(z, w["gen/W1"])), w["gen/W2"], name="fake")

        def judged(points: nf.Tensor) -> nf.Tensor:
            hidden = nf.tanh(nf.matmul(points, w["dis/W1"]))
            hidden = dropout(hidden, rate=0.3) if noise_is_drawn else hidden
            return nf.matmul(hidden, w["dis/W2"])

        real, false = judged(x), judged(fake)
        d_loss = nf.reduce_mean(nf.softplus(-real) + nf.softplus(false), name="d_loss")
        g_loss = nf.reduce_mean(nf.softplus(-false), name="g_loss")
        make: Any = nf.adam if adam else nf.gradient_descent
        make(d_loss, learning_rate=rate, variables=["dis/W1", "dis/W2"], name="d")
        make(g_loss, learning_rate=rate, variables=["gen/W1", "gen/W2"], name="g")
    return graph


def data(noise_is_drawn: bool = False) -> dict[str, np.ndarray]:
    return {"x": REAL} if noise_is_drawn else {"x": REAL, "z": NOISE}


def trained(
    tier: Any = "reference",
    leave_at: int = 0,
    noise_is_drawn: bool = True,
    backend: str = "numba",
    **more: Any,
) -> Seen:
    graph = gan(noise_is_drawn, adam=True, rate=0.01)
    tier = tier if backend == "numba" else "auto"
    with nf.Session(graph, tier=tier, backend=backend, seed=1) as session:
        how: dict[str, Any] = {"schedule": TURNS, "epochs": 3, "batch_size": BATCH, **more}
        events = nf.train.train(graph, session=session, data=data(noise_is_drawn), **how)
        return Seen(session, events, leave_at)


# ---- turns --------------------------------------------------------------------------------------


def one_by_one(turns: list[Turn], count: int) -> list[int]:
    """The phases of steps, by playing the turns."""
    found: list[int] = []
    number = 0
    while len(found) < count:
        turn = turns[number % len(turns)]
        if turn.start <= len(found):
            found += [number % len(turns)] * turn.steps
        number += 1
    return found[:count]


def test_the_phase_of_a_step_is_the_one_that_playing_the_turns_gives() -> None:
    chance = random.Random(3)
    for _ in range(400):
        count = chance.randint(1, 4)
        turns = [Turn(f"o{i}", chance.randint(1, 5), chance.choice([0, 0, chance.randint(0, 60)]))
                 for i in range(count)]  # fmt: skip
        turns[chance.randrange(count)] = Turn("first", chance.randint(1, 5))
        schedule, truth = Schedule(turns), one_by_one(turns, 150)
        assert [schedule.phase_at(step) for step in range(150)] == truth, turns
        first = chance.randrange(100)
        assert schedule.phases(first, 50).tolist() == truth[first : first + 50]
        for step in range(0, 140, 7):
            same = schedule.left(step)
            assert same >= 1 and len({*truth[step : step + same]}) == 1


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ([], "a schedule is a list of phases"),
        ("d", "a schedule is a list of phases"),
        ([{"optimizer": "d", "steps": 0}], "the phase of d has steps = 0"),
        ([{"optimizer": "d", "from": -1}], "the phase of d has from = -1"),
        ([{"optimizer": "d", "from": 1}], "no phase of the schedule begins with the first step"),
        ([{"optimizer": "d", "every": 2}], "a phase has an optimizer, steps and from"),
        ([{"optimizer": "d_loss"}], "no loss of its own"),
    ],
)
def test_a_wrong_schedule_is_refused_in_words(schedule: Any, text: str) -> None:
    with pytest.raises(GraphError, match=text):
        list(nf.train.train(gan(), schedule=schedule, data=data(), keep_run=False))


def test_a_schedule_and_an_optimizer_are_refused() -> None:
    with pytest.raises(GraphError, match="names its optimizers"):
        nf.train.train(gan(), schedule=TURNS, optimizer="d", data=data(), keep_run=False)


def test_early_stopping_needs_to_know_the_loss() -> None:
    with pytest.raises(GraphError, match="needs to know which to watch"):
        list(nf.train.train(gan(), schedule=TURNS, data=data(), patience=1, keep_run=False))


# ---- losses -------------------------------------------------------------------------------------


def by_hand(count: int, turns: list[Turn], rate: float) -> tuple[list[float], dict[str, Any]]:
    """The losses of a loop in numpy with gradients worked out on paper, in double precision."""
    w = {name: value.astype(float) for name, value in START.items()}
    softplus = lambda s: np.logaddexp(0, s)  # noqa: E731
    sigmoid = lambda s: 1 / (1 + np.exp(-s))  # noqa: E731
    losses = []
    for step, phase in enumerate(one_by_one(turns, count)):
        at = step % STEPS * BATCH
        x, z = (a[at : at + BATCH].astype(float) for a in (REAL, NOISE))
        hidden = np.tanh(z @ w["gen/W1"])
        fake = hidden @ w["gen/W2"]
        of_x, of_fake = np.tanh(x @ w["dis/W1"]), np.tanh(fake @ w["dis/W1"])
        real, false = of_x @ w["dis/W2"], of_fake @ w["dis/W2"]
        if turns[phase].name == "d":
            losses.append(float(np.mean(softplus(-real) + softplus(false))))
            to_real, to_false = -sigmoid(-real) / BATCH, sigmoid(false) / BATCH
            w2 = of_x.T @ to_real + of_fake.T @ to_false
            w1 = x.T @ (to_real @ w["dis/W2"].T * (1 - of_x**2))
            w1 += fake.T @ (to_false @ w["dis/W2"].T * (1 - of_fake**2))
            w["dis/W1"], w["dis/W2"] = w["dis/W1"] - rate * w1, w["dis/W2"] - rate * w2
        else:
            losses.append(float(np.mean(softplus(-false))))
            to_fake = (-sigmoid(-false) / BATCH @ w["dis/W2"].T * (1 - of_fake**2)) @ w["dis/W1"].T
            w2 = hidden.T @ to_fake
            w1 = z.T @ (to_fake @ w["gen/W2"].T * (1 - hidden**2))
            w["gen/W1"], w["gen/W2"] = w["gen/W1"] - rate * w1, w["gen/W2"] - rate * w2
    return losses, w


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_losses_and_weights_are_those_of_a_loop_written_by_hand(tier: Any) -> None:
    turns = [Turn("d", 2), Turn("g", 1, 3)]
    truth, weights = by_hand(2 * STEPS, turns, 0.1)
    graph = gan()
    with nf.Session(graph, tier=tier) as session:
        how: dict[str, Any] = {"batch_size": BATCH, "epochs": 2, "shuffle": False}
        events = nf.train.train(graph, schedule=TURNS, data=data(), session=session, **how)
        seen = Seen(session, events)
    np.testing.assert_allclose(seen.losses, truth, atol=1e-4)
    for name, value in weights.items():
        np.testing.assert_allclose(seen.variables[name], value, atol=1e-4)


def test_an_epoch_has_the_mean_loss_of_each_optimizer() -> None:
    graph, events = gan(), []
    for event in nf.train.train(
        graph, schedule=TURNS, data=data(), epochs=2, batch_size=BATCH, keep_run=False
    ):
        events.append(event)
    started = events[0]
    assert isinstance(started, Started) and started.schedule is not None
    assert started.schedule.losses == ("loss/d", "loss/g")
    losses = np.concatenate([e.losses for e in events if isinstance(e, Steps)])
    names = [["d", "g"][i] for i in one_by_one([Turn("d", 2), Turn("g", 1, 3)], 2 * STEPS)]
    epochs = [e for e in events if isinstance(e, Epoch)]
    for number, epoch in enumerate(epochs):
        part = slice(number * STEPS, (number + 1) * STEPS)
        for name in ("d", "g"):
            of_it = [v for v, n in zip(losses[part], names[part], strict=True) if n == name]
            assert epoch.metrics[f"loss/{name}"] == pytest.approx(np.mean(of_it), abs=1e-12)
        assert (epoch.phase, epoch.loss) == ("loss/d", epoch.metrics["loss/d"])
        assert epoch.losses == {k: epoch.metrics[k] for k in ("loss/d", "loss/g")}


def test_a_step_changes_only_the_variables_of_its_optimizer() -> None:
    graph = gan(adam=True)
    rows = {name: array[:BATCH] for name, array in data().items()}  # an epoch is one step
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        how: dict[str, Any] = {"session": session, "batch_size": BATCH, "epochs": 9}
        before, changed = dict(session.variables.items()), []
        for event in nf.train.train(graph, schedule=TURNS, data=rows, **how):
            if isinstance(event, Epoch):
                now = dict(session.variables.items())
                differ = {n.split("/")[0] for n in now if not np.array_equal(now[n], before[n])}
                before = now
                changed.append("".join(sorted(differ)))
                assert list(event.losses) == [f"loss/{changed[-1][0]}"]
    assert changed == [["ddis", "ggen"][i] for i in one_by_one([Turn("d", 2), Turn("g", 1, 3)], 9)]


def test_one_optimizer_of_several_trains_as_one_phase() -> None:
    graph = gan()
    how: dict[str, Any] = {"data": data(), "epochs": 1, "batch_size": BATCH, "keep_run": False}
    events = list(nf.train.train(graph, optimizer="d", **how))
    epoch = next(e for e in events if isinstance(e, Epoch))
    assert epoch.phase == "" and "loss/d" not in epoch.metrics and list(epoch.losses) == ["loss"]
    with pytest.raises(GraphError, match="let them take turns"):
        list(nf.train.train(graph, **how))


# ---- the past -----------------------------------------------------------------------------------


@pytest.mark.sample(1)
@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("step", [1, 2, 4, 5, 6, STEPS, STEPS + 1, 20])
def test_a_training_resumes_in_the_middle_of_its_schedule(
    tmp_path: Path, tier: Any, step: int
) -> None:
    whole = trained(tier)
    cut = trained(tier, checkpoint=tmp_path, every=1, leave_at=step)
    rest = trained(tier, resume=tmp_path)
    assert rest.resumed is not None and rest.resumed.step == len(cut.losses)
    rest.agrees(whole)
    assert [e.phase for e in rest.epochs] == ["loss/d"] * 3


def test_another_schedule_is_another_training(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path, every=1, leave_at=5)
    with pytest.raises(ChangedProblem, match=r"schedule \(was d × 2, g × 1 from step 3, is d × 1"):
        trained(resume=tmp_path, schedule=["d", "g"])
    with pytest.raises(ChangedProblem, match=r"schedule \(was .*, is not set\)"):
        trained(resume=tmp_path, schedule=None, optimizer="d")


def points(noise_is_drawn: bool = True) -> tuple[nf.Graph, Training]:
    graph = gan(noise_is_drawn, adam=True, rate=0.01)
    d, g = (graph.node(name) for name in "dg")
    phases = [Phase(d, d.inputs[0], 2), Phase(g, g.inputs[0], 1, 3)]
    rows = bound(graph, {"train": data(noise_is_drawn)})
    made = Training(**scheduled(phases), bindings=rows, batch_size=BATCH, epochs=4)
    return graph, made


def recorded(found: Ran, tier: Any, tensors: list[Any], last: int) -> list[list[np.ndarray]]:
    """The tensors of each step, from a loop of `session.run`."""
    past, values = found.past, []
    graph, turns = past.session.graph, past.training.turns
    assert turns is not None
    with nf.Session(graph, tier=tier, seed=past.training.seed) as session:
        session.initialize()
        for step in range(last):
            epoch, at = divmod(step, STEPS)
            which = order_of(past.training, 90, epoch + 1)[at * BATCH : (at + 1) * BATCH]
            session.count_steps(["d", "g"], step)
            run = [turns.name_at(step), tensors]
            values.append(session.run(run, {"x": REAL[which]})[1])
    return values


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_every_step_is_computed_again_with_the_same_bits(tmp_path: Path, tier: Any) -> None:
    graph, training = points()
    found = ran(training, graph, tier, 4 * STEPS, every=5)
    tensors = [t for t in looked_at(training) if not t.node.name.startswith(("d/", "g/"))]
    truth = recorded(found, tier, tensors, 4 * STEPS)
    KeptPast.of(found.past).save(tmp_path / "past")
    loaded = load_past(tmp_path / "past")
    kept = loaded.past(loaded.session(graph), training, found.past.progress)
    for past in (found.past, kept):
        replay = Replay(past)
        for step in (3, 30, 6, 4, 17, 18, 19, 12):
            replay.go_to(step)
            values = replay.values(tensors)
            for tensor, expected in zip(tensors, truth[step - 1], strict=True):
                assert values[tensor].tobytes() == np.asarray(expected).tobytes(), tensor.name
        assert replay.differs_from is None
        replay.close()


def test_elements_of_a_data_set_take_turns_like_rows() -> None:
    graph = gan()
    elements = nf.data.Dataset.from_generator(
        lambda: zip(*(np.array_split(a[:88], STEPS) for a in (REAL, NOISE)), strict=True),
        ("float32", "float32"), ([None, 2], [None, 3]),
    )  # fmt: skip
    elements.bind(graph.tensor("x"), graph.tensor("z"))
    with nf.Session(graph, tier="reference") as session:
        events = nf.train.train(graph, schedule=TURNS, session=session, epochs=2)
        stream = Seen(session, events)
    graph = gan()
    with nf.Session(graph, tier="reference") as session:
        how: dict[str, Any] = {"epochs": 2, "batch_size": BATCH, "shuffle": False, "data": data()}
        rows = Seen(session, nf.train.train(graph, schedule=TURNS, session=session, **how))
    assert stream.losses == rows.losses and len(rows.losses) == 2 * STEPS
    assert [e.metrics for e in stream.epochs] == [e.metrics for e in rows.epochs]


def test_bounds_of_a_variable_hold_in_the_steps_of_its_own_optimizer() -> None:
    most = float(np.abs(START["gen/W2"]).max())
    how: dict[str, Any] = {
        "data": data(),
        "epochs": 2,
        "batch_size": BATCH,
        "keep_run": False,
        "shuffle": False,
    }
    with pytest.raises(OutOfBoundsError) as caught:
        list(nf.train.train(gan(), schedule=TURNS, bounds={"gen/W2": (-most, most)}, **how))
    turns = Schedule([Turn("d", 2), Turn("g", 1, 3)])
    assert turns.name_at(caught.value.step - 1) == "g"
    _, before = by_hand(caught.value.step - 1, [*turns.turns], 0.1)
    _, after = by_hand(caught.value.step, [*turns.turns], 0.1)
    assert np.abs(before["gen/W2"]).max() <= most < np.abs(after["gen/W2"]).max()


def test_a_group_takes_an_optimizer_and_what_follows_it() -> None:
    graph = gan()
    with graph:
        critic = [graph.tensor("dis/W1"), graph.tensor("dis/W2")]
        with nf.control_dependencies([graph.node("d")]):
            clipped = [nf.assign(w, nf.clip_by_value(w, -0.1, 0.1)) for w in critic]
        nf.group(graph.node("d"), *clipped, name="critic")
    turns = [{"optimizer": "critic", "steps": 2}, "g"]
    how: dict[str, Any] = {"epochs": 1, "batch_size": BATCH}
    with nf.Session(graph, tier="compiled") as session:
        seen = Seen(
            session, nf.train.train(graph, schedule=turns, data=data(), session=session, **how)
        )
    assert list(seen.epochs[0].losses) == ["loss/critic", "loss/g"]
    for name in ("dis/W1", "dis/W2"):
        assert np.abs(seen.variables[name]).max() == np.float32(0.1)


def test_the_end_of_a_training_that_diverges_names_the_loss_of_the_phase() -> None:
    turns, noise = Schedule([Turn("d", 2), Turn("g", 1, 3)]), NOISE.copy()
    assert turns.name_at(4) == "g"
    noise[4 * BATCH] = np.nan
    how: dict[str, Any] = {"epochs": 2, "batch_size": BATCH, "keep_run": False, "shuffle": False}
    with pytest.raises(NonFiniteError, match="g_loss") as caught:
        rows = {"x": REAL, "z": noise}
        list(nf.train.train(gan(), schedule=TURNS, data=rows, **how))
    assert caught.value.step == 5
