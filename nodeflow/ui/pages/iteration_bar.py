"""The bar over the inside of a loop or branch: a slider for the iteration, or the branch that
was taken.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from nodeflow.document.analysis.subgraphs.instance_paths import at_path, instances_in
from nodeflow.document.analysis.subgraphs.loops_and_branches import ELSE, PRED, is_flow, is_loop
from nodeflow.host import protocol as p
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import label

WIDTH = 180


class IterationBar(QWidget):
    """The choice of an iteration of the innermost displayed loop. It is hidden outside of loops.

    A card of a loop on the canvas has its own slider, which chooses the same iteration.
    """

    def __init__(self, workspace: Workspace, link: EngineLink, canvas: CanvasView) -> None:
        super().__init__()
        self._workspace, self._link, self._canvas = workspace, link, canvas
        self._numbers: dict[str, int | None] = {}
        """The chosen iteration of each loop by name; None is the last iteration."""
        self._known: dict[str, p.ShownIteration] = {}
        """The state of loops and branches last shown, by name."""
        self._pulled: dict[str, float] = {}
        """Positions of sliders on the cards of loops whose number of iterations is not known
        yet.
        """
        self._loop = ""
        self.text = label("", "caption")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Iteration")
        self.slider.setToolTip("Iteration shown by the nodes")
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
        canvas.signals.iteration_requested.connect(self._pull)

    def refresh(self) -> None:
        """Request the values of the loops that contain the displayed graph."""
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
            self._say(self._known.get(inner))
        self.setVisible(bool(inner) and not self._workspace.is_apart)
        pulled = [name for name in (*self._pulled, *self._numbers) if name in self._on_canvas()]
        self._link.show_iterations({n: self._numbers.get(n) for n in (*loops, *pulled)})
        self._show_on_cards()

    def _on_canvas(self) -> dict[str, str]:
        """Return the ids of the loops in the displayed graph, by full name."""
        document = self._workspace.document
        named = (r for r in instances_in(document) if is_loop(r))
        return {self._workspace.full_name(record.name): record.id for record in named}

    def _show_on_cards(self) -> None:
        shown = {}
        for name, node_id in self._on_canvas().items():
            if name in self._known:
                count, number = self._known[name].count, self._numbers.get(name)
                shown[node_id] = (count - 1 if number is None else min(number, count - 1), count)
        self._canvas.node_state.set_iterations(shown)

    def _pull(self, node_id: str, part: float) -> None:
        """Choose an iteration by the slider on a card.

        The right end stands for the last iteration.
        """
        record = self._workspace.document.nodes.get(node_id)
        if record is None:
            return
        name = self._workspace.full_name(record.name)
        if name not in self._known:
            self._pulled[name] = part
        else:
            count = self._known[name].count
            number = round(part * (count - 1))
            if number < count - 1:
                self._numbers[name] = number
            else:
                self._numbers.pop(name, None)
        self.refresh()

    def _forget(self) -> None:
        self._numbers.clear()
        self._known.clear()
        self._pulled.clear()
        self.refresh()

    def _choose(self, number: int) -> None:
        if self._loop and self._numbers.get(self._loop) != number:
            self._numbers[self._loop] = number
            self.refresh()

    def _show(self, message: p.Previews) -> None:
        """Show to which iteration the new values belong."""
        self._known.update(message.iterations)
        on_canvas = self._on_canvas()
        for name in [name for name in self._pulled if name in message.iterations]:
            part = self._pulled.pop(name)
            if name in on_canvas:
                self._pull(on_canvas[name], part)
        if message.iterations:
            self._show_on_cards()
        self._say(message.iterations.get(self._loop))

    def _say(self, shown: p.ShownIteration | None) -> None:
        if shown is None:
            return
        if shown.taken is not None:
            ran = "only outputs without" if shown.taken else "only outputs with"
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
        self.text.setText(at if shown.count else "No iteration: its condition is false at once")
