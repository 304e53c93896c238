"""`nf.logging`: messages of programs, through Python's logging, with `tf.logging`'s names."""

from __future__ import annotations

import logging as python
from typing import Any

from nodeflow.public import publish

DEBUG, INFO, WARN, ERROR, FATAL = (
    python.DEBUG, python.INFO, python.WARNING, python.ERROR, python.CRITICAL,
)  # fmt: skip

__all__ = [
    "debug",
    "error",
    "fatal",
    "get_verbosity",
    "info",
    "log",
    "set_verbosity",
    "vlog",
    "warn",
    "warning",
]

LOGGER = python.getLogger("nodeflow.program")
"""Where messages go: Python's own settings say what becomes of them."""


def _shown() -> None:
    """Write to standard error, unless the program has told Python's logging what to do."""
    if not LOGGER.handlers and not python.getLogger().handlers:
        handler = python.StreamHandler()
        handler.setFormatter(python.Formatter("%(levelname)s:nodeflow:%(message)s"))
        LOGGER.addHandler(handler)


def log(level: int, msg: Any, *args: Any) -> None:
    """Write a message of a level; ``%`` in it is filled with the arguments."""
    _shown()
    LOGGER.log(level, msg, *args)


def debug(msg: Any, *args: Any) -> None:
    """Write a message for those who look for a fault."""
    log(DEBUG, msg, *args)


def info(msg: Any, *args: Any) -> None:
    """Write a message; seen after ``set_verbosity(nf.logging.INFO)``."""
    log(INFO, msg, *args)


def warning(msg: Any, *args: Any) -> None:
    """Write a warning."""
    log(WARN, msg, *args)


def warn(msg: Any, *args: Any) -> None:
    """Write a warning."""
    log(WARN, msg, *args)


def error(msg: Any, *args: Any) -> None:
    """Write that something failed."""
    log(ERROR, msg, *args)


def fatal(msg: Any, *args: Any) -> None:
    """Write that the program cannot go on; it does go on."""
    log(FATAL, msg, *args)


def vlog(level: int, msg: Any, *args: Any) -> None:
    """Write a message of a level below that of debug."""
    log(DEBUG - level if level > 0 else DEBUG, msg, *args)


def set_verbosity(v: int) -> None:
    """Show messages of this level and above."""
    LOGGER.setLevel(v)


def get_verbosity() -> int:
    """The level from which messages are shown."""
    return LOGGER.getEffectiveLevel()


publish(globals(), __all__)
