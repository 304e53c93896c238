"""Errors of the store of runs."""

from __future__ import annotations

from nodeflow.errors import FileProblem


class RunStoreProblem(FileProblem):
    """A store of runs that is damaged, full, read-only, or written by a later version of nodeflow.

    Remedy: Free some space, or name another folder in NODEFLOW_RUNS; trainings go on without it.

    Attributes:
        cause: ``damaged``, ``full`` or ``busy``; empty for any other cause.
    """

    cause = ""


class UnknownRun(RunStoreProblem):
    """An id or name that no run has, or more than one.

    Remedy: Use an id or name that nodeflow runs list prints.

    Attributes:
        several: whether more than one run has it.
    """

    several = False
