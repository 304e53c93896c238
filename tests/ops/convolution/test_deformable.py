"""Convolution between pixels, against its definition in loops."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, ShapeError
from tests.ops.convolution.test_windows import in_both_tiers, numbers


def pixel(image: np.ndarray, down: float, right: float) -> np.ndarray:
    """All channels of (height, width, channels) between four pixels, 0 outside."""
    top, left = int(np.floor(down)), int(np.floor(right))
    found = np.zeros(image.shape[2])
    for i in (top, top + 1):
        for j in (left, left + 1):
            if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
                found += (1 - abs(down - i)) * (1 - abs(right - j)) * image[i, j]
    return found


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_deformable_convolution_is_its_definition(layout: str) -> None:
    x, f = numbers(2, 5, 4, 4), numbers(3, 2, 2, 6, seed=1)
    strides, pads, parts = (2, 1), ((1, 1), (0, 1)), 2
    offset, mask = 1.5 * numbers(2, 3, 4, 2 * 6 * 2, seed=2), numbers(2, 3, 4, 2 * 6, seed=3)
    expected = np.zeros((2, 3, 4, 6))
    for n, row, column in np.ndindex(2, 3, 4):
        moves = offset[n, row, column].reshape(parts, 3, 2, 2)
        factors = mask[n, row, column].reshape(parts, 3, 2)
        for ky, kx in np.ndindex(3, 2):
            seen = np.zeros(4)
            for part in range(parts):
                by = moves[part, ky, kx]
                at = row * 2 - 1 + ky + by[0], column + kx + by[1]
                own = slice(part * 2, part * 2 + 2)
                seen[own] = pixel(x[n], *at)[own] * factors[part, ky, kx]
            for group in range(2):
                made = seen[group * 2 : group * 2 + 2] @ f[ky, kx][:, group * 3 : group * 3 + 3]
                expected[n, row, column, group * 3 : group * 3 + 3] += made
    attrs = {"strides": strides, "pads": [list(p) for p in pads], "groups": 2, "offset_groups": 2}
    given = [x, offset, mask]
    if layout == "NCHW":
        given = [np.moveaxis(a, 3, 1).copy() for a in given]
    found = in_both_tiers(
        lambda x, o, m, f: nf.deform_conv2d(x, f, o, m, layout=layout, **attrs), *given, f
    )
    found = np.moveaxis(found, 1, 3) if layout == "NCHW" else found
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_without_offsets_it_is_convolution() -> None:
    x, f = numbers(1, 4, 5, 3), numbers(2, 3, 3, 2, seed=1)
    attrs = {"dilations": (1, 2), "padding": "same"}
    found = in_both_tiers(
        lambda x, f, o: nf.deform_conv2d(x, f, o, **attrs), x, f, np.zeros((1, 4, 5, 12))
    )
    plain = in_both_tiers(lambda x, f: nf.conv2d(x, f, **attrs), x, f)
    np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-13)


def test_what_does_not_fit_is_refused() -> None:
    with nf.Graph():
        x, f = nf.zeros([1, 4, 5, 3]), nf.zeros([2, 2, 3, 2])
        with pytest.raises(ShapeError, match=r"offset is .*, but must be"):
            nf.deform_conv2d(x, f, nf.zeros([1, 4, 5, 4]))
        with pytest.raises(AttributeProblem, match="3 channels"):
            nf.deform_conv2d(x, f, nf.zeros([1, 4, 5, 16]), offset_groups=2)
