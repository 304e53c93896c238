"""File → Export → Web page: writes a graph, or a recorded training, as one HTML file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.drawing.formats.page_requests import Answer, DrawPage, EstimatePage, PageEstimate
from nodeflow.errors import NodeflowError
from nodeflow.run_store.run_records import EVENT_FILES, RUNNING, Run
from nodeflow.train.events import Done, Event, RunKept
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.concurrency.request_process import RequestProcess
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.engine_link.run_library import RunLibrary
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.page_dialog import PageDialog

PROCESS = "nodeflow.drawing.formats.page_process"
MOST_RUNS = 20
"""The maximum number of runs to choose from, the newest of the file."""


class PageExport(QObject):
    """The action that writes a web page.

    The page has the shown graph with the values on its nodes, or a run of this file, whose steps a
    separate process computes again.

    Attributes:
        dialog: the open dialog, or None.
    """

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        canvas: CanvasView,
        link: EngineLink,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
        title: Callable[[], str],
    ) -> None:
        """Make the controller.

        Args:
            title: returns the document's name.
        """
        super().__init__(window)
        self._window, self._workspace, self._canvas = window, workspace, canvas
        self._settings, self._messages, self._title = settings, messages, title
        self.dialog: PageDialog | None = None
        self._library: RunLibrary | None = None
        self._kept: set[str] = set()
        self._path, self._page, self._name = Path(), b"", ""
        self._drawing = RequestProcess(PROCESS, self)
        self._drawing.progressed.connect(self._on_progress)
        self._drawing.done.connect(self._on_answer)
        self._drawing.failed.connect(self._on_failed)
        link.training.connect(self._on_event)
        workspace.replaced.connect(self._on_replaced)
        actions.bind({"export_page": Binding(self.export, self._blocked)})

    def _blocked(self) -> Blocked | None:
        if not self._workspace.document.nodes:
            return Blocked("The graph is empty.")
        return None

    def export(self) -> None:
        """Ask what the page shall show, and write it to a file that the user chooses."""
        if self.dialog is not None:
            self.dialog.activateWindow()
            return
        self._draw_graph()
        self.dialog = PageDialog(self._window)
        self.dialog.chosen.connect(self._on_chosen)
        self.dialog.wanted.connect(self._on_wanted)
        self.dialog.finished.connect(self._on_finished)
        self.dialog.show_size(len(self._page))
        self._library = RunLibrary(self)
        self._library.changed.connect(self._show_runs)
        self._library.look()
        self._show_runs()
        self.dialog.show()

    def close(self) -> None:
        """End the running process, because the window closes."""
        if self.dialog is not None:
            self.dialog.reject()

    def _draw_graph(self) -> None:
        document, state = self._workspace.document, self._canvas.node_state
        start = document.path or self._settings.last_folder() / self._title()
        self._name = f"{start.stem}-{document.scope}" if document.scope else start.stem
        self._path = start.with_name(f"{self._name}.html")
        names = {node_id: record.name for node_id, record in document.nodes.items()}
        values = {name: state.value_of(node_id) for node_id, name in names.items()}
        views = {names[i]: view for i, view in state.views().items() if i in names}
        self._page = page_file(
            document,
            title=self._name,
            values={n: value for n, value in values.items() if value and not value.is_what_if},
            views={n: view for n, view in views.items() if not view.is_what_if},
            analysis=self._workspace.analysis,
        ).encode()

    def _write(self, page: bytes) -> None:
        assert self.dialog is not None
        try:
            with writing(self._path):
                write_atomically(self._path, page)
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self._window, "The page was not written", error)
        else:
            self._messages.show_status(f"Wrote {self._path.name}")
        self.dialog.accept()

    # ---- the dialog ---------------------------------------------------------------------------

    @Slot()
    def _show_runs(self) -> None:
        """Offer the runs of this file, and those that this window made of the document."""
        if self.dialog is None or self._library is None:  # closed before the answer
            return
        path = self._workspace.root.path
        file = str(path.resolve()) if path is not None else ""
        ours = [run for run in self._library.runs if self._is_ours(run, file)]
        ended = [run for run in ours if run.status != RUNNING and run.steps]
        trains = any(run.status == RUNNING for run in ours)
        self.dialog.show_runs(ended[:MOST_RUNS], trains)

    def _is_ours(self, run: Run, file: str) -> bool:
        is_known = run.id in self._kept or (bool(file) and run.file == file)
        return is_known and run.surface != EVENT_FILES

    @Slot(str)
    def _on_chosen(self, run: str) -> None:
        assert self.dialog is not None
        if run:
            self._drawing.run(EstimatePage(run))
        else:
            self._drawing.cancel()
            self.dialog.show_size(len(self._page))

    @Slot()
    def _on_wanted(self) -> None:
        assert self.dialog is not None
        chosen, _ = QFileDialog.getSaveFileName(
            self.dialog, "Export web page", str(self._path), "Web pages (*.html)"
        )
        if not chosen or self.dialog is None:
            return
        path = Path(chosen)
        self._path = path if path.suffix.lower() == ".html" else path.with_name(f"{path.name}.html")
        if self.dialog.run:
            self.dialog.show_progress(0, 0)
            self._drawing.run(DrawPage(self.dialog.run, self._name))
        else:
            self._write(self._page)

    @Slot(int)
    def _on_finished(self, _: int) -> None:
        self._drawing.cancel()
        self.dialog = None
        if self._library is not None:
            self._library.close()
            self._library.deleteLater()
            self._library = None

    # ---- the process, and the training --------------------------------------------------------

    @Slot(int, int)
    def _on_progress(self, done: int, total: int) -> None:
        if self.dialog is not None:
            self.dialog.show_progress(done, total)

    @Slot(object)
    def _on_answer(self, answer: Answer) -> None:
        if self.dialog is None:
            return
        if isinstance(answer, PageEstimate):
            self.dialog.show_size(answer.size, answer.steps, answer.notices)
        else:
            self._write(answer.content)

    @Slot(object)
    def _on_failed(self, error: NodeflowError) -> None:
        if self.dialog is not None:
            self.dialog.show_problem(error.text("window"))

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if isinstance(event, RunKept):
            self._kept.add(event.run)
        if isinstance(event, (RunKept, Done)) and self._library is not None:
            self._library.look()

    @Slot()
    def _on_replaced(self) -> None:
        self._kept.clear()
        self.close()
