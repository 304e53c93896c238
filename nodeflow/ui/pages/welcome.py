"""The welcome page: a new graph, a recent file, or an example.

The pictures of some examples show their results. For the others, their graphs are drawn, one by
one when the window is idle after the first paint, and kept until the window closes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPixmap,
)
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.resources import MissingResource, examples, resource
from nodeflow.ui.core.example_titles import describe, groups, title_of
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import (
    ElidedLabel,
    FlowLayout,
    button,
    clear,
    label,
    logo,
)
from nodeflow.ui.core.widgets.escaped_text import on_button
from nodeflow.ui.pages.learn_section import LearnSection

CARD_WIDTH, PICTURE_HEIGHT = 276, 138
WIDEST = 2.6
"""Ratio of width to height above which only the beginning of a graph is drawn."""
OVERSAMPLING = 4
"""Pictures are drawn larger by this factor and then shrunk, so that thin wires stay fine."""


class Thumbnail(QWidget):
    """A picture with rounded upper corners; a plain background until it is available."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._pixmap: QPixmap | None = None
        self.setFixedSize(CARD_WIDTH - 2, PICTURE_HEIGHT)

    def show_pixmap(self, pixmap: QPixmap) -> None:
        self._pixmap = pixmap
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QPainterPath()
        shape.addRoundedRect(self.rect().adjusted(0, 0, 0, 20).toRectF(), 9, 9)
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), self.theme.color("canvas"))
        if self._pixmap is not None:
            painter.drawPixmap(0, 0, self._pixmap)


class ExampleCard(QFrame):
    """A card of an example with picture, name and one line, which behaves like a button."""

    chosen = Signal(object)

    def __init__(self, path: Path, theme: Theme) -> None:
        super().__init__()
        self.path = path
        self.setObjectName("card")
        self.setFixedWidth(CARD_WIDTH)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        title = title_of(path.stem)
        self.setAccessibleName(f"Open the example {title}")
        self.picture = Thumbnail(theme)
        self._line = ElidedLabel(describe(path.stem, None), "caption")
        texts = QVBoxLayout()
        texts.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[3])
        texts.setSpacing(SPACE[1])
        texts.addWidget(label(title, "strong"))
        texts.addWidget(self._line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)  # the style's border already takes a pixel
        layout.setSpacing(0)
        layout.addWidget(self.picture)
        layout.addLayout(texts)

    def show_document(self, document: Document) -> None:
        if not self._line.text():
            self._line.setText(describe(self.path.stem, document))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        inside = self.rect().contains(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and inside:
            self.chosen.emit(self.path)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self.path)
            return
        super().keyPressEvent(event)


class WelcomePage(QScrollArea):
    """The page of starting points. Its signals are user requests; a file is passed as a Path, a
    lesson with its course.
    """

    new_requested = Signal()
    open_requested = Signal()
    data_requested = Signal()
    back_requested = Signal()
    lesson_requested = Signal(object, object)
    example_chosen = Signal(object)
    file_chosen = Signal(object)

    def __init__(
        self, settings: Settings, themes: ThemeManager, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._settings, self._theme = settings, themes.theme
        self.setWidgetResizable(True)
        self.setObjectName("welcomeScroll")
        self.finished: Callable[[str], bool] = lambda lesson: False
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cards: list[ExampleCard] = []
        self._waiting: list[ExampleCard] = []
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._draw_next)
        self._filled = False
        self._has_graph = False
        themes.changed.connect(self.set_theme)

    def refresh(self, has_graph: bool = False) -> None:
        """Fill the page, or update the recent files.

        ``has_graph`` tells whether there is an open graph that the user can return to.
        """
        if not self._filled:
            self._filled = True
            self._make()
        else:
            self.learn.refresh()
        self._fill_recent()
        self._has_graph = has_graph
        self.back_button.setVisible(has_graph)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._has_graph:
            self.back_requested.emit()
            return
        super().keyPressEvent(event)

    def draw_pictures(self) -> None:
        """Start to draw the missing pictures, one at a time."""
        self._waiting = list(self.cards)
        self._timer.start()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        if self._filled:
            self._make()
            self._fill_recent()
            self.back_button.setVisible(self._has_graph)
            self.draw_pictures()

    # ---- construction -----------------------------------------------------------------------

    def _make(self) -> None:
        page = QFrame()
        page.setObjectName("welcome")
        body = QVBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(SPACE[5])
        body.addLayout(self._head())
        body.addLayout(self._begin())
        self.cards = []
        for group, paths in groups(examples()).items():
            body.addLayout(self._group(group, paths))
        body.addStretch(1)
        holder = QWidget()
        holder.setMaximumWidth(4 * (CARD_WIDTH + SPACE[4]))
        holder.setLayout(body)
        outer = QHBoxLayout(page)
        outer.setContentsMargins(SPACE[7], SPACE[7], SPACE[7], SPACE[6])
        outer.setSpacing(0)
        outer.addWidget(holder)
        old = self.takeWidget()
        if old is not None:
            old.deleteLater()
        self.setWidget(page)

    def _head(self) -> QHBoxLayout:
        sign = label()
        sign.setPixmap(logo(56))
        sign.setAccessibleName("The nodeflow logo")
        texts = QVBoxLayout()
        texts.setSpacing(SPACE[1])
        texts.addWidget(label("nodeflow", "hero"))
        line = "Build a graph of tensors, see every value, train it, and watch it learn."
        texts.addWidget(label(line, "muted"))
        layout = QHBoxLayout()
        layout.setSpacing(SPACE[4])
        self.back_button = button(" Back to graph", "", self.back_requested.emit)
        self.back_button.setIcon(icon("arrow-left", self._theme, "ink_muted", 16))
        self.back_button.setMinimumHeight(36)
        layout.addWidget(sign)
        layout.addLayout(texts, 1)
        layout.addWidget(self.back_button, 0, Qt.AlignmentFlag.AlignTop)
        return layout

    def _begin(self) -> QHBoxLayout:
        self.new_button = button("New graph", "primary", self.new_requested.emit)
        self.open_button = button("Open…", "", self.open_requested.emit)
        self.data_button = button("Your data…", "", self.data_requested.emit)
        self.data_button.setToolTip("Make a graph from a CSV, .npz or .npy file, or from pictures")
        actions = QHBoxLayout()
        actions.setSpacing(SPACE[2])
        for widget in (self.new_button, self.data_button, self.open_button):
            widget.setMinimumHeight(36)
            actions.addWidget(widget)
        actions.addStretch(1)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(SPACE[3])
        column = QVBoxLayout()
        column.setSpacing(SPACE[5])
        column.addLayout(actions)
        self.learn = LearnSection(self._settings, self._theme, lambda key: self.finished(key))
        self.learn.lesson_requested.connect(self.lesson_requested)
        column.addWidget(self.learn)
        column.addLayout(self._recent)
        row = QHBoxLayout()
        row.addLayout(column, 1)
        return row

    @property
    def lesson_buttons(self) -> list[QPushButton]:
        """The buttons of all lessons, in the order of their courses."""
        return self.learn.lesson_buttons

    def show_lessons(self) -> None:
        """Scroll to the lessons, and give the first unfinished one the focus."""
        self.ensureWidgetVisible(self.learn)
        self.learn.focus_unfinished()

    def add_course(self, source: Path) -> None:
        """Add a course to the lessons, and show it."""
        self.learn.add(source)

    def _group(self, title: str, paths: list[Path]) -> QVBoxLayout:
        grid = FlowLayout(4)
        for path in paths:
            card = ExampleCard(path, self._theme)
            card.chosen.connect(self.example_chosen)
            self.cards.append(card)
            grid.addWidget(card)
        column = QVBoxLayout()
        column.setSpacing(SPACE[2])
        column.addWidget(label(title, "title"))
        column.addLayout(grid)
        return column

    def _fill_recent(self) -> None:
        clear(self._recent)
        paths = self._settings.recent_files()[:5]
        if not paths:
            return
        self._recent.addWidget(label("Recent files", "title"))
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE[4])
        grid.setVerticalSpacing(SPACE[1])
        for row, path in enumerate(paths):
            link = button(on_button(path.stem), "link")
            link.setProperty("flush", "true")  # aligns names with the heading
            link.setObjectName(str(path))
            link.clicked.connect(self._on_recent)
            grid.addWidget(link, row, 0)
            grid.addWidget(ElidedLabel(str(path.parent), "caption"), row, 1)
        grid.setColumnStretch(1, 1)
        self._recent.addLayout(grid)

    def _on_recent(self) -> None:
        self.file_chosen.emit(Path(self.sender().objectName()))

    # ---- pictures ---------------------------------------------------------------------------

    def _draw_next(self) -> None:
        if not self._waiting or not self.isVisible():
            return
        card = self._waiting.pop(0)
        drawn = result_picture(card.path.stem, self.devicePixelRatioF())
        if drawn is not None:
            card.picture.show_pixmap(drawn)
            self._timer.start(0)
            return
        try:
            document = flow.load(card.path)
        except NodeflowError:  # the error is shown when the example is opened
            document = None
        if document is not None:
            card.show_document(document)
            card.picture.show_pixmap(thumbnail(document, self._theme, self.devicePixelRatioF()))
        if self._waiting:
            self._timer.start(10)


def result_picture(name: str, ratio: float) -> QPixmap | None:
    """Return a picture of an example's result, or None if the graph itself is the result.

    `tools/make_thumbnails.py` draws these pictures in advance.
    """
    try:
        path = resource(f"thumbnails/{name}.png")
    except MissingResource:
        return None
    size = QSizeF(CARD_WIDTH - 2, PICTURE_HEIGHT) * ratio
    smooth = Qt.TransformationMode.SmoothTransformation
    pixmap = QPixmap(str(path)).scaled(size.toSize(), mode=smooth)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def thumbnail(document: Document, theme: Theme, ratio: float) -> QPixmap:
    """Return the beginning of a document's canvas as the picture of a card."""
    from nodeflow.document.analysis.inference.incremental_inference import Analysis
    from nodeflow.ui.canvas import CanvasView

    canvas = CanvasView(document, Analysis(document), theme)
    size = QSize(CARD_WIDTH - 2, PICTURE_HEIGHT)
    large = QImage(size * OVERSAMPLING, QImage.Format.Format_ARGB32_Premultiplied)
    painter = QPainter(large)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = canvas.scene.bounds(canvas.scene.nodes.used())
    for frame in document.frames.values():
        area = area if frame.note else area.united(QRectF(*frame.rect))
    source = cropped(area)
    canvas.renderer.export(painter, large.rect().toRectF(), source)
    painter.end()
    canvas.scene.close()
    canvas.deleteLater()
    smooth = Qt.TransformationMode.SmoothTransformation
    image = large.scaled((size.toSizeF() * ratio).toSize(), mode=smooth)
    image.setDevicePixelRatio(ratio)
    return QPixmap.fromImage(image)


def cropped(area: QRectF) -> QRectF:
    """Return the part of a graph that fits a card: the whole graph, or the beginning of a wide
    one.
    """
    shape = CARD_WIDTH / PICTURE_HEIGHT
    margin = max(40.0, 0.06 * area.height())
    area = area.adjusted(-margin, -margin, margin, margin)
    width = min(area.width(), area.height() * WIDEST)
    height = max(area.height(), width / shape)
    width = max(width, area.height() * shape) if width < area.width() else width
    top = area.center().y() - height / 2
    return QRectF(area.left(), top, width, height)
