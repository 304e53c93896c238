"""A sweep with real processes: the same trials however many train at once, failures, cancelling."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit.sweep_settings import set_values
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.kept import free_name, kept_sweeps
from nodeflow.sweeps.plan import GRID, RANDOM, Plan
from nodeflow.sweeps.results import CANCELLED, DONE, FAILED, TRAINING, Result
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sources import source_of
from nodeflow.sweeps.sweep import Sweep
from nodeflow.sweeps.value_specs import SpecProblem, spec_of
from nodeflow.train.events import Steps
from nodeflow.train.loop.event_stream import train

LINE = example("linear_regression")
RATE = "train.learning_rate"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def setup(name: str = "mine", epochs: int = 2, text: str = "") -> Setup:
    document = flow.load(LINE) if not text else flow.loads(text)
    set_values(document, {"training.epochs": epochs})
    return Setup(flow.dumps(document), name, str(LINE), tier="reference")


def plan(text: str, sampler: str = RANDOM, **fields) -> Plan:
    found = spec_of(RATE, text)
    assert found is not None
    return Plan((found,), sampler, **fields)


def outcome(results: list[Result]) -> list[tuple]:
    return [(r.trial.number, dict(r.trial.values), r.value, r.best_epoch, r.state) for r in results]


@pytest.mark.thorough
@pytest.mark.parametrize("wanted", [plan("log:1e-3..0.1", count=4), plan("[0.01, 0.1, 0.3]", GRID)])
def test_the_same_trials_with_any_number_of_workers(wanted: Plan):
    found = []
    for parallel in (1, 3):
        again = Plan(wanted.specs, wanted.sampler, wanted.count, parallel=parallel)
        found.append(outcome(Sweep(again, setup(f"with {parallel}")).run()))
    assert found[0] == found[1] and {state for *_, state in found[0]} == {DONE}
    ours = [nf.runs(tag=f"with {parallel}") for parallel in (1, 3)]
    losses = [{run.name.split("#")[1]: run.losses.tobytes() for run in runs} for runs in ours]
    assert losses[0] == losses[1] and len(set(losses[0].values())) == len(found[0])


@pytest.mark.thorough
def test_a_trial_is_the_training_with_these_values():
    (result,) = Sweep(plan("[0.07]", GRID), setup()).run()
    run = nf.runs(tag="mine")[0]
    assert run.id == result.run and run.name == "mine #1" and run.surface == "cli"
    assert flow.loads(run.text).node_named("train").attrs["learning_rate"] == 0.07
    assert result.value == run.curves[result.key].values.min() and result.key == "loss"
    document = flow.load(LINE)
    set_values(document, {RATE: 0.07, "training.epochs": 2})
    task = Task(document)
    with nf.Session(task.graph, tier="reference", seed=1) as session:
        session.initialize()
        steps = [e.losses for e in train(session, task.training()) if isinstance(e, Steps)]
    assert run.losses.tolist() == np.concatenate(steps).tolist()


@pytest.mark.thorough
def test_what_fails_is_kept_and_the_rest_goes_on(kept: Path):
    results = Sweep(plan("[1e30, 0.1, -1.0]", GRID), setup(epochs=5)).run()
    assert [r.state for r in results] == [FAILED, DONE, FAILED]
    assert "loss is inf" in results[0].problem and "learning_rate" in results[2].problem
    assert results[0].run and results[1].run and not results[2].run
    with RunStore() as store:
        (sweep,) = kept_sweeps(store)
        assert sweep.name == "mine" and sweep.ended
        assert [r.problem for r in sweep.results] == [r.problem for r in results]
        assert free_name(store, "mine") == "mine 2" and free_name(store, "other") == "other"


def long_sweep(changed, parallel: int = 1) -> Sweep:
    return Sweep(plan("[0.01, 0.02]", GRID, parallel=parallel), setup(epochs=10**6), changed)


@pytest.mark.thorough
def test_one_trial_or_all_can_be_cancelled():
    seen: list[Result] = []

    def changed(result: Result) -> None:
        seen.append(result)
        if result.epoch > 3 and result.state == TRAINING:
            sweep.cancel(1 if result.trial.number == 1 else None)

    sweep = long_sweep(changed)
    results = sweep.run()
    assert [r.state for r in results] == [CANCELLED, CANCELLED]
    assert all(r.epoch > 3 and np.isfinite(r.value) for r in results)
    assert {run.status for run in nf.runs(tag="mine")} == {"stopped"}


@pytest.mark.thorough
def test_a_process_that_dies_is_a_failed_trial(monkeypatch: pytest.MonkeyPatch):
    killed = []

    def changed(result: Result) -> None:
        if result.trial.number == 1 and result.run and not killed:
            process = sweep._processes[0]._process
            assert process is not None
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)
        if result.trial.number == 2 and result.epoch:
            sweep.cancel(2)

    sweep = long_sweep(changed)
    first, second = sweep.run()
    assert first.state == FAILED and first.problem == "its process ended with signal 9"
    assert second.state == CANCELLED and second.epoch and len(killed) == 1


def test_killing_ends_at_once_and_leaves_no_process():
    began = threading.Event()
    sweep = long_sweep(lambda result: began.set() if result.epoch else None, parallel=2)
    thread = threading.Thread(target=sweep.run)
    thread.start()
    assert began.wait(60)
    sweep.kill()
    thread.join(30)
    assert not thread.is_alive() and all(p._process is None for p in sweep._processes)


def test_a_sampler_that_ends_no_trial_refuses_to_prune():
    with pytest.raises(SpecProblem, match="the sampler random ends no trial early"):
        source_of(plan("0..1", RANDOM, count=3, prune=True))
