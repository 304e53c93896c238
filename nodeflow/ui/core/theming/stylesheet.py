"""The style sheet of ordinary widgets, made from the theme's colours and sizes.

Qt's Fusion style with our palette does most of the work. The sheet adds quiet borders, rounded
fields, one primary button and flat tabs. Chevrons and ticks are the bundled icons. They are
drawn once per theme into the user's cache folder, because a style sheet can only name files.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication

from nodeflow.paths import glyphs_folder
from nodeflow.ui.core.theming.theme import TYPE, Theme, draw_icon, font, font_families

RADIUS = 6

_SHEET = """
* {{ font-family: "{sans}"; font-size: {body}px; }}
QWidget {{ color: {ink}; }}
QMainWindow, QDialog {{ background: {surface}; }}
QMainWindow::separator {{ background: {border}; width: 1px; height: 1px; }}
QMainWindow::separator:hover {{ background: {accent}; }}
QToolTip {{ background: {raised}; color: {ink}; border: 1px solid {border};
            padding: 6px 8px; }}

QMenuBar {{ background: {surface}; border: none; padding: 2px 4px; }}
QMenuBar::item {{ padding: 5px 10px; border-radius: 5px; background: transparent; }}
QMenuBar::item:selected {{ background: {accent_soft}; color: {ink}; }}
QMenu {{ background: {raised}; border: 1px solid {border}; padding: 5px; }}
QMenu::item {{ padding: 6px 28px 6px 10px; border-radius: 5px; }}
QMenu::item:selected {{ background: {accent_soft}; color: {ink}; }}
QMenu::item:disabled {{ color: {ink_faint}; }}
QMenu::separator {{ height: 1px; background: {border}; margin: 5px 6px; }}
QMenu::icon {{ padding-left: 8px; }}

QToolBar {{ background: {surface}; border: none; border-bottom: 1px solid {border};
            padding: 5px 8px; spacing: 3px; }}
QToolBar::separator {{ background: {border}; width: 1px; margin: 5px 6px; }}
QToolButton {{ background: transparent; border: 1px solid transparent; border-radius: {radius}px;
               padding: 5px; }}
QToolButton:hover {{ background: {sunken}; border-color: {border}; }}
QToolButton:pressed, QToolButton:checked {{ background: {accent_soft};
  border-color: {accent_soft}; }}
QToolButton:focus {{ border-color: {accent}; }}
QToolButton:disabled {{ color: {border_strong}; }}
QToolButton::menu-indicator {{ image: none; }}
QToolButton[kind="text"] {{ padding: 5px 12px 5px 8px; font-weight: 500; }}

QPushButton {{ background: {raised}; border: 1px solid {border}; border-radius: {radius}px;
               padding: 6px 14px; font-weight: 500; }}
QPushButton:hover {{ border-color: {border_strong}; }}
QPushButton:pressed {{ background: {sunken}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {ink_faint}; background: {sunken}; }}
QPushButton[kind="primary"] {{ background: {accent}; color: {on_accent}; border-color: {accent}; }}
QPushButton[kind="primary"]:hover {{ background: {accent_hover}; }}
QPushButton[kind="primary"]:focus {{ border-color: {ink}; }}
QPushButton[kind="primary"]:disabled {{ background: {border}; border-color: {border};
                                        color: {ink_faint}; }}
QPushButton[kind="link"] {{ background: transparent; border: 1px solid transparent;
                            color: {accent}; padding: 3px 4px; text-align: left; }}
QPushButton[kind="link"][flush="true"] {{ padding-left: 0; }}
QPushButton[kind="link"]:hover {{ text-decoration: underline; }}
QPushButton[kind="link"]:focus {{ border-color: {accent}; }}
QPushButton[kind="given"] {{ background: {sunken}; border: 1px solid {border}; text-align: left;
                             border-radius: {radius}px; padding: 4px 7px; color: {ink_muted};
                             font-weight: 400; }}
QPushButton[kind="given"]:hover, QPushButton[kind="given"]:focus {{ border-color: {accent}; }}

QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QAbstractSpinBox {{
  background: {raised}; border: 1px solid {border}; border-radius: {radius}px; padding: 4px 7px;
  selection-background-color: {accent}; selection-color: {on_accent}; }}
QLineEdit:hover, QPlainTextEdit:hover, QComboBox:hover, QAbstractSpinBox:hover {{
  border-color: {border_strong}; }}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus,
QAbstractSpinBox:focus {{
  border: 1px solid {accent}; }}
QLineEdit[invalid="true"], QPlainTextEdit[invalid="true"] {{
  border: 1px solid {error}; background: {error_soft}; }}
QLineEdit:read-only {{ background: {sunken}; }}
QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {ink_faint};
  background: {sunken}; }}
QComboBox {{ padding-right: 4px; }}
QComboBox::drop-down {{ border: none; width: 22px; }}
QComboBox::down-arrow {{ image: url("{chevron_down}"); width: 14px; height: 14px; }}
QComboBox QAbstractItemView {{ background: {raised}; border: 1px solid {border};
  selection-background-color: {accent_soft}; selection-color: {ink}; outline: none; padding: 4px; }}
QAbstractSpinBox {{ padding-right: 22px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none;
  background: transparent; width: 20px; subcontrol-origin: border; margin-right: 2px; }}
QAbstractSpinBox::up-button {{ subcontrol-position: top right; margin-top: 2px; }}
QAbstractSpinBox::down-button {{ subcontrol-position: bottom right; margin-bottom: 2px; }}
QAbstractSpinBox::up-arrow {{ image: url("{chevron_up}"); width: 12px; height: 12px; }}
QAbstractSpinBox::down-arrow {{ image: url("{chevron_down}"); width: 12px; height: 12px; }}
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover {{ background: {sunken}; }}
QAbstractSpinBox > QLineEdit {{ background: transparent; border: none; }}
QCheckBox {{ spacing: 7px; }}
QCheckBox::indicator, QTableView::indicator, QTreeView::indicator,
QListView::indicator {{ width: 16px; height: 16px;
  border: 1px solid {border_strong}; border-radius: 4px; background: {raised}; }}
QCheckBox::indicator:hover, QCheckBox::indicator:focus, QTableView::indicator:hover,
QTreeView::indicator:hover, QListView::indicator:hover {{
  border-color: {accent}; }}
QCheckBox::indicator:checked, QTableView::indicator:checked,
QTreeView::indicator:checked, QListView::indicator:checked {{ background: {accent};
  border-color: {accent}; image: url("{check}"); }}
QTreeView::indicator:indeterminate {{ background: {accent_soft}; border-color: {accent}; }}
QCheckBox:disabled, QRadioButton:disabled {{ color: {ink_faint}; }}
QSlider::groove:horizontal {{ height: 4px; background: {border}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 14px; height: 14px; margin: -5px 0; border-radius: 7px;
  background: {raised}; border: 1px solid {border_strong}; }}

QTreeView, QListView, QTableView {{ background: transparent; border: none; outline: none;
  alternate-background-color: {sunken}; selection-background-color: {accent_soft};
  selection-color: {ink}; }}
QListView#completions {{ background: {raised}; border: 1px solid {border}; }}
QTreeView::item, QListView::item {{ padding: 3px 4px; border-radius: 4px; }}
QTreeView::item:hover, QListView::item:hover {{ background: {sunken}; }}
QTreeView::item:selected, QListView::item:selected {{ background: {accent_soft}; color: {ink}; }}
QTreeView::branch {{ background: transparent; }}
QTreeView::branch:has-children:closed {{ image: url("{chevron_right}"); }}
QTreeView::branch:has-children:open {{ image: url("{chevron_down}"); }}
QTableView {{ gridline-color: {border}; font-family: "{mono}"; font-size: {caption}px; }}
QTableView[role="list"] {{ font-family: "{sans}"; font-size: {body}px; }}
QHeaderView {{ background: transparent; }}
QHeaderView::section {{ background: {sunken}; color: {ink_muted}; border: none;
  border-right: 1px solid {border}; border-bottom: 1px solid {border}; padding: 3px 6px;
  font-size: {caption}px; }}
QTableCornerButton::section {{ background: {sunken}; border: none; }}

QTabBar {{ background: transparent; border: none; }}
QTabBar::tab {{ background: transparent; color: {ink_muted}; padding: 7px 10px; border: none;
  border-bottom: 2px solid transparent; }}
QTabBar[role="inner"]::tab {{ padding: 4px 8px; }}
QTabBar::tab:hover {{ color: {ink}; }}
QTabBar::tab:selected {{ color: {ink}; border-bottom: 2px solid {accent}; }}
QTabWidget::pane {{ border: none; }}
QDockWidget {{ border: none; }}

QProgressBar {{ background: {border}; border: none; border-radius: 3px; max-height: 6px;
  min-height: 6px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}

QScrollArea {{ border: none; background: transparent; }}
QScrollArea > QWidget > QWidget {{ background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {border}; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: {border_strong}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
  background: none; border: none; width: 0; height: 0; }}
QAbstractScrollArea::corner {{ background: transparent; border: none; }}

QStatusBar {{ background: {surface}; border-top: 1px solid {border}; color: {ink_muted}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel, QStatusBar QToolButton {{ color: {ink_muted}; font-size: {caption}px; }}
QStatusBar QToolButton {{ padding: 2px 6px; }}

QLabel[role="muted"] {{ color: {ink_muted}; }}
QLabel[role="caption"] {{ color: {ink_muted}; font-size: {caption}px; }}
QDialogButtonBox, QMessageBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QLabel[role="section"] {{ color: {ink_faint}; font-size: {caption}px; font-weight: 600; }}
QLabel[role="title"] {{ font-size: {title}px; font-weight: 600; }}
QLabel[role="display"] {{ font-size: {display}px; font-weight: 600; }}
QLabel[role="hero"] {{ font-size: {hero}px; font-weight: 700; }}
QLabel[role="strong"] {{ font-weight: 600; }}
QLabel[role="error"] {{ color: {error}; font-size: {caption}px; }}
QLabel[role="warning"] {{ color: {warning}; font-size: {caption}px; }}
QLabel[role="mono"] {{ font-family: "{mono}"; font-size: {caption}px; }}
QLabel[role="alarm"] {{ color: {error}; font-weight: 600; }}
QLabel[role="figure"] {{ font-size: {display}px; font-weight: 500; }}
QPlainTextEdit[role="mono"], QLineEdit[role="mono"] {{ font-family: "{mono}"; font-size: 12px; }}

QFrame#panelHeader {{ background: {surface}; border: none; }}
QFrame#infoBar {{ background: {raised}; border: 1px solid {border}; border-radius: 8px; }}
QFrame#infoBar[level="warning"] {{ background: {warning_soft}; border-color: {warning}; }}
QFrame#infoBar[level="error"] {{ background: {error_soft}; border-color: {error}; }}
QFrame#colorLegend {{ background: {raised}; border: 1px solid {border}; border-radius: 8px; }}
QFrame#pastBar, QFrame#overrideBar {{ background: {warning_soft}; border: none;
  border-bottom: 1px solid {warning}; }}
QFrame#card {{ background: {raised}; border: 1px solid {border}; border-radius: 10px; }}
QFrame#card:hover, QFrame#card:focus {{ border-color: {accent}; }}
QFrame#notice {{ background: {warning_soft}; border: none; border-radius: {radius}px; }}
QFrame#problem {{ background: {error_soft}; border: none; border-radius: {radius}px; }}
QFrame#problem[level="warning"] {{ background: {warning_soft}; }}
QFrame#problem[level="incomplete"] {{ background: {sunken}; }}
QFrame#lesson {{ background: {raised}; border: 1px solid {accent}; border-radius: 10px; }}
QFrame#line {{ background: {border}; max-height: 1px; min-height: 1px; border: none; }}
QFrame#welcome {{ background: {canvas}; border: none; }}
"""


def style_sheet(theme: Theme) -> str:
    """Return the style sheet of a theme."""
    sans, mono = font_families()
    values = {role: getattr(theme, role) for role in _color_names(theme)}
    values |= {name: str(size) for name, size in TYPE.items()}
    values |= {
        "sans": sans,
        "mono": mono,
        "radius": str(RADIUS),
        "accent_hover": theme.color("accent").lighter(112).name(),
        "chevron_down": _glyph("chevron-down", theme.ink_muted),
        "chevron_up": _glyph("chevron-up", theme.ink_muted),
        "chevron_right": _glyph("chevron-right", theme.ink_muted),
        "check": _glyph("check", theme.on_accent),
    }
    return _SHEET.format_map(values)


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Give the application the theme's palette, font and style sheet, unless it has them
    already.
    """
    if app.property("theme") == theme.name:
        return  # because each style sheet makes Qt visit every widget
    app.setProperty("theme", theme.name)
    app.setPalette(theme.qpalette())
    app.setFont(font(TYPE["body"]))
    app.setStyleSheet(style_sheet(theme))


@contextmanager
def styled_at_once(app: QApplication) -> Iterator[None]:
    """Style the widgets that are made inside this context only once, at the end.

    With a style sheet, Qt styles a widget and its children again whenever the widget gets a
    parent. That is half of the time that making a window takes. If a window is visible, its
    style must stay, so the context has no effect.
    """
    sheet = app.styleSheet()
    if any(window.isVisible() for window in app.topLevelWidgets()):
        yield
        return
    app.setStyleSheet("")
    try:
        yield
    finally:
        app.setStyleSheet(sheet)


def _color_names(theme: Theme) -> list[str]:
    names = theme.__dataclass_fields__
    return [n for n in names if isinstance(getattr(theme, n), str) and n != "name"]


def _glyph(name: str, color: str) -> str:
    """Return the path of a bundled icon drawn in ``color``.

    Draw the picture if it does not exist yet. If the cache cannot be written, the picture lies in a
    temporary folder.
    """
    key = hashlib.sha256(f"{name} {color} 3".encode()).hexdigest()[:16]
    path = glyphs_folder() / f"{name}-{key}.png"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _draw_glyph(name, color, path)
        except OSError:
            path = _temporary_folder() / path.name
            _draw_glyph(name, color, path)
    return path.as_posix()


@cache
def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="nodeflow-glyphs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _draw_glyph(name: str, color: str, path: Path) -> None:
    from PySide6.QtGui import QColor

    pixmap = QPixmap(48, 48)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_icon(painter, name, QRectF(0, 0, 48, 48), QColor(color))
    painter.end()
    temporary = path.with_suffix(f".{os.getpid()}.png")
    if not pixmap.save(str(temporary)):
        raise OSError(f"cannot write {temporary}")
    os.replace(temporary, path)
