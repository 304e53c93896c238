"""``nodeflow grade``: marks, pages, and files that cost no more than their line."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main
from nodeflow.document.io import flow
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


def hostile_answers(folder: Path) -> dict[str, str]:
    """Write answers that break, hang, or lie; return the beginning of what is said of each."""
    good = json.loads(flow.dumps(softmax.document(softmax.solution)))
    (folder / "empty.flow").write_text("")
    (folder / "binary.flow").write_bytes(bytes(range(256)) * 100)
    (folder / "deep.flow").write_text("[" * 200_000)
    (folder / "folder.flow").mkdir()
    (folder / "gone.flow").symlink_to(folder / "nowhere")
    with (folder / "huge.flow").open("wb") as file:
        file.truncate(300 * 2**20)
    name = "<script>alert(1)</script>"
    texts = {**good, "lesson": {"schema": 1, "id": name, "texts": {"title": name}, "checks": []}}
    (folder / "own lesson.flow").write_text(json.dumps(texts))
    large = json.loads(json.dumps(good))
    for node in large["nodes"]:
        if node["name"] == "p":
            node.update(op="ones", attrs={"shape": [400_000, 10_000]})
    large["wires"] = [wire for wire in large["wires"] if wire[2] != "n6"]
    (folder / "memory.flow").write_text(json.dumps(large))
    return {
        "empty": "", "binary": "", "deep": "", "gone": "", "huge": "the file is larger than 20 MB",
    }  # fmt: skip


@pytest.mark.thorough
def test_hostile_files_cost_one_line_each(folder: Path) -> None:
    wrong = hostile_answers(folder / "answers")
    status, out, said = call(
        folder, "grade", "softmax.flow", "answers", "-o", "marks.csv", "--json",
        "--process-memory", "500MB", "--feedback", "pages",
    )  # fmt: skip
    assert status == 0, said
    found = {line["id"]: line for line in map(json.loads, out.splitlines())}
    for name, text in wrong.items():
        assert found[name]["problem"], name
        assert text in found[name]["problem"]
        assert found[name]["credit"] == 0
    assert not found["memory"]["checks"] or not found["memory"]["checks"][0]["passed"]
    assert found["own lesson"]["credit"] == 1
    assert all(found[build.__name__]["credit"] == 1 for build in softmax.RIGHT)
    for page in (folder / "pages").glob("*.html"):
        assert "<script" not in page.read_text()
