"""What was learned belongs to variables: it outlasts everything that keeps their nodes from running
for a while, such as data that are looked for in the wrong folder between two messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.diff.facts import copied
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Graph
from nodeflow.host import protocol as p
from nodeflow.host.engine import Engine
from nodeflow.host.training.live_edits import LiveEdits
from nodeflow.train.events import Done
from nodeflow.train.saving.weights import load_weights
from tests.host.documents import fitted_layer

ONES = {"op": "fill", "value": 1.0}


def reference(graph: Graph, seed: int) -> Session:
    """Trains by one tier from the first step on, so that equal trainings have equal bits."""
    return Session(graph, tier="reference", seed=seed)


class Desk:
    """An engine whose requests are handled in the test's thread, one by one, and its document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.messages: list[p.Message] = []
        self.engine = Engine(self.messages.append, threads=1)
        self.engine._make_session = reference  # type: ignore[method-assign]
        document.subscribe(lambda change: self.edit(change))
        self.edit = lambda change: self.do(p.SyncChange(change.text, change.revision))
        self.sync(keep=False)

    def do(self, request: p.Request) -> None:
        self.engine._handle(request)
        failed = [m for m in self.messages if isinstance(m, p.Failed)]
        assert not failed, failed

    def sync(self, keep: bool = True) -> None:
        document = self.document
        folder = str(document.path.parent) if document.path else None
        text, revision = flow.dumps(document), document.revision
        self.do(p.SyncDocument(text, revision, folder, keep, document.allowed))

    def train(self, *meanwhile: p.Request, resume: bool = False) -> None:
        """Train to the end; requests are handled after the first steps."""
        for request in meanwhile:
            self.engine.receive(request)
        self.do(p.Train(1, resume))
        assert any(isinstance(message, Done) for message in self.messages)

    @property
    def values(self) -> dict[str, np.ndarray]:
        """All variables, once everything that edits left to do is done."""
        return self.engine._current().variables()

    def change(self, **source: str) -> p.SyncChange:
        """The message of an edit of the data set, which is made here already."""
        made = []
        self.edit = made.append
        commands.set_attr(self.document, self.data, "source", source["to"])
        self.edit = lambda change: self.do(p.SyncChange(change.text, change.revision))
        return p.SyncChange(made[0].text, made[0].revision)

    @property
    def data(self) -> str:
        found = self.document.node_named("data")
        assert found is not None
        return found.id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = np.random.default_rng(3).normal(size=(40, 3)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=rows, y=rows @ np.array([[1], [2], [3]], np.float32))
    return tmp_path


@pytest.fixture
def desk(folder: Path) -> Desk:
    return Desk(fitted_layer(folder / "rows.npz"))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


def save(desk: Desk, folder: Path, looks: bool = True) -> None:
    """What a save in the data's folder tells the engine, with time between its two messages."""
    commands.set_attr(desk.document, desk.data, "source", "npz:rows.npz")
    if looks:
        assert not desk.values, "the layer cannot run: its data are not in the current folder"
    desk.document.path = folder / "graph.flow"
    desk.sync()


def test_values_outlast_a_save_in_two_messages(desk, folder):
    first = desk.values
    desk.train()
    trained = desk.values
    assert len(trained) == 8, "kernel and bias, and what Adam keeps"
    assert not same(first, trained)
    save(desk, folder)
    assert same(desk.values, trained)


def test_continue_goes_on_where_the_training_was_after_such_a_save(desk, folder):
    other = Desk(fitted_layer(folder / "rows.npz"))
    for each in (desk, other):
        each.train()
    save(desk, folder)
    for each in (desk, other):
        each.train(resume=True)
    assert same(desk.values, other.values)


def test_a_training_that_ends_between_the_two_messages_keeps_what_it_learned(desk, folder):
    other = Desk(fitted_layer(folder / "rows.npz"))
    other.train()
    desk.train(desk.change(to="npz:rows.npz"))
    assert not desk.values
    desk.document.path = folder / "graph.flow"
    desk.sync()
    assert same(desk.values, other.values)


def test_data_that_are_gone_for_a_while_cost_nothing(desk, folder):
    desk.train()
    trained = desk.values
    for source in ("npz:nowhere.npz", "csv:other.csv", f"npz:{folder}/rows.npz"):
        commands.set_attr(desk.document, desk.data, "source", source)
        assert same(desk.values, trained if "rows" in source else {})


@pytest.mark.parametrize(
    "spelling", ["{}/./rows.npz", "{}/../{name}/rows.npz", "file://{}/rows.npz"]
)
def test_another_spelling_of_the_same_path_changes_nothing(desk, folder, spelling):
    desk.train()
    trained = desk.values
    source = "npz:" + spelling.format(folder, name=folder.name)
    commands.set_attr(desk.document, desk.data, "source", source)
    assert same(desk.values, trained)


def test_weights_that_are_saved_meanwhile_have_them(desk, folder):
    desk.train()
    trained = desk.values
    commands.set_attr(desk.document, desk.data, "source", "npz:nowhere.npz")
    assert not desk.values
    desk.do(p.SaveWeights(str(folder / "w.safetensors"), 5))
    assert same(dict(load_weights(folder / "w.safetensors")), trained)
    again = Desk(fitted_layer(folder / "rows.npz"))
    commands.set_attr(again.document, again.data, "source", "npz:nowhere.npz")
    again.do(p.LoadWeights(str(folder / "w.safetensors"), 6))
    assert not again.values
    commands.set_attr(again.document, again.data, "source", f"npz:{folder}/rows.npz")
    assert same(again.values, trained), "loaded while the data were missing"


def test_undoing_a_removal_brings_what_was_learned_back(desk):
    desk.train()
    trained = desk.values
    commands.remove(desk.document, [desk.document.node_named("layer").id])
    assert not desk.values.keys() & {"layer/kernel", "layer/bias"}
    desk.document.undo()
    assert same(desk.values, trained)


def test_an_edited_initial_value_starts_afresh_whatever_was_kept(desk, folder):
    layer = desk.document.node_named("layer").id
    desk.train()
    trained = desk.values
    commands.set_attr(desk.document, desk.data, "source", "npz:nowhere.npz")
    assert not desk.values
    commands.set_attr(desk.document, layer, "bias_initializer", ONES)
    commands.set_attr(desk.document, desk.data, "source", f"npz:{folder}/rows.npz")
    found = desk.values
    assert found["layer/bias"] == 1
    assert np.array_equal(found["layer/kernel"], trained["layer/kernel"])


def test_initialising_forgets_what_cannot_run_too(desk, folder):
    first = desk.values
    desk.train()
    commands.set_attr(desk.document, desk.data, "source", "npz:nowhere.npz")
    desk.do(p.InitializeVariables())
    commands.set_attr(desk.document, desk.data, "source", f"npz:{folder}/rows.npz")
    assert same(desk.values, first)


def test_a_save_during_a_training_is_no_edit_of_it(desk, folder, monkeypatch):
    other = Desk(fitted_layer(folder / "rows.npz"))
    other.train()
    found = []

    def close(edits: LiveEdits) -> None:
        """Look at the document, as the thread of edits does once they pause, before the end."""
        found.append(edits._prepare(copied(desk.engine._document)))
        original(edits)

    original = LiveEdits.close
    monkeypatch.setattr(LiveEdits, "close", close)
    source = desk.change(to="npz:rows.npz")  # the window sends both at once
    desk.document.path = folder / "graph.flow"
    text = flow.dumps(desk.document)
    desk.train(p.SyncDocument(text, source.revision, str(folder), True, desk.document.allowed))
    assert found == [p.EditState()], "the same steps of the same data"
    assert same(desk.values, other.values)
