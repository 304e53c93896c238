"""The messages about predictions for files, and about downloads. `protocol` collects them all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Predict:
    """A request to predict every row of another data file with the current variables.

    The answers are PredictedRows, several times, then Predicted or Failed.

    Args:
        source: the source of the data, such as ``csv:/home/me/new.csv``. It replaces the source of
            the dataset node, or of one of several: ``NODE=SOURCE``.
        path: a CSV file to write all rows to. Without it, the first ``most`` rows are sent.
    """

    source: str
    request: int
    path: str | None = None
    most: int = 10_000


@dataclass(frozen=True)
class CancelPredictions:
    """A request to stop computing predictions after the current rows."""


@dataclass(frozen=True)
class DownloadData:
    """A request to download a data set to the cache folder.

    The answers are DownloadProgress and Downloaded.
    """

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
    """The end of predictions: all rows were sent or written to ``path``, or the user
    ``cancelled``.
    """

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
class TrainingFilesWritten:
    """The message that the starting training writes files for another program into a new folder.

    Attributes:
        kind: the kind of files (`nodeflow.train.training_files`).
        problem: the reason why the training does not write them, or stopped to. Empty if it does.
    """

    kind: str
    folder: str
    problem: str = ""
