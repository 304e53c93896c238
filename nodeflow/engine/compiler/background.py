"""Compilation in another process, which fills the disk cache that this process loads from.

Compiling in this process would hold the GIL for tenths of a second at a time.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache as once

from nodeflow.engine.compiler import cache
from nodeflow.engine.waiting import LOOK_SECONDS, never
from nodeflow.start_process import start_process

WORTH_A_PROCESS = 8
"""Minimum number of missing kernels for which a compiling process is started, if this process
would wait for them and has already loaded the compiler. The compiling process compiles
several kernels at a time.
"""

IDLE_SECONDS = 30.0
"""Seconds without work after which the worker ends, because it takes some 100 MB of memory."""
START_SECONDS, KERNEL_SECONDS = 0.8, 0.06
"""Approximate seconds that the worker takes to start, and then for each kernel (two cores of AMD,
Zen 4)."""


@dataclass(frozen=True)
class KernelFailure:
    """The reason why a job failed: the compiler's message, and the text of the kernel if one is
    the cause.
    """

    source: str | None
    message: str


class Job:
    """Kernel sources that are being compiled into the cache.

    Attributes:
        failure: the reason why the job failed, known once it is done. If there is one, the
            compiled tier is not available.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources = list(sources)
        self.failure: KernelFailure | None = None
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Job], None]] = []

    @property
    def done(self) -> bool:
        return self._finished.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is done. Return False if ``timeout`` seconds were not enough."""
        return self._finished.wait(timeout)

    def on_done(self, callback: Callable[[Job], None]) -> None:
        """Call a function when the job is done: now if it is, otherwise in the thread that
        finishes it.
        """
        with self._lock:
            if not self.done:
                self._callbacks.append(callback)
                return
        callback(self)

    def finish(self, failure: KernelFailure | None) -> None:
        with self._lock:
            self.failure = failure
            self._finished.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


class BackgroundCompiler:
    """A client of one worker process. The worker starts at the first job, and again if it dies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._waiting: dict[int, tuple[Job, subprocess.Popen[str]]] = {}
        self._numbers = itertools.count()
        self._timer: threading.Timer | None = None

    @property
    def is_running(self) -> bool:
        """Whether the worker is running."""
        return self._process is not None and self._process.poll() is None

    def all_cached(self, sources: Sequence[str]) -> bool:
        """Return whether loading the sources compiles nothing."""
        return all(cache.is_cached(s) for s in sources)

    def seconds(self, sources: Sequence[str]) -> float:
        """Estimate the seconds that compiling those kernel sources takes that are not in the
        cache.
        """
        missing = sum(not cache.is_cached(source) for source in dict.fromkeys(sources))
        begin = 0.0 if self.is_running else START_SECONDS
        return begin + missing * KERNEL_SECONDS if missing else 0.0

    def compile_all(self, sources: Sequence[str], interrupted: Callable[[], bool] = never) -> bool:
        """Compile sources into the cache in the worker and wait, if this is faster than in this
        process.

        Return False if ``interrupted`` ended the wait. A source that fails in the worker is
        compiled again, and fails again, when it is loaded.
        """
        wanted = [s for s in dict.fromkeys(sources) if not cache.is_cached(s)]
        least = 1 if self.is_running else WORTH_A_PROCESS if "numba" in sys.modules else 2
        few = len(wanted) < least
        if few or cache.cache_folder() is None:
            return True
        job = self.submit(wanted)
        while not job.wait(LOOK_SECONDS):
            if interrupted():
                return False
        return True

    def submit(self, sources: Sequence[str]) -> Job:
        """Start to compile those sources that the cache lacks."""
        job = Job(sources)
        if cache.cache_folder() is None:
            thread = threading.Thread(target=_compile_here, args=(job,), daemon=True)
            thread.start()
            return job
        with self._lock:
            if not self.is_running:
                self._start()
            process = self._process
            assert process is not None and process.stdin is not None
            number = next(self._numbers)
            self._waiting[number] = job, process
            try:
                process.stdin.write(json.dumps([number, job.sources]) + "\n")
                process.stdin.flush()
            except OSError as error:
                del self._waiting[number]
                message = f"the compiling process cannot be reached: {error}"
                job.finish(KernelFailure(None, message))
        return job

    def _start(self) -> None:
        # The worker compiles for this process, so it gets the same interpreter and import path.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        self._process = start_process(
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
        """Read the answers of the compiling process until it ends. Mark the jobs that they answer
        as done or failed.
        """
        assert process.stdout is not None
        for line in process.stdout:
            number, failed, compiled = json.loads(line)
            with self._lock:
                job, _ = self._waiting.pop(number)
                self._end_soon(process)
            cache.note_compiled(compiled)
            if failed is None:
                job.finish(_load(job.sources))
            else:
                index, message = failed
                job.finish(KernelFailure(job.sources[index], message))
        process.wait()
        with self._lock:
            left = [n for n, (_, whose) in self._waiting.items() if whose is process]
            jobs = [self._waiting.pop(number)[0] for number in left]
        for job in jobs:
            message = f"the compiling process ended with status {process.returncode}"
            job.finish(KernelFailure(None, message))

    def _end_soon(self, process: subprocess.Popen[str]) -> None:
        """Start a timer that ends an idle worker process, unless another job comes.

        The caller holds the lock.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(IDLE_SECONDS, self._end_if_idle, (process,))
        self._timer.daemon = True
        self._timer.start()

    def _end_if_idle(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            if self._waiting or process is not self._process:
                return
            self._process = None
        assert process.stdin is not None
        process.stdin.close()  # the worker ends with its input

    def close(self) -> None:
        """End the worker process."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def _compile_here(job: Job) -> None:
    """Compile a job's kernels in this process and load them, because there is no cache folder."""
    job.finish(_load(job.sources))


def _load(sources: Sequence[str]) -> KernelFailure | None:
    """Load kernels from their sources into memory in this thread, so that no run waits for them.

    Return the first failure, or None.
    """
    for source in sources:
        try:
            cache.load_kernel(source)
        except Exception as error:
            return KernelFailure(source, f"{type(error).__name__}: {error}")
    return None


@once
def background() -> BackgroundCompiler:
    """Return the background compiler of this process."""
    compiler = BackgroundCompiler()
    atexit.register(compiler.close)
    return compiler
