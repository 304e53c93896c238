"""Errors of data sources, one class per cause, in addition to ``nodeflow.errors``."""

from __future__ import annotations

from nodeflow.errors import DataError, DownloadError


class UnknownSource(DataError):
    """No data source has this name."""


class DataNotFound(DataError):
    """The files of a data set are not found."""


class OutsideData(DataError):
    """A document names data that are not in its folder, and its user has not allowed them."""


class DataFormatError(DataError):
    """A data file is damaged or of the wrong format; the message says where."""


class UnknownSplit(DataError):
    """The data set has no rows in this split."""


class NetworkProblem(DownloadError):
    """No mirror could be reached, or none delivered the whole file."""


class ChecksumError(DownloadError):
    """A downloaded file is not the one that was published."""


class DownloadCancelled(DownloadError):
    """The user stopped a download; the received part is kept for the next attempt."""
