"""Whatever closes or replaces a document asks one question at most, and none for lessons."""

from __future__ import annotations

import numpy as np
import pytest
from dropping import drop, files
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox

from nodeflow.document.edit import commands
from nodeflow.document.io import flow, journal
from nodeflow.document.model.document import Document
from nodeflow.resources import example
from nodeflow.train.saving.weights import load_weights
from nodeflow.ui.controllers.training import resume_offer
from nodeflow.ui.popups.dialogs import confirmation_dialogs, recovery_dialog
from nodeflow.ui.popups.lessons.course import course

LEFT = Qt.MouseButton.LeftButton
ASK_WEIGHTS, ASK_SWEEP = (
    confirmation_dialogs.ask_unsaved_weights,
    confirmation_dialogs.ask_end_sweep,
)


@pytest.fixture
def asked(monkeypatch, discard_weights):
    """The questions that came, each answered by its button with this text."""
    questions: list[str] = []
    questions_answer = {"text": "Cancel"}

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        questions.append(box.text())
        (button,) = [b for b in box.buttons() if b.text() == questions_answer["text"]]
        button.click()

    run = QMessageBox.exec

    def shown(box: QMessageBox) -> int:
        QTimer.singleShot(0, press)
        return run(box)

    monkeypatch.setattr(QMessageBox, "exec", shown)
    monkeypatch.setattr(confirmation_dialogs, "ask_unsaved_weights", ASK_WEIGHTS)
    monkeypatch.setattr(confirmation_dialogs, "ask_end_sweep", ASK_SWEEP)
    monkeypatch.setattr(
        "nodeflow.ui.controllers.files.file_controller.QFileDialog.getOpenFileName",
        lambda *_: ("", ""),
    )
    return questions, questions_answer


@pytest.fixture
def other(tmp_path):
    """A file of another graph."""
    document = Document()
    commands.add_node(document, "constant", (0, 0), "other")
    path = tmp_path / "other.flow"
    path.write_text(flow.dumps(document))
    return path


def learn(window, engine, qtbot, *, over: bool = True) -> None:
    """An engine that says what a training says."""
    window.link.train()
    engine.begin_training()
    engine.end_epoch(1, 0.5)
    if over:
        engine.end_training()
        qtbot.waitUntil(lambda: window.link.state == "idle", timeout=10_000)
    qtbot.waitUntil(lambda: window.files.weights.is_unsaved, timeout=10_000)


def edit(window) -> None:
    commands.add_node(window.workspace.root, "constant", (0, 0))


WAYS = {
    "new": lambda window, other: window.actions_.trigger("new"),
    "open": lambda window, other: window.files.open_path(other),
    "recent": lambda window, other: window.pages.welcome.file_chosen.emit(other),
    "example": lambda window, other: window.pages.welcome.example_chosen.emit(example("spirals")),
    "first lesson": lambda window, other: window.begin_tutorial(),
    "lesson": lambda window, other: window.begin_lesson("digits"),
    "drop": lambda window, other: drop(window, files(other)),
    "quit": lambda window, other: window.close(),
}


def is_left(window, before) -> bool:
    return window.workspace.root is not before or not window.isVisible()


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("trains", [False, True])
def test_changes_and_what_was_learned_are_one_question(
    window, engine, asked, other, way, trains, qtbot
):
    questions, answer = asked
    edit(window)
    learn(window, engine, qtbot, over=not trains)
    before = window.workspace.root
    WAYS[way](window, other)
    (question,) = questions
    assert "has unsaved changes" in question and "weights are not saved" in question
    assert ("training is running" in question) == trains
    assert not is_left(window, before)
    answer["text"] = "Discard"
    WAYS[way](window, other)
    assert len(questions) == 2 and is_left(window, before)


@pytest.mark.sample(3)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["changes", "learned", "overrides", "nothing"])
def test_one_loss_alone_is_one_question_and_none_is_none(
    window, engine, asked, other, way, what, qtbot
):
    questions, answer = asked
    answer["text"] = "Discard"
    edit(window)
    if what != "changes":
        window.workspace.root.mark_saved()
    if what == "learned":
        learn(window, engine, qtbot)
    if what == "overrides":
        (record,) = window.workspace.root.nodes.values()
        window.overrides.set(record.name, 2.5, "typed")
    before = window.workspace.root
    WAYS[way](window, other)
    assert len(questions) == (what in ("changes", "learned")) and is_left(window, before)


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by_path", [False, True])
def test_an_example_that_was_trained_asks_nothing(
    window, engine, asked, other, way, by_path, qtbot
):
    questions, _ = asked
    if by_path:
        window.files.open_path(example("mnist"))
    else:
        window.files.open_example(example("mnist"))
    learn(window, engine, qtbot)
    window.overrides.set("b1", np.full(300, 0.5, np.float32), "typed")
    before = window.workspace.root
    WAYS[way](window, other)
    assert questions == [] and is_left(window, before)


@pytest.mark.thorough
def test_what_was_edited_in_an_example_is_one_question(window, engine, asked, other, qtbot):
    questions, _ = asked
    window.files.open_example(example("mnist"))
    edit(window)
    learn(window, engine, qtbot)
    window.files.open_path(other)
    assert len(questions) == 1 and "are not saved" in questions[0]
    window.workspace.root.undo()
    window.files.open_path(other)
    assert len(questions) == 1, "what was learned alone comes again"


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["begun", "ended"])
def test_a_lesson_asks_nothing(window, engine, asked, other, way, when, qtbot):
    questions, _ = asked
    window.begin_tutorial()
    edit(window)
    learn(window, engine, qtbot)
    if when == "ended":
        window.lessons.leave()
    before = window.workspace.root
    WAYS[way](window, other)
    assert questions == [] and is_left(window, before)


@pytest.mark.thorough
def test_what_was_built_after_a_lesson_is_asked_about(window, asked, other):
    questions, answer = asked
    window.begin_tutorial()
    edit(window)
    window.lessons.leave()
    edit(window)
    window.files.open_path(other)
    assert len(questions) == 1
    answer["text"] = "Discard"
    window.files.open_path(other)
    assert window.workspace.root.path == other


@pytest.mark.thorough
def test_lessons_that_follow_each_other_ask_nothing(window, engine, asked, qtbot):
    questions, _ = asked
    for entry in course()[:4]:
        window.begin_lesson(entry.id)
        edit(window)
        learn(window, engine, qtbot)
    assert questions == []


@pytest.mark.thorough
def test_a_lesson_that_was_saved_is_a_file_like_others(window, engine, asked, tmp_path, qtbot):
    questions, answer = asked
    window.files.open_example(example("mnist"))
    assert window.files._save(tmp_path / "mine.flow")
    learn(window, engine, qtbot)
    window.actions_.trigger("new")
    assert len(questions) == 1 and "are not saved" in questions[0]
    answer["text"] = "Discard"


@pytest.mark.thorough
def test_a_file_that_cannot_be_read_asks_nothing(window, asked, tmp_path):
    questions, answer = asked
    edit(window)
    (tmp_path / "broken.flow").write_text("no graph")
    answer["text"] = "OK"
    assert not window.files.open_path(tmp_path / "broken.flow")
    assert questions == ["broken.flow cannot be opened"]


@pytest.mark.thorough
def test_recovered_work_is_one_question_too(window, engine, asked, other, qtbot):
    questions, answer = asked
    edit(window)
    left = window.files.recovery.journal
    qtbot.waitUntil(lambda: left.is_on_disk, timeout=10_000)
    document = flow.loads(flow.dumps(window.workspace.root))
    answer["text"] = "Discard"
    assert window.files.open_recovered(document, "rescued") and len(questions) == 1
    window.workspace.root.mark_modified()
    learn(window, engine, qtbot)
    window.files.open_path(other)
    assert len(questions) == 2 and "“rescued” has unsaved changes" in questions[1]
    assert "weights are not saved" in questions[1]


def test_the_start_asks_once(window, monkeypatch):
    """A crash leaves a journal and a training: after a question about one the other waits."""
    from nodeflow.ui.app import Start

    asked: list[str] = []
    found = [object()]
    monkeypatch.setattr(journal, "pending", lambda *_: found)
    monkeypatch.setattr(
        recovery_dialog,
        "ask_recover",
        lambda *_: asked.append("recover") or (confirmation_dialogs.CANCEL, ()),
    )
    left = type("Left", (), {"name": "x", "step": 3, "document": lambda _: Document()})()
    monkeypatch.setattr(resume_offer, "unfinished", lambda: [left])
    monkeypatch.setattr(
        confirmation_dialogs,
        "ask_resume",
        lambda *_: asked.append("resume") or confirmation_dialogs.CANCEL,
    )
    edit(window)
    Start(window, None)._on_painted()
    assert asked == ["recover"]
    found.clear()
    Start(window, None)._on_painted()
    assert asked == ["recover", "resume"]


def test_save_keeps_both_after_one_question(live_window, asked, tmp_path, monkeypatch, qtbot):
    questions, answer = asked
    window = live_window("spirals")
    path = tmp_path / "mine.flow"
    edit(window)
    commands.set_training(window.workspace.root, epochs=1)
    qtbot.waitUntil(lambda: window.actions_["train"].isEnabled(), timeout=20_000)
    with qtbot.waitSignal(
        window.link.training,
        check_params_cb=lambda event: type(event).__name__ == "Done",
        timeout=60_000,
    ):
        window.actions_.trigger("train")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=20_000)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    answer["text"] = "Save"
    window.actions_.trigger("new")
    assert len(questions) == 1 and not window.workspace.root.nodes
    saved = flow.load(path)
    assert saved.weights == "mine.safetensors"
    assert {"W1", "b1"} <= set(load_weights(path.with_suffix(".safetensors")))
