"""Waiting for the compiler, which whoever waits may leave."""

from __future__ import annotations

LOOK_SECONDS = 0.02
"""How often a caller that waits looks whether it is to go on without the compiler."""


class Interrupted(Exception):
    """Who waited for the compiler is not to wait any more."""


def never() -> bool:
    """Whether somebody who cannot be interrupted is."""
    return False
