"""The state of a running lesson."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from nodeflow.document.model.document import Document
from nodeflow.lessons.courses import Course, Entry
from nodeflow.lessons.schema import Lesson, Step


@dataclass
class RunningLesson:
    """A lesson that a learner, or its author in a preview, goes through.

    Attributes:
        text: the lesson's file, as the engine gets it.
        solution: the lesson's document.
        seeds: secret seeds of the preview.
        is_preview: whether the author of the lesson looks at it, so that nothing is kept.
        step: the index of the current step; the number of steps at the end.
        passed: ids of the checks that the last mark found passed.
        answers: right answers to questions, by step; empty until the first mark.
        did: whether the deed of the current step is done.
        answered: whether its question is answered.
        tries: failed checks in this step.
        waiting: an answer that was given before the right one was known.
    """

    course: Course
    entry: Entry
    lesson: Lesson
    text: str
    solution: Document
    start: Document
    seeds: tuple[int, ...] = ()
    is_preview: bool = False
    step: int = 0
    passed: frozenset[str] = frozenset()
    answers: dict[str, Any] = field(default_factory=dict)
    did: bool = False
    answered: bool = False
    tries: int = 0
    waiting: Any = None

    @property
    def current(self) -> Step | None:
        """The current step; None at the end."""
        steps = self.lesson.steps
        return steps[self.step] if self.step < len(steps) else None

    @property
    def following(self) -> Entry | None:
        """The next lesson of the course; None for none."""
        return self.course.after(self.lesson)

    @property
    def passes(self) -> bool:
        """Whether all checks of the current step pass."""
        return self.current is not None and self.passed.issuperset(self.current.checks)

    @property
    def has_done_all(self) -> bool:
        """Whether everything that the current step asks for is done by edits or deeds."""
        step = self.current
        if step is None or not (step.checks or step.deed):
            return False
        has_answered = step.predict is None or self.answered
        return has_answered and self.passes and (step.deed is None or self.did)

    def advance(self) -> None:
        """Go to the next step."""
        self.step += 1
        self.did, self.answered, self.tries, self.waiting = False, False, 0, None

    def from_the_start(self) -> RunningLesson:
        """Return the lesson as it begins again."""
        return replace(
            self, step=0, passed=frozenset(), did=False, answered=False, tries=0, waiting=None
        )
