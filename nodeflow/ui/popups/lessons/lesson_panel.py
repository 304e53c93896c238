"""The panel of a lesson over the canvas: one step at a time, questions, and hints.

It shows what the controller tells it, and holds no state of the lesson.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.lessons.schema import Prediction
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.core.widgets.explained_text import ExplainedText
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.lessons.question_form import QuestionForm
from nodeflow.ui.popups.lessons.step_picture import pixmap_of

WIDTH = 348
PICTURE = QSize(WIDTH - 2 * SPACE[4], 180)
"""The size of the largest picture of a step."""


@dataclass(frozen=True)
class Shown:
    """What the panel shows.

    Attributes:
        place: such as ``Lesson 2 of 13, step 1 of 4``.
        done, steps: the number of finished steps, and of all.
        question: the question of the step, until it is answered.
        can_check: whether the step has checks.
        next: the text of the button that goes on; empty for none.
        points: the op in the palette that the step uses; empty for none.
        picture: a PNG or JPEG picture of the step; empty for none.
        described: the picture in words.
        explains: whether words of the glossary are explained, which is in English.
    """

    place: str
    title: str
    text: str
    done: int
    steps: int
    prediction: Prediction | None = None
    question: str = ""
    choices: tuple[str, ...] = ()
    can_check: bool = False
    next: str = ""
    points: str = ""
    picture: bytes = b""
    described: str = ""
    explains: bool = True


class LessonPanel(QFrame):
    """The panel.

    Signals:
        started: a lesson begins.
        pointed(op id): show this op in the palette, because the step uses it; "" for none.
        finished(text): all steps are done.
        left: the learner closes the lesson.
        check_requested, next_requested, restart_requested, solution_requested: the buttons.
        answered(answer): the learner answered the question, by text or by the index of a choice.
    """

    started = Signal()
    pointed = Signal(str)
    finished = Signal(str)
    left = Signal()
    check_requested = Signal()
    next_requested = Signal()
    restart_requested = Signal()
    solution_requested = Signal()
    answered = Signal(object)

    def __init__(self, canvas: CanvasView, themes: ThemeManager) -> None:
        super().__init__(canvas)
        self.setObjectName("lesson")
        self.setFixedWidth(WIDTH)
        self._canvas = canvas
        self._explains = True
        self.theme = themes.theme
        self._place = label("", "caption")
        self._title = label("", "strong", wrap=True)
        self._text = ExplainedText("muted")
        self._hint = ExplainedText()
        self._hint.setObjectName("lessonHint")
        self._bar = QProgressBar()
        self._bar.setAccessibleName("Progress of the lesson")
        self._bar.setTextVisible(False)
        self._cross = QToolButton()
        self._cross.setToolTip("Leave the lesson. Your work is kept.")
        self._cross.setAccessibleName("Leave the lesson")
        self._cross.clicked.connect(self.left)
        self._again = QToolButton()
        self._again.setToolTip("Begin the lesson again")
        self._again.setAccessibleName("Begin the lesson again")
        self._again.clicked.connect(self.restart_requested)
        head = QHBoxLayout()
        head.addWidget(self._place)
        head.addStretch(1)
        head.addWidget(self._again)
        head.addWidget(self._cross)
        self.picture = label()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.form = QuestionForm()
        self.form.answered.connect(self.answered)
        self.check_button = button("Check", "", self.check_requested.emit)
        self.solution_button = button("Show the solution", "link", self.solution_requested.emit)
        self.next_button = button("", "primary", self.next_requested.emit)
        buttons = QHBoxLayout()
        buttons.addWidget(self.check_button)
        buttons.addWidget(self.solution_button)
        buttons.addStretch(1)
        buttons.addWidget(self.next_button)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[2], SPACE[4], SPACE[4])
        layout.setSpacing(SPACE[2])
        layout.addLayout(head)
        for widget in (self._title, self._text, self.picture, self.form, self._hint):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self._bar)
        canvas.viewport.panel = self._covered
        themes.follow(self.set_theme)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.hide()

    @property
    def _word_color(self) -> str:
        return self.theme.color("ink").name() if self._explains else ""

    @property
    def text(self) -> ExplainedText:
        """The text of the shown step."""
        return self._text

    @property
    def title(self) -> str:
        """The title of the shown step."""
        return self._title.text()

    @property
    def hint(self) -> str:
        """The shown hint; empty for none."""
        return "" if self._hint.isHidden() else self._hint.plain

    def show_step(self, shown: Shown) -> None:
        """Show a step, without a hint. If the panel has the focus, it goes to what the step waits
        for, or else to the canvas.
        """
        had_focus = self._has_focus()
        self._place.setText(shown.place)
        self._title.setText(shown.title)
        self._explains = shown.explains
        self._text.show_text(shown.text, self._word_color)
        self._show_picture(shown)
        self._bar.setRange(0, max(1, shown.steps))
        self._bar.setValue(shown.done)
        self.form.forget()
        if shown.prediction is not None:
            self.form.ask(shown.prediction, shown.question, list(shown.choices))
        self.form.setVisible(shown.prediction is not None)
        self.check_button.setVisible(shown.can_check)
        self.solution_button.hide()
        self.next_button.setText(shown.next)
        self.next_button.setVisible(bool(shown.next))
        self.show_hint("")
        self.show()
        self.raise_()
        self.setFocusProxy(self._awaited() or self.check_button)
        if had_focus:
            (self._awaited() or self._canvas).setFocus()
        self.pointed.emit(shown.points)

    def _show_picture(self, shown: Shown) -> None:
        ratio = self.devicePixelRatioF()
        pixmap = pixmap_of(shown.picture, PICTURE, ratio) if shown.picture else QPixmap()
        self.picture.setPixmap(pixmap)
        self.picture.setAccessibleName(shown.described)
        self.picture.setToolTip(plain_tip(shown.described))
        self.picture.setVisible(not pixmap.isNull())

    def _has_focus(self) -> bool:
        focus = QApplication.focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    def _awaited(self) -> QWidget | None:
        """Return the field, choice or button with which the learner answers the step. Return None
        if the learner edits the graph instead.
        """
        choices = [choice for choice in self.form.choices if choice.isEnabled()]
        if self.form.field is not None or choices:
            return self.form.field or choices[0]
        return self.next_button if self.next_button.text() else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Consume keys that a button ignores, because on the canvas below they would edit the
        graph. Escape leads back to the canvas.
        """
        if event.key() == Qt.Key.Key_Escape:
            self._canvas.setFocus()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            focus = self.focusWidget()
            if isinstance(focus, QAbstractButton):
                focus.click()
        event.accept()

    def show_hint(self, text: str, offers_solution: bool = False) -> None:
        """Show a hint below the text of the step; an empty one removes it."""
        self._hint.show_text(text, self._word_color)
        self._hint.setVisible(bool(text))
        self.solution_button.setVisible(offers_solution)
        self.place()
        QTimer.singleShot(0, self, self.place)  # after the layout knows new children

    def offer_next(self) -> None:
        """Show the button that goes on, with the focus."""
        self.next_button.setText("Next")
        self.next_button.show()
        self.place()
        self.setFocusProxy(self.next_button)
        self.next_button.setFocus()

    def end(self) -> None:
        """Hide the panel."""
        if not self.isHidden():
            self.hide()
            self.pointed.emit("")

    def place(self) -> None:
        """Place the panel in the lower left corner of the canvas."""
        self._layout.activate()
        self.resize(WIDTH, self._layout.totalHeightForWidth(WIDTH))
        bottom = self._canvas.height() - self.height() - SPACE[4]
        self.move(QPoint(SPACE[4], max(SPACE[4], bottom)))

    def fit_graph(self) -> None:
        """Show the whole graph beside the panel."""
        self._canvas.viewport.fit_all()

    def _covered(self) -> QRectF:
        """Return the part of the canvas that the panel covers; empty if it is hidden."""
        return QRectF() if self.isHidden() else QRectF(self.geometry())

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        for shown in (self._text, self._hint):
            shown.show_text(shown.plain, self._word_color)
        self._cross.setIcon(icon("x", theme, "ink_faint", 14))
        self._again.setIcon(icon("rotate-ccw", theme, "ink_faint", 14))
