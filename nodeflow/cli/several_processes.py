"""Trainings in several processes, which integrations offer by the purpose ``processes``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from nodeflow.cli.environment import Environment
from nodeflow.engine.sharing import Sharing
from nodeflow.manifests import offers


class Launcher(Protocol):
    """The interface of an object that starts and connects the processes of a training.

    Each process runs the same command. The first one reports and keeps the results.
    """

    def start(self, arguments: argparse.Namespace, environment: Environment) -> int | None:
        """Train in other processes and return the exit code; return None if this process is to
        train.

        Raises:
            NodeflowError: the options contradict each other, or cannot be met on this machine.
        """
        ...

    def joined(self, environment: Environment) -> AbstractContextManager[Sharing | None]:
        """Yield the connection to the other processes; None if this process trains alone."""
        ...

    def words(self, arguments: argparse.Namespace) -> Sequence[str]:
        """Return the options that a command to resume the training has to repeat."""
        ...


def launcher_of(arguments: argparse.Namespace) -> Launcher | None:
    """Return the launcher whose option the command has; None if there is none."""
    for each in offers("processes"):
        names = (flag.lstrip("-").replace("-", "_") for flag in each.fields["options"])
        if any(getattr(arguments, name, None) is not None for name in names):
            return each.load()
    return None
