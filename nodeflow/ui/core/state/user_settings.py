"""The user's settings: theme, recent files, geometry. They are never part of documents."""

from __future__ import annotations

import atexit
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths

from nodeflow.engine.backend import NUMBA
from nodeflow.file_reading import is_irregular
from nodeflow.paths import home

RECENT = 10
MOST_BOOKMARKED = 50
MOST_USES = 500
MOST_THREADS = 256
MOST_BACKUPS = 100
MOST_MEGABYTES = 1_000_000
LIVE_SECONDS = (0.1, 3600.0)
THEME_CHOICES = ("system", "light", "dark")

StoredView = tuple[float, float, int, tuple[str, ...]]


MOST_COURSES = 20
"""The most courses that are kept in the list."""


def settings_file() -> Path:
    """Return the settings file, in the desktop's folder for configuration."""
    place = QStandardPaths.StandardLocation.GenericConfigLocation
    return Path(QStandardPaths.writableLocation(place)) / "nodeflow" / "window.ini"


def _readable(path: Path) -> Path:
    """Return the settings file.

    If Qt would block on it, because it is a pipe or device, return a temporary file.
    """
    if not is_irregular(path):
        return path
    logging.getLogger("nodeflow").warning(
        "%s is not a regular file, so that no setting is kept", path
    )
    folder = Path(tempfile.mkdtemp(prefix="nodeflow-settings-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / path.name


class Settings:
    """Typed access to the user's settings. A damaged value counts as absent."""

    def __init__(self, path: Path | None = None) -> None:
        self._store = QSettings(str(_readable(path or settings_file())), QSettings.Format.IniFormat)

    @property
    def theme(self) -> str:
        """The chosen theme: ``system``, ``light`` or ``dark``."""
        value = self._store.value("theme", "system")
        return value if value in THEME_CHOICES else "system"

    @theme.setter
    def theme(self, value: str) -> None:
        self._store.setValue("theme", value)

    @property
    def smoothing(self) -> float:
        """Smoothing of the loss curve, 0 (none) to 0.99."""
        return self._number("smoothing", 0.9, 0.0, 0.99)

    @smoothing.setter
    def smoothing(self, value: float) -> None:
        self._store.setValue("smoothing", float(value))

    @property
    def shows_more(self) -> bool:
        """Whether the inspector shows rarely changed settings."""
        return bool(self._store.value("shows_more", False, bool))

    @shows_more.setter
    def shows_more(self, value: bool) -> None:
        self._store.setValue("shows_more", value)

    @property
    def edits_reach_training(self) -> bool:
        """Whether edits of an optimizer's numbers take effect in the running training."""
        return bool(self._store.value("edits_reach_training", True, bool))

    @edits_reach_training.setter
    def edits_reach_training(self, value: bool) -> None:
        self._store.setValue("edits_reach_training", value)

    def text(self, key: str) -> str:
        """Return a text that an integration has stored under a key; empty if there is none."""
        value = self._store.value(key, "")
        return value if isinstance(value, str) else ""

    def set_text(self, key: str, value: str) -> None:
        self._store.setValue(key, value)

    @property
    def backend(self) -> str:
        """The name of the backend for trainings. It may be a backend that is not installed."""
        value = self._store.value("backend", NUMBA)
        return value if isinstance(value, str) else NUMBA

    @backend.setter
    def backend(self, value: str) -> None:
        self._store.setValue("backend", value)

    @property
    def threads(self) -> int | None:
        """The number of threads for computing; None for one per core."""
        count = int(self._number("threads", 0, 0, MOST_THREADS))
        return count or None

    @threads.setter
    def threads(self, value: int | None) -> None:
        self._store.setValue("threads", value or 0)

    @property
    def memory_megabytes(self) -> int:
        """Memory limit for the values of a run or training, in megabytes; 0 for all free memory."""
        return int(self._number("memory_megabytes", 0, 0, MOST_MEGABYTES))

    @memory_megabytes.setter
    def memory_megabytes(self, value: int) -> None:
        self._store.setValue("memory_megabytes", value)

    @property
    def live_megabytes(self) -> int:
        """Memory limit for the live value of a node, in megabytes."""
        return int(self._number("live_megabytes", 256, 1, MOST_MEGABYTES))

    @property
    def live_seconds(self) -> float:
        """Time limit for the live value of a node, in seconds."""
        return self._number("live_seconds", 2.0, *LIVE_SECONDS)

    @property
    def history_megabytes(self) -> int:
        """Memory limit for the copies of a training's state from which past steps are shown, in
        megabytes. 0 stands for the smaller of 256 MB and a sixteenth of the memory.
        """
        return int(self._number("history_megabytes", 0, 0, MOST_MEGABYTES))

    @history_megabytes.setter
    def history_megabytes(self, value: int) -> None:
        self._store.setValue("history_megabytes", value)

    @property
    def preview_read_megabytes(self) -> int:
        """Limit for reading a data file while the graph is edited, in megabytes."""
        return int(self._number("preview_read_megabytes", 1000, 1, MOST_MEGABYTES))

    @property
    def run_read_megabytes(self) -> int:
        """Limit for reading a data file in a run, in megabytes; 0 for half of the memory."""
        return int(self._number("run_read_megabytes", 0, 0, MOST_MEGABYTES))

    @property
    def any_file(self) -> bool:
        """Whether pipes, devices and system files may be read as data."""
        return self._store.value("any_file", "false") in (True, "true")

    def set_reading(self, preview_megabytes: int, run_megabytes: int, any_file: bool) -> None:
        self._store.setValue("preview_read_megabytes", preview_megabytes)
        self._store.setValue("run_read_megabytes", run_megabytes)
        self._store.setValue("any_file", "true" if any_file else "false")

    def set_live(self, megabytes: int, seconds: float) -> None:
        self._store.setValue("live_megabytes", megabytes)
        self._store.setValue("live_seconds", seconds)

    @property
    def backups(self) -> int:
        """The number of earlier versions of a file that saving keeps."""
        return int(self._number("backups", 5, 0, MOST_BACKUPS))

    @backups.setter
    def backups(self, value: int) -> None:
        self._store.setValue("backups", value)

    @property
    def shortcuts(self) -> str:
        """The user's own keys as JSON (see ``keymap``); empty for none."""
        value = self._store.value("shortcuts", "")
        return value if isinstance(value, str) else ""

    @shortcuts.setter
    def shortcuts(self, value: str) -> None:
        self._store.setValue("shortcuts", value)

    @property
    def pointer(self) -> str:
        """The preset for wheel and drag (see ``canvas.pointer_presets``)."""
        value = self._store.value("pointer", "mouse")
        return value if isinstance(value, str) else "mouse"

    @pointer.setter
    def pointer(self, value: str) -> None:
        self._store.setValue("pointer", value)

    @property
    def minimap(self) -> bool:
        """Whether the minimap is shown."""
        return self._store.value("minimap", "false") in (True, "true")

    @minimap.setter
    def minimap(self, value: bool) -> None:
        self._store.setValue("minimap", "true" if value else "false")

    def stage_mode(self, path: str) -> str:
        """Return the user's choice of what to show for a file (see `window.stage_modes`); empty
        for no choice.
        """
        stored = self._json("stages", {})
        found = stored.get(path, "") if isinstance(stored, dict) else ""
        return found if isinstance(found, str) else ""

    def set_stage_mode(self, path: str, mode: str) -> None:
        """Store the user's choice of what to show for a file.

        The choices for the oldest files are dropped.
        """
        stored = self._json("stages", {})
        kept = {k: v for k, v in stored.items() if k != path} if isinstance(stored, dict) else {}
        kept = dict([*kept.items(), (path, mode)][-MOST_BOOKMARKED:])
        self._store.setValue("stages", json.dumps(kept))

    def color_by(self, path: str) -> str:
        """Return the colouring of a file's nodes and wires (see ``colorings``); empty for none."""
        stored = self._json("colorings", {})
        found = stored.get(path, "") if isinstance(stored, dict) else ""
        return found if isinstance(found, str) else ""

    def set_color_by(self, path: str, coloring: str) -> None:
        stored = self._json("colorings", {})
        stored = stored if isinstance(stored, dict) else {}
        stored.pop(path, None)
        kept = dict(list(stored.items())[-MOST_BOOKMARKED:])
        chosen = {path: coloring} if coloring else {}
        self._store.setValue("colorings", json.dumps({**kept, **chosen}))

    def formulas(self) -> list[str]:
        """Return the formulas that the user typed before, latest last."""
        return [text for text in self._json("formulas", []) if isinstance(text, str)]

    def set_formulas(self, formulas: list[str]) -> None:
        self._store.setValue("formulas", json.dumps(formulas))

    def uses(self) -> dict[str, int]:
        """Return how many times search has added each op, in all sessions."""
        stored = self._json("uses", {})
        if not isinstance(stored, dict):
            return {}
        return {op: n for op, n in stored.items() if type(n) is int and n > 0}

    def count_use(self, op_id: str) -> None:
        """Count that an op was added.

        Halve the counts when they become large, so that old habits fade.
        """
        uses = self.uses()
        uses[op_id] = uses.get(op_id, 0) + 1
        if sum(uses.values()) > MOST_USES:
            uses = {op: n // 2 for op, n in uses.items() if n > 1}
        self._store.setValue("uses", json.dumps(uses))

    def bookmarks(self, path: str) -> dict[int, StoredView]:
        """Return the bookmarked views of a file by number: centre x and y, zoom step, and path of
        ids to the graph.

        Bookmarks from older settings have no path and refer to the file's own graph.
        """
        stored = self._json("bookmarks", {})
        views = stored.get(path, {}) if isinstance(stored, dict) else {}
        try:
            return {int(n): _view(*view) for n, view in views.items()}
        except (AttributeError, TypeError, ValueError):
            return {}

    def set_bookmarks(self, path: str, views: dict[int, StoredView]) -> None:
        stored = self._json("bookmarks", {})
        stored = stored if isinstance(stored, dict) else {}
        stored.pop(path, None)
        kept = dict(list(stored.items())[-MOST_BOOKMARKED:])
        self._store.setValue("bookmarks", json.dumps({**kept, path: views}))

    def recent_files(self) -> list[Path]:
        """Return the files opened or saved last, newest first, without files that are gone."""
        value: Any = self._store.value("recent", [])
        items = [value] if isinstance(value, str) else list(value or [])
        paths = [Path(item) for item in items if isinstance(item, str) and item]
        return [path for path in paths if path.is_file()]

    def add_recent(self, path: Path) -> None:
        """Put a file first among the recent ones."""
        path = path.resolve()
        others = [p for p in self.recent_files() if p != path]
        self._store.setValue("recent", [str(p) for p in [path, *others][:RECENT]])

    def courses(self) -> list[Path]:
        """Return the folders and zips of the courses that the user opened, the oldest first."""
        stored = self._json("courses", [])
        items = stored if isinstance(stored, list) else []
        return [Path(item) for item in items if isinstance(item, str) and item]

    def add_course(self, source: Path) -> None:
        """Put a course last, unless it is there."""
        source = source.resolve()
        if source not in self.courses():
            self._set_courses([*self.courses(), source][-MOST_COURSES:])

    def remove_course(self, source: Path) -> None:
        """Forget a course. Its files and the learner's progress stay."""
        self._set_courses([path for path in self.courses() if path != source])

    def _set_courses(self, sources: list[Path]) -> None:
        self._store.setValue("courses", json.dumps([str(path) for path in sources]))

    def last_folder(self) -> Path:
        """Return the start folder of file dialogs."""
        recent = self.recent_files()
        return recent[0].parent if recent else home()

    def data_folder(self) -> Path:
        """Return the folder where the user last chose data."""
        value = self._store.value("data_folder")
        known = isinstance(value, str) and Path(value).is_dir()
        return Path(value) if known else self.last_folder()

    def set_data_folder(self, folder: Path) -> None:
        self._store.setValue("data_folder", str(folder))

    def layout(self) -> tuple[QByteArray | None, QByteArray | None]:
        """Return the saved geometry and dock state of the main window."""
        return self._bytes("geometry"), self._bytes("state")

    def save_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        self._store.setValue("geometry", geometry)
        self._store.setValue("state", state)

    def panel_choices(self) -> dict[str, bool]:
        """Return which bottom panels the user has opened or closed.

        This choice overrides what the graph needs.
        """
        stored = self._json("panels", {})
        found = stored.items() if isinstance(stored, dict) else ()
        return {name: shown for name, shown in found if isinstance(shown, bool)}

    def set_panel_choices(self, choices: dict[str, bool]) -> None:
        self._store.setValue("panels", json.dumps(choices))

    def sync(self) -> None:
        self._store.sync()

    def _bytes(self, key: str) -> QByteArray | None:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def _json(self, key: str, default: Any) -> Any:
        value = self._store.value(key, "")
        try:
            return json.loads(value) if isinstance(value, str) and value else default
        except ValueError:
            return default

    def _number(self, key: str, default: float, low: float, high: float) -> float:
        value: Any = self._store.value(key, default)
        try:
            return min(high, max(low, float(value)))
        except (TypeError, ValueError):
            return default


def _view(x: Any, y: Any, step: Any, path: Any = ()) -> StoredView:
    """Return a stored view; raise TypeError or ValueError if it is damaged."""
    if not isinstance(path, (list, tuple)):
        raise TypeError("a path is a list of ids")
    return float(x), float(y), int(step), tuple(str(step) for step in path)
