"""What nodes show of tensors of every size."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.host.evaluation.previews import downsample, make_preview, to_grey
from nodeflow.host.picture_arrangement import arranged_matrix, color_limits
from nodeflow.number_text import number


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.0, "9"), (0.03125, "0.03125"), (1.2e-5, "1.2e−5"), (3, "3"), (True, "true"),
     (float("nan"), "NaN"), (float("-inf"), "−∞"), (1 / 3, "0.3333")],
)  # fmt: skip
def test_scalars_as_short_text(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((), "scalar"), ((3,), "table"), ((8, 6), "table"), ((100, 1), "table"),
     ((100, 10), "heatmap"), ((784, 300), "heatmap"), ((500,), "heatmap"), ((0, 3), "summary"),
     ((2, 3, 4, 5, 6), "summary")],
)  # fmt: skip
def test_the_kind_follows_the_shape(shape, kind):
    preview = make_preview(np.zeros(shape, "float32"))
    assert (preview.kind, preview.shape, preview.dtype) == (kind, shape, "float32")


def test_rows_of_pictures_are_shown_as_pictures():
    rows = np.linspace(0, 1, 20 * 6, dtype="float32").reshape(20, 6)
    preview = make_preview(rows, image_shape=(2, 3))
    assert preview.kind == "images"
    assert preview.array.shape == (16, 2, 3) and preview.array.dtype == np.uint8


def test_figures_leave_out_what_is_not_finite():
    preview = make_preview(np.array([1.0, np.nan, 3.0, np.inf]))
    assert (preview.minimum, preview.maximum, preview.mean) == (1.0, 3.0, 2.0)
    empty = make_preview(np.array([np.nan]))
    assert (empty.minimum, empty.maximum, empty.mean) == (None, None, None)


def test_figures_of_bools_and_bytes_do_not_wrap():
    preview = make_preview(np.full((3, 3), 255, np.uint8))
    assert preview.mean == 255
    assert make_preview(np.array([True, False])).mean == 0.5


def test_downsampling_keeps_the_mean_of_even_blocks():
    rows = np.arange(128 * 128, dtype=float).reshape(128, 128)
    small = downsample(rows)
    assert small.shape == (64, 64)
    np.testing.assert_allclose(small, rows.reshape(64, 2, 64, 2).mean(axis=(1, 3)), rtol=1e-6)


def test_downsampling_uneven_blocks_stays_within_the_range():
    rows = np.random.default_rng(0).normal(size=(200, 70))
    small = downsample(rows)
    assert small.shape == (64, 64)
    assert rows.min() <= small.min() and small.max() <= rows.max()


def test_grey_stretches_to_the_full_range_and_survives_nan():
    assert to_grey(np.array([[0.0, 0.5, 1.0]])).tolist() == [[0, 127, 255]]
    assert to_grey(np.array([[5.0, 5.0]])).tolist() == [[0, 0]]
    assert to_grey(np.array([[np.nan, 1.0]])).dtype == np.uint8


def test_a_preview_never_shares_memory_with_the_tensor():
    values = np.zeros((2, 2))
    preview = make_preview(values)
    values[:] = 7
    assert preview.array.max() == 0


RANDOM = np.random.default_rng(4)


def test_activations_of_a_convolution_are_the_channels_of_the_first_row():
    values = RANDOM.normal(size=(5, 14, 12, 8)).astype("float32")
    preview = make_preview(values)
    assert (preview.kind, preview.arrangement) == ("maps", "channels")
    np.testing.assert_allclose(preview.array, values[0].transpose(2, 0, 1), rtol=1e-6)
    assert preview.minimum == pytest.approx(values.min()), "the scale is that of all rows"


def test_filters_are_those_of_the_first_input_channel():
    weights = RANDOM.normal(size=(5, 5, 8, 16)).astype("float32")
    preview = make_preview(weights)
    assert (preview.kind, preview.arrangement) == ("maps", "filters")
    np.testing.assert_allclose(preview.array[3], weights[:, :, 0, 3], rtol=1e-6)


def test_weights_that_take_a_picture_are_drawn_as_pictures():
    weights = RANDOM.normal(size=(784, 300)).astype("float32")
    preview = make_preview(weights, column_shape=(28, 28))
    assert (preview.kind, preview.arrangement) == ("maps", "columns")
    np.testing.assert_allclose(preview.array[2], weights[:, 2].reshape(28, 28), rtol=1e-6)


def test_pictures_of_both_signs_are_maps_and_others_stay_grey():
    rows = RANDOM.random((4, 784)).astype("float32")
    assert make_preview(rows, image_shape=(28, 28)).kind == "images"
    assert make_preview(rows - 0.5, image_shape=(28, 28)).kind == "maps"
    assert make_preview(rows.reshape(4, 28, 28, 1)).kind == "images"
    assert make_preview(rows.reshape(4, 28, 28)).kind == "images"


def test_colour_pictures_keep_their_colours():
    stored = RANDOM.integers(0, 256, (10, 10, 9, 3)).astype(np.uint8)
    rows = stored * np.float32(1 / 255)
    for given in (rows, rows.reshape(10, -1)):  # ten rows of ten lines are no filters either
        preview = make_preview(given, image_shape=(10, 9))
        assert preview.kind == "images" and preview.arrangement == ""
        np.testing.assert_array_equal(preview.array, stored)
    assert make_preview(rows - 0.5).kind == "maps", "these are three channels, not colours"


def test_what_is_tall_is_transposed_and_a_long_vector_gets_several_rows():
    tall = RANDOM.normal(size=(60, 10)).astype("float32")
    preview = make_preview(tall)
    assert preview.arrangement == "transposed"
    np.testing.assert_allclose(preview.array, tall.T, rtol=1e-6)
    vector = RANDOM.normal(size=300).astype("float32")
    preview = make_preview(vector)
    assert preview.arrangement == "tiled" and preview.array.shape == (12, 25)
    np.testing.assert_allclose(preview.array.ravel(), vector, rtol=1e-6)
    prime = make_preview(RANDOM.normal(size=31).astype("float32"))
    assert prime.arrangement == "" and prime.array.shape == (1, 31)


@pytest.mark.parametrize("count", range(2, 200))
def test_tiles_hold_every_element_once(count):
    values = np.arange(count, dtype=float)
    arranged, _ = arranged_matrix(values[None])
    np.testing.assert_array_equal(arranged.ravel(), values)


def test_a_few_values_far_out_do_not_take_the_colours_from_the_rest():
    values = RANDOM.normal(size=50_000)
    low, high = color_limits(values)
    assert -low == high == np.abs(values).max(), "they are not far out"
    values[7] = 1000.0
    low, high = color_limits(values)
    clipped = (np.abs(values) > high).mean()
    assert -low == high and 0 < clipped < 0.01 and high < 10
    assert color_limits(np.abs(values))[0] == np.abs(values).min()


def test_colours_end_at_the_extremes_where_nearly_all_is_zero():
    values = np.zeros((100, 100))
    values[3, 3] = 5.0
    assert color_limits(values) == (0.0, 5.0)
    assert color_limits(-values) == (-5.0, 5.0)
    assert color_limits(np.full(3, np.nan)) is None and color_limits(np.zeros(0)) is None
    assert color_limits(np.array([np.inf, 1.0, 2.0])) == (1.0, 2.0)
    assert color_limits(np.array([False, True])) == (0.0, 1.0)
