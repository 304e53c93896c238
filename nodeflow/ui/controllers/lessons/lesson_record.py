"""What a learner has done: finished lessons, and the answers that are not finished.

It lies in the user's data folder, one answer a file, so that a lesson neither asks to save nor
writes into a file of the learner. If the folder cannot be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from typing import Any

from nodeflow.atomic_write import write_atomically
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.lessons.schema import ANSWERS, Lesson
from nodeflow.paths import lessons_folder

LARGEST = 1 << 20
"""Bytes of the largest record."""
log = logging.getLogger(__name__)


class LessonRecord:
    """The record of one user."""

    def __init__(self) -> None:
        self._folder = lessons_folder()
        self._data = _read(self._folder / "record.json")

    def is_done(self, lesson: str) -> bool:
        """Return whether a lesson was finished once, by its key."""
        return lesson in self._data["done"]

    def step(self, lesson: str) -> int:
        """Return the step at which the learner left a lesson, by its key."""
        found = self._data["steps"].get(lesson, 0)
        return found if isinstance(found, int) and found >= 0 else 0

    def answer(self, lesson: Lesson) -> Document | None:
        """Return the learner's unfinished answer to this version of a lesson, or None."""
        return self._kept(lesson, self._answer_path(lesson.key))

    def solved(self, lesson: Lesson) -> Document | None:
        """Return the answer with which the learner finished this version of a lesson, or None."""
        return self._kept(lesson, self._answer_path(lesson.key, "solved"))

    def _kept(self, lesson: Lesson, path: Path) -> Document | None:
        try:
            document = flow.load(path) if path.exists() else None
        except (NodeflowError, OSError) as error:
            log.warning("an answer is not opened: %s", error)
            return None
        wanted = {ANSWERS: lesson.id, "version": lesson.version}
        if document is None or document.lesson != wanted:
            return None
        document.path = None
        return document

    def keep(self, lesson: Lesson, step: int, document: Document) -> None:
        """Keep an answer, and the step that the learner has reached."""
        self._data["steps"][lesson.key] = step
        self._write(self._answer_path(lesson.key), flow.content_of(document))
        self._save()

    def finish(self, lesson: Lesson, document: Document) -> None:
        """Note that a lesson is finished, and keep its solved answer for later lessons. The answer
        stays, and the next visit begins at step 0."""
        self._write(self._answer_path(lesson.key, "solved"), flow.content_of(document))
        self._data["done"][lesson.key] = lesson.version
        self._data["steps"].pop(lesson.key, None)
        self._save()

    def forget(self, lesson: Lesson) -> None:
        """Forget the answer to a lesson, so that it begins again."""
        self._data["steps"].pop(lesson.key, None)
        with contextlib.suppress(OSError):
            self._answer_path(lesson.key).unlink(missing_ok=True)
        self._save()

    def _answer_path(self, lesson: str, folder: str = "") -> Path:
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in lesson)
        return self._folder / folder / f"{name}.flow"

    def _save(self) -> None:
        self._write(self._folder / "record.json", json.dumps(self._data).encode())

    def _write(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except (NodeflowError, OSError) as error:
            log.warning("a lesson is not kept: %s", error)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the record in a file; an empty one if it is missing or damaged."""
    found: Any = None
    with contextlib.suppress(OSError, ValueError):
        if path.stat().st_size <= LARGEST:
            found = json.loads(path.read_bytes())
    parts = found if isinstance(found, dict) else {}
    return {k: parts[k] if isinstance(parts.get(k), dict) else {} for k in ("done", "steps")}
