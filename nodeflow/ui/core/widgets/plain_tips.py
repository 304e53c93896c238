"""Plain tooltips for texts from files.

Otherwise Qt would render HTML in them and load its pictures.
"""

from __future__ import annotations

from html import escape

from PySide6.QtGui import Qt

from nodeflow.drawing.message_text import brief


def plain_tip(text: str) -> str:
    """Return the tooltip that shows ``text`` literally, even if it is HTML."""
    text = brief(text)
    if not Qt.mightBeRichText(text):
        return text
    return f"<div style='white-space: pre-wrap'>{escape(text, quote=False)}</div>"
