"""What a graph that writes text needs to know about its data set."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.data.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class TextFacts:
    """The form of a text's windows.

    Attributes:
        vocabulary: the tokens by number.
        window: the number of tokens in a window.
        by_line: whether every line is a text of its own: a window then begins with line ends.
    """

    vocabulary: Vocabulary
    window: int
    by_line: bool
