"""The look in one place: palette, type scale, spacing, dtype and category colours, icons.

Everything drawn takes its colours from a ``Theme`` and its sizes from the scales below, so the two
themes stay in step, and a contrast test can enumerate every pair of text and background.
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

from nodeflow.resources import resource

SPACE = (0, 4, 8, 12, 16, 24, 32, 48)
"""The spacing scale: every gap and padding is one of these."""

TYPE = {"caption": 11, "body": 13, "strong": 13, "title": 16, "display": 22, "hero": 28}
"""The type scale in pixels at 100 %."""


@dataclass(frozen=True)
class Theme:
    """All colours of one theme, as ``#rrggbb``; ``dtypes`` and ``categories`` map names."""

    name: str
    canvas: str
    grid: str
    surface: str
    raised: str
    sunken: str
    border: str
    border_strong: str
    ink: str
    ink_muted: str
    ink_faint: str
    accent: str
    accent_soft: str
    on_accent: str
    ok: str
    warning: str
    error: str
    error_soft: str
    warning_soft: str
    added: str
    removed: str
    changed: str
    """For differences in a comparison; colour-blind people can tell it from the other colours."""
    shadow: str
    unknown: str
    dtypes: dict[str, str]
    categories: dict[str, str]
    heat: tuple[str, ...]
    ramp: tuple[str, ...]
    """For lines and bands on any background, least first; distinguished by lightness alone."""
    diverging: tuple[str, ...]
    """For values of both signs: from the least, over the middle at zero, to the largest."""

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"

    def color(self, role: str, alpha: float = 1.0) -> QColor:
        """Return the colour of a role (a field's name), optionally translucent."""
        color = QColor(getattr(self, role))
        color.setAlphaF(alpha)
        return color

    def dtype(self, dtype: str | None) -> QColor:
        return QColor(self.dtypes.get(dtype or "", self.unknown))

    def category(self, category: str) -> QColor:
        """Return the colour of an op category. Each unknown category has a stable colour."""
        known = self.categories.get(category.lower())
        if known:
            return QColor(known)
        ring = list(self.categories.values())
        return QColor(ring[sum(category.lower().encode()) % len(ring)])

    def qpalette(self) -> QPalette:
        """Return the palette for Fusion style, so that ordinary widgets match the canvas."""
        return _qpalette(self)


LIGHT = Theme(
    name="light",
    canvas="#f3f4f1",
    grid="#d5d8d2",
    surface="#fbfbfa",
    raised="#ffffff",
    sunken="#f1f2ef",
    border="#d9dcd6",
    border_strong="#a9aea5",
    ink="#1d2321",
    ink_muted="#59615d",
    ink_faint="#676f6a",
    accent="#3a56c8",
    accent_soft="#e3e8fa",
    on_accent="#ffffff",
    ok="#1d7a4f",
    warning="#8a5a00",
    error="#b3261e",
    error_soft="#fbe9e7",
    warning_soft="#faf0d7",
    added="#00694f",
    removed="#b04a00",
    changed="#8a3d94",
    shadow="#2a332f",
    unknown="#7a827d",
    dtypes={
        "float32": "#0b7d7b",
        "float64": "#2563b8",
        "int32": "#a86200",
        "int64": "#b8471b",
        "bool": "#a3278f",
        "uint8": "#5c7512",
        "float16": "#3a7a62",
        "bfloat16": "#4a7390",
        "complex64": "#7a4fb5",
        "complex128": "#5f3fa8",
        "int8": "#8f6a1e",
        "int16": "#94590f",
        "uint16": "#49731f",
        "uint32": "#357338",
        "uint64": "#1f7052",
    },
    categories={
        "inputs": "#3a56c8",
        "data": "#1f6f94",
        "math": "#0b7d7b",
        "matrix": "#7a3fb8",
        "layers": "#8c5413",
        "neural network": "#1d7a4f",
        "reduction": "#a86200",
        "pictures": "#a14a5e",
        "signal": "#2f6f6b",
        "shape": "#6a6256",
        "comparison": "#a3278f",
        "loss": "#b3261e",
        "metric": "#5c7512",
        "random": "#8a4a7d",
        "training": "#b8471b",
        "utility": "#4c5a68",
        "subgraph": "#5647b8",
        "library": "#5647b8",
        "internal": "#6f7772",
    },
    heat=("#f4f6f0", "#a9d3c8", "#4c9fa6", "#285f8f", "#22264f"),
    ramp=("#a88a12", "#5f8a2e", "#21796f", "#33578c", "#43217a", "#2a0a3f"),
    diverging=("#14408c", "#6f9fdc", "#ffffff", "#eea06a", "#a8440f"),
)

DARK = Theme(
    name="dark",
    canvas="#14171a",
    grid="#282d31",
    surface="#1a1e21",
    raised="#21262a",
    sunken="#191d20",
    border="#353c41",
    border_strong="#5a646b",
    ink="#eceeec",
    ink_muted="#a8b0ac",
    ink_faint="#939c97",
    accent="#93a8ff",
    accent_soft="#2a3358",
    on_accent="#11162b",
    ok="#62d19b",
    warning="#edbb55",
    error="#ff8f84",
    error_soft="#45211f",
    warning_soft="#3c3118",
    added="#3fc79a",
    removed="#f59a57",
    changed="#d79be0",
    shadow="#000000",
    unknown="#89928d",
    dtypes={
        "float32": "#4fc9c0",
        "float64": "#74acf5",
        "int32": "#efb659",
        "int64": "#f58f63",
        "bool": "#e88bd6",
        "uint8": "#b2cc5c",
        "float16": "#7fceb0",
        "bfloat16": "#93bcd6",
        "complex64": "#c3a2f0",
        "complex128": "#ab8cec",
        "int8": "#d9c27a",
        "int16": "#e3bd66",
        "uint16": "#9bcf6a",
        "uint32": "#86d07e",
        "uint64": "#72d19b",
    },
    categories={
        "inputs": "#93a8ff",
        "data": "#78bcd8",
        "math": "#4fc9c0",
        "matrix": "#bf99f2",
        "layers": "#e5a96b",
        "neural network": "#62d19b",
        "reduction": "#efb659",
        "pictures": "#f0a3b4",
        "signal": "#7fc7c2",
        "shape": "#bdb2a0",
        "comparison": "#e88bd6",
        "loss": "#ff8f84",
        "metric": "#b2cc5c",
        "random": "#dca0cf",
        "training": "#f58f63",
        "utility": "#a3b2c2",
        "subgraph": "#b0a5ff",
        "library": "#b0a5ff",
        "internal": "#89928d",
    },
    heat=("#12181b", "#1f4a5c", "#2f8a8a", "#8ccfa0", "#f7f3c6"),
    ramp=("#7a62b8", "#5f84cc", "#3fa3b5", "#52c48a", "#a9dc52", "#fdf08a"),
    diverging=("#8ec2ff", "#3a6db0", "#1d2226", "#b0652f", "#ffb37a"),
)

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
    """Return a renderer for an icon that is drawn often. Raises as `_renderer`."""
    return _renderer(name, color)


def _renderer(name: str, color: str) -> QSvgRenderer:
    """Return a renderer for a bundled icon in ``color``. It caches 20 KB of drawn data.

    Raises:
        FileNotFoundError: there is no such icon.
    """
    path = _icon_folder() / f"{name}.svg"
    text = (path if path.exists() else resource(f"icons/{name}.svg")).read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(text.replace("currentColor", color).encode()))


def draw_icon(painter: QPainter, name: str, rect: QRectF, color: QColor) -> None:
    icon_renderer(name, color.name()).render(painter, rect)


def dot(color: QColor | Qt.GlobalColor, size: int = 12) -> QIcon:
    """Return a filled circle as an icon: the colour of a dtype."""
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
    """Return a bundled icon for the scales of all screens, with a fainter disabled state."""
    return _icon(name, theme.color(role).name(), size, _scales())


def _scales() -> tuple[int, ...]:
    """Return the scales of the screens. Drawing for others would add 0.1 s to the start."""
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
    """Return the names of a theme's single-colour roles."""
    skip = {"name", "dtypes", "categories", "heat", "ramp", "diverging"}
    return [f.name for f in fields(Theme) if f.name not in skip]
