"""The order in which overlapping frames are painted and hit."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.document.model.records import FrameRecord


def stacked(frames: Iterable[FrameRecord]) -> list[FrameRecord]:
    """Sort frames from back to front, largest first, so that no frame hides one within it."""
    return sorted(frames, key=lambda frame: -frame.rect[2] * frame.rect[3])
