"""Pictures from the command line show the constants' values and all wires."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PySide6.QtGui import QImage

import nodeflow as nf
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.resources import example
from nodeflow.ui.core.theming.theme import LIGHT


@pytest.mark.thorough
def test_a_constant_shows_its_value_without_a_run(nodeflow, tmp_path):
    pixels = {}
    for value in (1.0, 8.0):
        text = example("mnist.flow").read_text().replace('"value": 1.0', f'"value": {value}')
        (tmp_path / "a.flow").write_text(text)
        assert nodeflow("render", "a.flow", "-o", "a.png", "--scale", "1").code == 0
        image = QImage(str(tmp_path / "a.png")).convertToFormat(QImage.Format.Format_RGB32)
        shape = (image.height(), image.width())
        pixels[value] = np.frombuffer(image.constBits(), np.uint32).reshape(shape).copy()
    down, across = np.nonzero(pixels[1.0] != pixels[8.0])
    assert len(down), "the digit differs"
    assert np.ptp(down) < 40 and np.ptp(across) < 40, "and nothing else"


@pytest.mark.thorough
def test_constants_that_wait_for_a_training_step_show_their_values(nodeflow, tmp_path):
    with nf.Graph() as graph:
        loss = nf.square(nf.placeholder("float32", [], name="x") * nf.variable(1.0, name="w"))
        train = GradientDescentOptimizer(0.1).minimize(loss)
        with nf.control_dependencies([train]):
            nf.constant(3.0, name="after")
    nf.save(graph, tmp_path / "b.flow")
    run = nodeflow("render", "b.flow", "-o", "b.png")
    assert run.code == 0 and (tmp_path / "b.png").exists()


@pytest.mark.thorough
def test_a_wire_that_passes_around_all_cards_is_in_the_picture(nodeflow, tmp_path):
    """Six wires that run back have lanes beyond the margin around the cards."""
    nodes, wires = [], []
    for i in range(6):
        at = {"attrs": {}, "pos": [300 * i, 0]}
        nodes.append({"id": f"n{i + 1}", "op": "negative", "name": f"a{i}", **at})
        at = {"attrs": {"value": 1.0, "dtype": "float32"}, "pos": [300 * (11 - i), 0]}
        nodes.append({"id": f"n{i + 7}", "op": "constant", "name": f"c{i}", **at})
        wires.append([f"n{i + 7}", "out", f"n{i + 1}", "x"])
    text = json.dumps({"format": "nodeflow", "version": 3, "nodes": nodes, "wires": wires})
    (tmp_path / "a.flow").write_text(text)
    assert nodeflow("render", "a.flow", "-o", "a.png", "--scale", "1").code == 0
    image = QImage(str(tmp_path / "a.png"))
    wire = LIGHT.dtype("float32").name()
    middle = image.width() // 2
    crossed = [y for y in range(image.height()) if image.pixelColor(middle, y).name() == wire]
    assert len(crossed) == 2 * len(wires), "each is two pixels wide"
    margin = 40
    assert margin < min(crossed) and max(crossed) < image.height() - margin
