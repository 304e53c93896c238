"""A teacher makes a lesson in the window alone: marks, form, mistakes, preview, export, grading."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from nodeflow.cli.main import main
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.lessons import fields
from nodeflow.lessons.authoring import edits
from nodeflow.lessons.checks import KINDS
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.schema import lesson_of
from nodeflow.ui.actions.menus import IN_LESSON
from nodeflow.ui.popups.lessons.step_picture import encoded, pixmap_of

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton


def draw(window) -> dict[str, str]:
    """Draw d = b + c and a = d * d, with b and c as placeholders; return ids by name."""
    window.files.begin_empty()
    document = window.workspace.document
    ids = {}
    for at, name in enumerate("bc"):
        attrs = {"dtype": "float32", "shape": [], "sample": 1.5 + at}
        ids[name] = commands.add_node(document, "placeholder", (0, 150 * at), name, attrs)
    ids["d"] = commands.add_node(document, "add", (300, 0), "d")
    ids["a"] = commands.add_node(document, "multiply", (600, 0), "a")
    for source, target, port in ("bdx", "cdy", "dax", "day"):
        commands.connect(document, ids[source], "out", ids[target], port)
    window.pages.show_canvas()
    return ids


def chosen_from_menu(window, node_id: str, entry: str) -> None:
    """Choose an entry of the submenu Lesson in a node's menu."""
    window.canvas.selection.select([node_id])
    window.context_menu.open("node", QPoint(20, 20))
    menu = next(a.menu() for a in window.context_menu.menu.actions() if a.text() == "Lesson")
    assert [a.objectName() for a in menu.actions() if not a.isSeparator()] == [
        each for each in IN_LESSON if each != "-"
    ]
    next(a for a in menu.actions() if a.objectName() == entry).trigger()
    window.context_menu.menu.close()


def typed(qtbot, field, text: str) -> None:
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)


@pytest.fixture
def author(live_window, qtbot):
    """A window with a lesson, made by its menus and its form."""
    window = live_window()
    ids = draw(window)
    window.actions_.refresh_now()
    window.actions_.trigger("lesson_new")
    form = window.authoring.form
    assert form.isVisible()
    assert form.about.texts["title"].selectedText() == "New lesson"
    typed(qtbot, form.about.texts["title"], "Square of a sum")
    form.tabs.setCurrentIndex(2)
    typed(qtbot, form.steps.title, "Build a")
    form.steps.text.setFocus()
    form.steps.text.selectAll()
    qtbot.keyClicks(form.steps.text, "a is the square of b + c.")
    form.accept()
    for name in "bc":
        chosen_from_menu(window, ids[name], "lesson_given")
    chosen_from_menu(window, ids["a"], "lesson_required")
    chosen_from_menu(window, ids["d"], "lesson_milestone")
    yield window
    window.files.end_aside()  # a failed test may leave the preview open


def keep_mistake(window, qtbot, hint: str) -> None:
    """Draw b + b in place of b + c, and keep it as a mistake."""
    document = window.workspace.root
    b, d = document.node_named("b").id, document.node_named("d").id
    commands.connect(document, b, "out", d, "y")
    window.actions_.refresh_now()
    window.actions_.trigger("lesson_mistake")
    dialog = window.authoring.mistake
    assert not dialog.keep.isEnabled()
    qtbot.keyClicks(dialog.field, hint)
    qtbot.mouseClick(dialog.keep, LEFT)


def test_menus_and_form_make_a_lesson(author, qtbot):
    document = author.workspace.root
    lesson = lesson_of(document)
    assert lesson.text("title") == "Square of a sum"
    assert lesson.text("steps.step-1.title") == "Build a"
    assert lesson.text("steps.step-1.text") == "a is the square of b + c."
    assert [document.nodes[i].name for i in lesson.given] == ["b", "c"]
    assert list(lesson.probes.inputs) == ["b", "c"]
    assert lesson.steps[0].checks == ("a-values",)
    badges = {document.nodes[i].name: b.text for i, b in author.canvas.scene.badges.items()}
    assert badges == {"b": "given", "c": "given", "a": "required", "d": "milestone"}
    chosen_from_menu(author, document.node_named("d").id, "lesson_milestone")
    assert lesson_of(document).milestones == ()
    author.actions_.trigger("undo")
    assert len(lesson_of(document).milestones) == 1
    assert author.actions_.blocked("lesson_mistake").reason.startswith("This graph is the solution")


@pytest.mark.thorough
def test_a_mistake_is_kept_with_its_hint_and_the_solution_comes_back(author, qtbot):
    document = author.workspace.root
    keep_mistake(author, qtbot, "Where does c go?")
    (twin,) = lesson_of(document).twins
    assert lesson_of(document).text(f"twins.{twin.id}.hint") == "Where does c go?"
    d = document.node_named("d").id
    assert document.wires[(d, "y")].source == document.node_named("c").id
    author.actions_.trigger("undo")
    assert document.wires[(d, "y")].source == document.node_named("b").id
    author.actions_.refresh_now()
    author.actions_.trigger("lesson_solution")
    author.actions_.refresh_now()
    assert author.actions_.blocked("lesson_mistake") is not None


def test_the_preview_leaves_the_authors_document_alone(author, qtbot, monkeypatch):
    document = author.workspace.root
    before = document.digest()
    commands.add_frame(document, (0, 0, 100, 100), "mine")
    journal = author.files.recovery.journal
    author.actions_.refresh_now()
    author.actions_.trigger("lesson_preview")
    shown = author.workspace.root
    assert shown is not document
    assert author.files.recovery.journal is journal  # a crash loses nothing of the lesson
    assert {record.name for record in shown.nodes.values()} == {"b", "c"}
    assert author.lesson_panel.isVisible()
    author.actions_.refresh_now()
    assert author.actions_.blocked("save").reason == "A preview is not saved."
    assert author.actions_["lesson_preview"].text() == "End the preview"
    # a constant that copies the value for the shown numbers is told by the drawn ones
    commands.add_node(shown, "constant", (300, 0), "a", {"value": 16.0})
    qtbot.mouseClick(author.lesson_panel.check_button, LEFT)
    qtbot.waitUntil(lambda: "expected" in author.lesson_panel.hint, timeout=30_000)
    qtbot.mouseClick(author.lesson_panel._cross, LEFT)
    assert author.workspace.root is document
    assert document.is_modified
    author.actions_.trigger("undo")
    assert document.digest() == before
    assert not author.lessons.record.is_done(lesson_of(document).id)


@pytest.mark.thorough
def test_leaving_a_preview_by_a_new_document_asks_about_the_lesson(author, monkeypatch):
    from nodeflow.ui.popups.dialogs import confirmation_dialogs

    asked = []
    monkeypatch.setattr(
        confirmation_dialogs,
        "ask_unsaved",
        lambda *a: asked.append(a) or confirmation_dialogs.CANCEL,
    )
    document = author.workspace.root
    author.actions_.refresh_now()
    author.actions_.trigger("lesson_preview")
    author.actions_.trigger("new")
    assert len(asked) == 1
    assert author.workspace.root is document
    assert not author.lesson_panel.isVisible()


@pytest.mark.thorough
def test_a_mistake_that_passes_is_refused_before_export(author, qtbot):
    document = author.workspace.root
    edits.add_twin(document, {"graph": {"nodes": [], "wires": []}}, "?")
    author.actions_.refresh_now()
    author.actions_.trigger("lesson_check")
    qtbot.waitUntil(lambda: "mistake-1" in author.info.text, timeout=30_000)


@pytest.mark.thorough
def test_a_lesson_made_in_the_window_is_exported_solved_and_graded(
    author, live_window, qtbot, tmp_path: Path, monkeypatch
):
    keep_mistake(author, qtbot, "Where does c go?")
    teacher, students = tmp_path / "teacher.flow", tmp_path / "students.flow"
    names = iter([str(teacher), str(students)])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(names), ""))
    author.actions_.trigger("save")
    author.actions_.refresh_now()
    author.actions_.trigger("lesson_export")
    qtbot.waitUntil(lambda: "Wrote students.flow" in author.info.text, timeout=60_000)
    assert "It leaves out the 2 other nodes of the solution and the graph of the mistake." in (
        author.info.text
    )
    copy = flow.load(students)
    assert lesson_of(copy).is_student_copy
    assert {record.name for record in copy.nodes.values()} == {"b", "c"}

    learner = live_window()
    learner.files.open_path(students)
    qtbot.waitUntil(lambda: learner.lessons.running != "", timeout=30_000)
    document, panel = learner.workspace.root, learner.lesson_panel
    assert panel.title == "Build a"
    b, c = (document.node_named(name).id for name in "bc")
    d = commands.add_node(document, "add", (300, 0), "sum")
    a = commands.add_node(document, "square", (600, 0), "a")
    commands.connect(document, b, "out", d, "x")
    commands.connect(document, b, "out", d, "y")
    commands.connect(document, d, "out", a, "x")
    for _ in range(5):
        panel.show_hint("")
        qtbot.mouseClick(panel.check_button, LEFT)
        qtbot.waitUntil(lambda: panel.hint not in ("", "Checking…"), timeout=30_000)
    assert panel.hint.endswith("Where does c go?")
    assert not panel.solution_button.isVisible()
    answers = tmp_path / "answers"
    answers.mkdir()
    names = iter([str(answers / "wrong.flow"), str(answers / "right.flow")])
    learner.actions_.refresh_now()
    learner.actions_.trigger("save_as")
    commands.connect(document, c, "out", d, "y")
    qtbot.waitUntil(lambda: panel.title.endswith("done"), timeout=30_000)
    learner.actions_.trigger("save_as")

    marks = tmp_path / "marks.csv"
    assert main(["grade", str(teacher), str(answers), "-o", str(marks), "--seed", "3"]) == 0
    rows = {row["file"]: row for row in csv.DictReader(marks.open(encoding="utf-8"))}
    assert float(rows["right.flow"]["points"]) == 10
    assert float(rows["wrong.flow"]["points"]) < 10
    assert rows["wrong.flow"]["mistake"] == "mistake-1"
    assert rows["right.flow"]["changed given nodes"] == ""


@pytest.mark.thorough
def test_a_file_with_a_solution_opens_for_its_author(author, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "teacher.flow"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    author.actions_.trigger("save")
    author.files.begin_empty()
    assert author.files.open_path(path)
    qtbot.waitUntil(lambda: set(author.info.choices) == {"lesson_edit", "lesson_preview"})
    assert author.lessons.running == ""
    author.info.choices["lesson_preview"].click()
    assert author.lessons.is_preview


@pytest.mark.thorough
def test_a_step_shows_its_picture(author, qtbot, tmp_path, monkeypatch):
    picture = QImage(1200, 400, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.red)
    path = tmp_path / "sum.png"
    assert picture.save(str(path))
    author.actions_.trigger("lesson_edit")
    form = author.authoring.form
    form.tabs.setCurrentIndex(2)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(form.steps.choose_picture, LEFT)
    typed(qtbot, form.steps.described, "A sum")
    form.accept()
    author.actions_.refresh_now()
    author.actions_.trigger("lesson_preview")
    shown = author.lesson_panel.picture
    assert shown.isVisible()
    assert shown.accessibleName() == "A sum"
    size = shown.pixmap().deviceIndependentSize()
    assert size.width() == pytest.approx(3 * size.height(), rel=0.01)
    assert size.width() <= author.lesson_panel.width()
    assert shown.pixmap().toImage().pixelColor(5, 5) == Qt.GlobalColor.red


@pytest.mark.parametrize("content", ["no picture", "bm8gcGljdHVyZQ==", 5, "x" * 2_000_000])
def test_a_step_refuses_what_is_no_picture(content):
    with pytest.raises(LessonProblem, match="picture"):
        fields.picture(content, "lesson.steps[0].picture")


def test_a_noisy_photograph_fits_into_a_lesson(qapp, tmp_path):
    random = np.random.RandomState(0).randint(0, 256, (1000, 1400, 4), dtype=np.uint8)
    photograph = QImage(random.tobytes(), 1400, 1000, QImage.Format.Format_RGB32)
    path = tmp_path / "photograph.png"
    assert photograph.scaled(640, 480).save(str(path))
    content = fields.picture(encoded(path), "lesson.steps[0].picture")
    shown = pixmap_of(content, QSize(300, 300), 2.0).deviceIndependentSize()
    assert (shown.width(), shown.height()) == (300, 225)


def test_a_damaged_picture_is_not_shown(qapp):
    assert pixmap_of(fields.PNG + b"damaged", QSize(100, 100), 1.0).isNull()


@pytest.mark.thorough
def test_a_question_of_the_form_is_asked_in_the_preview(author, qtbot):
    author.actions_.trigger("lesson_edit")
    form = author.authoring.form
    form.tabs.setCurrentIndex(2)
    editor = form.steps.question
    editor.kind.setFocus()
    qtbot.keyClick(editor.kind, Qt.Key.Key_Down)
    typed(qtbot, editor.question, "What is a, with b one larger?")
    typed(qtbot, editor.node, "a")
    typed(qtbot, editor.change, "b + 1")
    form.accept()
    author.actions_.refresh_now()
    author.actions_.trigger("lesson_preview")
    panel = author.lesson_panel
    typed(qtbot, panel.form.field, "25")  # (1.5 + 1 + 2.5) squared
    qtbot.keyClick(panel.form.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.hint.startswith("Right."), timeout=30_000)


@pytest.mark.thorough
def test_the_form_adds_every_kind_of_check_and_says_what_is_wrong(author, qtbot):
    document = author.workspace.root
    author.canvas.selection.select([document.node_named("a").id])
    author.actions_.trigger("lesson_edit")
    form = author.authoring.form
    form.tabs.setCurrentIndex(3)
    page = form.checks
    for action in page.kinds.actions():
        action.trigger()
    kinds = {check["kind"] for check in edits.items(document, "checks")}
    assert kinds == set(KINDS)
    page.checks.choose(
        next(c["id"] for c in edits.items(document, "checks") if c["kind"] == "trains")
    )
    typed(qtbot, page.fields["at_least"], "high")
    assert "expected a number" in page.problem.text()
    typed(qtbot, page.fields["at_least"], "0.93")
    assert page.problem.text() == ""
    typed(qtbot, page.fields["seeds"], "1, 2")
    trains = next(c for c in edits.items(document, "checks") if c["kind"] == "trains")
    assert (trains["at_least"], trains["seeds"], trains["node"]) == (0.93, [1, 2], "a")
    qtbot.mouseClick(page.checks.remove, LEFT)
    assert all(check["kind"] != "trains" for check in edits.items(document, "checks"))
    assert lesson_of(document) is not None


def test_a_step_asks_for_a_training_that_reaches_a_value(author, qtbot):
    author.actions_.trigger("lesson_edit")
    form, document = author.authoring.form, author.workspace.root
    form.tabs.setCurrentIndex(2)
    form.steps.steps.choose("step-1")
    deed = form.steps.deed
    deed.event_kind.setFocus()
    qtbot.keyClicks(deed.event_kind, "Train")
    typed(qtbot, deed.measured, "accuracy")
    typed(qtbot, deed.at_least, "0.9x")
    typed(qtbot, deed.at_least, "0.93")
    step = lesson_of(document).steps[0]
    assert (step.deed.event, step.deed.metric, step.deed.at_least) == ("trained", "accuracy", 0.93)
    qtbot.keyClick(deed.event_kind, Qt.Key.Key_Up)
    typed(qtbot, deed.node, "a")
    assert (step := lesson_of(document).steps[0]).deed.event == "selected"
    assert (step.deed.node, step.deed.metric) == ("a", "")
    qtbot.keyClick(deed.event_kind, Qt.Key.Key_Up)
    assert lesson_of(document).steps[0].deed is None


def test_a_question_has_a_tolerance(author, qtbot):
    author.actions_.trigger("lesson_edit")
    form, document = author.authoring.form, author.workspace.root
    form.tabs.setCurrentIndex(2)
    form.steps.steps.choose("step-1")
    question = form.steps.question
    question.kind.setFocus()
    qtbot.keyClicks(question.kind, "A number")
    typed(qtbot, question.node, "a")
    typed(qtbot, question.tolerance, "0.1")
    assert lesson_of(document).steps[0].predict.tolerance == 0.1
    question.tolerance.clear()
    qtbot.keyClicks(question.tolerance, "-1")
    assert lesson_of(document).steps[0].predict.tolerance == 0.1


def test_a_mistake_is_known_by_a_sign(author, qtbot):
    author.actions_.trigger("lesson_edit")
    form, document = author.authoring.form, author.workspace.root
    form.tabs.setCurrentIndex(4)
    action = next(a for a in form.hints.signs.actions() if a.text() == "The training diverges")
    action.trigger()
    line = next(iter(form.hints.hints.values()))
    assert form.focusWidget() is line
    qtbot.keyClicks(line, "How long are the steps?")
    (twin,) = lesson_of(document).twins
    assert twin.symptom.kind == "diverged"
    assert lesson_of(document).text(f"twins.{twin.id}.hint") == "How long are the steps?"
