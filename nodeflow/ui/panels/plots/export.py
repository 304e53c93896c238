"""The export of plots: pictures with legend as PNG and SVG, values as CSV."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtSvg import QSvgGenerator

from nodeflow.atomic_write import write_atomically
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.theme import Theme
from nodeflow.ui.panels.plots.curve import Curve
from nodeflow.ui.panels.plots.plot_cell import PlotCell

SCALE = 2
"""Pixels of a PNG per pixel of the window."""
LINE = 18
GAP = 12
MARK = 18
"""Length of the line beside a name in the legend, in pixels."""
HEADER = ("curve", "run", "step", "epoch", "seconds", "value")
CHUNK = 10_000
Legend = list[list[tuple[str, QColor | None, bool]]]
"""Lines of a legend: title, colour, whether the curve is dashed; a heading has no colour."""


def picture(cells: Sequence[PlotCell], theme: Theme, suffix: str) -> bytes:
    """Return the plots in their arrangement, with legends, as the content of a PNG or SVG file."""
    around = QRect()
    legends = {cell: _legend(cell) for cell in cells}
    for cell in cells:
        around = around.united(cell.geometry())
    extra = max((len(lines) for lines in legends.values()), default=1) * LINE
    rows = sorted({cell.geometry().top() for cell in cells})
    heights = [
        max(cell.plot.height() for cell in cells if cell.geometry().top() == row) for row in rows
    ]
    tops = [GAP + sum(heights[:n]) + n * (extra + GAP) for n in range(len(rows))]
    height = sum(heights) + len(rows) * (extra + GAP)
    size = QSize(around.width() + 2 * GAP, height + GAP)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if suffix == ".svg":
        device = QSvgGenerator()
        device.setOutputDevice(buffer)
        device.setSize(size)
        device.setViewBox(QRect(0, 0, size.width(), size.height()))
        device.setResolution(cells[0].logicalDpiX() if cells else 96)  # axes are drawn for it
        device.setTitle("Plots of a training")
    else:
        device = QImage(size * SCALE, QImage.Format.Format_ARGB32)
        device.setDevicePixelRatio(SCALE)
    painter = QPainter(device)
    try:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(QRectF(0, 0, size.width(), size.height()), theme.color("surface"))
        for cell in cells:
            place = cell.geometry()
            top = tops[rows.index(place.top())]
            left = GAP + place.left() - around.left()
            _draw(painter, cell, legends[cell], QPointF(left, top), theme, extra)
    finally:
        painter.end()
    if isinstance(device, QImage):
        device.save(buffer, "PNG")  # pyright: ignore[reportCallIssue, reportArgumentType]
    return bytes(buffer.data().data())


def _draw(
    painter: QPainter,
    cell: PlotCell,
    legend: Legend,
    at: QPointF,
    theme: Theme,
    extra: int,
) -> None:
    y, ink = at.y(), theme.color("ink")
    for line in legend:
        x = at.x() + GAP
        for title, color, is_dashed in line:
            if color is None:
                text_metrics.draw(painter, x, y + LINE / 2 + 4, title, text_metrics.TITLE, ink)
                continue
            style = Qt.PenStyle.DashLine if is_dashed else Qt.PenStyle.SolidLine
            painter.setPen(QPen(color, 2, style))
            painter.drawLine(QPointF(x, y + LINE / 2), QPointF(x + MARK, y + LINE / 2))
            at_text = x + MARK + 5
            text_metrics.draw(painter, at_text, y + LINE / 2 + 4, title, text_metrics.CAPTION, ink)
            x = at_text + text_metrics.width(title, text_metrics.CAPTION) + GAP
        y += LINE
    painter.setBrush(Qt.BrushStyle.NoBrush)
    plot = cell.plot
    target = QRectF(at.x(), at.y() + extra, plot.width(), plot.height())
    readout = plot.readout.isVisible()
    plot.point_at(None)
    plot.render(painter, target, plot.viewport().rect())
    if readout:
        plot.pointed.emit(math.nan)


def _legend(cell: PlotCell) -> Legend:
    """Return the legend in as many lines as needed.

    A name common to all curves becomes a heading.
    """
    lines: Legend = [[]]
    room = cell.width() - 2 * GAP
    used = 0.0
    names = {curve.name for curve in cell.plot.curves}
    runs = [curve.run for curve in cell.plot.curves]
    of_runs = len(names) == 1 and len(runs) > 1 and all(runs)
    if of_runs:
        heading = text_metrics.elide(names.pop(), text_metrics.TITLE, room)
        lines = [[(heading, None, False)], []]
    for curve in cell.plot.curves:
        title = curve.run if of_runs else curve.title
        title = text_metrics.elide(title, text_metrics.CAPTION, room - MARK - 5)
        wide = MARK + 5 + text_metrics.width(title, text_metrics.CAPTION) + GAP
        if lines[-1] and used + wide > room:
            lines.append([])
            used = 0.0
        lines[-1].append((title, cell.plot.color_of(curve), cell.plot.is_dashed(curve)))
        used += wide
    return lines


def csv_lines(curves: Iterable[Curve]) -> Iterator[str]:
    """Yield all values of the curves as CSV text, many lines at a time."""
    yield ",".join(HEADER) + "\n"
    for curve in curves:
        name, run = _quoted(curve.name), _quoted(curve.run)
        for start in range(0, curve.count, CHUNK):
            part = slice(start, min(start + CHUNK, curve.count))
            rows = zip(
                *(column[part].tolist() for column in
                  (curve.steps, curve.epochs, curve.seconds, curve.values)),
                strict=True,
            )  # fmt: skip
            yield "".join(
                f"{name},{run},{step:.0f},{_text(epoch)},{_text(seconds)},{value!r}\n"
                for step, epoch, seconds, value in rows
            )


def write_csv(path: Path, curves: Sequence[Curve]) -> None:
    """Write all values of the curves as CSV.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO()
    text.writelines(csv_lines(curves))
    write_atomically(path, text.getvalue().encode())


def _text(value: float) -> str:
    return f"{value:.10g}" if math.isfinite(value) else ""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text
