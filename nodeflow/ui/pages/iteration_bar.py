"""The slider over the inside of a loop: which iteration the nodes show; of a branch, which ran."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from nodeflow.document.analysis.flow import ELSE, PRED, is_flow
from nodeflow.document.analysis.paths import at_path
from nodeflow.host import protocol as p
from nodeflow.ui.core.engine_link import EngineLink
from nodeflow.ui.core.theme import SPACE
from nodeflow.ui.core.widgets import label
from nodeflow.ui.core.workspace import Workspace

WIDTH = 180


class IterationBar(QWidget):
    """Chooses an iteration of the innermost loop that is shown; hidden outside of loops."""

    def __init__(self, workspace: Workspace, link: EngineLink) -> None:
        super().__init__()
        self._workspace, self._link = workspace, link
        self._numbers: dict[str, int | None] = {}
        """What was chosen of each loop by its name; None is the last iteration."""
        self._loop = ""
        self.text = label("", "caption")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Iteration")
        self.slider.setToolTip("Which iteration the nodes show")
        self.slider.setFixedWidth(WIDTH)
        self.slider.valueChanged.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.text)
        layout.addWidget(self.slider)
        self.hide()
        workspace.entered.connect(self.refresh)
        workspace.replaced.connect(self._forget)
        workspace.analysed.connect(self.refresh)
        link.previews.connect(self._show)

    def refresh(self) -> None:
        """Look into the loops that lead to what is shown."""
        path, names = self._workspace.path, self._workspace.path_names
        loops: list[str] = []
        for depth in range(1, len(names) + 1):
            found = at_path(self._workspace.root, "/".join(path[:depth]))
            if found is not None and is_flow(found[1]):
                loops.append("/".join(names[:depth]))
        inner = loops[-1] if loops else ""
        if inner != self._loop:
            self._loop = inner
            self.text.setText("")
            self.slider.hide()
        self.setVisible(bool(inner) and not self._workspace.is_apart)
        self._link.show_iterations({name: self._numbers.get(name) for name in loops})

    def _forget(self) -> None:
        self._numbers.clear()
        self.refresh()

    def _choose(self, number: int) -> None:
        if self._loop and self._numbers.get(self._loop) != number:
            self._numbers[self._loop] = number
            self.refresh()

    def _show(self, message: p.Previews) -> None:
        """Say of which iteration the values are that have come."""
        shown = message.iterations.get(self._loop)
        if shown is None:
            return
        if shown.taken is not None:
            ran = "the outputs without" if shown.taken else "the outputs with"
            said = f"{PRED} is {str(shown.taken).lower()}: {ran} {ELSE} were computed"
            self.text.setText(said)
            self.slider.hide()
            return
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(shown.count - 1, 0))
        if not self.slider.isSliderDown():
            self.slider.setValue(shown.number)
        self.slider.blockSignals(False)
        self.slider.setVisible(shown.count > 1)
        at = f"Iteration {shown.number} of 0 to {shown.count - 1}"
        self.text.setText(at if shown.count else "No iteration: its condition is false at first")
