"""The values that a sweep tries for an attribute: a list, a range, or a logarithmic range.

A draw is a pure function of seed, trial number and name, so that neither the number of workers nor
another parameter changes it.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from nodeflow.errors import GraphError

MOST_WHOLE = 1000
"""A longer range of whole numbers cannot be enumerated, only drawn from."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(?:(log|int):)?({_NUMBER})\.\.({_NUMBER})")


class SpecProblem(GraphError):
    """Values of a sweep that cannot be understood.

    Remedy: Write a list ``[1, 2, 3]``, or a range such as ``0.1..0.5``, ``log:1e-4..1e-1`` or
    ``int:1..8``.
    """


@dataclass(frozen=True)
class Spec:
    """The values to try for one attribute.

    Attributes:
        name: ``NODE.ATTRIBUTE`` or ``training.SETTING``.
        kind: ``list``, ``range``, ``log`` or ``int``.
        values: values of a list.
        low, high: ends of a range, included.
    """

    name: str
    kind: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0

    @property
    def all(self) -> tuple[Any, ...] | None:
        """All values to try, in order. None if there are infinitely or too many."""
        if self.kind == "list":
            return self.values
        if self.kind == "int" and self.high - self.low < MOST_WHOLE:
            return tuple(range(int(self.low), int(self.high) + 1))
        return None

    @property
    def text(self) -> str:
        """The specification of the varied values as the user writes it, for example ``1..5`` or a
        JSON list; `spec_of` parses it.
        """
        if self.kind == "list":
            return json.dumps(list(self.values))
        low, high = ((f"{n:.0f}" if self.kind == "int" else f"{n:.17g}") for n in self.ends)
        return f"{low}..{high}" if self.kind == "range" else f"{self.kind}:{low}..{high}"

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of a range."""
        return self.low, self.high

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values to try that must be checked: if an attribute takes them, it takes all others.
        For a range these are its ends, for a list all values.
        """
        if self.kind == "list":
            return self.values
        return tuple(map(int, self.ends)) if self.kind == "int" else self.ends

    def draw(self, seed: int, trial: int) -> Any:
        """Return the value for a trial."""
        part = _uniform(f"{seed}\0{trial}\0{self.name}")
        if self.kind == "list":
            return self.values[int(part * len(self.values))]
        if self.kind == "int":
            return int(self.low) + int(part * (self.high - self.low + 1))
        if self.kind == "log":
            low, high = math.log(self.low), math.log(self.high)
            return min(self.high, max(self.low, math.exp(low + part * (high - low))))
        return self.low + part * (self.high - self.low)


def spec_of(name: str, text: str) -> Spec | None:
    """Return the values that a user's text describes.

    The text is ``[1, 2, 3]``, ``0.1..0.5``, ``log:1e-4..1e-1`` or ``int:1..8``; for a single value,
    return None.

    Raises:
        SpecProblem: the list or range is malformed or empty.
    """
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except ValueError as error:
            raise SpecProblem(f"{name}: {text!r} is no list: {error}") from None
        if not values:
            raise SpecProblem(f"{name}: the list of values is empty")
        return Spec(name, "list", tuple(values))
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        if ".." in text:
            raise SpecProblem(
                f"{name}: {text!r} is no range",
                hint="Write 0.1..0.5, log:1e-4..1e-1 or int:1..8.",
            )
        return None
    kind, low, high = found[1] or "range", float(found[2]), float(found[3])
    if not low <= high:
        raise SpecProblem(
            f"{name}: the range {text} holds nothing", hint="Begin with the lower end."
        )
    if kind == "log" and low <= 0:
        raise SpecProblem(f"{name}: a range by its logarithm begins above 0, not at {low:g}")
    if kind == "int" and (low != int(low) or high != int(high)):
        raise SpecProblem(f"{name}: {text} is no range of whole numbers")
    return Spec(name, kind, (), low, high)


def words(text: str) -> str:
    """Return the values to try in words.

    >>> words("[0.1, 1]"), words("log:0.001..1"), words("int:1..8"), words("0..1")
    ('0.1, 1', '0.001 to 1, log', '1 to 8, whole', '0 to 1')
    """
    if text.startswith("["):
        return text[1:-1]
    kind, _, ends = text.rpartition(":")
    aside = {"log": ", log", "int": ", whole"}.get(kind, "")
    return " to ".join(ends.split("..")) + aside


def _uniform(text: str) -> float:
    """Return a uniform number in [0, 1), from the hash of a text."""
    digest = blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
