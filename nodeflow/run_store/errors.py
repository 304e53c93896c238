"""What can go wrong with the store of runs."""

from __future__ import annotations

from nodeflow.errors import FileProblem


class RunStoreProblem(FileProblem):
    """The store of runs cannot be read or written: it is damaged, full or read-only, or a later
    version of nodeflow wrote it.

    Remedy: Free some space, or name another folder in NODEFLOW_RUNS; trainings go on without it.

    Attributes:
        cause: ``damaged``, ``full`` or ``busy``; empty for anything else.
    """

    cause = ""


class UnknownRun(RunStoreProblem):
    """No run, or more than one, is called so.

    Remedy: Use an id or name that nodeflow runs list prints.

    Attributes:
        several: there is more than one.
    """

    several = False
