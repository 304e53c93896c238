"""Holding back Python's cycle collector while a schedule or a plan is made.

The collector looks at everything again whenever there is a quarter more of it. Planning makes
little but what stays, so the looking finds nothing: a third of the time of planning 100 000 nodes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def uncollected(function: Callable[P, R]) -> Callable[P, R]:
    """The function, run without collections; whoever switched them off finds them off again."""

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
