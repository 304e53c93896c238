"""The running lesson: it follows edits and trainings, has answers marked, and shows the steps.

The engine process marks the document after each pause of edits, without the checks that train.
*Check* runs all checks of the step. A hint grows with each failed check: the broken relation in the
learner's numbers, what is right already, the question of the typical mistake, the solution.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from nodeflow.errors import NodeflowError
from nodeflow.host import protocol as p
from nodeflow.lessons.answers_of_learners import is_right, read_answer
from nodeflow.lessons.courses import Course, Entry, read_lesson, single_lesson
from nodeflow.lessons.parts import part_of, with_own_parts
from nodeflow.lessons.rules import refusal, shown_ops
from nodeflow.lessons.schema import (
    CHOICE,
    NUMBER,
    SELECTED,
    SKETCHED,
    TRAINED,
    Lesson,
    Step,
    lesson_of,
)
from nodeflow.lessons.start import copied, start_of
from nodeflow.lessons.translation import quietly_translated
from nodeflow.number_text import number
from nodeflow.train.events import Diverged, Done, Epoch, Event
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.lessons.lesson_record import LessonRecord
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.solution_dialog import SolutionDialog
from nodeflow.ui.popups.lessons.course import bundled, user_languages
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel, Shown

PAUSE_MS = 250
"""The pause of edits after which an answer is marked."""
log = logging.getLogger(__name__)
TRIES = 3
"""Failed checks after which the solution is offered."""
SEEDS = 2**31 - 1
"""Secret seeds are smaller."""
AT_START: dict[str, Any] = {
    "step": 0,
    "passed": frozenset(),
    "did": False,
    "answered": False,
    "tries": 0,
    "waiting": None,
}
"""The state of a lesson that begins again."""


@dataclass
class _Running:
    """The state of the running lesson.

    Attributes:
        text: the lesson's file, as the engine gets it.
        solution: the lesson's document.
        seeds: secret seeds of the preview.
        is_preview: whether the author of the lesson looks at it, so that nothing is kept.
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


class LessonController(QObject):
    """Runs one lesson at a time."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        link: EngineLink,
        files: FileController,
        panel: LessonPanel,
        messages: Messages,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._link = window, workspace, link
        self._files, self._panel, self._messages = files, panel, messages
        self._running: _Running | None = None
        self._record: LessonRecord | None = None
        self._metrics: dict[str, Any] = {}
        self._request, self._checks = 0, False
        self._opening = False
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self._mark_live)
        workspace.edited.connect(self._on_edited)
        workspace.selected.connect(self._on_selected)
        workspace.replaced.connect(self._on_replaced)
        link.lessons.connect(self._on_marked)
        link.training.connect(self._on_training)
        panel.left.connect(self.leave)
        panel.check_requested.connect(self._check)
        panel.next_requested.connect(self._go_on)
        panel.restart_requested.connect(self._begin_again)
        panel.solution_requested.connect(self._show_solution)
        panel.answered.connect(self._on_answer)

    @property
    def record(self) -> LessonRecord:
        """What the learner has done, read when first needed."""
        if self._record is None:
            self._record = LessonRecord()
        return self._record

    def is_finished(self, lesson: str) -> bool:
        """Return whether the learner finished a lesson once, by its key."""
        return self.record.is_done(lesson)

    @property
    def running(self) -> str:
        """The id of the running lesson; empty for none."""
        return self._running.lesson.id if self._running else ""

    @property
    def is_preview(self) -> bool:
        """Whether the author of the shown lesson looks at it as a learner."""
        return self._running is not None and self._running.is_preview

    @property
    def step(self) -> int:
        """The index of the current step; the number of steps at the end."""
        return self._running.step if self._running else 0

    # ---- begin and end ------------------------------------------------------------------------

    def begin(self, lesson_id: str) -> bool:
        """Begin a bundled lesson where the learner left it. Return whether it begins."""
        course = bundled()
        return self.begin_entry(course, next(e for e in course.entries if e.id == lesson_id))

    def begin_file(self, path: Path) -> bool:
        """Begin the lesson of a file where the learner left it. Return whether it begins."""
        try:
            course = single_lesson(path, user_languages())
        except NodeflowError as error:
            self._show_problem(path, error)
            return False
        return self.begin_entry(course, course.entries[0])

    def begin_entry(self, course: Course, entry: Entry) -> bool:
        """Begin a lesson of a course where the learner left it. Return whether it begins."""
        if not self._files.may_leave():
            return False
        return self._open(course, entry)

    def _show_problem(self, path: Path, error: NodeflowError) -> None:
        confirmation_dialogs.show_problem(self._window, f"{path.name} cannot be opened", error)

    def _open(self, course: Course, entry: Entry) -> bool:
        try:
            solution, lesson = read_lesson(entry.path)
        except NodeflowError as error:
            self._show_problem(entry.path, error)
            return False
        self.leave()
        lesson, problem = quietly_translated(lesson, entry.path, user_languages())
        start = with_own_parts(
            start_of(solution, lesson), lesson, lambda earlier: self._own_part(course, earlier)
        )
        kept = self.record.answer(lesson)
        running = _Running(course, entry, lesson, flow.dumps(solution), solution, start)
        running.step = min(self.record.step(lesson.key), len(lesson.steps)) if kept else 0
        self._run(running, kept)
        if problem:
            self._messages.show(f"The lesson is not translated: {problem}", "warning")
        return True

    def preview(self, document: Document) -> None:
        """Show a lesson as it starts for a learner; `leave` brings its document back.

        Answers are also marked with a secret seed.

        Raises:
            LessonProblem: the lesson is malformed.
        """
        solution = copied(document)
        lesson = lesson_of(solution)
        assert lesson is not None
        start = start_of(solution, lesson)
        title, path = lesson.text("title"), solution.path or Path()
        entry = Entry(lesson.id, lesson.key, title, "", lesson.minutes, None, path)
        text, seeds = flow.dumps(solution), (secrets.randbelow(SEEDS),)
        course = Course(title, path)
        self._run(_Running(course, entry, lesson, text, solution, start, seeds, is_preview=True))

    def _run(self, running: _Running, kept: Document | None = None) -> None:
        """Show a lesson, with the learner's earlier work if there is any."""
        answer, lesson = kept or copied(running.start), running.lesson
        reanchor(answer, None)
        answer = copied(answer)  # without an undo step
        answer.path = None
        self._opening = True
        try:
            if running.is_preview:
                self._files.show_aside(answer, lesson.text("title"))
            else:
                self._files.begin_lesson(answer, lesson.text("title"))
        finally:
            self._opening = False
        self._running = running
        self._workspace.offered.limit(shown_ops(lesson))
        self._panel.started.emit()
        self._show_step()
        self._mark_live()
        QTimer.singleShot(0, self._panel, self._panel.fit_beside)  # after the page is shown

    def _own_part(self, course: Course, lesson_id: str) -> Document | None:
        """Return the part that the learner built in an earlier lesson of a course, or None."""
        entry = next((e for e in course.entries if e.id == lesson_id and not e.problem), None)
        if entry is None or not self.is_finished(entry.key):
            return None
        try:
            _, lesson = read_lesson(entry.path)
            solved = self.record.solved(lesson)
            return part_of(solved, lesson.builds) if solved and lesson.builds else None
        except NodeflowError as error:  # the given part serves as well
            log.warning("a part of %s is not used: %s", lesson_id, error)
            return None

    @Slot()
    def leave(self) -> None:
        """Keep the answer and close the lesson. The graph stays and is the learner's own."""
        running = self._running
        if running is None:
            return
        self._keep()
        self._running = None
        self._timer.stop()
        self._link.cancel_marking()
        self._workspace.offered.limit(None)
        self._panel.end()
        if running.is_preview:
            self._files.end_aside()
        else:
            self._files.lesson.end()

    @Slot()
    def _on_replaced(self) -> None:
        if not self._opening:
            if self._running is not None:
                self._running = None
                self._timer.stop()
                self._workspace.offered.limit(None)
            self._panel.end()

    @Slot()
    def _begin_again(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            if running.is_preview:
                self._run(replace(running, **AT_START))
            else:
                self.record.forget(running.lesson)
                self._open(running.course, running.entry)

    def _keep(self) -> None:
        running = self._running
        if running is not None and not running.is_preview:
            self.record.keep(running.lesson, running.step, self._workspace.root)

    # ---- steps --------------------------------------------------------------------------------

    @property
    def _step(self) -> Step | None:
        running = self._running
        if running is None or running.step >= len(running.lesson.steps):
            return None
        return running.lesson.steps[running.step]

    def _show_step(self) -> None:
        running = self._running
        assert running is not None
        lesson, step, count = running.lesson, self._step, len(running.lesson.steps)
        place = running.entry.place
        number = lesson.text("title") if place is None else f"Lesson {place}"
        number = "Preview" if running.is_preview else number
        if step is None:
            self._panel.show_step(
                Shown(
                    f"{number}, done",
                    f"{lesson.text('title')}: done",
                    lesson.text("done"),
                    count,
                    count,
                    next=self._next_text(),
                    explains=lesson.language.startswith("en"),
                )
            )
            self._panel.finished.emit(f"{lesson.text('title')}: done")
            return
        key = f"steps.{step.id}"
        prediction = None if running.answered else step.predict
        choices = step.predict.choices if step.predict and step.predict.kind == CHOICE else 0
        self._panel.show_step(
            Shown(
                f"{number}, step {running.step + 1} of {count}",
                lesson.text(f"{key}.title"),
                lesson.text(f"{key}.text"),
                running.step,
                count,
                prediction,
                lesson.text(f"{key}.question"),
                tuple(lesson.text(f"{key}.choices.{i}") for i in range(choices)),
                can_check=bool(step.checks),
                next="" if step.checks or step.predict or step.deed else "Next",
                points=step.points,
                picture=step.picture,
                described=lesson.text(f"{key}.picture"),
                explains=lesson.language.startswith("en"),
            )
        )

    def _next_text(self) -> str:
        following = self._following()
        return f"Next: {following.title}" if following else ""

    def _following(self) -> Entry | None:
        running = self._running
        return running.course.after(running.lesson) if running else None

    @Slot()
    def _go_on(self) -> None:
        """Go to the next step, or from the end to the next lesson."""
        if self._running is None:
            return
        if self._step is None:
            following = self._following()
            if following is not None:
                self._open(self._running.course, following)
            return
        self._advance()

    def _advance(self) -> None:
        running = self._running
        assert running is not None
        running.step += 1
        running.did, running.answered, running.tries, running.waiting = False, False, 0, None
        self._metrics = {}
        self._keep()
        if self._step is None and not running.is_preview:
            self.record.finish(running.lesson, self._workspace.root)
        self._show_step()
        self._look()

    def _look(self) -> None:
        """Go on if everything that the step asks for is done by edits or deeds."""
        running, step = self._running, self._step
        if running is None or step is None:
            return
        if step.predict is not None and not running.answered:
            return
        if not running.passed.issuperset(step.checks):
            return
        if step.deed is not None and not running.did:
            return
        if step.checks or step.deed is not None:
            self._advance()

    # ---- marking ------------------------------------------------------------------------------

    def _mark_live(self) -> None:
        self._checks = False
        self._ask(None)

    @Slot()
    def _check(self) -> None:
        """Run all checks of the step, also those that train."""
        if self._step is not None:
            self._checks = True
            self._panel.show_hint("Checking…")
            self._ask(self._step.checks)

    def _ask(self, checks: tuple[str, ...] | None) -> None:
        running = self._running
        if running is not None and self._link.is_up:
            self._timer.stop()
            self._keep()
            path = str(running.solution.path or "")
            self._request = self._link.mark_lesson(running.text, checks, running.seeds, path)
        elif running is not None:
            self._timer.start()

    @Slot(object)
    def _on_marked(self, message: p.LessonMarked | p.Failed) -> None:
        running = self._running
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
        if running.waiting is not None:
            given, running.waiting = running.waiting, None
            self._on_answer(given)
        before, checks = running.step, self._checks
        self._checks = False
        self._look()
        if checks and self._running is running and running.step == before:
            self._show_verdict(message)

    def _show_verdict(self, message: p.LessonMarked) -> None:
        """Show what a requested check found: a hint that grows with the tries."""
        running, step = self._running, self._step
        if running is None or step is None:
            return
        failed = [c for c in message.result.checks if c.id in step.checks and not c.passed]
        if not failed:
            self._panel.show_hint("That is right. Now do the rest of this step.")
            return
        running.tries += 1
        lesson, said = running.lesson, [failed[0].said]
        if running.tries > 1:
            for reached in message.result.milestones:
                said.append(f"{lesson.text(f'milestones.{reached}.found')}.")
        if message.result.twin and (running.tries > 1 or not message.result.milestones):
            said.append(lesson.text(f"twins.{message.result.twin}.hint"))
        self._panel.show_hint(
            "\n\n".join(filter(None, said)),
            running.tries > TRIES and not lesson.is_student_copy,
        )

    # ---- what the learner does ------------------------------------------------------------------

    @Slot(object)
    def _on_edited(self, change: Change) -> None:
        running = self._running
        if running is None or self._opening:
            return
        why = refusal(running.lesson, running.start, change)
        if why:
            QTimer.singleShot(0, self, self._take_back)  # the change is still being announced
            self._messages.show(why, "warning")
            return
        if not change.only_moves:
            self._panel.show_hint("")
            self._timer.start()

    @Slot()
    def _take_back(self) -> None:
        self._workspace.root.undo()

    @Slot(object)
    def _on_selected(self, _: object) -> None:
        nodes = self._workspace.document.nodes
        for name in [nodes[i].name for i in self._workspace.selection if i in nodes]:
            self._on_deed(SELECTED, name)

    @Slot(object)
    def _on_training(self, event: Event) -> None:
        if isinstance(event, Epoch):
            self._metrics.update(event.metrics)
        elif isinstance(event, (Done, Diverged)):
            self._on_deed(TRAINED, "")
            self._metrics = {}

    @Slot(bool)
    def on_sketched(self, by_hand: bool) -> None:
        """Note that the nodes show a picture that the learner drew."""
        if by_hand:
            self._on_deed(SKETCHED, "")

    def _on_deed(self, event: str, node: str) -> None:
        running, step = self._running, self._step
        deed = step.deed if step is not None else None
        if running is None or deed is None or step is None or deed.event != event:
            return
        if deed.node and deed.node != node:
            return
        if deed.metric:
            found = self._metrics.get(deed.metric)
            if found is None or not float(found) >= deed.at_least:
                self._panel.show_hint(
                    f"{deed.metric} has to reach {number(deed.at_least)}. Train longer or again."
                )
                return
        # a deed before the checks pass shows nothing: the slower rate has to be used
        if running.passed.issuperset(step.checks) or not step.checks:
            running.did = True
            self._look()

    @Slot(object)
    def _on_answer(self, given: Any) -> None:
        """Compare an answer with the right one, and show why that is right."""
        running, step = self._running, self._step
        if running is None or step is None or step.predict is None:
            return
        if step.id not in running.answers:
            running.waiting = given  # the engine has not computed it yet
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
            running.answered = True
            self._after_answer(f"Right. {why}")
        elif running.tries > 1:
            running.answered = True
            self._after_answer(why)
        else:
            if prediction.kind == CHOICE:
                self._panel.form.mark(answer)
            self._panel.show_hint("Not quite. Think again, and try once more.")

    def _after_answer(self, said: str) -> None:
        """Show the explanation; the learner goes on by a button, or by what the step asks for."""
        running, step = self._running, self._step
        assert running is not None and step is not None
        running.tries = 0
        self._show_step()
        self._panel.show_hint(said)
        if not step.checks and step.deed is None:
            self._panel.next_button.setText("Next")
            self._panel.next_button.show()
            self._panel.place()
            self._panel.setFocusProxy(self._panel.next_button)
            self._panel.next_button.setFocus()

    @Slot()
    def _show_solution(self) -> None:
        """Show the solution beside the learner's own graph."""
        if self._running is not None:
            SolutionDialog(self._window, self._running.solution, self._panel.theme).show()
