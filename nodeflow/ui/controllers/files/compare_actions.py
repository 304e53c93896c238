"""Comparisons on the canvas: with another file, with the saved file, or of any two documents."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.document.diff.comparison_view import Marks
from nodeflow.document.io import flow
from nodeflow.document.io.embedded_graph import PICTURES, load_picture
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas.export_image import render_file
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.pages.comparison_page import Sides
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.popups.dialogs import confirmation_dialogs

PICTURE_FILTER = "Pictures (*.png *.svg *.pdf)"
FILTER = "Graphs (*.flow);;Pictures with a graph (*.png *.svg);;All files (*)"
HERE = "in this window"
"""The title of the open document in a comparison."""


class CompareActions(QObject):
    """The comparisons of File → Versions. `show_comparison` compares any two documents."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        pages: PageStack,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._pages = window, workspace, pages
        self._settings, self._messages = settings, messages
        self._name = ""
        self._reading = Background(self)
        self._reading.done.connect(self._on_read)
        self._reading.failed.connect(self._on_failed)
        page = pages.comparison
        page.said.connect(messages.show_status)
        for signal in (page.opened, page.chosen):
            signal.connect(actions.refresh_soon)
        page.opened.connect(self._on_opened)
        self._actions = actions
        actions.bind(
            {
                "compare": Binding(self._choose),
                "compare_saved": Binding(self._compare_saved, self._saved_blocked),
                "next_change": Binding(lambda: page.step(1), self._nothing_compared),
                "previous_change": Binding(lambda: page.step(-1), self._nothing_compared),
                "export_comparison": Binding(self._export, self._no_comparison),
                "end_comparison": Binding(pages.show_canvas, self._no_comparison),
            }
        )

    def show_comparison(
        self, before: Document, after: Document, before_title: str, after_title: str
    ) -> None:
        """Draw the changes from one document to another on the canvas.

        This changes neither document. Edits of the open document update the comparison; the
        other document must not change meanwhile. The comparison ends when another page is shown
        or another document is opened.

        Args:
            before_title, after_title: titles of the documents: ``Compared: [title] → [title]``.
        """
        self._pages.comparison.open(Sides(before, after, (before_title, after_title)))
        self._pages.show_comparison()

    def compare_with_file(self, path: Path, title: str = "") -> None:
        """Draw the changes from a file to the open document. A thread reads the file.

        Args:
            title: title of the file; by default its name.
        """
        self._name = title or path.name
        self._messages.show_status(f"Reading {path.name}…")
        self._reading.run(lambda: _read(path))

    # ---- internals ------------------------------------------------------------------------------

    @Slot()
    def _on_opened(self) -> None:
        """Give the canvas of the comparison the keys of the actions that do not edit."""
        canvas = self._pages.comparison.canvas
        assert canvas is not None
        canvas.addActions([self._actions[name] for name in ("copy", "select_all")])

    def _choose(self) -> None:
        folder = str(self._settings.last_folder())
        title = "Compare with"
        chosen, _ = QFileDialog.getOpenFileName(self._window, title, folder, FILTER)
        if chosen:
            self.compare_with_file(Path(chosen))

    def _saved_blocked(self) -> Blocked | None:
        document = self._workspace.root
        if document.path is None:
            return Blocked("The graph has no file yet.", "save_as")
        return None if document.is_modified else Blocked("Nothing has changed since the last save.")

    def _compare_saved(self) -> None:
        path = self._workspace.root.path
        assert path is not None
        self.compare_with_file(path, f"{path.name} as saved")

    def _nothing_compared(self) -> Blocked | None:
        found = self._pages.comparison.found
        if not self._pages.shows_comparison or found is None:
            return Blocked("No comparison.", "compare")
        return None if found.differences else Blocked("No differences.")

    def _no_comparison(self) -> Blocked | None:
        return None if self._pages.shows_comparison else Blocked("No comparison.", "compare")

    def _export(self) -> None:
        """Write the displayed graph of the comparison as a picture, to a file that the user
        names.
        """
        page = self._pages.comparison
        document, canvas = page.inside.document, page.canvas
        if page.found is None or canvas is None:
            return
        start = self._settings.last_folder() / f"{self._workspace.title}-changes.png"
        title = "Export the comparison"
        chosen, _ = QFileDialog.getSaveFileName(self._window, title, str(start), PICTURE_FILTER)
        if not chosen:
            return
        path = Path(chosen)
        path = path if path.suffix.lower() in (*PICTURES, ".pdf") else Path(f"{path}.png")
        theme = canvas.renderer.theme.name
        marks = page.found.marks.get(document.scope, Marks())
        try:
            render_file(
                document, path, scale=2.0, theme=theme, analysis=page.inside.analysis, marks=marks
            )
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self._window, "The picture was not written", error)
        else:
            self._messages.show_status(f"Wrote {path.name}")

    @Slot(object)
    def _on_read(self, document: Document) -> None:
        self.show_comparison(document, self._workspace.root, self._name, HERE)

    @Slot(object)
    def _on_failed(self, error: NodeflowError) -> None:
        confirmation_dialogs.show_problem(self._window, f"{self._name} cannot be compared", error)


def _read(path: Path) -> Document:
    return load_picture(path) if path.suffix.lower() in PICTURES else flow.load(path)
