"""Failures inside a jitted function, which it returns as flags beside its values.

Compiled code cannot raise an error. So each place that may fail adds a traced bool, and the
function returns all of them. The caller raises an error that names the node of the first true
flag. In a loop, another `Failures` collects the flags, which the loop carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from nodeflow.errors import RunError


class Failures:
    """The possible failures of a function, collected while it is traced.

    Attributes:
        places: name of the node and error text for each flag.
        flags: the traced bools, scalars.
    """

    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []
        self.flags: list[Any] = []

    def add(self, condition: Any, name: str, text: str) -> None:
        """Add a failure flag for a node: the run fails if an element of ``condition`` is true."""
        self.places.append((name, text))
        self.flags.append(jnp.any(jnp.asarray(condition)))

    def clear(self) -> None:
        """Remove all flags, because the function is traced again."""
        self.places.clear()
        self.flags.clear()

    def stacked(self) -> Any:
        """Return all flags as one array of bools."""
        return jnp.stack(self.flags) if self.flags else jnp.zeros(0, bool)

    def adopt(self, inner: Failures, flags: Any) -> None:
        """Add the failure flags that were collected inside a loop or branch to the flags of the
        run.

        Args:
            inner: the failures collected inside.
            flags: the values of the flags at its end, bool of shape (count,).
        """
        for index, place in enumerate(inner.places):
            self.places.append(place)
            self.flags.append(flags[index])


def raise_first(places: Sequence[tuple[str, str]], flags: Any) -> None:
    """Raise a RunError for the first of several failure flags that is true. Each flag belongs to a
    node and an error text.

    Raises:
        RunError: the error names the node.
    """
    for (name, text), failed in zip(places, flags, strict=True):
        if failed:
            raise RunError(text, node=name)
