"""Whether the user wants moving pictures: settings of the system, and screen readers."""

from __future__ import annotations

from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QApplication, QStyle


def is_reduced() -> bool:
    """Return whether the system asks for less motion, or its style turns animations off."""
    hint = QStyle.StyleHint.SH_Widget_Animation_Duration
    if not QApplication.style().styleHint(hint):
        return True
    hints = QGuiApplication.styleHints()
    if not hasattr(hints, "accessibility"):  # before Qt 6.10
        return False
    wish = getattr(hints.accessibility(), "motionPreference", None)  # since Qt 6.12
    return wish is not None and wish().name == "ReducedMotion"


def is_still() -> bool:
    """Return whether values should not change by themselves: motion is reduced, or a screen reader
    would read each of them.
    """
    return is_reduced() or QAccessible.isActive()
