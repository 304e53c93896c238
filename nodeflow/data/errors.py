"""Errors of data sources, one class per cause, in addition to ``nodeflow.errors``."""

from __future__ import annotations

from nodeflow.errors import DataError, DownloadError


class UnknownSource(DataError):
    """No data source has this name.

    Remedy: Use one of the forms that the message lists; nodeflow data list prints all.
    """


class DataNotFound(DataError):
    """The files of a data set are not found.

    Remedy: Check the path, or fetch the data set: nodeflow data fetch NAME.
    """


class OutsideData(DataError):
    """A document names data that are not in its folder, and its user has not allowed them.

    Remedy: Allow the path if the document is to read it.
    """


class DataFormatError(DataError):
    """A data file is damaged or of the wrong format; the message says where.

    Remedy: Correct the file at the place in the message, or save it again in the expected format.
    """


class UnknownSplit(DataError):
    """The data set has no rows in this split.

    Remedy: Use one of the splits that the message lists, or set the shares of the split.
    """


class NetworkProblem(DownloadError):
    """No mirror could be reached, or none delivered the whole file.

    Remedy: Check the network and try again, or put the file into the folder yourself.
    """


class ChecksumError(DownloadError):
    """A downloaded file differs from the published one.

    Remedy: Try another mirror; the file is not used.
    """


class DownloadCancelled(DownloadError):
    """The user stopped a download; the received part is kept for the next attempt.

    Remedy: Fetch it again: it goes on where it stopped.
    """
