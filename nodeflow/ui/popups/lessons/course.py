"""The courses that the welcome page shows: the bundled one, those of the installation, and those
that the user opened.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtCore import QLocale

from nodeflow.lessons.courses import Course, Entry, read_course
from nodeflow.lessons.translation import languages, with_bases
from nodeflow.paths import offered_courses
from nodeflow.resources import resource
from nodeflow.ui.core.state.user_settings import Settings

FOLDER = "lessons"
TITLE = "First steps"


def user_languages() -> tuple[str, ...]:
    """Return the user's languages, the preferred one first."""
    system = (name.replace("-", "_") for name in QLocale.system().uiLanguages())
    return languages() or with_bases(system)


def bundled() -> Course:
    """Return the course that comes with the program."""
    return _bundled(user_languages())


@cache
def _bundled(wanted: tuple[str, ...]) -> Course:
    return read_course(resource(FOLDER), wanted, TITLE)


def course() -> tuple[Entry, ...]:
    """Return the bundled lessons, in the order of the course."""
    return bundled().entries


def courses(settings: Settings) -> list[Course]:
    """Return all courses, the bundled one first."""
    places: list[Path] = [*offered_courses(), *settings.courses()]
    return [bundled(), *(read_course(p, user_languages()) for p in dict.fromkeys(places))]
