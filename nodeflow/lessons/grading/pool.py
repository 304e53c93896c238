"""The processes that mark answers. A process that takes too long or ends is replaced.

So an answer can cost no more than its time and one line of the table.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodeflow
from nodeflow.engine.cores import cores
from nodeflow.lessons.grading.answers import Answer
from nodeflow.lessons.grading.results import Result
from nodeflow.start_process import start_process

BEGIN_SECONDS = 120.0
"""The longest time that a process takes to be ready."""
LAST_WORDS = 5
TICK = 0.05
PATIENCE = 6
"""An answer that waits, rather than computes, ends after so many times its seconds."""


@dataclass(frozen=True)
class Setup:
    """The common setup of a grading.

    Attributes:
        lesson: the teacher's file.
        seeds: secret seeds.
        seconds: the processor time that an answer may take, so that a busy machine changes no mark.
        memory: the bytes that an answer may need.
        plugins: a file or folder of own ops, or None.
        processes: the number of processes; None for one a core.
    """

    lesson: Path
    seeds: tuple[int, ...]
    seconds: float = 10.0
    memory: int = 10**9
    plugins: str | None = None
    processes: int | None = None

    def to_line(self) -> str:
        return json.dumps(
            {
                "lesson": str(self.lesson),
                "seeds": list(self.seeds),
                "memory": self.memory,
                "plugins": self.plugins,
            }
        )


def grade(
    answers: Sequence[Answer],
    setup: Setup,
    told: Callable[[Answer, Result], None] = lambda answer, result: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Result | None]:
    """Mark answers in parallel processes, and return their results in order. Answers that were not
    marked before ``stop`` get None.

    Args:
        told: called on the calling thread with each result as it comes.
        stop: returns whether to end.
    """
    count = min(setup.processes or cores(), len(answers))
    said: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
    waiting: deque[int] = deque(range(len(answers)))
    lock = threading.Lock()

    def take() -> int | None:
        with lock:
            return waiting.popleft() if waiting and not stop() else None

    def serve() -> None:
        process: _Process | None = None
        while (number := take()) is not None:
            process = process if process is not None and process.lives else _Process(setup)
            said.put((number, process.mark(number, answers[number].path, stop)))
        if process is not None:
            process.end()

    threads = [threading.Thread(target=serve, name=f"nodeflow-grade-{i}") for i in range(count)]
    for thread in threads:
        thread.start()
    results: list[Result | None] = [None] * len(answers)
    while any(thread.is_alive() for thread in threads) or not said.empty():
        with contextlib.suppress(queue.Empty):
            number, result = said.get(timeout=TICK)
            results[number] = result
            told(answers[number], result)
    return results


class _Clock:
    """The time that a process takes from now on."""

    def __init__(self, pid: int) -> None:
        self._pid, self._began = pid, time.monotonic()
        self._used = processor_seconds(pid)

    def is_over(self, seconds: float) -> bool:
        """Return whether the process has used more than ``seconds`` of processor time, or
        `PATIENCE` times as long has passed.

        Where the system does not tell the processor time, the time that passes counts.
        """
        passed = time.monotonic() - self._began
        if passed <= seconds:
            return False
        now = processor_seconds(self._pid)
        if now is None or self._used is None:
            return True
        return now - self._used > seconds or passed > PATIENCE * seconds


def processor_seconds(pid: int) -> float | None:
    """Return the processor time that a process has taken, or None if the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


class _Process:
    """A worker process, which marks one answer after the other."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        root = str(Path(nodeflow.__file__).parents[1])
        before = os.environ.get("PYTHONPATH")
        paths = root if not before else os.pathsep.join((root, before))
        # one thread each: the processes share the cores
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NODEFLOW_NUM_THREADS")
        threads = dict.fromkeys(names, "1")
        self._process = start_process(
            [sys.executable, "-m", "nodeflow.lessons.grading.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **threads, "PYTHONPATH": paths, "NODEFLOW_RUNS": "off"},
            start_new_session=os.name == "posix",  # Ctrl-C is for the program that started it
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._last: deque[str] = deque(maxlen=LAST_WORDS)
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._hear, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self._write(setup.to_line())
        self._begin()

    def _begin(self) -> None:
        """Wait until the worker process is ready, so that its start does not count towards the time
        limit of the first answer.
        """
        with contextlib.suppress(queue.Empty):
            line = self._lines.get(timeout=BEGIN_SECONDS)
            if line is None:  # it has ended; marking says why
                self._lines.put(None)

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def mark(self, number: int, path: Path, stop: Callable[[], bool]) -> Result:
        """Have the worker process mark a student's answer, and return the result. Kill the process
        if marking takes too long or ``stop`` returns true.
        """
        self._write(json.dumps({"number": number, "path": str(path)}))
        clock = _Clock(self._process.pid)
        while not clock.is_over(self._setup.seconds):
            if stop():
                self.kill()
                return Result(problem="the grading was stopped")
            try:
                line = self._lines.get(timeout=TICK)
            except queue.Empty:
                continue
            if line is None:
                self._process.wait()
                said = f": {self._last[-1].strip()}" if self._last else ""
                return Result(problem=f"the answer ended the process that marked it{said}")
            data: dict[str, Any] = json.loads(line)
            if data.pop("number") == number:
                return Result.from_json(data)
        self.kill()
        return Result(
            problem=f"it took longer than {self._setup.seconds:g} s", seconds=self._setup.seconds
        )

    def end(self) -> None:
        """Close the standard input of the process, which ends it, and kill it if it is still
        running after five seconds.
        """
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()

    def _write(self, line: str) -> None:
        # a process that has ended is reported by the end of its output
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed after a kill
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def _hear(self) -> None:
        assert self._process.stderr is not None
        with contextlib.suppress(ValueError):
            self._last.extend(self._process.stderr)
