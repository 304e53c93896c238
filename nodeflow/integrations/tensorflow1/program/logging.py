"""`tf.logging`: messages of programs, with `tf.logging`'s names for Python's logging."""

from __future__ import annotations

import logging as python
from typing import Any

from nodeflow.public import publish

DEBUG, INFO, WARN, ERROR, FATAL = (
    python.DEBUG, python.INFO, python.WARNING, python.ERROR, python.CRITICAL,
)  # fmt: skip

CONSTANTS = ("DEBUG", "ERROR", "FATAL", "INFO", "WARN")

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
"""The logger of messages. Python's logging settings apply to it."""


def _shown() -> None:
    """Send messages to standard error, unless the program has configured Python's logging."""
    if not LOGGER.handlers and not python.getLogger().handlers:
        handler = python.StreamHandler()
        handler.setFormatter(python.Formatter("%(levelname)s:nodeflow:%(message)s"))
        LOGGER.addHandler(handler)


def log(level: int, msg: Any, *args: Any) -> None:
    """Write a message of a level, with ``%`` formatting by the arguments."""
    _shown()
    LOGGER.log(level, msg, *args)


def debug(msg: Any, *args: Any) -> None:
    """Write a message for debugging."""
    log(DEBUG, msg, *args)


def info(msg: Any, *args: Any) -> None:
    """Write a message, visible after ``set_verbosity(tf.logging.INFO)``."""
    log(INFO, msg, *args)


def warning(msg: Any, *args: Any) -> None:
    """Write a warning."""
    log(WARN, msg, *args)


def warn(msg: Any, *args: Any) -> None:
    """Write a warning."""
    log(WARN, msg, *args)


def error(msg: Any, *args: Any) -> None:
    """Write an error message."""
    log(ERROR, msg, *args)


def fatal(msg: Any, *args: Any) -> None:
    """Write a message about a fatal error. The program continues."""
    log(FATAL, msg, *args)


def vlog(level: int, msg: Any, *args: Any) -> None:
    """Write a message of a level below debug."""
    log(DEBUG - level if level > 0 else DEBUG, msg, *args)


def set_verbosity(v: int) -> None:
    """Show messages of this level and above."""
    LOGGER.setLevel(v)


def get_verbosity() -> int:
    """Return the lowest level that is shown."""
    return LOGGER.getEffectiveLevel()


publish(globals(), __all__)
