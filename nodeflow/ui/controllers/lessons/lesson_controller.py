"""The running lesson: it begins, is left, and begins again.

The duties while it runs lie in classes of their own: the steps, marks of the answer, questions,
deeds, and refused edits.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.lessons.courses import Course, Entry, read_lesson, single_lesson
from nodeflow.lessons.parts import part_of, with_own_parts
from nodeflow.lessons.rules import shown_ops
from nodeflow.lessons.schema import lesson_of
from nodeflow.lessons.start import copied, start_of
from nodeflow.lessons.translation import quietly_translated
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.lessons.answer_marks import AnswerMarks
from nodeflow.ui.controllers.lessons.edit_guard import EditGuard
from nodeflow.ui.controllers.lessons.lesson_deeds import LessonDeeds
from nodeflow.ui.controllers.lessons.lesson_questions import LessonQuestions
from nodeflow.ui.controllers.lessons.lesson_record import LessonRecord
from nodeflow.ui.controllers.lessons.lesson_steps import LessonSteps
from nodeflow.ui.controllers.lessons.running_lesson import RunningLesson
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.solution_dialog import SolutionDialog
from nodeflow.ui.popups.lessons.course import bundled, user_languages
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel

log = logging.getLogger(__name__)
SEEDS = 2**31 - 1
"""Secret seeds are smaller."""


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
        self._window, self._workspace = window, workspace
        self._files, self._panel, self._messages = files, panel, messages
        self._opening = False
        self._steps = LessonSteps(self, workspace, panel)
        self._marks = AnswerMarks(self, self._steps, link, panel, messages)
        self._deeds = LessonDeeds(self, self._steps, workspace, link, panel)
        questions = LessonQuestions(self, self._steps, panel)
        guard = EditGuard(self, self._steps, workspace, messages)
        guard.allowed.connect(self._deeds.forget)
        guard.allowed.connect(self._marks.mark_soon)
        self._marks.learned.connect(questions.judge_waiting)
        self._steps.lesson_requested.connect(self._open_following)
        workspace.replaced.connect(self._on_replaced)
        panel.left.connect(self.leave)
        panel.restart_requested.connect(self._begin_again)
        panel.solution_requested.connect(self._show_solution)

    @property
    def record(self) -> LessonRecord:
        """What the learner has done."""
        return self._steps.record

    def is_finished(self, lesson: str) -> bool:
        """Return whether the learner finished a lesson once, by its key."""
        return self.record.is_done(lesson)

    @property
    def running(self) -> str:
        """The id of the running lesson; empty for none."""
        return self._steps.running.lesson.id if self._steps.running else ""

    @property
    def is_preview(self) -> bool:
        """Whether the author of the shown lesson looks at it as a learner."""
        return self._steps.running is not None and self._steps.running.is_preview

    @property
    def step(self) -> int:
        """The index of the current step; the number of steps at the end."""
        return self._steps.running.step if self._steps.running else 0

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
        running = RunningLesson(course, entry, lesson, flow.dumps(solution), solution, start)
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
        self._run(
            RunningLesson(course, entry, lesson, text, solution, start, seeds, is_preview=True)
        )

    def _run(self, running: RunningLesson, kept: Document | None = None) -> None:
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
        self._steps.running = running
        self._workspace.offered.limit(shown_ops(lesson))
        self._panel.started.emit()
        self._steps.show()
        self._marks.mark()
        QTimer.singleShot(0, self._panel, self._panel.fit_graph)  # after the page is shown

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
        running = self._steps.running
        if running is None:
            return
        self._steps.keep()
        self._steps.running = None
        self._marks.stop()
        self._workspace.offered.limit(None)
        self._panel.end()
        if running.is_preview:
            self._files.end_aside()
        else:
            self._files.lesson.end()

    @Slot()
    def _on_replaced(self) -> None:
        if not self._opening:
            if self._steps.running is not None:
                self._steps.running = None
                self._marks.stop()
                self._workspace.offered.limit(None)
            self._panel.end()

    @Slot()
    def _begin_again(self) -> None:
        if self._steps.running is not None:
            running, self._steps.running = self._steps.running, None
            if running.is_preview:
                self._run(running.from_the_start())
            else:
                self.record.forget(running.lesson)
                self._open(running.course, running.entry)

    @Slot(object)
    def _open_following(self, entry: Entry) -> None:
        running = self._steps.running
        if running is not None:
            self._open(running.course, entry)

    @Slot(bool)
    def on_sketched(self, by_hand: bool) -> None:
        """Note that the nodes show a picture that the learner drew."""
        if by_hand:
            self._deeds.note_sketch()

    @Slot()
    def _show_solution(self) -> None:
        """Show the solution beside the learner's own graph."""
        if self._steps.running is not None:
            SolutionDialog(self._window, self._steps.running.solution, self._panel.theme).show()
