"""A first graph step by step: a = (b + c) * (c + 2), checked against the document as it grows.

The panel shows one step at a time, and goes on as soon as the document shows that it is done, in
whatever way and order. Every step can be done with the mouse or with the keyboard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QToolButton, QVBoxLayout

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.theme import SPACE, Theme, icon
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.widgets import label
from nodeflow.ui.core.workspace import Workspace

WIDTH = 320
SOURCES = ("constant", "variable", "placeholder")


@dataclass(frozen=True)
class Step:
    """One step: what to do, how, and how to see that it is done."""

    title: str
    how: str
    is_done: Callable[[Document], bool]
    op: str = ""
    """The op in the palette that the step is about."""


def named(document: Document, name: str, value: float) -> NodeRecord | None:
    """A constant with this name and value."""
    record = document.node_named(name)
    good = record is not None and record.op in SOURCES and record.attrs.get("value") == value
    return record if good else None


def _has_sources(document: Document, count: int) -> bool:
    return sum(record.op in SOURCES for record in document.nodes.values()) >= count


def inputs_of(document: Document, record: NodeRecord) -> list[NodeRecord]:
    """The nodes wired into a node."""
    return [document.nodes[wire.source] for wire in document.wires_into(record.id)]


def sum_of(document: Document, first: str, other: float | str) -> NodeRecord | None:
    """An add of the node ``first`` and another: a name, or a constant of that value."""
    for record in document.nodes.values():
        if record.op != "add":
            continue
        sources = inputs_of(document, record)
        names = [s.name for s in sources]
        if len(sources) != 2 or first not in names:
            continue
        rest = sources[1 - names.index(first)]
        if isinstance(other, str):
            good = rest.name == other
        else:  # b is 2 as well, but it belongs to the other sum
            good = rest.name != "b" and rest.attrs.get("value") == other
        if good:
            return record
    return None


def product(document: Document) -> NodeRecord | None:
    """A multiply of the two sums."""
    d, e = sum_of(document, "b", "c"), sum_of(document, "c", 2)
    if d is None or e is None:
        return None
    products = (record for record in document.nodes.values() if record.op == "multiply")
    both = {d.id, e.id}
    return next((r for r in products if {s.id for s in inputs_of(document, r)} == both), None)


STEPS = (
    Step(
        "Add a constant for b",
        "Drag Constant from the list on the left onto the canvas. Or press Tab on the canvas, "
        "type “const” and press Enter.",
        lambda d: _has_sources(d, 1),
        "constant",
    ),
    Step(
        "Name it b and make it 2",
        "Press F2 to name it b. Then type 2 as its Value in the inspector on the right.",
        lambda d: named(d, "b", 2) is not None,
    ),
    Step(
        "Add a second constant: c is 1",
        "The same again: another Constant, named c, with the value 1.",
        lambda d: named(d, "c", 1) is not None,
        "constant",
    ),
    Step(
        "Add b and c",
        "Put an Add beside them. Drag from the port at the right of b to the upper port at the "
        "left of Add, and from c to the lower one. It shows 3 at once.",
        lambda d: sum_of(d, "b", "c") is not None,
        "add",
    ),
    Step(
        "Add c and 2",
        "A third Constant with the value 2, and a second Add: wire c and the 2 into it. An output "
        "can feed as many inputs as you like.",
        lambda d: sum_of(d, "c", 2) is not None,
        "add",
    ),
    Step(
        "Multiply the two sums",
        "Put a Multiply to the right and wire both sums into it.",
        lambda d: product(d) is not None,
        "multiply",
    ),
    Step(
        "Name it a",
        "Select the Multiply and press F2. Read the result off the node: (2 + 1) × (1 + 2) = 9.",
        lambda d: (found := product(d)) is not None and found.name == "a",
    ),
)

DONE = Step(
    "a is 9",
    "Change b or c and watch the values follow. Show order (Ctrl+L) numbers what can run at the "
    "same time: both sums are 1, a is 2.",
    lambda d: False,
)


class Tutorial(QFrame):
    """The panel over the canvas.

    Signals:
        pointed(op id): the op that the step is about, to be shown in the palette; "" for none.
        started(): the first step is shown.
        finished(text): the graph is complete.
    """

    started = Signal()

    pointed = Signal(str)
    finished = Signal(str)

    def __init__(self, workspace: Workspace, canvas: CanvasView, themes: ThemeManager) -> None:
        super().__init__(canvas)
        self.setObjectName("tutorial")
        self.setFixedWidth(WIDTH)
        self._workspace, self._canvas = workspace, canvas
        self.step = 0
        self._count = label("", "caption")
        self._title = label("", "strong", wrap=True)
        self._how = label("", "muted", wrap=True)
        self._bar = QProgressBar()
        self._bar.setAccessibleName("Progress of the tutorial")
        self._bar.setTextVisible(False)
        self._bar.setRange(0, len(STEPS))
        self._cross = QToolButton()
        self._cross.setToolTip("End the tutorial")
        self._cross.setAccessibleName("End the tutorial")
        self._cross.clicked.connect(self.end)
        head = QHBoxLayout()
        head.addWidget(self._count)
        head.addStretch(1)
        head.addWidget(self._cross)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[2], SPACE[4], SPACE[4])
        layout.setSpacing(SPACE[2])
        layout.addLayout(head)
        for widget in (self._title, self._how, self._bar):
            layout.addWidget(widget)
        workspace.changed.connect(self._on_changed)
        themes.follow(self.set_theme)
        self.hide()

    @property
    def title(self) -> str:
        """The title of the current step."""
        return self._title.text()

    def begin(self) -> None:
        """Show the first step that is not done yet."""
        self.step = 0
        self.started.emit()
        self.show()
        self.raise_()
        self._advance()

    def end(self) -> None:
        if not self.isHidden():
            self.hide()
            self.pointed.emit("")

    def place(self) -> None:
        """Stay in the lower left corner of the canvas."""
        self.resize(WIDTH, self._layout.totalHeightForWidth(WIDTH))
        bottom = self._canvas.height() - self.height() - SPACE[4]
        self.move(QPoint(SPACE[4], max(SPACE[4], bottom)))

    def set_theme(self, theme: Theme) -> None:
        self._cross.setIcon(icon("x", theme, "ink_faint", 14))

    def _on_changed(self, _: object) -> None:
        if not self.isHidden():
            self._advance()

    def _advance(self) -> None:
        """Go on to the first step that the document does not show as done."""
        before = self.step
        document = self._workspace.document
        while self.step < len(STEPS) and STEPS[self.step].is_done(document):
            self.step += 1
        shown = STEPS[self.step] if self.step < len(STEPS) else DONE
        last = self.step == len(STEPS)
        self._count.setText("Done" if last else f"Step {self.step + 1} of {len(STEPS)}")
        self._title.setText(shown.title)
        self._how.setText(shown.how)
        self._bar.setValue(self.step)
        self.place()
        self.pointed.emit(shown.op)
        if last and before < self.step:
            self.finished.emit("a = (b + c) × (c + 2) is 9")
