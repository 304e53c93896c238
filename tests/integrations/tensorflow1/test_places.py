"""The table of public names that stay in `nf`, and of those that move to `nodeflow.tensorflow1`."""

from __future__ import annotations

import tomllib
from collections import Counter
from operator import attrgetter
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.integrations.tensorflow1.library import STATEMENT

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
        assert name in STAYS, name


def test_every_row_that_stays_is_a_name() -> None:
    assert set(STAYS) <= {*names()}


def test_a_name_that_moves_is_not_in_nf() -> None:
    assert [name for name in names() if moves(name)] == []


@pytest.mark.parametrize("name", [name for name in MOVES if "*" not in name])
def test_a_name_that_moves_raises_with_the_import(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        attrgetter(name)(nf)
    assert f"write `{STATEMENT}` and `tf.{name}`" in str(caught.value)


def test_a_name_that_stays_is_used(used: dict[str, set[str]]) -> None:
    assert {name: ", ".join(sorted(used.get(name, ()))) for name in STAYS} == STAYS


def test_a_name_that_moves_is_not_used(used: dict[str, set[str]]) -> None:
    assert [name for name in used if moves(name)] == []
