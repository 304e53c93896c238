"""What the window remembers about its user: theme, recent files, geometry. Never in documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths

RECENT = 10
THEME_CHOICES = ("system", "light", "dark")


def settings_file() -> Path:
    """Where the settings lie: the desktop's folder for configuration."""
    place = QStandardPaths.StandardLocation.GenericConfigLocation
    return Path(QStandardPaths.writableLocation(place)) / "nodeflow" / "window.ini"


class Settings:
    """Typed access to the user's settings; a damaged value counts as absent."""

    def __init__(self, path: Path | None = None) -> None:
        self._store = QSettings(str(path or settings_file()), QSettings.Format.IniFormat)

    @property
    def theme(self) -> str:
        """``system``, ``light`` or ``dark``."""
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

    def recent_files(self) -> list[Path]:
        """Files opened or saved last, the newest first; those that are gone are left out."""
        value: Any = self._store.value("recent", [])
        items = [value] if isinstance(value, str) else list(value or [])
        paths = [Path(item) for item in items if isinstance(item, str) and item]
        return [path for path in paths if path.is_file()]

    def add_recent(self, path: Path) -> None:
        """Put a file first among the recent ones."""
        path = path.resolve()
        others = [p for p in self.recent_files() if p != path]
        self._store.setValue("recent", [str(p) for p in [path, *others][:RECENT]])

    def clear_recent(self) -> None:
        self._store.setValue("recent", [])

    def last_folder(self) -> Path:
        """The folder a file dialog starts in."""
        recent = self.recent_files()
        return recent[0].parent if recent else Path.home()

    def layout(self) -> tuple[QByteArray | None, QByteArray | None]:
        """Saved geometry and dock state of the main window."""
        return self._bytes("geometry"), self._bytes("state")

    def save_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        self._store.setValue("geometry", geometry)
        self._store.setValue("state", state)

    def sync(self) -> None:
        self._store.sync()

    def _bytes(self, key: str) -> QByteArray | None:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def _number(self, key: str, default: float, low: float, high: float) -> float:
        try:
            return min(high, max(low, float(self._store.value(key, default))))
        except (TypeError, ValueError):
            return default
