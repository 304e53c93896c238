"""The scalar functions of kernels against numpy's float64, over all of float32's range."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.special import ndtr

from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.compiler.compile_kernel import inspect_source
from nodeflow.graph import types

STRIDE = 4099  # a prime: about a million of the 2**32 bit patterns, different low bits each time
_MAP = """
import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, view1
from nodeflow.engine.devicelib.math_functions import {function}
def kernel(args, task, ntasks):
    n = slot(args, 0)
    x = view1(slot(args, 1), n, np.{dtype})
    y = view1(slot(args, 2), n, np.{dtype})
    out = view1(slot(args, 3), n, np.{result})
    for i in range(x.size):
        out[i] = {function}({arguments})
"""


def source(function: str, arity: int, dtype: str, result: str) -> str:
    arguments = ", ".join(["x[i]", "y[i]"][:arity])
    names = {"dtype": dtype, "result": result.replace("bool", "bool_")}
    return _MAP.format(function=function, arguments=arguments, **names)


def call(function: str, *arrays: np.ndarray, result: str | None = None) -> np.ndarray:
    """The compiled function applied to each element."""
    dtype = str(arrays[0].dtype)
    out = np.empty(arrays[0].size, result or dtype)
    kernel = load_kernel(source(function, len(arrays), dtype, result or dtype))
    pointers = [a.ctypes.data for a in (arrays * 2)[:2]]
    assert kernel(np.array([out.size, *pointers, out.ctypes.data])) == 0
    return out


def patterns() -> np.ndarray:
    """float32 of every kind: a stride through all bit patterns, and the special ones."""
    bits = np.arange(0, 2**32, STRIDE, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([bits, SPECIAL.astype(np.float32)])


SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1e-38, 3.4e38]
    + [-3.4e38, 88.72, 88.73, -87.3, -103.9, -104.1, 710.0, 1e-8, -1e-8, math.pi, 1e10, 1e30]
)


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1 + e)


def erfc(x: np.ndarray) -> np.ndarray:
    return np.array([math.erfc(v) for v in x])


UNARY: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    # function: reference in float64, largest error in units of the last place of float32
    "exp": (np.exp, 1.1),
    "expm1": (np.expm1, 1.6),
    "log": (np.log, 1.0),
    "log1p": (np.log1p, 1.6),
    "tanh": (np.tanh, 2.7),
    "sigmoid": (sigmoid, 2.5),
    "softplus": (lambda x: np.logaddexp(0.0, x), 2.1),
    "sin": (np.sin, 1.8),
    "cos": (np.cos, 1.8),
    "tan": (np.tan, 3.6),
    "erf": (lambda x: np.array([math.erf(v) for v in x]), 1.4),
    "erfc": (erfc, 3.8),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.6),
    "sqrt": (np.sqrt, 0.51),
}


def error(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distance from the exact value in units of the last place of float32."""
    rounded = np.abs(exact.astype(np.float32))
    unit = np.spacing(np.clip(rounded, np.float32(2.0**-126), np.float32(2.0**127)))
    return np.abs(found.astype(np.float64) - exact) / unit


def finite_results(
    function: str, reference: Callable[[np.ndarray], np.ndarray], x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where results of float32 are finite: x, what is found, and the exact results. The others, and
    the signs of results at 0, must be right."""
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
        rounded = exact.astype(np.float32)
    found = call(function, x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
    infinite = np.isinf(rounded)
    np.testing.assert_array_equal(found[infinite], rounded[infinite])
    finite = np.isfinite(rounded)
    zero = (x == 0) & ~np.isnan(rounded)
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(rounded[zero]))
    return x[finite], found[finite], exact[finite]


@pytest.mark.parametrize("function", UNARY)
def test_float32_functions(function: str) -> None:
    reference, limit = UNARY[function]
    x, found, exact = finite_results(function, reference, patterns())
    worst = error(found, exact)
    assert worst.max() <= limit, x[worst.argmax()]


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        ("acos", np.arccos),
        ("acosh", np.arccosh),
        ("asin", np.arcsin),
        ("asinh", np.arcsinh),
        ("atan", np.arctan),
        ("atanh", np.arctanh),
        ("cbrt", np.cbrt),
        ("cosh", np.cosh),
        ("exp2", np.exp2),
        ("log10", np.log10),
        ("log2", np.log2),
        ("sinh", np.sinh),
    ],
)
def test_functions_of_float32_that_are_computed_in_float64(
    function: str, reference: np.ufunc
) -> None:
    """They err by 1e-11 of the result before they are rounded."""
    x = np.concatenate([patterns(), np.float32(2) ** np.arange(-149, 128, dtype="float32")])
    x = np.concatenate([x, np.linspace(-1.01, 1.01, 200_001, dtype="float32")])
    x, found, exact = finite_results(function, reference, x)
    worst = error(found, exact)
    assert worst.max() <= 0.5003, x[worst.argmax()]


@pytest.mark.parametrize("function", UNARY)
def test_float64_functions(function: str) -> None:
    reference, _ = UNARY[function]
    x = np.concatenate([np.linspace(-30, 30, 2001), np.geomspace(1e-300, 1e300, 601), SPECIAL])
    with np.errstate(all="ignore"):
        expected = reference(x)
    found = call(function, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_exponential_of_what_is_not_above_0_has_the_same_bits(dtype: str) -> None:
    x = -np.abs(
        np.concatenate([patterns().astype(dtype), np.linspace(-750, 0, 100_001, dtype=dtype)])
    )
    nan = np.isnan(x)
    found, expected = call("exp_to_one", x), call("exp", x)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.isnan(found), nan)
    assert np.any((found > 0) & (found < np.finfo(x.dtype).tiny))  # denormals among them


@pytest.mark.parametrize("function", [f for f in UNARY if f not in ("rsqrt", "sqrt")])
def test_loops_over_float32_functions_vectorise(function: str) -> None:
    llvm = inspect_source(source(function, 1, "float32", "float32")).llvm
    assert "@llvm.fma.v" in llvm


@pytest.mark.thorough
def test_the_exponential_of_float64_is_off_by_less_than_a_unit_in_the_last_place() -> None:
    random = np.random.default_rng(0)
    parts = [random.uniform(-end, end, 2000) for end in (0.4, 3, 700)]
    x = np.concatenate([*parts, np.linspace(-0.3466, 0.3466, 2001)])
    found = call("exp", x)
    near = call("near_exp", x)
    np.testing.assert_array_equal(near, found)
    with localcontext(prec=40):
        for value, y in zip(x.tolist(), found.tolist(), strict=True):
            assert abs(Decimal(y) - Decimal(value).exp()) < Decimal(math.ulp(y)), value


DOUBLE = ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "erf", "erfc")


@pytest.mark.parametrize("function", DOUBLE)
def test_loops_over_float64_functions_vectorise(function: str) -> None:
    llvm = inspect_source(source(function, 1, "float64", "float64")).llvm
    assert "@llvm.fma.v" in llvm


@pytest.mark.parametrize("function", DOUBLE)
def test_float64_functions_where_they_nearly_overflow_or_vanish(function: str) -> None:
    reference, _ = UNARY[function]
    tiny = np.array([5e-324, 1e-310, 2.3e-308, 1e-20])
    ends = np.concatenate([np.linspace(-750, -700, 501), np.linspace(700, 712, 121)])
    x = np.concatenate([tiny, -tiny, ends, np.linspace(0.4, 2.2, 1801), np.linspace(-1, 28, 2901)])
    with np.errstate(all="ignore"):
        expected = reference(x)
    found = call(function, x)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    np.testing.assert_allclose(found, expected, rtol=2e-15, atol=5e-323)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tanh_is_odd_and_never_beyond_one(dtype: str) -> None:
    """1 - tanh(x)**2, its slope, must not be negative."""
    x = np.concatenate([np.linspace(0, 25, 500_001), SPECIAL[~np.isnan(SPECIAL)]]).astype(dtype)
    found = call("tanh", x)
    assert np.abs(found).max() == 1
    np.testing.assert_array_equal(call("tanh", -x), -found)
    assert (found[x > 20] == 1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", ["sin", "cos"])
def test_sine_and_cosine_near_their_zeros_and_never_beyond_one(function: str, dtype: str) -> None:
    quarters = np.concatenate([np.arange(1, 30_000), np.array([2**k + 1 for k in range(15, 29)])])
    x = (quarters * (math.pi / 2)).astype(dtype)
    found = call(function, x)
    exact = np.array([getattr(math, function)(v) for v in x.astype("float64")])
    np.testing.assert_allclose(found, exact, rtol=1e-15 if dtype == "float64" else 2.2e-7)
    assert np.abs(found).max() == 1
    assert (call(function, np.array([0.0, -0.0], dtype)) == (function == "cos")).all()


GELU = {
    # function: reference in float64, largest error in ulp of float32, and where |x| < 4
    "gelu": (lambda x: x * ndtr(x), 13.4, 9.2),
    "gelu_slope": (
        lambda x: ndtr(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi),
        9.9,
        6.2,
    ),
}
WORST = np.array([-13.098228, -3.2444477, -13.290806, -0.067872755], np.float32)
"""Where the errors of both are largest, of all float32 from 0.0001 to 14.8 and their negatives."""


@pytest.mark.parametrize("function", GELU)
def test_gelu_and_its_slope(function: str) -> None:
    """Errors of a sum that cancels count in units of its larger term."""
    reference, limit, near = GELU[function]
    x, found, exact = finite_results(function, reference, np.concatenate([patterns(), WORST]))
    sizes = np.maximum(np.abs(exact.astype(np.float32)), np.float32(2.0**-126))
    if function == "gelu_slope":
        sizes = np.maximum(sizes, ndtr(x.astype(np.float64)).astype(np.float32))
    worst = np.abs(found.astype(np.float64) - exact) / np.spacing(sizes)
    assert worst.max() <= limit, x[worst.argmax()]
    assert worst[np.abs(x) < 4].max() <= near


def test_gelu_at_zero() -> None:
    zeros = np.array([0.0, -0.0], np.float32)
    found = call("gelu", zeros)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(zeros))
    np.testing.assert_array_equal(call("gelu_slope", zeros), np.float32([0.5, 0.5]))


@pytest.mark.parametrize("function", GELU)
def test_gelu_and_its_slope_of_float64(function: str) -> None:
    x = np.concatenate([np.linspace(-40, 40, 4001), np.geomspace(1e-300, 1e300, 601), SPECIAL])
    below = 0.5 * erfc(x * -math.sqrt(0.5))  # of the C library: scipy's has no denormals
    with np.errstate(all="ignore"):
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        expected = x * below if function == "gelu" else below + x * density
    found = call(function, x)
    small = np.where(np.abs(x + 0.75) < 0.1, 1e-15, 5e-323 * 40)  # where the slope is near 0
    with np.errstate(all="ignore"):
        wrong = np.abs(found - expected) > 4e-13 * np.abs(expected) + small
    assert not wrong.any(), x[wrong]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert "@llvm.fma.v" in inspect_source(source(function, 1, "float64", "float64")).llvm


# ---- two arguments ------------------------------------------------------------------------------


def pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of special values."""
    if dtype.startswith("float"):
        more = [-2.0, 3.0, -3.0, 2.5, -2.5, 7.3, -7.3, 0.1, 0.3]
        values = np.concatenate([SPECIAL, more])
    else:
        info = np.iinfo(dtype)
        values = [0, 1, 2, 3, 7, 100, info.max, info.max - 1, info.min, info.min + 1]
        values += [-1, -2, -3, -7] if info.min < 0 else []
    with np.errstate(over="ignore"):
        grid = np.meshgrid(np.array(values).astype(dtype), np.array(values).astype(dtype))
    x, y = (np.ascontiguousarray(g.ravel()) for g in grid)
    return x, y


NUMBERS = [d for d in types.NUMBERS if d not in types.HALVES]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize(
    ("function", "reference"),
    [
        ("maximum", np.maximum),
        ("minimum", np.minimum),
        ("floor_divide", np.floor_divide),
        ("modulo", np.mod),
    ],
)
def test_functions_of_two_numbers(function: str, reference: np.ufunc, dtype: str) -> None:
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        expected = reference(x, y)
    found = call(function, x, y)
    if function in ("floor_divide", "modulo") and not dtype.startswith("float"):
        assert not found[y == 0].any()  # the kernel reports it; here it must only not crash
        found, expected = found[y != 0], expected[y != 0]
    np.testing.assert_array_equal(found, expected)
    if function in ("floor_divide", "modulo"):
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[number]), np.signbit(expected[number]))


def quotients(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of any bits, and pairs of which one is, or nearly is, a multiple of the other."""
    random = np.random.default_rng(7)
    with np.errstate(all="ignore"):
        bits = np.dtype(dtype).itemsize * 8
        drawn = random.integers(0, 1 << bits, (2, 300_000), f"uint{bits}", endpoint=False).view(
            dtype
        )
        divisors = np.concatenate([drawn[0], random.uniform(-9, 9, 300_000), [5e-324, 1e-45]])
        divisors = divisors.astype(dtype)
        digits = np.finfo(dtype).nmant
        times = np.trunc(np.exp2(random.uniform(-1, digits - 1, divisors.size))).astype(dtype)
        multiples = divisors * times * random.choice([-1, 1], times.size).astype(dtype)
        toward = [np.nextafter(multiples, np.array(end, dtype)) for end in (-np.inf, np.inf)]
        x = np.concatenate([drawn[0], multiples, *toward, random.uniform(-9, 9, 600_002)])
        y = np.concatenate([drawn[1], *[divisors] * 3, random.uniform(-1, 1, 600_002)])
        return x.astype(dtype), y.astype(dtype)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("function", "reference"), [("floor_divide", np.floor_divide), ("modulo", np.mod)]
)
def test_division_of_floats_that_are_not_far_apart(
    function: str, reference: np.ufunc, dtype: str
) -> None:
    for x, y in (quotients(dtype), pairs(dtype)):
        with np.errstate(all="ignore"):
            expected = reference(x, y)
        near = ~call("are_far_apart", x, y, result="bool")
        assert 0.4 < near.mean() < 0.99
        found = call(f"near_{function}", x, y)
        np.testing.assert_array_equal(found[near], expected[near])
        np.testing.assert_array_equal(np.signbit(found[near]), np.signbit(expected[near]))
        np.testing.assert_array_equal(call(function, x, y), expected)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_powers(dtype: str) -> None:
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        if dtype.startswith("float"):
            np.testing.assert_allclose(call("pow", x, y), np.power(x, y), rtol=3e-7)
            return
    y = np.where(y < 0, 0, y).astype(dtype)
    np.testing.assert_array_equal(call("pow", x, y), np.power(x, y))
    if np.iinfo(dtype).min < 0:
        assert call("pow", np.array([2], dtype), np.array([-1], dtype))[0] == 0


def test_float32_powers_are_correctly_rounded_nearly_always() -> None:
    random = np.random.default_rng(0)
    x = np.exp(random.uniform(-87, 88, 300_000)).astype(np.float32)
    y = random.uniform(-3, 3, x.size).astype(np.float32)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
        rounded = exact.astype(np.float32)
    found = call("pow", x, y)
    finite = np.isfinite(rounded)
    assert error(found[finite], exact[finite]).max() < 0.501
    np.testing.assert_array_equal(found[~finite], rounded[~finite])


@pytest.mark.parametrize(("function", "reference"), [("atan2", np.arctan2), ("hypot", np.hypot)])
def test_angles_and_lengths_of_float32_are_correctly_rounded_nearly_always(
    function: str, reference: np.ufunc
) -> None:
    """Of numbers of all sizes, of sides that are alike, and of special ones with each other."""
    random = np.random.default_rng(1)
    x, y = np.exp(random.uniform(-100, 88, (2, 300_000))) * random.choice([-1, 1], (2, 300_000))
    y[::2] = x[::2] * random.uniform(-3, 3, y[::2].size)
    with np.errstate(all="ignore"):
        x, y = (v.astype("float32") for v in (x, y))
        exact = reference(x.astype("float64"), y.astype("float64"))
    usual = np.abs(exact) < 3.4e38
    assert error(call(function, x, y)[usual], exact[usual]).max() < 0.501
    x, y = pairs("float32")
    with np.errstate(all="ignore"):
        expected = reference(x.astype("float64"), y.astype("float64")).astype("float32")
    found = call(function, x, y)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


# ---- signs, rounding, casts ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize(("function", "reference"), [("abs_", np.abs), ("sign", np.sign)])
def test_signs(function: str, reference: np.ufunc, dtype: str) -> None:
    x, _ = pairs(dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(call(function, x), reference(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("function", "reference"),
    [("floor", np.floor), ("ceil", np.ceil), ("round_half_even", np.rint), ("trunc", np.trunc)],
)
def test_rounding(function: str, reference: np.ufunc, dtype: str) -> None:
    x, _ = pairs(dtype)
    found, expected = call(function, x), reference(x)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def saturated(x: np.ndarray, dtype: str) -> list[int]:
    """Float to integer in exact arithmetic."""
    info = np.iinfo(dtype)
    whole = [0 if math.isnan(v) else v if math.isinf(v) else int(v) for v in x.tolist()]
    return [int(min(max(v, info.min), info.max)) for v in whole]


@pytest.mark.parametrize("target", [*NUMBERS, "bool"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_casts(dtype: str, target: str) -> None:
    x, _ = pairs(dtype)
    found = call(f"to_{target}", x, result=target)
    if dtype.startswith("float") and "int" in target:
        assert found.tolist() == saturated(x, target)
        return
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found, x.astype(target))


# ---- half floats ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", types.HALVES)
def test_every_half_float_is_widened_exactly(dtype: str) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    found = call(f"from_{dtype}", bits, result="float32")
    np.testing.assert_array_equal(found, bits.view(types.numpy_dtype(dtype)).astype(np.float32))


@pytest.mark.parametrize("dtype", types.HALVES)
def test_floats_are_rounded_to_the_nearest_half_float(dtype: str) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16).view(types.numpy_dtype(dtype))
    halves = bits.astype(np.float32)
    finite = halves[: 1 << 15][np.isfinite(halves[: 1 << 15])]
    middles = finite[:-1] / 2 + finite[1:] / 2  # ties, which go to even
    near = np.nextafter(middles, np.float32(np.inf)), np.nextafter(middles, np.float32(-np.inf))
    x = np.concatenate([patterns(), halves, middles, *near, -middles])
    with np.errstate(all="ignore"):
        expected = x.astype(types.numpy_dtype(dtype))
    found = call(f"to_{dtype}", x, result="uint16").view(types.numpy_dtype(dtype))
    nan = np.isnan(x)
    assert np.isnan(found[nan].astype(np.float32)).all()
    np.testing.assert_array_equal(found[~nan].view(np.uint16), expected[~nan].view(np.uint16))
