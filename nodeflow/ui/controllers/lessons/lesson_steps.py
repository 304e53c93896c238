"""The steps of the running lesson: the panel shows one after the other."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.lessons.schema import CHOICE
from nodeflow.ui.controllers.lessons.lesson_record import LessonRecord
from nodeflow.ui.controllers.lessons.running_lesson import RunningLesson
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel, Shown


class LessonSteps(QObject):
    """Shows the current step, goes on when it is done, and keeps what the learner has reached.

    Signals:
        advanced: another step begins.
        lesson_requested(entry): the learner goes on to the next lesson.

    Attributes:
        running: the running lesson, or None.
    """

    advanced = Signal()
    lesson_requested = Signal(object)

    def __init__(self, parent: QObject, workspace: Workspace, panel: LessonPanel) -> None:
        super().__init__(parent)
        self._workspace, self._panel = workspace, panel
        self._record: LessonRecord | None = None
        self.running: RunningLesson | None = None
        panel.next_requested.connect(self._go_on)

    @property
    def record(self) -> LessonRecord:
        """What the learner has done, read when first needed."""
        if self._record is None:
            self._record = LessonRecord()
        return self._record

    def keep(self) -> None:
        """Keep the learner's answer and step."""
        running = self.running
        if running is not None and not running.is_preview:
            self.record.keep(running.lesson, running.step, self._workspace.root)

    def show(self) -> None:
        """Show the current step, or the end of the lesson."""
        running = self.running
        assert running is not None
        if running.current is None:
            self._panel.show_step(_end(running))
            self._panel.finished.emit(f"{running.lesson.text('title')}: done")
        else:
            self._panel.show_step(_shown(running))

    def look(self) -> None:
        """Go to the next step if the learner has done everything that this step asks for."""
        if self.running is not None and self.running.has_done_all:
            self._advance()

    @Slot()
    def _go_on(self) -> None:
        """Go to the next step, or from the end to the next lesson."""
        running = self.running
        if running is None:
            return
        if running.current is not None:
            self._advance()
        elif running.following is not None:
            self.lesson_requested.emit(running.following)

    def _advance(self) -> None:
        running = self.running
        assert running is not None
        running.advance()
        self.advanced.emit()
        self.keep()
        if running.current is None and not running.is_preview:
            self.record.finish(running.lesson, self._workspace.root)
        self.show()
        self.look()


def _shown(running: RunningLesson) -> Shown:
    """Return the current step as the panel shows it."""
    lesson, step, count = running.lesson, running.current, len(running.lesson.steps)
    assert step is not None
    key = f"steps.{step.id}"
    choices = step.predict.choices if step.predict and step.predict.kind == CHOICE else 0
    return Shown(
        f"{_place(running)}, step {running.step + 1} of {count}",
        lesson.text(f"{key}.title"),
        lesson.text(f"{key}.text"),
        running.step,
        count,
        None if running.answered else step.predict,
        lesson.text(f"{key}.question"),
        tuple(lesson.text(f"{key}.choices.{i}") for i in range(choices)),
        can_check=bool(step.checks),
        next="" if step.checks or step.predict or step.deed else "Next",
        points=step.points,
        picture=step.picture,
        described=lesson.text(f"{key}.picture"),
        explains=lesson.language.startswith("en"),
    )


def _end(running: RunningLesson) -> Shown:
    """Return what the panel shows when all steps are done."""
    lesson, count, following = running.lesson, len(running.lesson.steps), running.following
    return Shown(
        f"{_place(running)}, done",
        f"{lesson.text('title')}: done",
        lesson.text("done"),
        count,
        count,
        next=f"Next: {following.title}" if following else "",
        explains=lesson.language.startswith("en"),
    )


def _place(running: RunningLesson) -> str:
    """Return the place of a lesson in its course, or its title."""
    if running.is_preview:
        return "Preview"
    place = running.entry.place
    return running.lesson.text("title") if place is None else f"Lesson {place}"
