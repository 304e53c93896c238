"""Lets a process end at each call of the system in everything that writes; prints what is wrong.

A program of its own, with one thread, so that a fork is a process as good as a new one.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.failing_calls import DIED, FailingCalls
from tests.faults.writers import WRITERS, Writer

PATIENCE_S = 60
MOST_CALLS = 400


def crashes(writer: Writer, folder: Path) -> int:
    """How many calls there are at which the process ended; raises AssertionError."""
    done = fresh(writer, folder / "done")
    old = writer.state(done)
    writer.act(done)
    new = writer.state(done)
    for number in range(1, MOST_CALLS):
        here = fresh(writer, folder / str(number))
        status = in_child(writer, here, number)
        if status == 0:
            return number - 1
        assert status == DIED, f"call {number}: exit status {status}"
        if not writer.halves:
            assert writer.state(here) in (old, new), f"call {number}: neither old nor new"
        writer.act(here)
        if not writer.halves:
            assert writer.state(here) == new, f"call {number}: the next attempt"
        shutil.rmtree(here)
    raise AssertionError("it calls without end")


def fresh(writer: Writer, folder: Path) -> Path:
    folder.mkdir()
    writer.before(folder)
    return folder


def in_child(writer: Writer, folder: Path, number: int) -> int:
    """The exit status of a process that ends at the call with this number."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE_S)
        with FailingCalls(folder, number, error=None):
            writer.act(folder)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    wrong = 0
    for writer in WRITERS:
        with TemporaryDirectory() as folder:
            try:
                print(f"{writer.name}: {crashes(writer, Path(folder))} crashes")
            except Exception as error:
                wrong += 1
                print(f"{writer.name}: {type(error).__name__}: {error}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
