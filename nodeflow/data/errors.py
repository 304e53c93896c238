"""What can go wrong with data, one class per cause, beside those of ``nodeflow.errors``."""

from __future__ import annotations

from nodeflow.errors import DataError, DownloadError


class UnknownSource(DataError):
    """No data source has this name."""


class DataNotFound(DataError):
    """The files of a data set are not where they were looked for."""


class DataFormatError(DataError):
    """A data file is damaged or not of the format it should be; the message says where."""


class UnknownSplit(DataError):
    """The data set has no rows in this split."""


class NetworkProblem(DownloadError):
    """No mirror could be reached or none delivered the whole file."""


class ChecksumError(DownloadError):
    """A downloaded file is not the one that was published."""


class DownloadCancelled(DownloadError):
    """The user stopped a download; what was received stays for the next attempt."""
