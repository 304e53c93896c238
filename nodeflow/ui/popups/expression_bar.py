"""The expression bar: a formula typed over the canvas becomes nodes.

The formula is checked while the user types: a mistake is underlined and explained, and unknown
names can be added as placeholders, variables or constants. Tab completes names of nodes and
ops, and the arrow keys recall earlier formulas.
"""

from __future__ import annotations

import re
from html import escape

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.formula.hints import call_around, is_unfinished
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.formula.parser import DECLARABLE, ExpressionError, parse_expression
from nodeflow.document.formula.planner import Plan
from nodeflow.graph.types import DTYPES
from nodeflow.number_text import counted
from nodeflow.ops import REGISTRY
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming import theme as themes
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.user_messages import in_window, listed
from nodeflow.ui.popups.search.fuzzy_match import score
from nodeflow.ui.popups.search.op_relevance import relevance

WIDTH = 760
CHECK_MS = 80
INDENT = 30
"""Distance of the field's text from its left end, after its icon, in pixels."""
SHOWN = 7
EXAMPLE = "a = (b + c) * (c + 2)"
_GO_ON = "Not finished yet."
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_/]*$")


class FormulaField(QLineEdit):
    """A one-line field in the monospace font, with a wavy line under a mistake.

    ``key(event)`` is called first and returns whether it handled the key.
    """

    stepped = Signal(int)
    completed = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("formulaField")
        self.setAccessibleName("Formula")
        self.setPlaceholderText(EXAMPLE)
        self.theme = theme
        self.fault: tuple[int, int] | None = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        if event.key() in steps:
            self.stepped.emit(steps[Qt.Key(event.key())])
        elif event.matches(QKeySequence.StandardKey.Paste):
            lines = QApplication.clipboard().text().strip().splitlines()
            self.insert("; ".join(line.strip() for line in lines if line.strip()))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Complete on Tab instead of moving the focus."""
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                self.completed.emit(1 if event.key() == Qt.Key.Key_Tab else -1)
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.fault is None:
            return
        metrics = self.fontMetrics()
        start = self.cursorRect().center().x()
        start -= metrics.horizontalAdvance(self.text()[: self.cursorPosition()])
        column, length = self.fault
        left = start + metrics.horizontalAdvance(self.text()[:column])
        width = metrics.horizontalAdvance(self.text()[column : column + length] or " ")
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.theme.color("error"), 1.5))
        y = self.height() / 2 + metrics.height() / 2 + 1
        points = [
            QPointF(left + x, y + (1.5 if i % 2 else -1.0))
            for i, x in enumerate(range(0, max(width, 6) + 1, 3))
        ]
        painter.drawPolyline(points)
        painter.end()


class ExpressionBar(QFrame):
    """The bar at the top of the canvas."""

    def __init__(
        self,
        canvas: CanvasView,
        workspace: Workspace,
        theme: Theme,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(canvas)
        self.setObjectName("expressionBar")
        self.setAccessibleName("Formula bar")
        self._canvas, self._workspace, self._settings = canvas, workspace, settings
        self.theme = theme
        self._history: list[str] = settings.formulas() if settings is not None else []
        self._at = len(self._history)
        self._draft = ""
        self._words: list[str] = []
        self._word_at = -1
        self._start = 0
        self._note_role = "ink_muted"
        self._sign = QLabel()
        self._sign.setAccessibleName("Formula")
        self.field = FormulaField(theme)
        self.field.textChanged.connect(self._on_text)
        self.field.cursorPositionChanged.connect(self._show_call)
        self.field.stepped.connect(self._step_history)
        self.field.completed.connect(self._complete)
        self.field.installEventFilter(self)
        self.add_button = QPushButton("Add")
        self.add_button.setProperty("kind", "primary")
        self.add_button.clicked.connect(self.accept)
        self.note = QLabel()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setObjectName("formulaNote")
        self.note.setWordWrap(True)
        self.call = QLabel()
        self.call.setObjectName("formulaCall")
        self.call.setWordWrap(True)
        self.words = QLabel()
        self.words.setObjectName("formulaWords")
        self.declare_buttons: dict[str, QPushButton] = {}
        self._check = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._check.timeout.connect(self.check)
        self._lay_out()
        canvas.installEventFilter(self)
        self.hide()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(SPACE[2])
        top.addWidget(self._sign)
        top.addWidget(self.field, 1)
        top.addWidget(self.add_button)
        self._offers = QWidget()
        offers = QHBoxLayout(self._offers)
        offers.setContentsMargins(INDENT, 0, 0, SPACE[1])
        offers.setSpacing(SPACE[2])
        self._offer = QLabel()
        self._offer.setTextFormat(Qt.TextFormat.PlainText)
        offers.addWidget(self._offer)
        for kind in DECLARABLE:
            each = QPushButton()
            each.setObjectName(kind)
            each.clicked.connect(self._on_declare)
            offers.addWidget(each)
            self.declare_buttons[kind] = each
        offers.addStretch(1)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[2], SPACE[2])
        layout.setSpacing(SPACE[1])
        layout.addLayout(top)
        for part in (self.call, self.words, self.note, self._offers):
            layout.addWidget(part)

    # ---- opening and closing ----------------------------------------------------------------

    def open(self) -> None:
        """Show the bar and focus it. An unfinished formula is still in it."""
        self._dress()
        self._show_call()
        self._at = len(self._history)
        self.show()
        self.raise_()
        self.check()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def close_bar(self) -> None:
        """Close the bar and focus the canvas."""
        self.hide()
        self._canvas.setFocus()

    def set_theme(self, theme: Theme) -> None:
        self.theme = self.field.theme = theme
        self._dress()
        self._color_note()
        self._show_words()
        self._show_call()

    def _dress(self) -> None:
        theme = self.theme
        self._sign.setPixmap(icon("square-function", theme, "accent").pixmap(20, 20))
        mono = themes.font_families()[1]
        self.field.setFont(themes.font(14, mono=True))
        for part in (self.call, self.note, self.words, self._offer):
            part.setFont(themes.font(12))
        self.setStyleSheet(
            f"#expressionBar {{ background: {theme.raised}; border: 1px solid "
            f"{theme.border_strong}; border-radius: 12px; }}"
            f"#formulaField {{ background: {theme.sunken}; color: {theme.ink}; border: 1px solid "
            f"{theme.border}; border-radius: 8px; padding: 7px 10px;"
            f' font-family: "{mono}"; font-size: 14px; }}'
            f"#formulaField:focus {{ border: 1px solid {theme.accent}; }}"
            f"#formulaCall {{ color: {theme.ink}; padding: 1px 0 0 30px; }}"
            f"#formulaWords {{ color: {theme.ink_muted}; padding: 1px 0 0 30px; }}"
            f"#formulaNote {{ padding: 1px 0 2px 30px; }}"
        )
        self.place()

    def place(self) -> None:
        """Place the bar at the top of the canvas, centred."""
        width = min(WIDTH, self._canvas.width() - 2 * SPACE[3])
        self.resize(width, self._layout.totalHeightForWidth(width))
        self.move((self._canvas.width() - width) // 2, SPACE[3])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self.place()
        if watched is self.field and event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.accept()
                return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Consume keys that a field or button ignores, because on the canvas below they would
        run actions.
        """
        focus = self.focusWidget()
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(
            focus, QPushButton
        ):
            focus.click()
        event.accept()

    # ---- checking ---------------------------------------------------------------------------

    def _on_text(self) -> None:
        self._word_at = -1
        self._find_words()
        self._check.start()

    def check(self) -> ExpressionError | None:
        """Show the nodes that Enter would add, or the mistake and its place. Return the mistake."""
        self._check.stop()
        text, problem, message, warning = self.field.text(), None, "", ""
        if text.strip():
            try:
                plan = parse_expression(self._workspace.document, self._workspace.analysis, text)
            except ExpressionError as error:
                problem = error
            else:
                message = f"Enter adds {counted(len(plan.nodes), 'node')}."
                warning = " ".join(plan.warnings)
                problem = self._beyond_lesson(plan)
        else:
            message = "Names are nodes, calls are ops. Tab completes, ↑ recalls the last formula."
        self._show(problem, f"{message} {warning}".strip(), bool(warning))
        return problem

    def _beyond_lesson(self, plan: Plan) -> ExpressionError | None:
        """Return a mistake if a formula needs an op that the lesson does not offer."""
        offered = self._workspace.offered
        op = next((node.op for node in plan.nodes if not offered.has(node.op)), None)
        if op is None:
            return None
        text = f"{op} is not offered in this lesson"
        return ExpressionError(text, hint=offered.note, length=len(self.field.text()))

    def _show(
        self, problem: ExpressionError | None, message: str, is_warning: bool = False
    ) -> None:
        unknown = problem.unknown if problem is not None else ()
        unfinished = problem is not None and is_unfinished(self.field.text())
        wrong = problem is not None and not unfinished and not unknown
        self._note_role = "error" if wrong else "warning" if is_warning else "ink_muted"
        if problem is not None:
            message = _GO_ON if unfinished else _sentence(problem)
        self.note.setText(message)
        self._color_note()
        self.field.fault = None
        if problem is not None and not unfinished and self.field.text().strip():
            self.field.fault = (problem.column, problem.length)
        self.field.update()
        self._offers.setVisible(bool(unknown))
        if unknown:
            self._offer.setText(f"Add {listed(unknown)} as")
            for kind, each in self.declare_buttons.items():
                each.setText(f"{kind}s" if len(unknown) > 1 else kind)
                each.setVisible(self._workspace.offered.has(kind))
        self.add_button.setEnabled(problem is None and bool(self.field.text().strip()))
        self.place()

    def _color_note(self) -> None:
        self.note.setStyleSheet(f"color: {getattr(self.theme, self._note_role)};")

    # ---- completing -------------------------------------------------------------------------

    def _show_call(self) -> None:
        """Show the parameters of the op whose call is being typed, with the current one marked."""
        found = call_around(self.field.text(), self.field.cursorPosition())
        self.call.setVisible(found is not None)
        if found is not None:
            marked = f"<b style='color: {self.theme.accent}'>%s</b>"
            shown = [
                (marked % escape(each)) if index == found.current else escape(each)
                for index, each in enumerate(found.arguments)
            ]
            self.call.setText(f"{escape(found.op)}({', '.join(shown)})")
        self.place()

    def _find_words(self) -> None:
        """Find names of nodes and ops that complete the word before the cursor."""
        match = _WORD.search(self.field.text()[: self.field.cursorPosition()])
        word = match[0] if match else ""
        self._words = self._words_for(word)
        self._start = match.start() if match else 0
        if not self._words and "/" in word:  # a division, or a name in a scope
            last = word.rsplit("/", 1)[1]
            self._start += len(word) - len(last)
            self._words = self._words_for(last)
        self._show_words()

    def _words_for(self, word: str) -> list[str]:
        found: list[str] = []
        if word:
            plain = [*self._workspace.document.names, *DTYPES]
            ops = self._workspace.offered.among([op for op in REGISTRY if not op.hidden])
            values = [(score(word, name), name) for name in plain]
            values += [(relevance(word, op), op.call_name) for op in ops]
            scored = []
            for place, (value, name) in enumerate(values):
                if value >= 0.6 and name != word:
                    scored.append((-value, place, name))
            found = list(dict.fromkeys(name for *_, name in sorted(scored)))[:SHOWN]
        return found

    def _show_words(self) -> None:
        shown = []
        for place, name in enumerate(self._words):
            marked = place == self._word_at
            style = f"color: {self.theme.accent}; font-weight: 600" if marked else ""
            shown.append(f"<span style='{style}'>{escape(name)}</span>")
        self.words.setText(f"Tab:&nbsp; {'&nbsp;&nbsp; '.join(shown)}" if shown else "")
        self.words.setVisible(bool(shown))
        self.place()

    def _complete(self, step: int) -> None:
        """Replace the word before the cursor by the next completion."""
        if not self._words:
            return
        words, at = self._words, self._word_at + step
        self._word_at = at = at % len(words)
        cursor = self.field.cursorPosition()
        text = self.field.text()
        start = self._start
        self.field.blockSignals(True)
        self.field.setText(text[:start] + words[at] + text[cursor:])
        self.field.setCursorPosition(start + len(words[at]))
        self.field.blockSignals(False)
        self._show_words()
        self._check.start()

    # ---- history ----------------------------------------------------------------------------

    def _step_history(self, step: int) -> None:
        if not self._history:
            return
        if self._at == len(self._history):
            self._draft = self.field.text()
        self._at = max(0, min(len(self._history), self._at + step))
        last = self._at == len(self._history)
        self.field.setText(self._draft if last else self._history[self._at])

    def _remember(self, text: str) -> None:
        self._history = [*(t for t in self._history if t != text), text][-50:]
        self._at = len(self._history)
        if self._settings is not None:
            self._settings.set_formulas(self._history)

    # ---- adding -----------------------------------------------------------------------------

    def accept(self) -> None:
        """Add the nodes of the formula, select them, and return to the canvas.

        If the formula uses unknown names, add nothing; focus the first of the buttons that define
        these names.
        """
        if not self.field.text().strip():
            return
        problem = self.check()
        if problem is None:
            self._add(None)
        elif problem.unknown:
            self.declare_buttons[DECLARABLE[0]].setFocus(Qt.FocusReason.TabFocusReason)

    def _on_declare(self) -> None:
        self._add(self.sender().objectName())

    def _add(self, declare: str | None) -> None:
        canvas, text = self._canvas, self.field.text()
        scene = canvas.scene
        sizes = {i: tuple(scene.sizes[scene.nodes.take(i)].tolist()) for i in scene.nodes}
        middle = canvas.viewport.camera.to_scene(QPointF(canvas.width() / 2, canvas.height() / 2))
        center = (middle.x(), middle.y())
        workspace = self._workspace
        try:
            ids = add_expression(
                workspace.document, workspace.analysis, text, center, sizes, declare
            )
        except ExpressionError as error:
            self._show(error, "")
            self.field.setFocus()
            return
        self._remember(text.strip())
        self.field.clear()
        self.close_bar()
        canvas.selection.select(ids)
        canvas.viewport.ensure_visible(*ids)


def _sentence(problem: ExpressionError) -> str:
    text = f"{problem.message[:1].upper()}{problem.message[1:]}".rstrip(".")
    return f"{text}. {in_window(problem.hint)}" if problem.hint else f"{text}."
