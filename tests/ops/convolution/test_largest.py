"""Where windows are largest, and putting elements back there."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, RunError, ShapeError
from tests.ops.convolution.test_windows import in_both_tiers, numbers


def pool_with_indices(x: np.ndarray, **attrs) -> tuple[np.ndarray, np.ndarray]:
    op = nf.max_pool_with_argmax if x.ndim == 4 else nf.max_pool3d_with_argmax
    largest = in_both_tiers(lambda x: op(x, **attrs)[0], x)
    return largest, in_both_tiers(lambda x: op(x, **attrs)[1], x)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_indices_find_the_elements_again(layout: str, padding: str) -> None:
    """The way each library looks an element up gives what was pooled."""
    x = numbers(2, 5, 7, 6)
    attrs = {"size": (2, 3), "strides": (1, 2), "padding": padding, "layout": layout}
    plain = in_both_tiers(lambda x: nf.max_pool2d(x, **attrs), x)
    largest, index = pool_with_indices(x, **attrs, counted="batch")
    np.testing.assert_array_equal(largest, plain)
    np.testing.assert_array_equal(x.ravel()[index], plain)
    _, index = pool_with_indices(x, **attrs)
    for row in range(2):
        np.testing.assert_array_equal(x[row].ravel()[index[row]], plain[row])
    _, index = pool_with_indices(x, **attrs, counted="plane")
    axis = 3 if layout == "NHWC" else 1
    for row in range(2):
        for channel in range(x.shape[axis]):
            one = np.take(x[row], channel, axis - 1).ravel()
            found = one[np.take(index[row], channel, axis - 1)]
            np.testing.assert_array_equal(found, np.take(plain[row], channel, axis - 1))


def test_indices_of_tensorflows_documentation() -> None:
    """((b * height + y) * width + x) * channels + c, with the batch or without it."""
    x = np.zeros((2, 4, 6, 3))
    for channel in range(3):
        x[1, 2, 5, channel] = 1
    _, index = pool_with_indices(x, size=2)
    assert index[1, 1, 2].tolist() == [(2 * 6 + 5) * 3 + c for c in range(3)]
    _, index = pool_with_indices(x, size=2, counted="batch")
    assert index[1, 1, 2].tolist() == [((1 * 4 + 2) * 6 + 5) * 3 + c for c in range(3)]


def test_the_first_of_equal_elements_is_found_and_never_the_border() -> None:
    x = np.full((1, 3, 3, 1), -np.inf)
    x[0, 1, 1:] = 2
    _, index = pool_with_indices(x, size=3, strides=1, padding="same")
    assert index[0, :, :, 0].tolist() == [[4, 4, 4], [4, 4, 4], [4, 4, 4]]
    _, index = pool_with_indices(np.full((1, 2, 2, 1), -np.inf), size=3, strides=1, pads=1)
    assert index.min() == 0


@pytest.mark.parametrize("counted", ["image", "batch", "plane"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NDHWC", "NCDHW"])
def test_unpooling_puts_elements_where_they_were(layout: str, counted: str) -> None:
    axes = len(layout) - 2
    x = numbers(2, 4, 6, 4, 2)[(slice(None),) * 3 if axes == 3 else (slice(None), 0)]
    unpool = nf.max_unpool2d if axes == 2 else nf.max_unpool3d
    attrs = {"size": (2,), "layout": layout, "counted": counted}
    largest, index = pool_with_indices(x, **attrs)
    back = in_both_tiers(lambda y, i: unpool(y, i, **attrs, output_sizes=None), largest, index)
    sizes = [n // 2 * 2 for n in (x.shape[2:] if layout[1] == "C" else x.shape[1:-1])]
    assert list(back.shape[2:] if layout[1] == "C" else back.shape[1:-1]) == sizes
    if back.shape == x.shape:
        np.testing.assert_array_equal(back, np.where(back != 0, x, 0))
    np.testing.assert_array_equal(np.sort(back[back != 0]), np.sort(largest.ravel()))


def test_unpooling_of_pytorchs_documentation() -> None:
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    attrs = {"size": 2, "layout": "NCHW", "counted": "plane"}
    largest, index = pool_with_indices(x, **attrs)
    assert index.ravel().tolist() == [5, 7, 13, 15]
    back = in_both_tiers(lambda y, i: nf.max_unpool2d(y, i, **attrs), largest, index)
    wanted = [[0, 0, 0, 0], [0, 6, 0, 8], [0, 0, 0, 0], [0, 14, 0, 16]]
    assert back[0, 0].tolist() == wanted
    larger = in_both_tiers(
        lambda y, i: nf.max_unpool2d(y, i, **attrs, output_sizes=(5, 5)), largest, index
    )
    wanted = [[0, 0, 0, 0, 0], [6, 0, 8, 0, 0], [0, 0, 0, 14, 0], [16, 0, 0, 0, 0], [0] * 5]
    assert larger[0, 0].tolist() == wanted


def test_gradient_flows_to_the_last_of_equal_places() -> None:
    with nf.Graph():
        x = nf.constant(np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1))
        index = nf.constant(np.array([5, 0, 5, 1]).reshape(1, 1, 4, 1))
        made = nf.max_unpool2d(x, index)
        by_x = nf.gradients(nf.reduce_sum(made * made), [x])
        with nf.Session(nf.get_default_graph(), tier="reference") as session:
            back, gradient = session.run([made, by_x[0]])
    assert back.ravel()[[0, 1, 5]].tolist() == [2, 4, 3]
    assert gradient.ravel().tolist() == [0, 4, 6, 8]


def test_what_does_not_fit_is_refused() -> None:
    with nf.Graph():
        x = nf.zeros([1, 2, 2, 1])
        index = nf.constant(np.full((1, 2, 2, 1), 16))
        with pytest.raises(ShapeError):
            nf.max_unpool2d(x, nf.constant(np.zeros((1, 2, 3, 1), "int64")))
        with pytest.raises(AttributeProblem, match="2 sizes"):
            nf.max_unpool2d(x, index, output_sizes=(4,))
        made = nf.max_unpool2d(x, index)
        with (
            nf.Session(nf.get_default_graph(), tier="reference") as session,
            pytest.raises(RunError, match="index 16 is outside of 16 elements"),
        ):
            session.run(made)
