"""Tooltips of texts from files: Qt takes for HTML what looks like it, and loads its pictures."""

from __future__ import annotations

from html import escape

from PySide6.QtGui import Qt

from nodeflow.ui.core.shown_text import brief


def plain_tip(text: str) -> str:
    """What a tooltip shows as ``text`` is written, be it HTML or not."""
    text = brief(text)
    if not Qt.mightBeRichText(text):
        return text
    return f"<div style='white-space: pre-wrap'>{escape(text, quote=False)}</div>"
