"""A learning rate that is typed while a training runs counts from its next step on."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands
from nodeflow.train.events import Done, NumberChanged, Resumed, Steps
from nodeflow.ui.core.state.user_settings import Settings

LEFT, ENTER = Qt.MouseButton.LeftButton, Qt.Key.Key_Return


class Training:
    """A training of the spirals that goes on until it is stopped, and what it says."""

    def __init__(self, window, qtbot) -> None:
        self.window, self.qtbot = window, qtbot
        self.document = window.workspace.document
        self.optimizer = self.document.node(self.document.training["optimizer"])
        self.events: list[object] = []
        window.link.training.connect(self.events.append)
        commands.set_training(self.document, epochs=100_000)
        window.actions_.trigger("train")
        self.wait_for(Steps)

    def changes(self) -> list[tuple[str, float]]:
        found = [e for e in self.events if isinstance(e, NumberChanged)]
        return [(e.attr, e.value) for e in found]

    def wait_for(self, kind: type, count: int = 1) -> None:
        """Wait for so many more events of a kind."""
        have = self.count(kind)
        self.qtbot.waitUntil(lambda: self.count(kind) >= have + count, timeout=60_000)

    def count(self, kind: type) -> int:
        return sum(isinstance(e, kind) for e in self.events)

    def type_rate(self, text: str) -> None:
        """Type a learning rate into the inspector."""
        window, qtbot = self.window, self.qtbot
        window.docking.show("inspector")
        window.canvas.selection.select([self.optimizer.id])
        page = window.panels["inspector"].outside.page
        field = page.attributes.attr_rows["learning_rate"].editor.focus_widget()
        qtbot.mouseClick(field, LEFT)
        qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        qtbot.keyClicks(field, text)
        qtbot.keyClick(field, ENTER)

    def stop(self) -> None:
        self.window.actions_.trigger("stop")
        self.qtbot.waitUntil(lambda: self.count(Done) == 1, timeout=60_000)


@pytest.fixture
def training(live_window, qtbot) -> Training:
    return Training(live_window("spirals", size=(1440, 900)), qtbot)


@pytest.mark.thorough
def test_a_typed_rate_counts_from_the_next_step_on_and_undo_is_another_edit(training, qtbot):
    before = training.optimizer.attrs["learning_rate"]
    training.type_rate("0.0025")
    qtbot.waitUntil(lambda: training.changes() == [("learning_rate", 0.0025)], timeout=60_000)
    training.wait_for(Steps, 2)
    training.document.undo()
    expected = [("learning_rate", 0.0025), ("learning_rate", before)]
    qtbot.waitUntil(lambda: training.changes() == expected, timeout=60_000)
    training.stop()
    first, second = (e for e in training.events if isinstance(e, NumberChanged))
    assert 0 < first.step < second.step
    record = training.window.panels["training"].record
    assert [step for step, _ in record.changes] == [first.step, second.step]
    assert record.changes[0][1].endswith("learning_rate 0.0025")


@pytest.mark.thorough
def test_a_change_is_a_line_in_the_plots(training, qtbot):
    training.window.docking.show("training")
    training.type_rate("0.0025")
    qtbot.waitUntil(lambda: training.count(NumberChanged) == 1, timeout=60_000)
    training.stop()
    panel = training.window.panels["training"]
    panel.draw()
    lines = [line for cell in panel.plots.grid.cells for line in cell.plot.changes.lines]
    assert any(line.isVisible() for line in lines)
    (change,) = panel.record.changes
    shown = next(line for line in lines if line.isVisible())
    assert shown.value() == change[0]
    assert shown.label.toPlainText() == change[1]


@pytest.mark.thorough
def test_a_branch_marks_the_edits_from_before_it(training, qtbot):
    window = training.window
    window.docking.show("training")
    training.type_rate("0.0025")
    qtbot.waitUntil(lambda: training.count(NumberChanged) == 1, timeout=60_000)
    training.wait_for(Steps, 3)
    training.type_rate("0.004")
    qtbot.waitUntil(lambda: training.count(NumberChanged) == 2, timeout=60_000)
    training.stop()
    panel = window.panels["training"]
    first, second = panel.record.changes
    scrubber = panel.scrubber
    scrubber.number.setValue(second[0] - 1)  # between the two
    qtbot.waitUntil(lambda: window.link.past.is_there, timeout=60_000)
    qtbot.mouseClick(scrubber.branch, LEFT)
    training.wait_for(Resumed)
    training.wait_for(Steps)
    training.window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: training.count(Done) == 2, timeout=60_000)
    assert panel.record.changes == [first]
    panel.draw()
    lines = [line for cell in panel.plots.grid.cells for line in cell.plot.changes.lines]
    shown = {line.label.toPlainText() for line in lines if line.isVisible()}
    assert shown == {"train.learning_rate 0.0025"}


@pytest.mark.thorough
def test_a_rate_that_is_no_rate_leaves_the_training_alone(training, qtbot):
    training.type_rate("-3")
    training.wait_for(Steps, 3)
    training.stop()
    assert training.changes() == []


@pytest.mark.thorough
def test_switched_off_edits_wait_for_the_next_training(training, qtbot):
    actions = training.window.actions_
    assert actions["follow_edits"].isChecked()
    actions.trigger("follow_edits")
    assert not actions["follow_edits"].isChecked()
    training.type_rate("0.0025")
    training.wait_for(Steps, 3)
    assert training.changes() == []
    actions.trigger("follow_edits")
    qtbot.waitUntil(lambda: training.changes() == [("learning_rate", 0.0025)], timeout=60_000)
    training.stop()


@pytest.mark.thorough
def test_a_paused_training_takes_it_before_its_next_step(training, qtbot):
    actions = training.window.actions_
    actions.trigger("pause")
    qtbot.waitUntil(lambda: training.window.link.state == "paused", timeout=60_000)
    training.type_rate("0.0025")
    qtbot.wait(300)
    assert training.changes() == []
    have = training.count(Steps)
    actions.trigger("step")
    qtbot.waitUntil(lambda: training.changes() == [("learning_rate", 0.0025)], timeout=60_000)
    qtbot.waitUntil(lambda: training.count(Steps) > have, timeout=60_000)
    training.stop()


@pytest.mark.parametrize(("stored", "expected"), [("false", False), ("true", True)])
def test_the_switch_stays_as_it_was_in_the_next_session(tmp_path, stored, expected):
    """What is read from a settings file is a text."""
    path = tmp_path / "window.ini"
    path.write_text(f"[General]\nedits_reach_training={stored}\n")
    assert Settings(path).edits_reach_training is expected
