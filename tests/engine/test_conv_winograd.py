"""Convolutions by transformed squares: right beside float64, and what must not change a bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler.compile_kernel import _entry, translate_source
from nodeflow.engine.kernels import conv_winograd, conv_winograd_gradient
from nodeflow.engine.kernels.conv_winograd import bands_of, is_transformed, panel_vectors
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType
from nodeflow.ops.sliding_windows import Axis, Windows

EPS = float(np.finfo(np.float32).eps)
B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float)
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
A = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], float)
PAIR = np.array([[1, 0], [0.5, 0.5], [0.5, -0.5], [0, 1]])
WINDOW = np.array([[1, 1, 1, 0], [0, 1, -1, 0], [0, 1, 1, -1]], float)

CASES: list[tuple[tuple[int, int, int, int], int, Any]] = [
    ((2, 8, 8, 32), 32, "same"),
    ((3, 9, 11, 32), 48, "same"),
    ((1, 33, 70, 48), 32, "valid"),
    ((2, 10, 9, 144), 112, "same"),
    ((1, 10, 150, 32), 32, "same"),
    ((2, 9, 12, 32), 80, [[2, 0], [1, 2]]),
    ((33, 10, 11, 32), 64, "valid"),
]
"""Pictures, filters and border: squares that end outside, panels that are not full, rows and
channels that do not fit into a unit of work, and blocks that end within a picture."""


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def build(picture: Any, filters: Any, border: Any) -> Any:
    if isinstance(border, str):
        return nf.conv2d(picture, filters, padding=border)
    return nf.conv2d(picture, filters, pads=border)


def computed(
    x: np.ndarray, w: np.ndarray, border: Any, turn: np.ndarray | None = None, threads: int = 2
) -> list[np.ndarray]:
    """The results, and the gradients of their products with ``turn``."""
    with nf.Graph() as graph:
        picture, filters = nf.placeholder("float32", x.shape), nf.placeholder("float32", w.shape)
        made = build(picture, filters, border)
        fetches = [made]
        feeds = {picture: x, filters: w}
        if turn is not None:
            given = nf.placeholder("float32", turn.shape)
            fetches += nf.gradients(made, [picture, filters], grad_ys=[given])
            feeds[given] = turn
    with nf.Session(graph, tier="compiled", threads=threads) as session:
        found = session.run(fetches, feeds)
        assert "transform filters" in session.explain(fetches, feeds)
    return found


def padded(x: np.ndarray, border: Any) -> np.ndarray:
    edges = {"same": [[1, 1], [1, 1]], "valid": [[0, 0], [0, 0]]}.get(str(border), border)
    return np.pad(x.astype(np.float64), [(0, 0), *map(tuple, edges), (0, 0)])


def directly(x: np.ndarray, w: np.ndarray, turn: np.ndarray, border: Any) -> list[np.ndarray]:
    """Result and gradients in float64, place by place of the window."""
    wide, exact, g = padded(x, border), w.astype(np.float64), turn.astype(np.float64)
    _, down, across, _ = turn.shape
    made = np.zeros(turn.shape)
    by_picture, by_filter = np.zeros(wide.shape), np.zeros(w.shape)
    for i, j in itertools.product(range(3), range(3)):
        part = np.s_[:, i : i + down, j : j + across]
        made += wide[part] @ exact[i, j]
        by_picture[part] += g @ exact[i, j].T
        by_filter[i, j] = np.einsum("nyxc,nyxk->ck", wide[part], g)
    top, left = (
        ((1, 1), (0, 0), (0, 0))[("same", "valid").index(border)]
        if isinstance(border, str)
        else (border[0][0], border[1][0])
    )
    _, height, width, _ = x.shape
    return [made, by_picture[:, top : top + height, left : left + width], by_filter]


def squares(x: np.ndarray, size: int, down: int, across: int) -> np.ndarray:
    """(pictures, squares down, across, size, size, channels) from every second place on."""
    rows, columns = 2 * -(-down // 2) + size - 2, 2 * -(-across // 2) + size - 2
    room = [(0, 0), (0, max(0, rows - x.shape[1])), (0, max(0, columns - x.shape[2])), (0, 0)]
    x = np.pad(x, room)
    seen = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))
    return seen[:, : rows - size + 1 : 2, : columns - size + 1 : 2].transpose(0, 1, 2, 4, 5, 3)


def most_of_results(x: np.ndarray, w: np.ndarray, down: int, across: int) -> np.ndarray:
    """The algorithm with the absolute of every number and factor: errors are that times eps, for
    each operation that a result goes through."""
    d = np.einsum("ip,jq,nyxpqc->nyxijc", abs(B), abs(B), squares(abs(x), 4, down, across))
    g = np.einsum("ip,jq,pqck->ijck", abs(G), abs(G), abs(w.astype(np.float64)))
    m = np.einsum("nyxijc,ijck->nyxijk", d, g, optimize=True)
    y = np.einsum("pi,qj,nyxijk->nypxqk", abs(A), abs(A), m, optimize=True)
    n, rows, _, columns, _, k = y.shape
    return y.reshape(n, 2 * rows, 2 * columns, k)[:, :down, :across]


def most_of_gradient(x: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """The same of the gradient by filters."""
    _, down, across, _ = turn.shape
    d = np.einsum("ip,jq,nyxpqc->nyxijc", abs(B), abs(B), squares(abs(x), 4, down, across))
    g = np.einsum(
        "ip,jq,nyxpqk->nyxijk", abs(PAIR), abs(PAIR),
        squares(abs(turn.astype(np.float64)), 2, down, across),
    )  # fmt: skip
    m = np.einsum("nyxijc,nyxijk->ijck", d, g, optimize=True)
    return np.einsum("pi,qj,ijck->pqck", abs(WINDOW), abs(WINDOW), m)


@pytest.mark.parametrize(("shape", "filters", "border"), CASES)
def test_results_and_gradients_beside_float64(shape: Any, filters: int, border: Any) -> None:
    x, w = normal(*shape), normal(3, 3, shape[-1], filters, seed=1)
    wide = padded(x, border)
    turn = normal(shape[0], wide.shape[1] - 2, wide.shape[2] - 2, filters, seed=2)
    found = computed(x, w, border, turn)
    expected = directly(x, w, turn, border)
    _, down, across, _ = turn.shape
    _, height, width, channels = shape
    edges = np.array([[1, 1], [1, 1]] if border == "same" else [[0, 0], [0, 0]])
    if not isinstance(border, str):
        edges = np.array(border)
    before = 2 - edges
    turned = np.pad(turn.astype(np.float64), [(0, 0), *map(tuple, before), (0, 0)])
    most = [
        most_of_results(wide, w, down, across),
        most_of_results(turned, w[::-1, ::-1].transpose(0, 1, 3, 2), height, width),
        most_of_gradient(wide, turn),
    ]
    # Four additions before the products, as many after them, two roundings of a filter, the terms.
    places = turn.shape[0] * -(-down // 2) * -(-across // 2)
    steps = [channels + 12, filters + 12, places + 20]
    for value, right, bound, operations in zip(found, expected, most, steps, strict=True):
        assert value.shape == right.shape
        assert (np.abs(value - right) <= operations * EPS * bound).all()
        # Far within that bound: sums of random signs.
        assert np.abs(value - right).max() <= 4e-6 * np.abs(right).max()


def test_whole_numbers_are_exact() -> None:
    random = np.random.default_rng(3)
    x = random.integers(-8, 9, (2, 12, 13, 32)).astype("float32")
    w = 4 * random.integers(-8, 9, (3, 3, 32, 48)).astype("float32")
    turn = 4 * random.integers(-4, 5, (2, 12, 13, 48)).astype("float32")
    for value, right in zip(
        computed(x, w, "same", turn), directly(x, w, turn, "same"), strict=True
    ):
        np.testing.assert_array_equal(value, right)


def test_a_picture_alone_has_the_bits_that_it_has_among_others() -> None:
    x, w = normal(19, 20, 18, 64), normal(3, 3, 64, 48, seed=1)
    turn = normal(19, 20, 18, 48, seed=2)
    found = computed(x, w, "same", turn)
    for first, count in ((0, 1), (7, 2), (3, 9)):
        part = slice(first, first + count)
        alone = computed(x[part], w, "same", turn[part])
        for whole, own in zip(found[:2], alone[:2], strict=True):
            assert own.tobytes() == whole[part].tobytes()


@pytest.mark.parametrize("shape", [(5, 17, 22, 48), (2, 9, 90, 144)])
def test_sizes_of_work_and_vectors_change_no_bit(
    shape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, w = normal(*shape), normal(3, 3, shape[-1], 80, seed=1)
    turn = normal(*shape[:3], 80, seed=2)
    before = [v.tobytes() for v in computed(x, w, "same", turn)]
    sizes = [
        (conv_winograd, "SQUARES", ((512, 7),)), (conv_winograd, "SQUARES", ((512, 50),)),
        (conv_winograd, "UNITS", 1), (conv_winograd, "GROUP", 16),
        (conv_winograd_gradient, "SQUARES", 13), (conv_winograd_gradient, "CHANNELS", 32),
    ]  # fmt: skip
    cut = (4, 16), (3, 16), (2, 8), (4, 4)
    for module, name, value in sizes:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            _forget()
            assert [v.tobytes() for v in computed(x, w, "same", turn)] == before, name
    for vectors, lanes in cut:
        with monkeypatch.context() as patch:
            for module in (conv_winograd, conv_winograd_gradient):
                patch.setattr(module, "panel_vectors", lambda _, v=vectors, n=lanes: (v, n))
                patch.setattr(module, "vector_registers", lambda n=lanes: (4 * n, 32))
            _forget()
            assert [v.tobytes() for v in computed(x, w, "same", turn)] == before, (vectors, lanes)
    _forget()


def _forget() -> None:
    for made in (
        conv_winograd._filters_source,
        conv_winograd._products_source,
        conv_winograd_gradient._sums_source,
        conv_winograd_gradient._gradient_source,
    ):
        made.cache_clear()


def test_nan_and_infinity_reach_the_squares_they_are_in_and_no_further() -> None:
    x, w = np.ones((2, 12, 12, 32), np.float32), np.full((3, 3, 32, 32), 0.5, np.float32)
    usual = computed(x, w, "valid")[0]
    for bad in (np.nan, np.inf):
        x[1, 5, 5, 3] = bad
        found = computed(x, w, "valid")[0]
        near = np.zeros(found.shape, bool)
        near[1, 2:6, 2:6] = True
        assert not np.isfinite(found[1, 3:6, 3:6]).any(), "every window that sees it"
        np.testing.assert_array_equal(found[~near], usual[~near])


def test_which_convolutions_are_transformed() -> None:
    def chosen(
        n: int = 8, side: int = 16, channels: int = 64, filters: int = 64, dtype: str = "float32",
        kernel: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1, border: int = 1,
    ) -> bool:  # fmt: skip
        axis = Axis(kernel, stride, dilation, False, (border, border))
        count = axis.count(side) or 0
        return is_transformed(
            Windows((axis, axis)), groups, TensorType(dtype, (n, side, side, channels)),
            TensorType(dtype, (kernel, kernel, channels // groups, filters)),
            TensorType(dtype, (n, count, count, filters)),
        )  # fmt: skip

    assert chosen() and chosen(channels=32, filters=512) and chosen(border=2)
    assert all(chosen(n=n) for n in (1, 3, 1000)), "the number of pictures decides nothing"
    assert not any(chosen(n=n, side=7) for n in (1, 3, 1000)), "few results"
    assert not chosen(dtype="float64") and not chosen(dtype="float16")
    assert not chosen(kernel=5) and not chosen(stride=2) and not chosen(dilation=2)
    assert not chosen(groups=2) and not chosen(border=3)
    assert not chosen(channels=16) and not chosen(filters=16), "transforms take what they save"
    assert not chosen(channels=3) and not chosen(filters=40), "vectors would not be full"
    assert not chosen(channels=512, filters=256), "filters would come from memory"
    assert not chosen(channels=32, filters=528) and not chosen(channels=528, filters=32), "stack"


def test_a_unit_of_work_fits_on_a_threads_stack() -> None:
    for channels, squares in conv_winograd.SQUARES:
        assert 16 * 4 * squares * (channels + conv_winograd.GROUP) <= 640 << 10
    sizes = conv_winograd_gradient.CHANNELS + conv_winograd.GROUP
    assert 16 * 4 * conv_winograd_gradient.SQUARES * sizes <= 640 << 10


def test_no_pictures_give_no_results_and_no_gradient() -> None:
    x, w = normal(0, 12, 12, 32), normal(3, 3, 32, 48)
    made, by_picture, by_filter = computed(x, w, "same", normal(0, 12, 12, 48))
    assert made.shape == (0, 12, 12, 48) and by_picture.shape == x.shape
    assert by_filter.shape == w.shape and not by_filter.any()


def test_units_of_work_cover_a_picture() -> None:
    for down, across, most, rows in itertools.product(
        (1, 8, 15, 56), (1, 7, 48, 300), (8, 24), (0, 1, 9, 99)
    ):
        cut = bands_of(down, across, most, rows)
        assert cut.rows * cut.columns <= most and cut.rows <= max(1, rows)
        assert cut.units == len(range(0, cut.down, cut.rows)) * len(
            range(0, cut.across, cut.columns)
        )
        assert 2 * cut.down - down in (0, 1) and 2 * cut.across - across in (0, 1)


def test_panels_are_as_full_as_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_winograd, "vector_registers", lambda: (64, 32))
    assert [panel_vectors(n)[0] for n in (32, 48, 64, 80, 96, 128)] == [2, 3, 4, 3, 3, 4]
    monkeypatch.setattr(conv_winograd, "vector_registers", lambda: (32, 16))
    assert panel_vectors(64) == (2, 8)
    monkeypatch.setattr(conv_winograd, "vector_registers", lambda: (16, 32))
    assert panel_vectors(64) == (4, 4)


def test_its_kernels_compile_without_numbas_front_end() -> None:
    texts = [conv_winograd._filters_source(48, 16, gathered) for gathered in (False, True)]
    texts += [conv_winograd._products_source(3, 16, 24, 24 * 48)]
    texts += [conv_winograd_gradient._sums_source(3, 16, 48, last) for last in (0, 32)]
    texts += [conv_winograd_gradient._gradient_source(16)]
    for source in texts:
        translate_source(source, _entry(source, "<test>"))


@pytest.mark.parametrize(("n", "side"), [(16, 16), (2, 16), (1, 14)])
def test_what_follows_a_picture_or_a_band_goes_on_with_it(n: int, side: int) -> None:
    values = normal(n, side, side, 32), normal(3, 3, 32, 64, seed=1), normal(64, seed=2)
    with nf.Graph() as graph:
        x = nf.placeholder("float32", values[0].shape)
        made = nf.conv2d(x, nf.variable(values[1])) + nf.variable(values[2])
        y = nf.relu(made)
    schedule = build_schedule([y], [x])
    plan = make_plan(schedule, schedule.specialise({}))
    chains = [launch.chain() for phase in plan.phases for level in phase.levels for launch in level]
    (chain,) = [c for c in chains if any("square_tiles" in launch.source for launch in c)]
    assert len(chain) > 1 and chain[0].tasks >= 4
    with nf.Session(graph, tier="compiled", threads=3) as session:
        session.initialize()
        together, apart = session.run(y, {x: values[0]}), session.run([y, made], {x: values[0]})
    np.testing.assert_array_equal(together, apart[0])
    exact = directly(values[0], values[1], np.empty(made.shape), "same")[0] + values[2]
    np.testing.assert_allclose(apart[1], exact, rtol=0, atol=4e-6 * np.abs(exact).max())
