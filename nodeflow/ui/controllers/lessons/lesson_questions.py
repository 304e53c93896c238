"""The questions of steps: answers are compared with the right ones, and explained."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Slot

from nodeflow.lessons.answers_of_learners import is_right, read_answer
from nodeflow.lessons.schema import CHOICE, NUMBER
from nodeflow.ui.controllers.lessons.lesson_steps import LessonSteps
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel


class LessonQuestions(QObject):
    """Judges the learner's answer to the question of the current step."""

    def __init__(self, parent: QObject, steps: LessonSteps, panel: LessonPanel) -> None:
        super().__init__(parent)
        self._steps, self._panel = steps, panel
        panel.answered.connect(self._on_answer)

    @Slot()
    def judge_waiting(self) -> None:
        """Judge an answer that was given before the right one was known."""
        running = self._steps.running
        if running is not None and running.waiting is not None:
            given, running.waiting = running.waiting, None
            self._on_answer(given)

    @Slot(object)
    def _on_answer(self, given: Any) -> None:
        """Compare an answer with the right one, and show why that is right."""
        running = self._steps.running
        step = running.current if running is not None else None
        if running is None or step is None or step.predict is None:
            return
        if step.id not in running.answers:
            running.waiting = given  # the engine has not computed it yet
            self._panel.show_hint("One moment…")
            return
        prediction, right = step.predict, running.answers[step.id]
        answer = given if prediction.kind == CHOICE else read_answer(prediction, str(given))
        if answer is None:
            kind = "a number" if prediction.kind == NUMBER else "sizes, such as 3, 2"
            self._panel.show_hint(f"Type {kind}.")
            return
        why = running.lesson.text(f"steps.{step.id}.answer")
        running.tries += 1
        if is_right(prediction, right, answer):
            self._explain(f"Right. {why}")
        elif running.tries > 1:
            self._explain(why)
        else:
            if prediction.kind == CHOICE:
                self._panel.form.mark(answer)
            self._panel.show_hint("Not quite. Think again, and try once more.")

    def _explain(self, said: str) -> None:
        """Show the explanation of an answer. Show a button to go on, unless more is asked for."""
        running = self._steps.running
        assert running is not None
        step = running.current
        assert step is not None
        running.answered, running.tries = True, 0
        self._steps.show()
        self._panel.show_hint(said)
        if not step.checks and step.deed is None:
            self._panel.offer_next()
