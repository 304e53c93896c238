"""Previews of pictures that are read when they are needed, and of a broken one among them."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from tests.data import own_data as files


@pytest.fixture
def shapes(tmp_path):
    """A document that looks at pictures, its folder, and the pictures' pixels."""
    _, pixels = files.pictures(tmp_path)
    document = Document()
    data = commands.add_node(
        document,
        "dataset",
        (0, 0),
        name="data",
        attrs={"source": "pictures:shapes", "shuffle": False, "splits": [0.5, 0, 0.5]},
    )
    x = commands.add_node(
        document, "placeholder", (0, 0), name="x", attrs={"shape": [None, 12, 10, 3]}
    )
    mean = commands.add_node(document, "reduce_mean", (0, 0), name="mean")
    commands.connect(document, data, "images", x, "feed")
    commands.connect(document, x, "out", mean, "x")
    commands.set_training(document, batch_size=5)
    return document, tmp_path, pixels


def test_the_first_test_pictures_are_shown(shapes):
    document, folder, pixels = shapes
    evaluator = Evaluator(document, base_dir=str(folder))
    names = sorted(pixels)
    truth = np.stack([pixels[name] for name in names[15:20]]) / 255
    evaluation = evaluator.previews()
    np.testing.assert_allclose(evaluator.value("x").array, truth, rtol=1e-6)
    assert evaluation.values["mean"].array == pytest.approx(truth.mean(), rel=1e-5)


def test_a_broken_picture_is_a_problem_that_names_it_and_other_rows_are_shown(shapes):
    document, folder, pixels = shapes
    names = sorted(pixels)
    (folder / "shapes" / names[17]).write_bytes(b"no picture")
    evaluator = Evaluator(document, base_dir=str(folder))
    evaluation = evaluator.previews()
    shown = evaluation.values["x"]
    assert shown.kind == "error" and names[17] in shown.text and "damaged" in shown.text
    evaluator.choose(p.ShowData("test", 5))
    truth = np.stack([pixels[name] for name in names[20:25]]) / 255
    assert evaluator.previews().values["mean"].array == pytest.approx(truth.mean(), rel=1e-5)
