"""Options shared by several sources, and the two kinds of option that only data sets have.

Options of a source are declared like attributes of an op, so that inspector, command line and
file handle both in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.data.data_splits import SPLITS, split_edges
from nodeflow.data.shuffling import epoch_order
from nodeflow.data.survey_types import TABLE_KINDS
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
    """An option with the fractions of the rows for train, validation and test."""

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


MOST_CLASSES = 4096
"""The largest number of classes. Larger integers are hardly classes; one-hot rows would be huge."""

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


@dataclass(frozen=True, slots=True)
class PerColumn(Attr):
    """An option with a value for each of some columns: a type, a list of names, or figures."""

    values: str = "type"

    def check(self, value: Any) -> dict[str, Any] | None:
        if value is None:
            return None
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise AttributeProblem(
                f"{self.name} must be an object with a value for each column, not {value!r}",
                port=self.name,
            )
        for column, item in value.items():
            if self.values == "type" and item not in TABLE_KINDS:
                raise AttributeProblem(
                    f"{self.name}: the type of {column!r} must be one of {', '.join(TABLE_KINDS)}, "
                    f"not {item!r}",
                    port=self.name,
                    hint=suggest(str(item), TABLE_KINDS),
                )
            is_list = isinstance(item, (list, tuple))
            if self.values == "names" and not (
                is_list and all(isinstance(name, str) for name in item)
            ):
                raise AttributeProblem(
                    f"{self.name}: {column!r} needs a list of texts, not {item!r}", port=self.name
                )
            if self.values == "numbers" and not _are_numbers(item):
                raise AttributeProblem(
                    f'{self.name}: {column!r} needs numbers, such as {{"mean": 0.5}}, not {item!r}',
                    port=self.name,
                )
        names = self.values == "names"
        return {key: list(item) if names else item for key, item in value.items()} or None


def _are_numbers(item: Any) -> bool:
    """Return whether a value is an object of finite numbers."""
    return isinstance(item, Mapping) and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)
        for v in item.values()
    )


@dataclass(frozen=True, slots=True)
class NameList(Attr):
    """An option that is a list of arbitrary texts, or None."""

    def check(self, value: Any) -> list[str] | None:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or not all(isinstance(n, str) for n in value):
            raise AttributeProblem(
                f"{self.name} must be a list of texts, not {value!r}", port=self.name
            )
        return list(value) or None


@dataclass(frozen=True, slots=True)
class ClassNames(Attr):
    """An option with names to show for classes: an object from class to name, or None."""

    def check(self, value: Any) -> dict[str, str] | None:
        if value is None:
            return None
        if not isinstance(value, Mapping) or not all(
            isinstance(text, str) for pair in value.items() for text in pair
        ):
            raise AttributeProblem(
                f'{self.name} must be an object with a name for each class, such as {{"0": "no"}}, '
                f"not {value!r}",
                port=self.name,
            )
        return dict(value) or None


CLASS_NAMES = ClassNames(
    "class_names",
    "json",
    None,
    'Names to show for classes, such as {"0": "no", "1": "yes"}; other classes keep their names.',
)


def shown_classes(classes: Iterable[str], names: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the names to show for the classes."""
    return tuple((names or {}).get(name, name) for name in classes)


SPLIT_KIND = Attr(
    "split",
    "choice",
    "random",
    "How rows are split: at random; stratified, with the same share of each class in every split; "
    "or ordered, where the first rows are for training and the last for the test.",
    choices=("random", "stratified", "ordered"),
)
ORDER_BY = Attr(
    "order_by",
    "string",
    None,
    "The column of dates or numbers that orders the rows for an ordered split or a series; none: "
    "the order of the file.",
    optional=True,
)


def bind(options: Iterable[Attr], given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return checked options with defaults filled in.

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
    rows: int,
    splits: tuple[float, ...],
    shuffle: bool,
    seed: int,
    *,
    kind: str = "random",
    classes: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the row numbers of each split, int64, without empty splits.

    Args:
        kind: random, stratified or ordered.
        classes: class number of each row, for a stratified split; without it, the split is random.
    """
    shuffled = shuffle and kind != "ordered"
    order = epoch_order(rows, seed, 0) if shuffled else np.arange(rows, dtype=np.int64)
    if kind == "stratified" and classes is not None:
        order = _spread(order, classes)
    edges = split_edges(rows, splits)
    parts = {
        name: order[start:stop]
        for name, start, stop in zip(SPLITS, edges[:-1], edges[1:], strict=False)
    }
    return {name: part for name, part in parts.items() if len(part)}


def split_by(
    options: Mapping[str, Any], rows: int, classes: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the row numbers of each split by a source's options (`SPLIT_OPTIONS`,
    `SPLIT_KIND`).
    """
    return split_rows(
        rows,
        options["splits"],
        options["shuffle"],
        options["seed"],
        kind=options.get("split", "random"),
        classes=classes,
    )


def _spread(order: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the rows in an order in which every beginning has nearly the same fraction of each
    class.

    The k-th of n rows of a class goes to (k + 1/2) / n.
    """
    own = classes[order]
    places = np.empty(len(order))
    for number in np.unique(own):
        members = np.flatnonzero(own == number)
        places[members] = (np.arange(len(members)) + 0.5) / len(members)
    return order[np.argsort(places, kind="stable")]
