"""Compiling in the background: a process of its own fills the disk cache that this one loads from.

In the same process compiling would hold the GIL for tenths of a second at a time.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from functools import cache as once

from nodeflow.engine.compiler import cache
from nodeflow.engine.devicelib import blas
from nodeflow.engine.runtime.program import base_sources

WORTH_A_PROCESS = 24
"""Missing kernels from which a second process helps: it starts, with numba, as long as 24 take."""


class Job:
    """Sources on their way into the cache.

    Attributes:
        error: why it failed, once ``done``; then the compiled tier is out of reach.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources = list(sources)
        self.error: str | None = None
        self._finished = threading.Event()

    @property
    def done(self) -> bool:
        return self._finished.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is done; False if ``timeout`` seconds were not enough."""
        return self._finished.wait(timeout)

    def finish(self, error: str | None) -> None:
        self.error = error
        self._finished.set()


class BackgroundCompiler:
    """Sends jobs to one worker process, started at the first job and again if it dies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._waiting: deque[Job] = deque()

    def submit(self, sources: Sequence[str]) -> Job:
        """Compile what the cache lacks of ``sources``."""
        job = Job(sources)
        if cache.cache_folder() is None:
            thread = threading.Thread(target=_compile_here, args=(job,), daemon=True)
            thread.start()
            return job
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            process = self._process
            assert process is not None and process.stdin is not None
            self._waiting.append(job)
            try:
                process.stdin.write(json.dumps(job.sources) + "\n")
                process.stdin.flush()
            except OSError as error:
                self._waiting.remove(job)
                job.finish(f"the compiling process cannot be reached: {error}")
        return job

    def _start(self) -> None:
        # The worker compiles for this process: same interpreter, same import path.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nodeflow.engine.compiler.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        reader = threading.Thread(
            target=self._read, args=(self._process,), name="nodeflow-compiling", daemon=True
        )
        reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Pass answers on; they come in the order of the jobs."""
        assert process.stdout is not None
        for line in process.stdout:
            with self._lock:
                job = self._waiting.popleft()
            error, compiled = json.loads(line)
            cache.note_compiled(compiled)
            job.finish(error or _loaded(job.sources))
        process.wait()
        with self._lock:
            left, self._waiting = list(self._waiting), deque()
        for job in left:
            job.finish(f"the compiling process ended with status {process.returncode}")

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def _compile_here(job: Job) -> None:
    """Without a cache folder, compile in memory: slower for others, but it gets there."""
    job.finish(_loaded(job.sources))


def _loaded(sources: Sequence[str]) -> str | None:
    """Load kernels here, so that who waits for them does not pause for it; the error if any."""
    try:
        for source in sources:
            cache.load_kernel(source)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


@once
def background() -> BackgroundCompiler:
    """The process's own background compiler."""
    compiler = BackgroundCompiler()
    atexit.register(compiler.close)
    return compiler


def warm_up() -> None:
    """Load what every compiled run needs, ahead of the first; what is missing is compiled.

    Takes a tenth of a second; compiling goes on in the background.
    """
    sources = base_sources()
    if not all(cache.is_cached(s) for s in sources):
        background().submit(sources)
        return
    import nodeflow.engine.runtime.compiled_steps  # noqa: F401

    for source in sources:
        cache.load_kernel(source)
    blas.tiling_pays()


def compile_all(sources: Sequence[str]) -> None:
    """Get sources into the cache and wait; a worker takes half of what is missing.

    What fails in the worker is compiled, and fails, when it is loaded.
    """
    wanted = [s for s in dict.fromkeys((*base_sources(), *sources)) if not cache.is_cached(s)]
    if len(wanted) < WORTH_A_PROCESS or (os.cpu_count() or 1) < 2 or cache.cache_folder() is None:
        return
    mine, theirs, balance = [], [], 0
    for source in sorted(wanted, key=len, reverse=True):  # time grows with length, roughly
        if balance <= 0:
            mine.append(source)
            balance += len(source)
        else:
            theirs.append(source)
            balance -= len(source)
    job = background().submit(theirs)
    for source in mine:
        cache.load_kernel(source)
    job.wait()


def all_cached(sources: Sequence[str]) -> bool:
    """Whether loading them (and the driver) compiles nothing."""
    return all(cache.is_cached(s) for s in (*base_sources(), *sources))
