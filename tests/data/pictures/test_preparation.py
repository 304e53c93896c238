"""Pictures are prepared as MNIST's were: against scipy, pillow, and by what a network says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from nodeflow.data.catalog import open_dataset
from nodeflow.data.pictures import digit_preparation
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.graph.types import TensorType
from nodeflow.resources import example
from nodeflow.train.loop.event_stream import train


def strokes(rng: np.random.Generator, height: int = 200, width: int = 260) -> np.ndarray:
    """A few thick lines somewhere in a picture."""
    field = np.zeros((height, width))
    points = rng.uniform(30, [height - 30, width - 30], size=(4, 2))
    for start, end in pairwise(points):
        for y, x in np.linspace(start, end, 200).round().astype(int):
            field[y, x] = 1
    return np.asarray(ndimage.binary_dilation(field, iterations=6), float)


@pytest.mark.parametrize("seed", range(20))
def test_a_digit_is_in_a_box_of_20_with_its_centre_of_mass_in_the_middle(seed):
    drawn = strokes(np.random.default_rng(seed))
    picture = digit_preparation.prepare_mnist(drawn)
    assert picture.shape == (28, 28) and picture.dtype == np.float32
    assert picture.min() == 0 and picture.max() == 1
    (box,) = ndimage.find_objects((picture > 0).astype(int))
    sides = [part.stop - part.start for part in box]
    assert max(sides) == 20
    (old,) = ndimage.find_objects((drawn > 0).astype(int))
    old_sides = [part.stop - part.start for part in old]
    assert sides == pytest.approx([20 * side / max(old_sides) for side in old_sides], abs=0.51)
    centre = ndimage.center_of_mass(picture)
    for axis in (0, 1):
        at_edge = box[axis].start == 0 or box[axis].stop == 28
        assert at_edge or abs(centre[axis] - 14) <= 0.5 + 1e-6


@pytest.mark.thorough
def test_the_centre_is_where_mnist_has_it():
    images = open_dataset("mnist").split("test")["images"]
    rows = np.asarray(images.rows(np.arange(len(images)))).reshape(-1, 28, 28)
    centres = np.array([ndimage.center_of_mass(picture) for picture in rows])
    assert np.all(np.abs(centres - 14) <= 0.5 + 1e-5)
    again = np.array([ndimage.center_of_mass(digit_preparation.prepare_mnist(p)) for p in rows])
    assert np.quantile(np.abs(again - 14), 0.99) <= 0.5 + 1e-5


@pytest.mark.parametrize("size", [(20, 13), (28, 28), (64, 100)])
def test_resizing_agrees_with_pillow(size):
    picture = np.random.default_rng(1).random((57, 71)).astype(np.float32)
    height, width = size
    expected = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(
        digit_preparation.resize(picture, *size), np.asarray(expected), atol=1e-5
    )


def test_place_and_size_do_not_matter():
    drawn = strokes(np.random.default_rng(3))
    expected = digit_preparation.prepare_mnist(drawn)
    moved = np.pad(drawn, ((90, 10), (5, 300)))
    np.testing.assert_array_equal(digit_preparation.prepare_mnist(moved), expected)
    larger = ndimage.zoom(drawn, 3, order=0)
    assert np.abs(digit_preparation.prepare_mnist(larger) - expected).mean() < 0.01


def test_no_ink_gives_an_empty_picture():
    assert digit_preparation.prepare_mnist(np.zeros((50, 50))).max() == 0
    assert digit_preparation.prepare_mnist(np.zeros((0, 0))).max() == 0


def test_a_single_dot_and_a_long_line_stay_inside():
    dot = np.zeros((90, 90))
    dot[3, 80] = 1
    assert digit_preparation.prepare_mnist(dot).sum() > 0
    line = np.zeros((300, 300))
    line[:, 150] = 1
    line[270:, 100:200] = 1  # its mass is far from the middle of its box
    picture = digit_preparation.prepare_mnist(line)
    (box,) = ndimage.find_objects((picture > 0).astype(int))
    assert box[0].stop - box[0].start == 20


def test_ink_on_paper_is_inverted_and_the_ground_becomes_zero():
    drawn = strokes(np.random.default_rng(5))
    paper = 0.9 - 0.7 * drawn
    assert digit_preparation.is_dark_on_light(paper) and not digit_preparation.is_dark_on_light(
        drawn
    )
    np.testing.assert_allclose(digit_preparation.light_on_dark(paper), drawn, atol=1e-9)
    np.testing.assert_allclose(digit_preparation.light_on_dark(0.1 + 0.6 * drawn), drawn, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_photo_with_a_shadow_reads_like_the_drawing(seed):
    rng = np.random.default_rng(seed)
    drawn = strokes(rng)
    y, x = np.mgrid[0:1:200j, 0:1:260j]
    light = 0.95 - 0.35 * (x + 0.5 * y) / 1.5  # darker towards a corner
    photo = (light * (1 - 0.8 * drawn) + rng.normal(0, 0.01, drawn.shape)).clip(0, 1)
    expected = digit_preparation.prepare_mnist(drawn)
    found = digit_preparation.prepare_mnist(digit_preparation.light_on_dark(photo))
    flat = digit_preparation.prepare_mnist(np.clip(1 - photo - np.median(1 - photo), 0, 1))

    def error(picture):  # a centre between two pixels may be rounded to either
        places = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        moved = [np.roll(picture, place, (0, 1)) for place in places]
        return min(np.abs(each - expected).mean() for each in moved)

    assert error(found) < 0.015 < error(flat), "one ground for all would not do"


def test_transparent_ground_is_opposite_to_the_ink():
    rgba = np.zeros((10, 10, 4), np.uint8)
    rgba[3:6, 3:6, 3] = 255  # black ink
    grey = digit_preparation.grey_of(rgba)
    assert grey[0, 0] == 1 and grey[4, 4] == 0
    rgba[..., :3] = 255
    grey = digit_preparation.grey_of(rgba)
    assert grey[0, 0] == 0 and grey[4, 4] == pytest.approx(1)


@pytest.mark.parametrize(
    ("dtype", "shape", "expected"),
    [
        ("float32", (None, 784), (28, 28, (1, 784))),
        ("float32", (784,), (28, 28, (784,))),
        ("float64", (None, 28, 20, 1), (28, 20, (1, 28, 20, 1))),
        ("float32", (None, 12, 9), (12, 9, (1, 12, 9))),
        ("float32", (None, 10), None),
        ("float32", (None, None), None),
        ("int32", (None, 784), None),
        ("float32", (None, 28, 28, 3), None),
    ],
)
def test_which_placeholders_take_a_picture(dtype, shape, expected):
    assert digit_preparation.picture_size(TensorType(dtype, shape)) == expected


@pytest.mark.thorough
def test_a_trained_network_knows_digits_that_were_moved_and_scaled():
    """Test digits of another size, somewhere in a large picture, as somebody draws them."""
    task = Task(flow.load(example("mnist_cnn.flow")))
    rows = open_dataset("mnist").split("test")
    count = np.arange(min(500, len(rows["images"])))
    images = np.asarray(rows["images"].rows(count)).reshape(-1, 28, 28)
    labels = np.asarray(rows["labels"].rows(count)).argmax(axis=1)
    rng = np.random.default_rng(0)
    prepared = [digit_preparation.prepare_mnist(_elsewhere(image, rng)).ravel() for image in images]
    with Session(task.graph, tier="compiled", seed=1) as session:
        session.initialize()
        for _ in train(session, task.training()):
            pass
        answers = session.run("logits", {"x": np.stack(prepared)}).argmax(axis=1)
    assert (answers == labels).mean() >= 0.95


def _elsewhere(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(50, 300))
    large = Image.fromarray(np.uint8(image * 255)).resize((side, side), Image.Resampling.BICUBIC)
    field = np.zeros((400, 420))
    top, left = rng.integers(0, 400 - side, 2)
    field[top : top + side, left : left + side] = np.asarray(large) / 255
    return field
