"""A report of a problem: facts that help to find its cause, and no private data.

It holds versions and facts about the machine, settings, warnings and errors from the end of the
window's log, and the last crash. It contains only the data and graphs that the user adds. File
names in settings and the output of print ops are left out. The home folder becomes ``~``, and the
names of user and machine become USER and HOST. This module opens no network connection.
"""

from __future__ import annotations

import configparser
import getpass
import io
import json
import os
import re
import socket
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.errors import FileProblem
from nodeflow.file_reading import read_bytes
from nodeflow.host.problem_report.machine_facts import collect
from nodeflow.paths import cache_folder, config_folder, home
from nodeflow.visible_text import without_halves

LOG_BYTES = 200_000
SETTINGS = (
    "theme", "threads", "memory_megabytes", "live_megabytes", "live_seconds",
    "preview_read_megabytes", "run_read_megabytes", "any_file", "edits_reach_training",
    "backups", "smoothing", "pointer", "minimap", "shortcuts",
)  # fmt: skip
"""The settings of the window that reveal nothing about the user's work."""
LOG, CRASH = "window.log", "window-crash.txt"
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ ([A-Z]+) ")
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)+.*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One file of a report.

    Attributes:
        what: a few words about the content.
    """

    name: str
    what: str
    content: bytes


@dataclass(frozen=True)
class Places:
    """The paths of the window's settings and log."""

    settings: Path
    logs: Path

    @staticmethod
    def usual() -> Places:
        """Return the paths for the current user."""
        if sys.platform == "darwin":
            library = home() / "Library"
            return Places(library / "Preferences/nodeflow/window.ini", library / "Caches/nodeflow")
        return Places(config_folder() / "window.ini", cache_folder())


def collect_report(places: Places | None = None, with_files: Sequence[Path] = ()) -> list[Part]:
    """Return the parts of a report. Takes one or two seconds.

    Args:
        with_files: graphs or data that the user adds unchanged.

    Raises:
        FileProblem: one of the files cannot be read.
    """
    places = places or Places.usual()
    facts = json.dumps(collect(), indent=1, ensure_ascii=False, default=str)
    parts = [
        Part("machine.json", "versions, processor, kernel cache, display", _shown(facts)),
        Part("settings.json", "settings of the window", _shown(_settings(places.settings))),
    ]
    log = _log(places.logs)
    if log:
        parts.append(Part("log.txt", "warnings and errors of the window", _shown(log)))
    if found := _TRACEBACK.findall(log):
        parts.append(Part("last-error.txt", "the last error in it", _shown(found[-1] + "\n")))
    if crash := _text(places.logs / f"last-{CRASH}"):
        parts.append(Part("last-crash.txt", "where the window crashed", _shown(crash)))
    for path in with_files:
        try:
            content = read_bytes(path)
        except OSError as error:
            raise FileProblem(f"cannot read {path}: {error.strerror or error}") from error
        parts.append(Part(f"files/{without_halves(path.name)}", "added by you, as it is", content))
    return parts


def write_report(path: Path, parts: Sequence[Part]) -> None:
    """Write a problem report as a zip archive of its parts.

    Raises:
        FileProblem: the archive cannot be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            archive.writestr(part.name, part.content)
    with writing(path):
        write_atomically(path, buffer.getvalue())


def without_private(text: str) -> str:
    """Replace the home folder, the user name and the host name in a text."""
    homes = {str(home()), os.path.expanduser("~"), os.path.realpath(home())}
    for folder in sorted(homes - {"/", "~"}, key=len, reverse=True):
        for written in (folder, folder.replace("\\", "\\\\"), folder.replace("\\", "/")):
            text = text.replace(written, "~")
    for name, other in ((_user(), "USER"), (socket.gethostname(), "HOST")):
        if len(name) > 1:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", other, text)
    return text


def _shown(text: str) -> bytes:
    return without_private(text).encode()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user has no name
        return ""


def _settings(path: Path) -> str:
    """Return the settings listed in `SETTINGS`, as JSON."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_text(path))
        found = dict(parser["General"]) if parser.has_section("General") else {}
    except configparser.Error:
        return json.dumps({"damaged": True})
    return json.dumps({name: found[name] for name in SETTINGS if name in found}, indent=1)


def _log(folder: Path) -> str:
    """Return the warnings and errors at the end of the log file. Omit debug and info records, which
    include printed values.
    """
    kept, wanted = [], False
    for line in "".join(_text(folder / name) for name in (f"{LOG}.1", LOG)).splitlines(True):
        if record := _RECORD.match(line):
            wanted = record[1] not in ("DEBUG", "INFO")
        if wanted:
            kept.append(line)
    text = "".join(kept)
    return text if len(text) <= LOG_BYTES else text[-LOG_BYTES:].partition("\n")[2]


def _text(path: Path) -> str:
    """Return the text of a file, or "" if there is no such file."""
    try:
        return read_bytes(path).decode(errors="replace")
    except (OSError, FileProblem):
        return ""
