"""Lessons in the window: steps follow what the learner builds, and nothing else."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting.insertables import available
from nodeflow.resources import resource
from nodeflow.ui.popups.lessons.course import course


@pytest.fixture
def lesson(live_window):
    """A window that runs the lesson about a first graph."""
    window = live_window()
    window.begin_lesson("expression")
    return window


def add(window, op: str, name: str, *sources: str) -> str:
    """Add a node by the commands that gestures use, and wire its inputs."""
    document = window.workspace.root
    node = commands.add_node(document, op, (300, 300), name)
    for source, port in zip(sources, "xy", strict=False):
        commands.connect(document, document.node_named(source).id, "out", node, port)
    return node


def at_step(window, qtbot, step: int) -> None:
    qtbot.waitUntil(lambda: window.lessons.step == step, timeout=30_000)


def test_steps_follow_the_values_that_a_learner_builds(lesson, qtbot):
    panel = lesson.lesson_panel
    assert panel.isVisible()
    assert panel.title == "Add b and c"
    names = {record.name for record in lesson.workspace.root.nodes.values()}
    assert names == {"b", "c", "two"}
    add(lesson, "add", "d", "c", "b")  # the order of a sum does not matter
    at_step(lesson, qtbot, 1)
    add(lesson, "add", "e", "two", "c")
    at_step(lesson, qtbot, 2)
    assert panel.form.field is not None
    panel.form.field.setFocus()
    qtbot.keyClicks(panel.form.field, "8")
    qtbot.keyClick(panel.form.field, Qt.Key.Key_Return)
    assert panel.hint == "Not quite. Think again, and try once more."
    panel.form.field.clear()
    qtbot.keyClicks(panel.form.field, "9")
    qtbot.keyClick(panel.form.field, Qt.Key.Key_Return)
    assert panel.hint == "Right. (2 + 1) × (1 + 2) = 9."
    qtbot.mouseClick(panel.next_button, Qt.MouseButton.LeftButton)
    assert lesson.lessons.step == 3
    add(lesson, "multiply", "a", "d", "e")
    at_step(lesson, qtbot, 4)
    qtbot.mouseClick(panel.form.choices[0], Qt.MouseButton.LeftButton)
    assert panel.form.choices[0].text() == "✗ only a"
    assert not panel.form.choices[0].isEnabled()
    qtbot.mouseClick(panel.form.choices[1], Qt.MouseButton.LeftButton)
    qtbot.mouseClick(panel.next_button, Qt.MouseButton.LeftButton)
    assert lesson.lessons.step == 5
    assert panel.title == "a = (b + c)(c + 2): done"
    assert panel.next_button.text() == "Next: Many at once"
    lesson.pages.show_welcome()
    done = {e.id for e in course() if lesson.lessons.is_finished(e.id)}
    assert done == {"expression"}


def test_a_mistake_gets_its_question_and_no_step(lesson, qtbot):
    panel = lesson.lesson_panel
    add(lesson, "add", "d", "two", "c")  # two stands for b, which has the same value
    add(lesson, "add", "e", "c", "two")
    add(lesson, "multiply", "a", "d", "e")
    for _ in range(2):
        panel.show_hint("")
        qtbot.mouseClick(panel.check_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: panel.hint not in ("", "Checking…"), timeout=30_000)
    assert "d is" in panel.hint
    assert panel.hint.endswith("Set b to 7. Should a stay the same?")
    assert lesson.lessons.step == 0


def test_given_nodes_stay(lesson, qtbot):
    document = lesson.workspace.root
    b = document.node_named("b")
    commands.set_attr(document, b.id, "value", 5.0)
    qtbot.waitUntil(lambda: document.nodes[b.id].attrs["value"] == 2.0)
    commands.remove(document, [b.id])
    qtbot.waitUntil(lambda: b.id in document.nodes)
    assert "b is given in this lesson" in lesson.info.text


def test_the_learners_work_is_kept_and_no_question_is_asked(lesson, qtbot, monkeypatch):
    from nodeflow.ui.popups.dialogs import confirmation_dialogs

    asked = []
    monkeypatch.setattr(confirmation_dialogs, "ask_unsaved", lambda *a: asked.append(a))
    add(lesson, "add", "d", "b", "c")
    at_step(lesson, qtbot, 1)
    lesson.begin_lesson("the-slope")
    assert lesson.lessons.running == "the-slope"
    lesson.begin_lesson("expression")
    assert lesson.lessons.step == 1
    assert lesson.workspace.root.node_named("d") is not None
    lesson.lesson_panel.restart_requested.emit()
    assert lesson.lessons.step == 0
    assert lesson.workspace.root.node_named("d") is None
    assert asked == []


def test_the_list_begins_a_lesson_by_mouse_and_by_key(live_window, qtbot):
    window = live_window()
    window.pages.show_welcome()
    buttons = window.pages.welcome.lesson_buttons
    assert len(buttons) == len(course())
    qtbot.mouseClick(buttons[2], Qt.MouseButton.LeftButton)
    assert window.lessons.running == "many-at-once"
    assert window.pages.focus_area is window.canvas
    window.actions_.trigger("learn")
    assert window.pages.shows_welcome
    qtbot.keyClick(buttons[0], Qt.Key.Key_Space)
    assert window.lessons.running == "see-it-learn"


def test_a_slower_rate_counts_only_if_it_trains(live_window, qtbot):
    window = live_window()
    window.begin_lesson("learning-rates")
    document = window.workspace.root
    train = document.node_named("train")
    commands.set_training(document, epochs=20)
    window.actions_.trigger("train")
    at_step(window, qtbot, 1)
    window.lesson_panel.form.choices[1].click()
    window.lesson_panel.next_button.click()
    commands.set_attr(document, train.id, "learning_rate", 0.3)
    assert window.lessons.step == 2
    window.lesson_panel.check_button.click()
    at_step(window, qtbot, 3)


@pytest.mark.thorough
def test_a_check_looks_only_at_the_step(live_window, qtbot):
    """The mistakes of later steps, which are not begun, have no hints yet."""
    window = live_window()
    window.begin_lesson("honest-measurement")
    panel = window.lesson_panel
    window.actions_.trigger("train")
    at_step(window, qtbot, 1)
    panel.form.choices[1].click()
    panel.next_button.click()
    assert panel.title == "Measure only new rows"
    document = window.workspace.root
    losses = document.node_named("row_losses")
    mean = commands.add_node(document, "reduce_mean", (300, 300), "new_loss")
    commands.connect(document, losses.id, "out", mean, "x")
    for _ in range(2):
        panel.show_hint("")
        qtbot.mouseClick(panel.check_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: panel.hint not in ("", "Checking…"), timeout=30_000)
    assert panel.hint.endswith("Who saw these rows? Does your mean leave any row out?")


def test_a_solved_lesson_gives_its_part_to_a_later_one(live_window, qtbot):
    window = live_window()
    window.begin_lesson("exclusive-or")
    ops = {r.op for r in window.workspace.root.definition("neuron").nodes.values()}
    assert "sigmoid" in ops, "the given part"
    window.begin_lesson("one-neuron")
    panel = window.lesson_panel
    panel.form.field.setText("3, 1")
    panel.form.field.returnPressed.emit()
    panel.next_button.click()
    product = add(window, "matmul", "product", "x", "W")
    document = window.workspace.root
    z = commands.add_node(document, "add", (500, 300), "z")
    commands.connect(document, product, "out", z, "x")
    commands.connect(document, document.node_named("b").id, "out", z, "y")
    at_step(window, qtbot, 2)
    panel.form.choices[2].click()
    panel.next_button.click()
    half = commands.add_node(document, "constant", (500, 400), "half", {"value": 0.5})
    add(window, "multiply", "halved", "z", "half")
    tanh = commands.add_node(document, "tanh", (700, 300), "curve")
    commands.connect(document, document.node_named("halved").id, "out", tanh, "x")
    add(window, "multiply", "small", "curve", "half")
    add(window, "add", "y", "small", "half")
    assert half in document.nodes
    at_step(window, qtbot, 4)
    window.begin_lesson("exclusive-or")
    ops = {r.op for r in window.workspace.root.definition("neuron").nodes.values()}
    assert "sigmoid" in ops, "this lesson was begun before, and its graph is kept"
    window.lesson_panel.restart_requested.emit()
    ops = {r.op for r in window.workspace.root.definition("neuron").nodes.values()}
    assert "tanh" in ops, "the learner's own part"
    assert "subgraph/neuron" in {offer.id for offer in available(window.workspace.root)}


@pytest.mark.thorough
def test_a_training_counts_whose_check_comes_after_it(live_window, qtbot, tmp_path):
    """Train first and check then, as the step says: the learner does not have to train again."""
    content = json.loads(resource("lessons/05-a-line-learns.flow").read_text())
    lesson = content["lesson"]
    lesson["id"], lesson["given"] = "train-first", [node["id"] for node in content["nodes"]]
    lesson["steps"] = [step for step in lesson["steps"] if step["id"] == "train"]
    path = tmp_path / "train.flow"
    path.write_text(json.dumps(content))
    window = live_window()
    window.lessons.begin_file(path)
    with qtbot.waitSignal(
        window.link.training,
        check_params_cb=lambda event: type(event).__name__ == "Done",
        timeout=60_000,
    ):
        window.actions_.trigger("train")
    assert window.lessons.step == 0
    window.lesson_panel.check_button.click()
    at_step(window, qtbot, 1)
