"""Questions and messages that interrupt the user.

They are few, and never precede an action that can be undone.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

import nodeflow
from nodeflow.drawing.message_text import brief
from nodeflow.errors import NodeflowError
from nodeflow.number_text import count, counted
from nodeflow.resources import notices
from nodeflow.train.saving.weights import Match
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.user_messages import in_window, listed
from nodeflow.ui.core.widgets.common_widgets import label, logo
from nodeflow.ui.core.widgets.escaped_text import in_title

SAVE, DISCARD, CANCEL = "save", "discard", "cancel"
RELOAD, OVERWRITE, COPY, COMPARE = "reload", "overwrite", "copy", "compare"
YES = "yes"

DO = QMessageBox.ButtonRole.AcceptRole
GIVE_UP = QMessageBox.ButtonRole.DestructiveRole
BACK = QMessageBox.ButtonRole.RejectRole
HELP = QMessageBox.ButtonRole.ActionRole
"""Roles of buttons: ``DO`` does the requested thing, ``GIVE_UP`` loses work, ``BACK`` does
nothing (like Escape), ``HELP`` helps to decide.
"""


def _ask(
    parent: QWidget,
    name: str,
    title: str,
    text: str,
    more: str,
    buttons: dict[str, tuple[str, QMessageBox.ButtonRole]],
    default: str,
    is_warning: bool = False,
) -> str:
    """Show a question and wait for the answer.

    Args:
        name: the object name of the box, for the style sheet and tests.
        buttons: text and role of the button for each answer.
        default: the answer that Enter gives, if it has a button.
    """
    box = _box(parent, name, title, text, more, is_warning)
    made = {answer: box.addButton(*button) for answer, button in buttons.items()}
    if default in made:
        box.setDefaultButton(made[default])
    box.exec()
    return next((a for a, button in made.items() if button is box.clickedButton()), CANCEL)


def _box(
    parent: QWidget, name: str, title: str, text: str, more: str, is_warning: bool
) -> QMessageBox:
    box = QMessageBox(parent)
    box.setObjectName(name)
    box.setIcon(QMessageBox.Icon.Warning if is_warning else QMessageBox.Icon.Question)
    box.setWindowTitle(in_title(title))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(brief(text))
    box.setInformativeText(brief(more))
    return box


def ask_unsaved(parent: QWidget, name: str, *also: str) -> str:
    """Ask what to do with unsaved changes: ``save``, ``discard`` or ``cancel``.

    Args:
        also: sentences about other losses, so that one question covers everything.
    """
    text = f"“{name}” has unsaved changes."
    return _ask(
        parent,
        "unsaved",
        "Unsaved changes",
        " ".join((text, *also)),
        "Your changes will be lost if you do not save them."
        if not also
        else "All of this will be lost if you do not save it. Weights are saved beside the graph.",
        {SAVE: ("Save", DO), DISCARD: ("Discard", GIVE_UP), CANCEL: ("Cancel", BACK)},
        SAVE,
    )


def ask_changed(parent: QWidget, name: str, saving: bool, *also: str) -> str:
    """Ask which version of a file to keep: ``reload``, ``overwrite``, ``copy`` or ``cancel``.

    If the user wants to see the differences, the answer is ``compare``; the caller then asks again.

    Args:
        saving: whether the question interrupts a save.
        also: sentences about other losses of a reload.
    """
    return _ask(
        parent,
        "changedFile",
        "Two versions of one file",
        f"“{name}” was changed outside this window, and your version differs.",
        "Save a copy keeps both files. Overwrite saves your version in this file, Reload shows the "
        "other version. The replaced version is kept, and you can open it later."
        + _lost_by_reload(also),
        {
            COPY: ("Save a copy…", DO),
            OVERWRITE: ("Overwrite", GIVE_UP),
            RELOAD: ("Reload", GIVE_UP),
            COMPARE: ("Compare…", HELP),
            CANCEL: ("Cancel" if saving else "Later", BACK),
        },
        COPY,
        is_warning=True,
    )


def _lost_by_reload(also: tuple[str, ...]) -> str:
    return "".join(f" {text} A reload loses it." for text in also)


def ask_revert(parent: QWidget, name: str, *also: str) -> str:
    """Ask whether to discard the changes since the last save: ``reload`` or ``cancel``.

    Args:
        also: sentences about other losses of a reload.
    """
    return _ask(
        parent,
        "revertFile",
        "Reload",
        f"Reload the last saved version of “{name}”?",
        "Your version is kept, and you can open it later." + _lost_by_reload(also),
        {RELOAD: ("Reload", GIVE_UP), CANCEL: ("Cancel", BACK)},
        CANCEL,
    )


def ask_open_elsewhere(parent: QWidget, name: str) -> bool:
    """Ask whether to save over a file that another window has open."""
    answer = _ask(
        parent,
        "openElsewhere",
        "Open in another window",
        f"“{name}” is open in another window.",
        "Replace it? The other window shows a notice and keeps its version.",
        {OVERWRITE: ("Replace", GIVE_UP), CANCEL: ("Cancel", BACK)},
        CANCEL,
        is_warning=True,
    )
    return answer == OVERWRITE


def ask_blocked_save(parent: QWidget, obstacle: str) -> bool:
    """Ask whether to save elsewhere, because the file cannot be written.

    Args:
        obstacle: the reason.
    """
    answer = _ask(
        parent,
        "blockedSave",
        "The graph was not saved",
        obstacle,
        "The file is unchanged. Save the graph under another name, or allow writing first.",
        {COPY: ("Save as…", DO), CANCEL: ("Cancel", BACK)},
        COPY,
        is_warning=True,
    )
    return answer == COPY


def ask_delete_runs(parent: QWidget, names: list[str]) -> bool:
    """Ask whether to delete runs for good."""
    what = f"“{names[0]}”" if len(names) == 1 else counted(len(names), "run")
    answer = _ask(
        parent,
        "deleteRuns",
        "Delete runs",
        f"Delete {what}?",
        "Curves, graph and weights are deleted and cannot be brought back.",
        {YES: ("Delete", GIVE_UP), CANCEL: ("Cancel", BACK)},
        CANCEL,
        is_warning=True,
    )
    return answer == YES


def ask_end_sweep(parent: QWidget, text: str) -> bool:
    """Ask whether to end the sweep that the text describes; return the answer."""
    answer = _ask(
        parent,
        "endSweep",
        "A sweep is running",
        text,
        "A sweep ends with its window. Its runs so far are kept.",
        {YES: ("End the sweep", GIVE_UP), CANCEL: ("Stay", BACK)},
        CANCEL,
        is_warning=True,
    )
    return answer == YES


def ask_unsaved_weights(parent: QWidget, name: str, *also: str) -> str:
    """Ask what to do with unsaved weights: ``save``, ``discard`` or ``cancel``.

    Args:
        also: sentences about other work that would end.
    """
    return _ask(
        parent,
        "unsavedWeights",
        "Unsaved weights",
        " ".join((f"The trained weights of “{name}” are not saved.", *also)),
        "Save the weights to continue from them later. Otherwise training starts from scratch.",
        {SAVE: ("Save weights…", DO), DISCARD: ("Discard", GIVE_UP), CANCEL: ("Cancel", BACK)},
        SAVE,
    )


def unmatched(match: Match, most: int = 8) -> list[str]:
    """Return sentences about the tensors of a weights file that do not fit.

    >>> unmatched(Match({}, missing=("b", "W"), unused=("V",)))
    ['Not in the file: b and W.', 'Only in the file: V.']
    """
    other = [f"{name} ({text})" for name, text in match.other.items()]
    parts = {
        "Another shape": other,
        "Not in the file": match.missing,
        "Only in the file": match.unused,
    }
    return [f"{what}: {listed(names, most)}." for what, names in parts.items() if names]


def ask_use_data(parent: QWidget, name: str) -> bool:
    """Ask whether to use an opened data file as a dataset. Return the answer."""
    answer = _ask(
        parent,
        "useData",
        name,
        "This is a data file. Use it as a dataset?",
        f"A graph that learns from {name} is made in three steps.",
        {YES: ("Use as a dataset", DO), CANCEL: ("Cancel", BACK)},
        YES,
    )
    return answer == YES


def ask_resume(parent: QWidget, name: str, step: int) -> str:
    """Ask what to do with a training that a crash interrupted: ``yes``, ``discard`` or
    ``cancel``."""
    return _ask(
        parent,
        "resume",
        "Continue the training",
        f"nodeflow quit unexpectedly while “{name}” was trained. Continue the training?",
        f"It continues at step {count(step)}, as if it had not been interrupted.",
        {YES: ("Continue", DO), DISCARD: ("Discard", GIVE_UP), CANCEL: ("Later", BACK)},
        YES,
    )


def show_problem(parent: QWidget, title: str, error: BaseException) -> None:
    """Show a NodeflowError: place, message and hint."""
    text = str(error)
    if isinstance(error, NodeflowError):
        where = f"{error.where}: " if error.where else ""
        hint = f"\n\n{in_window(error.hint)}" if error.hint else ""
        text = f"{where}{in_window(error.message)}{hint}"
    _box(parent, "problemBox", title, title, text, is_warning=True).exec()


class ErrorDialog(QDialog):
    """The report of an unexpected error: the message, a text that nothing is lost, and details
    for a report.
    """

    def __init__(self, parent: QWidget | None, log_path: str) -> None:
        super().__init__(parent)
        self.setObjectName("errorDialog")
        self.setWindowTitle("Something went wrong")
        self.setMinimumWidth(560)
        self._summary = label("", wrap=True)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Details")
        self.details.setProperty("role", "mono")
        self.details.setMinimumHeight(220)
        self.details.hide()
        text = "Your graph is untouched, and you can go on working. Saving now is a good idea."
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._show = QPushButton("Show details")
        self._show.clicked.connect(self._on_details)
        copy = QPushButton("Copy details")
        copy.clicked.connect(self._on_copy)
        buttons.addButton(self._show, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.hide)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        layout.setSpacing(SPACE[3])
        layout.addWidget(label("Something went wrong inside nodeflow", "title"))
        layout.addWidget(self._summary)
        layout.addWidget(label(text, "muted", wrap=True))
        layout.addWidget(self.details)
        layout.addWidget(label(f"Also in the log: {log_path}", "caption", wrap=True))
        layout.addWidget(buttons)

    def add(self, error: BaseException, details: str) -> None:
        """Show an error. Several errors at once share one dialog."""
        text = f"{type(error).__name__}: {error}"
        if self.isVisible():
            self.details.appendPlainText(f"\n{details}")
            return
        self._summary.setText(text)
        self.details.setPlainText(details)
        self.show()

    def _on_details(self) -> None:
        self.details.show()
        self._show.hide()

    def _on_copy(self) -> None:
        self.details.selectAll()
        self.details.copy()


class ShortcutsDialog(QDialog):
    """A list of all keys of the actions, and of the mouse on the canvas."""

    POINTER = (
        ("Double click on the background", "Search and add a node"),
        ("Shift and Enter in the search", "Add the node alone"),
        ("Wheel", "Zoom around the pointer"),
        ("Middle button", "Pan"),
        ("Drag from a port", "Draw a wire"),
        ("Drag a node over a wire", "Insert it"),
        ("Shake a node while dragging", "Detach it from its wires"),
        ("Alt while dragging", "Move freely: no grid, no guides, over other nodes"),
        ("Double click on a node", "Open a subgraph, layer, optimizer or data set"),
        ("Double click on a title", "Rename a node that does not open, or a frame"),
        ("Double click on a wire", "Add a dot; on a dot, remove it"),
        ("Ctrl and right drag", "Cut the wires that the stroke crosses"),
    )

    def __init__(self, parent: QWidget, actions: ActionSet) -> None:
        super().__init__(parent)
        self.setObjectName("shortcuts")
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(560, 620)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE[5])
        grid.setVerticalSpacing(SPACE[1])
        rows = [
            (s.on_canvas, actions.all_keys_text(s.id), s.text.rstrip("…")) for s in actions.specs
        ]
        window = [(keys, text) for on_canvas, keys, text in rows if keys and not on_canvas]
        canvas = [(keys, text) for on_canvas, keys, text in rows if keys and on_canvas]
        everything = (("Window", window), ("Canvas", canvas), ("Mouse", self.POINTER))
        for heading, entries in everything:
            grid.addWidget(label(heading, "strong"), grid.rowCount(), 0, 1, 2)
            for keys, text in entries:
                row = grid.rowCount()
                grid.addWidget(label(keys, "mono"), row, 0)
                grid.addWidget(label(text), row, 1)
        grid.setColumnStretch(1, 1)
        content = QWidget()
        content.setLayout(grid)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll)
        layout.addWidget(buttons)


class AboutDialog(QDialog):
    """A dialog with the program's name, version and licences."""

    def __init__(self, parent: QWidget) -> None:

        super().__init__(parent)
        self.setObjectName("about")
        self.setWindowTitle("About nodeflow")
        sign = QLabel()
        sign.setPixmap(logo(72))
        sign.setAccessibleName("The nodeflow logo")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[6], SPACE[6], SPACE[6], SPACE[4])
        layout.setSpacing(SPACE[2])
        center = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(sign, 0, center)
        layout.addWidget(label(f"nodeflow {nodeflow.__version__}", "title"), 0, center)
        text = "TensorFlow 1's ideas, live on screen. MIT licence."
        layout.addWidget(label(text, "muted"), 0, center)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.licences = QPushButton("Licences")
        buttons.addButton(self.licences, QDialogButtonBox.ButtonRole.ActionRole)
        self.licences.clicked.connect(self._show_licences)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    @Slot()
    def _show_licences(self) -> None:
        LicencesDialog(self).open()


class LicencesDialog(QDialog):
    """A dialog with the licences of nodeflow and of everything that is installed with it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Licences")
        self.text = QPlainTextEdit(notices(), readOnly=True)
        self.text.setAccessibleName("Licences")
        self.text.setProperty("role", "mono")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.addWidget(self.text)
        layout.addWidget(buttons)
        self.resize(760, 560)
