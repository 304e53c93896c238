"""Pictures in SVG: valid, safe, in both themes, without Qt, and with their graph."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from nodeflow import resources
from nodeflow.document.edit import commands
from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.model.document import Document
from nodeflow.drawing.formats.graph_file import svg_file
from nodeflow.drawing.formats.png_data import png
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.drawing.theme_colors import PALETTES
from nodeflow.host.evaluation.previews import make_preview

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script>&\"'\x00\x1b[31m\u202e]]>"


def example(name: str) -> Document:
    return flow.load(resources.example(name))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["expression", "mnist_layers", "lstm"])
def test_a_picture_is_xml_with_the_names_as_text(name, theme):
    document = example(name)
    svg = svg_file(document, theme=theme)
    shown = texts(svg)
    for record in document.nodes.values():
        assert record.name in shown
    assert PALETTES[theme].canvas in svg
    assert PALETTES["dark" if theme == "light" else "light"].canvas not in svg


def test_a_picture_gives_back_its_graph(tmp_path):
    document, path = example("expression"), tmp_path / "x.svg"
    path.write_text(svg_file(document), encoding="utf-8")
    assert flow.dumps(embedded_graph.load_picture(path)) == flow.dumps(document)


def test_hostile_texts_are_only_text():
    document = Document()
    node = commands.add_node(document, "hologram<script>", (0, 0), "a")
    commands.add_frame(document, (0, 0, 400, 300), title=HOSTILE)
    frame = next(iter(document.frames.values()))
    commands.set_frame(document, frame.id, note=HOSTILE + "\n\n# " + HOSTILE)
    assert node
    preview = make_preview(np.float32(1))
    hostile = type(preview)("text", text=HOSTILE)
    root = ET.fromstring(svg_file(document, values={"a": hostile}))
    assert not list(root.iter(f"{SVG}script")) and not list(root.iter("script"))
    assert any("<script>" in text for text in texts(svg_file(document)))
    allowed = {"svg", "title", "metadata", "defs", "pattern", "rect", "g", "path", "text", "use"}
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= allowed | {"image", "clipPath", "circle", "line", "polyline", "ellipse"}


def test_a_picture_shows_numbers_tables_and_pictures():
    document = example("expression")
    names = [record.name for record in document.nodes.values()]
    shown = [np.float32(-2.5), np.arange(6.0).reshape(2, 3), np.random.rand(20, 30)]
    values = {name: make_preview(np.asarray(value)) for name, value in zip(names, shown)}
    svg = svg_file(document, values=values)
    assert "−2.5" in texts(svg) and "5" in texts(svg)
    assert svg.count("data:image/png;base64,") == 1


@pytest.mark.parametrize("colors", [3, 400])
def test_a_png_has_the_pixels_it_is_made_of(colors):
    from io import BytesIO

    from PIL import Image

    random = np.random.default_rng(1)
    table = random.integers(0, 256, (colors, 3), np.uint8)
    pixels = table[random.integers(0, colors, (40, 31))]
    assert np.array_equal(np.asarray(Image.open(BytesIO(png(pixels))).convert("RGB")), pixels)


def test_every_node_and_wire_of_a_graph_is_drawn():
    document = example("mnist_layers")
    drawing = draw_graph(document)
    assert {node.id for node in drawing.nodes} == set(document.nodes)
    assert {wire.wire.key for wire in drawing.wires} == set(document.wires)
    assert {frame.frame.id for frame in drawing.frames} == set(document.frames)


def test_drawing_loads_no_qt(tmp_path):
    out, graph = tmp_path / "x.svg", resources.example("mnist_layers")
    code = (
        "import sys; from nodeflow.cli.main import main\n"
        f"status = main(['render', {str(graph)!r}, '-o', {str(out)!r}])\n"
        "assert not status, status\n"
        "assert 'PySide6' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert out.read_text(encoding="utf-8").startswith("<?xml")
