"""Borders, dilations and axes of convolution and pooling, against their definitions in loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import signal

import nodeflow as nf
from nodeflow.errors import AttributeProblem, ShapeError

LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}
FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
FILTERS_FIRST = {1: "OIW", 2: "OIHW", 3: "OIDHW"}


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def in_both_tiers(make: Callable[..., nf.Tensor], *arrays: np.ndarray) -> np.ndarray:
    """The value of ``make(*placeholders)``, which both tiers agree on."""
    with nf.Graph() as graph:
        fed = [nf.placeholder(a.dtype.name, a.shape) for a in arrays]
        out = make(*fed)
    found = []
    for tier in ("reference", "compiled"):
        with nf.Session(graph, tier=tier) as session:
            found.append(session.run(out, dict(zip(fed, arrays, strict=True))))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-12)
    return found[0]


def convolved(
    x: np.ndarray,
    f: np.ndarray,
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[tuple[int, int]],
    groups: int,
) -> np.ndarray:
    """The definition, place by place; channels last."""
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    *kernel, depth, filters = f.shape
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, strides, strict=True)]
    out = np.zeros((x.shape[0], *counts, filters))
    for place in np.ndindex(*counts):
        for element in np.ndindex(*kernel):
            at = tuple(
                p * s + e * d for p, s, e, d in zip(place, strides, element, dilations, strict=True)
            )
            for o in range(filters):
                first = o // (filters // groups) * depth
                seen = x[(slice(None), *at, slice(first, first + depth))]
                out[(slice(None), *place, o)] += seen @ f[(*element, slice(None), o)]
    return out


CASES = [
    (1, (9,), (3,), (2,), (2,), [(3, 1)], 1),
    (2, (6, 7), (3, 2), (2, 1), (1, 2), [(1, 3), (0, 2)], 1),
    (2, (5, 6), (2, 3), (1, 3), (1, 1), [(4, 0), (2, 2)], 2),
    (3, (4, 5, 6), (2, 3, 1), (1, 2, 2), (2, 1, 1), [(1, 0), (2, 1), (0, 3)], 2),
    (3, (3, 4, 5), (3, 1, 2), (1, 1, 1), (1, 1, 1), [(0, 0)] * 3, 1),
]


@pytest.mark.parametrize("case", CASES)
def test_convolution_is_its_definition(case: tuple) -> None:
    axes, sizes, kernel, strides, dilations, pads, groups = case
    x, f = numbers(2, *sizes, 4), numbers(*kernel, 4 // groups, 6, seed=1)
    attrs: dict[str, Any] = {"strides": strides, "dilations": dilations, "groups": groups}
    attrs["pads"] = [list(pair) for pair in pads]
    conv = getattr(nf, f"conv{axes}d")
    expected = convolved(x, f, strides, dilations, pads, groups)
    found = in_both_tiers(lambda x, f: conv(x, f, **attrs), x, f)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    order = (axes + 1, axes, *range(axes))
    found = in_both_tiers(
        lambda x, f: conv(x, f, **attrs, layout=FIRST[axes], filter_layout=FILTERS_FIRST[axes]),
        np.moveaxis(x, -1, 1).copy(),
        f.transpose(order).copy(),
    )
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, rtol=1e-11, atol=1e-11)


def test_convolution_of_volumes_is_scipys() -> None:
    x, f = numbers(6, 7, 8), numbers(3, 2, 4, seed=1)
    found = in_both_tiers(
        lambda x, f: nf.conv3d(x, f, padding="valid"), x[None, ..., None], f[..., None, None]
    )
    np.testing.assert_allclose(found[0, ..., 0], signal.correlate(x, f, "valid"), rtol=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_transposed_convolution_is_the_adjoint(case: tuple) -> None:
    """<conv(a), b> is <a, transposed(b)>, whatever the size of a that has as many windows."""
    axes, sizes, kernel, strides, dilations, pads, groups = case
    a, f = numbers(1, *sizes, 4), numbers(*kernel, 4 // groups, 6, seed=1)
    forward = convolved(a, f, strides, dilations, pads, groups)
    b = numbers(*forward.shape, seed=2)
    attrs: dict[str, Any] = {"strides": strides, "dilations": dilations, "groups": groups}
    attrs |= {"pads": [list(pair) for pair in pads], "output_sizes": sizes}
    transposed = getattr(nf, f"conv{axes}d_transpose")
    back = in_both_tiers(lambda b, f: transposed(b, f, **attrs), b, f)
    assert back.shape == a.shape
    np.testing.assert_allclose((forward * b).sum(), (a * back).sum(), rtol=1e-10)


def test_output_padding_adds_elements_at_the_end() -> None:
    """PyTorch's formula: (n - 1) * stride - before - after + reach + output_padding."""
    x, f = numbers(1, 3, 4, 2), numbers(3, 2, 5, 2, seed=1)
    plain = in_both_tiers(
        lambda x, f: nf.conv2d_transpose(x, f, strides=(3, 2), pads=[[1, 1], [0, 1]]), x, f
    )
    more = in_both_tiers(
        lambda x, f: nf.conv2d_transpose(
            x, f, strides=(3, 2), pads=[[1, 1], [0, 1]], output_padding=(2, 1)
        ),
        x,
        f,
    )
    assert plain.shape == (1, 7, 7, 5) and more.shape == (1, 9, 8, 5)
    np.testing.assert_allclose(more[:, :7, :7], plain, rtol=1e-13)
    assert not more[:, 8:].any()


def pooled(
    x: np.ndarray,
    size: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[tuple[int, int]],
    ceil: bool,
    kind: str,
) -> np.ndarray:
    """The definition, as PyTorch documents it; channels last."""
    counts = []
    for n, k, s, d, (before, after) in zip(
        x.shape[1:-1], size, strides, dilations, pads, strict=True
    ):
        free = n + before + after - d * (k - 1) - 1
        count = (math.ceil(free / s) if ceil else free // s) + 1
        counts.append(count - (ceil and (count - 1) * s >= n + before))
    out = np.zeros((x.shape[0], *counts, x.shape[-1]))
    for place in np.ndindex(*counts):
        seen, border = [], 0
        for element in np.ndindex(*size):
            each = zip(place, strides, element, dilations, pads, strict=True)
            at = tuple(p * s + e * d - before for p, s, e, d, (before, _) in each)
            sizes = x.shape[1:-1]
            if all(0 <= i < n for i, n in zip(at, sizes, strict=True)):
                seen.append(x[(slice(None), *at)])
            elif all(i < n + pair[1] for i, n, pair in zip(at, sizes, pads, strict=True)):
                border += 1
        if kind == "max":
            out[(slice(None), *place)] = np.max(seen, axis=0)
        else:
            count = len(seen) + (border if kind == "border" else 0)
            out[(slice(None), *place)] = np.sum(seen, axis=0) / count
    return out


POOLS = [
    (1, (9,), (3,), (2,), (1,), [(1, 1)]),
    (1, (10,), (2,), (3,), (3,), [(2, 1)]),
    (2, (5, 8), (2, 3), (2, 2), (1, 1), [(1, 0), (0, 2)]),
    (2, (7, 8), (3, 2), (2, 3), (2, 3), [(1, 2), (0, 1)]),
    (2, (9, 9), (4, 4), (3, 3), (1, 1), [(2, 2), (3, 1)]),
    (3, (4, 5, 6), (2, 3, 2), (2, 2, 3), (1, 2, 1), [(1, 0), (0, 1), (1, 1)]),
]


@pytest.mark.parametrize("kind", ["max", "mean", "border"])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("axes", "sizes", "size", "strides", "dilations", "pads"), POOLS)
def test_pooling_is_its_definition(
    axes: int,
    sizes: tuple,
    size: tuple,
    strides: tuple,
    dilations: tuple,
    pads: list,
    ceil: bool,
    kind: str,
) -> None:
    x = numbers(2, *sizes, 3)
    attrs: dict[str, Any] = {"size": size, "strides": strides, "dilations": dilations}
    attrs |= {"pads": [list(pair) for pair in pads], "ceil_mode": ceil}
    if kind == "border":
        attrs["count_include_pad"] = True
    pool = getattr(nf, f"{'max' if kind == 'max' else 'average'}_pool{axes}d")
    found = in_both_tiers(lambda x: pool(x, **attrs), x)
    expected = pooled(x, size, strides, dilations, pads, ceil, kind)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_one_number_is_a_border_on_every_side(axes: int) -> None:
    x = numbers(1, *(4, 5, 6)[:axes], 2)
    pool, layout = getattr(nf, f"max_pool{axes}d"), LAST[axes]
    one = in_both_tiers(lambda x: pool(x, pads=1, layout=layout), x)
    each = in_both_tiers(lambda x: pool(x, pads=[[1, 1]] * axes, layout=layout), x)
    np.testing.assert_array_equal(one, each)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x, f: nf.conv2d(x, f, pads=[[1, 1]]), "2 pairs"),
        (lambda x, f: nf.conv2d(x, f, pads=-1), "2 pairs"),
        (lambda x, f: nf.max_pool2d(x, pads=2), "only border"),
        (lambda x, f: nf.conv2d(x, f, filter_layout="OIHW"), "has 2 channels"),
        (lambda x, f: nf.conv2d_transpose(x, f, output_padding=(1, 0)), "less than the strides"),
        (lambda x, f: nf.conv2d_transpose(x, f, strides=2, output_sizes=(4, 9)), "windows"),
        (lambda x, f: nf.conv2d_transpose(x, f, pads=9), "removes all"),
        (lambda x, f: nf.conv3d(x, f), "DHWIO|five axes|depth"),
        (lambda x, f: nf.max_pool3d(x), "five axes"),
        (lambda x, f: nf.max_pool2d(x, size=(2, 3, 4)), "one or two positive numbers"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[..., Any], message: str) -> None:
    with nf.Graph():
        x, f = nf.zeros([1, 4, 5, 2]), nf.zeros([3, 3, 2, 2])
        with pytest.raises((AttributeProblem, ShapeError), match=message):
            make(x, f)
