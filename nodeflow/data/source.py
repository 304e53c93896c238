"""What a module of ``nodeflow.data.sources`` declares: one kind of data set.

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
    """Where a source reads from.

    Attributes:
        path: as a document writes it; empty for a source that takes none.
        base_dir: where relative paths start.
        data_dir: the folder with downloaded files, or None for the usual places.
    """

    path: str = ""
    base_dir: str | os.PathLike | None = None
    data_dir: str | os.PathLike | None = None

    def file(self) -> Path:
        """The file at the path.

        Raises:
            DataNotFound: there is no such file.
        """
        return resolve(self.path, self.base_dir)

    def place(self) -> Path:
        """The file or folder at the path.

        Raises:
            DataNotFound: there is none.
        """
        return resolve(self.path, self.base_dir, folder=True)

    @property
    def reach(self) -> DocumentFolder | None:
        """What the document that names the source may read; None if the user names it."""
        return self.base_dir if isinstance(self.base_dir, DocumentFolder) else None


@dataclass(frozen=True)
class RemoteFile:
    """A gzipped file on a mirror.

    Attributes:
        name: file name on the mirror and on disk.
        size: bytes of its unpacked content.
        sha256: of the unpacked content, in hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """The files of a source that can be downloaded.

    Attributes:
        folder: returns where they go; the source finds them there.
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
        doc: one line of what it is.
        options: what can be set, declared as an op's attributes are.
        open: loads the data, given the location and every option by keyword.
        columns: column -> type of a batch, given the same; reads as little as it can.
        takes_path: written ``id:PATH``.
        ending: of the names of such files; "" of a folder.
        more_endings: further ones.
        folder: reads a folder.
        pin: the options, given the same, with what is guessed from the data written down.
        rows: every row in the order of the file as the split ``all``, given the same.
        texts: column names and every row as it is written, given the same.
        stamp: something that changes when the data do, given the location; by default the time
            when the file was changed.
        survey: a first look at a file or folder, given its path and a limit of rows or None.
        published: what ``nodeflow data fetch`` downloads for it.
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
        """Changes when the data do.

        Raises:
            DataNotFound: there is no such file or folder. OSError: it cannot be looked at.
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
        """How a source of this kind is written: ``csv:PATH``."""
        return f"{self.id}:PATH" if self.takes_path else self.id
