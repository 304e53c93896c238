"""The arrangement of plots: the value of ``training.plots`` in a file. This module does not use Qt.

Curves are named as in reports: ``training loss``, a metric's key, a node's name. Unknown
fields, written by later versions, are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nodeflow.ui.panels.plots.curve import AXES, is_loss

MOST_COLUMNS = 4
MOST_DEFAULT = 4
"""Maximum number of plots without a stored arrangement. The last plot shows all remaining
curves.
"""
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class PlotPlace:
    """One plot of the grid.

    Attributes:
        curves: names of the plot's curves.
        log: whether its y axis is logarithmic.
    """

    curves: tuple[str, ...] = ()
    log: bool = False
    extra: dict[str, Any] = field(default_factory=dict, compare=False)

    def to_json(self) -> dict[str, Any]:
        log = {"log": True} if self.log else {}
        return {**self.extra, "curves": list(self.curves), **log}


@dataclass(frozen=True)
class Arrangement:
    """The plots of a file.

    Attributes:
        plots: the plots, row by row; if empty, they are derived from the curves.
        columns: number of columns of the grid; 0 derives it from the number of plots.
        x: the x axis of all plots, one of `AXES`.
        log_x: whether the x axis is logarithmic.
        hidden: names of curves that no plot shows.
    """

    plots: tuple[PlotPlace, ...] = ()
    columns: int = 0
    x: str = AXES[0]
    log_x: bool = False
    hidden: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict, compare=False)

    @staticmethod
    def from_json(stored: Any) -> Arrangement:
        """Return the arrangement stored in a file. Damaged fields get their defaults."""
        known = dict(stored) if isinstance(stored, dict) else {}
        plots = known.pop("grid", None)
        columns, x = known.pop("columns", 0), known.pop("x", AXES[0])
        is_count = type(columns) is int and 0 <= columns <= MOST_COLUMNS
        return Arrangement(
            tuple(_place(one) for one in plots if isinstance(one, dict))
            if isinstance(plots, list)
            else (),
            columns if is_count else 0,
            x if x in AXES else AXES[0],
            known.pop("log_x", False) is True,
            _names(known.pop("hidden", ())),
            known,
        )

    def to_json(self) -> dict[str, Any] | None:
        """Return the JSON for the file, without default values; None if all are defaults."""
        found: dict[str, Any] = {}
        if self.plots:
            found["grid"] = [place.to_json() for place in self.plots]
        if self.columns:
            found["columns"] = self.columns
        if self.x != AXES[0]:
            found["x"] = self.x
        if self.log_x:
            found["log_x"] = True
        if self.hidden:
            found["hidden"] = list(self.hidden)
        return {**self.extra, **found} or None

    def placed(self, names: Sequence[str], shares: Collection[str] = ()) -> tuple[PlotPlace, ...]:
        """Return the plots of these curves: the stored plots, then one for each remaining curve.

        Args:
            shares: names of curves with values between 0 and 1, which share a plot.
        """
        known = {name for place in self.plots for name in place.curves} | set(self.hidden)
        left = [name for name in names if name not in known]
        if self.plots:
            return (*self.plots, *(PlotPlace((name,)) for name in left))
        return tuple(PlotPlace(tuple(group)) for group in grouped(left, shares))

    def with_plot(self, index: int, place: PlotPlace | None) -> Arrangement:
        """Return the arrangement with one plot replaced.

        If ``place`` is None, remove it and hide its curves.
        """
        plots = list(self.plots)
        if place is None:
            gone = plots.pop(index).curves
            left = {name for one in plots for name in one.curves}
            hidden = dict.fromkeys((*self.hidden, *(n for n in gone if n not in left)))
            return replace(self, plots=tuple(plots), hidden=tuple(hidden))
        plots[index] = place
        hidden = tuple(name for name in self.hidden if name not in place.curves)
        return replace(self, plots=tuple(plots), hidden=hidden)

    def with_move(self, index: int, to: int) -> Arrangement:
        """Return the arrangement with a plot moved to another position."""
        plots = list(self.plots)
        plots.insert(to, plots.pop(index))
        return replace(self, plots=tuple(plots))

    def columns_for(self, count: int) -> int:
        """Return the number of columns of a grid with this many plots."""
        return self.columns or (count if count <= 3 else -(-count // 2) if count <= 6 else 3)


def grouped(names: Collection[str], shares: Collection[str]) -> list[list[str]]:
    """Group curves into plots: the loss, all curves of shares together, others by node.

    Args:
        shares: names of curves with values between 0 and 1.

    >>> grouped(["test/loss", LOSS, "test/accuracy", "train/loss"], ["test/accuracy"])
    [['training loss'], ['test/accuracy'], ['test/loss', 'train/loss']]
    """
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: (not is_loss(name), name not in shares)):
        split, _, rest = name.partition("/")
        key = "shares/" if name in shares else f"/{rest}" if split in SPLITS and rest else name
        found.setdefault(key, []).append(name)
    groups = list(found.values())
    rest = [name for group in groups[MOST_DEFAULT - 1 :] for name in group]
    return [*groups[: MOST_DEFAULT - 1], rest] if len(groups) > MOST_DEFAULT else groups


def _place(stored: dict[str, Any]) -> PlotPlace:
    known = dict(stored)
    return PlotPlace(_names(known.pop("curves", ())), known.pop("log", False) is True, known)


def _names(stored: Any) -> tuple[str, ...]:
    chosen = stored if isinstance(stored, (list, tuple)) else ()
    return tuple(dict.fromkeys(name for name in chosen if isinstance(name, str)))
