"""A drawing without Qt looks like the canvas: cards, wires and texts at the same places."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from PySide6.QtCore import QByteArray
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from nodeflow import resources
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.drawing.formats import svg as svgs
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.drawing.theme_colors import PALETTES
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.views_on_nodes import pinned_views
from nodeflow.host.views.watched_views import view_value
from nodeflow.ui.canvas.export_image import render_file
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.core.theming.theme import font_families

EXAMPLES = ["expression", "mnist_layers", "lstm", "spirals"]


@lru_cache(maxsize=len(EXAMPLES))
def with_values(name: str):
    document = flow.load(resources.example(name))
    evaluator = Evaluator(document)
    views = {n: view_value(evaluator.view_source, s) for n, s in pinned_views(document).items()}
    return document, evaluator.previews().values, views


@pytest.mark.parametrize("name", EXAMPLES)
def test_cards_and_wires_have_the_same_places(qapp, name):
    document, values, views = with_values(name)
    drawing = draw_graph(document, values=values, views=views)
    ids = {record.name: i for i, record in document.nodes.items()}
    scene = SceneModel(document, Analysis(document), lambda *_: None)
    scene.builder.set_views({ids[n]: v for n, v in views.items()})
    scene.refresh_cards(
        scene.builder.set_values({ids[n]: v for n, v in values.items() if n in ids})
    )
    for node in drawing.nodes:
        rect = scene.rect(scene.nodes.get(node.id))
        assert tuple(node.rect) == (rect.x(), rect.y(), rect.width(), rect.height())
    scene.close()


def rasterised(text: str) -> np.ndarray:
    """Return the pixels of an SVG, drawn by Qt with the bundled fonts."""
    families = font_families()
    text = text.replace(svgs.SANS, families[0]).replace(svgs.MONO, families[1])
    renderer = QSvgRenderer(QByteArray(text.encode()))
    image = QImage(renderer.defaultSize(), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    return pixels(image)


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
    return rows[:, : image.width(), :3].astype(int)


@pytest.mark.sample(2)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_picture_without_qt_looks_like_the_picture_by_qt(qapp, tmp_path, name, theme):
    document, values, views = with_values(name)
    path = tmp_path / "x.png"
    render_file(document, path, scale=1, theme=theme, values=values, views=views)
    painted = pixels(QImage(str(path)))
    drawing = draw_graph(document, values=values, views=views)
    drawn = rasterised(svgs.graph_svg(drawing, PALETTES[theme]))
    assert painted.shape == drawn.shape
    differ = np.abs(painted - drawn).max(axis=2)
    assert (differ > 64).mean() < 0.01, "outlines and letters may differ by fractions of a pixel"
    for node in drawing.nodes:  # no card is missing, moved or of another colour
        left, top, width, height = (
            (np.array(node.rect) - [drawing.area.left, drawing.area.top, 0, 0]).round().astype(int)
        )
        part = slice(top, top + height), slice(left, left + width)
        away = np.abs(painted[part].mean(axis=(0, 1)) - drawn[part].mean(axis=(0, 1))).max()
        assert away < 4, node.card.title
