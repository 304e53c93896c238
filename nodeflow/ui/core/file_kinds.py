"""Kinds of files and folders by name: data, graphs, pictures, other programs' models."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from PySide6.QtCore import QMimeData

from nodeflow.data.catalog import SOURCES, SPREADSHEETS
from nodeflow.data.text.atoms import text_start
from nodeflow.lessons.archives import ENDING as ZIP
from nodeflow.manifests import offers
from nodeflow.ui.core.painting.picture_reading import may_be_picture

DATA_ENDINGS = tuple(
    f".{ending}"
    for source in SOURCES.values()
    if source.survey is not None and not source.folder  # a single picture is no data set
    for ending in source.endings
)
GRAPH_START = '{"format": "nodeflow"'
"""The first characters of a graph in canonical form."""
DATA_FILTER = f"Data ({' '.join(f'*{ending}' for ending in DATA_ENDINGS)});;All files (*)"


def is_data(path: Path) -> bool:
    """Return whether a path is a data file or a folder. A text may also be a graph."""
    if path.suffix.lower() == ".txt" and path.is_file():
        start = text_start(path).strip()
        return bool(start) and not start.startswith(GRAPH_START)
    return path.suffix.lower() in DATA_ENDINGS or path.is_dir()


MODEL_ENDINGS = tuple(e for each in offers("importer") for e in each.fields["endings"])
"""File name endings of other programs' models that integrations can read."""


def is_model(path: Path) -> bool:
    """Return whether a path is a model file of another program."""
    return path.suffix.lower() in MODEL_ENDINGS


class FileKind(Enum):
    """A kind of file, with a description of how the window uses it."""

    GRAPH = "opens it"
    MODEL = "imports it"
    PICTURE = "opens the graph in it, or lets the graph say what it shows"
    DATA = "offers what data are good for"
    COURSE = "adds its lessons to the list"
    OTHER = "refuses it in words, unless it turns out to be a graph"


def kind_of(path: Path) -> FileKind:
    """Return the kind of a file or folder, by its name.

    Read a file's content only if it is a text file.
    """
    ending = path.suffix.lower()
    if path.is_dir():
        return FileKind.DATA
    if ending in (".flow", ".svg"):
        return FileKind.GRAPH
    if ending == ZIP:
        return FileKind.COURSE
    if is_model(path):
        return FileKind.MODEL
    if may_be_picture(path):
        return FileKind.PICTURE
    return FileKind.DATA if is_data(path) else FileKind.OTHER


def refusal(path: Path) -> str:
    """Return the reason why the window cannot use a file, and the kinds of files that it can
    use.
    """
    if not path.exists():
        return f"There is no file {path.name} any more."
    if path.suffix.lower().removeprefix(".") in SPREADSHEETS:
        hint = "Save it as CSV in the spreadsheet program."
    else:
        kinds = ", ".join((".flow", ZIP, *MODEL_ENDINGS, *DATA_ENDINGS))
        hint = f"Drop a file that ends with {kinds}, a picture, or a folder of pictures."
    what = "graph, model" if MODEL_ENDINGS else "graph"
    return f"{path.name} is not a {what}, picture or data file. {hint}"


def dropped_files(mime: QMimeData) -> list[Path]:
    """Return the local files and folders that are being dragged."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
