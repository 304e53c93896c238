"""Processes that decode pictures in advance, one per core, started on demand.

A process gets one job at a time, and the next job after its answer, so only the requested pixels
are in memory. If a process ends, or cannot read a picture, the calling process reads the picture.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from nodeflow.data.pictures.decoder import DONE, LENGTH, READY, Job
from nodeflow.data.pictures.pixels import Look, read_pixels
from nodeflow.file_reading import ReadLimit, current_limit
from nodeflow.start_process import start_process

PIECE = 16
"""Pictures per job."""
IDLE_SECONDS = 20.0
"""Seconds without a request after which the processes end, because each takes some 40 MB."""


class Decoders:
    """A set of decoding processes.

    Args:
        count: the number of processes.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()
        self._one_is_ready = False
        self._busy = 0
        self._timer: threading.Timer | None = None
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="decoders")
        atexit.register(self.close)

    @property
    def are_ready(self) -> bool:
        """True if a process is ready for jobs. Starts the processes if there are none."""
        with self._lock:
            if not self._processes:
                for _ in range(self._count):
                    self._start()
            return self._one_is_ready

    def _start(self) -> None:
        process = start_process(
            [sys.executable, "-m", "nodeflow.data.pictures.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "OPENBLAS_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            },
        )
        self._processes.append(process)
        threading.Thread(target=self._wait, args=(process,), daemon=True).start()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a process is ready, then add it to the idle processes."""
        assert process.stdout is not None
        if process.stdout.read(1) == READY:
            self._idle.put(process)
            self._one_is_ready = True

    def read(self, paths: Sequence[Path], look: Look) -> Iterator[np.ndarray]:
        """Yield the pixels of pictures in order, each uint8 (height, width, channels).

        Raises:
            DataError: a picture cannot be read. The message names its file.
        """
        pieces = [paths[at : at + PIECE] for at in range(0, len(paths), PIECE)]
        limit = current_limit()
        with self._working():
            for pixels in self._threads.map(lambda piece: self._piece(piece, look, limit), pieces):
                yield from pixels

    def _piece(self, paths: Sequence[Path], look: Look, limit: ReadLimit) -> Sequence[np.ndarray]:
        found = None
        with contextlib.suppress(queue.Empty):
            process = self._idle.get_nowait()
            found = _answer(process, Job([str(path) for path in paths], look, limit))
            if process.poll() is None:
                self._idle.put(process)
        return [read_pixels(path, look) for path in paths] if found is None else [*found]

    # ---- ending ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        with self._lock:
            self._busy += 1
            if self._timer is not None:
                self._timer.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                if not self._busy:
                    self._timer = threading.Timer(IDLE_SECONDS, self._end_if_idle)
                    self._timer.daemon = True
                    self._timer.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if not self._busy:
                self._end()

    def close(self) -> None:
        """End the processes. They start again on demand."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait()
        for process in self._processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
        self._processes.clear()
        self._one_is_ready = False


def _answer(process: subprocess.Popen[bytes], job: Job) -> np.ndarray | None:
    """Return the answer of a process, or None if it cannot read a picture, or has ended."""
    assert process.stdin is not None and process.stdout is not None
    data = pickle.dumps(job)
    try:
        process.stdin.write(LENGTH.pack(len(data)) + data)
        process.stdin.flush()
        if process.stdout.read(1) != DONE:
            return None
        size = len(job.files) * math.prod(job.look.shape)
        pixels = process.stdout.read(size)
    except (OSError, ValueError):  # ValueError: it was closed meanwhile
        return None
    if len(pixels) != size:
        return None
    return np.frombuffer(pixels, np.uint8).reshape(-1, *job.look.shape)
