"""Lessons that are dropped on the window: a student's copy, an answer, a lesson with data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from dropping import drop, files
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from nodeflow.cli.main import main
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.starters.drawing import Drawing
from nodeflow.lessons.student_copy import student_copy
from nodeflow.resources import resource

pytestmark = [
    pytest.mark.thorough,
    # what the offscreen platform says of popups
    pytest.mark.qt_log_ignore("This plugin does not support", extend=True),
]
LEFT = Qt.MouseButton.LeftButton


def lesson_with_data(folder: Path) -> Path:
    """Write a lesson about a table beside it, as a teacher does; return the student's copy."""
    folder.mkdir()
    (folder / "points.csv").write_text("x,y\n" + "".join(f"{i},{2 * i}\n" for i in range(20)))
    e = Drawing()
    e.group("", "math")
    e.add("dataset", "points", source="csv:points.csv", labels=["y"])
    for name in ("x", "y"):
        e.add("placeholder", name, dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.add("subtract", "error", "x", "y")
    content = json.loads(flow.dumps(e.doc))
    content["lesson"] = {
        "schema": 1,
        "id": "with-data",
        "given": [e.ids[name] for name in ("points", "x", "y")],
        "checks": [{"id": "error", "kind": "values", "node": "error"}],
        "steps": [{"id": "all", "checks": ["error"]}],
        "texts": {"title": "A table", "steps.all.title": "Subtract", "steps.all.text": "x - y."},
    }
    (folder / "teacher.flow").write_text(json.dumps(content))
    copy = folder / "students.flow"
    copy.write_text(flow.dumps(student_copy(flow.load(folder / "teacher.flow"))))
    return copy


def build(document: Document, first: str, second: str) -> None:
    node = commands.add_node(document, "subtract", (900, 0), "error")
    for name, port in ((first, "x"), (second, "y")):
        source = document.node_named(name)
        assert source is not None
        commands.connect(document, source.id, "out", node, port)


def test_a_students_copy_with_data_is_dropped_solved_saved_and_graded(
    live_window, qtbot, tmp_path, monkeypatch
):
    copy = lesson_with_data(tmp_path / "course")
    window = live_window()
    drop(window, files(copy))
    qtbot.waitUntil(lambda: window.lessons.running == "with-data", timeout=30_000)
    document, panel = window.workspace.root, window.lesson_panel
    assert panel.title == "Subtract"
    x = document.node_named("x").id
    qtbot.waitUntil(lambda: window.canvas.node_state.value_of(x) is not None, timeout=30_000)
    build(document, "y", "x")
    qtbot.mouseClick(panel.check_button, LEFT)
    qtbot.waitUntil(lambda: panel.hint not in ("", "Checking…"), timeout=30_000)
    assert "error[0, 0] is" in panel.hint
    commands.remove(document, [document.node_named("error").id])
    build(document, "x", "y")
    qtbot.waitUntil(lambda: panel.title.endswith("done"), timeout=30_000)
    answers = tmp_path / "answers"
    answers.mkdir()
    saved = answers / "ada.flow"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    window.actions_.refresh_now()
    window.actions_.trigger("save_as")
    assert saved.is_file()
    copy.parent.rename(tmp_path / "elsewhere")  # another computer
    copy = tmp_path / "elsewhere" / copy.name
    marks, teacher = tmp_path / "marks.csv", copy.with_name("teacher.flow")
    assert main(["grade", str(teacher), str(answers), "-o", str(marks)]) == 0
    (row,) = csv.DictReader(marks.open(encoding="utf-8"))
    assert float(row["points"]) == 10
    assert row["changed given nodes"] == ""


def test_a_saved_answer_is_dropped_and_stays_the_answer(live_window, qtbot, tmp_path, monkeypatch):
    window = live_window()
    window.begin_lesson("expression")
    commands.add_node(window.workspace.root, "add", (300, 0), "d")
    saved = tmp_path / "ada.flow"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    window.actions_.refresh_now()
    window.actions_.trigger("save_as")
    window.lessons.leave()
    window.files.begin_empty()
    drop(window, files(saved))
    qtbot.waitUntil(lambda: window.workspace.root.path == saved, timeout=30_000)
    assert window.workspace.root.node_named("d") is not None
    assert flow.load(saved).lesson["answers"] == "expression"
    lesson = resource("lessons/01-expression.flow")
    assert main(["grade", str(lesson), str(saved), "-o", str(tmp_path / "marks.csv")]) == 0
