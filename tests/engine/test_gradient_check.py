"""The gradient check finds planted wrong gradients, and none in what is right, kinks included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.gradient_check.check import RIGHT, UNCHECKED, WRONG, Checked, check
from nodeflow.engine.gradient_check.piece import piece_between
from nodeflow.errors import Cancelled

F = nf.functions
RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def own_registry():
    """Ops declared in a test are gone after it."""
    before = set(nf.REGISTRY.ids())
    yield
    for op_id in set(nf.REGISTRY.ids()) - before:
        nf.REGISTRY.remove(op_id)


def checked(ys: Any, *xs: nf.Tensor, **given: np.ndarray) -> Checked:
    """The check from placeholders to ys; ``given`` are arrays by name of placeholder."""
    ys = ys if isinstance(ys, (list, tuple)) else [ys]
    piece = piece_between(xs, ys)
    assert piece is not None
    with nf.Session(ys[0].graph, tier="reference", seed=3) as session:
        session.initialize()
        values = session.run(list(piece.needed), given)
    return check("it", piece, dict(zip(piece.needed, values, strict=True)))


def place(*shape: int, dtype: str = "float32", name: str = "x") -> nf.Tensor:
    return nf.placeholder(dtype, shape, name=name)


def own_square(factor: float) -> Any:
    """An own op that squares; its gradient is ``factor`` times the right one."""

    @nf.op(id="own_square", gradient=lambda g, inputs, output: [g * inputs[0] * (2.0 * factor)])
    def own_square(x):
        """The square of x."""
        return x * x

    return own_square


@pytest.mark.parametrize("factor", [0.5, 1.001, -1.0, 0.0])
def test_a_planted_wrong_gradient_is_found_with_its_size(factor):
    square = own_square(factor)
    with nf.Graph():
        x = place(4, 3)
        y = square(x, name="y")
    found = checked(y, x, x=RNG.normal(size=(4, 3)))
    assert found.verdict == WRONG and found.dtype == "float64"
    expected = abs(1 - factor) / max(1, abs(factor))
    assert found.error == pytest.approx(expected, rel=1e-3)
    assert found.of == "x" and found.symbolic == pytest.approx(factor * found.numeric, abs=1e-6)
    assert "wrong by" in str(found)


def test_the_right_one_passes():
    square = own_square(1.0)
    with nf.Graph():
        x = place(4, 3)
        y = square(x)
    found = checked(y, x, x=RNG.normal(size=(4, 3)))
    assert found.verdict == RIGHT and found.error < 1e-7 and found.compared > 10


def test_one_wrong_element_of_many_is_found():
    """Too few to be drawn, but all are varied together."""
    mask = np.ones(5000)
    mask[4321] = 1.2

    @nf.op(id="own_double", gradient=lambda g, inputs, output: [g * nf.constant(2.0 * mask)])
    def own_double(x):
        return 2.0 * x

    with nf.Graph():
        x = place(5000, dtype="float64")
        y = own_double(x)
    assert checked(y, x, x=RNG.normal(size=5000)).verdict == WRONG


def test_kinks_are_no_wrong_gradients_and_are_said():
    values = np.array([[0.0, 1.0, -2.0, 0.0], [3.0, 0.0, 0.0, -1.0]])
    with nf.Graph():
        x = place(2, 4)
        found = checked(nf.relu(x), x, x=values)
    assert found.verdict == RIGHT and found.kinks > 0
    assert f"{found.kinks} of" in found.note and "kink" in found.note


@pytest.mark.parametrize(
    "op", [lambda x: nf.reduce_max(x, axis=1), lambda x: nf.maximum(x, nf.constant(1.0)), nf.abs]
)
def test_ties_and_corners(op):
    with nf.Graph():
        x = place(3, 4)
        found = checked(op(x), x, x=np.ones((3, 4)) * [[1.0], [0.0], [-2.0]])
    assert found.verdict == RIGHT


def test_pooling_of_a_dark_picture():
    picture = np.zeros((2, 1, 12, 12))
    picture[:, :, 4:8, 4:8] = RNG.uniform(size=(2, 1, 4, 4))
    with nf.Graph():
        x = place(2, 1, 12, 12)
        y = nf.max_pool2d(nf.relu(x), 2, data_format="NCHW")
    found = checked(y, x, x=picture)
    assert found.verdict == RIGHT and found.kinks > 0


def test_a_wrong_gradient_at_a_kink_is_still_wrong():
    @nf.op(id="own_relu", gradient=lambda g, inputs, output: [g * 0.7])
    def own_relu(x):
        return np.maximum(x, 0)

    with nf.Graph():
        x = place(3, 3)
        y = own_relu(x)
    assert checked(y, x, x=np.zeros((3, 3))).verdict == WRONG


def test_what_draws_draws_the_same():
    with nf.Graph():
        x = place(20, 5)
        y = nf.dropout(x, rate=0.4, training=True)
    found = checked(y, x, x=RNG.normal(size=(20, 5)))
    assert found.verdict == RIGHT and found.numeric != 0


def test_what_is_meant_to_stop_gradients_counts_as_fixed():
    with nf.Graph():
        x = place(4)
        y = nf.square(x) * nf.stop_gradient(nf.exp(x))
        found = checked(y, x, x=RNG.normal(size=4))
        assert found.verdict == RIGHT
        assert piece_between([x], [nf.stop_gradient(x)]) is None
        assert piece_between([x], [nf.cast(nf.argmax(x), "float32")]) is None


@pytest.mark.thorough
def test_loops_and_layers():
    with nf.Graph() as graph:
        x = place(3, 7, 4)
        y = nf.layers.LSTM(5, name="cells")(x)
        variables = graph.trainable_variables
    found = checked(y, x, *variables, x=RNG.normal(size=(3, 7, 4)))
    assert found.verdict == RIGHT and found.compared > 50


def test_an_op_without_a_gradient_is_not_checked_and_says_why():
    @nf.op(id="own_blunt")
    def own_blunt(x):
        return x * 2.0

    with nf.Graph():
        x = place(3)
        y = own_blunt(x)
    found = checked(y, x, x=np.ones(3))
    assert found.verdict == UNCHECKED and found.error is None and "no gradient" in found.note


def test_half_floats_and_float32_alone_are_compared_as_well_as_they_can_be():
    @nf.op(id="own_narrow", gradient=lambda g, inputs, output: [g * inputs[0] * 2.0])
    def own_narrow(x):
        if x.dtype != np.float32:
            raise ValueError("float32 only")
        return x * x

    with nf.Graph():
        x = place(6)
        y = own_narrow(x)
    found = checked(y, x, x=RNG.normal(size=6))
    assert (found.verdict, found.dtype) == (RIGHT, "float32")


def test_infinity_is_not_compared():
    with nf.Graph():
        x = place(3)
        y = nf.log(x)
    found = checked(y, x, x=np.array([0.0, 1.0, 2.0]))
    assert found.verdict == RIGHT


def test_it_can_be_stopped():
    with nf.Graph():
        x = place(3)
        piece = piece_between([x], [nf.square(x)])
    assert piece is not None
    with pytest.raises(Cancelled):
        check("it", piece, {x: np.ones(3)}, lambda: True)


@pytest.mark.thorough
def test_it_says_the_same_again():
    square = own_square(0.9)
    with nf.Graph():
        x = place(40)
        y = square(x)
    values = RNG.normal(size=40)
    assert checked(y, x, x=values) == checked(y, x, x=values)
