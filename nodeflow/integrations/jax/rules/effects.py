"""Ops that are run for their effects."""

from __future__ import annotations

from typing import Any

import jax

from nodeflow.integrations.jax.bits import to_bytes
from nodeflow.integrations.jax.host import of_numpy
from nodeflow.integrations.jax.registry import Lowered, computes


@computes(
    "initialize",
    "summary/scalar",
    "summary/histogram",
    "summary/image",
    "summary/text",
    "summary/merge",
)
def nothing(node: Lowered, *arrays: Any) -> tuple[()]:
    """Return no outputs for an op with side effects, such as an assign, because the session
    performs it.
    """
    return ()


@computes("print")
def print_values(node: Lowered, x: Any, *data: Any) -> Any:
    """Return x; the host prints the values when they arrive."""
    if node.attrs["first_n"] is not None:
        raise node.refuse(
            "JAX does not count how often a node has run, as first_n asks for",
            "Leave out first_n: it is written each time.",
        )
    attrs = {**node.attrs, "first_n": None}

    def show(*given: Any) -> None:
        node.op.reference(*given, **attrs)

    shown = (x, *data)
    jax.debug.callback(of_numpy(show, shown), *map(to_bytes, shown))
    return x
