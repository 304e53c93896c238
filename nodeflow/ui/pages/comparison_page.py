"""The page with the differences of two documents, on a canvas of its own and as a list.

The canvas shows the union of both documents (`diff.comparison_view`), which is a separate read-only
document. The page does not change the open document. After an edit of the open document, the
comparison is repeated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from html import escape

from PySide6.QtCore import QModelIndex, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHeaderView, QProgressBar, QSplitter, QTreeView, QVBoxLayout, QWidget

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.subgraphs.instance_paths import ALONE, place_of_use
from nodeflow.document.diff.comparison_view import INSIDE, Comparison, comparison, still
from nodeflow.document.diff.differences import compare
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from nodeflow.number_text import counted
from nodeflow.ui.canvas.view.keyboard import CanvasKeys
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import Theme
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import column, label
from nodeflow.ui.pages.breadcrumbs import Breadcrumbs
from nodeflow.ui.pages.changes_model import AFTER, BEFORE, WHAT, ChangesModel
from nodeflow.ui.pages.comparison_banner import ComparisonBanner
from nodeflow.ui.pages.comparison_canvas import ComparisonCanvas, Thing

AGAIN_MS = 300
"""Minimum milliseconds between comparisons while the open document is edited."""
READABLE = 0.5
LIST_WIDTH = 380
WIDTHS = {BEFORE: 92, AFTER: 92}
MOST_EXPANDED = 200
"""Number of differences above which their fields are hidden at first."""


@dataclass(frozen=True)
class Sides:
    """The two compared documents and their titles."""

    before: Document
    after: Document
    titles: tuple[str, str]


@dataclass
class _Made:
    """A comparison with its analysis, both made by a thread."""

    comparison: Comparison
    analysis: Analysis
    only_moved: bool


class ComparisonPage(QWidget):
    """The page of a comparison.

    Signals:
        opened: the requested comparison is ready.
        closed: show the document's own canvas.
        view_changed: the canvas shows another place or has another scale.
        chosen: the selection changed.
        said(text): a text for the status bar.
    """

    opened = Signal()
    closed = Signal()
    view_changed = Signal()
    chosen = Signal()
    said = Signal(str)

    def __init__(self, workspace: Workspace, themes: ThemeManager, keys: CanvasKeys) -> None:
        super().__init__()
        self._outside, self._themes, self._keys = workspace, themes, keys
        self.inside = Workspace(self)
        self.inside.entered.connect(self._show_graph)
        self.sides: Sides | None = None
        self.found: Comparison | None = None
        self.number = -1
        """The current difference, from 0; -1 before the first."""
        self.canvas: ComparisonCanvas | None = None
        self._work = Background(self)
        self._work.done.connect(self._on_made)
        self._again = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._again.timeout.connect(self._begin)
        self.banner = ComparisonBanner(themes, keys.text)
        self.banner.step.connect(self.step)
        self.banner.closed.connect(self.closed)
        self.banner.layout_toggled.connect(self._begin)
        self.path = Breadcrumbs(themes, "Escape", "")
        self.path.hide()
        self.path.back.connect(self.leave)
        self.path.chosen.connect(lambda depth: self.inside.go_to(self.inside.path[:depth]))
        self.model = ChangesModel(self)
        self.list = self._make_list()
        self._lay_out()
        themes.follow(self._set_theme)
        workspace.edited.connect(self._on_edited)
        workspace.replaced.connect(self.forget)

    def _make_list(self) -> QTreeView:
        view = QTreeView()
        view.setAccessibleName("Changes")
        view.setModel(self.model)
        view.setItemDelegate(CutTextDelegate(view))
        view.setUniformRowHeights(True)
        view.setAlternatingRowColors(True)
        view.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        header = view.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(WHAT, QHeaderView.ResizeMode.Stretch)
        for section, width in WIDTHS.items():
            header.resizeSection(section, width)
        view.selectionModel().currentChanged.connect(self._on_row)
        view.activated.connect(self._on_activated)
        return view

    def _lay_out(self) -> None:
        self.waiting = QWidget()
        text = label("Comparing…", "muted")
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        bar = QProgressBar()
        bar.setAccessibleName("Progress of the comparison")
        bar.setTextVisible(False)
        bar.setRange(0, 0)
        bar.setFixedWidth(220)
        middle = column(None, text, bar, None, gap=3)
        middle.setAlignment(bar, Qt.AlignmentFlag.AlignHCenter)
        self.waiting.setLayout(middle)
        self.waiting.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._graph = QWidget()
        self._graph.setLayout(column(self.path, gap=0))
        self._split = QSplitter()
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._graph)
        self._split.addWidget(self.list)
        self._split.setStretchFactor(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.waiting, 1)
        layout.addWidget(self._split, 1)
        self._split.hide()

    def _set_theme(self, theme: Theme) -> None:
        self.model.set_icons(ComparisonBanner.icons(theme))

    # ---- comparing ------------------------------------------------------------------------------

    def open(self, sides: Sides) -> None:
        """Compare two documents in a thread and show the result."""
        self.forget()
        self.sides = sides
        self.banner.show_titles(*sides.titles)
        self.banner.show_counts(None)
        self.banner.show_keys()
        self._show_waiting(True)
        self._begin()

    def forget(self) -> None:
        """End the comparison and free its documents."""
        if self.sides is None:
            return
        self._work.cancel()
        self._again.stop()
        self.sides = self.found = None
        self.number = -1
        self.model.show(())
        if self.canvas is not None:
            self.inside.open(Document())
            self.canvas.set_document(self.inside.document, self.inside.analysis)

    @property
    def is_ready(self) -> bool:
        """Whether a comparison is ready to be shown."""
        return self.found is not None

    @Slot()
    def _begin(self) -> None:
        if self.sides is None:
            return
        before, after = still(self.sides.before), still(self.sides.after)
        self._work.run(partial(_compared, before, after, self.banner.positions.isChecked()))

    @Slot(object)
    def _on_edited(self, _: object) -> None:
        """Compare again if the open document is one of the two."""
        sides, root = self.sides, self._outside.root
        if sides is not None and (sides.before is root or sides.after is root):
            self._again.start()

    @Slot(object)
    def _on_made(self, made: _Made) -> None:
        if self.sides is None:
            return
        is_first, before = self.found is None, self.found
        old = before.differences[self.number].path if before and self.number >= 0 else None
        path = self.inside.path
        self.found = made.comparison
        differences = self.found.differences
        self.model.show(differences)
        self.banner.show_counts(Counter(d.change for d in differences), made.only_moved)
        same = (i for i, d in enumerate(differences) if d.path == old)
        self.number = next(same, -1) if old is not None else -1
        self.banner.show_place(self.number, len(differences))
        self.inside.open(self.found.document, made.analysis)
        if path and not is_first:
            self.inside.go_to(path)
        self._show_graph(keeps_view=not is_first)
        if len(differences) <= MOST_EXPANDED:
            self.list.expandAll()
        self._mark_row()
        self._show_waiting(False)
        if is_first:
            self.opened.emit()
        if not differences:
            self.said.emit(f"{self.banner.nothing.text()}.")

    def _show_waiting(self, waits: bool) -> None:
        self.waiting.setVisible(waits)
        self._split.setVisible(not waits)

    # ---- showing --------------------------------------------------------------------------------

    def show_start(self) -> None:
        """Focus the canvas. Show the whole graph, or the first difference if this graph has
        none.
        """
        if self.canvas is None or not self.is_ready:
            self.waiting.setFocus()
            return
        layout = self.layout()
        assert layout is not None
        layout.activate()
        width = max(self._split.width(), 2 * LIST_WIDTH)
        self._split.setSizes([width - LIST_WIDTH, LIST_WIDTH])
        self.canvas.viewport.fit_all()
        self.canvas.setFocus()
        assert self.found is not None
        if self.found.differences and not self._is_drawn_here():
            self.step(1)

    def _is_drawn_here(self) -> bool:
        """Return whether the graph that is displayed has marks."""
        assert self.found is not None
        return bool(self.found.marks.get(self.inside.document.scope))

    @Slot()
    def _show_graph(self, keeps_view: bool = False) -> None:
        """Show the current graph of the union with its marks."""
        inside = self.inside
        if self.canvas is None:
            self._make_canvas()
        canvas = self.canvas
        assert canvas is not None
        camera = canvas.viewport.camera
        step, place = camera.step, camera.to_scene(canvas.viewport.center)
        canvas.set_document(inside.document, inside.analysis)
        canvas.show_marks(self.found.marks.get(inside.document.scope) if self.found else None)
        if keeps_view:
            canvas.viewport.look_at(place, step)
        assert self.sides is not None or not inside.path
        self.path.setVisible(bool(inside.path))
        if inside.path and self.sides is not None:
            mine = self.sides.after is self._outside.root
            names = [self._outside.title if mine else self.sides.titles[1], *inside.path_names]
            facts = f"subgraph {inside.document.scope}: {self._count(inside.document.scope)}"
            self.path.show_names(names, facts)

    def _make_canvas(self) -> None:
        nothing = Document()  # the union follows, in one step
        self.canvas = canvas = ComparisonCanvas(
            nothing, Analysis(nothing), self._themes.theme, self._keys, self._words
        )
        self._themes.changed.connect(canvas.set_theme)
        canvas.signals.message.connect(self.said)
        canvas.signals.node_activated.connect(self.inside.enter)
        canvas.signals.leave_requested.connect(self.leave)
        canvas.viewport.changed.connect(self.view_changed)
        canvas.selection.changed.connect(self._on_selected)
        layout = self._graph.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addWidget(canvas, 1)

    @Slot()
    def leave(self) -> None:
        """Leave the current subgraph. In the file's own graph, end the comparison."""
        if self.inside.path:
            self.inside.leave()
        else:
            self.closed.emit()

    @property
    def selected_instance(self) -> str:
        """The selected node if exactly one is selected and it contains a graph, else ""."""
        chosen = self.canvas.selection.nodes() if self.canvas is not None else []
        one = chosen[0] if len(chosen) == 1 else ""
        return one if one and self.inside.has((*self.inside.path, one)) else ""

    def enter_selected(self) -> None:
        """Show the differences inside the selected instance."""
        if self.selected_instance:
            self.inside.enter(self.selected_instance)

    def _count(self, scope: str) -> str:
        assert self.found is not None
        spots = sum(spot.scope == scope for spot in self.found.spots)
        return counted(spots, "change")

    def _words(self, thing: Thing) -> str:
        """Return the tooltip of a marked item as rich text."""
        marks = self.found.marks.get(self.inside.document.scope) if self.found else None
        if marks is None:
            return ""
        texts = [self.model.text_of(number) for number in marks.said.get(thing, ())]
        document = self.inside.document
        if isinstance(thing, str) and marks.nodes.get(thing) == INSIDE:
            record = document.nodes[thing]
            definition = str(record.attrs.get("definition"))
            texts.append(f"{record.name}\n{self._count(definition)} inside: double-click to see")
        if not texts and isinstance(thing, tuple) and (thing in marks.wires or thing in marks.gone):
            texts.append("This wire was removed with one of its nodes.")
        first = [line for text in texts[:1] for line in text.split("\n")]
        rest = [line for text in texts[1:] for line in text.split("\n")]
        return "<br>".join([*(f"<b>{escape(line)}</b>" for line in first[:1]),
                            *map(escape, [*first[1:], *rest])])  # fmt: skip

    # ---- stepping -------------------------------------------------------------------------------

    @Slot(int)
    def step(self, by: int) -> None:
        """Go to the next or previous difference; wrap around at the ends."""
        count = len(self.found.differences) if self.found else 0
        if not count:
            return
        start = self.number if self.number >= 0 else (-1 if by > 0 else 0)
        number = (start + by) % count
        wraps = self.number >= 0 and (number - self.number) * by < 0
        self.go_to(number)
        if wraps:
            self.said.emit("Back at the first change." if by > 0 else "Back at the last change.")

    def go_to(self, number: int) -> None:
        """Show a difference in the graph that contains it."""
        assert self.found is not None and self.canvas is not None
        self.number = number
        spot = self.found.spots[number]
        scope = self.inside.document.scope
        if scope != spot.scope:
            path = place_of_use(self.found.document, spot.scope) if spot.scope else ""
            path = f"{ALONE}{spot.scope}" if path is None else path
            self.inside.go_to(path.split("/") if path else ())
        canvas, total = self.canvas, len(self.found.differences)
        if spot.frame:
            canvas.selection.select([spot.frame])
            canvas.viewport.ensure_area_visible(QRectF(*canvas.document.frames[spot.frame].rect))
        elif spot.nodes:
            canvas.selection.select([] if spot.wire is not None else spot.nodes)
            if spot.wire is not None and not isinstance(spot.wire, Wire):
                canvas.selection.select_wire(spot.wire)
            if canvas.viewport.camera.scale < READABLE:
                canvas.viewport.center_on(spot.nodes[0])
            canvas.viewport.ensure_visible(*spot.nodes)
        else:
            canvas.selection.select([])
        self.banner.show_place(number, total)
        self._mark_row()
        title, *fields = self.model.text_of(number).split("\n")
        self.said.emit(": ".join(filter(None, (title, "; ".join(fields)))))

    def _mark_row(self) -> None:
        """Select the row of the current difference in the list."""
        selection = self.list.selectionModel()
        blocked = selection.blockSignals(True)
        index = self.model.of(self.number) if self.number >= 0 else QModelIndex()
        self.list.setCurrentIndex(index)
        selection.blockSignals(blocked)
        if index.isValid():
            self.list.scrollTo(index)
        self.list.viewport().update()

    @Slot(QModelIndex, QModelIndex)
    def _on_row(self, index: QModelIndex, _: QModelIndex) -> None:
        number = self.model.number(index)
        if number >= 0 and number != self.number:
            self.go_to(number)

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        """Show the difference of an activated row and focus the canvas."""
        number = self.model.number(index)
        if number >= 0 and self.canvas is not None:
            self.go_to(number)
            self.canvas.setFocus()

    @Slot(object)
    def _on_selected(self, ids: list[str]) -> None:
        """Select the differences of a node that was chosen on the canvas in the list."""
        self.chosen.emit()
        if self.found is None or len(ids) != 1:
            return
        marks = self.found.marks.get(self.inside.document.scope)
        numbers = marks.said.get(ids[0], []) if marks is not None else []
        if numbers and self.number not in numbers:
            self.number = numbers[0]
            self.banner.show_place(self.number, len(self.found.differences))
            self._mark_row()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace):
            self.leave()
            return
        super().keyPressEvent(event)


def _compared(before: Document, after: Document, layout: bool) -> _Made:
    """Return a comparison of two documents.

    Its analysis has types for the cards, but no problems.
    """
    found = comparison(before, after, layout=layout)
    analysis = Analysis(found.document)
    waiting = [analysis]
    while waiting:
        inner = waiting.pop()
        inner.problems.clear()
        waiting += inner.inside.values()
    same = not found.differences
    return _Made(found, analysis, same and not layout and bool(compare(before, after, layout=True)))
