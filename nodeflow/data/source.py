"""The declaration of one kind of data set, for the modules of ``nodeflow.data.sources``.

Inspector, command line and documentation derive from these declarations.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeflow.data.data_paths import file_stamp, resolve
from nodeflow.data.data_splits import DataSplits
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.data.survey_types import Survey
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType


@dataclass(frozen=True)
class Location:
    """The place that a source reads.

    Attributes:
        path: the path as written in a document; empty for a source that takes none.
        base_dir: the start of relative paths.
        data_dir: the folder with downloaded files, or None for the usual places.
    """

    path: str = ""
    base_dir: str | os.PathLike | None = None
    data_dir: str | os.PathLike | None = None

    def file(self) -> Path:
        """Return the file at the path.

        Raises:
            DataNotFound: there is no such file.
        """
        return resolve(self.path, self.base_dir)

    def place(self) -> Path:
        """Return the file or folder at the path.

        Raises:
            DataNotFound: there is no such file or folder.
        """
        return resolve(self.path, self.base_dir, folder=True)

    @property
    def reach(self) -> DocumentFolder | None:
        """The folder of the document that names the source, which limits access; None for a
        user's path.
        """
        return self.base_dir if isinstance(self.base_dir, DocumentFolder) else None


@dataclass(frozen=True)
class RemoteFile:
    """A gzipped file on a mirror.

    Attributes:
        name: file name on the mirror and on disk.
        size: bytes of its unpacked content.
        sha256: the SHA-256 of the unpacked content, in hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """The files of a source that can be downloaded.

    Attributes:
        folder: returns the folder where they are stored and found.
        mirrors: base URLs, tried in this order.
    """

    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]
    folder: Callable[[], Path]


@dataclass(frozen=True)
class Source:
    """One kind of data set, written ``id`` or ``id:PATH``.

    Attributes:
        title: its name on screen.
        doc: its description in one line.
        options: its options, declared like an op's attributes.
        open: loads the data, given the location and every option by keyword.
        columns: like ``open``, but returns the type of a batch by column, and reads as little as it
            can.
        takes_path: whether it is written ``id:PATH``.
        ending: the ending of its files; "" for a folder.
        more_endings: further endings.
        folder: whether it reads a folder.
        pin: like ``open``, but returns the options with the values guessed from the data.
        rows: like ``open``, but returns every row in the order of the file as the split ``all``.
        texts: like ``open``, but returns column names and every row as text.
        stamp: returns a value that changes when the data change, given the location; by default the
            time when the file was changed.
        survey: returns a survey of a file or folder, given its path and a limit of rows or None.
        published: the files that ``nodeflow data fetch`` downloads.
    """

    id: str
    title: str
    doc: str
    options: tuple[Attr, ...]
    open: Callable[..., DataSplits]
    columns: Callable[..., dict[str, TensorType]]
    takes_path: bool = False
    ending: str = ""
    more_endings: tuple[str, ...] = ()
    folder: bool = False
    pin: Callable[..., dict[str, Any]] | None = None
    rows: Callable[..., DataSplits] | None = None
    texts: Callable[..., tuple[tuple[str, ...], Iterator[tuple[str, ...]]]] | None = None
    stamp: Callable[[Location], Any] | None = None
    survey: Callable[[Path, int | None], Survey] | None = None
    published: Published | None = None

    def stamp_of(self, location: Location) -> Any:
        """Return a value that changes when the data change.

        Raises:
            DataNotFound: there is no such file or folder.
            OSError: it cannot be read.
        """
        if not self.takes_path:
            return None
        if self.stamp is not None:
            return self.stamp(location)
        file = location.file()
        return str(file), *file_stamp(file)

    @property
    def endings(self) -> tuple[str, ...]:
        """All endings of its files."""
        return (self.ending, *self.more_endings) if self.ending else self.more_endings

    @property
    def form(self) -> str:
        """The written form of a source of this kind: ``csv:PATH``."""
        return f"{self.id}:PATH" if self.takes_path else self.id
