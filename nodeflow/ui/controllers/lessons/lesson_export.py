"""Checks the lesson of the open document, and writes its copy for students."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.errors import NodeflowError
from nodeflow.host import protocol as p
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.popups.dialogs import confirmation_dialogs

RIGHT = "The solution passes all checks, and each mistake is told from it."
CANCEL = "lesson_cancel"


class LessonExport(QObject):
    """The actions *Check the lesson* and *Export for students*. The engine process does the work.

    Args:
        blocked: returns why the open document is no lesson that can be edited, or None.
    """

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        link: EngineLink,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
        blocked: Callable[[], Blocked | None],
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._link = window, workspace, link
        self._settings, self._messages, self._actions = settings, messages, actions
        self._authored = blocked
        self._request = 0
        self._path: Path | None = None
        actions.bind(
            {
                "lesson_check": Binding(self._check, self._blocked),
                "lesson_export": Binding(self._export, self._blocked),
                CANCEL: Binding(self._cancel, self._not_running),
            }
        )
        link.lessons.connect(self._on_message)
        workspace.replaced.connect(self._forget)

    def _blocked(self) -> Blocked | None:
        if why := self._authored():
            return why
        if not self._link.is_up:
            return Blocked("The engine is not running.", "restart_engine")
        if not self._workspace.root.lesson.get("checks"):
            return Blocked("The lesson has no check. Select a node.", "lesson_required")
        return None

    def _not_running(self) -> Blocked | None:
        return None if self._request else Blocked("No lesson is being checked.")

    def _check(self) -> None:
        self._ask(None)

    def _export(self) -> None:
        """Ask for the file of the copy, and have the copy made."""
        root = self._workspace.root
        start = root.path or self._settings.last_folder() / self._workspace.title
        chosen, _ = QFileDialog.getSaveFileName(
            self._window,
            "Export for students",
            str(start.with_name(f"{start.stem}-for-students.flow")),
            "Graphs (*.flow)",
        )
        if not chosen:
            return
        path = Path(chosen)
        path = path if path.suffix else path.with_suffix(".flow")
        if root.path is not None and path.resolve() == root.path.resolve():
            self._messages.show("The copy would replace the lesson. Choose another name.", "error")
            return
        self._ask(path)

    def _ask(self, path: Path | None) -> None:
        self._path = path
        self._request = self._link.check_lesson()
        self._actions.refresh_soon()
        self._messages.show("Checking the lesson…", "info", CANCEL, "Cancel")

    def _cancel(self) -> None:
        self._link.cancel_marking()
        self._forget()

    @Slot()
    def _forget(self) -> None:
        self._request, self._path = 0, None
        self._actions.refresh_soon()

    @Slot(object)
    def _on_message(self, message: p.LessonChecked | p.LessonMarked | p.Failed) -> None:
        if not self._request or message.request != self._request:
            return
        path = self._path
        self._forget()
        if isinstance(message, p.Failed):
            self._messages.show(sentence(message.error), "error", "lesson_edit", "Edit the lesson")
        elif isinstance(message, p.LessonChecked):
            if path is None:
                self._messages.show(RIGHT, "info")
            else:
                self._write(path, message)

    def _write(self, path: Path, message: p.LessonChecked) -> None:
        try:
            with writing(path):
                write_atomically(path, message.copy.encode())
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self._window, "The copy was not written", error)
        else:
            self._messages.show(f"Wrote {path.name}. {message.said}", "info")
