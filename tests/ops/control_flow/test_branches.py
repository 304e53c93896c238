"""cond and case: what runs, what comes out, gradients, errors."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError, GraphError, LiteralError, RunError, ShapeError

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])


@TIERS
def test_only_the_taken_branch_runs(tier: str) -> None:
    """The other one would divide by zero."""
    with nf.Graph():
        x = nf.placeholder("int32", [], name="x")
        y = nf.cond(x > 0, lambda: 12 // x, lambda: x - 1)
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            assert [session.run(y, {x: v}) for v in (4, 0, -3, 5)] == [3, -1, -4, 2]


@TIERS
def test_a_branch_prints_only_where_it_runs(tier: str, capfd: pytest.CaptureFixture) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [], name="x")
        y = nf.cond(x > 0, lambda: nf.print(x, message="yes"), lambda: nf.print(-x, message="no"))
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            session.run(y, {x: 1.0})
            session.run(y, {x: -2.0})
    said = [line for line in capfd.readouterr().err.splitlines() if line]
    assert said == ["yes 1.", "no 2."]


@TIERS
@pytest.mark.parametrize("pred", [True, False])
def test_gradients_flow_through_the_taken_branch(tier: str, pred: bool) -> None:
    with nf.Graph():
        p = nf.placeholder("bool", [], name="p")
        x, w = nf.variable(np.array([0.5, -1.5])), nf.variable(np.array([2.0, 3.0]))
        y = nf.cond(p, lambda: nf.sin(x * w) * w, lambda: x * x * x)
        plain = nf.sin(x * w) * w if pred else x * x * x
        first = nf.gradients(y, [x, w]), nf.gradients(plain, [x, w])
        second = nf.gradients(first[0][0], [x]), nf.gradients(first[1][0], [x])
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            session.initialize()
            dx, dw, ddx = session.run([*first[0], *second[0]], {p: pred})
            by_w = nf.zeros_like(w) if first[1][1] is None else first[1][1]
            ex, ew, eddx = session.run([first[1][0], by_w, second[1][0]], {p: pred})
    np.testing.assert_allclose(dx, ex, rtol=1e-12)
    np.testing.assert_allclose(dw, ew, rtol=1e-12)
    np.testing.assert_allclose(ddx, eddx, rtol=1e-12)


def test_structures_come_out_as_they_are_returned() -> None:
    Pair = namedtuple("Pair", "a b")
    with nf.Graph():
        p = nf.placeholder("bool", [], name="p")
        pair = nf.cond(p, lambda: Pair(1.0, [2, {"k": 3}]), lambda: Pair(4.0, [5, {"k": 6}]))
        one = nf.cond(p, lambda: [nf.constant(1)], lambda: [nf.constant(2)])
        kept = nf.cond(p, lambda: [nf.constant(1)], lambda: [nf.constant(2)], strict=True)
        old = nf.cond(p, fn1=lambda: nf.constant(1), fn2=lambda: nf.constant(2))
        assert isinstance(pair, Pair) and isinstance(one, nf.Tensor) and isinstance(kept, list)
        with nf.Session() as session:
            found = session.run([pair, one, old], {p: False})
    assert found == [Pair(4.0, [5, {"k": 6}]), 2, 2]


def test_a_literal_takes_the_dtype_of_the_other_branch() -> None:
    with nf.Graph():
        x = nf.placeholder("float64", [], name="x")
        assert nf.cond(x > 0, lambda: 0, lambda: x).dtype == "float64"
        with pytest.raises(LiteralError, match=r"0\.5 is not"):
            nf.cond(x > 0, lambda: 0.5, lambda: nf.cast(x, "int32"))


@TIERS
def test_a_size_that_differs_is_known_when_it_has_run(tier: str) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [4], name="x")
        y = nf.cond(x[0] > 0, lambda: x[:2], lambda: x[1:])
        total = nf.reduce_sum(y)
        assert y.shape == (None,)
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            assert session.run(total, {x: np.float32([1, 2, 3, 4])}) == 3
            assert session.run(y, {x: np.float32([-1, 2, 3, 4])}).tolist() == [2, 3, 4]


@TIERS
def test_branches_may_contain_branches(tier: str) -> None:
    with nf.Graph():
        x = nf.placeholder("float64", [], name="x")
        y = nf.cond(
            x > 0,
            lambda: nf.cond(x > 1, lambda: x * 10, lambda: x * x),
            lambda: -x,
        )
        (grad,) = nf.gradients(y, x)
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            found = [session.run([y, grad], {x: v}) for v in (2.0, 0.5, -3.0)]
    np.testing.assert_allclose(found, [[20, 10], [0.25, 1], [3, -1]])


def test_variables_made_in_a_branch_are_made_outside() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [2, 3], name="x")
        y = nf.cond(
            x[0, 0] > 0,
            lambda: nf.layers.dense(x, 4, name="one"),
            lambda: nf.layers.dense(x, 4, name="two"),
        )
        grads = nf.gradients(nf.reduce_sum(y), graph.trainable_variables)
        assert sorted(v.name for v in graph.variables) == [
            "one/bias", "one/kernel", "two/bias", "two/kernel",
        ]  # fmt: skip
        with nf.Session() as session:
            session.initialize()
            feed = {x: np.ones((2, 3), "float32")}
            value, *found = session.run([y, *grads], feed)
            kernel = session.variables["one/kernel"]
    np.testing.assert_allclose(value, np.ones((2, 3)) @ kernel, rtol=1e-6)
    by_name = dict(zip((v.name for v in graph.trainable_variables), found, strict=True))
    assert by_name["one/kernel"].tolist() == [[2.0] * 4] * 3
    assert not by_name["two/kernel"].any()


def test_dropout_in_a_branch_has_the_gradient_of_its_own_mask() -> None:
    with nf.Graph():
        train = nf.placeholder("bool", [], name="train")
        x = nf.variable(np.ones(1000))
        y = nf.cond(
            train,
            lambda: x * nf.cast(nf.random_uniform([1000], dtype="float64") > 0.5, "float64"),
            lambda: x,
        )
        (grad,) = nf.gradients(y, x)
        with nf.Session() as session:
            session.initialize()
            value, mask = session.run([y, grad], {train: True})
            other = session.run(y, {train: True})
            assert session.run(grad, {train: False}).all()
    assert 400 < value.sum() < 600
    np.testing.assert_array_equal(value, mask)
    assert (value != other).any()


@TIERS
def test_case_takes_the_first_true_condition(tier: str) -> None:
    with nf.Graph():
        x = nf.placeholder("int32", [], name="x")
        pairs = [(x < 1, lambda: nf.constant(10)), (x < 2, lambda: nf.constant(20))]
        y = nf.case(pairs, default=lambda: nf.constant(30))
        strict = nf.case(pairs)
        alone = nf.case(pairs, exclusive=True, default=lambda: nf.constant(0))
        only = nf.case([(x < 1, lambda: x + 1)])
        with nf.Session(tier=tier) as session:  # type: ignore[arg-type]
            assert [session.run(y, {x: v}) for v in range(3)] == [10, 20, 30]
            assert [session.run(strict, {x: v}) for v in range(2)] == [10, 20]
            assert session.run(alone, {x: 1}) == 20
            assert session.run(only, {x: -1}) == 0
            with pytest.raises(RunError, match="no condition of case is true"):
                session.run(strict, {x: 5})
            with pytest.raises(RunError, match="no condition of case is true"):
                session.run(only, {x: 5})
            with pytest.raises(RunError, match="conditions 0 and 1 are true"):
                session.run(alone, {x: 0})


def test_errors_of_branches_name_the_node_inside() -> None:
    with nf.Graph():
        x = nf.placeholder("int32", [], name="x")
        y = nf.cond(
            x > 0, lambda: nf.floor_divide(x, x - 1, name="share"), lambda: x, name="choose"
        )
        with nf.Session() as session, pytest.raises(RunError, match="division by zero") as caught:
            session.run(y, {x: 1})
    assert caught.value.node == "choose/share"


def test_what_does_not_fit_is_refused() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [3], name="x")
        scalar = x[0] > 0
        one = nf.constant(1.0)
        for pred, kind, words in (
            (True, GraphError, "Python's True"),
            (x, DtypeError, "pred must be one bool, not float32"),
            (x > 0, ShapeError, r"pred must be one bool, not bool \(3,\)"),
        ):
            with pytest.raises(kind, match=words):
                nf.cond(pred, lambda: one, lambda: one)  # type: ignore[arg-type]
        with pytest.raises(GraphError, match="needs true_fn and false_fn"):
            nf.cond(scalar, lambda: one)
        with pytest.raises(GraphError, match="true_fn must be a function, not Tensor"):
            nf.cond(scalar, one, one)
        with pytest.raises(GraphError, match="different structures, one tensor and a list of 2"):
            nf.cond(scalar, lambda: one, lambda: [one, one])
        with pytest.raises(DtypeError, match=r"output 0 is float32 .* and int32"):
            nf.cond(scalar, lambda: one, lambda: nf.constant(1))
        with pytest.raises(GraphError, match="false_fn returns nothing"):
            nf.cond(scalar, lambda: one, lambda: None)
        with pytest.raises(GraphError, match="case needs pairs"):
            nf.case([])


def test_a_tensor_of_a_branch_cannot_be_used_outside() -> None:
    leaked = []
    with nf.Graph():
        x = nf.placeholder("float32", [], name="x")
        nf.cond(x > 0, lambda: leaked.append(x * 2) or x, lambda: x)
        with pytest.raises(GraphError, match="belongs to the body of a loop or branch"):
            x + leaked[0]
