"""Byte pairs: tokens that are frequent sequences of bytes, after Sennrich and others, 2016.

A text is cut into pieces (words with the space before them, marks, line ends). Inside a piece, the
pair that was learned first is joined, until no learned pair is left. So every text has tokens,
and none is unknown. An integration learns the pairs; joining them needs no other software.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from nodeflow.manifests import NotOffered, offers

BYTES = 256


def _letters() -> str:
    """Return a visible character for each byte: the alphabet in which GPT-2 writes its tokens."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(BYTES, 2 * BYTES))
    return "".join(chr(byte if byte in visible else next(hidden)) for byte in range(BYTES))


LETTERS = _letters()
_BYTES = {letter: byte for byte, letter in enumerate(LETTERS)}


def letters_of(text: str) -> str:
    """Encode a text as UTF-8 and return one printable character for each byte."""
    return "".join(LETTERS[byte] for byte in text.encode("utf-8", "replace"))


def bytes_of(token: str) -> bytes:
    """Return the bytes of a token.

    Raises:
        KeyError: a character is no letter of a byte.
    """
    return bytes(_BYTES[letter] for letter in token)


def join_pairs(piece: str, ranks: Mapping[str, int]) -> list[str]:
    """Return the tokens of one piece.

    Args:
        piece: the visible characters of its bytes (`letters_of`).
        ranks: the position of each learned token. The pair with the lowest position is joined
            first; of equal ones, the leftmost.
    """
    parts = list(piece)
    while len(parts) > 1:
        known = [(ranks[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
        if not known:
            break
        _, i = min(known)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts


def learn_pairs(counts: Mapping[str, int], most: int) -> Sequence[str]:
    """Return at most ``most`` tokens of two or more bytes, in the order in which they are joined.

    Args:
        counts: how often each piece occurs.

    Raises:
        SoftwareMissing: the software that learns is not installed.
        NotOffered: no integration learns byte pairs.
    """
    if most <= 0 or not counts:
        return ()
    found = offers("byte_pairs")
    if not found:
        raise NotOffered(
            "no integration here learns byte pairs", hint="Choose characters or words."
        )
    found[0].integration.check_software()
    learn = found[0].load()
    return tuple(learn({letters_of(text): n for text, n in counts.items()}, most))
