"""Lets a caller that waits for the compiler stop waiting."""

from __future__ import annotations

LOOK_SECONDS = 0.02
"""Seconds between two checks whether to stop waiting."""


class Interrupted(Exception):
    """An error: the caller stopped waiting for the compiler."""


def never() -> bool:
    """Return False. A caller that passes this function as its stop condition waits until the
    compiler is done.
    """
    return False
