"""Initial values in a file beside the document, such as the weights of an imported model.

The document's field ``initial_values`` names a safetensors file. A variable with the initializer
`stored` begins with the array under its stream. The stream survives renaming, and gives each
instance of a subgraph its own values. The file is read when the first of these variables is
initialized, and never written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.analysis.datasets.outside_data import INITIAL_VALUES, initial_values
from nodeflow.document.model.document import Document
from nodeflow.errors import FileProblem
from nodeflow.train.saving.weights import load_weights


class StoredValues(Mapping[str, np.ndarray]):
    """The arrays in the file of initial values, by the random streams of variables.

    Reading one raises the errors of `stored_path` and `load_weights`.
    """

    def __init__(self, document: Document, folder: DocumentFolder) -> None:
        self._document, self._folder = document, folder

    @property
    def _arrays(self) -> Mapping[str, np.ndarray]:
        path = stored_path(self._document, self._folder)
        if path is None:
            return {}
        try:
            stamp = path.stat()
        except OSError as error:
            raise FileProblem(
                f"the file of initial values {path.name} cannot be read: {error.strerror}",
                hint="Put it beside the document again, or give the variable an initializer.",
            ) from None
        return _read(path, stamp.st_mtime_ns, stamp.st_size)

    def __getitem__(self, stream: str) -> np.ndarray:
        return self._arrays[stream]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


@lru_cache(maxsize=1)
def _read(path: Path, changed: int, size: int) -> Mapping[str, np.ndarray]:
    return load_weights(path)


def stored_path(document: Document, folder: DocumentFolder) -> Path | None:
    """Return the path of the file of initial values that a document names, or None without a name.

    The file may be missing.

    Raises:
        OutsideData: the path leads out of the document's folder.
    """
    written = initial_values(document)
    if not written:
        return None
    place = folder.place(written)
    if not folder.may_read(place):
        raise folder.refusal(place, port=INITIAL_VALUES)
    return Path(place)
