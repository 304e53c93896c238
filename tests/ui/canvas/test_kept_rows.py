"""Undo of a large change shows again what was shown, with values and states as they are now."""

from __future__ import annotations

import random

import numpy as np
import pytest

import nodeflow.ui  # noqa: F401  before the first Qt call
from nodeflow.document.edit import commands, set_flags
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.model import snapshots
from nodeflow.document.model.document import Document
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import LIGHT

from .test_scene_model import edit, state


@pytest.fixture
def all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is kept at every change, however small."""
    monkeypatch.setattr(snapshots, "LARGE", 1)


def shown(scene: SceneModel) -> tuple:
    """All that is painted of a scene, by id instead of by slot."""
    used = [(node_id, scene.nodes.get(node_id)) for node_id in scene.nodes]
    scene.bounds()  # makes what is out of date
    more = {
        node_id: (
            scene.categories[scene.category[slot]],
            int(scene.severity[slot]),
            bool(scene.off[slot]),
            scene.card(slot).value,
        )
        for node_id, slot in used
    }
    return *state(scene), more


def afresh(view: CanvasView) -> tuple:
    """What a scene shows that is made from the document as it is, with the same values."""
    fresh = SceneModel(view.document, view.scene.analysis, lambda *_: None)
    was = view.scene.builder
    fresh.builder.values, fresh.builder.serials = dict(was.values), dict(was.serials)
    fresh.builder.status = dict(was.status)
    found = shown(fresh)
    fresh.close()
    return found


def look(view: CanvasView, rng: random.Random) -> None:
    """Change what is not in the document."""
    ids = list(view.document.nodes)
    if not ids:
        return
    node_id = rng.choice(ids)
    match rng.randrange(5):
        case 0:
            value = make_preview(np.float32(rng.random()))
            view.node_state.set_values({view.document.nodes[node_id].name: value})
        case 1:
            view.node_state.clear_values([node_id])
        case 2:
            view.node_state.set_status({node_id: rng.choice(["stale", "running", ""])})
        case 3:
            view.selection.select(rng.sample(ids, min(3, len(ids))))
        case 4:
            view.node_state.set_dimmed(rng.sample(ids, min(2, len(ids))))


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(8))
def test_at_every_step_it_is_what_a_scene_made_afresh_shows(all_kept, document, canvas, seed):
    rng = random.Random(seed)
    for _ in range(80):
        chosen, dimmed = set(canvas.selection.nodes()), canvas.scene.dimmed
        faded = {canvas.scene.nodes.key(s) for s in np.flatnonzero(dimmed).tolist()}
        stayed = set(document.nodes)
        for _ in range(rng.randint(1, 3)):  # some are not looked at
            if rng.random() < 0.2 and document.nodes:
                set_flags.toggle_mode(document, rng.sample(list(document.nodes), 1), "muted")
            else:
                edit(document, rng)
            stayed &= document.nodes.keys()
        assert set(canvas.selection.nodes()) == chosen & stayed
        dimmed = canvas.scene.dimmed
        assert {
            canvas.scene.nodes.key(s) for s in np.flatnonzero(dimmed).tolist()
        } == faded & stayed
        look(canvas, rng)
        assert shown(canvas.scene) == afresh(canvas)


@pytest.fixture
def workspace(qtbot) -> tuple[Workspace, CanvasView]:
    """A canvas that shows what a workspace shows, joined as in the window."""
    workspace = Workspace()
    view = CanvasView(workspace.document, workspace.analysis, LIGHT)
    qtbot.addWidget(view)
    workspace.announce_last()
    workspace.analysed.connect(view.scene.refresh)
    workspace.entered.connect(lambda: view.set_document(workspace.document, workspace.analysis))
    workspace.replaced.connect(lambda: view.set_document(workspace.document, workspace.analysis))
    yield workspace, view
    view.scene.close()


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(8))
def test_inside_a_subgraph_and_outside_it_is_what_is_there(all_kept, workspace, seed):
    workspace, view = workspace
    root = workspace.root
    rng = random.Random(seed)
    source = commands.add_node(root, "constant", (0, 0), attrs={"value": 1.0})
    inner = commands.add_node(root, "square", (300, 0))
    commands.connect(root, source, "out", inner, "x")
    instance = create(root, [inner])
    definition = root.definitions()[0]
    entered = int(workspace.go_to((instance,)))
    for _ in range(120):
        while instance not in root.nodes and root.can_redo:
            root.redo()
        there = definition is root.definition(definition.scope)
        match rng.randrange(10):
            case 0 | 1:
                entered += workspace.go_to(() if workspace.path else (instance,))
            case 2 if source in root.nodes:
                commands.set_attr(root, source, "value", rng.choice([1.0, [1.0, 2.0], "x"]))
            case 3 | 4 if there:
                edit(definition, rng)
            case 5:
                edit(root, rng)
            case 6 | 7:
                root.undo()
            case _:
                root.redo()
        assert view.document is workspace.document and view.scene.analysis is workspace.analysis
        assert shown(view.scene) == afresh(view)
    assert entered > 1


def many(document: Document, count: int = 300) -> list[str]:
    ids: list[str] = []
    with document.transaction("Build"):
        for index in range(count):
            op, attrs = ("add", {}) if index >= 4 else ("constant", {"value": 1.0})
            place = (index % 20 * 260.0, index // 20 * 170.0)
            ids.append(commands.add_node(document, op, place, attrs=attrs))
            for port, back in (("x", 1), ("y", 4)) if index >= 4 else ():
                commands.connect(document, ids[index - back], "out", ids[index], port)
    return ids


@pytest.mark.thorough
def test_undoing_a_large_deletion_makes_no_card_again(document, canvas, picture, monkeypatch):
    ids = many(document)
    canvas.node_state.set_values(
        {r.name: make_preview(np.float32(1)) for r in document.nodes.values()}
    )
    canvas.viewport.fit_all()
    picture()  # paints the cards, in several frames
    canvas.renderer.repaint_all()
    before, image = shown(canvas.scene), picture()
    commands.remove(document, ids[:200])
    assert shown(canvas.scene) == afresh(canvas) != before
    with monkeypatch.context() as patch:
        patch.setattr(canvas.scene.builder, "build", None)
        document.undo()
        assert shown(canvas.scene) == before
        canvas.renderer.repaint_all()
        assert np.array_equal(picture(), image)
        document.redo()
        document.undo()
    assert shown(canvas.scene) == before == afresh(canvas)


def test_cards_that_are_made_together_differ_in_what_they_say(document, canvas):
    one = commands.add_node(document, "no_such_op", (0, 0))
    two = commands.add_node(document, "nor_this_one", (0, 0))
    a = commands.add_node(document, "reduce_sum", (0, 0), attrs={"axis": 0})
    b = commands.add_node(document, "reduce_sum", (0, 0), attrs={"axis": 1})
    source = commands.add_node(document, "constant", (0, 0), attrs={"value": [[1.0, 2.0]]})
    for node_id in (a, b):
        commands.connect(document, source, "out", node_id, "x")
    said = [canvas.scene.card(canvas.scene.nodes.get(i)) for i in (one, two, a, b)]
    assert [f.subtitle for f in said[:2]] == [
        "unknown op no_such_op",
        "unknown op nor_this_one",
    ]
    assert ["axis 0" in said[2].subtitle, "axis 1" in said[3].subtitle] == [
        True,
        True,
    ]
    assert [f.outputs[0].type_text for f in said[2:]] == ["f32 2", "f32 1"]


def test_values_that_came_meanwhile_and_stale_ones_are_shown(document, canvas):
    ids = many(document)
    names = {i: document.nodes[i].name for i in ids}
    canvas.node_state.set_values({names[i]: make_preview(np.float32(1)) for i in ids})
    commands.remove(document, ids[:200])
    new = make_preview(np.float32(2))
    canvas.node_state.set_values({names[ids[250]]: new})
    canvas.node_state.clear_values([ids[260]])
    canvas.node_state.set_status({ids[100]: "stale", ids[270]: "stale"})
    document.undo()
    scene = canvas.scene
    cards = {i: scene.card(scene.nodes.get(i)) for i in ids}
    assert cards[ids[250]].value is new and cards[ids[260]].value is None
    assert [i for i in ids if cards[i].status == "stale"] == [ids[100], ids[270]]
    assert shown(scene) == afresh(canvas)


def test_what_changed_besides_the_document_is_not_undone(all_kept, document, canvas, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,c\n1,2,3\n")
    document.path = tmp_path / "graph.flow"
    table = commands.add_node(document, "dataset", (0, 0), attrs={"source": "csv:t.csv"})
    other = commands.add_node(document, "constant", (0, 300))
    commands.remove(document, [other])
    file.write_text("a,b,c,d\n1,2,3,4\n")
    canvas.scene.refresh(canvas.scene.analysis.refresh_datasets())
    document.undo()
    card = canvas.scene.card(canvas.scene.nodes.get(table))
    assert any("3" in port.type_text for port in card.outputs)
    assert shown(canvas.scene) == afresh(canvas)
