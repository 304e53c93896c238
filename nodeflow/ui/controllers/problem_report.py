"""Help → Report a problem: collects a report, shows its contents, and saves it.

It sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.document.io import flow
from nodeflow.errors import NodeflowError
from nodeflow.host.problem_report.collect_report import Part, Places, collect_report, write_report
from nodeflow.paths import home
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.error_handler import log_file
from nodeflow.ui.core.state.user_settings import Settings, settings_file
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.report_dialog import ReportDialog

FILE_NAME = "nodeflow-report.zip"


class ProblemReport(QObject):
    """The action that makes problem reports."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._messages = window, workspace, messages
        self._settings = settings
        self._parts: list[Part] = []
        self._collecting, self._writing = Background(self), Background(self)
        self._collecting.done.connect(self._on_collected)
        self._collecting.failed.connect(self._on_not_collected)
        self._writing.done.connect(self._on_written)
        self._writing.failed.connect(self._on_not_written)
        self.dialog: ReportDialog | None = None
        actions.bind({"report_problem": Binding(self.ask)})

    def ask(self) -> None:
        """Collect a report and show it."""
        self._settings.sync()
        self._parts = []
        self.dialog = ReportDialog(self._window, self._workspace.title)
        self.dialog.graph.toggled.connect(self._show)
        self.dialog.save_wanted.connect(self._on_save)
        self.dialog.finished.connect(self._on_finished)
        self.dialog.open()
        self._collecting.run(partial(collect_report, Places(settings_file(), log_file().parent)))

    @property
    def _shown(self) -> Sequence[Part]:
        """The parts of the report, with the graph if the user adds it."""
        if self.dialog is None or not self.dialog.graph.isChecked():
            return self._parts
        text = flow.dumps(self._workspace.root)
        return [*self._parts, Part("files/graph.flow", "the graph, added by you", text.encode())]

    def _show(self, *_: object) -> None:
        if self.dialog is not None and self._parts:
            self.dialog.show_parts(self._shown)

    def _on_collected(self, parts: list[Part]) -> None:
        self._parts = parts
        self._show()

    def _on_not_collected(self, error: NodeflowError) -> None:
        if self.dialog is not None:
            self.dialog.show_problem(error.text("window"))

    def _on_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self.dialog, "Save the report", str(home() / FILE_NAME), "Report (*.zip)"
        )
        if chosen:
            self._writing.run(partial(_written, Path(chosen), list(self._shown)))

    def _on_written(self, path: Path) -> None:
        if self.dialog is not None:
            self.dialog.accept()
        self._messages.show(f"The report is in {path}. Nothing was sent; attach it yourself.")

    def _on_not_written(self, error: NodeflowError) -> None:
        confirmation_dialogs.show_problem(self._window, "The report was not saved", error)

    def _on_finished(self, _: int) -> None:
        self.dialog = None
        self._collecting.cancel()


def _written(path: Path, parts: list[Part]) -> Path:
    path = path if path.suffix else path.with_suffix(".zip")
    write_report(path, parts)
    return path
