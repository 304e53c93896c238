"""The look of the window: Qt's colours, fonts and icons, with the type scale and spacing.

Everything drawn takes its colours from a ``Theme``, made from the palettes in
`nodeflow.drawing.theme_colors`, and its sizes from the scales below. So both themes have the same
colours by name, and a contrast test can check every pair of text and background.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from math import ceil
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer

from nodeflow.drawing import theme_colors
from nodeflow.drawing.theme_colors import Ink, Palette
from nodeflow.resources import resource

SPACE = (0, 4, 8, 12, 16, 24, 32, 48)
"""The spacing scale in pixels. Every gap and padding is one of these."""

TYPE = {"caption": 11, "body": 13, "strong": 13, "title": 16, "display": 22, "hero": 28}
"""The type scale in pixels at 100 %."""


@dataclass(frozen=True)
class Theme(Palette):
    """A palette with its colours as Qt objects."""

    def color(self, role: str, alpha: float = 1.0) -> QColor:
        """Return the colour of a role, which is the name of a field.

        ``alpha`` makes it translucent.
        """
        color = QColor(getattr(self, role))
        color.setAlphaF(alpha)
        return color

    def of(self, ink: Ink) -> QColor:
        """Return the Qt colour for a colour of `nodeflow.drawing`."""
        color = QColor(self.hex(ink.role))
        color.setAlphaF(ink.alpha)
        return color

    def dtype(self, dtype: str | None) -> QColor:
        return QColor(self.dtype_hex(dtype))

    def category(self, category: str) -> QColor:
        """Return the colour of an op category. Each unknown category has a stable colour."""
        return QColor(self.category_hex(category))

    def qpalette(self) -> QPalette:
        """Return the palette for Fusion style, so that ordinary widgets match the canvas."""
        return _qpalette(self)


LIGHT, DARK = (Theme(**vars(palette)) for palette in (theme_colors.LIGHT, theme_colors.DARK))

THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def system_theme() -> Theme:
    """Return the desktop's theme; light if the desktop has none."""
    scheme = QGuiApplication.styleHints().colorScheme()
    return DARK if scheme == Qt.ColorScheme.Dark else LIGHT


# ---- fonts ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def font_families() -> tuple[str, str]:
    """Register the bundled fonts and return the names of the sans and the mono family."""
    families: list[str] = []
    for path in sorted(resource("fonts").glob("*.[ot]tf")):
        handle = QFontDatabase.addApplicationFont(str(path))
        families += QFontDatabase.applicationFontFamilies(handle)
    mono = next((f for f in families if "mono" in f.lower()), "Monospace")
    sans = next((f for f in families if "mono" not in f.lower()), "Sans Serif")
    return sans, mono


@lru_cache(maxsize=256)
def font(size: float, weight: int = 400, mono: bool = False) -> QFont:
    """Return a bundled font of ``size`` pixels, unhinted, so that widths scale with the zoom."""
    sans_family, mono_family = font_families()
    result = QFont(mono_family if mono else sans_family)
    result.setPixelSize(max(1, round(size)))
    result.setWeight(QFont.Weight(weight))
    result.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if not mono:
        result.setFeature(QFont.Tag("tnum"), 1)
    return result


# ---- icons ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _icon_folder() -> Path:
    return resource("icons")


@lru_cache(maxsize=512)
def icon_renderer(name: str, color: str) -> QSvgRenderer:
    """Return a renderer for an icon that is drawn often.

    Raises:
        FileNotFoundError: there is no such icon.
    """
    return _renderer(name, color)


def _renderer(name: str, color: str) -> QSvgRenderer:
    """Return a cached renderer for a bundled icon in ``color``. Cached drawings take 20 KB each.

    Raises:
        FileNotFoundError: there is no such icon.
    """
    path = _icon_folder() / f"{name}.svg"
    text = (path if path.exists() else resource(f"icons/{name}.svg")).read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(text.replace("currentColor", color).encode()))


def draw_icon(painter: QPainter, name: str, rect: QRectF, color: QColor) -> None:
    icon_renderer(name, color.name()).render(painter, rect)


def dot(color: QColor | Qt.GlobalColor, size: int = 12) -> QIcon:
    """Return a filled circle as an icon, for the colour of a dtype."""
    pixmap = QPixmap(QSize(size, size) * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(2, 2, size - 4, size - 4)
    painter.end()
    return QIcon(pixmap)


def icon(name: str, theme: Theme, role: str = "ink", size: int = 20) -> QIcon:
    """Return a bundled icon, drawn for the scales of all screens, with a fainter disabled state."""
    return _icon(name, theme.color(role).name(), size, _scales())


def _scales() -> tuple[int, ...]:
    """Return the scales of the connected screens.

    Drawing icons for further scales would add 0.1 s to the start.
    """
    return tuple(sorted({1, *(ceil(s.devicePixelRatio()) for s in QGuiApplication.screens())}))


@lru_cache(maxsize=1024)
def _icon(name: str, color: str, size: int, scales: tuple[int, ...]) -> QIcon:
    result, renderer = QIcon(), _renderer(name, color)
    for mode, alpha in ((QIcon.Mode.Normal, 1.0), (QIcon.Mode.Disabled, 0.35)):
        for scale in scales:
            pixmap = QPixmap(QSize(size, size) * scale)
            pixmap.setDevicePixelRatio(scale)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            painter.setOpacity(alpha)
            renderer.render(painter, QRectF(0, 0, size, size))
            painter.end()
            result.addPixmap(pixmap, mode)
    return result


# ---- contrast -------------------------------------------------------------------------------


def contrast(a: QColor | str, b: QColor | str) -> float:
    """Return the WCAG 2 contrast ratio of two opaque colours: 1 to 21."""
    low, high = sorted((_luminance(QColor(a)), _luminance(QColor(b))))
    return (high + 0.05) / (low + 0.05)


def mix(a: QColor, b: QColor, part: float) -> QColor:
    """Mix two colours: ``part`` 0 gives ``a``, 1 gives ``b``."""
    pairs = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    return QColor(*(round(x + (y - x) * part) for x, y in pairs))


def _luminance(color: QColor) -> float:
    parts = (color.redF(), color.greenF(), color.blueF())
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _qpalette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    table = {
        role.Window: "surface",
        role.WindowText: "ink",
        role.Base: "raised",
        role.AlternateBase: "sunken",
        role.Text: "ink",
        role.PlaceholderText: "ink_faint",
        role.Button: "surface",
        role.ButtonText: "ink",
        role.BrightText: "error",
        role.Highlight: "accent",
        role.HighlightedText: "on_accent",
        role.Accent: "accent",
        role.Link: "accent",
        role.LinkVisited: "accent",
        role.ToolTipBase: "raised",
        role.ToolTipText: "ink",
        role.Light: "raised",
        role.Midlight: "sunken",
        role.Mid: "border",
        role.Dark: "border_strong",
        role.Shadow: "shadow",
    }
    for qt_role, name in table.items():
        palette.setColor(qt_role, theme.color(name))
    disabled = QPalette.ColorGroup.Disabled
    for qt_role in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(disabled, qt_role, theme.color("ink_faint", 0.7))
    palette.setColor(disabled, role.Highlight, theme.color("border_strong"))
    return palette


def color_roles() -> list[str]:
    """Return the names of the theme's fields that hold a single colour."""
    skip = {"name", "dtypes", "categories", "heat", "ramp", "diverging", "classes"}
    return [f.name for f in fields(Theme) if f.name not in skip]
