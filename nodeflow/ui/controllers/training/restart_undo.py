"""Undo of Restart: copies of the learned values, made before a training starts from the
beginning.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from nodeflow.ui.controllers.training.learned_weights import LearnedWeights
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace


class RestartUndo(QObject):
    """An undo step for each Restart.

    Args:
        again: starts the training from the beginning once more, for redo; returns whether it could.
    """

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        weights: LearnedWeights,
        again: Callable[[], bool],
    ) -> None:
        super().__init__(link)
        self._workspace, self._link, self._weights, self._again = workspace, link, weights, again
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0
        self._wanted: Path | None = None
        link.state_changed.connect(self._on_state)
        workspace.replaced.connect(self._forget)

    @Slot()
    def keep(self) -> None:
        """Keep a copy of the learned values, because a training is about to replace them."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="nodeflow-learned-")
        self._count += 1
        path = Path(self._folder.name) / f"{self._count}.safetensors"
        self._link.keep_weights(str(path))
        self._workspace.root.note_aside("Restart", self._again, partial(self._bring_back, path))

    def _bring_back(self, path: Path) -> bool:
        """Stop the training, if it runs, and load the kept values."""
        self._wanted = path
        if self._link.is_training or self._link.is_preparing:
            self._link.stop()
        else:
            self._load()
        return True

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "idle":
            self._load()

    def _load(self) -> None:
        path, self._wanted = self._wanted, None
        if path is not None:
            self._weights.bring_back(path)

    @Slot()
    def _forget(self) -> None:
        self._wanted = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
