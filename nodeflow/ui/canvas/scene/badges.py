"""The content of a badge on a card."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Badge:
    """A short finding about a node.

    Attributes:
        role: the name of its colour in the theme.
        tip: the finding as a sentence.
    """

    text: str
    role: str
    tip: str
