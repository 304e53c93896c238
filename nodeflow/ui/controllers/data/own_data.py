"""The user's own data: files become graphs, and dataset nodes get placeholders."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QPointF, QTimer, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from nodeflow.data.catalog import source_at
from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.node_flags import view_of
from nodeflow.document.edit.data.dataset_placeholders import add_placeholders, unplaced
from nodeflow.document.edit.data.locate import missing, relocate, source_text
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.train.events import Done, Event
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.training.predict_actions import PredictActions
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.file_kinds import DATA_FILTER
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.core.widgets.escaped_text import on_button
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.popups.own_data import DataWizard

NO_DATASET = Blocked("Select a dataset node.")


class OwnData(QObject):
    """The data wizard, and the actions on the selected dataset node."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        canvas: CanvasView,
        pages: PageStack,
        files: FileController,
        predict: PredictActions,
        link: EngineLink,
        settings: Settings,
        themes: ThemeManager,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._canvas = window, workspace, canvas
        self._files, self._settings, self._themes = files, settings, themes
        self._predict = predict
        self._shows_answers = False  # when the training that begins is done
        link.training.connect(self._on_training)
        self.menu: QMenu | None = None
        self._pages, self._messages, self._actions = pages, messages, actions
        self.wizard: DataWizard | None = None
        actions.bind(
            {
                "own_data": Binding(self.begin),
                "add_placeholders": Binding(self._add_placeholders, self._placeholders_blocked),
                "show_dataset": Binding(self._show_selected, self._none_selected),
                "locate_data": Binding(self.locate, self._nothing_missing),
            }
        )
        files.data_chosen.connect(self.open_path)
        pages.dataset.locate_requested.connect(self.locate)
        workspace.replaced.connect(self._report_missing)
        workspace.allowed.connect(self._report_missing)

    # ---- the wizard -------------------------------------------------------------------------

    def begin(self) -> None:
        """Let the user choose a file or a folder."""
        self._wizard().ask()

    def drop(self, path: Path, at: QPoint) -> None:
        """Use a dropped data file: ask how if a graph is open, otherwise begin a graph with it.

        Args:
            at: the position on the screen.
        """
        if self._pages.shows_welcome or not self._workspace.root.nodes:
            self.open_path(path)
            return
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = menu = QMenu(self._window)
        menu.setObjectName("dropMenu")
        menu.setToolTipsVisible(True)
        predict = menu.addAction(f"Predict for the rows of {on_button(path.name)}")
        predict.triggered.connect(partial(self._predict.predict, path))
        blocked = self._predict.blocked()
        predict.setEnabled(blocked is None)
        predict.setToolTip(plain_tip(blocked.reason) if blocked else "With the current weights")
        begin = menu.addAction("Make a new graph from it…")
        begin.triggered.connect(partial(self.open_path, path))
        add = menu.addAction("Add it as a dataset node")
        scene = self._canvas.viewport.camera.to_scene(QPointF(self._canvas.mapFromGlobal(at)))
        add.triggered.connect(partial(self._add_dataset, path, scene))
        add.setEnabled(not self._workspace.document.locked)
        menu.setActiveAction(predict if blocked is None else begin)
        menu.popup(at)

    def _add_dataset(self, path: Path, at: QPointF) -> None:
        """Add a dataset node for a file, with its placeholders."""
        document = self._workspace.document
        self._settings.set_data_folder(path.parent)
        with self._canvas.signals.reporting(), document.transaction(f"Add {path.name}"):
            kind, _, place = source_at(str(path)).partition(":")
            source = source_text(document, kind, Path(place))
            self._workspace.allow_source(source)
            self._pages.show_canvas()
            self._canvas.edits.add_node(DATASET, at, {"source": source})

    def open_path(self, path: Path) -> None:
        """Begin a graph with a data file or a folder of pictures."""
        self._settings.set_data_folder(path.parent)
        self._wizard().start(path)

    def choose_file(self) -> None:
        """Ask for a data file."""
        folder = str(self._settings.data_folder())
        chosen, _ = QFileDialog.getOpenFileName(self._window, "Your data", folder, DATA_FILTER)
        if chosen:
            self.open_path(Path(chosen))

    def choose_folder(self) -> None:
        """Ask for a folder of pictures."""
        folder = str(self._settings.data_folder())
        title = "Folder with one subfolder of pictures for each class"
        chosen = QFileDialog.getExistingDirectory(self._window, title, folder)
        if chosen:
            self.open_path(Path(chosen))

    def _wizard(self) -> DataWizard:
        """Return the open wizard. Open a new one if there is none."""
        if self.wizard is None:
            self.wizard = wizard = DataWizard(self._window, self._themes, self._finish)
            wizard.file_requested.connect(self.choose_file)
            wizard.folder_requested.connect(self.choose_folder)
            wizard.finished.connect(self._on_closed)
            wizard.open()
        return self.wizard

    def _on_closed(self) -> None:
        self.wizard = None

    def _finish(self, document: Document, title: str, train: bool) -> bool:
        """Show the wizard's graph and train it.

        Return False if the user keeps the open document.
        """
        if not self._files.begin_with(document, title):
            return False
        self._shows_answers = train and not any(map(view_of, document.nodes.values()))
        if train:
            QTimer.singleShot(0, self, self._train)
        return True

    def _train(self) -> None:
        self._actions.trigger("train")

    @Slot(object)
    def _on_training(self, event: Event) -> None:
        """Show the predictions after the first training, unless a node already draws them."""
        if isinstance(event, Done) and self._shows_answers and not event.stopped:
            self._shows_answers = False
            self._actions.trigger("show_predictions")

    # ---- the dataset node -------------------------------------------------------------------

    def _selected(self) -> NodeRecord | None:
        chosen = self._workspace.selection
        record = self._workspace.document.nodes[chosen[0]] if len(chosen) == 1 else None
        return record if record is not None and record.op == DATASET else None

    def _none_selected(self) -> Blocked | None:
        return None if self._selected() is not None else NO_DATASET

    def _show_selected(self) -> None:
        record = self._selected()
        if record is not None:
            self.show_rows(record.id)

    @Slot(str)
    def show_rows(self, node_id: str) -> None:
        """Show the rows of a dataset node."""
        self._pages.dataset.open(node_id, self._files.title)
        self._pages.show_dataset()

    def _placeholders_blocked(self) -> Blocked | None:
        record = self._selected()
        if record is None:
            return NO_DATASET
        types = self._workspace.analysis.out_types(record.id) or {}
        columns = {name: type_ for name, type_ in types.items() if type_ is not None}
        if not columns:
            return Blocked("Its data cannot be read.")
        if not unplaced(self._workspace.document, record.id, columns):
            return Blocked("All columns feed a placeholder.")
        return None

    def _add_placeholders(self) -> None:
        record, document = self._selected(), self._workspace.document
        if record is None:
            return
        with self._canvas.signals.reporting():
            new = add_placeholders(document, record.id, self._workspace.base_dir)
            self._canvas.selection.select([record.id, *new] if new else [record.id])

    # ---- missing data files -----------------------------------------------------------------

    def _nothing_missing(self) -> Blocked | None:
        return None if missing(self._workspace.root) else Blocked("No data files are missing.")

    def locate(self) -> None:
        """Let the user locate missing data: of the selected node, or else of the first such
        node.
        """
        found = missing(self._workspace.root)
        if not found:
            return
        chosen = self._selected()
        shown = self._pages.dataset.node if self._pages.shows_dataset else None
        wanted = shown or (chosen.id if chosen is not None else None)
        _, record, path = next((f for f in found if f[1].id == wanted), found[0])
        place = self._ask_where(path)
        if place is None:
            return
        with self._canvas.signals.reporting():
            self._workspace.allow(place)
            names = relocate(self._workspace.root, record.id, place)
            self._messages.message_retracted.emit("locate_data")
            more = f"  and {len(names) - 1} more in that folder" if len(names) > 1 else ""
            self._messages.show_status(f"Located {place.name}{more}")
        self._settings.set_data_folder(place.parent)
        self._report_missing()

    def _ask_where(self, path: Path) -> Path | None:
        """Ask the user where a missing file or picture folder is. Return the chosen path."""
        folder, title = str(self._settings.data_folder()), f"Locate {path.name}"
        if path.suffix:
            files = f"{path.name} (*{path.suffix});;All files (*)"
            chosen, _ = QFileDialog.getOpenFileName(self._window, title, folder, files)
        else:
            chosen = QFileDialog.getExistingDirectory(self._window, title, folder)
        return Path(chosen) if chosen else None

    def _report_missing(self) -> None:
        """Offer to locate missing data files."""
        found = missing(self._workspace.root)
        if not found:
            return
        _, record, path = found[0]
        others = f" {len(found) - 1}  more data files are missing." if len(found) > 1 else ""
        text = f"{record.name} has no data: {path.name} was not found.{others}"
        self._messages.show(text, "warning", "locate_data", "Locate…")
