"""What Train will need is compiled while the user looks at a graph; with a real engine process and
an empty cache."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.compiler import cache
from nodeflow.engine.kernels.base_kernels import base_sources
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.host.training import compile_ahead
from nodeflow.host.training.compile_ahead import Preparation
from nodeflow.resources import example
from nodeflow.train.events import Steps

from .conftest import Talk
from .documents import expression

PATIENCE_S = 120.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path))
    cache_folder = cache.cache_folder()
    assert cache_folder is not None
    return cache_folder


def keys_of(document: Document) -> set[str]:
    """Names of the kernels that a training of the document has, by a stepper of its own."""
    task = Task(flow.loads(flow.dumps(document)), for_edits=True)
    training = task.training()
    with Session(task.graph, tier="auto", seed=training.seed) as session:
        stepper = compile_ahead.Variant(session, training).prepared()
        plan = stepper._make_plan()
        assert plan is not None
        return {cache.kernel_key(source) for source in stepper._kernels(plan)}


def wait_for(keys: set[str], folder: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while not keys <= {file.stem for file in folder.glob("*.kernel")}:
        assert time.monotonic() < end, "they do not come"
        time.sleep(0.05)


def show(talk: Talk, document: Document, request: int) -> None:
    talk.send(p.Evaluate(document.revision, request))
    talk.wait_for(p.Previews)


@pytest.mark.thorough
def test_the_first_step_is_compiled_where_the_user_has_looked(folder: Path) -> None:
    document = flow.load(example("linear_regression"))
    talk = Talk()
    talk.sync(document)
    show(talk, document, 1)
    before = keys_of(document)
    wait_for(before, folder)

    def passed_on(change) -> None:
        talk.send(p.SyncChange(change.text, change.revision))

    document.subscribe(passed_on)
    loss = document.node_named("loss")
    assert loss is not None
    with document.transaction("Another loss"):
        wire = document.wires_into(loss.id)[0]
        cube = commands.add_node(document, "abs", (0, 0), name="absolute")
        commands.connect(document, wire.source, wire.source_port, cube, "x")
        commands.connect(document, cube, "out", loss.id, wire.target_port)
    show(talk, document, 2)
    after = keys_of(document)
    assert after - before, "the edit needs kernels of its own"
    wait_for(after, folder)
    talk.send(p.Train(3))
    steps = talk.wait_for(Steps)
    assert (steps.first, steps.tier) == (1, "compiled")
    talk.client.close()


@pytest.mark.thorough
def test_a_graph_that_does_not_train_needs_nothing_more(folder: Path) -> None:
    document = expression()
    talk = Talk()
    talk.sync(document)
    show(talk, document, 1)
    base = {cache.kernel_key(source) for source in base_sources()}
    wait_for(base, folder)
    time.sleep(0.6)
    talk.client.close()
    assert {file.stem for file in folder.glob("*.kernel")} == base


# ---- in this process ----------------------------------------------------------------------------


def test_of_documents_that_come_meanwhile_the_last_is_prepared(monkeypatch) -> None:
    made, may_go = [], []
    preparation = Preparation(lambda graph, seed: Session(graph, seed=seed))

    def task(name: str):
        def make() -> Task:
            made.append(name)
            while not may_go:
                time.sleep(0.001)
            return Task(expression())

        return make

    preparation.begin(task("first"))
    while not made:
        time.sleep(0.001)
    for name in ("second", "third"):
        preparation.begin(task(name))
    may_go.append(True)
    end = time.monotonic() + PATIENCE_S
    while preparation._is_busy and time.monotonic() < end:
        time.sleep(0.001)
    assert made == ["first", "third"]


def test_what_cannot_be_trained_is_no_problem_yet() -> None:
    preparation = Preparation(lambda graph, seed: Session(graph, seed=seed))
    broken = flow.load(example("linear_regression"))
    loss = broken.node_named("loss")
    assert loss is not None
    commands.remove(broken, [loss.id])
    preparation.begin(lambda: Task(broken))
    end = time.monotonic() + PATIENCE_S
    while preparation._is_busy and time.monotonic() < end:
        time.sleep(0.001)
    assert not preparation._is_busy
