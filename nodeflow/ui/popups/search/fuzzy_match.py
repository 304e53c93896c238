"""Ranking of ops by a few typed letters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


def score(query: str, text: str) -> float:
    """Return how well ``text`` matches ``query``, from 0 (not at all) to 1 (exactly).

    From best to worst: equal texts, the beginning of the text, the beginning of a word,
    initials, a part, and scattered letters. Spaces, underscores and hyphens are ignored:
    ``maxpool`` is the beginning of ``max_pool2d``.
    """
    query = query.strip().lower()
    text, joined, words, initials = _read(text)
    if not query:
        return 0.5
    if query == text:
        return 1.0
    brevity = len(query) / max(len(text), 1) * 0.05
    together = _joined(query)
    if together and together == joined:
        return 0.99
    if text.startswith(query) or (together and joined.startswith(together)):
        return 0.9 + brevity
    if any(word.startswith(query) for word in words):
        return 0.8 + brevity
    if initials.startswith(query) and len(query) > 1:
        return 0.7 + brevity
    if query in text:
        return 0.6 + brevity
    spread = _spread(query, text)
    return 0.0 if spread is None else max(0.15, 0.5 - 0.04 * spread)


@lru_cache(maxsize=16384)
def _read(text: str) -> tuple[str, str, tuple[str, ...], str]:
    """Return a text in lower case, the same without separators, its words, and their initials.

    The result is cached, because each typed letter needs it again.
    """
    text = text.lower()
    words = tuple(text.replace("_", " ").split())
    return text, _joined(text), words, "".join(word[0] for word in words)


def _joined(text: str) -> str:
    """Return a text without spaces, underscores and hyphens."""
    return text.replace("_", "").replace(" ", "").replace("-", "")


def _spread(query: str, text: str) -> int | None:
    """Return the number of letters between the letters of ``query``; None if one is missing."""
    place, gaps = -1, 0
    for letter in query:
        if letter == " ":
            continue
        found = text.find(letter, place + 1)
        if found < 0:
            return None
        gaps += found - place - 1 if place >= 0 else 0
        place = found
    return gaps


def best_score(query: str, names: Iterable[str], also: Iterable[str] = ()) -> float:
    """Return the best score among an op's names. A match with one of ``also`` counts less."""
    direct = max((score(query, name) for name in names), default=0.0)
    aside = max((score(query, word) for word in also), default=0.0)
    return max(direct, aside * 0.75 if aside >= 0.6 else 0.0)
