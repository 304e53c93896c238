"""Which files and folders are data, by their names."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

DATA_ENDINGS = (".csv", ".tsv", ".npz", ".npy")
DATA_FILTER = f"Data ({' '.join(f'*{ending}' for ending in DATA_ENDINGS)});;All files (*)"


def is_data(path: Path) -> bool:
    """Whether a path is that of a data file, or of a folder, which may hold pictures."""
    return path.suffix.lower() in DATA_ENDINGS or path.is_dir()


def dropped_data(mime: QMimeData) -> Path | None:
    """The first data file or folder among what is dragged, if there is one."""
    paths = (Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    return next((path for path in paths if is_data(path)), None)
