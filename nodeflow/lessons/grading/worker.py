"""The process that marks answers, one after the other: ``-m nodeflow.lessons.grading.worker``.

The first line of standard input is a setup, each further line the number and path of an answer. The
first line of standard output says that the process is ready, each further line is a result. Output
of ops goes to standard error. The process ends with its input. The process that started it ends it
when an answer takes too long.
"""

from __future__ import annotations

import contextlib
import json
import signal
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead
from nodeflow.document.model.records import NodeRecord
from nodeflow.errors import NodeflowError
from nodeflow.lessons.given_data import with_given_data
from nodeflow.lessons.grading.results import Result
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.start import altered
from nodeflow.ops.user import load_plugins
from nodeflow.own_output import own_output

LARGEST = 20 * 2**20
"""Bytes of the largest file that counts as an answer."""
LONGEST_DRAWN = 500_000
"""Characters of the longest answer that is sent back for a drawing."""
UNKNOWN = "the answer could not be marked"


class Grader:
    """Marks answers to the lesson of a file.

    Args:
        setup: the path of the lesson, the secret seeds, and the number of bytes that an answer may
            need.
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self._marker = Marker(flow.load(setup["lesson"]), setup["seeds"])
        self._lesson_path = Path(setup["lesson"])
        self._altered: tuple[str, ...] = ()
        self._marker.mark(self._marker.start, live=True)  # computes and keeps the solution's values
        self._limit_memory(setup["memory"])

    def mark(self, path: Path) -> Result:
        """Grade the student's answer in a file. If that fails, return a result with a description
        of the problem.
        """
        began = time.perf_counter()
        try:
            answer = self._read(path)
            answer.path = self._lesson_path
            self._restore(answer)
            text = flow.dumps(answer)
            mark = self._marker.mark(answer)
            result = Result.of(mark, 0.0, text if len(text) <= LONGEST_DRAWN else "")
            result = replace(result, altered=self._altered)
        except NodeflowError as error:  # the page of a student does not name the teacher's folders
            result = Result(problem=_one_line(error.text("cli").replace(str(path), path.name)))
        except MemoryError:
            result = Result(problem="it needs more memory than allowed")
        except RecursionError:
            result = Result(problem="it is nested too deeply")
        except Exception as error:
            result = Result(problem=f"{UNKNOWN}: {type(error).__name__}: {_one_line(str(error))}")
        return replace(result, seconds=time.perf_counter() - began)

    def _read(self, path: Path) -> Document:
        try:
            about = path.stat()
        except OSError as error:
            raise FlowRead(f"cannot read {path}: {error.strerror}") from None
        if stat.S_ISREG(about.st_mode) and about.st_size > LARGEST:
            raise FlowRead(f"the file is larger than {LARGEST >> 20} MB")
        return flow.load(path)

    def _restore(self, answer: Document) -> None:
        """Restore the attributes of nodes that the lesson gives and locks, but that the student
        changed. Remember which nodes were altered.
        """
        start, lesson = self._marker.start, self._marker.lesson
        self._altered = tuple(altered(start, with_given_data(start, answer, lesson), lesson))
        with answer.transaction("Restore given nodes") as transaction:
            for record in start.nodes.values():
                found = answer.node_named(record.name)
                if lesson.locks(record.id) and found is not None:
                    transaction.put_node(_restored(found, record))

    def _limit_memory(self, allowed: int) -> None:
        """Limit the memory of this process to its current size plus ``allowed`` bytes, if the
        system supports that.
        """
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            held = _data_bytes()
            if held:
                limit = held + allowed
                resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _restored(found: NodeRecord, given: NodeRecord) -> NodeRecord:
    return replace(found, op=given.op, attrs=given.attrs, extra=given.extra)


def _data_bytes() -> int:
    """Return how many bytes of this process count towards the memory limit. Return 0 if the system
    does not tell.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]


def main() -> int:
    """Mark the answers from standard input, until it ends."""
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grading process decides when to stop
    out = own_output()
    first = sys.stdin.readline()
    if not first:
        return 0
    setup = json.loads(first)
    load_plugins(setup["plugins"])
    grader = Grader(setup)
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        result = grader.mark(Path(request["path"]))
        print(json.dumps({"number": request["number"], **result.to_json()}), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
