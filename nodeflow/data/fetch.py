"""The downloads nodeflow offers; nothing else in the package opens a network connection."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nodeflow.data import mnist
from nodeflow.data.download import (
    Progress,
    RemoteFile,
    Transfer,
    download,
    is_published,
)
from nodeflow.data.errors import UnknownSource
from nodeflow.errors import suggest

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)

MNIST_FILES = (
    RemoteFile(
        "train-images-idx3-ubyte.gz",
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    RemoteFile(
        "train-labels-idx1-ubyte.gz",
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    RemoteFile(
        "t10k-images-idx3-ubyte.gz",
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    RemoteFile(
        "t10k-labels-idx1-ubyte.gz",
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def fetch(
    name: str,
    folder: str | os.PathLike | None = None,
    *,
    base_urls: Sequence[str] = MIRRORS,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    transfer: Transfer | None = None,
    files: Sequence[RemoteFile] = MNIST_FILES,
) -> Path:
    """Download a data set; files that are already there and right are kept.

    Args:
        name: ``mnist``.
        folder: where to; default the cache folder, where it is found from then on.
        base_urls: mirrors, asked in turn for each file.
        progress: called after each chunk, in the calling thread.
        cancelled: asked between chunks; True stops with DownloadCancelled.
        transfer: time-outs and attempts.
        files: what to download.

    Returns:
        The folder.

    Raises:
        UnknownSource: there is nothing to download under this name.
        NetworkProblem, ChecksumError, DownloadCancelled, DownloadError: see ``download``.
    """
    if name != "mnist":
        hint = suggest(name, ["mnist"]) or "Only mnist can be downloaded."
        raise UnknownSource(f"there is no download called {name!r}", hint=hint)
    target = Path(folder).expanduser() if folder is not None else mnist.cache()
    mirrors = list(base_urls)
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
        mirrors.sort(key=lambda mirror, used=used: mirror != used)  # what worked comes first
    return target


def _report(
    progress: Callable[[Progress], None] | None, name: str, index: int, count: int
) -> Callable[[int, int | None], None]:
    def report(received: int, total: int | None) -> None:
        if progress is not None:
            progress(Progress(name, received, total, index, count))

    return report
