"""The tier ``auto`` waits for the compiler where that takes less time than the reference."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler.compilation import REFERENCE, Compilation, State
from nodeflow.engine.compiler.compile_kernel import KernelError
from nodeflow.engine.session import Session
from nodeflow.train.evaluate import evaluate
from nodeflow.train.training import Binding, Training


class Compiler:
    """Takes as long as it is told to say."""

    def __init__(self, seconds: float = 2.0, fails: bool = False) -> None:
        self.time, self.fails = seconds, fails

    def all_cached(self, sources):
        return False

    def submit(self, sources):
        raise AssertionError("nothing is asked of it")

    def compile_all(self, sources):
        if self.fails:
            raise KernelError("it does not compile")

    def seconds(self, sources):
        return self.time


def compilation(compiler: Compiler, reported: list | None = None) -> Compilation:
    made = Compilation(
        lambda: "plan", lambda plan: {"k": ("a",)}, lambda plan: "result",
        [].append if reported is None else reported.append, compiler,
    )  # fmt: skip
    made.planned()
    return made


@pytest.mark.parametrize(
    ("work", "runs", "seconds", "expected"),
    [
        (1e6, 10, 0.0, False),  # 10 runs of 1 ms: by reference they take some 0.1 s
        (1e9, 2, 0.0, True),  # 2 of a second: some 10 s each
        (1e6, 100, 0.1, True),  # measured: 10 s in all
        (1e6, 10, 0.1, False),  # measured: a second in all
        (1e6, 10**9, 0.0005, True),  # what was measured is less than the estimate: that counts
    ],
)
def test_waiting_pays_if_it_takes_less_than_it_saves(work, runs, seconds, expected):
    assert compilation(Compiler(2.0)).pays(work, runs, seconds) is expected
    assert REFERENCE > 1


def test_nothing_is_waited_for_that_is_there_or_never_comes():
    ready = compilation(Compiler())
    assert ready.waited() == "result" and ready.state is State.READY
    assert not ready.pays(1e12, 10, 0.0)
    unavailable = Compilation(lambda: None, dict, str, print, Compiler())  # type: ignore[arg-type]
    unavailable.planned()
    assert not unavailable.pays(1e12, 10, 0.0)


def test_what_fails_is_reported_and_the_reference_goes_on():
    reported: list = []
    failing = compilation(Compiler(fails=True), reported)
    assert failing.waited() is None and failing.state is State.FAILED
    assert "does not compile" in reported[0].message
    assert failing.poll() is None


def regression():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable(np.zeros((3, 1), np.float32), name="w")
        loss = nf.reduce_mean(nf.square(x @ w - 1.0), name="loss")
        train = nf.train.GradientDescentOptimizer(0.1).minimize(loss)
    rows = np.random.default_rng(0).normal(size=(2500, 3)).astype(np.float32)
    return g, x, loss, train, Column(rows)


@pytest.mark.parametrize("pays", [True, False])
def test_a_training_waits_where_it_pays(monkeypatch, pays):
    asked = []
    monkeypatch.setattr(
        Compilation, "pays", lambda self, work, runs, seconds: asked.append((runs, seconds)) or pays
    )
    g, x, loss, train, column = regression()
    with Session(g, tier="auto") as session:
        session.initialize()
        stepper = session.stepper([train], [loss], {x: column}, 100)
        stepper.ahead = 77
        monkeypatch.setattr(stepper._compilation, "poll", lambda: stepper._compilation.result)
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
        session.ahead = ahead
        np.testing.assert_allclose(session.run(loss, fed), expected, rtol=1e-6)
        assert session.tier == ("reference" if ahead is None else "compiled")
