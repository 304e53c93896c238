"""The processes that train the trials of a sweep, one for each parallel trial.

Their messages arrive through a queue, so that the program that started them never waits for them.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nodeflow
from nodeflow.start_process import start_process
from nodeflow.sweeps.grid_and_random_trials import Trial
from nodeflow.sweeps.setup import Setup

Said = tuple["Process", Mapping[str, Any]]
GONE = "gone"
"""The event of an ended process, with its exit ``code`` and its last words ``said``."""
LAST_WORDS = 20
"""Number of last lines of standard error to keep."""


class Process:
    """A process that trains trials. Its first trial starts it.

    Args:
        inbox: takes its messages, from a thread of this object.

    Attributes:
        number: number of the trial that it trains; None while it waits for one.
    """

    def __init__(self, setup: Setup, inbox: queue.SimpleQueue[Said | None]) -> None:
        self._setup, self._inbox = setup, inbox
        self._process: subprocess.Popen[str] | None = None
        self.number: int | None = None

    def give(self, trial: Trial) -> None:
        """Give the process a trial to train."""
        self.number = trial.number
        if self._process is None:
            try:
                self._start()
            except OSError as error:
                self._inbox.put((self, {"event": GONE, "code": 1, "said": str(error)}))
                return
            self._write(self._setup.dumps())
        self._write(json.dumps({"trial": trial.number, "values": dict(trial.values)}))

    def stop(self) -> None:
        """Stop the trial of this process after the current step."""
        self._write(json.dumps({"stop": self.number}))

    def kill(self) -> None:
        """Kill the process. The records of its run so far are kept."""
        if self._process is not None:
            self._process.kill()

    def close(self, seconds: float) -> None:
        """End the process; kill it after ``seconds``."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError, ValueError):
            assert process.stdin is not None
            process.stdin.close()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # ---- its ends -----------------------------------------------------------------------------

    def _start(self) -> None:
        root = str(Path(nodeflow.__file__).parents[1])
        before = os.environ.get("PYTHONPATH")
        paths = root if not before else os.pathsep.join((root, before))
        process = self._process = start_process(
            [sys.executable, "-m", "nodeflow.sweeps.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=os.name == "posix",  # Ctrl-C is for the program that started it
        )
        last: deque[str] = deque(maxlen=LAST_WORDS)
        errors = threading.Thread(target=_keep, args=(process.stderr, last), daemon=True)
        errors.start()
        reader = threading.Thread(
            target=self._read, args=(process, errors, last), name="nodeflow-sweep", daemon=True
        )
        reader.start()

    def _write(self, line: str) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            # the process has ended, which the reader reports
            with contextlib.suppress(OSError, ValueError):
                process.stdin.write(f"{line}\n")
                process.stdin.flush()

    def _read(
        self, process: subprocess.Popen[str], errors: threading.Thread, last: deque[str]
    ) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                self._inbox.put((self, json.loads(line)))
        code = process.wait()
        errors.join(1)
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()
        self._process = None
        self._inbox.put((self, {"event": GONE, "code": code, "said": _said(last)}))


def _keep(stream: Any, last: deque[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in stream:
            if line.strip():
                last.append(line.rstrip())


def _said(last: deque[str]) -> str:
    return last[-1] if last else ""
