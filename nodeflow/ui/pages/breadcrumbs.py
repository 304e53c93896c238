"""The bar over a nested graph: its path, a button back, and Unpack."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from nodeflow.document.analysis.subgraphs.instance_paths import at_path
from nodeflow.document.analysis.subgraphs.loops_and_branches import FLOW, FLOW_TITLES, is_flow
from nodeflow.number_text import counted
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, clear, label
from nodeflow.ui.core.widgets.escaped_text import on_button
from nodeflow.ui.core.widgets.plain_tips import plain_tip

BACK_KEYS = "Escape, Backspace or Alt+Left"
LEAVE_KEYS = "Escape or Ctrl+Shift+Enter"
UNPACK_TIP = "Replace the node by these nodes, to edit them"


class Breadcrumbs(QFrame):
    """The path ``graph ▸ node``, or ``graph ▸ subgraph ▸ subgraph``, with facts about the graph.

    Signals:
        back: go to the outer graph.
        chosen(depth): go to the graph at this depth; 0 is the file's own graph.
        unpack: make the displayed nodes part of the outer graph.
    """

    back = Signal()
    unpack = Signal()
    chosen = Signal(int)

    def __init__(
        self, themes: ThemeManager, keys: str = BACK_KEYS, shortcut: str = "Alt+Left"
    ) -> None:
        super().__init__()
        self.setObjectName("panelHeader")
        self.setAccessibleName("Path")
        self.arrow = QToolButton()
        self.arrow.setAccessibleName("Back to the graph")
        self.arrow.setToolTip(f"Back to the graph ({keys})")
        self.arrow.setShortcut(shortcut)
        self.arrow.setIconSize(QSize(16, 16))
        self.arrow.clicked.connect(self.back)
        self._named = False
        self.outside = button("", "link", self._on_outside)
        self.outside.setToolTip(self.arrow.toolTip())
        self._between = label("▸", "muted")
        self.inside = label("", "strong")
        self.facts = ElidedLabel("", "caption")
        self.unpack_button = button("Unpack", "", self.unpack.emit)
        self.unpack_button.setToolTip(UNPACK_TIP)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[1], SPACE[2], SPACE[1])
        layout.setSpacing(SPACE[1])
        self._middle = QHBoxLayout()
        self._middle.setContentsMargins(0, 0, 0, 0)
        self._middle.setSpacing(SPACE[1])
        self.steps: list[QPushButton] = []
        for widget in (self.arrow, self.outside, self._between):
            layout.addWidget(widget)
        layout.addLayout(self._middle)
        layout.addWidget(self.inside)
        layout.addSpacing(SPACE[2])
        layout.addWidget(self.facts, 1)
        layout.addWidget(self.unpack_button)
        themes.follow(self.set_theme)

    def add_tool(self, widget: QWidget) -> None:
        """Add a widget for the displayed graph at the right end."""
        layout = self.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.insertWidget(layout.count() - 1, widget)

    @property
    def text(self) -> str:
        """The shown path as text."""
        names = [
            self.outside.text().replace("&&", "&"),
            *(step.text() for step in self.steps),
            self.inside.text(),
        ]
        return f" {self._between.text()} ".join(names)

    def show_path(self, outside: str, inside: str, facts: str) -> None:
        self.outside.setText(on_button(outside))
        self.inside.setText(inside)
        self.facts.setText(facts)

    def show_names(self, names: list[str], facts: str) -> None:
        """Show the path inside subgraphs. A click on a name, except the last, goes to its graph."""
        self._named = True
        self.unpack_button.hide()
        clear(self._middle)
        self.steps = []
        for depth, name in enumerate(names[1:-1], 1):
            step = button(name, "link", partial(self.chosen.emit, depth))
            step.setToolTip(plain_tip(f"To {'/'.join(names[1 : depth + 1])}"))
            self.steps.append(step)
            self._middle.addWidget(step)
            self._middle.addWidget(label("▸", "muted"))
        self.show_path(names[0], names[-1], facts)

    def show_place(self, title: str, workspace: Workspace) -> None:
        """Show which subgraph contains the visible graph. Hide the bar for the file's own graph.

        Args:
            title: the document's name.
        """
        names = workspace.path_names
        self.setVisible(bool(names))
        if not names:
            return
        document = workspace.document
        count = len(document.nodes) - len(document.borders)
        found = at_path(workspace.root, "/".join(workspace.path))
        kind = FLOW_TITLES[str(found[1].attrs[FLOW])].lower() if found and is_flow(found[1]) else ""
        facts = f"{kind or 'subgraph'} {document.scope}, {counted(count, 'node')}"
        if workspace.is_apart:
            facts += ", not used by an instance, so it has no values"
        self.show_names([title, *names], facts)

    def _on_outside(self) -> None:
        if self._named:
            self.chosen.emit(0)
        else:
            self.back.emit()

    def set_theme(self, theme: Theme) -> None:
        self.arrow.setIcon(icon("arrow-left", theme, "ink", 16))
