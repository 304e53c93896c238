"""Checks the symbolic gradients of a piece of a graph against numeric ones.

Central differences are taken along single elements (the steepest ones, and some random ones)
and along all elements at once, so that each element counts. If the gradients disagree, nearby
points are examined: at a kink, such as relu at 0 or a maximum with ties, the slopes agree
nearby, while a wrong gradient is also wrong there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from nodeflow.engine.gradient_check.copy import Copy, copied
from nodeflow.engine.gradient_check.piece import Piece
from nodeflow.errors import Cancelled, NodeflowError
from nodeflow.graph.graph import Tensor
from nodeflow.number_text import number

STEEPEST, DRAWN, ALONG_ALL = 8, 16, 2
"""Numbers of elements of each x that are varied alone (steepest, random), and number of
variations of all elements together.
"""
STEPS = {
    "float64": (1e-5, 1e-7, 1e-8),
    "float32": (1e-2, 3e-3),
    "float16": (0.06,),
    "bfloat16": (0.2,),
}
"""Steps relative to the size of the varied values. Smaller steps cross fewer kinks but round more;
they are tried if the first step is not good enough."""
LIMITS = {"float64": 1e-5, "float32": 2e-2, "float16": 0.1, "bfloat16": 0.3}
"""Relative errors above which a gradient is wrong, not only rounded."""
BESIDE = 0.03
"""Distance of nearby points, relative to the values. It is so large that hardly any tie
remains, even among thousands, such as between the dark pixels of a picture.
"""
POINTS = 3
GOOD = 0.01
"""Fraction of the limit below which no other step is tried."""
SECONDS = 4.0
"""Seconds after which no more elements of a piece are varied."""

RIGHT, WRONG, UNCHECKED = "right", "wrong", "unchecked"


@dataclass(frozen=True)
class Checked:
    """The result of the check of one node.

    Attributes:
        node: its name.
        verdict: ``right``, ``wrong``, or ``unchecked`` if there is nothing to compare.
        error: the worst relative error; None if nothing was compared.
        dtype: dtype of the computation.
        of: name of the x with the worst error.
        at: index of its element; None if all were varied at once.
        numeric, symbolic: the slopes there.
        compared: number of compared slopes.
        kinks: number of slopes that only agree at nearby points.
        note: further remarks, such as the reason why nothing was compared.
        along: whether the whole path to the loss was checked, so that the fault may be anywhere on
            it.
    """

    node: str
    verdict: str
    error: float | None = None
    dtype: str = ""
    of: str = ""
    at: tuple[int, ...] | None = None
    numeric: float = 0.0
    symbolic: float = 0.0
    compared: int = 0
    kinks: int = 0
    note: str = ""
    along: bool = False

    def __str__(self) -> str:
        """Return the result of the gradient check of one node in words.

        >>> str(Checked("bad", "wrong", 0.5, "float64", "x", (3,), 2.4, 4.8, 26))
        'bad: wrong by 50 %: with respect to x[3] the numeric gradient is 2.4, the symbolic 4.8'
        """
        if self.error is None:
            return f"{self.node}: not checked: {self.note}"
        more = f"; {self.note}" if self.note else ""
        if self.verdict == RIGHT:
            return f"{self.node}: right, to a relative error of {self.error:.1e}{more}"
        place = f"[{', '.join(map(str, self.at))}]" if self.at else ""
        whole = ", with all elements varied at once," if self.at is None else ""
        slopes = f"{number(self.numeric)}, the symbolic {number(self.symbolic)}"
        return (
            f"{self.node}: wrong by {100 * self.error:.2g} %: with respect to {self.of}{place}"
            f"{whole} the numeric gradient is {slopes}{more}"
        )


@dataclass
class _Worst:
    """The comparison with the largest error so far, and counts of comparisons."""

    error: float = -1.0
    of: int = 0
    at: int | None = None
    numeric: float = 0.0
    symbolic: float = 0.0
    compared: int = 0
    kinks: int = 0
    unusable: int = 0


def check(
    name: str,
    piece: Piece,
    values: Mapping[Tensor, np.ndarray],
    cancelled: Callable[[], bool] = lambda: False,
    seconds: float = SECONDS,
) -> Checked:
    """Compare the symbolic gradients of a part of the graph with numeric ones, at some values of
    its inputs. Take about ``seconds`` at most.

    Args:
        name: name of the checked node; it also seeds the random choices.
        values: values of `Piece.needed`.

    Raises:
        Cancelled: `cancelled` returned True.
    """
    try:
        copy, dtype = copied(piece, values, lambda: np.random.default_rng(crc32(name.encode())))
        slopes = copy.slopes(copy.points)
    except NodeflowError as error:
        return Checked(name, UNCHECKED, note=error.message)
    run = _Check(copy, dtype, cancelled, np.random.default_rng(1 + crc32(name.encode())))
    deadline = time.perf_counter() + seconds
    silent = []
    for index, slope in enumerate(slopes):
        if slope is None:
            silent.append(index)
        elif copy.points[index].size:
            run.compare(index, slope, deadline)
    found = replace(run.result(name, [t.name for t in piece.xs]), note=_note(run, piece, silent))
    return found


class _Check:
    def __init__(
        self, copy: Copy, dtype: str, cancelled: Callable[[], bool], rng: np.random.Generator
    ) -> None:
        self.copy, self.dtype, self.cancelled, self.rng = copy, dtype, cancelled, rng
        self.limit = LIMITS[dtype]
        self.worst = _Worst()
        self._beside: list[tuple[list[np.ndarray], list[np.ndarray | None]]] = []

    def compare(self, index: int, slope: np.ndarray, deadline: float) -> None:
        """Compare the symbolic gradient with respect to x number ``index`` with the numeric one.

        Several directions are tested, until the deadline.

        Raises:
            Cancelled: the check was stopped.
        """
        for at, direction in self._directions(index, slope):
            if self.cancelled():
                raise Cancelled("the check of gradients was stopped")
            self._compare(index, at, direction, slope)
            if time.perf_counter() > deadline:
                return

    def _directions(self, index: int, slope: np.ndarray) -> Sequence[tuple[int | None, np.ndarray]]:
        """Return the directions in which to vary an x for numeric gradients: pairs of (index of the
        only element that changes, or None for all; change of each element).
        """
        point = self.copy.points[index]
        wide = point.astype(np.float64)
        finite = wide[np.isfinite(wide)]
        typical = float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0
        sizes = np.maximum(np.abs(np.where(np.isfinite(wide), wide, 0.0)), typical or 1.0)
        found: list[tuple[int | None, np.ndarray]] = []
        for _ in range(ALONG_ALL if point.size > 1 else 0):
            found.append((None, sizes * self.rng.choice((-1.0, 1.0), point.shape)))
        steep = np.argsort(-np.nan_to_num(np.abs(slope.astype(np.float64))).ravel(), kind="stable")
        drawn = self.rng.permutation(point.size)[:DRAWN]
        for flat in dict.fromkeys([*steep[:STEEPEST].tolist(), *drawn.tolist()]):
            direction = np.zeros(point.shape)
            direction.flat[flat] = sizes.flat[flat]
            found.append((flat, direction))
        return found

    def _compare(
        self, index: int, at: int | None, direction: np.ndarray, slope: np.ndarray
    ) -> None:
        worst = self.worst
        found = self._error(self.copy.points, index, direction, slope)
        worst.compared += 1
        if found is None or found[0] > self.limit:
            beside = self._error_beside(index, direction)
            if beside is not None and beside[0] <= self.limit:
                worst.kinks += found is not None
                found = beside
            elif found is None and beside is None:
                worst.unusable += 1
                return
            elif beside is not None and found is not None:
                found = min(found, beside)
        if found is not None and found[0] > worst.error:
            error, numeric, symbolic = found
            worst.error, worst.of, worst.at = error, index, at
            size = 1.0 if at is None else float(direction.flat[at])
            worst.numeric, worst.symbolic = numeric / size, symbolic / size

    def _error_beside(self, index: int, direction: np.ndarray) -> tuple[float, float, float] | None:
        """Return the smallest error at nearby points."""
        found = []
        for nth in range(POINTS):
            points, slopes = self._point_beside(nth)
            slope = slopes[index]
            error = None if slope is None else self._error(points, index, direction, slope)
            if error is not None:
                found.append(error)
                if error[0] <= self.limit:
                    break
        return min(found, default=None)

    def _point_beside(self, number: int) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        while len(self._beside) <= number:
            points = [_beside(point, self.rng) for point in self.copy.points]
            self._beside.append((points, self.copy.slopes(points)))
        return self._beside[number]

    def _error(
        self, points: Sequence[np.ndarray], index: int, direction: np.ndarray, slope: np.ndarray
    ) -> tuple[float, float, float] | None:
        """Return (relative error, numeric slope, symbolic slope) for a change of one x along a
        direction; None if no slope is finite.
        """
        with np.errstate(all="ignore"):
            symbolic = float(np.sum(slope.astype(np.float64) * direction))
        found = []
        for step in STEPS[self.dtype]:
            numeric, noise = self._numeric(points, index, direction * step, step)
            if not np.isfinite([numeric, noise, symbolic]).all():
                continue
            difference = abs(numeric - symbolic)
            size = max(abs(numeric), abs(symbolic), noise / self.limit)
            found.append((difference / size if size else 0.0, numeric, symbolic))
            if found[-1][0] <= GOOD * self.limit:
                break
        return min(found, default=None)

    def _numeric(
        self, points: Sequence[np.ndarray], index: int, move: np.ndarray, step: float
    ) -> tuple[float, float]:
        """Return the numeric slope of the weighted sum, and a bound for its rounding error.

        The slope is a central difference along ``move``.
        """
        point = points[index]
        above, below = (point + move).astype(point.dtype), (point - move).astype(point.dtype)
        given = list(points)
        given[index] = above
        high = self.copy.at(given)
        given[index] = below
        low = self.copy.at(given)
        total = noise = 0.0
        with np.errstate(all="ignore"):
            for weights, up, down in zip(self.copy.weights, high, low, strict=True):
                weight = weights.astype(np.float64)
                up, down = up.astype(np.float64), down.astype(np.float64)
                total += float(np.sum(weight * (up - down)))
                moved = up != down
                # The inner rounding of a sum is invisible here: allow a few units in the last
                # place.
                size = np.abs(weight) * np.maximum(np.abs(up), np.abs(down)) * moved
                noise += float(np.sqrt(np.sum(np.square(size))))
        unit = float(np.finfo(self.dtype).eps) if self.dtype[0] == "f" else 2.0**-8
        return total / (2 * step), 4 * unit * noise / step

    def result(self, name: str, names: Sequence[str]) -> Checked:
        worst = self.worst
        if worst.error < 0:
            return Checked(name, UNCHECKED, dtype=self.dtype)
        at = None
        if worst.at is not None:
            shape = self.copy.points[worst.of].shape
            at = tuple(int(i) for i in np.unravel_index(worst.at, shape))
        return Checked(
            name,
            WRONG if worst.error > self.limit else RIGHT,
            worst.error,
            self.dtype,
            names[worst.of],
            at,
            worst.numeric,
            worst.symbolic,
            worst.compared - worst.unusable,
            worst.kinks,
        )


def _beside(point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random point near the given point, to check a gradient at two points. Elements move
    by different amounts, and no sign changes.
    """
    wide = point.astype(np.float64)
    typical = float(np.sqrt(np.mean(np.square(wide[np.isfinite(wide)])))) if wide.size else 0.0
    far = BESIDE * (typical or 1.0)
    moved = wide + np.minimum(far, 0.5 * np.abs(wide)) * rng.uniform(-1, 1, point.shape)
    signs = rng.choice((-1.0, 1.0), point.shape) if (wide < 0).any() else 1.0
    zeros = far * rng.uniform(0.1, 1, point.shape) * signs
    return np.where(wide == 0, zeros, moved).astype(point.dtype)


def _note(run: _Check, piece: Piece, silent: Sequence[int]) -> str:
    """Return remarks on a gradient check as text, such as the number of slopes at a kink. Return ""
    without remarks.
    """
    parts = []
    if run.worst.kinks:
        parts.append(
            f"{run.worst.kinks} of {run.worst.compared} slopes are at a kink, and agree nearby"
        )
    if run.worst.unusable:
        parts.append(f"{run.worst.unusable} slopes are not finite")
    if silent:
        parts.append(f"no gradient flows into {', '.join(piece.xs[i].name for i in silent)}")
    return "; ".join(parts)
