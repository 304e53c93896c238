"""Own courses in the window: folders, zips and single lessons, opened as a user does."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.io import flow
from nodeflow.lessons.student_copy import student_copy
from nodeflow.ui.popups.lessons.course import course
from tests.lessons import softmax_lesson as softmax


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a student's copy of a lesson with one step, which has a German translation."""
    content = json.loads(flow.dumps(student_copy(softmax.lesson())))
    content["lesson"] |= {"course": "nets", "steps": [{"id": "all", "checks": ["values"]}]}
    texts = {"steps.all.title": "Build softmax", "steps.all.text": "Use exp."}
    content["lesson"]["texts"] |= texts
    folder = tmp_path / "nets"
    folder.mkdir()
    (folder / "softmax.flow").write_text(json.dumps(content))
    german = {"schema": 1, "lesson": "softmax", "texts": {"steps.all.title": "Softmax bauen"}}
    (folder / "softmax.de.json").write_text(json.dumps(german))
    return folder / "softmax.flow"


@pytest.mark.thorough
def test_a_students_copy_opens_as_a_lesson(window, copy):
    assert not window.files.load_quietly(copy)
    window.files.open_path(copy)
    panel = window.lesson_panel
    assert panel.isVisible()
    assert panel.title == "Build softmax"
    assert window.lessons.running == "softmax"
    assert window.workspace.root.path is None
    assert {record.name for record in window.workspace.root.nodes.values()} == {"z"}


@pytest.mark.thorough
def test_the_language_of_the_user_chooses_the_texts(window, copy, monkeypatch):
    monkeypatch.setenv("LANGUAGE", "de_AT:en")
    window.files.open_path(copy)
    assert window.lesson_panel.title == "Softmax bauen"


def test_an_opened_zip_is_listed_begun_and_removed(window, copy, qtbot, monkeypatch, tmp_path):
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "neural-nets.zip", "w") as archive:
        for path in copy.parent.iterdir():
            archive.write(path, f"nets/{path.name}")
    window.files.open_path(tmp_path / "neural-nets.zip")
    learn = window.pages.welcome.learn
    assert [w.text() for w in learn.progress_labels][1] == "0 of 1 done"
    begin = learn.lesson_buttons[len(course())]
    qtbot.waitUntil(lambda: window.focusWidget() is begin)
    qtbot.keyClick(begin, Qt.Key.Key_Space)
    assert window.lessons.running == "softmax"
    window.lessons.record.finish(softmax_lesson(copy), window.workspace.root)
    window.pages.show_welcome()
    assert [w.text() for w in learn.progress_labels][1] == "1 of 1 done"
    assert window.settings.courses() == [tmp_path / "neural-nets.zip"]
    learn.remove_buttons[0].click()
    assert len(learn.lesson_buttons) == len(course())
    assert window.settings.courses() == []


def softmax_lesson(path: Path):
    from nodeflow.lessons.courses import read_lesson

    return read_lesson(path)[1]


@pytest.mark.thorough
def test_courses_of_the_installation_are_listed_and_stay(window, copy, monkeypatch):
    monkeypatch.setenv("NODEFLOW_COURSES", str(copy.parent))
    window.pages.show_welcome()
    learn = window.pages.welcome.learn
    learn.refresh()
    assert len(learn.lesson_buttons) == len(course()) + 1
    assert learn.remove_buttons == []


@pytest.mark.thorough
def test_a_broken_lesson_is_listed_with_its_reason(window, copy):
    copy.write_text("{")
    window.pages.show_welcome()
    window.pages.welcome.add_course(copy.parent)
    last = window.pages.welcome.lesson_buttons[-1]
    assert not last.isEnabled()
    assert "softmax.flow" in last.toolTip()
