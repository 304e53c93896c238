"""Libraries that take turns, each in its own process, one at a time, in the same minutes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAUSE_S = 0.1
"""Seconds between two turns. After its turn, a library's threads look for work a while longer
(onnxruntime's for 50 ms), and would take a core from the next library."""


class Failed(Exception):
    """A library cannot compute a case; the text is the end of its output."""


class Worker:
    """A process in which one library computes cases (see worker.py)."""

    def __init__(
        self,
        python: str,
        library: str,
        threads: int | None,
        environment: dict[str, str],
        clock: str = "wall",
    ) -> None:
        self.library = library
        command = [python, str(HERE / "worker.py"), library, clock]
        self.process = subprocess.Popen(
            [*command, str(threads)] if threads else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.ready: dict[str, dict[str, Any]] = {}
        self.times: dict[str, list[list[float]]] = {}
        self.peak_mb = 0.0

    def _ask(self, case: str, seconds: float) -> dict[str, Any]:
        stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        assert stdin is not None and stdout is not None and stderr is not None
        try:
            stdin.write(f"{case} {seconds}\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Failed(f"{self.library} failed at {case}:\n{stderr.read()[-2000:]}")
        answer = json.loads(line)
        self.peak_mb = answer["peak_mb"]
        return answer

    def prepare(self, case: str) -> None:
        self.ready[case] = self._ask(case, 0)
        self.times[case] = []

    def run(self, case: str, seconds: float) -> None:
        self.times[case].append(self._ask(case, seconds)["us"])

    def rounds(self, case: str) -> list[float]:
        """Return the median call of each turn, without the first turn."""
        return [statistics.median(turn) for turn in self.times[case][1:]]

    def median(self, case: str) -> float:
        return statistics.median(self.rounds(case))

    def best(self, case: str) -> float:
        return min(t for turn in self.times[case][1:] for t in turn)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def ratio(case: str, ours: Worker, peers: Sequence[Worker]) -> float:
    """Return the median over rounds of our time divided by the fastest peer's.

    All rounds together decide which peer is the fastest.
    """
    fastest = min(peers, key=lambda peer: peer.median(case))
    pairs = zip(ours.rounds(case), fastest.rounds(case), strict=True)
    return statistics.median(own / other for own, other in pairs)


def take_turns(case: str, workers: Sequence[Worker], rounds: int, seconds: float) -> None:
    """Run one round to warm up, then the rounds that count."""
    for _ in range(rounds + 1):
        for worker in workers:
            time.sleep(PAUSE_S)
            worker.run(case, seconds)


class Busy:
    """Processes that compute without end, like a browser or another training."""

    def __init__(self, count: int) -> None:
        self.processes = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)
        ]

    def __enter__(self) -> Busy:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
