"""What a step asks the learner to do in the window: select a node, train, or draw a picture."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Slot

from nodeflow.lessons.schema import SELECTED, SKETCHED, TRAINED
from nodeflow.number_text import number
from nodeflow.train.events import Diverged, Done, Epoch, Event
from nodeflow.ui.controllers.lessons.lesson_steps import LessonSteps
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel


class LessonDeeds(QObject):
    """Notes when the deed of the current step is done."""

    def __init__(
        self,
        parent: QObject,
        steps: LessonSteps,
        workspace: Workspace,
        link: EngineLink,
        panel: LessonPanel,
    ) -> None:
        super().__init__(parent)
        self._steps, self._workspace, self._panel = steps, workspace, panel
        self._metrics: dict[str, Any] = {}
        steps.advanced.connect(self._metrics.clear)
        workspace.selected.connect(self._on_selected)
        link.training.connect(self._on_training)

    @Slot(object)
    def _on_selected(self, _: object) -> None:
        nodes = self._workspace.document.nodes
        for name in [nodes[i].name for i in self._workspace.selection if i in nodes]:
            self._note(SELECTED, name)

    @Slot(object)
    def _on_training(self, event: Event) -> None:
        if isinstance(event, Epoch):
            self._metrics.update(event.metrics)
        elif isinstance(event, (Done, Diverged)):
            self._note(TRAINED)
            self._metrics.clear()

    def note_sketch(self) -> None:
        """Note that the nodes show a picture that the learner drew."""
        self._note(SKETCHED)

    def _note(self, event: str, node: str = "") -> None:
        running = self._steps.running
        deed = running.current.deed if running is not None and running.current else None
        if running is None or deed is None or deed.event != event:
            return
        if deed.node and deed.node != node:
            return
        if deed.metric:
            found = self._metrics.get(deed.metric)
            if found is None or not float(found) >= deed.at_least:
                self._panel.show_hint(
                    f"{deed.metric} has to reach {number(deed.at_least)}. Train longer or again."
                )
                return
        running.did = True
        self._steps.look()

    @Slot()
    def forget(self) -> None:
        """Forget a deed before an edit: the slower rate has to be used."""
        if self._steps.running is not None:
            self._steps.running.did = False
