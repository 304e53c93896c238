"""`nf.TensorArray`: written and read outside of loops and inside, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError, GraphError, NodeflowError, ShapeError

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])


def run(fetch: Any, feeds: dict | None = None, tier: Any = "reference") -> Any:
    first = fetch[0] if isinstance(fetch, list) else fetch
    with nf.Session(first.graph, tier=tier) as session:
        session.initialize()
        return session.run(fetch, feeds or {})


@TIERS
def test_a_recurrence_over_time_with_gradients(tier: str) -> None:
    """h = h / 2 + w x: the sum of squares of all h, and its gradients by hand."""
    with nf.Graph():
        x = nf.placeholder("float64", [None, 3])
        w = nf.variable(np.float64(2.0))
        n = nf.shape(x)[0]
        source = nf.TensorArray("float64", size=n).unstack(x)
        result = nf.TensorArray("float64", size=n)

        def body(i: nf.Tensor, h: nf.Tensor, out: nf.TensorArray) -> Any:
            h = h * 0.5 + source.read(i) * w
            return i + 1, h, out.write(i, h)

        zeros = nf.zeros([3], "float64")
        _, last, result = nf.while_loop(lambda i, *_: i < n, body, [0, zeros, result])
        everything = result.stack()
        slopes = nf.gradients(nf.reduce_sum(nf.square(everything)), [w, x])
    given = np.random.RandomState(0).randn(4, 3)
    found, h, by_w, by_x = run([everything, last, *slopes], {x: given}, tier)
    h, wanted, flow = np.zeros(3), [], np.zeros(3)
    for row in given:
        h = h * 0.5 + row * 2.0
        wanted.append(h)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    grads = np.zeros_like(given)
    for t in reversed(range(4)):
        flow = flow * 0.5 + 2 * wanted[t]
        grads[t] = flow * 2.0
    np.testing.assert_allclose(by_x, grads, rtol=1e-12)
    np.testing.assert_allclose(by_w, (grads * given).sum() / 2.0, rtol=1e-12)


@TIERS
def test_an_array_that_grows(tier: str) -> None:
    with nf.Graph():
        n = nf.placeholder("int32", [])
        array = nf.TensorArray(nf.int32, size=0, dynamic_size=True)
        _, array = nf.while_loop(
            lambda i, _: i < n, lambda i, a: (i + 1, a.write(i, i * i)), [0, array]
        )
        fetches = [array.stack(), array.size()]
    for count in (0, 1, 5):
        squares, size = run(fetches, {n: count}, tier)
        assert squares.tolist() == [i * i for i in range(count)] and size == count


def test_elements_outside_of_loops() -> None:
    with nf.Graph():
        array = nf.TensorArray(nf.float32, 4).write(1, [1.0, 2.0]).write(3, [3.0, 4.0])
        assert array.dtype == "float32" and tuple(array.element_shape) == (2,)
        fetches = [
            array.stack(), array.concat(), array.gather([3, 1]), array.read(1), array.size(),
            array.scatter([0, 2], nf.ones([2, 2])).stack(), array.identity().stack(),
            nf.TensorArray(nf.float32, 2).split(nf.range(6, dtype="float32"), [3, 3]).stack(),
        ]  # fmt: skip
    found = [value.tolist() for value in run(fetches)]
    assert found == [
        [[0, 0], [1, 2], [0, 0], [3, 4]], [0, 0, 1, 2, 0, 0, 3, 4], [[3, 4], [1, 2]], [1, 2], 4,
        [[1, 1], [1, 2], [1, 1], [3, 4]], [[0, 0], [1, 2], [0, 0], [3, 4]],
        [[0, 1, 2], [3, 4, 5]],
    ]  # fmt: skip


def test_an_array_grows_to_the_last_place_that_is_scattered_to() -> None:
    with nf.Graph():
        places = nf.placeholder("int32", [2])
        array = nf.TensorArray(nf.float32, size=1, dynamic_size=True, element_shape=[])
        array = array.scatter(places, nf.constant([1.0, 2.0]))
        fetches = [array.stack(), array.size()]
    for where, wanted in (([1, 3], [0, 1, 0, 2]), ([1, 0], [2, 1])):
        stacked, size = run(fetches, {places: where})
        assert stacked.tolist() == wanted and size == len(wanted)


def test_sizes_that_a_run_knows_stand_in_the_shape_of_elements() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 2])
        array = nf.TensorArray(nf.float32, 3, element_shape=[nf.shape(x)[0], 2])
        _, array = nf.while_loop(
            lambda i, _: i < 3,
            lambda i, a: (i + 1, a.write(i, x * nf.cast(i, "float32"))),
            [0, array],
        )
        stacked = array.stack()
    given = np.arange(8, dtype="float32").reshape(4, 2)
    np.testing.assert_array_equal(run(stacked, {x: given}), [given * 0, given, given * 2])


def test_arrays_in_branches_and_structures() -> None:
    with nf.Graph():
        p = nf.placeholder("bool", [])
        array = nf.TensorArray(nf.float32, 2).write(0, 1.0)
        chosen = nf.cond(p, lambda: array.write(1, 5.0), lambda: array)
        stacked = chosen.stack()
        loop = nf.while_loop(
            lambda state: state["i"] < 2,
            lambda state: {"i": state["i"] + 1, "all": state["all"].write(state["i"], 7.0)},
            [{"i": nf.constant(0), "all": nf.TensorArray(nf.float32, 2)}],
        )
        values = loop["all"].stack()
    assert run(stacked, {p: True}).tolist() == [1, 5]
    assert run(stacked, {p: False}).tolist() == [1, 0]
    assert run(values).tolist() == [7, 7]


def test_what_does_not_fit_is_refused() -> None:
    with nf.Graph() as graph:
        array = nf.TensorArray(nf.float32, 3).write(0, [1.0, 2.0])
        with pytest.raises(ShapeError, match=r"shape \(3,\), and the elements .* \(2,\)"):
            array.write(1, [1.0, 2.0, 3.0])
        with pytest.raises(DtypeError, match="is int32, but the TensorArray holds float32"):
            array.write(1, nf.constant([1, 2]))
        with pytest.raises(ShapeError, match="elements is not known"):
            nf.TensorArray(nf.float32, 3).stack()
        with pytest.raises(GraphError, match="grad is not supported"):
            array.grad("x")
        beyond = array.write(3, [1.0, 2.0]).stack()
    with pytest.raises(NodeflowError, match="index 3"), nf.Session(graph) as session:
        session.run(beyond)


def test_a_body_fills_by_sizes_that_only_the_loop_knows() -> None:
    """A wired shape in a loop's body counts, and not the op's default."""
    with nf.Graph():
        _, grown = nf.while_loop(
            lambda i, _: i < 3,
            lambda i, k: (i + 1, nf.concat([k, nf.fill(nf.shape(k) * 0 + 1, 2.0)], axis=0)),
            [0, nf.zeros([0])],
            shape_invariants=[(), (None,)],
        )
    assert run(grown).tolist() == [2, 2, 2]
