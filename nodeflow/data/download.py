"""Downloading a file atomically: the result is the complete published file, or no file.

Bytes are written to a hidden ``.NAME.part`` beside the target, which is renamed after its check. A
part survives a broken connection, a cancellation and the end of the program, and is resumed with an
HTTP range request. The SHA-256 of the *unpacked* content is checked, because mirrors may compress
the same data differently. It also detects errors in a part that was resumed from another mirror.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nodeflow.data.errors import (
    ChecksumError,
    DownloadCancelled,
    DownloadError,
    NetworkProblem,
)
from nodeflow.data.source import RemoteFile
from nodeflow.errors import ReadRefused
from nodeflow.file_reading import opened

CHUNK = 1 << 16
SLACK = 1 << 16  # gzip adds a few bytes to incompressible data


@dataclass(frozen=True)
class Progress:
    """The progress of a download.

    Attributes:
        file: the file being received.
        received: its bytes so far, including the bytes of earlier attempts.
        total: its size in bytes, or None if unknown.
        index: number of the file, from 0.
        count: number of files.
    """

    file: str
    received: int
    total: int | None
    index: int = 0
    count: int = 1


@dataclass(frozen=True)
class Transfer:
    """The settings of a download.

    Attributes:
        progress: called with (received, total) after each chunk, in the downloading thread.
        cancelled: checked between chunks; True stops.
        timeout: seconds to wait for data.
        attempts: how often a mirror may break the connection before the next one is tried.
        pause: seconds between two attempts.
    """

    progress: Callable[[int, int | None], None] = lambda received, total: None
    cancelled: Callable[[], bool] = lambda: False
    timeout: float = 15.0
    attempts: int = 5
    pause: float = 1.0


def download(file: RemoteFile, folder: Path, base_urls: Sequence[str], transfer: Transfer) -> str:
    """Download ``file`` into ``folder`` from the first mirror that delivers it.

    Returns:
        The mirror that delivered it.

    Raises:
        NetworkProblem: no mirror delivered it; the message has the reason of each mirror.
        ChecksumError: the content differs from the published file.
        DownloadCancelled: ``transfer.cancelled`` returned True.
        DownloadError: the folder cannot be written.
    """
    reasons: list[str] = []
    cause: type[DownloadError] = NetworkProblem
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for base in base_urls:
        url = f"{base.rstrip('/')}/{file.name}"
        try:
            _from_mirror(url, file, folder, transfer)
            return base
        except (NetworkProblem, ChecksumError) as error:
            reasons.append(error.message)
            cause = ChecksumError if isinstance(error, ChecksumError) else cause
    raise cause(
        f"{file.name} could not be downloaded: {'; '.join(reasons) or 'no mirror given'}",
        hint=f"Check the network and try again, or put the file into {folder} yourself.",
    )


def is_published(path: Path, file: RemoteFile) -> bool:
    """Return whether the file on disk unpacks to exactly the published content."""
    digest, size = hashlib.sha256(), 0
    unpacker = zlib.decompressobj(wbits=31)
    try:
        with opened(path) as stream:
            while packed := stream.read(CHUNK):
                while packed:
                    plain = unpacker.decompress(packed, 1 << 20)
                    digest.update(plain)
                    size += len(plain)
                    if size > file.size:
                        return False
                    packed = unpacker.unconsumed_tail
    except (OSError, ReadRefused, zlib.error):
        return False
    return unpacker.eof and size == file.size and digest.hexdigest() == file.sha256


def _from_mirror(url: str, file: RemoteFile, folder: Path, transfer: Transfer) -> None:
    """Download from one mirror, and resume after breaks. If a resumed file is wrong, restart
    once.
    """
    part = folder / f".{file.name}.part"
    continued = part.exists()
    if not is_published(part, file):
        _receive_all(url, file, part, transfer)
    if not is_published(part, file) and continued:
        part.unlink()
        _receive_all(url, file, part, transfer)
    with _writing(folder):
        if is_published(part, file):
            os.replace(part, folder / file.name)
            return
        part.unlink()
    raise ChecksumError(f"{url}: the download does not have the SHA-256 {file.sha256[:16]}...")


def _receive_all(url: str, file: RemoteFile, part: Path, transfer: Transfer) -> None:
    """Receive data until the partial file is complete.

    Raises:
        NetworkProblem: the mirror does not respond, refuses, or breaks the connection too often.
    """
    for attempt in range(transfer.attempts):
        try:
            _receive(url, file, part, transfer)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not part.exists():
                raise NetworkProblem(f"{url}: {error.code} {error.reason}") from error
            part.unlink()
        except urllib.error.URLError as error:
            raise NetworkProblem(f"{url}: {_reason(error.reason)}") from error
        except (OSError, http.client.HTTPException) as error:
            if attempt == transfer.attempts - 1:
                raise NetworkProblem(f"{url}: {_reason(error)}") from error
            time.sleep(transfer.pause)
    raise NetworkProblem(f"{url}: the server cannot resume the download")


def _receive(url: str, file: RemoteFile, part: Path, transfer: Transfer) -> None:
    """Request the rest of a partial file. If the mirror lacks range requests, start again."""
    _stop_if_cancelled(file, transfer)
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "nodeflow", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=transfer.timeout) as response:
        if not _continues(response, start):
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdecimal() else None
        received = start
        with _opened(part, append=start > 0) as write:
            transfer.progress(received, total)
            while chunk := response.read1(CHUNK):
                write(chunk)
                received += len(chunk)
                if received > file.size + SLACK:
                    raise NetworkProblem(
                        f"{url}: the server sent more than the {file.size} bytes of the file"
                    )
                transfer.progress(received, total)
                _stop_if_cancelled(file, transfer)
        if total is not None and received < total:
            raise ConnectionError(f"the connection broke after {received} of {total} bytes")


def _continues(response: http.client.HTTPResponse, start: int) -> bool:
    """Return whether the response is the rest of the file, from byte ``start``."""
    span = response.headers.get("Content-Range", "")
    return response.status == http.client.PARTIAL_CONTENT and span.startswith(f"bytes {start}-")


def _stop_if_cancelled(file: RemoteFile, transfer: Transfer) -> None:
    if transfer.cancelled():
        raise DownloadCancelled(
            f"the download of {file.name} was cancelled",
            hint="What was received is kept; the next attempt continues there.",
        )


@contextmanager
def _opened(part: Path, *, append: bool) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that writes to a partial file. The bytes are on disk when the block ends."""
    with _writing(part.parent):
        stream = part.open("ab" if append else "wb")

    def write(chunk: bytes) -> None:
        with _writing(part.parent):
            stream.write(chunk)

    try:
        yield write
    except BaseException:
        # The original error matters more than a failure to flush.
        with contextlib.suppress(OSError):
            stream.close()
        raise
    with _writing(part.parent):
        stream.flush()
        os.fsync(stream.fileno())
        stream.close()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Convert errors of a full or protected disk in this block, so that they do not look like
    network errors, which are OSErrors as well.
    """
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{folder} cannot be written: {error.strerror or error}",
            hint="Free some space, or choose a folder that you may write to.",
        ) from error


def _reason(error: object) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
