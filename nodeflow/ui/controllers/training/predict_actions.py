"""Predictions for another file: requested, shown, and saved."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.data.catalog import source_at
from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.subgraphs.instance_paths import graphs
from nodeflow.errors import NodeflowError
from nodeflow.host import protocol as p
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.file_kinds import DATA_FILTER
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.pages.page_stack import PageStack


class PredictActions(QObject):
    """The actions that request predictions and show them on their page."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        pages: PageStack,
        link: EngineLink,
        files: FileController,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._pages = window, workspace, pages
        self._link, self._files = link, files
        self._settings, self._messages = settings, messages
        self._source = ""
        self._name = ""
        actions.bind({"predict": Binding(self.choose, self.blocked)})
        page = pages.predictions
        page.save_requested.connect(self.save)
        page.stop_requested.connect(link.cancel_predictions)
        link.predictions.connect(self._on_message)
        link.died.connect(self._on_died)
        workspace.replaced.connect(self._on_replaced)

    def blocked(self) -> Blocked | None:
        """Return why the open graph cannot predict for a file now; None if it can."""
        if not any(
            record.op == DATASET
            for graph in graphs(self._workspace.root)
            for record in graph.nodes.values()
        ):
            return Blocked("The graph has no dataset to replace by another file.")
        return self.untrained()

    def untrained(self) -> Blocked | None:
        """Return why the open graph cannot predict anything yet; None if it can."""
        if not self._link.is_up:
            return Blocked("The engine is not running.", "restart_engine")
        learns = self._link.has_trained or self._link.is_training
        if self._workspace.has_variables and not learns:
            return Blocked("Train the graph first, or load its weights.", "train")
        return None

    def choose(self) -> None:
        """Ask for a file to predict for."""
        folder = str(self._settings.data_folder())
        title = "Predict for the rows of a file"
        chosen, _ = QFileDialog.getOpenFileName(self._window, title, folder, DATA_FILTER)
        if chosen:
            self.predict(Path(chosen))

    def predict(self, path: Path) -> None:
        """Compute and show predictions for a file or a folder of pictures."""
        try:
            source = source_at(str(path))
        except NodeflowError as error:
            self._messages.show(sentence(error), "error")
            return
        self._settings.set_data_folder(path.parent)
        self._source, self._name = source, path.name
        self._pages.predictions.begin(self._files.title, path.name)
        self._pages.show_predictions()
        self._link.predict(source)

    def save(self) -> None:
        """Write all predictions to a file that the user chooses."""
        start = self._settings.data_folder() / f"{Path(self._name).stem}-predictions.csv"
        title = "Save the predictions"
        chosen, _ = QFileDialog.getSaveFileName(self._window, title, str(start), "CSV (*.csv)")
        if not chosen:
            return
        path = Path(chosen)
        path = path if path.suffix else path.with_suffix(".csv")
        self._pages.predictions.begin_saving(path.name)
        self._link.predict(self._source, str(path))

    @Slot(object)
    def _on_message(self, message: p.PredictedRows | p.Predicted | p.Failed) -> None:
        page = self._pages.predictions
        if isinstance(message, p.PredictedRows):
            page.show_rows(message)
        elif isinstance(message, p.Failed):
            page.show_failure(message.error)
        else:
            page.show_done(message)
            if message.path and not message.cancelled:
                self._messages.show_status(f"Wrote {Path(message.path).name}")

    @Slot(object, bool)
    def _on_died(self, *_: object) -> None:
        """Show that the engine ended before it answered."""
        if self._pages.shows_predictions:
            error = p.ErrorData("EngineDied", "The engine stopped unexpectedly")
            self._pages.predictions.show_failure(error)

    @Slot()
    def _on_replaced(self) -> None:
        self._link.cancel_predictions()
        self._pages.predictions.model.clear()
