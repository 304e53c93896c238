"""Downloading data sets; nothing else in the package opens a network connection."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nodeflow.data.catalog import SOURCES
from nodeflow.data.download import Progress, Transfer, download, is_published
from nodeflow.data.errors import UnknownSource
from nodeflow.data.source import RemoteFile
from nodeflow.errors import suggest


def fetch(
    name: str,
    folder: str | os.PathLike | None = None,
    *,
    base_urls: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    transfer: Transfer | None = None,
    files: Sequence[RemoteFile] = (),
) -> Path:
    """Download a data set. Existing correct files are kept.

    Args:
        name: the id of a source that is published, such as ``mnist``.
        folder: the target folder; default the folder where the source looks for its files.
        base_urls: mirrors, tried in turn for each file; default the mirrors of the source.
        progress: called after each chunk, in the calling thread.
        cancelled: checked between chunks; True stops with DownloadCancelled.
        transfer: time-outs and attempts.
        files: the files to download; default all files of the source.

    Returns:
        The folder.

    Raises:
        UnknownSource: there is no download of this name.
        NetworkProblem, ChecksumError, DownloadCancelled, DownloadError: see ``download``.
    """
    published = {source.id: source.published for source in SOURCES.values() if source.published}
    if name not in published:
        known = ", ".join(published)
        hint = suggest(name, published) or f"Only {known} can be downloaded."
        raise UnknownSource(f"there is no data set {name!r} to download", hint=hint)
    target = Path(folder).expanduser() if folder is not None else published[name].folder()
    mirrors = list(base_urls or published[name].mirrors)
    files = files or published[name].files
    transfer = transfer or Transfer()
    if cancelled is not None:
        transfer = replace(transfer, cancelled=cancelled)
    for index, file in enumerate(files):
        path = target / file.name
        if is_published(path, file):
            size = path.stat().st_size
            _report(progress, file.name, index, len(files))(size, size)
            continue
        one = replace(transfer, progress=_report(progress, file.name, index, len(files)))
        used = download(file, target, mirrors, one)
        mirrors.sort(key=lambda mirror, used=used: mirror != used)  # the working mirror comes first
    return target


def _report(
    progress: Callable[[Progress], None] | None, name: str, index: int, count: int
) -> Callable[[int, int | None], None]:
    def report(received: int, total: int | None) -> None:
        if progress is not None:
            progress(Progress(name, received, total, index, count))

    return report
