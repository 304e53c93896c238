"""The table of public names that stay in `nf`, and of those that move to `nodeflow.tensorflow1`."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from .uses import names, uses

TABLE = tomllib.loads(Path(__file__).with_name("places.toml").read_text(encoding="utf-8"))
STAYS = {name: kinds for kinds, listed in TABLE["stays"].items() for name in listed}
MOVES = {name: reason for reason, listed in TABLE["moves"].items() for name in listed}


@pytest.fixture(scope="module")
def used(root: Path) -> dict[str, set[str]]:
    return uses(root)


def moves(name: str) -> bool:
    """Return whether a row, or the row of its namespace, says that a name moves."""
    return name in MOVES or f"{name.partition('.')[0]}.*" in MOVES


def test_a_name_has_one_row() -> None:
    rows = Counter(n for part in TABLE.values() for listed in part.values() for n in listed)
    assert [name for name, count in rows.items() if count > 1] == []
    for name in names():
        assert (name in STAYS) != moves(name), name


def test_every_row_that_stays_is_a_name() -> None:
    assert set(STAYS) <= {*names()}


GONE = (
    *("contrib", "flags", "gfile", "app", "logging", "metrics", "AggregationMethod", "Dimension"),
    *("TensorShape", "UnconnectedGradients", "count_up_to", "dimension_at_index"),
    *("dimension_value", "hessians", "no_regularizer", "op_scope", "timestamp"),
    "variable_op_scope",
)
"""Rows of `MOVES` whose names `nf` no longer has. It still has the others."""


def test_a_name_that_has_moved_is_not_in_nf() -> None:
    heads = {name.partition(".")[0] for name in MOVES}
    listed = {*names()}
    assert heads - {name.partition(".")[0] for name in listed} == {*GONE}


def test_a_name_that_stays_is_used(used: dict[str, set[str]]) -> None:
    assert {name: ", ".join(sorted(used.get(name, ()))) for name in STAYS} == STAYS


def test_a_name_that_moves_is_not_used(used: dict[str, set[str]]) -> None:
    assert [name for name in used if moves(name)] == []
