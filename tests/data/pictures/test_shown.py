"""The bytes that stand for pictures: those of the file where it has bytes, else stretched."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.pictures.shown import shown_pixels, shown_size
from nodeflow.engine.columns import Column
from nodeflow.host.views.input_display import inputs_of

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_from_0_to_1_are_the_bytes_that_they_came_from(channels):
    stored = RANDOM.integers(0, 256, (5, 9, 8, channels)).astype(np.uint8)
    values = Column(stored, scale=1 / 255).rows(slice(None))
    np.testing.assert_array_equal(shown_pixels(values, (9, 8)), stored[..., :3])
    np.testing.assert_array_equal(shown_pixels(values.reshape(5, -1), (9, 8)), stored[..., :3])
    dark = stored // 2
    np.testing.assert_array_equal(shown_pixels(np.float64(dark), (9, 8)), dark[..., :3])


def test_grey_pictures_have_two_axes_and_are_not_stretched_from_0_to_1():
    stored = RANDOM.integers(0, 100, (3, 8, 8)).astype(np.uint8)
    values = stored.reshape(3, 64) / np.float32(255)
    np.testing.assert_array_equal(shown_pixels(values, (8, 8)), stored)


def test_other_numbers_are_stretched_over_the_range_of_all_rows():
    values = np.zeros((2, 8, 8))
    values[0, 0, 0], values[1, 0, 0] = -2.0, 2.0
    found = shown_pixels(values, (8, 8))
    assert (found[0, 0, 0], found[1, 0, 0], found[0, 1, 1]) == (0, 255, 128)
    assert shown_pixels(np.full((1, 8, 8), np.nan), (8, 8)).max() == 0
    assert shown_pixels(np.zeros((0, 8, 8)), (8, 8)).shape == (0, 8, 8)


@pytest.mark.parametrize(
    ("row", "images", "expected"),
    [
        ((9, 8, 3), {}, (9, 8)),
        ((9, 8, 1), {}, (9, 8)),
        ((9, 8), {}, None),
        ((9, 8, 5), {}, None),
        ((4, 4, 3), {}, None),
        ((4, 4, 3), {"images": (4, 4)}, (4, 4)),
        ((216,), {"images": (9, 8)}, (9, 8)),
        ((215,), {"images": (9, 8)}, None),
    ],
)
def test_which_rows_are_pictures(row, images, expected):
    column = Column(np.zeros((2, *row), np.float32))
    data = DataSplits("data", "npz:data", {"train": {"images": column}}, images=images)
    assert shown_size(data, "images") == expected


def test_features_have_the_names_of_the_data():
    rows = Column(np.float32([[1.5, 2], [0.25, -3]]))
    named = {"features": ("area", "rooms")}
    data = DataSplits("data", "csv:a.csv", {"train": {"features": rows}}, feature_names=named)
    words = inputs_of(data, ["features"], data.split("train"), np.arange(2))
    assert words == (None, ("area 1.5, rooms 2", "area 0.25, rooms -3"))
