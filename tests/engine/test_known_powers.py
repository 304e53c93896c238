"""Powers whose exponent is known: the bits of any other power, by multiplications."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.plan.passes import POWERS
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.ops.lowering import Elementwise
from tests.engine.graphs import run

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-40, -1e-40, 3e38, -3e38, 0.5]
DTYPES = ("float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8")


def bases(dtype: str) -> nf.Tensor:
    """Numbers of all sizes, and of floats all special ones."""
    random = np.random.default_rng(4)
    if "float" not in dtype:
        return nf.constant(random.integers(0, 200, 300).astype(dtype))
    numbers = random.normal(size=20_000) * 10.0 ** random.integers(-3, 4, 20_000)
    with np.errstate(over="ignore"):
        given = np.concatenate([SPECIAL, numbers]).astype("float64" if "64" in dtype else "float32")
    return nf.cast(nf.constant(given), dtype)


def formulas(wanted: nf.Tensor) -> list[str]:
    schedule = build_schedule([wanted], [])
    items = make_plan(schedule, schedule.specialise({})).actions.items
    return [a.lowering.expression for a in items if isinstance(a.lowering, Elementwise)]


def cases() -> list[tuple[float, str]]:
    """Exponents and dtypes; integers take whole ones from 0 on."""
    exponents = (*POWERS, 0, -1, -2, 1.5, 5)
    return [(e, d) for d in DTYPES for e in exponents if "float" in d or (e >= 0 and e == int(e))]


@pytest.mark.parametrize(("exponent", "dtype"), cases())
def test_a_known_exponent_has_the_bits_of_one_that_is_fed(exponent: float, dtype: str) -> None:
    with nf.Graph():
        x = bases(dtype)
        known = x ** nf.cast(nf.constant(exponent), dtype)
        given = nf.cast(nf.placeholder("float64", [], name="y"), dtype)
        fed = x**given
    wide = dtype in ("float32", "float64")
    rewritten = exponent in POWERS if wide else "float" not in dtype and exponent == 2
    with nf.Session(x.node.graph, tier="compiled") as session:
        session.initialize()
        one = session.run(known)
        other = session.run(fed, {"y": exponent})
    assert one.tobytes() == other.tobytes()
    assert run([known], without=["powers"])[0].tobytes() == one.tobytes()
    assert rewritten == (not any("pow(" in text for text in formulas(known)))
    if wide:
        (expected,) = run([known], tier="reference")
        np.testing.assert_allclose(one, expected, rtol=2e-7 if dtype == "float32" else 5e-16)
        assert (np.signbit(one) == np.signbit(expected))[~np.isnan(expected)].all()


def test_exponents_of_several_numbers_stay_powers() -> None:
    with nf.Graph():
        x = nf.variable(np.ones((2, 3), "float32"))
        assert any("pow(" in text for text in formulas(x ** nf.constant([2.0, 3.0, 2.0])))
        assert not any("pow(" in text for text in formulas(x ** nf.constant([2.0, 2.0, 2.0])))


def test_the_loss_of_a_squared_difference_takes_no_power() -> None:
    with nf.Graph():
        x, y = (nf.variable(np.arange(6, dtype="float32")) for _ in range(2))
        loss = nf.reduce_mean((x - y) ** 2)
        (slope,) = nf.gradients(loss, [x])
    assert not any("pow(" in text for text in (*formulas(loss), *formulas(slope)))
