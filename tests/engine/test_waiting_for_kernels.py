"""The tier ``auto`` waits for the compiler where that takes less time than the reference."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler.background import Job
from nodeflow.engine.compiler.compilation import Compilation, State
from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.plan.reference_time import gain
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session
from nodeflow.engine.stepper import Stepper
from nodeflow.engine.waiting import LOOK_SECONDS, never
from nodeflow.errors import Cancelled
from nodeflow.graph.graph import ancestors
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.train.control import Control
from nodeflow.train.evaluation.evaluate_split import evaluate
from nodeflow.train.events import Done, Steps
from nodeflow.train.loop.event_stream import train as events_of
from nodeflow.train.training import Binding, Metric, Monitor, Training


class Compiler:
    """Takes as long as it is told to say."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.time = seconds

    def all_cached(self, sources):
        return False

    def submit(self, sources):
        raise AssertionError("nothing is asked of it")

    def compile_all(self, sources, interrupted=never):
        return True

    def seconds(self, sources):
        return self.time


def compilation(compiler: Compiler) -> Compilation:
    made = Compilation(
        lambda: "plan", lambda plan: {"k": ("a",)}, lambda plan: "result",
        print, compiler,
    )  # fmt: skip
    made.planned()
    return made


@pytest.mark.parametrize(("saved", "expected"), [(-1.0, False), (1.9, False), (2.1, True)])
def test_waiting_pays_if_it_takes_less_than_it_saves(saved, expected):
    assert compilation(Compiler(2.0)).pays(saved) is expected
    assert compilation(Compiler(0.0)).pays(saved) is (saved > 0)


def product_of(n: int) -> nf.Tensor:
    with nf.Graph():
        x = nf.placeholder("float32", [n, n], name="x")
        return nf.matmul(x, x, name="product")


def plan_of(fetch: nf.Tensor) -> Plan:
    fed = [node.outputs[0] for node in ancestors([fetch.node]) if node.op.id == "placeholder"]
    schedule = build_schedule([fetch], fed)
    return make_plan(schedule, schedule.specialise({s: t.type for t, s in schedule.feeds.items()}))


def test_a_gain_counts_runs_and_what_was_measured():
    plan = plan_of(product_of(256))
    once = gain(plan, 1, 0.0)
    assert 0 < once < 1.0 and gain(plan, 7, 0.0) == pytest.approx(7 * once)
    assert gain(plan, 7, 2.0) == pytest.approx(14.0, rel=0.01)  # seconds, by reference
    assert gain(plan, 7, 1e-9) == pytest.approx(7 * once)  # the estimate, if it is longer


def test_convolutions_gain_more_than_products_and_loops_more_than_what_is_outside():
    with nf.Graph():
        x = nf.placeholder("float32", [8, 28, 28, 1], name="x")
        seen = nf.conv2d(x, np.ones((5, 5, 1, 8), np.float32), name="seen")
        y = nf.placeholder("float32", [256, 256], name="y")
        last = nf.while_loop(lambda i, z: i < 10, lambda i, z: (i + 1, z @ y), (0, y))[1]

    def times(fetch):
        plan = plan_of(fetch)
        return gain(plan, 1, 0.0) / (1e-9 * plan.work)

    assert times(seen) > 3 * times(product_of(256)) > 0
    assert times(last) > 2 * times(product_of(256))


def test_nothing_is_waited_for_that_is_there_or_never_comes():
    ready = compilation(Compiler())
    assert ready.complete() == "result" and ready.state is State.READY
    assert not ready.pays(1e12)
    unavailable = Compilation(lambda: None, dict, str, print, Compiler())  # type: ignore[arg-type]
    unavailable.planned()
    assert not unavailable.pays(1e12)


class Stuck(Compiler):
    """Never done; kept beside the threads that would wait for it."""

    def submit(self, sources):
        return Job(sources)

    def compile_all(self, sources, interrupted=never):
        while not interrupted():
            time.sleep(LOOK_SECONDS)
        return False


@pytest.mark.sample(1)
@pytest.mark.parametrize("tier", ["auto", "compiled"])
@pytest.mark.parametrize("how", ["stop", "pause"])
def test_a_training_that_waits_for_the_compiler_can_be_stopped_and_paused(monkeypatch, how, tier):
    monkeypatch.setattr(Compilation, "_compiler", Stuck(0.0))
    monkeypatch.setattr(Compilation, "pays", lambda *a: True)
    g, x, loss, train, column = regression()
    data = DataSplits("data", "data", {"train": {"x": column}})
    plan = Training(train, loss, bindings={x: Binding(data, "x")}, epochs=10**6, batch_size=100)
    control, seen = Control(), []
    with Session(g, tier=tier) as session:
        session.variables["w"] = np.zeros((3, 1), np.float32)

        def run() -> None:
            seen.extend(events_of(session, plan, control))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive() and not any(isinstance(event, Steps) for event in seen)
        getattr(control, how)()
        if how == "pause":
            thread.join(0.3)
            assert thread.is_alive()
            control.stop()
        thread.join(5.0)
        assert not thread.is_alive() and isinstance(seen[-1], Done) and seen[-1].stopped
        assert seen[-1].steps == 0
        assert session.tier == "reference"  # what it was, where no step was made
        assert not session.interrupted()


class Slow(Compiler):
    """Takes ten looks of its caller; then each kernel is compiled when it is loaded."""

    def submit(self, sources):
        return Job(sources)

    def compile_all(self, sources, interrupted=never):
        for _ in range(10):
            if interrupted():
                return False
            time.sleep(LOOK_SECONDS)
        return True


@pytest.mark.parametrize("tier", ["auto", "compiled"])
def test_single_steps_are_all_made_whatever_they_wait_for(monkeypatch, tier):
    monkeypatch.setattr(Compilation, "_compiler", Slow(1.0))
    g, x, loss, train, column = regression()
    data = DataSplits("data", "data", {"train": {"x": column}})
    plan = Training(train, loss, bindings={x: Binding(data, "x")}, epochs=10**6, batch_size=100)
    control = Control(idle=lambda: control.stop())
    control.step(30)  # across an epoch of 25
    with Session(g, tier=tier) as session:
        session.initialize()
        done = list(events_of(session, plan, control))[-1]
        assert isinstance(done, Done) and done.steps == 30
        assert session.tier == ("compiled" if tier == "compiled" else "reference")


def test_a_single_step_announces_no_more_steps(monkeypatch):
    g, x, loss, train, column = regression()
    data = DataSplits("data", "data", {"train": {"x": column}})
    plan = Training(train, loss, bindings={x: Binding(data, "x")}, epochs=2, batch_size=100)
    ahead, run = [], Stepper.run
    monkeypatch.setattr(Stepper, "run", lambda s, n: ahead.append((n, s.ahead)) or run(s, n))
    control = Control(idle=lambda: control.resume())
    control.step(3)
    with Session(g, tier="reference") as session:
        session.initialize()
        list(events_of(session, plan, control))
    made = np.cumsum([count for count, _ in ahead])
    left = 50 - np.array([0, *made[:-1]])
    expected = [
        n if total <= 3 else more for (n, _), total, more in zip(ahead, made, left, strict=True)
    ]
    assert made[-1] == 50 and 3 in made
    assert [announced for _, announced in ahead] == expected


def regression():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable(np.zeros((3, 1), np.float32), name="w")
        loss = nf.reduce_mean(nf.square(x @ w - 1.0), name="loss")
        train = GradientDescentOptimizer(0.1).minimize(loss)
    rows = np.random.default_rng(0).normal(size=(2500, 3)).astype(np.float32)
    return g, x, loss, train, Column(rows)


@pytest.mark.parametrize("pays", [True, False])
def test_a_training_waits_where_it_pays(monkeypatch, pays):
    asked = []
    monkeypatch.setattr(
        Stepper,
        "_gain",
        lambda self, plan, ahead: asked.append((ahead, self._seconds)) or (1e9 if pays else -1e9),
    )
    g, x, loss, train, column = regression()
    with Session(g, tier="auto") as session:
        session.initialize()
        stepper = session.stepper([train], [loss], {x: column}, 100)
        stepper.ahead = 77
        if not pays:
            monkeypatch.setattr(stepper._compilation, "poll", lambda: None)
        stepper.start_epoch(np.arange(2500))
        stepper.run(3)
        if pays:
            assert stepper.compiled_since == 0 and asked[0] == (77, 0.0)
        else:
            assert stepper.tier == "reference"
            assert [runs for runs, _ in asked] == [77, 77] and asked[1][1] > 0


def training(x, loss, train, column) -> Training:
    data = DataSplits("data", "data", {"test": {"x": column}})
    return Training(train, loss, bindings={x: Binding(data, "x")}, epochs=1, batch_size=100)


def test_an_evaluation_says_how_many_batches_come(monkeypatch):
    g, x, loss, train, column = regression()
    with Session(g, tier="reference") as session:
        session.initialize()
        seen, run = [], session.run
        monkeypatch.setattr(session, "run", lambda *a: seen.append(session.ahead) or run(*a))
        found = evaluate(session, training(x, loss, train, column), [loss], "test")
        assert seen == [3, 2, 1] and session.ahead is None
        np.testing.assert_allclose(found[0], 1.0)


@pytest.mark.parametrize("ahead", [None, 5])
def test_runs_that_come_again_are_compiled_from_the_first_on(monkeypatch, ahead):
    g, x, loss, _, column = regression()
    with Session(g, tier="auto") as session:
        session.initialize()
        fed = {x: column.rows(slice(0, 100))}
        with Session(g, tier="compiled") as other:  # brings the kernels into the cache
            other.initialize()
            expected = other.run(loss, fed)
        with session.expecting(ahead):
            np.testing.assert_allclose(session.run(loss, fed), expected, rtol=1e-6)
        assert session.tier == ("reference" if ahead is None else "compiled")


def test_an_evaluation_says_how_many_like_it_come(monkeypatch):
    g, x, loss, train, column = regression()
    with Session(g, tier="reference") as session:
        session.initialize()
        seen, run = [], session.run
        monkeypatch.setattr(session, "run", lambda *a: seen.append(session.ahead) or run(*a))
        evaluate(session, training(x, loss, train, column), [loss], "test", times=4)
        assert seen == [3 + 3 * 2, 2 + 3 * 2, 1 + 3]  # two batches of 1000, and one of 500


def test_nothing_is_compiled_for_a_last_run_that_does_not_wait(monkeypatch):
    begun = []
    monkeypatch.setattr(Compilation, "pays", lambda *a: False)
    monkeypatch.setattr(Compilation, "poll", lambda self: begun.append(self) and None)
    g, x, loss, _, column = regression()
    with Session(g, tier="auto") as session:
        session.initialize()
        fed = {x: column.rows(slice(0, 100))}
        for runs, expected in ((1, 0), (1, 0), (2, 1)):
            begun.clear()
            with session.expecting(runs):
                session.run(loss, fed)
            assert len(begun) == expected and session.tier == "reference"


@pytest.mark.parametrize(("patience", "expected"), [(None, [7, 5, 3]), (5, [5, 5, 3])])
def test_a_training_says_how_many_evaluations_come(monkeypatch, patience, expected):
    g, x, loss, train, column = regression()
    data = DataSplits("data", "data", {"train": {"x": column}, "test": {"x": column}})
    metric = Metric(loss, "test", key="test/loss")
    how = {} if patience is None else {"patience": patience, "monitor": Monitor(metric)}
    plan = Training(
        train, loss, (metric,), {x: Binding(data, "x")}, epochs=3, batch_size=100, **how
    )
    with Session(g, tier="reference") as session:
        session.initialize()
        seen, run = [], session.run
        monkeypatch.setattr(session, "run", lambda *a: seen.append(session.ahead) or run(*a))
        list(events_of(session, plan))
    assert seen[::3] == expected  # of three batches the first; two of them have 1000 rows


@pytest.mark.parametrize("tier", ["auto", "compiled"])
def test_a_run_that_waits_for_the_compiler_can_be_cancelled(monkeypatch, tier):
    monkeypatch.setattr(Compilation, "_compiler", Stuck(0.0))
    monkeypatch.setattr(Compilation, "pays", lambda *a: True)
    g, x, loss, _, column = regression()
    with Session(g, tier=tier) as session:
        session.variables["w"] = np.zeros((3, 1), np.float32)
        timer = threading.Timer(0.2, session.cancel)
        timer.start()
        with session.expecting(1), pytest.raises(Cancelled, match="stopped"):
            session.run(loss, {x: column.rows(slice(0, 100))})
        timer.join()
