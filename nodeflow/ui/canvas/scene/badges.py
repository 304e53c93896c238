"""What a badge on a card says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Badge:
    """A short finding about a node.

    Attributes:
        role: of its colour in the theme.
        tip: the same in a sentence.
    """

    text: str
    role: str
    tip: str
