"""Which files and folders are data, graphs or models of other programs, by their names."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

from nodeflow.data.catalog import SOURCES, source_at
from nodeflow.document.io.embedded_graph import PICTURES

DATA_ENDINGS = tuple(
    f".{ending}"
    for source in SOURCES.values()
    if source.survey is not None and not source.folder  # a picture alone is no data set
    for ending in source.endings
)
DATA_FILTER = f"Data ({' '.join(f'*{ending}' for ending in DATA_ENDINGS)});;All files (*)"


def is_data(path: Path) -> bool:
    """Whether a path is that of a data file, of a text that holds a table, or of a folder."""
    if path.suffix.lower() == ".txt" and path.is_file():
        return source_at(str(path)).startswith("csv:")
    return path.suffix.lower() in DATA_ENDINGS or path.is_dir()


MODEL_ENDINGS = (".onnx",)


def is_model(path: Path) -> bool:
    """Whether a path is that of a model of another program."""
    return path.suffix.lower() in MODEL_ENDINGS


def dropped_data(mime: QMimeData) -> Path | None:
    """The first data file or folder among what is dragged, if there is one."""
    paths = (Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    return next((path for path in paths if is_data(path)), None)


def dropped_graph(mime: QMimeData) -> Path | None:
    """The first graph, model or picture with a graph in it among what is dragged."""
    paths = (Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    endings = (".flow", *MODEL_ENDINGS, *PICTURES)
    return next((path for path in paths if path.suffix.lower() in endings), None)
