"""The profile: the time of each op in a run or training step, and the plan of its kernels.

The engine measures only on request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHeaderView,
    QPlainTextEdit,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.document.model.records import Change
from nodeflow.errors import FileProblem
from nodeflow.host import protocol as p
from nodeflow.number_text import count, counted, rounded
from nodeflow.paths import home
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.engine_link.kernel_totals import Total, totals
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, column, label, row, switch
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.popups.dialogs import confirmation_dialogs

COLUMNS = ("Ops", "Kernel", "Time, µs", "Share", "Tasks", "Threads", "Memory", "GB/s")
WIDTHS = (160, 96, 84, 112, 56, 70, 84, 58)
SHARE = 3
VALUE_ROLE = Qt.ItemDataRole.UserRole
NODES_ROLE = Qt.ItemDataRole.UserRole + 1
HINT = "Measure how long each op takes: in three training steps, or in a run if nothing trains."


class ProfilePanel(QWidget):
    """The panel with the ops by time, and the optimized plan as text.

    Signals:
        profile_requested: the user wants to measure.
        chosen(names): show these nodes, including generated ones.
    """

    profile_requested = Signal()
    chosen = Signal(object)

    def __init__(
        self, workspace: Workspace, themes: ThemeManager, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._themes = themes
        self.result: p.Profiled | None = None
        self.why_not: Callable[[], str] = str
        """Returns why nothing can be measured; empty if measuring is possible."""
        self._make()
        workspace.changed.connect(self._on_changed)
        workspace.replaced.connect(self.reset)
        themes.changed.connect(self.table.viewport().update)

    def _make(self) -> None:
        self.measure = button("Measure", "", self.profile_requested.emit)
        self.summary = ElidedLabel("", "caption")
        self.save = button("Save trace…", "link", self.save_trace)
        self.table = QTreeWidget()
        self.table.setItemDelegate(CutTextDelegate(self.table))
        self.table.setAccessibleName("Ops by time")
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setHeaderLabels(COLUMNS)
        self.table.header().setStretchLastSection(False)
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for index, width in enumerate(WIDTHS):
            self.table.setColumnWidth(index, width)
        self.table.setItemDelegateForColumn(SHARE, _Bar(self))
        self.table.itemClicked.connect(self._on_item)
        self.table.itemActivated.connect(self._on_item)
        self.plan = QPlainTextEdit()
        self.plan.setAccessibleName("Plan")
        self.plan.setReadOnly(True)
        self.plan.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.plan.setProperty("role", "mono")
        self.plan.setFrameStyle(0)
        self.plan.setStyleSheet("QPlainTextEdit { background: transparent; border: none; }")
        hint = label(HINT, "muted")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages = QStackedWidget()
        for page in (hint, self.table, self.plan):
            self.pages.addWidget(page)
        self._ways = QButtonGroup(self)
        self.ways = [self._way(number, text) for number, text in ((1, "Ops"), (2, "Plan"))]
        top = row(self.measure, *self.ways, gap=2)
        top.addWidget(self.summary, 1)
        top.addWidget(self.save)
        layout = column(gap=2)
        layout.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[1])
        layout.addLayout(top)
        layout.addWidget(self.pages, 1)
        self.setLayout(layout)
        self.reset()

    def _way(self, number: int, text: str) -> QToolButton:
        result = QToolButton()
        result.setText(text)
        result.setCheckable(True)
        result.setChecked(number == 1)
        result.clicked.connect(self._show_page)
        self._ways.addButton(result, number)
        return result

    @property
    def bar_color(self) -> QColor:
        return self._themes.theme.color("accent")

    # ---- signals ----------------------------------------------------------------------------

    @Slot()
    def reset(self) -> None:
        """Discard the measurement, because another document is open."""
        self.result = None
        self.summary.setText("")
        for widget in (self.save, *self.ways):
            switch(widget, "Nothing has been measured yet.")
        self.pages.setCurrentIndex(0)

    @Slot()
    def refresh_measure(self) -> None:
        """Disable the button while nothing can be measured. Its tooltip then tells the reason."""
        switch(self.measure, self.why_not())

    def begin(self) -> None:
        """Show that the engine is measuring."""
        self.summary.setText("Measuring…")

    def fail(self) -> None:
        """Restore the last summary after a failure. A message of the window shows the reason."""
        self.summary.setText("" if self.result is None else self._summary())

    @Slot(object)
    def show_profile(self, message: p.Profiled) -> None:
        """Show the result of a measurement."""
        self.result = message
        self._fill(totals(message.trace, message.times))
        self.plan.setPlainText(message.plan)
        self.summary.setText(self._summary())
        switch(self.save, "", "For Perfetto (ui.perfetto.dev) or chrome://tracing")
        for way in self.ways:
            switch(way, "")
        self._show_page()

    @Slot(object)
    def _on_changed(self, change: Change) -> None:
        if self.result is not None and not change.only_moves:
            self.summary.setText(f"Before the last edit: {self._summary()}")

    def _show_page(self) -> None:
        self.pages.setCurrentIndex(self._ways.checkedId())

    def _on_item(self, item: QTreeWidgetItem) -> None:
        self.chosen.emit(item.data(0, NODES_ROLE))

    # ---- showing ----------------------------------------------------------------------------

    def _fill(self, found: Sequence[Total]) -> None:
        self.table.clear()
        whole = sum(total.micros for total in found) or 1.0
        self.table.addTopLevelItems([_item(total, total.micros / whole) for total in found])

    def _summary(self) -> str:
        assert self.result is not None
        found = totals(self.result.trace, self.result.times)
        micros = sum(total.micros for total in found)
        what = "A training step" if self.result.times else "A run"
        kernels = counted(len(found), "kernel")
        threads = counted(self.result.threads, "thread")
        return f"{what}: {count(round(micros))} µs in {kernels}, {threads} together"

    def save_trace(self) -> None:
        """Write the trace to a file that the user chooses."""
        name = str(home() / "trace.json")
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the trace", name, "Trace (*.json)")
        if not chosen or self.result is None:
            return
        try:
            with writing(Path(chosen)):
                write_atomically(Path(chosen), json.dumps(self.result.trace).encode())
        except FileProblem as problem:
            confirmation_dialogs.show_problem(self, "The trace was not saved", problem)


class _Bar(QStyledItemDelegate):
    """The painter of a share: a bar behind the number."""

    def __init__(self, panel: ProfilePanel) -> None:
        super().__init__(panel)
        self._panel = panel

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        area = option.rect.adjusted(44, 0, -6, 0)
        width = max(1, round(area.width() * (index.data(VALUE_ROLE) or 0.0)))
        top = area.center().y() - 2
        painter.fillRect(area.x(), top, width, 5, self._panel.bar_color)


def _item(total: Total, share: float) -> QTreeWidgetItem:
    gigabytes = total.bytes / total.micros / 1e3 if total.micros else 0.0
    texts = (
        total.name,
        total.kind if total.kind != total.name else "",
        rounded(total.micros, 1),
        f"{share:.0%}",
        f"{total.tasks:.0f}",
        ", ".join(str(thread) for thread in sorted(total.threads)),
        _size(total.bytes),
        f"{gigabytes:.1f}" if total.bytes else "",
    )
    item = QTreeWidgetItem(list(texts))
    item.setToolTip(0, plain_tip(total.name))
    item.setData(0, NODES_ROLE, total.nodes)
    item.setData(SHARE, VALUE_ROLE, share)
    for index in range(2, len(COLUMNS)):
        if index != SHARE:
            align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            item.setTextAlignment(index, align)
    return item


def _size(count: float) -> str:
    if not count:
        return ""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def _make(context: PanelContext) -> ProfilePanel:
    panel = ProfilePanel(context.document.workspace, context.look.themes)
    context.trainings.run.profile_failed.connect(panel.fail)
    context.engine.link.profiled.connect(panel.show_profile)
    panel.profile_requested.connect(partial(context.window.actions.trigger, "profile"))
    panel.chosen.connect(context.middle.navigator.show_named)
    panel.why_not = partial(context.window.actions.reason, "profile")
    context.window.actions.refreshed.connect(panel.refresh_measure)
    panel.refresh_measure()
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    context.trainings.run.profile_started.connect(panel.show)
    panel.hear(context.trainings.run.profile_started, ProfilePanel.begin)


SHOW = ActionSpec("show_profile", "Show the profile", icon="timer", tip="The last measured times")
PANEL = PanelSpec("profile", "Profile", Place.BOTTOM, 80, _make, _wire, (SHOW,))
