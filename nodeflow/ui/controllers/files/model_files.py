"""Models of other programs: opening files of ONNX in the window.

The command line does the work in a process of its own; the window opens what it wrote.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from nodeflow.errors import NodeflowError
from nodeflow.number_text import counted
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.core.command_process import CommandProcess
from nodeflow.ui.core.messages import Messages
from nodeflow.ui.popups.import_dialog import ImportDialog


class ModelFiles(QObject):
    """Asks, lets the model be read, and shows the graph."""

    def __init__(self, window: QWidget, files: FileController, messages: Messages) -> None:
        super().__init__(window)
        self._window, self._files, self._messages = window, files, messages
        self.dialog: ImportDialog | None = None
        self._source, self._target = Path(), Path()
        self._reading = CommandProcess(self)
        self._reading.done.connect(self._on_read)
        self._reading.failed.connect(self._on_not_read)
        files.model_chosen.connect(self.open_path)

    @Slot(object)
    def open_path(self, path: Path) -> None:
        """Ask where the graph of a model goes."""
        if self.dialog is not None:
            self.dialog.reject()
        self._source = path
        self.dialog = ImportDialog(self._window, path, free_name(path.with_suffix(".flow")))
        self.dialog.wanted.connect(self._on_wanted)
        self.dialog.finished.connect(self._on_finished)
        self.dialog.open()

    def close(self) -> None:
        """End what runs: the window closes."""
        self._reading.cancel()

    @Slot(object, bool)
    def _on_wanted(self, target: Path, trainable: bool) -> None:
        assert self.dialog is not None
        self._target = target
        self.dialog.show_waiting(True)
        options = ["--force", *(["--trainable"] if trainable else [])]
        self._reading.run(["import", str(self._source), "-o", str(target), *options])

    @Slot(object)
    def _on_read(self, result: dict[str, Any]) -> None:
        if self.dialog is not None:
            self.dialog.accept()
        if not (self._files.may_leave() and self._files.load(self._target)):
            return
        missing = result.get("missing") or {}
        if missing:
            first, why = next(iter(missing.items()))
            what = counted(len(missing), "node")
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
    """A path at which there is no file, such as ``model-2.flow``."""
    number, found = 1, path
    while found.exists() or found.with_suffix(".safetensors").exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found
