"""The part of the welcome page with the courses: their lessons, and what the learner has done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.lessons.archives import ENDING
from nodeflow.lessons.courses import Course, Entry
from nodeflow.paths import offered_courses
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.widgets.common_widgets import FlowLayout, button, clear, label, switch, tool
from nodeflow.ui.core.widgets.escaped_text import on_button
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.lessons.course import courses


class LearnSection(QWidget):
    """The courses.

    Signals:
        lesson_requested(course, entry): the user wants to begin a lesson.

    Args:
        finished: returns whether the learner finished a lesson, by its key.
    """

    lesson_requested = Signal(object, object)

    def __init__(self, settings: Settings, theme: Theme, finished: Callable[[str], bool]) -> None:
        super().__init__()
        self._settings, self._theme, self._finished = settings, theme, finished
        self.lesson_buttons: list[QPushButton] = []
        self._courses: list[Course] = []
        self._entries: list[Entry] = []
        self.progress_labels: list[QLabel] = []
        self.remove_buttons: list[QToolButton] = []
        self._title = label("Learn", "title")
        self.open_button = button("Open a course…", "link", self._choose)
        self.open_button.setToolTip("Add a folder or zip with lessons to this list")
        self._lists = QVBoxLayout()
        self._lists.setSpacing(SPACE[3])
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addLayout(head)
        layout.addLayout(self._lists)
        self.refresh()

    def refresh(self) -> None:
        """Read the courses again, and show what is finished."""
        found = courses(self._settings)
        if found != self._courses:
            self._courses = found
            self._make()
        self._show_finished()

    def add(self, source: Path) -> None:
        """Add a course, and give its first unfinished lesson the focus."""
        self._settings.add_course(source)
        self.refresh()
        of_course = next((c for c in self._courses if c.source == source.resolve()), None)
        # new buttons are shown by the next event
        QTimer.singleShot(0, self, partial(self.focus_unfinished, of_course))

    def focus_unfinished(self, course: Course | None = None) -> None:
        """Give the first unfinished lesson of a course, or of all, the focus."""
        pairs = [
            (entry, begin)
            for entry, begin in zip(self._entries, self.lesson_buttons, strict=True)
            if not entry.problem and (course is None or entry in course.entries)
        ]
        waiting = [begin for entry, begin in pairs if not self._finished(entry.key)]
        buttons = waiting or [begin for _, begin in pairs]
        if buttons:
            buttons[0].setFocus()

    # ---- construction -----------------------------------------------------------------------

    def _make(self) -> None:
        clear(self._lists)
        self.lesson_buttons, self._entries = [], []
        self.progress_labels, self.remove_buttons = [], []
        offered = offered_courses()
        for course in self._courses:
            is_own = course is not self._courses[0] and course.source not in offered
            self._lists.addLayout(self._list(course, is_own))

    def _list(self, course: Course, is_own: bool) -> QVBoxLayout:
        title = label(course.title, "strong")
        title.setToolTip(plain_tip(str(course.source) if course is not self._courses[0] else ""))
        progress = label("", "caption")
        self.progress_labels.append(progress)
        head = QHBoxLayout()
        head.setSpacing(SPACE[2])
        head.addWidget(title)
        head.addWidget(progress)
        if is_own:
            forget = tool("x", f"Remove {course.title} from this list", self._theme, "ink_faint")
            forget.clicked.connect(partial(self._forget, course.source))
            head.addWidget(forget)
            self.remove_buttons.append(forget)
        head.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(SPACE[1])
        column.addLayout(head)
        if course.problem:
            column.addWidget(label(course.problem, "muted", wrap=True))
            return column
        row = FlowLayout(3)
        for entry in course.entries:
            begin = button("", "", partial(self.lesson_requested.emit, course, entry))
            minutes = f"About {entry.minutes} minutes."
            switch(begin, plain_tip(entry.problem), plain_tip(f"{entry.summary} {minutes}"))
            begin.setMinimumHeight(32)
            self.lesson_buttons.append(begin)
            self._entries.append(entry)
            row.addWidget(begin)
        column.addLayout(row)
        return column

    def _show_finished(self) -> None:
        for entry, begin in zip(self._entries, self.lesson_buttons, strict=True):
            done = not entry.problem and self._finished(entry.key)
            number = "" if entry.place is None else f"{entry.place}. "
            begin.setText(on_button(f" {number}{entry.title}"))
            begin.setAccessibleName(
                f"Lesson {number.replace('. ', ': ')}{entry.title}{', done' * done}"
            )
            picture, color = ("circle-check", "ok") if done else ("graduation-cap", "accent")
            begin.setIcon(icon(picture, self._theme, color, 16))
        for course, progress in zip(self._courses, self.progress_labels, strict=True):
            done = sum(self._finished(e.key) for e in course.entries if not e.problem)
            progress.setText(f"{done} of {len(course.entries)} done" if course.entries else "")

    # ---- own courses --------------------------------------------------------------------------

    def _choose(self) -> None:
        menu = QMenu(self)
        menu.addAction("A folder…", self._choose_folder)
        menu.addAction("A zip file…", self._choose_zip)
        menu.popup(self.open_button.mapToGlobal(QPoint(0, self.open_button.height())))

    def _choose_folder(self) -> None:
        start = str(self._settings.last_folder())
        chosen = QFileDialog.getExistingDirectory(self, "Open a course", start)
        if chosen:
            self.add(Path(chosen))

    def _choose_zip(self) -> None:
        start = str(self._settings.last_folder())
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Open a course", start, f"Courses (*{ENDING})"
        )
        if chosen:
            self.add(Path(chosen))

    def _forget(self, source: Path) -> None:
        self._settings.remove_course(source)
        self.refresh()
        self.open_button.setFocus()
