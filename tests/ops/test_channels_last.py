"""Convolution, pooling, resizing and borders, against loops written out and against scipy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.signal

import nodeflow as nf
from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.ops.samples import values
from tests.ops.test_semantics import call, slope


def border(size: int, window: int, stride: int) -> tuple[int, int]:
    """TensorFlow's rule for padding 'same'."""
    total = max((math.ceil(size / stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def loops(
    x: np.ndarray, f: np.ndarray, strides: tuple, padding: str, dilations: tuple, groups: int
) -> np.ndarray:
    """Convolution as its definition reads, element by element."""
    (kh, kw, cg, filters), (n, h, w, _) = f.shape, x.shape
    reach = [(k - 1) * d + 1 for k, d in zip((kh, kw), dilations, strict=True)]
    if padding == "same":
        pads = [border(s, r, t) for s, r, t in zip((h, w), reach, strides, strict=True)]
        x = np.pad(x, ((0, 0), *pads, (0, 0)))
    down = (x.shape[1] - reach[0]) // strides[0] + 1
    across = (x.shape[2] - reach[1]) // strides[1] + 1
    out = np.zeros((n, down, across, filters))
    for b, i, j, o, u, v, c in np.ndindex(n, down, across, filters, kh, kw, cg):
        group = o // (filters // groups)
        at = i * strides[0] + u * dilations[0], j * strides[1] + v * dilations[1]
        out[b, i, j, o] += x[b, at[0], at[1], group * cg + c] * f[u, v, c, o]
    return out


GEOMETRIES = list(itertools.product([(1, 1), (2, 3)], ["same", "valid"], [(1, 1), (2, 1)], [1, 2]))


@pytest.mark.parametrize(("strides", "padding", "dilations", "groups"), GEOMETRIES)
def test_convolution_is_what_its_definition_says(
    strides: tuple, padding: str, dilations: tuple, groups: int
) -> None:
    x, f = values((2, 5, 6, 4)), values((3, 2, 4 // groups, 2), start=5)
    expected = loops(x, f, strides, padding, dilations, groups)
    attrs = {
        "strides": strides, "padding": padding, "dilations": dilations, "groups": groups,
    }  # fmt: skip
    np.testing.assert_allclose(call("conv2d", x, f, **attrs), expected, rtol=1e-12, atol=1e-13)
    turned = call("conv2d", np.moveaxis(x, 3, 1), f, layout="NCHW", **attrs)
    np.testing.assert_allclose(np.moveaxis(turned, 1, 3), expected, rtol=1e-12, atol=1e-13)


def test_convolution_agrees_with_scipy() -> None:
    x, f = values((7, 8)), values((3, 4), start=5)
    got = call("conv2d", x[None, :, :, None], f[:, :, None, None], padding="valid")
    np.testing.assert_allclose(
        got[0, :, :, 0], scipy.signal.correlate2d(x, f, "valid"), rtol=1e-12, atol=1e-13
    )


@pytest.mark.parametrize(("strides", "padding", "dilations", "groups"), GEOMETRIES)
def test_transposed_convolution_is_the_adjoint(
    strides: tuple, padding: str, dilations: tuple, groups: int
) -> None:
    """<conv(x), y> = <x, transposed(y)>, whatever x and y."""
    attrs = {
        "strides": strides, "padding": padding, "dilations": dilations, "groups": groups,
    }  # fmt: skip
    f, y = values((3, 2, 4 // groups, 2), start=5), values((2, 3, 2, 2), start=7)
    back = call("conv2d_transpose", y, f, **attrs)
    x = values(back.shape)
    there = call("conv2d", x, f, **attrs)
    assert there.shape == y.shape
    assert (there * y).sum() == pytest.approx((x * back).sum(), rel=1e-12)


def test_a_stride_of_two_doubles_pictures_back() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 14, 14, 32])
        f = nf.zeros([3, 3, 16, 32])
        assert nf.conv2d_transpose(x, f, strides=2).shape == (None, 28, 28, 16)
        assert nf.conv2d_transpose(x, f, strides=2, padding="valid").shape == (None, 29, 29, 16)


def test_one_axis_is_a_picture_of_height_one() -> None:
    x, f = values((2, 6, 3)), values((2, 3, 4), start=5)
    expected = call("conv2d", x[:, None], f[None], strides=(1, 2))[:, 0]
    np.testing.assert_array_equal(call("conv1d", x, f, strides=2), expected)
    up = call("conv1d_transpose", values((2, 3, 4)), f, strides=2)
    assert up.shape == (2, 6, 3)
    assert call("max_pool1d", x).shape == call("average_pool1d", x).shape == (2, 3, 3)
    np.testing.assert_array_equal(call("max_pool1d", x), x.reshape(2, 3, 2, 3).max(2))


def test_convolutions_that_do_not_fit_say_why() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 5, 5, 3], name="x")
        for filter_shape, attrs, words in (
            ([3, 3, 4, 8], {}, "x has 3 channels, but the filter .* takes 4"),
            ([3, 3, 3], {}, "height, width, channels, filters"),
            ([6, 3, 3, 8], {"padding": "valid"}, "a window of 6 does not fit"),
            ([3, 3, 1, 8], {"groups": 3}, "8 filters do not split into 3 groups"),
            ([3, 3, 3, 8], {"strides": [0, 1]}, "positive"),
            ([3, 3, 3, 8], {"dilations": [1, 1, 1]}, "one or two"),
        ):  # fmt: skip
            with pytest.raises((ShapeError, AttributeProblem), match=words):
                nf.conv2d(x, nf.placeholder("float32", filter_shape), **attrs)
        with pytest.raises(ShapeError, match="four axes") as caught:
            nf.conv2d(nf.placeholder("float32", [None, 784]), nf.zeros([3, 3, 1, 8]))
        assert "reshape" in caught.value.hint


def test_float32_convolution_of_many_pictures_is_done_in_blocks() -> None:
    x, f = values((40, 28, 28, 8), "float32"), values((5, 5, 8, 4), "float32", start=5)
    whole = call("conv2d", x, f)
    np.testing.assert_allclose(whole[7:8], call("conv2d", x[7:8], f), rtol=1e-5, atol=1e-5)
    exact = call("conv2d", x[:2].astype("float64"), f.astype("float64"))
    np.testing.assert_allclose(whole[:2], exact, atol=1e-4)


# ---- pooling ----------------------------------------------------------------------------------


def pool_loops(x: np.ndarray, size: int, stride: int, padding: str, f: Callable) -> np.ndarray:
    """Windows written out; those of the border are cut off at it."""
    n, h, w, c = x.shape
    first = [border(s, size, stride)[0] if padding == "same" else 0 for s in (h, w)]
    count = [math.ceil(s / stride) if padding == "same" else (s - size) // stride + 1
             for s in (h, w)]  # fmt: skip
    out = np.zeros((n, *count, c))
    for i, j in np.ndindex(*count):
        top, left = i * stride - first[0], j * stride - first[1]
        window = x[:, max(top, 0) : top + size, max(left, 0) : left + size]
        out[:, i, j] = f(window, axis=(1, 2))
    return out


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (3, 2), (2, 3)])
def test_pooling_windows(size: int, stride: int, padding: str) -> None:
    x = values((2, 7, 5, 3)) - 3  # all negative, so that a border of zeros would show
    attrs = {"size": size, "strides": stride, "padding": padding}
    for op, function in (("max_pool2d", np.max), ("average_pool2d", np.mean)):
        expected = pool_loops(x, size, stride, padding, function)
        np.testing.assert_allclose(call(op, x, **attrs), expected, rtol=1e-13)
        turned = call(op, np.moveaxis(x, 3, 1), layout="NCHW", **attrs)
        np.testing.assert_allclose(np.moveaxis(turned, 1, 3), expected, rtol=1e-13)


def test_the_gradient_of_max_pooling_goes_to_the_first_of_equals() -> None:
    x = np.array([[1.0, 1.0, 0.0], [1.0, 2.0, 2.0]]).reshape(1, 2, 3, 1)
    (by_x,) = slope("max_pool2d", x, size=2, strides=1, padding="same")
    assert by_x[0, :, :, 0].tolist() == [[0, 0, 0], [0, 4, 2]]
    (flat,) = slope("max_pool2d", np.full((1, 2, 2, 1), -np.inf), size=2)
    assert flat[0, :, :, 0].tolist() == [[1, 0], [0, 0]]
    low = np.full((1, 2, 2, 1), -np.inf)
    (edge,) = slope("max_pool2d", low, size=3, strides=1, padding="same")
    assert edge.sum() == 4  # nothing is lost into the border


def test_global_pooling() -> None:
    x = values((2, 3, 4, 5))
    np.testing.assert_allclose(call("global_average_pool", x), x.mean((1, 2)))
    np.testing.assert_array_equal(call("global_max_pool", x, channels="first"), x.max((2, 3)))
    assert call("global_average_pool", x, keepdims=True).shape == (2, 1, 1, 5)


# ---- sizes and borders ------------------------------------------------------------------------


def test_resizing() -> None:
    row = np.array([[0.0, 1.0, 2.0, 3.0]]).reshape(1, 1, 4, 1)

    def resized(width: int, method: str) -> list:
        return call("resize", row, size=(1, width), method=method)[0, 0, :, 0].tolist()

    assert resized(2, "nearest") == [1.0, 3.0]
    assert resized(8, "nearest") == [0, 0, 1, 1, 2, 2, 3, 3]
    assert resized(2, "bilinear") == [0.5, 2.5]
    assert resized(8, "bilinear") == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert resized(4, "bilinear") == [0, 1, 2, 3]
    both = call("resize", values((2, 3, 4, 2)), size=7)
    turned = call("resize", np.moveaxis(values((2, 3, 4, 2)), 3, 1), size=7, layout="NCHW")
    np.testing.assert_array_equal(np.moveaxis(turned, 1, 3), both)
    assert np.isinf(call("resize", np.full((1, 2, 2, 1), np.inf), size=5)).all()


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "wrap"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_borders_are_numpys(mode: str, dtype: str) -> None:
    x = values((3, 4), dtype)
    got = call("pad", x, paddings=[[2, 5], [0, 1]], mode=mode)
    np.testing.assert_array_equal(got, np.pad(x, [[2, 5], [0, 1]], mode=mode))
    assert got.dtype == dtype


def test_borders_need_something_to_repeat() -> None:
    with pytest.raises(ShapeError, match="without elements to repeat"):
        call("pad", np.zeros((0, 3)), paddings=[[1, 0], [0, 0]], mode="edge")
    assert call("pad", np.zeros((0, 3)), paddings=[[0, 0], [1, 0]], mode="edge").shape == (0, 4)
