"""Overrides: their actions, the badges on nodes, and values from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.data.array_files import opened_npz
from nodeflow.data.feed_files import ENDINGS, read_array
from nodeflow.engine.feeds import fitted
from nodeflow.errors import NodeflowError
from nodeflow.graph.types import UNKNOWN, TensorType
from nodeflow.number_text import count
from nodeflow.train.events import Done, Event, VariableChanged
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.override_values import Overrides
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence

FILES = f"Arrays, tables and pictures ({' '.join(f'*{ending}' for ending in ENDINGS)})"
FEED = "feed"


class OverrideActions(QObject):
    """The actions on overrides of the selected node, and the badges of overridden nodes.

    Signals:
        value_requested(): edit the value of the selected node in the Viewer.
    """

    value_requested = Signal()

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        canvas: CanvasView,
        overrides: Overrides,
        link: EngineLink,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._canvas = window, workspace, canvas
        self._overrides, self._messages = overrides, messages
        self._actions, self._link = actions, link
        self._applied: dict[str, np.ndarray] = {}
        self._reading: tuple[str, str, str] = ("", "", "")
        self._reader = Background(self)
        self._reader.done.connect(self._on_read)
        self._reader.failed.connect(self._on_failed)
        actions.bind(
            {
                "override_value": Binding(self.value_requested.emit, self._blocked),
                "override_file": Binding(self._choose_file, self._blocked),
                "apply_override": Binding(self._apply_selected, self._apply_blocked),
                "take_back": Binding(self._take_back, self._nothing_blocked),
                "take_back_all": Binding(overrides.take_back_all, self._all_blocked),
            }
        )
        overrides.changed.connect(self._on_changed)
        overrides.dropped.connect(self._on_dropped)
        overrides.apply_requested.connect(self.apply)
        link.training.connect(self._on_training)
        link.state_changed.connect(actions.refresh_soon)
        workspace.entered.connect(self._mark)
        workspace.changed.connect(self._mark)
        canvas.signals.take_back_requested.connect(self._on_badge)

    # ---- conditions -------------------------------------------------------------------------

    def _name(self) -> str:
        """Return the name of the selected node's first tensor; empty without one."""
        chosen = self._workspace.selection
        if len(chosen) != 1 or self._workspace.is_apart:
            return ""
        record = self._workspace.document.nodes[chosen[0]]
        op = self._workspace.declaration(record)
        if op is None or not op.outputs or not op.computes:
            return ""
        return self._workspace.full_name(record.name)

    def _blocked(self) -> Blocked | None:
        if len(self._workspace.selection) != 1:
            return Blocked("Select one node.")
        name = self._name()
        if not name:
            return Blocked("This node has no value to override.")
        reason = self._overrides.why_not(name)
        return Blocked(reason) if reason else None

    def _apply_blocked(self) -> Blocked | None:
        name = self._name()
        if not name or self._overrides.of(name) is None:
            return Blocked("Select an overridden variable.")
        if not self._overrides.may_be_variable(name):
            return Blocked("Only values of variables can be applied to a training.")
        return None if self._link.is_training else Blocked("No training is running.", "train")

    def _nothing_blocked(self) -> Blocked | None:
        here = self._overrides.shown_here()
        some = any(node in here for node in self._workspace.selection)
        return None if some else Blocked("Select an overridden node.")

    def _all_blocked(self) -> Blocked | None:
        return None if self._overrides else Blocked("Nothing is overridden.")

    # ---- execution --------------------------------------------------------------------------

    def _take_back(self) -> None:
        here = self._overrides.shown_here()
        chosen = self._workspace.selection
        self._overrides.take_back(*(name for node in chosen for name in here.get(node, ())))

    @Slot(str)
    def _on_badge(self, node_id: str) -> None:
        self._overrides.take_back(*self._overrides.shown_here().get(node_id, ()))

    def _apply_selected(self) -> None:
        self.apply(self._name())

    @Slot(str)
    def apply(self, name: str) -> None:
        """Set a variable of the running training to the value that overrides it."""
        given = self._overrides.of(name)
        if given is not None and self._link.is_training:
            self._applied[name] = given.array
            self._link.set_variable(name, given.array)

    @Slot(object)
    def _on_training(self, event: Event) -> None:
        """End an override after the training has taken over its value."""
        if isinstance(event, VariableChanged):
            given = self._overrides.of(event.node)
            applied = self._applied.pop(event.node, None)
            if given is not None and applied is given.array:
                self._overrides.end(event.node)
            text = f"{event.node} has the new value from step {count(event.step + 1)} on"
            self._messages.show_status(text)
        elif isinstance(event, Done):
            self._applied.clear()

    def _choose_file(self) -> None:
        title = f"Override {self._name()} from a file"
        chosen, _ = QFileDialog.getOpenFileName(
            self._window, title, str(self._workspace.base_dir.path or ""), FILES
        )
        if chosen:
            self.read(Path(chosen), self._name())

    def read(self, path: Path, name: str) -> None:
        """Override a tensor with the content of a file, once the file is read."""
        kind = self._overrides.type_of(name) or TensorType("float32", UNKNOWN)
        self._reading = (name, path.name, path.name if self._is_fed_by_data(name) else "")
        self._reader.run(_job(path, name, kind))

    def _is_fed_by_data(self, name: str) -> bool:
        """Return whether a data set feeds a placeholder.

        If so, a file replaces the rows of the data set.
        """
        document = self._workspace.root
        record = document.node_named(name)
        if record is None or record.op != "placeholder":
            return False
        return any(wire.target_port == FEED for wire in document.wires_into(record.id))

    @Slot(object)
    def _on_read(self, array: np.ndarray) -> None:
        name, how, rows = self._reading
        try:
            self._overrides.set_many({name: array}, how, rows)
        except NodeflowError as error:
            self._on_failed(error)

    @Slot(object)
    def _on_failed(self, error: NodeflowError) -> None:
        self._messages.show(sentence(error), "error", "", "")

    # ---- overridden tensors -----------------------------------------------------------------

    @Slot()
    def _on_changed(self) -> None:
        self._mark()
        self._actions.refresh_soon()

    def _mark(self, *_: object) -> None:
        self._canvas.node_state.set_overridden(self._overrides.shown_here())

    @Slot(str)
    def _on_dropped(self, name: str) -> None:
        self._messages.show_status(f"{name} no longer exists, so its override was removed")


def _job(path: Path, name: str, kind: TensorType) -> Callable[[], np.ndarray]:
    """Return a function that reads a file for a tensor.

    If the file holds several arrays, it reads the only one that fits.
    """

    def read() -> np.ndarray:
        try:
            if path.suffix.lower() == ".npz" and (key := _only_fitting(path, name, kind)):
                return read_array(path, kind, key)
            return read_array(path, kind)
        except NodeflowError as error:
            raise error.at(name) from None

    return read


def _only_fitting(path: Path, name: str, kind: TensorType) -> str:
    """Return the key of the array in an npz file that fits a tensor, if only one fits; else ""."""
    fitting = []
    with opened_npz(path) as archive:
        for key in archive.keys if len(archive.keys) > 1 else ():
            try:
                fitted(name, kind, archive.read([key])[key])
            except NodeflowError:
                continue
            fitting.append(key)
    return fitting[0] if len(fitting) == 1 else ""
