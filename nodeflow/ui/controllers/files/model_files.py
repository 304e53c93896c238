"""Models of other programs: opening and exporting files, and comparing values.

Integrations offer the programs. A separate process (`exchange.model_process`) does the work, on
a model or on a copy of the graph with the engine's weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.document.edit import commands
from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.io import flow
from nodeflow.errors import NodeflowError
from nodeflow.exchange.model_requests import (
    CompareModel,
    ExportModel,
    ImportModel,
    ModelCompared,
    ModelExported,
    ModelImported,
    Request,
    StoredGraph,
)
from nodeflow.manifests import Offer, offers
from nodeflow.number_text import counted
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.core.concurrency.request_process import RequestProcess
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.import_dialog import ImportDialog

PROCESS = "nodeflow.exchange.model_process"


class ModelFiles(QObject):
    """The actions that let a separate process read, write or compare models."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        link: EngineLink,
        files: FileController,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._files, self._messages = window, files, messages
        self._workspace, self._link, self._settings = workspace, link, settings
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: dict[int, Request] = {}
        self._working = RequestProcess(PROCESS, self)
        self._working.done.connect(self._on_worked)
        self._working.failed.connect(self._on_not_worked)
        link.done.connect(self._on_saved)
        link.failed.connect(self._on_not_saved)
        self.dialog: ImportDialog | None = None
        self._source, self._target = Path(), Path()
        self._reading = RequestProcess(PROCESS, self)
        self._reading.done.connect(self._on_read)
        self._reading.failed.connect(self._on_not_read)
        files.model_chosen.connect(self.open_path)
        exports = {
            f"export_{each.name}": Binding(partial(self.export, each), self._blocked)
            for each in offers("exporter")
        }
        checks = {
            f"check_{each.name}": Binding(partial(self.check, each), self._blocked)
            for each in offers("peer")
        }
        actions.bind({**exports, **checks})

    # ---- exporting and checking ---------------------------------------------------------------

    def _blocked(self) -> Blocked | None:
        if not self._workspace.root.nodes:
            return Blocked("The graph is empty.")
        if self._working.is_busy or self._waiting:
            return Blocked("An export or a check is running.")
        return None

    def export(self, exporter: Offer) -> None:
        """Ask for a file, and write the inference graph with the engine's weights."""
        ending = exporter.fields["ending"]
        root = self._workspace.root
        start = root.path or self._settings.last_folder() / self._files.title
        chosen, _ = QFileDialog.getSaveFileName(
            self._window,
            f"Export as {exporter.label}",
            str(start.with_suffix(ending)),
            f"Models (*{ending})",
        )
        if chosen:
            target = Path(chosen)
            target = target if target.suffix else target.with_suffix(ending)
            self._messages.show_status(f"Writing {target.name}…")
            self._begin(lambda graph: ExportModel(graph, exporter.name, target))

    def check(self, peer: Offer) -> None:
        """Compare every value of the graph with the value that another program computes.

        Args:
            peer: the offer of the integration with this program.
        """
        self._messages.show_status(f"Comparing with {peer.label}…")
        self._begin(lambda graph: CompareModel(graph, peer.name))

    def _begin(self, make_request: Callable[[StoredGraph], Request]) -> None:
        """Write a copy of the graph and its weights. Then start a process with the request."""
        self._folder = tempfile.TemporaryDirectory(prefix="nodeflow-")
        folder = Path(self._folder.name)
        root = self._workspace.root
        copy = flow.loads(flow.dumps(root))
        copy.use_file_of(root)
        reanchor(copy, folder)
        places = [str(root.path.parent)] if root.path is not None else []
        allowed = (*map(str, copy.allowed), *places)
        commands.set_weights(copy, None)
        file = folder / "graph.flow"
        flow.save(copy, file)
        if self._workspace.has_variables and self._link.is_up:
            weights = folder / "weights.safetensors"
            request = make_request(StoredGraph(file, weights, allowed))
            self._waiting[self._link.save_weights(str(weights))] = request
        else:
            kept = root.path.parent / root.weights if root.path and root.weights else None
            self._working.run(make_request(StoredGraph(file, kept, allowed)))

    @Slot(object)
    def _on_saved(self, message: Any) -> None:
        request = self._waiting.pop(getattr(message, "request", -1), None)
        if request is not None:
            self._working.run(request)

    @Slot(object)
    def _on_not_saved(self, message: Any) -> None:
        """Drop the export or comparison that waited for the weights, because the engine could not
        save them.
        """
        if self._waiting.pop(getattr(message, "request", -1), None) is not None:
            self._done()

    @Slot(object)
    def _on_worked(self, answer: ModelExported | ModelCompared) -> None:
        self._done()
        if isinstance(answer, ModelExported):
            outputs = ", ".join(answer.outputs)
            text = f"Wrote {answer.target.name}: {answer.text}; outputs: {outputs}"
            self._messages.show(text)
            return
        left = len(answer.left_out)
        more = f"; {counted(left, 'node')} {answer.peer} lacks" if left else ""
        level = "info" if answer.is_equal else "warning"
        text = f"{answer.text[:1].upper()}{answer.text[1:]}{more}"
        self._messages.show(text, level, f"node:{answer.node}", "Show")

    @Slot(object)
    def _on_not_worked(self, error: NodeflowError) -> None:
        self._done()
        confirmation_dialogs.show_problem(self._window, "The export or check failed", error)

    def _done(self) -> None:
        self._messages.show_status("")
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    # ---- opening ------------------------------------------------------------------------------

    @Slot(object)
    def open_path(self, path: Path) -> None:
        """Ask where to save the graph of a model."""
        if self.dialog is not None:
            self.dialog.reject()
        self._source = path
        self.dialog = ImportDialog(self._window, path, free_name(path.with_suffix(".flow")))
        self.dialog.wanted.connect(self._on_wanted)
        self.dialog.finished.connect(self._on_finished)
        self.dialog.open()

    def close(self) -> None:
        """End the running processes, because the window closes."""
        self._reading.cancel()
        self._working.cancel()
        self._waiting.clear()
        if self._folder is not None:
            self._folder.cleanup()

    @Slot(object, bool)
    def _on_wanted(self, target: Path, trainable: bool) -> None:
        assert self.dialog is not None
        self._target = target
        self.dialog.show_waiting(True)
        self._reading.run(ImportModel(self._source, target, trainable))

    @Slot(object)
    def _on_read(self, answer: ModelImported) -> None:
        if self.dialog is not None:
            self.dialog.accept()
        if not self._files.open_path(self._target):
            return
        if answer.missing:
            first, why = next(iter(answer.missing.items()))
            what = counted(len(answer.missing), "node")
            text = f"{what} of the model cannot be computed: {first}: {why}"
            self._messages.show(text, "warning", f"node:{first}", "Show")

    @Slot(object)
    def _on_not_read(self, error: NodeflowError) -> None:
        if self.dialog is not None:
            self.dialog.show_waiting(False, error.text("window"))

    def _on_finished(self, _: int) -> None:
        self.dialog = None
        self._reading.cancel()


def free_name(path: Path) -> Path:
    """Return an unused path, such as ``model-2.flow``."""
    number, found = 1, path
    others = (".safetensors", ".initial.safetensors")
    while found.exists() or any(found.with_suffix(suffix).exists() for suffix in others):
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found
