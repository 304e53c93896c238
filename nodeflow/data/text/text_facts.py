"""Facts about a text data set that a graph needs to generate text."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.data.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class TextFacts:
    """The vocabulary and the windows of a text data set.

    Attributes:
        vocabulary: the tokens by number.
        window: the number of tokens in a window.
        by_line: whether every line is a separate text, so that a window begins with line ends.
    """

    vocabulary: Vocabulary
    window: int
    by_line: bool
