"""Dashed arcs from nodes that share weights to the owners of the weights."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint

from nodeflow import resources
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.shared_weights import share_weights
from nodeflow.document.io import flow
from nodeflow.drawing.formats.svg import graph_svg
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.drawing.theme_colors import PALETTES
from nodeflow.drawing.wires import share_arcs
from nodeflow.ops import REGISTRY
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.core.theming.theme import DARK, LIGHT


@pytest.fixture
def twins(document, canvas):
    """Two dense layers beside each other, the second with the weights of the first."""
    attrs = REGISTRY.lookup("layers/dense").first_attrs({"units": 3})
    a, b = (
        commands.add_node(document, "layers/dense", (x, 300), name, attrs)
        for name, x in (("a", 60), ("b", 660))
    )
    share_weights(document, b, a)
    return a, b


def above(picture, canvas) -> np.ndarray:
    """The picture between both cards and above them, where there is nothing but an arc."""
    (_, top), (_, bottom) = (canvas_at(canvas, 0, y) for y in (120, 295))
    left, right = canvas_at(canvas, 200, 0)[0], canvas_at(canvas, 640, 0)[0]
    return picture()[max(top, 0) : bottom, max(left, 0) : right].astype(int)


def canvas_at(canvas, x, y) -> tuple[int, int]:
    camera = canvas.viewport.camera
    return round(x * camera.scale + camera.x), round(y * camera.scale + camera.y)


def is_drawn(picture, canvas) -> bool:
    found = above(picture, canvas)
    ink = canvas.renderer.theme.color(share_arcs.ROLE)
    near = np.abs(found - [ink.red(), ink.green(), ink.blue()]).max(axis=2) < 40
    return int(near.sum()) > 20


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("step", [8, 0, -8])
def test_an_arc_leads_from_the_sharer_to_the_owner(canvas, document, twins, picture, theme, step):
    canvas.set_theme(theme)
    canvas.viewport.camera.step = step
    canvas.renderer.repaint_all()
    assert is_drawn(picture, canvas)
    share_weights(document, twins[1], None)
    assert not is_drawn(picture, canvas)
    document.undo()
    assert is_drawn(picture, canvas)


def test_an_arc_follows_renaming_deletion_and_undo(canvas, document, twins, picture):
    a, _ = twins
    before = above(picture, canvas)
    commands.rename(document, a, "encoder")
    assert (above(picture, canvas) == before).all()
    commands.remove(document, [a])
    assert not is_drawn(picture, canvas)
    assert not len(canvas.scene.sharing)
    document.undo()
    assert (above(picture, canvas) == before).all()


def test_an_arc_follows_a_drag_and_a_move(canvas, document, twins, hands, picture):
    _, b = twins
    start = hands.title(b)
    hands.press(start)
    for part in (40, 120, 200):
        hands.move(start + QPoint(0, part))
    assert canvas.renderer.lifted is not None
    assert is_drawn(picture, canvas)
    hands.release(start + QPoint(0, 200))
    dropped = picture()
    canvas.renderer.repaint_all()
    assert (picture() == dropped).all()
    document.undo()
    assert is_drawn(picture, canvas)


def test_an_arc_leads_to_an_owner_off_the_screen(canvas, document, twins, picture):
    commands.move(document, {twins[0]: (-5000.0, 300.0)})
    assert is_drawn(picture, canvas)
    assert canvas.scene.wire_bounds().left() < -4000


def test_panning_shows_the_arcs_that_painting_anew_shows(canvas, twins, picture):
    picture()
    for dx, dy in ((-60, 25), (110, -40), (-20, 90)):
        canvas.viewport.pan(dx, dy)
        picture()
    panned = picture()
    canvas.renderer.repaint_all()
    assert (np.abs(panned.astype(int) - picture()).max(axis=2) > 24).mean() < 1e-4


def test_ends_lie_on_top_edges_beside_and_on_left_edges_below_each_other():
    corners = np.array([[[0, 0], [500, 100]], [[0, 0], [100, 500]]], float)
    beside, below = share_arcs.arcs(corners, np.full((2, 2), 160.0))
    assert beside[0].tolist() == [80, 0] and beside[-1].tolist() == [580, 100]
    assert beside[1, 1] == beside[2, 1] == -140
    assert below[0].tolist() == [0, 20] and below[-1].tolist() == [100, 520]
    assert below[1, 0] == below[2, 0] == -140


def test_the_example_with_a_decoder_twice_has_an_arc_on_canvas_and_in_pictures():
    document = flow.load(resources.example("vae"))
    scene = SceneModel(document, Analysis(document), lambda *_: None)
    names = {scene.nodes.get(i): record.name for i, record in document.nodes.items()}
    assert [[names[s] for s in pair] for pair in scene.sharing] == [["imagine", "decoder"]]
    line, dot = draw_graph(document).arcs
    x, y = scene.arcs(scene.sharing, scene.positions)[0, 0]
    assert line.data.startswith(f"M{x:.1f} {y:.1f}C")
    text = graph_svg(draw_graph(document), PALETTES["light"])
    assert line.data in text and dot.data in text
    scene.close()


def test_nothing_is_computed_without_sharing(canvas, expression, picture, monkeypatch):
    monkeypatch.setattr(share_arcs, "arcs", lambda *_: pytest.fail("no node shares weights"))
    canvas.renderer.repaint_all()
    picture()
    assert canvas.scene.wire_bounds().isValid()
