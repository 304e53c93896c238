"""Hints of the training doctor: an observation, its meaning, and an edit that may help.

They are plain data, used by the engine process, the window and the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DIVERGING = "diverging"
"""The kind of hints about a loss that grows without end."""


@dataclass(frozen=True)
class Edit:
    """One change of a document.

    Attributes:
        kind: ``attribute`` (of a node), ``setting`` (of the training), ``op`` (replace a node's op
            by ``value``), ``normalize`` (insert a Normalize node behind a node's output; ``value``
            has its attributes), ``bound`` (insert a Clip by value node before a node's input;
            ``value`` has its attributes), or ``unbound`` (remove the bounds of a node's values).
        node: the node's name; empty for a setting.
        name: the name of the attribute, setting, output or input.
        value: the new value, as JSON.
    """

    kind: str
    node: str = ""
    name: str = ""
    value: Any = None


@dataclass(frozen=True)
class Hint:
    """A probable problem of a training.

    Attributes:
        kind: stable name of the rule, such as ``dead_relu``.
        title: the finding, as a sentence without its full stop.
        evidence: the figures behind it, in sentences.
        advice: advice for the user, in sentences.
        node: name of the node it is about; empty for the whole training.
        fix: text of a button that applies ``edits``; empty if there is nothing to apply.
        edits: applied together, as one step.
        step: the step after which the problem was found; 0 is before the first.
    """

    kind: str
    title: str
    evidence: str
    advice: str = ""
    node: str = ""
    fix: str = ""
    edits: tuple[Edit, ...] = ()
    step: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """The kind of the problem and the node. Hints about the same problem have equal keys."""
        return self.kind, self.node

    def __str__(self) -> str:
        parts = [f"{self.title}.", self.evidence, self.advice]
        return " ".join(part for part in parts if part)


def percent(share: float) -> str:
    """Return a fraction as text: ``93 %``, and 100 % only for exactly 1.

    >>> percent(0.9996), percent(1.0), percent(0.5)
    ('99.9 %', '100 %', '50 %')
    """
    if 0.99 < share < 1:
        return f"{min(share * 100, 99.9):.1f} %"
    return f"{share * 100:.0f} %"
