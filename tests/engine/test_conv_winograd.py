"""Convolutions by transformed squares: right beside float64, and what must not change a bit."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler.compile_kernel import _entry, translate_source
from nodeflow.engine.devicelib.winograd_matrices import matrices
from nodeflow.engine.kernels import conv_winograd, conv_winograd_gradient
from nodeflow.engine.kernels.conv_winograd import bands_of, is_transformed, panel_vectors
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType
from nodeflow.ops.sliding_windows import Axis, Windows

EPS = float(np.finfo(np.float32).eps)

CASES: list[tuple[int, tuple[int, int, int, int], int, Any]] = [
    (3, (2, 8, 8, 32), 32, "same"),
    (3, (3, 9, 11, 32), 48, "same"),
    (3, (1, 33, 70, 48), 32, "valid"),
    (3, (2, 10, 9, 144), 112, "same"),
    (3, (1, 10, 150, 32), 32, "same"),
    (3, (2, 9, 12, 32), 80, [[2, 0], [1, 2]]),
    (3, (33, 10, 11, 32), 64, "valid"),
    (5, (2, 9, 10, 32), 64, "same"),
    (5, (1, 17, 90, 48), 32, "valid"),
    (5, (2, 11, 9, 144), 80, [[4, 1], [0, 3]]),
    (5, (35, 12, 13, 32), 48, "valid"),
]
"""Side of the window, pictures, filters and border: squares that end outside, panels that are not
full, rows and channels that do not fit into a unit of work, and blocks that end in a picture."""


def factors(outputs: int, taps: int) -> list[np.ndarray]:
    """The matrices of signal, taps and result."""
    made = matrices(outputs, taps)
    return [np.array(m, float) for m in (made.signal, made.taps, made.result)]


def test_a_transform_of_each_kind_is_exact_in_fractions() -> None:
    for outputs, taps in ((2, 3), (3, 2), (2, 5), (5, 2)):
        made = matrices(outputs, taps)
        signal = [Fraction(n * n, n + 2) for n in range(outputs + taps - 1)]
        filter_ = [Fraction(3 - n, n + 1) for n in range(taps)]

        def times(matrix: Any, values: list[Fraction]) -> list[Fraction]:
            return [
                sum((a * b for a, b in zip(r, values, strict=True)), Fraction()) for r in matrix
            ]

        left, right = times(made.taps, filter_), times(made.signal, signal)
        products = [a * b for a, b in zip(left, right, strict=True)]
        expected = [sum(signal[n + k] * filter_[k] for k in range(taps)) for n in range(outputs)]
        assert times(made.result, products) == expected


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


def edges_of(taps: int, border: Any) -> np.ndarray:
    """Zeros before and after each axis."""
    if border == "same":
        return np.full((2, 2), taps // 2)
    return np.zeros((2, 2), int) if border == "valid" else np.array(border)


def padded(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.pad(x.astype(np.float64), [(0, 0), *map(tuple, edges), (0, 0)])


def directly(x: np.ndarray, w: np.ndarray, turn: np.ndarray, border: Any) -> list[np.ndarray]:
    """Result and gradients in float64, place by place of the window."""
    taps, edges = len(w), edges_of(len(w), border)
    wide, exact, g = padded(x, edges), w.astype(np.float64), turn.astype(np.float64)
    _, down, across, _ = turn.shape
    made = np.zeros(turn.shape)
    by_picture, by_filter = np.zeros(wide.shape), np.zeros(w.shape)
    for i, j in itertools.product(range(taps), range(taps)):
        part = np.s_[:, i : i + down, j : j + across]
        made += wide[part] @ exact[i, j]
        by_picture[part] += g @ exact[i, j].T
        by_filter[i, j] = np.einsum("nyxc,nyxk->ck", wide[part], g)
    (top, _), (left, _) = edges
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
    signal, taps, result = factors(2, len(w))
    seen = squares(abs(x), len(w) + 1, down, across)
    d = np.einsum("ip,jq,nyxpqc->nyxijc", abs(signal), abs(signal), seen, optimize=True)
    filters = abs(w.astype(np.float64))
    g = np.einsum("ip,jq,pqck->ijck", abs(taps), abs(taps), filters, optimize=True)
    m = np.einsum("nyxijc,ijck->nyxijk", d, g, optimize=True)
    y = np.einsum("pi,qj,nyxijk->nypxqk", abs(result), abs(result), m, optimize=True)
    n, rows, _, columns, _, k = y.shape
    return y.reshape(n, 2 * rows, 2 * columns, k)[:, :down, :across]


def most_of_gradient(x: np.ndarray, turn: np.ndarray, window: int) -> np.ndarray:
    """The same of the gradient by filters."""
    signal, taps, result = factors(window, 2)
    _, down, across, _ = turn.shape
    seen = squares(abs(x), window + 1, down, across)
    d = np.einsum("ip,jq,nyxpqc->nyxijc", abs(signal), abs(signal), seen, optimize=True)
    pairs = squares(abs(turn.astype(np.float64)), 2, down, across)
    g = np.einsum("ip,jq,nyxpqk->nyxijk", abs(taps), abs(taps), pairs, optimize=True)
    m = np.einsum("nyxijc,nyxijk->ijck", d, g, optimize=True)
    return np.einsum("pi,qj,ijck->pqck", abs(result), abs(result), m, optimize=True)


@pytest.mark.sample(3)
@pytest.mark.parametrize(("taps", "shape", "filters", "border"), CASES)
def test_results_and_gradients_beside_float64(
    taps: int, shape: Any, filters: int, border: Any
) -> None:
    edges = edges_of(taps, border)
    x, w = normal(*shape), normal(taps, taps, shape[-1], filters, seed=1)
    wide = padded(x, edges)
    turn = normal(shape[0], *(n - taps + 1 for n in wide.shape[1:3]), filters, seed=2)
    found = computed(x, w, border, turn)
    expected = directly(x, w, turn, border)
    _, down, across, _ = turn.shape
    _, height, width, channels = shape
    turned = padded(turn, taps - 1 - edges)
    most = [
        most_of_results(wide, w, down, across),
        most_of_results(turned, w[::-1, ::-1].transpose(0, 1, 3, 2), height, width),
        most_of_gradient(wide, turn, taps),
    ]
    # A sum of ``taps + 1`` products on both axes before and after the products, filters twice,
    # whose factors are rounded, too; and the terms.
    around, places = 6 * (taps + 2), turn.shape[0] * -(-down // 2) * -(-across // 2)
    steps = [channels + around, filters + around, places + around]
    for value, right, bound, operations in zip(found, expected, most, steps, strict=True):
        assert value.shape == right.shape
        assert (np.abs(value - right) <= operations * EPS * bound).all()
        # Far within that bound: sums of random signs.
        assert np.abs(value - right).max() <= {3: 4e-6, 5: 8e-6}[taps] * np.abs(right).max()


@pytest.mark.parametrize(
    ("border", "down", "across"), [("same", 12, 13), ([[2, 0], [0, 1]], 12, 12)]
)
def test_whole_numbers_are_exact(border: Any, down: int, across: int) -> None:
    random = np.random.default_rng(3)
    x = random.integers(-8, 9, (2, 12, 13, 32)).astype("float32")
    w = 4 * random.integers(-8, 9, (3, 3, 32, 48)).astype("float32")
    turn = 4 * random.integers(-4, 5, (2, down, across, 48)).astype("float32")
    for value, right in zip(
        computed(x, w, border, turn), directly(x, w, turn, border), strict=True
    ):
        np.testing.assert_array_equal(value, right)


@pytest.mark.parametrize("taps", [3, 5])
def test_a_picture_alone_has_the_bits_that_it_has_among_others(taps: int) -> None:
    x, w = normal(19, 20, 18, 64), normal(taps, taps, 64, 48, seed=1)
    turn = normal(19, 20, 18, 48, seed=2)
    found = computed(x, w, "same", turn)
    for first, count in ((0, 1), (7, 2), (3, 9)):
        part = slice(first, first + count)
        alone = computed(x[part], w, "same", turn[part])
        for whole, own in zip(found[:2], alone[:2], strict=True):
            assert own.tobytes() == whole[part].tobytes()


@pytest.mark.thorough
@pytest.mark.parametrize(("taps", "shape"), [(3, (5, 17, 22, 48)), (5, (2, 9, 90, 144))])
def test_sizes_of_work_and_vectors_change_no_bit(
    taps: int, shape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, w = normal(*shape), normal(taps, taps, shape[-1], 80, seed=1)
    turn = normal(*shape[:3], 80, seed=2)
    before = [v.tobytes() for v in computed(x, w, "same", turn)]
    sizes = [
        (conv_winograd, "SQUARES", 7), (conv_winograd, "LONG_SQUARES", 9),
        (conv_winograd, "ROOM", 200_000),
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
    assert chosen(kernel=5) and chosen(kernel=5, border=4) and chosen(kernel=5, filters=256)
    assert all(chosen(n=n) for n in (1, 3, 1000)), "the number of pictures decides nothing"
    assert not any(chosen(n=n, side=7) for n in (1, 3, 1000)), "few results"
    assert not chosen(dtype="float64") and not chosen(dtype="float16")
    assert (
        not chosen(kernel=7)
        and not chosen(kernel=4)
        and not chosen(stride=2)
        and not chosen(dilation=2)
    )
    assert not chosen(groups=2) and not chosen(border=3) and not chosen(kernel=5, border=5)
    assert not chosen(channels=16) and not chosen(filters=16), "transforms take what they save"
    assert not chosen(channels=3) and not chosen(filters=40), "vectors would not be full"
    assert not chosen(channels=512, filters=256), "filters would come from memory"
    assert not chosen(channels=32, filters=528) and not chosen(channels=528, filters=32), "stack"
    assert not chosen(kernel=5, channels=256, filters=256) and not chosen(kernel=5, channels=272)


def test_there_is_room_for_some_squares_of_all_channels() -> None:
    for taps, (channels, _) in conv_winograd.MOST.items():
        assert conv_winograd.most_squares(taps, channels, 99) >= 12
    assert conv_winograd.most_squares(3, 32, 24) == 24


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
        assert 2 * cut.down - down in (0, 1) and 2 * cut.across - across in (0, 1)
        high, wide = -(-cut.down // cut.bands), -(-cut.across // cut.pieces)
        assert high * wide <= most and high <= max(1, rows)
        counts = {
            (cut.down * (b + 1) // cut.bands - cut.down * b // cut.bands)
            * (cut.across * (p + 1) // cut.pieces - cut.across * p // cut.pieces)
            for b, p in itertools.product(range(cut.bands), range(cut.pieces))
        }
        assert 1 <= cut.lowest == min(count // -(-count // 6) for count in counts)


def test_panels_are_as_full_as_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_winograd, "vector_registers", lambda: (64, 32))
    assert [panel_vectors(n)[0] for n in (32, 48, 64, 80, 96, 128)] == [2, 3, 4, 3, 3, 4]
    monkeypatch.setattr(conv_winograd, "vector_registers", lambda: (32, 16))
    assert panel_vectors(64) == (2, 8)
    monkeypatch.setattr(conv_winograd, "vector_registers", lambda: (16, 32))
    assert panel_vectors(64) == (4, 4)


@pytest.mark.thorough
def test_its_kernels_compile_without_numbas_front_end() -> None:
    products, sums = conv_winograd, conv_winograd_gradient
    for taps in (3, 5):
        texts = [products._filters_source(taps, 48, 16, apart) for apart in (False, True)]
        texts += [products._products_source(taps, 3, 16, 24, 48, 4)]
        texts += [sums._sums_source(taps, 3, 16, 48, 24, last) for last in (0, 32)]
        texts += [sums._gradient_source(taps, 16)]
        for source in texts:
            translate_source(source, _entry(source, "<test>"))


@pytest.mark.sample(2)
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
