"""The stage of a document: content of the file, with undo, merges and references by id."""

from __future__ import annotations

import json

import pytest

from nodeflow.document.diff.differences import compare
from nodeflow.document.diff.merge import merge
from nodeflow.document.diff.text import lines
from nodeflow.document.edit import commands
from nodeflow.document.edit.stage import (
    MOST_CONTROLS,
    PinnedControl,
    PinnedView,
    StageFull,
    controls_of,
    is_staged,
    pin_control,
    pin_view,
    unpin_control,
    unpin_view,
    views_of,
)
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from tests.host.documents import regression


def ids(document: Document) -> dict[str, str]:
    return {record.name: record.id for record in document.nodes.values()}


@pytest.fixture
def document() -> Document:
    return regression()


def pinned(document: Document, name: str, view: str = "regions") -> PinnedView:
    found = PinnedView(ids(document)[name], view)
    pin_view(document, found)
    return found


def test_pins_are_saved_and_read_back_in_order(document):
    first, second = pinned(document, "line"), pinned(document, "loss", "value")
    pin_view(document, PinnedView("", "loss"))
    rate = PinnedControl(ids(document)["train"], "learning_rate")
    pin_control(document, rate)
    pin_control(document, PinnedControl("training", "seed"))
    pin_control(document, PinnedControl("data", "rows"))
    text = flow.dumps(document)
    assert json.loads(text)["stage"] == {
        "views": [
            {"node": first.node, "view": "regions"},
            {"node": second.node, "view": "value"},
            {"view": "loss"},
        ],
        "controls": [
            {"node": rate.node, "attr": "learning_rate"},
            {"node": "training", "attr": "seed"},
            {"node": "data", "attr": "rows"},
        ],
    }
    again = flow.loads(text)
    assert views_of(again) == (first, second, PinnedView("", "loss"))
    assert controls_of(again) == controls_of(document) and len(controls_of(again)) == 3
    assert flow.dumps(again) == text


def test_a_document_without_pins_has_no_stage_in_its_file(document):
    view = pinned(document, "line")
    assert is_staged(document)
    unpin_view(document, view)
    assert not is_staged(document) and "stage" not in json.loads(flow.dumps(document))


def test_each_pin_is_one_undo_step(document):
    before = flow.dumps(document)
    pinned(document, "line")
    assert document.undo_label == "Put regions of line on the stage"
    pin_control(document, PinnedControl(ids(document)["train"], "learning_rate"))
    after = flow.dumps(document)
    document.undo()
    document.undo()
    assert flow.dumps(document) == before
    document.redo()
    document.redo()
    assert flow.dumps(document) == after


def test_a_view_pinned_again_becomes_the_last(document):
    first, second = pinned(document, "line"), pinned(document, "loss", "value")
    pin_view(document, first)
    assert views_of(document) == (second, first)


def test_at_most_six_controls(document):
    for name in ("seed", "epochs", "batch_size", "shuffle", "patience", "use_averages"):
        pin_control(document, PinnedControl("training", name))
    assert len(controls_of(document)) == MOST_CONTROLS
    pin_control(document, PinnedControl("training", "seed"))  # is there already
    with pytest.raises(StageFull):
        pin_control(document, PinnedControl(ids(document)["train"], "learning_rate"))
    unpin_control(document, PinnedControl("training", "seed"))
    pin_control(document, PinnedControl(ids(document)["train"], "learning_rate"))


def test_a_renamed_node_stays_and_a_removed_one_goes_until_undo(document):
    view = pinned(document, "line")
    control = PinnedControl(ids(document)["train"], "learning_rate")
    pin_control(document, control)
    commands.rename(document, view.node, "answer")
    assert views_of(document) == (view,)
    commands.remove(document, [view.node, control.node])
    assert not is_staged(document)
    document.undo()
    assert views_of(document) == (view,) and controls_of(document) == (control,)


def test_a_node_grouped_into_a_subgraph_stays_on_the_stage(document):
    view = pinned(document, "line")
    nodes = ids(document)
    instance = create(document, [nodes["xw"], nodes["line"]], "Line")
    assert views_of(document) == (PinnedView(f"{instance}/{view.node}", "regions"),)
    unpack_subgraph(document, instance)
    assert len(views_of(document)) == 1 and views_of(document)[0].view == "regions"
    assert document.nodes[views_of(document)[0].node].op == "add"


def test_a_mirror_follows_pins(document):
    mirror = flow.loads(flow.dumps(document))
    mirror.revision = document.revision
    seen = []
    document.subscribe(lambda change: seen.append(Change.from_text(change.text)))
    pinned(document, "line")
    for change in seen:
        assert change.only_moves, "no value can have changed"
        mirror.apply_change(change)
    assert mirror.digest() == document.digest() and flow.dumps(mirror) == flow.dumps(document)


def test_a_difference_names_the_nodes(document):
    before = flow.loads(flow.dumps(document))
    pinned(document, "line")
    (found,) = compare(before, document)
    assert (found.kind, found.name) == ("stage", "views")
    (line,) = lines([found])
    assert line.startswith("+ stage.views") and "line" in line and "n" + "9" not in line


def test_a_merge_keeps_the_pins_of_both_sides(document):
    base = flow.loads(flow.dumps(document))
    ours, theirs = (flow.loads(flow.dumps(document)) for _ in range(2))
    nodes = ids(document)
    pin_view(ours, PinnedView(nodes["line"], "regions"))
    pin_view(theirs, PinnedView(nodes["loss"], "value"))
    pin_control(theirs, PinnedControl("training", "seed"))
    merged = merge(base, ours, theirs)
    assert not merged.conflicts
    kept = {view.node for view in views_of(merged.document)}
    assert kept == {nodes["line"], nodes["loss"]}
    assert controls_of(merged.document) == (PinnedControl("training", "seed"),)


def test_a_merge_revives_a_node_that_the_other_side_pinned(document):
    base = flow.loads(flow.dumps(document))
    ours, theirs = (flow.loads(flow.dumps(document)) for _ in range(2))
    extra = commands.add_node(base, "constant", (0, 0), name="spare")
    base, ours, theirs = (flow.loads(flow.dumps(base)) for _ in range(3))
    commands.remove(ours, [extra])
    pin_view(theirs, PinnedView(extra, "value"))
    merged = merge(base, ours, theirs)
    assert extra in merged.document.nodes
    assert views_of(merged.document) == (PinnedView(extra, "value"),)


def test_pins_of_missing_nodes_are_kept_in_the_file_and_not_shown():
    text = json.dumps(
        {"format": "nodeflow", "version": 3, "next_id": 9, "nodes": [], "wires": [],
         "stage": {"views": [{"node": "n7", "view": "regions", "later": 1}], "more": [1]},
         "lesson": {"goal": "fit"}}
    )  # fmt: skip
    document = flow.loads(text)
    assert views_of(document) == () and document.lesson == {"goal": "fit"}
    saved = json.loads(flow.dumps(document))
    assert saved["stage"]["views"][0]["later"] == 1 and saved["stage"]["more"] == [1]
    assert saved["lesson"] == {"goal": "fit"}
