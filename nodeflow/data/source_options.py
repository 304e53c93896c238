"""Options shared by several sources, and the two kinds of option that only data sets have.

Options of a source are declared like attributes of an op, so that inspector, command line and
file handle both in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.data.dataset import SPLITS, split_edges
from nodeflow.data.shuffling import epoch_order
from nodeflow.errors import AttributeProblem, suggest
from nodeflow.graph.declaration import Attr


@dataclass(frozen=True, slots=True)
class ColumnNames(Attr):
    """An option that chooses columns of a file: a list of names or numbers, or ``"x, y"``."""

    def check(self, value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        items = value.split(",") if isinstance(value, str) else value
        items = [items] if isinstance(items, int) else items
        if not isinstance(items, Iterable) or not all(
            isinstance(item, (str, int)) and not isinstance(item, bool) for item in items
        ):
            raise AttributeProblem(
                f"{self.name} must be a list of column names or numbers, not {value!r}",
                port=self.name,
            )
        names = tuple(str(item).strip() for item in items)
        return tuple(name for name in names if name) or None


@dataclass(frozen=True, slots=True)
class Fractions(Attr):
    """An option with the shares of the rows for train, validation and test."""

    def check(self, value: Any) -> tuple[float, ...]:
        try:
            shares = tuple(float(share) for share in value)
        except (TypeError, ValueError):
            shares = ()
        good = 1 <= len(shares) <= len(SPLITS) and all(0 <= share <= 1 for share in shares)
        if not good or not 0 < sum(shares) <= 1 + 1e-9:
            raise AttributeProblem(
                f"{self.name} must be up to three shares from 0 to 1 that sum to at most 1 "
                f"({', '.join(SPLITS)}), such as [0.8, 0.1, 0.1], not {value!r}",
                port=self.name,
            )
        return shares


SPLIT_OPTIONS = (
    Fractions(
        "splits",
        "literal",
        (0.8, 0.1, 0.1),
        "Shares of the rows for train, validation and test; rows beyond their sum are left out.",
    ),
    Attr("shuffle", "bool", True, "Shuffle the rows before they are split."),
    Attr("seed", "int", 0, "Seed of the shuffle."),
)


def bind(options: Iterable[Attr], given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Checked options with defaults filled in.

    Raises:
        AttributeProblem: an option is unknown or malformed; ``port`` names it.
    """
    declared = {option.name: option for option in options}
    for name in given:
        if name not in declared:
            known = f"It has {', '.join(declared)}." if declared else f"{source} has no options."
            raise AttributeProblem(
                f"{source} has no option {name!r}", port=name, hint=suggest(name, declared) or known
            )
    return {
        name: option.check(given[name]) if name in given else option.default
        for name, option in declared.items()
    }


def split_rows(
    rows: int, splits: tuple[float, ...], shuffle: bool, seed: int
) -> dict[str, np.ndarray]:
    """Split -> its row numbers, int64; splits without rows are left out."""
    order = epoch_order(rows, seed, 0) if shuffle else np.arange(rows, dtype=np.int64)
    edges = split_edges(rows, splits)
    parts = {
        name: order[start:stop]
        for name, start, stop in zip(SPLITS, edges[:-1], edges[1:], strict=False)
    }
    return {name: part for name, part in parts.items() if len(part)}
