"""Downloads of data sets in the engine process, on a thread beside its other work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from nodeflow.errors import NodeflowError
from nodeflow.host import protocol as p


class Download:
    """A downloader of one data set at a time, on a separate thread.

    Args:
        send: sends an answer to the window.
        opened: the open data sets. A finished download clears them, so that all are opened again.
    """

    def __init__(self, send: Callable[[Any], None], opened: dict[Any, Any]) -> None:
        self._send, self._opened = send, opened
        self._stop = threading.Event()

    def start(self, request: p.DownloadData) -> None:
        """Start to download a data set in another thread. The message Downloaded or Failed reports
        the end.
        """
        self._stop.clear()
        threading.Thread(target=self._fetch, args=(request,), daemon=True).start()

    def cancel(self) -> None:
        """Tell the running download to end soon."""
        self._stop.set()

    def _fetch(self, request: p.DownloadData) -> None:
        from nodeflow.data.fetch import Progress, fetch  # imports http, which is slow

        def report(progress: Progress) -> None:
            self._send(
                p.DownloadProgress(
                    request.request, progress.file, progress.received, progress.total
                )
            )

        try:
            folder = fetch(request.name, progress=report, cancelled=self._stop.is_set)
        except NodeflowError as error:
            self._send(p.Failed(request.request, "DownloadData", p.ErrorData.of(error)))
            return
        self._opened.clear()
        self._send(p.Downloaded(request.request, str(folder)))
