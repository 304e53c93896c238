"""What was learned belongs to variables: it outlasts everything that keeps their nodes from running
for a while, such as data that are looked for in the wrong folder between two messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.diff.facts import copied
from nodeflow.document.edit import commands
from nodeflow.document.edit.shared_weights import share_weights
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.host.training.live_edits import LiveEdits
from nodeflow.train.saving.weights import load_weights
from tests.host.desk import Desk, same, write_rows
from tests.host.documents import fitted_layer

ONES = {"op": "fill", "value": 1.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "rows.npz")
    return tmp_path


@pytest.fixture
def desk(folder: Path) -> Desk:
    return Desk(fitted_layer(folder / "rows.npz"))


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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_data_that_are_gone_for_a_while_cost_nothing(desk, folder):
    desk.train()
    trained = desk.values
    for source in ("npz:nowhere.npz", "csv:other.csv", f"npz:{folder}/rows.npz"):
        commands.set_attr(desk.document, desk.data, "source", source)
        assert same(desk.values, trained if "rows" in source else {})


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_undoing_a_removal_brings_what_was_learned_back(desk):
    desk.train()
    trained = desk.values
    commands.remove(desk.document, [desk.document.node_named("layer").id])
    assert not desk.values.keys() & {"layer/kernel", "layer/bias"}
    desk.document.undo()
    assert same(desk.values, trained)


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_initialising_forgets_what_cannot_run_too(desk, folder):
    first = desk.values
    desk.train()
    commands.set_attr(desk.document, desk.data, "source", "npz:nowhere.npz")
    desk.do(p.InitializeVariables())
    commands.set_attr(desk.document, desk.data, "source", f"npz:{folder}/rows.npz")
    assert same(desk.values, first)


@pytest.mark.thorough
def test_a_save_during_a_training_is_no_edit_of_it(desk, folder, monkeypatch):
    other = Desk(fitted_layer(folder / "rows.npz"))
    other.train()
    found = []

    def close(edits: LiveEdits) -> None:
        """Look at the document, as the thread of edits does once they pause, before the end."""
        found.append(edits._prepare(copied(desk.engine._mirror.document)))
        original(edits)

    original = LiveEdits.close
    monkeypatch.setattr(LiveEdits, "close", close)
    source = desk.change(to="npz:rows.npz")  # the window sends both at once
    desk.document.path = folder / "graph.flow"
    text = flow.dumps(desk.document)
    desk.train(p.SyncDocument(text, source.revision, str(folder), True, desk.document.allowed))
    assert found == [p.EditState()], "the same steps of the same data"
    assert same(desk.values, other.values)


def test_who_keeps_the_weights_of_a_removed_layer_has_what_it_learned(desk):
    document = desk.document
    layer, x = (document.node_named(name).id for name in ("layer", "x"))
    again = commands.add_node(document, "layers/dense", (0, 0), "again", {"units": 1})
    commands.connect(document, x, "out", again, "x")
    share_weights(document, again, layer)
    desk.train()
    trained = desk.values
    assert "again/kernel" not in trained
    commands.remove(document, [layer], heirs={layer: again})
    for name in ("kernel", "bias"):
        assert np.array_equal(desk.values[f"again/{name}"], trained[f"layer/{name}"])
    document.undo()
    assert same(desk.values, trained)
    commands.remove(document, [layer], heirs={layer: None})
    assert not np.array_equal(desk.values["again/kernel"], trained["layer/kernel"])
