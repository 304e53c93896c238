"""A course: the lessons in a folder or a zip, in their order, with texts in the user's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import FileProblem, NodeflowError
from nodeflow.lessons import archives
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.schema import Lesson, lesson_of
from nodeflow.lessons.translation import quietly_translated, translation_path

ENDING = ".flow"
LARGEST = 20 * 2**20
"""Bytes of the largest lesson."""
KEPT = 1000
"""The most lessons whose titles are kept, so that a list shows at once when it is shown again."""
MOST = 200
"""The most lessons of a course."""


@dataclass(frozen=True)
class Entry:
    """A lesson of a course, as a list shows it.

    Attributes:
        id, key: see `Lesson`.
        place: its number in the course, or None for a single lesson.
        path: its file.
        problem: why it cannot be opened; empty if it can. Then its title is the name of the file.
    """

    id: str
    key: str
    title: str
    summary: str
    minutes: int
    place: int | None
    path: Path
    problem: str = ""


@dataclass(frozen=True)
class Course:
    """The lessons of a folder or a zip.

    Attributes:
        source: the folder, the zip, or the file of a single lesson.
        problem: why it has no lessons; empty if it has some.
    """

    title: str
    source: Path
    entries: tuple[Entry, ...] = ()
    problem: str = ""

    def after(self, lesson: Lesson) -> Entry | None:
        """Return the lesson to do next: the one that this lesson names, or else the next one in
        order.
        """
        usable = [entry for entry in self.entries if not entry.problem]
        ids = [entry.id for entry in usable]
        if lesson.next in ids:
            return usable[ids.index(lesson.next)]
        number = ids.index(lesson.id) + 1 if lesson.id in ids else len(ids)
        return usable[number] if number < len(usable) else None


def read_course(source: Path, languages: Sequence[str] = (), title: str = "") -> Course:
    """Return the course in a folder or zip. If it cannot be read, return a course without lessons
    that has the reason as its problem.

    Args:
        languages: the user's languages, the preferred one first.
        title: the title; default: the text ``course`` of a lesson, else the name of the source.
    """
    name = title or source.stem.replace("_", " ").replace("-", " ").strip() or str(source)
    try:
        paths = _lesson_paths(source)
    except (NodeflowError, OSError) as error:
        return Course(name, source, problem=_sentence(error))
    found = [_entry(path, tuple(languages), _stamps(path, languages)) for path in paths]
    entries = [entry for entry, _ in found if entry is not None]
    if not entries:
        return Course(name, source, problem=f"{source.name} has no lessons.")
    entries.sort(key=lambda e: (e.place is None, e.place or 0, e.path.name))
    titles = [told for _, told in found if told]
    return Course(title or next(iter(titles), name), source, tuple(entries))


def single_lesson(path: Path, languages: Sequence[str] = ()) -> Course:
    """Return a course that consists of the lesson in one file.

    Args:
        languages: preferred languages; a translation is used if there is one.

    Raises:
        LessonProblem: the file has no lesson, or a malformed one.
        NodeflowError: the file cannot be read.
    """
    lesson, _ = quietly_translated(read_lesson(path)[1], path, languages)
    return Course(lesson.text("title"), path, (_entry_of(lesson, path, None),))


def read_lesson(path: Path) -> tuple[Document, Lesson]:
    """Return the document and the lesson in a file.

    Raises:
        LessonProblem: the file has no lesson, or a malformed one.
        NodeflowError: the file cannot be read.
    """
    document = _read(path)
    lesson = lesson_of(document)
    if lesson is None:
        raise LessonProblem(f"{path.name} has no lesson")
    return document, lesson


def _read(path: Path) -> Document:
    try:
        if path.stat().st_size > LARGEST:
            raise LessonProblem(f"{path.name} is larger than {LARGEST >> 20} MB")
    except OSError as error:
        raise FileProblem(f"cannot read {path.name}: {error.strerror}") from None
    return flow.load(path)


def _lesson_paths(source: Path) -> list[Path]:
    """Return the paths of a course's lessons. If its folder contains only one folder, look in that
    folder.
    """
    folder = archives.unpacked(source) if source.suffix.lower() == archives.ENDING else source
    if not folder.is_dir():
        raise FileProblem(f"there is no folder {folder}")
    inside = sorted(p for p in folder.iterdir() if not p.name.startswith((".", "__")))
    paths = [p for p in inside if p.suffix.lower() == ENDING and p.is_file()]
    folders = [p for p in inside if p.is_dir()]
    if not paths and len(folders) == 1:
        paths = sorted(p for p in folders[0].glob(f"*{ENDING}") if not p.name.startswith("."))
    if len(paths) > MOST:
        raise FileProblem(f"{source.name} has more than {MOST} lessons")
    return paths


def _stamps(path: Path, languages: Sequence[str]) -> tuple[tuple[int, int] | None, ...]:
    """Return the times and sizes of a lesson's file and its translations, to notice when one of
    them is written.
    """
    places = (path, *(translation_path(path, language) for language in languages))
    return tuple(map(_stamp, places))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=KEPT)
def _entry(path: Path, languages: tuple[str, ...], _: object) -> tuple[Entry | None, str]:
    """Read the lesson in a file. Return its entry in a course and the title of the course that it
    names, or None and "" if the file has no lesson.

    Results are cached. The third argument, made of the files' times and sizes, is part of the
    cache's key.
    """
    try:
        lesson = lesson_of(_read(path))
    except NodeflowError as error:
        return Entry("", "", path.stem, "", 0, None, path, _sentence(error)), ""
    if lesson is None:
        return None, ""
    lesson, problem = quietly_translated(lesson, path, languages)
    return _entry_of(lesson, path, lesson.place, problem), lesson.text("course")


def _entry_of(lesson: Lesson, path: Path, place: int | None, problem: str = "") -> Entry:
    summary = " ".join(filter(None, (lesson.text("summary"), problem)))
    return Entry(lesson.id, lesson.key, lesson.text("title"), summary, lesson.minutes, place, path)


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
