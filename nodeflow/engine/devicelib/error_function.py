"""The error function and its complement."""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nodeflow.engine.devicelib.arithmetic import (
    copysign,
    fabs,
    fma,
    poly,
    select,
)
from nodeflow.engine.devicelib.exponentials import exp
from nodeflow.engine.devicelib.float64_exponentials import erf_f64, erfc_f64
from nodeflow.engine.devicelib.overloads import (
    compiled_only,
    floats,
)
from nodeflow.engine.devicelib.typed_constants import (
    HALF,
    ONE,
    TWO,
    ZERO,
)

_f = np.float32
_ERF_SPLIT, _ERFC_END = _f(0.95), _f(10.5)
# erf(x) / x - 1 in x^2 on |x| <= 0.96: 2.7e-8
_ERF = (
    _f(0.12837914),
    _f(-0.37612417),
    _f(0.11281059),
    _f(-0.026740257),
    _f(0.0049558976),
    _f(-0.00058073294),
)
# e^(t^2) erfc(t) (1 + 2t) in (t - 2) / (t + 2) on 0 <= t <= 10.1: 1.6e-8
_ERFC = (
    _f(1.2769784),
    _f(-0.092763916),
    _f(-0.16603096),
    _f(0.16405459),
    _f(-0.054207508),
    _f(-0.008057903),
    _f(0.0086404625),
    _f(0.0013140497),
    _f(-0.0012383161),
    _f(-0.0004047491),
)


@register_jitable
def _erfc_tail(t):
    """Return erfc(t) for t >= 0, as e^(-t^2) times a rational function.

    e^(-t^2) is corrected for the rounding of t^2 in float32.
    """
    square = t * t
    lost = fma(t, t, -square)
    t = select(t > _ERFC_END, _ERFC_END, t)
    p = poly((t - TWO) / (t + TWO), _ERFC) / fma(TWO, t, ONE)
    e = exp(-square)
    return p * select(e > ZERO, fma(-lost, e, e), e)


def _erfc_f32(x):
    t = fabs(x)
    tail = _erfc_tail(t)
    outer = select(x < ZERO, TWO - tail, tail)
    return select(t < HALF, ONE - fma(x, poly(x * x, _ERF), x), outer)


@floats(_erfc_f32, erfc_f64, inlined=True)
def erfc(x):
    """Return 1 - erf(x), accurate in the tail."""
    compiled_only()


def _erf_f32(x):
    inner = fma(x, poly(x * x, _ERF), x)
    t = fabs(x)
    outer = copysign(ONE - _erfc_tail(t), x)
    return select(fabs(x) < _ERF_SPLIT, inner, outer)


@floats(_erf_f32, erf_f64, inlined=True)
def erf(x):
    """Return the error function of x."""
    compiled_only()
