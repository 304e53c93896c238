"""``nodeflow grade``: marks, pages, and files that cost no more than their line."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

import nodeflow as nf
from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main
from nodeflow.document.io import flow
from nodeflow.lessons.checks.check import Quantity
from nodeflow.lessons.grading import pool
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.student_copy import student_copy
from tests.lessons import softmax_lesson as softmax


def call(folder: Path, *arguments: object) -> tuple[int, str, str]:
    """Run the command line; return its status, its output, and its messages."""
    environment = Environment(io.StringIO(), io.StringIO(), folder)
    status = main([str(a) for a in arguments], environment)
    return status, environment.stdout.getvalue(), environment.stderr.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the lesson, and a folder of answers: right ones and mistakes."""
    answers = tmp_path / "answers"
    answers.mkdir()
    flow.save(softmax.lesson(), tmp_path / "softmax.flow")
    built = {**{b.__name__: b for b in softmax.RIGHT}, **softmax.MISTAKES}
    for name, build in {**built, "part": softmax.not_divided}.items():
        flow.save(softmax.document(build), answers / f"{name}.flow")
    return tmp_path


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_answers_get_marks_pages_and_hints(folder: Path) -> None:
    status, out, said = call(
        folder, "grade", "softmax.flow", "answers", "-o", "marks.csv", "--feedback", "pages",
        "--seed", 5,
    )  # fmt: skip
    assert status == 0, said
    found = rows(folder / "marks.csv")
    assert {i for i, row in found.items() if row["passed"] == "yes"} == {
        build.__name__ for build in softmax.RIGHT
    }
    assert {i: row["mistake"] for i, row in found.items() if row["mistake"]} == {
        name: name for name in softmax.MISTAKES
    }
    assert found["part"]["points"] == "6.25"
    assert found["part"]["milestones"] == "powers"
    assert found["part"]["lesson"] == "softmax version 3"
    assert found["part"]["seeds"] == "1 5 6"
    assert "part  6.25  With a batch of 1, p[0, 0] is" in out
    assert "3 of 7 answers passed" in said
    page = (folder / "pages" / "columns.html").read_text()
    assert "What sums to 1?" in page
    assert page.count("✓ passed") == 1 and page.count("✗ not yet") == 2  # not by color alone
    assert "<svg" in page
    with zipfile.ZipFile(folder / "pages" / "feedback.zip") as archive:
        assert "columns.html" in archive.namelist()


def test_a_students_copy_does_not_grade(folder: Path) -> None:
    flow.save(student_copy(softmax.lesson()), folder / "copy.flow")
    status, _, said = call(folder, "grade", "copy.flow", "answers")
    assert status == 1
    assert "student's copy, which has no secret inputs" in said


def test_a_lesson_is_checked_and_copied_for_students(folder: Path) -> None:
    status, out, said = call(folder, "lesson", "softmax.flow", "-o", "copy.flow")
    assert status == 0, said
    assert out == (
        "Softmax (softmax, version 3)\n"
        "3 checks, 3 typical mistakes, 1 milestone, 4 sets of inputs\n"
    )
    copy = flow.load(folder / "copy.flow")
    assert flow.dumps(copy) == flow.dumps(student_copy(softmax.lesson()))
    assert call(folder, "lesson", "copy.flow")[0] == 0
    status, _, said = call(folder, "lesson", "softmax.flow", "-o", "softmax.flow")
    assert status == 1
    assert "the copy would replace the lesson" in said
    status, _, said = call(folder, "lesson", "answers/columns.flow")
    assert status == 1
    assert "the file has no lesson" in said


def test_the_texts_of_a_translation_are_written_and_completed(folder: Path) -> None:
    status, out, said = call(folder, "lesson", "softmax.flow", "--texts", "softmax.de.json")
    assert status == 0, said
    assert out.endswith("softmax.de.json: 0 of 4 texts translated\n")
    path = folder / "softmax.de.json"
    written = json.loads(path.read_text())
    assert written == {"schema": 1, "lesson": "softmax", "texts": softmax.lesson().lesson["texts"]}
    german = {"title": "Weiches Maximum", "gone": "?"}
    path.write_text(json.dumps({**written, "texts": german}))
    out = call(folder, "lesson", "softmax.flow", "--texts", "softmax.de.json")[1]
    assert out.endswith("softmax.de.json: 1 of 4 texts translated\n")
    completed = json.loads(path.read_text())["texts"]
    assert completed == {**written["texts"], "title": "Weiches Maximum"}
    out = call(folder, "lesson", "softmax.flow", "--json")[1]
    assert set(json.loads(out)["untranslated"]["softmax.de.json"]) == completed.keys() - {"title"}
    path.write_text(json.dumps({**written, "lesson": "another"}))
    status, _, said = call(folder, "lesson", "softmax.flow")
    assert status == 1
    assert "softmax.de.json translates the lesson 'another', not 'softmax'" in said


def endless() -> None:
    """Add the result of a loop whose condition stays true."""
    z = softmax.given()
    turns = nf.while_loop(lambda i: i < 1, lambda i: i * 0, [nf.constant(0)])
    nf.add(nf.softmax(z), nf.cast(nf.identity(turns), nf.float32), name="p")


def copied_values() -> None:
    """Return the right value for the first public input, whatever comes in."""
    z = softmax.given()
    with Marker(softmax.lesson()) as marker:
        first = marker.reference.expected(Quantity("p"), marker.cases[0])
    nf.add(nf.constant(first), nf.multiply(z, 0.0), name="p")


def hostile_answers(folder: Path) -> dict[str, str]:
    """Write answers that break, hang, or lie; return the beginning of what is said of each."""
    good = json.loads(flow.dumps(softmax.document(softmax.solution)))

    def written(name: str, **fields: Any) -> None:
        (folder / f"{name}.flow").write_text(json.dumps({**good, **fields}))

    (folder / "empty.flow").write_text("")
    (folder / "binary.flow").write_bytes(bytes(range(256)) * 100)
    (folder / "deep.flow").write_text("[" * 200_000)
    (folder / "folder.flow").mkdir()
    (folder / "gone.flow").symlink_to(folder / "nowhere")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.flow")
    with (folder / "huge.flow").open("wb") as file:
        file.truncate(300 * 2**20)
    name = "<script>alert(1)</script>"
    own = {"schema": 1, "id": name, "texts": {"title": name}, "checks": []}
    written("own lesson", lesson=own)
    wrong = json.loads(flow.dumps(softmax.document(softmax.by_columns)))
    written("all is right", **{key: wrong[key] for key in ("nodes", "wires")}, lesson=own)
    z = {**good["nodes"][0], "op": "constant", "attrs": {"dtype": "float32", "value": [[0.0] * 10]}}
    written("given", nodes=[z, *good["nodes"][1:]])
    written("=cmd()", nodes=[{**n, "name": f"q{i}"} for i, n in enumerate(good["nodes"])])
    table = {"attrs": {"source": "csv:/etc/passwd"}, "id": "n99", "name": "t", "op": "dataset",
             "pos": [0, 0]}  # fmt: skip
    written("outside", nodes=[*good["nodes"], table])
    large = json.loads(json.dumps(good))
    for node in large["nodes"]:
        if node["name"] == "p":
            node.update(op="ones", attrs={"shape": [400_000, 10_000]})
    large["wires"] = [wire for wire in large["wires"] if wire[2] != "n6"]
    written("memory", nodes=large["nodes"], wires=large["wires"])
    flow.save(softmax.document(endless), folder / "endless.flow")
    flow.save(softmax.document(copied_values), folder / "copied.flow")
    return {
        "empty": "", "binary": "", "deep": "", "gone": "", "huge": "the file is larger than 20 MB",
        "endless": "it took longer than 3 s", **({"pipe": ""} if hasattr(os, "mkfifo") else {}),
    }  # fmt: skip


@pytest.mark.thorough
def test_hostile_files_cost_one_line_each(folder: Path) -> None:
    wrong = hostile_answers(folder / "answers")
    status, out, said = call(
        folder, "grade", "softmax.flow", "answers", "-o", "marks.csv", "--json",
        "--process-memory", "500MB", "--feedback", "pages", "--seconds", 3,
    )  # fmt: skip
    assert status == 0, said
    found = {line["id"]: line for line in map(json.loads, out.splitlines())}
    for name, text in wrong.items():
        assert found[name]["problem"], name
        assert text in found[name]["problem"]
        assert found[name]["credit"] == 0
    assert not found["memory"]["checks"] or not found["memory"]["checks"][0]["passed"]
    assert found["own lesson"]["credit"] == 1
    assert found["all is right"]["twin"] == "columns"
    assert found["copied"]["credit"] < 1 and not found["copied"]["checks"][0]["passed"]
    assert (found["given"]["credit"], found["given"]["altered"]) == (1, ["z"])
    assert found["outside"]["credit"] == 1, found["outside"]["problem"]
    assert "passwd" not in str(found["outside"]["checks"])
    assert all(found[build.__name__]["credit"] == 1 for build in softmax.RIGHT)
    assert rows(folder / "marks.csv")["'=cmd()"]["file"] == "'=cmd().flow"
    assert (
        len(rows(folder / "marks.csv"))
        == len(found)
        == len(list((folder / "pages").glob("*.html")))
    )
    for page in (folder / "pages").glob("*.html"):
        assert "<script" not in page.read_text()


def test_only_the_time_that_an_answer_computes_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, used = [0.0], [0.0]
    monkeypatch.setattr(pool.time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(pool, "processor_seconds", lambda pid: used[0])
    clock = pool._Clock(1)
    passed[0], used[0] = 30.0, 9.0  # on a busy machine
    assert not clock.is_over(10)
    used[0] = 10.5
    assert clock.is_over(10)
    passed[0], used[0] = 61.0, 0.1  # it waits for something that never comes
    assert clock.is_over(10)
    monkeypatch.setattr(pool, "processor_seconds", lambda pid: None)
    passed[0] = 0.0
    clock = pool._Clock(1)
    passed[0] = 11.0
    assert clock.is_over(10)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_system_tells_the_time_that_a_process_computed() -> None:
    told, own = pool.processor_seconds(os.getpid()), time.process_time()
    assert told == pytest.approx(own, abs=0.1)
    assert pool.processor_seconds(2**22 + 1) is None
