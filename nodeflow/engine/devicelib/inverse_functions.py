"""Inverse and hyperbolic functions and their like, through the C library in float64.

They are rare in large tensors, so float32 is computed in float64 and rounded: nearly always the
correctly rounded result, without coefficients of their own.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from nodeflow.engine.devicelib.arithmetic import copysign, fabs, select
from nodeflow.engine.devicelib.overloads import compiled_only, floats


def _unary(function):
    """Implementations for both floats of a function of one float64."""

    def single(x):
        return np.float32(function(np.float64(x)))

    def double(x):
        return function(x)

    return single, double


def _binary(function):
    """Implementations for both floats of a function of two float64."""

    def single(x, y):
        return np.float32(function(np.float64(x), np.float64(y)))

    def double(x, y):
        return function(x, y)

    return single, double


@floats(*_unary(math.asin))
def asin(x):
    """Arc sine; NaN outside -1 to 1."""
    compiled_only()


@floats(*_unary(math.acos))
def acos(x):
    """Arc cosine; NaN outside -1 to 1."""
    compiled_only()


@floats(*_unary(math.atan))
def atan(x):
    """Arc tangent."""
    compiled_only()


@floats(*_binary(math.atan2))
def atan2(x, y):
    """The angle whose sine is as x and whose cosine is as y."""
    compiled_only()


@floats(*_unary(math.sinh))
def sinh(x):
    """Hyperbolic sine."""
    compiled_only()


@floats(*_unary(math.cosh))
def cosh(x):
    """Hyperbolic cosine."""
    compiled_only()


@floats(*_unary(math.asinh))
def asinh(x):
    """Inverse of sinh."""
    compiled_only()


@floats(*_unary(math.acosh))
def acosh(x):
    """Inverse of cosh; NaN below 1."""
    compiled_only()


@floats(*_unary(math.atanh))
def atanh(x):
    """Inverse of tanh; infinite at -1 and 1, NaN beyond."""
    compiled_only()


@floats(*_unary(math.log2))
def log2(x):
    """Logarithm of base 2, exact at powers of 2."""
    compiled_only()


@floats(*_unary(math.log10))
def log10(x):
    """Logarithm of base 10."""
    compiled_only()


@floats(*_binary(math.hypot))
def hypot(x, y):
    """sqrt(x * x + y * y) without overflow on the way."""
    compiled_only()


def _exp2_f32(x):
    return np.float32(math.pow(2.0, np.float64(x)))


def _exp2_f64(x):
    return math.pow(2.0, x)


@floats(_exp2_f32, _exp2_f64)
def exp2(x):
    """2 to the power x."""
    compiled_only()


@register_jitable
def _cube_root(x):
    """One step of Newton's after the power, which is off by some units of the last place."""
    size = fabs(x)
    root = math.pow(size, 1.0 / 3.0)
    better = root - (root * root * root - size) / (3.0 * root * root)
    usual = (size > 0.0) & (size < np.inf)
    return copysign(select(usual, better, root), x)


def _cbrt_f32(x):
    return np.float32(_cube_root(np.float64(x)))


def _cbrt_f64(x):
    return _cube_root(x)


@floats(_cbrt_f32, _cbrt_f64)
def cbrt(x):
    """Cube root, of negative numbers too."""
    compiled_only()
