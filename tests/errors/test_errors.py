"""Every class of errors has a cause, a remedy, and something that provokes it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main

from .table import ELSEWHERE, FAMILIES, TABLE

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import make_errors


@pytest.mark.thorough
def test_the_table_has_every_class() -> None:
    there = {kind.__name__ for kind in make_errors.classes()}
    assert there == set(TABLE) | set(ELSEWHERE) | FAMILIES
    assert not set(TABLE) & set(ELSEWHERE)


@pytest.mark.parametrize("kind", make_errors.classes(), ids=lambda kind: kind.__name__)
def test_each_class_says_cause_and_remedy(kind: type) -> None:
    cause, remedy = make_errors.described(kind)
    assert cause and remedy.endswith(".")


@pytest.mark.parametrize("name", TABLE)
def test_it_is_provoked(name: str, tmp_path: Path) -> None:
    TABLE[name].prepare(tmp_path)
    error = TABLE[name].raised(tmp_path)
    assert type(error).__name__ == name, error


@pytest.mark.parametrize("name", [name for name, p in TABLE.items() if p.command])
def test_the_command_line_says_it_in_words(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TABLE[name].prepare(tmp_path)
    environment = Environment(io.StringIO(), io.StringIO(), tmp_path)
    code = main(list(TABLE[name].command), environment)
    said = environment.stderr.getvalue() + capsys.readouterr().err  # type: ignore[attr-defined]
    assert code == (2 if name == "ArgumentSyntax" else 1)
    assert "nodeflow: " in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_other_test_is_there(name: str, root: Path) -> None:
    assert name in (root / ELSEWHERE[name][0]).read_text(encoding="utf-8")


@pytest.mark.thorough
def test_the_page_is_made_from_the_classes() -> None:
    found = make_errors.PAGE.read_text(encoding="utf-8")
    assert found == make_errors.page(), "run tools/make_errors.py"
