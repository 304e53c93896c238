"""The messages about predictions for files, and about downloads; `protocol` has them all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Predict:
    """Compute predictions for every row of another data file, with the variables as they are.

    Answered by PredictedRows, several times, and Predicted or Failed.

    Args:
        source: of the data, such as ``csv:/home/me/new.csv``; it stands in for that of the dataset
            node, or for that of one of them: ``NODE=SOURCE``.
        path: a CSV file to write all rows to; without, the first ``most`` rows are sent.
    """

    source: str
    request: int
    path: str | None = None
    most: int = 10_000


@dataclass(frozen=True)
class CancelPredictions:
    """Stop computing predictions after the current rows."""


@dataclass(frozen=True)
class DownloadData:
    """Download a data set to the cache folder; answered by DownloadProgress and Downloaded."""

    name: str
    request: int


@dataclass(frozen=True)
class CancelDownload:
    pass


@dataclass(frozen=True)
class PredictedRows:
    """A block of rows with predictions.

    Attributes:
        columns: names of the columns of the file, followed by the columns of predictions.
        added: whether each prediction column holds numbers; otherwise it names classes.
        rows: the next rows, as texts.
        done, total: number of computed rows, and of all rows that can be computed.
    """

    request: int
    columns: tuple[str, ...]
    added: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    done: int
    total: int


@dataclass(frozen=True)
class Predicted:
    """All predictions are computed, and sent or written to ``path``; or they are ``cancelled``."""

    request: int
    count: int
    notices: tuple[str, ...] = ()
    path: str | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class DownloadProgress:
    request: int
    file: str
    received: int
    total: int | None


@dataclass(frozen=True)
class Downloaded:
    request: int
    folder: str


@dataclass(frozen=True)
class EventFilesWritten:
    """The training that begins writes event files into a folder of its own.

    Attributes:
        problem: why it does not, or no longer does; empty if it does.
    """

    folder: str
    problem: str = ""
