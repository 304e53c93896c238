"""The bundled lessons: their files, and what the welcome page says about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nodeflow.document.io import flow
from nodeflow.resources import resource

FOLDER = "lessons"


@dataclass(frozen=True)
class Entry:
    """A lesson of the course.

    Attributes:
        place: its place in the course, from 0.
    """

    id: str
    title: str
    summary: str
    minutes: int
    place: int
    path: Path


@cache
def course() -> tuple[Entry, ...]:
    """Return the bundled lessons, in the order of the course."""
    return tuple(_entry(path) for path in sorted(resource(FOLDER).glob("*.flow")))


def _entry(path: Path) -> Entry:
    lesson = flow.load(path).lesson
    texts = lesson["texts"]
    return Entry(
        lesson["id"], texts["title"], texts["summary"], lesson["minutes"], lesson["place"], path
    )
