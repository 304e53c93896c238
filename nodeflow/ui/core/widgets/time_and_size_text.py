"""Times and sizes of files as texts."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QLocale

from nodeflow.number_text import is_date


def moment(seconds: float) -> str:
    """Format a time (seconds since 1970) as date and time of day in the user's locale."""
    if not is_date(seconds):  # a damaged file may hold any number
        return "at an unknown time"
    when = QDateTime.fromSecsSinceEpoch(int(seconds))
    days = when.daysTo(QDateTime.currentDateTime())
    locale = QLocale()
    time = locale.toString(when.time(), QLocale.FormatType.ShortFormat)
    if days in (0, 1):
        return f"{'Yesterday' if days else 'Today'}, {time}"
    return f"{locale.toString(when.date(), 'd MMM yyyy')}, {time}"


def size_text(size: int) -> str:
    """Format a number of bytes.

    >>> size_text(999), size_text(12_345), size_text(2_500_000)
    ('999 B', '12 kB', '2.5 MB')
    """
    if size < 1000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1_000_000:.1f} MB"
