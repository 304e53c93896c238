"""Where pixels come from, against scipy, Pillow's formulas, colorsys and plain loops."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
import scipy.ndimage

import nodeflow as nf
from nodeflow.errors import NodeflowError, ShapeError
from nodeflow.ops.namespaces import image
from nodeflow.ops.samples import values

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])
PICTURES = values((2, 9, 11, 3), "float64", 0, 1)


def run(tier: Any, made: nf.Tensor, feeds: Any = None) -> np.ndarray:
    with nf.Session(made.graph, tier=tier) as session:
        return session.run(made, feeds)


@TIERS
@pytest.mark.parametrize(("method", "order"), [("nearest", 0), ("bilinear", 1)])
@pytest.mark.parametrize("angle", [0.4, -1.3, 2.9])
def test_rotation_is_scipys(tier: str, method: str, order: int, angle: float) -> None:
    with nf.Graph():
        found = run(tier, nf.rotate(nf.constant(PICTURES), angle=angle, interpolation=method))
    turned = scipy.ndimage.rotate(
        PICTURES, np.degrees(angle), axes=(2, 1), reshape=False, order=order, mode="grid-constant"
    )
    np.testing.assert_allclose(found, turned, atol=1e-9)


@TIERS
@pytest.mark.parametrize("mode", ["reflect", "wrap", "nearest", "constant"])
def test_what_is_beyond_the_border_is_scipys(tier: str, mode: str) -> None:
    transform = np.array([1.3, 0.4, -6.2, -0.5, 1.2, 5.3, 0, 0])
    with nf.Graph():
        made = nf.projective_transform(
            nf.constant(PICTURES), nf.constant(transform), interpolation="bilinear",
            fill_mode=mode, fill_value=0.25,
        )  # fmt: skip
        found = run(tier, made)
    a0, a1, a2, b0, b1, b2, _, _ = transform
    theirs = {"wrap": "grid-wrap", "constant": "grid-constant"}.get(mode, mode)
    for row, channel in np.ndindex(2, 3):
        expected = scipy.ndimage.affine_transform(
            PICTURES[row, :, :, channel], [[b1, b0], [a1, a0]], [b2, a2], order=1, mode=theirs,
            cval=0.25,
        )  # fmt: skip
        np.testing.assert_allclose(found[row, :, :, channel], expected, atol=1e-9)


@TIERS
def test_a_quarter_turn_is_rot90_and_a_matrix_of_one_is_nothing(tier: str) -> None:
    square = values((2, 7, 7, 1))
    with nf.Graph():
        x = nf.constant(square)
        turned = image.rotate(x, np.pi / 2)
        np.testing.assert_allclose(run(tier, turned), np.rot90(square, axes=(1, 2)), atol=1e-12)
        first = nf.transpose(x, perm=[0, 3, 1, 2])
        one = nf.constant(np.array([[[1.0, 0, 0], [0, 1, 0]]] * 2))
        for corners in (False, True):
            grid = nf.affine_grid(one, size=(7, 7), align_corners=corners)
            same = nf.grid_sample(first, grid, align_corners=corners)
            np.testing.assert_allclose(run(tier, same), square.transpose(0, 3, 1, 2), atol=1e-12)


@TIERS
def test_pictures_of_unknown_number(tier: str) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 9, 11, 3], name="x")
        made = image.flip_left_right(image.resize_images(nf.rotate(x, angle=0.3), (4, 5)))
        assert made.shape == (None, 4, 5, 3)
        for count in (0, 1, 3):
            given = values((count, 9, 11, 3), "float32")
            assert run(tier, made, {"x": given}).shape == (count, 4, 5, 3)


@TIERS
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_pixel_shuffle(tier: str, mode: str) -> None:
    """By its definition, for each pixel."""
    x = values((2, 12, 3, 4))
    expected = np.zeros((2, 3, 6, 8))
    for c, i, j in np.ndindex(3, 2, 2):
        channel = (i * 2 + j) * 3 + c if mode == "DCR" else (c * 2 + i) * 2 + j
        expected[:, c, i::2, j::2] = x[:, channel]
    with nf.Graph():
        made = nf.depth_to_space(nf.constant(x), 2, mode=mode, layout="NCHW")
        back = nf.space_to_depth(made, 2, mode=mode, layout="NCHW")
        np.testing.assert_array_equal(run(tier, made), expected)
        np.testing.assert_array_equal(run(tier, back), x)
        last = nf.depth_to_space(nf.constant(x.transpose(0, 2, 3, 1)), 2, mode=mode)
        np.testing.assert_array_equal(run(tier, last), expected.transpose(0, 2, 3, 1))


@TIERS
def test_fold_adds_up_what_patches_show(tier: str) -> None:
    x = values((2, 5, 6, 3))
    with nf.Graph():
        seen = image.extract_image_patches(nf.constant(x), [1, 2, 3, 1], [1, 1, 2, 1], None,
                                              "VALID")  # fmt: skip
        by_channel = nf.transpose(nf.reshape(seen, [2, 8, 6, 3]), perm=[0, 3, 2, 1])
        made = nf.fold(nf.reshape(by_channel, [2, 18, 8]), image_shape=(5, 6), block_shape=(2, 3),
                       strides=(1, 2))  # fmt: skip
        found = run(tier, made)
    times = np.zeros((5, 6))
    for i, j in np.ndindex(4, 2):
        times[i : i + 2, 2 * j : 2 * j + 3] += 1
    np.testing.assert_allclose(found, x.transpose(0, 3, 1, 2) * times, rtol=1e-12)


def read(picture: np.ndarray, y: float, x: float) -> np.ndarray:
    """A picture (height, width, channels) between its pixels, as RoI align reads it."""
    height, width = picture.shape[:2]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(picture.shape[2])
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    at = [np.arange(height), np.arange(width)]
    down, across = (np.maximum(1 - np.abs(p - c), 0) for p, c in zip(at, (y, x), strict=True))
    return np.einsum("h,w,hwc->c", down, across, picture)


@TIERS
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("mode", ["avg", "max"])
def test_roi_align_is_means_of_points(tier: str, aligned: bool, mode: str) -> None:
    boxes = np.array([[1.3, 0.2, 7.9, 6.3], [-3.4, 1.2, 5.1, 1.7], [4.3, 1.1, 14.2, 12.2]])
    rows, size, points = [1, 0, 1], (2, 3), 2
    expected = np.zeros((3, 3, *size))
    shift = 0.5 if aligned else 0.0
    for n, (x1, y1, x2, y2) in enumerate(boxes - shift):
        high, wide = y2 - y1, x2 - x1
        if not aligned:
            high, wide = max(high, 1), max(wide, 1)
        for i, j in np.ndindex(size):
            found = [
                read(
                    PICTURES[rows[n]],
                    y1 + high * (i + (a + 0.5) / points) / size[0],
                    x1 + wide * (j + (b + 0.5) / points) / size[1],
                )
                for a, b in np.ndindex(points, points)
            ]
            expected[n, :, i, j] = np.mean(found, 0) if mode == "avg" else np.max(found, 0)
    with nf.Graph():
        made = nf.roi_align(
            nf.constant(PICTURES.transpose(0, 3, 1, 2)), nf.constant(boxes), nf.constant(rows),
            output_size=size, aligned=aligned, mode=mode,
        )  # fmt: skip
        np.testing.assert_allclose(run(tier, made), expected, rtol=1e-9, atol=1e-12)


@TIERS
def test_hues_are_colorsys(tier: str) -> None:
    colours = values((40, 3), "float64", 0, 1)
    with nf.Graph():
        found = run(tier, nf.rgb_to_hsv(nf.constant(colours)))
        back = run(tier, nf.hsv_to_rgb(nf.constant(found)))
    expected = [colorsys.rgb_to_hsv(*colour) for colour in colours]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(back, colours, rtol=1e-12)


@TIERS
def test_shrinking_with_antialias_is_pillows_cubic(tier: str) -> None:
    Image = pytest.importorskip("PIL.Image")
    picture = values((24, 32), "float32", 0, 1)
    expected = np.asarray(Image.fromarray(picture).resize((7, 9), Image.Resampling.BICUBIC))
    with nf.Graph():
        made = nf.interpolate(
            nf.constant(picture), sizes=(9, 7), axes=(0, 1), method="cubic", antialias=True,
            cubic_coefficient=-0.5, exclude_outside=True,
        )  # fmt: skip
        np.testing.assert_allclose(run(tier, made), expected, atol=1e-5)


def test_what_cannot_be_is_said() -> None:
    with nf.Graph():
        x = nf.constant(PICTURES)
        with pytest.raises(
            ShapeError, match=r"pictures must be \(\.\.\., height, width, channels\)"
        ):
            image.flip_left_right(nf.zeros([3, 4]))
        with pytest.raises(NodeflowError, match="two numbers that are known"):
            image.resize_images(x, nf.placeholder("int32", [2]))
        with pytest.raises(NodeflowError, match="no resize method 'cubism'"):
            image.resize_images(x, (3, 3), "cubism")
        with pytest.raises(ShapeError, match="3 channels are needed"):
            image.adjust_hue(nf.zeros([2, 3, 1]), 0.1)
        with pytest.raises(ShapeError, match="must not vary along channels"):
            image.adjust_hue(x, nf.zeros([2, 1, 1, 3]))
        with pytest.raises(NodeflowError, match="bilinear needs floats"):
            nf.rotate(nf.zeros([2, 3, 1], "uint8"), interpolation="bilinear")
        with pytest.raises(AttributeError, match=r"image has no 'decode_jpg'"):
            image.decode_jpg  # noqa: B018
