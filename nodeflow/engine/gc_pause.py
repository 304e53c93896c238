"""Pauses Python's cycle collector while a schedule or a plan is made.

The collector scans all objects again whenever their number has grown by a quarter. Planning
produces little garbage, so these scans find nothing, but they take a third of the time of
planning 100 000 nodes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def uncollected(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function so that it runs without garbage collections."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not gc.isenabled():
            return function(*args, **kwargs)
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            gc.enable()

    return call
