"""The answers in files and folders, and the students who handed them in.

A learning platform names what it offers for download after the student: Moodle a folder
``Ada Lovelace_1234567_assignsubmission_file_`` (or a file that begins so), Canvas a file
``lovelaceada_LATE_1234_56789_name.flow``. Otherwise the name of the file is the identity, or of its
folder if each answer has a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nodeflow.errors import FileProblem

ENDING = ".flow"
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?")
_CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_(?P<submission>\d+)_.+?(?:-(?P<attempt>\d+))?"
)


@dataclass(frozen=True)
class Answer:
    """The file that a student handed in.

    Attributes:
        id: the student's identity: the platform's number, or a name.
        name: the student's name, as far as the file's name has it.
        path: the file.
        newest: sorts the answers of one student; the largest one counts.
        feedback_name: the name of the student's page in a zip for the platform.
    """

    id: str
    name: str
    path: Path
    newest: tuple[float, ...] = ()
    feedback_name: str = ""


def find_answers(places: Iterable[Path], only: Iterable[str] = ()) -> list[Answer]:
    """Find the answers in files and folders. Return the newest answer of each student, sorted by
    identity.

    Args:
        places: files and folders; folders are searched.
        only: identities or names to leave the others out.

    Raises:
        FileProblem: a place does not exist, or there is no answer.
    """
    wanted, found = set(only), {}
    for place in places:
        for path in _files(place):
            answer = answer_of(path, place)
            if wanted and not wanted & {answer.id, answer.name}:
                continue
            known = found.get(answer.id)
            if known is None or answer.newest > known.newest:
                found[answer.id] = answer
    if not found:
        chosen = f" of {', '.join(sorted(wanted))}" if wanted else ""
        raise FileProblem(
            f"there are no answers{chosen}", hint=f"Give files that end in {ENDING}, or folders."
        )
    return sorted(found.values(), key=lambda answer: (answer.id.casefold(), answer.id))


def _files(place: Path) -> Iterator[Path]:
    if not place.exists():
        raise FileProblem(f"there is no file or folder {place}")
    if not place.is_dir():
        yield place
        return
    found = (path for path in place.rglob(f"*{ENDING}") if "__MACOSX" not in path.parts)
    yield from sorted(path for path in found if not path.name.startswith("."))


def answer_of(path: Path, place: Path) -> Answer:
    """Return the description of a student's answer file: who made it, its age, and the page for
    feedback. The file's or folder's name tells the student, as Moodle and Canvas write it.

    Args:
        place: the file or folder that was searched.
    """
    changed = _changed(path)
    folder = path.parent.name if path != place else ""
    if found := _MOODLE.match(folder):
        page = f"{folder}/feedback.html"
        return Answer(found["id"], found["name"].strip(), path, (changed,), page)
    page = f"{path.stem}.html"
    if found := _MOODLE.match(path.stem):
        return Answer(found["id"], found["name"].strip(), path, (changed,), page)
    if found := _CANVAS.fullmatch(path.stem):
        attempt = float(found["attempt"] or 0)
        order = (float(found["submission"]), attempt, changed)
        return Answer(found["id"], found["name"], path, order, page)
    own_folder = path.parent not in (place, place.parent)
    identity = path.parent.name if own_folder else path.stem
    return Answer(identity, identity, path, (changed,), f"{identity}.html")


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:  # reading it says why
        return 0.0
