"""The gradient of what is rectified and pooled by its largest elements is masked when pooled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf

WINDOWS = [
    {"size": (2,)},
    {"size": (3,), "strides": (2,)},
    {"size": (3,), "strides": (1,), "padding": "same"},
    {"size": (2, 3), "strides": (3, 2), "pads": [[1, 0], [2, 1]], "ceil_mode": True},
]
VOLUMES = [
    {"size": (2, 2, 2)},
    {"size": (2, 3, 2), "strides": (1, 2, 2)},
    {"size": (3,), "strides": (1,), "padding": "same"},
    {"size": (2, 2, 3), "strides": (2, 3, 2), "pads": [[1, 0], [0, 1], [2, 1]], "ceil_mode": True},
]


def pictures(dtype: str) -> np.ndarray:
    """Some with equal numbers, zeros of both signs, NaN and infinity."""
    x = np.round(np.random.default_rng(0).normal(size=(4, 8, 9, 5)) * 2) / 2
    x[0, 2, :4, 0] = -0.0, np.nan, 0.0, np.inf
    x[1, :, :, 2] = -1.0
    return x.astype(dtype)


def gradient(
    value: np.ndarray, attrs: dict[str, Any], tier: Any, without: tuple[str, ...] = ()
) -> tuple[np.ndarray, str]:
    """By the picture, of a function whose slopes are zeros of both signs, too; and the plan."""
    with nf.Graph() as g:
        x = nf.placeholder(str(value.dtype), value.shape, name="x")
        pool = nf.max_pool2d if value.ndim == 4 else nf.max_pool3d
        y = pool(nf.relu(x + 0.25), **attrs)
        w = np.round(np.random.default_rng(1).normal(size=[d or 0 for d in y.shape])).astype(
            value.dtype
        )
        total = nf.reduce_sum(y * w)
        wanted = [*nf.gradients(total, [x]), total]
    with nf.Session(g, tier=tier, without=without) as s:
        found = s.run(wanted, {x: value})[0]
        return found, s.explain(wanted, {x: value}) if tier == "compiled" else ""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("attrs", [*WINDOWS, *VOLUMES])
def test_no_bit_changes(attrs: dict[str, Any], dtype: str) -> None:
    value = pictures(dtype)
    if attrs in VOLUMES:
        value = value.reshape(2, 4, 4, 9, 5)
    masked, plan = gradient(value, attrs, "compiled")
    assert "masks what is pooled" in plan
    plain, plan = gradient(value, attrs, "compiled", ("pooled_masks",))
    assert "masks what is pooled" not in plan
    assert masked.tobytes() == plain.tobytes()
    assert masked.tobytes() == gradient(value, attrs, "reference")[0].tobytes()


def test_each_window_gives_its_slope_to_its_first_largest_number_above_zero() -> None:
    x = np.array([[1, 3, -2, -1], [3, 2, -4, -3]], "float32").reshape(1, 2, 4, 1)
    with nf.Graph() as g:
        picture = nf.placeholder("float32", x.shape, name="x")
        pooled = nf.max_pool2d(nf.relu(picture))
        total = nf.reduce_sum(pooled * 5)
        (dx,) = nf.gradients(total, [picture])
    with nf.Session(g, tier="compiled") as s:
        assert "masks what is pooled" in s.explain([dx, total], {picture: x})
        found = s.run([dx, total], {picture: x})[0]
    assert found[0, :, :, 0].tolist() == [[0, 5, 0, 0], [0, 0, 0, 0]]


def plan_of(make: Any) -> str:
    """The plan of a gradient, where ``make`` gives the result and what else is fetched."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [2, 4, 4, 3], name="x")
        y, more = make(x)
        total = nf.reduce_sum(nf.square(y))
        (dx,) = nf.gradients(total, [x])
    with nf.Session(g, tier="compiled") as s:
        return s.explain([dx, total, *more], {x: np.ones((2, 4, 4, 3), "float32")})


def test_other_masks_are_left_alone() -> None:
    def elsewhere(x: Any) -> tuple[Any, list[Any]]:
        return nf.max_pool2d(nf.where(x > 0, nf.exp(x), 0.0)), []

    def fetched(x: Any) -> tuple[Any, list[Any]]:
        h = nf.relu(nf.exp(x))
        return nf.max_pool2d(h), [h]

    def read_twice(x: Any) -> tuple[Any, list[Any]]:
        h = nf.relu(nf.exp(x))
        return nf.max_pool2d(h) + nf.reduce_sum(h), []

    for make in (elsewhere, fetched, read_twice):
        assert "masks what is pooled" not in plan_of(make)
