"""What fails while a jitted function runs: flags that it returns beside its values.

Compiled code cannot raise. Each place that may fail adds a traced bool; the program returns them
all, and the caller raises an error that names the node of the first one that is true. In a loop
they are collected by another `Failures`, whose flags the loop carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from nodeflow.errors import RunError


class Failures:
    """Collects what may fail while a function is traced.

    Attributes:
        places: name of the node and text of each flag.
        flags: the traced bools, scalars.
    """

    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []
        self.flags: list[Any] = []

    def add(self, condition: Any, name: str, text: str) -> None:
        """Note that the node fails where an element of ``condition`` is true."""
        self.places.append((name, text))
        self.flags.append(jnp.any(jnp.asarray(condition)))

    def clear(self) -> None:
        """Forget everything, before the function is traced again."""
        self.places.clear()
        self.flags.clear()

    def stacked(self) -> Any:
        """Return all flags as one array of bools."""
        return jnp.stack(self.flags) if self.flags else jnp.zeros(0, bool)

    def adopt(self, inner: Failures, flags: Any) -> None:
        """Take over the flags of a loop or branch.

        Args:
            flags: what its flags are at its end, bool of shape (count,).
        """
        for index, place in enumerate(inner.places):
            self.places.append(place)
            self.flags.append(flags[index])


def raise_first(places: Sequence[tuple[str, str]], flags: Any) -> None:
    """Raise a RunError for the first flag that is true.

    Raises:
        RunError: names the node.
    """
    for (name, text), failed in zip(places, flags, strict=True):
        if failed:
            raise RunError(text, node=name)
