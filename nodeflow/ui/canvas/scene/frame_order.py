"""The order in which overlapping frames are painted and hit."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.document.model.records import FrameRecord


def stacked(frames: Iterable[FrameRecord]) -> list[FrameRecord]:
    """Frames from back to front: the largest at the back, so that none hides one within it."""
    return sorted(frames, key=lambda frame: -frame.rect[2] * frame.rect[3])
