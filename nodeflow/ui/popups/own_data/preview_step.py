"""Step 1 of the wizard: the first rows, and each column's type, missing values and distribution."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from nodeflow.data.survey import ColumnSurvey, Survey
from nodeflow.errors import NodeflowError
from nodeflow.number_text import counted
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.painting.picture_reading import read_picture
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import column, label
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.own_data.column_texts import (
    draw_distribution,
    kind_text,
    missing_text,
    spoken,
)

HEADER_HEIGHT = 104
NARROWEST, WIDEST = 104, 240
PICTURE = 40
KEEP = Qt.AspectRatioMode.KeepAspectRatio
NUMERIC = ("number", "integer", "boolean")

Index = QModelIndex | QPersistentModelIndex


class HeadModel(QAbstractTableModel):
    """A table model of the first rows of the surveyed data."""

    def __init__(self, survey: Survey) -> None:
        super().__init__()
        self.survey = survey
        self.pictures: list[QImage] = []

    def show_pictures(self, pictures: list[QImage]) -> None:
        """Show pictures in the first column."""
        self.pictures = pictures
        if pictures:
            self.dataChanged.emit(self.index(0, 0), self.index(len(pictures) - 1, 0))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.survey.head)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.survey.columns)

    def data(self, index: Index, role: int = 0) -> Any:
        row = self.survey.head[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            text = row[index.column()] if index.column() < len(row) else ""
            return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            known = index.row() < len(self.pictures)
            return QPixmap.fromImage(self.pictures[index.row()]) if known else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            numeric = self.survey.columns[index.column()].kind in NUMERIC
            side = Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1) if role == Qt.ItemDataRole.DisplayRole else None
        found = self.survey.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return found.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            text = spoken(found)
            return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text
        return None


class ColumnHeader(QHeaderView):
    """A header with the names of columns, each above its type, its distribution, and its number
    of missing values.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.theme = theme
        self.columns: tuple[ColumnSurvey, ...] = ()
        self.setSectionsClickable(False)
        self.setHighlightSections(False)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), HEADER_HEIGHT)

    def sectionSizeFromContents(self, section: int) -> QSize:
        return QSize(self.width_of(section), HEADER_HEIGHT)

    def width_of(self, section: int) -> int:
        """Return the width of the longest text of a column, within limits."""
        found = self.columns[section] if section < len(self.columns) else None
        if found is None:
            return NARROWEST
        bold, small = QFontMetrics(font(TYPE["body"], 600)), QFontMetrics(font(TYPE["caption"]))
        need = max(
            bold.horizontalAdvance(found.name),
            small.horizontalAdvance(kind_text(found)),
            small.horizontalAdvance(missing_text(found)),
        )
        return min(max(need + 2 * SPACE[2] + SPACE[1], NARROWEST), WIDEST)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        if section >= len(self.columns):
            return
        found, theme = self.columns[section], self.theme
        painter.save()
        painter.fillRect(rect, theme.color("sunken"))
        painter.setPen(theme.color("border"))
        painter.drawLine(rect.topRight(), rect.bottomRight())
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        inside = rect.adjusted(SPACE[2], SPACE[2], -SPACE[2], -SPACE[2])
        self._text(painter, inside, 0, found.name, "ink", font(TYPE["body"], 600))
        small = font(TYPE["caption"])
        self._text(painter, inside, 18, kind_text(found), "ink_muted", small)
        missing = missing_text(found)
        if missing:
            self._text(painter, inside, inside.height() - 15, missing, "warning", small)
        height = inside.height() - 38 - (17 if missing else 0)
        area = QRectF(inside.x(), inside.y() + 37, inside.width(), height)
        draw_distribution(painter, area, found, theme)
        painter.restore()

    def _text(
        self, painter: QPainter, inside: QRect, top: int, text: str, role: str, used: QFont
    ) -> None:
        painter.setFont(used)
        metrics = QFontMetrics(used)
        painter.setPen(self.theme.color(role))
        line = QRect(inside.x(), inside.y() + top, inside.width(), 17)
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


def small_pictures(files: list[Path]) -> list[QImage]:
    """Return pictures scaled down to the height of a row. An unreadable picture is empty."""
    found = []
    for file in files:
        try:
            image = read_picture(file, QSize(4 * PICTURE, PICTURE))
        except NodeflowError:
            image = QImage()
        if not image.isNull() and image.height() < PICTURE:
            image = image.scaled(4 * PICTURE, PICTURE, KEEP)
        found.append(image)
    return found


class PreviewStep(QWidget):
    """The table of the first rows, under a line that describes it."""

    def __init__(self, survey: Survey, themes: ThemeManager, limit: int) -> None:
        super().__init__()
        self.survey = survey
        self.table = QTableView()
        self.table.setAccessibleName("The first rows")
        self.model = HeadModel(survey)
        self.header = ColumnHeader(themes.theme, self.table)
        self.header.columns = survey.columns
        self.table.setHorizontalHeader(self.header)
        self.table.setModel(self.model)
        self.table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.table.setAlternatingRowColors(True)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.facts = label(self._facts(limit), "muted", wrap=True)
        self._reading = Background(self)
        self._reading.done.connect(self.model.show_pictures)
        if survey.kind == "pictures":
            self.table.verticalHeader().setDefaultSectionSize(PICTURE + SPACE[2])
            folder = Path(survey.source.partition(":")[2])
            files = [folder / row[0] for row in survey.head]
            self._reading.run(partial(small_pictures, files))
        self.setLayout(column(self.facts, self.table, gap=2))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Distribute the remaining width among the columns, within limits."""
        super().resizeEvent(event)
        widths = [self.header.width_of(section) for section in range(len(self.survey.columns))]
        room = self.table.width() - self.table.verticalHeader().width() - SPACE[4]
        more = max(0, room - sum(widths)) // max(1, len(widths))
        for section, width in enumerate(widths):
            self.header.resizeSection(section, max(width, min(width + more, WIDEST)))

    def _facts(self, limit: int) -> str:
        survey = self.survey
        noun = {"pictures": "picture", "text": "character"}.get(survey.kind, "row")
        rows = counted(survey.rows, noun)
        if survey.rows >= limit and survey.kind != "text":
            rows = f"The first {rows}"
        parts = [f"{rows}, {counted(len(survey.columns), 'column')}"]
        if survey.kind == "text":
            parts = [f"{rows}, {survey.columns[0].distinct} of them different"]
        missing = sum(found.missing for found in survey.columns)
        if missing:
            parts.append(f"{counted(missing, 'value is', 'values are')} missing")
        if survey.head and len(survey.head) < survey.rows:
            lines = " lines" if survey.kind == "text" else ""
            parts.append(f"below are the first {len(survey.head)}{lines}")
        notice = f" {survey.notice}" if survey.notice else ""
        return "; ".join(parts) + "." + notice
