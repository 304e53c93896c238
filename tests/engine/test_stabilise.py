"""The rewrite ``stabilise``: logarithms of probabilities that underflow, and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import takewhile

import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax, softmax

import nodeflow as nf
from nodeflow import resources
from nodeflow.engine.columns import Column
from tests.engine.graphs import images_and_labels, network

TIERS = ("reference", "compiled")
OFF = ("stabilise",)
Formula = Callable[[nf.Tensor, nf.Tensor, nf.Tensor], nf.Tensor]


def logits(shape: tuple[int, ...], dtype: str = "float32", scale: float = 200) -> np.ndarray:
    """Uniform in -scale to scale, with both ends among them."""
    x = np.random.default_rng(3).uniform(-scale, scale, shape)
    x.flat[:2] = scale, -scale
    return x.astype(dtype)


def run(
    formula: Formula, arrays: tuple[np.ndarray, np.ndarray], tier: str,
    axis: int = -1, kind: str = "softmax", without: Collection[str] = (),
) -> list[np.ndarray]:  # fmt: skip
    """A formula of (x, p, y), the gradient of its sum by x, and p = kind(x)."""
    with nf.Graph() as g:
        x, y = (nf.placeholder(str(a.dtype), [None] * a.ndim) for a in arrays)
        p = nf.softmax(x, axis=axis) if kind == "softmax" else nf.sigmoid(x)
        value = formula(x, p, y)
        (slope,) = nf.gradients(nf.reduce_sum(value), [x])
    with nf.Session(g, tier=tier, without=without) as s:
        return s.run([value, slope, p], dict(zip((x, y), arrays, strict=True)))


def close(found: np.ndarray, exact: np.ndarray, scale: np.ndarray | float = 1) -> None:
    """Within 16 units in the last place of ``scale + |exact|``."""
    eps = np.finfo(found.dtype).eps
    assert np.all(np.isfinite(found))
    assert np.all(np.abs(found - exact) <= 16 * eps * (scale + np.abs(exact)))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [3, 200, 1e4])
@pytest.mark.parametrize(("shape", "axis"), [((9, 7), -1), ((9, 7), 0), ((3, 5, 4), 1), ((6,), 0)])
def test_cross_entropy_is_that_of_the_logits(shape, axis: int, scale, dtype: str, tier) -> None:
    x = logits(shape, dtype, scale)
    y = np.random.default_rng(0).random(shape).astype(dtype)
    value, slope, p = run(lambda x, p, y: -(y * nf.log(p)), (x, y), tier, axis)
    wide, weights = x.astype("float64"), y.astype("float64")
    close(value, -weights * log_softmax(wide, axis))
    close(slope, softmax(wide, axis) * weights.sum(axis, keepdims=True) - weights, shape[axis])
    close(p, softmax(wide, axis), 2 * scale)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [3, 200, 1e4])
def test_binary_cross_entropy_is_that_of_the_logits(scale: float, dtype: str, tier: str) -> None:
    x = logits((9, 7), dtype, scale)
    y = np.random.default_rng(0).random((9, 7)).round().astype(dtype)
    value, slope, _ = run(
        lambda x, p, y: -(y * nf.log(p) + (1 - y) * nf.log(1 - p)), (x, y), tier, kind="sigmoid"
    )
    wide = x.astype("float64")
    close(value, np.where(y == 1, -log_expit(wide), -log_expit(-wide)))
    close(slope, expit(wide) - y)


FORMULAS: dict[str, tuple[str, Callable]] = {
    "entropy": ("softmax", lambda x, p, y, log, _: -(p * log(p))),
    "divergence": ("softmax", lambda x, p, y, log, _: y * (nf.log(y + 1) - log(p)) + 3 * p * y),
    "twice": ("softmax", lambda x, p, y, log, _: log(p) * log(p) - y * log(nf.identity(p)) + p),
    "with x": ("softmax", lambda x, p, y, log, _: log(p) * nf.tanh(x) - nf.square(p)),
    "focal": ("softmax", lambda x, p, y, log, _: -nf.square(1 - p) * log(p)),
    "binary entropy": (
        "sigmoid",
        lambda x, p, y, log, rest: -(p * log(p) + (1 - p) * rest(p)),
    ),
    "only the rest": ("sigmoid", lambda x, p, y, log, rest: y * rest(p) + nf.square(p)),
    "binary focal": (
        "sigmoid",
        lambda x, p, y, log, rest: nf.square(1 - p) * y * log(p) + p * p * (1 - y) * rest(p),
    ),
    "no logarithm": ("sigmoid", lambda x, p, y, log, rest: p * (1 - p) * y),
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("scale", [3, 200])
@pytest.mark.parametrize("name", FORMULAS)
def test_what_else_is_made_of_the_probabilities(name: str, scale: float, tier: str) -> None:
    """The same formula written with log_softmax or softplus, in float64 by reference."""
    kind, formula = FORMULAS[name]
    x = logits((6, 5), scale=scale)
    y = np.random.default_rng(1).random((6, 5)).astype("float32")

    def written(x: nf.Tensor, p: nf.Tensor, y: nf.Tensor) -> nf.Tensor:
        return formula(x, p, y, nf.log, lambda p: nf.log(1 - p))

    def stable(x: nf.Tensor, p: nf.Tensor, y: nf.Tensor) -> nf.Tensor:
        log = nf.log_softmax(x) if kind == "softmax" else -nf.softplus(-x)
        return formula(x, p, y, lambda p: log, lambda p: -nf.softplus(x))

    found = run(written, (x, y), tier, kind=kind)
    wide = x.astype("float64"), y.astype("float64")
    exact = run(stable, wide, "reference", kind=kind, without=OFF)
    for a, b in zip(found, exact, strict=True):
        close(a, b, 2 * scale * max(1, np.abs(b).max()))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("shape", [(6, 4), (0, 4), (4, 0), (1, 1)])
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_special_values_and_sizes_give_what_the_stable_ops_give(kind, shape, tier: str) -> None:
    x = logits(shape) if 0 not in shape else np.zeros(shape, "float32")
    if len(x) == 6:
        x[0, 0], x[1, 1], x[2, 2], x[3] = np.nan, np.inf, -np.inf, -np.inf
    stable = nf.log_softmax if kind == "softmax" else lambda x: -nf.softplus(-x)
    found = run(lambda x, p, y: y * nf.log(p), (x, x), tier, kind=kind)
    exact = run(lambda x, p, y: y * stable(x), (x, x), tier, kind=kind)
    for a, b in zip(found, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    assert np.isnan(found[1]).any() == (len(x) == 6)


@pytest.mark.thorough
def test_second_derivatives_and_other_divisions_are_as_they_were() -> None:
    """Where nothing underflows: what of them is rewritten gives the same."""
    value, weights = logits((4, 5), "float64", 3), np.random.default_rng(2).random((4, 5))
    found: dict[tuple[str, ...], list[np.ndarray]] = {}
    for without in ((), OFF):
        with nf.Graph() as g:
            x, y = nf.placeholder("float64", [None, 5]), nf.placeholder("float64", [None, 5])
            p, q = nf.softmax(x), nf.sigmoid(x)
            both = y * nf.log(p) * nf.log(q) + (1 - y) * nf.log(1 - p) * nf.log(1 - q)
            (first,) = nf.gradients(both, [x])
            (second,) = nf.gradients(nf.square(first), [x])
        with nf.Session(g, tier="reference", without=without) as s:
            found[without] = s.run([both, first, second], {x: value, y: weights})
    for a, b in zip(found[()], found[OFF], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("tier", TIERS)
def test_training_on_large_logits_follows_float64(tier: str) -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(0, 1, (60, 6)).astype("float32")
    labels = rng.integers(0, 4, 60).astype("uint8")
    start = rng.normal(0, 100, (6, 4)).astype("float32")
    with nf.Graph() as g:
        x, y = nf.placeholder("float32", [None, 6]), nf.placeholder("float32", [None, 4])
        w = nf.variable(start, name="w")
        p = nf.softmax(x @ w)
        loss = nf.negative(nf.reduce_mean(nf.reduce_sum(y * nf.log(p), axis=1)), name="loss")
        train = g.apply("gradient_descent", loss, learning_rate=20.0, name="train")
    with nf.Session(g, tier=tier) as s:
        s.initialize()
        stepper = s.stepper(
            [train], [loss], {x: Column(rows, "float32"), y: Column(labels, "float32", depth=4)}, 20
        )
        stepper.start_epoch(np.resize(np.arange(60), 30 * 20))
        found = stepper.run(30)[1][:, 0]
        assert stepper.tier == tier
        weights = s.variables["w"]
    exact = []
    value, onehot = start.astype("float64"), np.eye(4)[labels]
    for step in range(30):
        some = np.arange(20 * step, 20 * step + 20) % 60
        z = rows[some].astype("float64") @ value
        exact.append(-(onehot[some] * log_softmax(z, 1)).sum(1).mean())
        value -= 20 * rows[some].T @ (softmax(z, 1) - onehot[some]) / 20
    assert max(exact) > 100
    np.testing.assert_allclose(found, exact, rtol=1e-4)
    np.testing.assert_allclose(weights, value, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_what_is_fetched_of_the_parts_is_as_written(kind: str, tier: str) -> None:
    """The probabilities, and the gradient for them: h / p, infinite where p is 0."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [4, 5])
        p = nf.softmax(x) if kind == "softmax" else nf.sigmoid(x)
        log = nf.log(p)
        slopes = nf.gradients(nf.reduce_sum(log), [x, p])
    value = logits((4, 5))
    with nf.Session(g, tier=tier) as s, nf.Session(g, tier=tier, without=OFF) as literal:
        found, alone = s.run([p, slopes[1], *slopes, log], {x: value}), s.run(slopes[0], {x: value})
        exact = literal.run([p, slopes[1], *slopes, log], {x: value})
    assert np.isinf(exact[1]).any()
    assert np.isnan(exact[2]).any()
    assert np.isinf(exact[4]).any()
    assert found[0].tobytes() == exact[0].tobytes()
    assert found[1].tobytes() == exact[1].tobytes() == found[3].tobytes()
    assert np.all(np.isfinite(found[2]))
    assert found[2].tobytes() == alone.tobytes()
    assert np.all(np.isfinite(found[4]))


@pytest.mark.parametrize("tier", TIERS)
def test_without_it_the_graph_is_computed_as_written(tier: str) -> None:
    x, y = logits((8, 6), scale=5), np.ones((8, 6), "float32")
    value, slope, p = run(lambda x, p, y: nf.log(p), (x, y), tier, without=OFF)
    eps = np.finfo("float32").eps
    np.testing.assert_allclose(value, np.log(p), rtol=2 * eps)
    g = 1 / p
    np.testing.assert_allclose(slope, (g - (g * p).sum(1, keepdims=True)) * p, atol=16 * eps)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("kind", "rest"), [("softmax", 0), ("sigmoid", 0), ("sigmoid", 1)])
def test_values_that_were_right_move_by_rounding_only(kind: str, rest: int, tier: str) -> None:
    """The tolerance that docs/correctness.md states."""
    x = logits((200, 10), scale=12 if rest else 30 if kind == "softmax" else 80)
    y = np.random.default_rng(0).normal(size=x.shape).astype("float32")

    def written(x: nf.Tensor, p: nf.Tensor, y: nf.Tensor) -> nf.Tensor:
        return y * nf.log(1 - p if rest else p)

    found, slope, p = run(written, (x, y), tier, kind=kind)
    other, other_slope, _ = run(written, (x, y), tier, kind=kind, without=OFF)
    eps = np.finfo("float32").eps
    inner = 1 - p if rest else p
    assert inner.min() > np.finfo("float32").tiny
    unit = 1 / inner if rest else 1
    assert np.all(np.abs(found - other) <= 4 * eps * (np.abs(y) * unit + np.abs(other)))
    most = np.abs(y).sum(1, keepdims=True)
    assert np.all(np.abs(slope - other_slope) <= 8 * eps * (np.abs(y) + most))


def explained(graph: nf.Graph, fetches: list, without: Collection[str] = ()) -> list[str]:
    """What ``run --explain`` says was stabilised."""
    feeds = {p: np.ones([d or 2 for d in p.shape], p.dtype) for p in graph.placeholders}
    with nf.Session(graph, without=without) as s:
        s.initialize()
        lines = s.explain(fetches, feeds).splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("stabilise (")]
    if not starts:
        return []
    return [line.strip() for line in takewhile(lambda t: t[0] == " ", lines[starts[0] + 1 :])]


def test_explain_names_what_was_stabilised() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [4, 5], name="x")
        p = nf.softmax(x, name="p")
        q = nf.sigmoid(x, name="q")
        logs = [nf.log(p, name="a"), nf.log(q, name="b"), nf.log(1 - q, name="c")]
        loss = nf.add(nf.reduce_sum(logs[0]), nf.reduce_sum(logs[1] * logs[2]))
        (slope,) = nf.gradients(loss, [x])
    said = ["a is log_softmax(x)", "b is -softplus(-x)", "c is -softplus(x)"]
    assert explained(g, logs) == said
    gradients = explained(g, [loss, slope])[3:]
    assert [line.split(" is ")[1] for line in gradients] == [
        "a gradient of log(sigmoid(x))", "a gradient of log_softmax(x)",
    ]  # fmt: skip
    assert explained(g, logs, without=OFF) == []


def not_stable(x: nf.Tensor, y: nf.Tensor, p: nf.Tensor) -> dict[str, nf.Tensor]:
    """What looks like a logarithm of softmax or its gradient, and is none."""
    g, u = y / p, nf.constant(1.0) / p
    s, one = nf.sigmoid(x), nf.constant(1.0)
    return {
        "clipped": nf.log(nf.clip_by_value(p, 1e-10, 1.0)),
        "scaled": nf.log(p * 2),
        "rest of softmax": nf.log(1 - p),
        "two": nf.log(2 - s),
        "rest the wrong way": nf.log(s - 1),
        "cancelled": y / p * p,
        "another axis": (g - nf.reduce_sum(g * p, axis=0, keepdims=True)) * p,
        "all axes": (g - nf.reduce_sum(g * p, keepdims=True)) * p,
        "sum without its axis": (g - nf.reduce_sum(g * p, axis=1)) * p,
        "no sum": (g - nf.reduce_max(g * p, axis=1, keepdims=True)) * p,
        "another sum": (g - nf.reduce_sum(y * p, axis=1, keepdims=True)) * p,
        "another factor": (g - nf.reduce_sum(g * p, axis=1, keepdims=True)) * y,
        "broadcast": (u - nf.reduce_sum(u * p, axis=1, keepdims=True)) * p,
        "softmax alone": nf.gradients(nf.reduce_sum(p * y), [x])[0],
        "sigmoid alone": nf.gradients(nf.reduce_sum(s * y), [x])[0],
        "rest above softmax": nf.gradients(nf.reduce_sum(nf.sqrt(1 - p) / (1 - p)), [x])[0],
        "another sigmoid": y / s * nf.sigmoid(y) * (1 - s),
        "another rest": y / s * s * (one - p),
    }


def test_what_only_looks_alike_is_computed_as_written() -> None:
    with nf.Graph() as g:
        x, y = (nf.placeholder("float32", [5, 5], name=n) for n in "xy")
        cases = not_stable(x, y, nf.softmax(x))
    for name, fetch in cases.items():
        assert explained(g, [fetch]) == [], name


def test_a_fed_probability_has_no_logits() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [2], name="x")
        p = nf.softmax(x)
        log = nf.log(p)
        (slope,) = nf.gradients(log, [x])
    with nf.Session(g) as s:
        fed = np.array([0.5, 0.0], "float32")
        assert s.run(log, {p: fed})[1] == -np.inf
        assert np.isnan(s.run(slope, {p: fed, x: fed})).any()


@pytest.mark.thorough
def test_the_clipped_network_of_the_example_is_untouched() -> None:
    graph = nf.load(resources.example("mnist"))
    assert explained(graph, ["train", "loss"]) == []
    net = network("float32", (40, 24, 10))
    images, labels = images_and_labels(100, 40)
    found = []
    for without in ((), OFF):
        with nf.Session(net.graph, tier="compiled", without=without) as s:
            s.initialize()
            feeds = {net.x: images.astype("float32"), net.y: np.eye(10, dtype="float32")[labels]}
            found.append([s.run([net.train, net.loss], feeds)[1] for _ in range(5)])
            found[-1] += [value.tobytes() for _, value in s.variables.items()]
    assert found[0] == found[1]


def test_every_number_of_threads_gives_the_same_bits() -> None:
    x, y = logits((301, 70)), np.ones((301, 70), "float32")
    with nf.Graph() as g:
        a, b = nf.placeholder("float32", [None, 70]), nf.placeholder("float32", [None, 70])
        p, q = nf.softmax(a), nf.sigmoid(a)
        value = b * nf.log(p) * nf.log(1 - q) - p
        fetches = [value, *nf.gradients(value, [a])]
    bits = set()
    for threads in (1, 2, 3, 8):
        with nf.Session(g, tier="compiled", threads=threads) as s:
            bits.add(b"".join(v.tobytes() for v in s.run(fetches, {a: x, b: y})))
    assert len(bits) == 1


def test_the_reference_computes_nothing_that_is_not_needed() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [3], name="x")
        p = nf.softmax(x, name="p")
        log = nf.log(p, name="log")
    with nf.Session(g, tier="reference") as s:
        s.run(log, {x: np.zeros(3, "float32")})
        assert s.executions == {"log": 1}
        s.run([log, p], {x: np.zeros(3, "float32")})
        assert s.executions == {"log": 2, "p": 1}
