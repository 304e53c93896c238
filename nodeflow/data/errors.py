"""Errors of data sources, one class per cause, in addition to ``nodeflow.errors``."""

from __future__ import annotations

from nodeflow.errors import DataError, DownloadError


class UnknownSource(DataError):
    """A name that no data source has.

    Remedy: Use one of the forms that the message lists; nodeflow data list prints all.
    """


class DataNotFound(DataError):
    """Files of a data set that are not found.

    Remedy: Check the path, or fetch the data set: nodeflow data fetch NAME.
    """


class OutsideData(DataError):
    """Data that a document names outside its folder, and that its user has not allowed it to read.

    Remedy: Allow the path if the document is to read it.
    """


class DataFormatError(DataError):
    """A data file that is damaged or of the wrong format; the message names the place.

    Remedy: Correct the file at the place in the message, or save it again in the expected format.
    """


class UnknownSplit(DataError):
    """A split in which the data set has no rows.

    Remedy: Use one of the splits that the message lists, or set the shares of the split.
    """


class NetworkProblem(DownloadError):
    """A download for which no mirror could be reached, or none delivered the whole file.

    Remedy: Check the network and try again, or put the file into the folder yourself.
    """


class ChecksumError(DownloadError):
    """A downloaded file that differs from the published one.

    Remedy: Try another mirror; the file is not used.
    """


class DownloadCancelled(DownloadError):
    """A download that the user stopped; the received part is kept for the next attempt.

    Remedy: Fetch it again: it goes on where it stopped.
    """
