"""The matrices of Winograd's transforms, computed from the evaluation points of polynomials.

A convolution multiplies polynomials. Their product follows from its values at as many points as
it has coefficients, one of them infinity, and each value is one product. In the transposed
algorithm, the interpolation matrix does the evaluation. It gives ``outputs`` neighbouring sums
of ``taps`` products each from ``outputs + taps - 1`` products:

    sums = result @ ((taps_matrix @ filter) * (signal_matrix @ signal))

Small points lose few digits: with 2 and -1/2, errors are half as large as with 2 and -2.
Divisors are in the filter's matrix, which is applied least often; other numbers have few bits.

Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016; Barabasz and others,
"Error analysis and improving the accuracy of Winograd convolution for deep neural networks",
2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

POINTS = {4: (0, 1, -1), 6: (0, 1, -1, 2, Fraction(-1, 2))}
"""For each number of products, the evaluation points of the polynomials. The last point is
infinity.
"""

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Matrices:
    """The result of `matrices`: a row for each product in ``signal`` and ``taps``, and a row for
    each sum in ``result``."""

    signal: Matrix
    taps: Matrix
    result: Matrix


@cache
def matrices(outputs: int, taps: int) -> Matrices:
    """Return the Winograd transformation matrices that compute ``outputs`` neighbouring results of
    a convolution with ``taps`` weights.
    """
    count = outputs + taps - 1
    points = [Fraction(p) for p in POINTS[count]]
    signal, filters = [], []
    for point in points:
        others = [p for p in points if p != point]
        divisor = Fraction(1)
        for other in others:
            divisor *= point - other
        sign = 1 if divisor > 0 else -1
        filters.append([point**k / abs(divisor) for k in range(taps)])
        signal.append([sign * c for c in _with_roots(others)] + [Fraction(0)])
    filters.append(_unit(taps, taps - 1))
    signal.append(_with_roots(points))
    result = [[*(p**i for p in points), Fraction(int(i == outputs - 1))] for i in range(outputs)]
    return Matrices(*(tuple(map(tuple, m)) for m in (signal, filters, result)))


def _with_roots(roots: list[Fraction]) -> list[Fraction]:
    """Return the coefficients of the polynomial with these roots, the constant first."""
    made = [Fraction(1)]
    for root in roots:
        made = [
            b - root * a for a, b in zip([*made, Fraction(0)], [Fraction(0), *made], strict=True)
        ]
    return made


def _unit(length: int, place: int) -> list[Fraction]:
    return [Fraction(int(k == place)) for k in range(length)]
