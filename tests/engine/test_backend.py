"""A backend that only this test has: what a session asks of one, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow import manifests
from nodeflow.engine.backend import NUMBA, backends, supported
from nodeflow.engine.columns import Column
from nodeflow.engine.interpreter import Interpreter
from nodeflow.errors import RunError
from nodeflow.manifests import Integration, NotOffered, Offer, Software, SoftwareMissing


class AbacusExecutor:
    """Computes by the reference."""

    def __init__(self, schedule, types, context) -> None:
        self.schedule, self.tier = schedule, "compiled"
        self.interpreter = Interpreter(schedule, types)

    def run(self, given, stream_of, cancel):
        return self.interpreter.run({s: np.asarray(a) for s, a in given.items()}, stream_of)

    def results(self, values, lent=()):
        return [None if s is None else np.array(values[s]) for s in self.schedule.fetches]

    def commit(self, values, variables) -> None:
        for variable, slot in self.schedule.writes.items():
            variables.put(variable, np.array(values[slot]))

    def text(self, given, stream_of) -> str:
        return "beads"


class AbacusSteps:
    """Makes each step by the reference."""

    def __init__(self, schedule, types, columns, batch_size, context, given) -> None:
        self.schedule, self.context, self.given = schedule, context, dict(given)
        self.columns, self.batch_size, self.steps_done = columns, batch_size, 0
        self.executor = AbacusExecutor(schedule, types, context)

    def run(self, first_step, count, epoch_first, order):
        rows, self.steps_done = [], 0
        for step in range(first_step, first_step + count):
            at = (step - epoch_first) * self.batch_size
            which = order[at : at + self.batch_size]
            given = {**self.given, **{v: self._read(n) for n, v in self.schedule.reads.items()}}
            given |= {self.schedule.feeds[t]: c.rows(which) for t, c in self.columns.items()}
            values = self.executor.run(given, self.context.stream_of("", step), None)
            self.executor.commit(values, self.context.variables)
            rows.append([float(values[s]) for s in self.schedule.fetches if s is not None])
            self.steps_done += 1
        return np.array(rows)

    def _read(self, variable):
        return self.context.variables.read(variable)

    def warm(self) -> None:
        pass

    def text(self, step) -> str:
        return f"beads of step {step}"


class Abacus:
    packages = ("numpy",)
    executor, steps = AbacusExecutor, AbacusSteps

    def is_exact(self) -> bool:
        return False


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[Offer]:
    """Offer nothing but the backend ``abacus``."""
    fields = {"label": "Abacus", "object": "beads:ABACUS"}
    integration = Integration("abacus", "Abacus", None, Path())
    found = [Offer("backend", "abacus", integration, fields)]
    monkeypatch.setattr(manifests, "_all_offers", lambda: tuple(found))
    monkeypatch.setattr(manifests, "import_module", lambda _: SimpleNamespace(ABACUS=Abacus()))
    return found


def graph_of() -> tuple[nf.Graph, Any, Any, Any]:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None], name="x")
        w = nf.variable(2.0, dtype="float64", name="w")
        loss = nf.reduce_mean(nf.square(w * x + nf.random_normal([], dtype="float64")), name="loss")
        optimizer = nf.gradient_descent(loss, learning_rate=0.1, name="train")
    return graph, x, loss, optimizer


def trained(backend: str) -> tuple[list[float], float]:
    graph, x, _, _ = graph_of()
    rows = np.linspace(-1, 1, 12)
    history = nf.train.fit(graph, data={x: rows}, epochs=3, batch_size=4, backend=backend,
                           tier="reference" if backend == NUMBA else "auto")  # fmt: skip
    return history.steps.tolist(), float(history.variables["w"])


def test_runs_and_training_steps_go_to_the_backend(offered) -> None:
    assert backends() == (NUMBA, "abacus")
    assert trained("abacus") == trained(NUMBA) and len(trained("abacus")[0]) == 9
    graph, x, loss, optimizer = graph_of()
    with nf.Session(graph, backend="abacus", seed=3) as session:
        session.initialize()
        assert session.backend == "abacus" and not session.is_exact
        assert session.explain(loss, {x: [1.0]}) == "beads"
        other = nf.Session(graph, tier="reference", seed=3)
        other.initialize()
        assert session.run(loss, {x: [1.0]}) == other.run(loss, {x: [1.0]})
        assert session.tier == "compiled" and session.twin().backend == "abacus"
        assert session.twin("reference").backend == NUMBA
        stepper = session.stepper([optimizer], [loss], {x: Column(np.arange(6.0))}, 2)
        stepper.start_epoch(np.arange(6))
        assert stepper.explain() == "beads of step 0"
        assert stepper.run(2)[0] == 2 and stepper.tier == "compiled"
        assert stepper.order()[-1] and stepper.steps_left == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tier": "compiled"}, "Abacus compiles everything, so there is no tier compiled"),
        ({"threads": 2}, "Abacus manages its own threads"),
        ({"memory": 1 << 20}, "Abacus manages its own memory"),
        ({"without": ["fuse"]}, "Abacus rewrites graphs by its own rules, so fuse cannot"),
    ],
)
def test_options_of_nodeflows_engine_are_refused(offered, options, words: str) -> None:
    with pytest.raises(RunError, match=words):
        nf.Session(nf.Graph(), backend="abacus", **options)


def test_only_the_options_that_a_backend_has_are_given_to_it() -> None:
    options: dict[str, Any] = {"tier": "compiled", "threads": 2, "memory": 1 << 20}
    assert supported(NUMBA, **options) == {"backend": NUMBA, **options}
    assert supported("abacus", **options) == {"backend": "abacus"}


def test_a_backend_that_is_not_here_and_software_that_is_not_are_named(offered) -> None:
    with pytest.raises(NotOffered, match=r"no backend 'slide' here\. Choose numba or abacus, or"):
        nf.Session(nf.Graph(), backend="slide")
    software = Software("Beads", "no_beads_here", "abacus")
    integration = Integration("abacus", "Abacus", software, Path())
    offered[:] = [Offer("backend", "abacus", integration, offered[0].fields)]
    with pytest.raises(SoftwareMissing, match="Abacus needs Beads, which is not installed"):
        nf.Session(nf.Graph(), backend="abacus")
