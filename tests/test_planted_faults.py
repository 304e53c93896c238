"""The planted faults still apply, and probes tell which tests execute what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tools import planted_faults
from tools.planted_faults import Fault, FaultProblem, blocks, check, read_faults, with_probes

SOURCE = '''"""A module."""

LIMIT = 3


def sizes(values):
    """Sizes."""
    found = []
    for value in values:
        if value > LIMIT:
            found.append(value)
        elif value < 0:
            raise ValueError(
                value,
            )
        else:
            try:
                found.append(1 // value)
            except ZeroDivisionError:
                found.append(0)
    return found
'''


def fault(old: str, new: str, **others) -> Fault:
    return Fault("name", "nodeflow/example.py", "bound", "", old, new, **others)


@pytest.mark.thorough
def test_all_apply() -> None:
    faults = read_faults()
    check(faults)
    assert len(faults) == 200
    assert max(Counter(one.file for one in faults).values()) == 1
    assert all(one.shows for one in faults)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("value > 4", "value", "occurs 0 times"),
        ("found.append", "found.extend", "occurs 3 times"),
        ("value > LIMIT", "value >", "no Python"),
    ],
)
def test_one_that_does_not_apply_is_a_problem(old: str, new: str, problem: str) -> None:
    with pytest.raises(FaultProblem, match=problem):
        fault(old, new).applied(SOURCE)


def test_a_fault_is_in_the_innermost_block() -> None:
    lines = SOURCE.splitlines()

    def place(old: str, new: str) -> str:
        return lines[blocks("", SOURCE)[planted_faults.block_of(SOURCE, fault(old, new))].probe - 1]

    assert place("value > LIMIT", "value >= LIMIT").strip() == "found = []"
    assert place("value < 0", "value <= 0").strip() == "found = []"
    assert place("                value,\n", "                0,\n").strip() == "raise ValueError("
    assert place("append(0)", "append(1)").strip() == "found.append(0)"
    with pytest.raises(FaultProblem, match="name its tests"):
        planted_faults.block_of(SOURCE, fault("LIMIT = 3", "LIMIT = 4"))


def test_probes_tell_what_is_executed_and_change_nothing(monkeypatch) -> None:
    executed: list[int] = []
    scope = {"_planted_probe": executed.append}
    exec(with_probes("", SOURCE, 100), scope)
    assert scope["sizes"]([5, 0]) == [5, 0]
    lines = SOURCE.splitlines()
    texts = [lines[block.probe - 1].strip() for block in blocks("", SOURCE)]
    assert [texts[n - 100] for n in executed] == [
        "found = []", "found.append(value)", "try:", "found.append(0)",
    ]  # fmt: skip


def test_a_record_gives_the_tests_of_a_fault_those_of_its_package_first(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(planted_faults, "ROOT", tmp_path)
    monkeypatch.setattr(planted_faults, "RECORD", tmp_path)
    (tmp_path / "nodeflow" / "ops").mkdir(parents=True)
    file = "nodeflow/ops/example.py"
    (tmp_path / file).write_text(SOURCE)
    starts = {file: [7, planted_faults.digest(SOURCE)]}
    (tmp_path / "blocks.json").write_text(json.dumps(starts))
    (tmp_path / "complete").touch()
    tests = [["tests/a.py::slow", 9.0, True], ["tests/ops/b.py::one", 2.0, True]]
    tests += [["tests/a.py::failed", 0.1, False], ["tests/a.py::quick", 0.1, True]]
    (tmp_path / "1.tests").write_text("\n".join(map(json.dumps, tests)))
    hits = [(0, 7), (0, 8), (1, 7), (2, 7), (3, 7), (2**31, 7)]
    np.array([test << 32 | block for test, block in hits], "<u8").tofile(tmp_path / "1.hits")

    of = planted_faults.Recorded().of
    one = Fault("name", file, "bound", "", "found = []", "found = [0]")
    assert of(one) == ["tests/ops/b.py::one", "tests/a.py::quick", "tests/a.py::slow"]
    assert of(Fault("name", file, "bound", "", "append(value)", "append(0)")) == [
        "tests/a.py::slow"
    ]
    named = Fault("name", file, "value", "", "LIMIT = 3", "LIMIT = 4", ("tests/ops",))
    assert of(named) == ["tests/ops/b.py::one"]

    (tmp_path / file).write_text(SOURCE + "\n")
    with pytest.raises(FaultProblem, match="has changed since the record"):
        of(one)


@pytest.mark.thorough
def test_a_stopped_record_goes_on_with_the_tests_that_are_left(tmp_path: Path, root: Path) -> None:
    tests, record = tmp_path / "test_two.py", tmp_path / "record"
    tests.write_text("def test_a():\n    pass\n\ndef test_b():\n    pass\n")
    record.mkdir()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.planted_probe"]
    command += ["-c", os.devnull, f"--planted-record={record}", f"--rootdir={tmp_path}"]

    def run(*tests: str) -> str:
        done = subprocess.run([*command, *tests], cwd=root, capture_output=True, text=True)
        return done.stdout + done.stderr

    assert "1 passed" in run(f"{tests}::test_b")
    assert "1 passed" in run(str(tests))
    assert "no tests ran" in run(str(tests))
    noted = [path.read_text() for path in sorted(record.glob("*.tests"))]
    assert ["test_b" in noted[0], "test_a" in noted[1], noted[2]] == [True, True, ""]


def test_the_table_counts_who_finds_what(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(planted_faults, "RESULTS", tmp_path / "results.json")
    faults = [Fault(name, "nodeflow/ops/a.py", "", "it shows", "", "") for name in "abcd"]
    by = {"a": "quick", "b": "all", "c": "none"}
    found = {f.name: {"found": by[f.name], "fault": f.digest()} for f in faults[:3]}
    found["d"] = {"found": "quick", "fault": "of another description"}
    (tmp_path / "results.json").write_text(json.dumps(found))
    lines = list(planted_faults.report(faults))
    assert "| ops | 4 | 1 | 2 |" in lines
    assert "| all | 4 | 1 | 2 |" in lines
    assert lines[-3:] == [
        "make test-all: nodeflow/ops/a.py: b: it shows",
        "nothing: nodeflow/ops/a.py: c: it shows",
        "untried: nodeflow/ops/a.py: d: it shows",
    ]


def test_the_tool_fails_where_a_fault_does_not_apply(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "one.toml").write_text(
        "[[fault]]\nname = 'a'\nfile = 'nodeflow/paths.py'\nkind = 'key'\nshows = ''\n"
        "old = 'no such text'\nnew = ''\n"
    )
    monkeypatch.setattr(planted_faults, "FAULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["planted_faults.py", "check"])
    assert planted_faults.main() == 1
    assert "occurs 0 times in nodeflow/paths.py" in capsys.readouterr().err
