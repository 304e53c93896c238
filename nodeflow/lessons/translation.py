"""Translations of a lesson: a file ``NAME.de.json`` beside ``NAME.flow`` with texts by their keys.

A text that the translation lacks is shown as the lesson has it. Logic stands in the lesson alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nodeflow.errors import NodeflowError
from nodeflow.file_reading import read_text
from nodeflow.lessons import fields as f
from nodeflow.lessons.errors import LessonProblem, NewerLesson
from nodeflow.lessons.fields import field, named, whole
from nodeflow.lessons.schema import Lesson

SCHEMA = 1
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""The variables that name the user's languages; the first that is set decides."""
LARGEST = 2**20
"""Bytes of the largest translation."""


@dataclass(frozen=True)
class Translation:
    """The texts of a lesson in another language.

    Attributes:
        lesson: the id of the lesson.
        texts: texts by the keys of the lesson's own texts.
    """

    schema: int = field(whole(1))
    lesson: str = field(f.text)
    texts: Mapping[str, str] = field(named(f.text))


def languages(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the user's languages from the environment variables, the preferred one first, such as
    ``("de_AT", "de")``.

    Return an empty tuple if none is set. ``LANGUAGE`` may list several, separated by colons.
    """
    value = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    found = (_plain(part) for part in value.split(":"))
    return with_bases(name for name in found if name and name not in ("C", "POSIX"))


def with_bases(names: Iterable[str]) -> tuple[str, ...]:
    """Return languages, each followed by the same language without its country, such as ``de_AT``
    and ``de``.
    """
    found = [each for name in names for each in (name, name.partition("_")[0])]
    return tuple(dict.fromkeys(found))


def _plain(name: str) -> str:
    """Return a language as file names have it: ``de_DE.UTF-8@euro`` is ``de_DE``."""
    return name.partition(".")[0].partition("@")[0].strip().replace("-", "_")


def translation_path(lesson: Path, language: str) -> Path:
    """Return the path of a lesson's translation."""
    return lesson.with_name(f"{lesson.stem}.{language}.json")


def translations_of(lesson: Path) -> Iterator[Path]:
    """Yield the paths of all translations beside a lesson."""
    start = f"{lesson.stem}."
    for path in sorted(lesson.parent.glob("*.json")):
        language = path.stem.removeprefix(start)
        if path.stem.startswith(start) and language.replace("_", "").isalnum():
            yield path


def read_translation(path: Path, lesson: Lesson) -> Translation:
    """Return the translation in a file.

    Raises:
        LessonProblem: it is malformed, too large, or belongs to another lesson.
        NodeflowError: the file cannot be read.
    """
    if path.stat().st_size > LARGEST:
        raise LessonProblem(f"{path.name} is larger than {LARGEST >> 20} MB")
    try:
        data = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise LessonProblem(f"{path.name} is no JSON: {error}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerLesson(f"{path.name} has schema {schema}, and this program reads up to {SCHEMA}")
    found = f.read(Translation, data, path.name)
    if found.lesson != lesson.id:
        raise LessonProblem(
            f"{path.name} translates the lesson {found.lesson!r}, not {lesson.id!r}"
        )
    return found


def translated(lesson: Lesson, path: Path, wanted: Sequence[str]) -> Lesson:
    """Return a lesson in the first of the wanted languages for which there is a translation.

    Args:
        path: the file of the lesson, with translations beside it.
        wanted: languages, the preferred one first.

    Raises:
        NodeflowError: the translation is malformed or cannot be read.
    """
    for language in wanted:
        if language == lesson.language:
            return lesson
        place = translation_path(path, language)
        if place.is_file():
            return _with_texts(lesson, read_translation(place, lesson), language)
    return lesson


def _with_texts(lesson: Lesson, translation: Translation, language: str) -> Lesson:
    """Return a lesson with the texts of a translation; empty and unknown ones are left out."""
    known = {k: text for k, text in translation.texts.items() if text and k in lesson.texts}
    return replace(lesson, language=language, texts={**lesson.texts, **known})


def untranslated(lesson: Lesson, translation: Translation) -> list[str]:
    """Return the keys of the texts of a lesson that are missing in the translation, empty, or equal
    to the original.
    """
    texts = translation.texts
    return [k for k, own in lesson.texts.items() if texts.get(k, "") in ("", own)]


def template(lesson: Lesson, before: Translation | None = None) -> str:
    """Return a JSON template for translating a lesson: all its texts by key, to be replaced by a
    translator.

    Args:
        before: an earlier translation, whose texts are kept for keys that the lesson still has.
    """
    kept = before.texts if before is not None else {}
    texts = {key: kept.get(key) or lesson.texts[key] for key in sorted(lesson.texts)}
    data = {"schema": SCHEMA, "lesson": lesson.id, "texts": texts}
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def quietly_translated(lesson: Lesson, path: Path, wanted: Sequence[str]) -> tuple[Lesson, str]:
    """Return a translated lesson and "". If the translation has a problem, return the lesson
    untranslated, and the problem.
    """
    try:
        return translated(lesson, path, wanted), ""
    except (NodeflowError, OSError) as error:
        return lesson, str(error)
