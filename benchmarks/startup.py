"""Time a user's first waits: ``import nodeflow``, ``--help``, a painted window.

Usage: python benchmarks/startup.py [--runs N]. Each figure comes from a fresh process. The window
is timed from the start of the process to the first paint with the document loaded. Prints one JSON
line per case: median and all runs, in seconds. Without a display, run it under Xvfb.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WINDOW = """
import sys, time
from PySide6.QtCore import QTimer
from nodeflow.ui.app import run
def painted():
    print(time.time(), flush=True)
    QTimer.singleShot(0, lambda: __import__('os')._exit(0))
run(sys.argv[1], on_painted=painted)
"""

CASES = {
    "python": [sys.executable, "-c", "pass"],
    "numpy": [sys.executable, "-c", "import numpy"],
    "import nodeflow": [sys.executable, "-c", "import nodeflow"],
    "nodeflow --help": [sys.executable, "-m", "nodeflow", "--help"],
    "nodeflow run": [
        *(sys.executable, "-m", "nodeflow", "run", str(ROOT / "examples" / "expression.flow"))
    ],
    "window": [sys.executable, "-c", WINDOW, str(ROOT / "examples" / "mnist.flow")],
}


def once(command: list[str]) -> float:
    """Return the seconds from the start of the process to its end, or to the time that it
    prints."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.time()
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    printed = result.stdout.strip()
    end = float(printed) if command[1:3] == ["-c", WINDOW] else time.time()
    return end - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--case", choices=CASES, action="append")
    arguments = parser.parse_args()
    for case in arguments.case or CASES:
        once(CASES[case])
        runs = sorted(once(CASES[case]) for _ in range(arguments.runs))
        print(
            json.dumps(
                {
                    "case": case,
                    "median_s": round(statistics.median(runs), 3),
                    "runs_s": [round(r, 3) for r in runs],
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
