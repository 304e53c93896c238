"""Marks of the learner's answer, live and on *Check*.

The engine process marks the document after each pause of edits, without the checks that train.
*Check* runs all checks of the step. A hint grows with each failed check: the broken relation in the
learner's numbers, what is right already, the question of the typical mistake, the solution.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from nodeflow.host import protocol as p
from nodeflow.ui.controllers.lessons.lesson_steps import LessonSteps
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel

PAUSE_MS = 250
"""The pause of edits after which an answer is marked."""
TRIES = 3
"""Failed checks after which the solution is offered."""


class AnswerMarks(QObject):
    """Asks the engine for marks of the open document, and shows what a requested check found.

    Signals:
        learned: the right answers to the questions are known.
    """

    learned = Signal()

    def __init__(
        self,
        parent: QObject,
        steps: LessonSteps,
        link: EngineLink,
        panel: LessonPanel,
        messages: Messages,
    ) -> None:
        super().__init__(parent)
        self._steps, self._link, self._panel, self._messages = steps, link, panel, messages
        self._request, self._checks = 0, False
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self.mark)
        link.lessons.connect(self._on_marked)
        panel.check_requested.connect(self._check)

    @Slot()
    def mark(self) -> None:
        """Mark the document now, without the checks that train."""
        self._checks = False
        self._ask(None)

    def mark_soon(self) -> None:
        """Mark the document when the learner pauses."""
        self._panel.show_hint("")
        self._timer.start()

    def stop(self) -> None:
        """Mark the document no longer."""
        self._timer.stop()
        self._link.cancel_marking()

    @Slot()
    def _check(self) -> None:
        """Run all checks of the step, also those that train."""
        running = self._steps.running
        if running is not None and running.current is not None:
            self._checks = True
            self._panel.show_hint("Checking…")
            self._ask(running.current.checks)

    def _ask(self, checks: tuple[str, ...] | None) -> None:
        running = self._steps.running
        if running is not None and self._link.is_up:
            self._timer.stop()
            self._steps.keep()
            path = str(running.solution.path or "")
            self._request = self._link.mark_lesson(running.text, checks, running.seeds, path)
        elif running is not None:
            self._timer.start()

    @Slot(object)
    def _on_marked(self, message: p.LessonMarked | p.Failed) -> None:
        running = self._steps.running
        if running is None or message.request != self._request:
            return
        if isinstance(message, p.Failed):
            self._checks = False
            self._messages.show(sentence(message.error), "error")
            return
        running.answers = message.answers
        kept = running.passed if self._checks else frozenset()
        found = {c.id: c.passed for c in message.result.checks}
        passed = {i for i in found if found[i]} | {i for i in kept if i not in found}
        running.passed = frozenset(passed)
        self.learned.emit()
        before, checks = running.step, self._checks
        self._checks = False
        self._steps.look()
        if checks and self._steps.running is running and running.step == before:
            self._show_verdict(message)

    def _show_verdict(self, message: p.LessonMarked) -> None:
        """Show what a requested check found: a hint that grows with the tries."""
        running = self._steps.running
        if running is None or running.current is None:
            return
        wanted = running.current.checks
        failed = [c for c in message.result.checks if c.id in wanted and not c.passed]
        if not failed:
            self._panel.show_hint("That is right. Now do the rest of this step.")
            return
        running.tries += 1
        lesson, said = running.lesson, [failed[0].said]
        if running.tries > 1:
            found = [lesson.text(f"milestones.{i}.found") for i in message.result.milestones]
            said.append(" ".join(f"{text}." for text in found))
        if message.result.twin and (running.tries > 1 or not message.result.milestones):
            said.append(lesson.text(f"twins.{message.result.twin}.hint"))
        self._panel.show_hint(
            "\n\n".join(filter(None, said)),
            running.tries > TRIES and not lesson.is_student_copy,
        )
