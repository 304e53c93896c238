"""The queue of the compiling process: which source comes next, and which jobs are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The result of a job.

    Attributes:
        failed: index of the source that cannot be compiled, and the error; None if all can.
        compiled: number of sources that were compiled for the job; the others were in the cache.
    """

    job: int
    failed: tuple[int, str] | None
    compiled: int


class _Job:
    """The sources of a job that are not compiled yet, by text, with their indices."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.left = {source: index for index, source in reversed([*enumerate(sources)])}
        # The last one is compiled next. So long texts come first, and several processes end at
        # about the same time.
        self.todo = sorted(self.left, key=len)
        self.compiled = 0


class Jobs:
    """The jobs that are not done. The newest job comes first, because the user waits for it."""

    def __init__(self) -> None:
        self._jobs: dict[int, _Job] = {}
        self._running: set[str] = set()

    def add(self, number: int, sources: Sequence[str]) -> list[Answer]:
        """Queue the sources of a compile job. Return an immediate answer if there are none,
        otherwise an empty list.
        """
        if not sources:
            return [Answer(number, None, 0)]
        self._jobs[number] = _Job(sources)
        return []

    def next(self) -> str | None:
        """Take the next kernel source to compile. Return None if all are compiled or being
        compiled.
        """
        for job in reversed(self._jobs.values()):
            while job.todo:
                source = job.todo.pop()
                if source in job.left and source not in self._running:
                    self._running.add(source)
                    return source
        return None

    def done(self, source: str, compiled: bool, error: str = "") -> list[Answer]:
        """Record that a source was compiled, was found in the cache, or failed. Return the answers
        of the jobs that are finished by this.

        Args:
            compiled: whether the source was compiled because the cache lacked it.
            error: why the source cannot be compiled; "" if it can.
        """
        self._running.discard(source)
        answers = []
        for number, job in [*self._jobs.items()]:
            index = job.left.pop(source, None)
            if index is None:
                continue
            job.compiled, compiled = job.compiled + compiled, False
            if error or not job.left:
                del self._jobs[number]
                answers.append(Answer(number, (index, error) if error else None, job.compiled))
        return answers
