"""What can go wrong with the store of runs."""

from __future__ import annotations

from nodeflow.errors import FileProblem


class RunStoreProblem(FileProblem):
    """The store of runs cannot be read or written: it is damaged, full or read-only, or a later
    version of nodeflow wrote it."""


class UnknownRun(RunStoreProblem):
    """No run, or more than one, is called so.

    Attributes:
        several: there is more than one.
    """

    several = False
