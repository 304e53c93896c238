"""The vocabulary of a text: conversion of text to token numbers and back."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nodeflow.data.text.atoms import BYTE_PAIRS, CHARACTERS, split_text
from nodeflow.data.text.byte_pairs import (
    BYTES,
    LETTERS,
    bytes_of,
    join_pairs,
    learn_pairs,
    letters_of,
)
from nodeflow.errors import AttributeProblem

UNKNOWN = 0
"""The number of a token that is not in the vocabulary; byte pairs have none."""
_CLOSE_LEFT = frozenset(".,;:!?)]}’”%…\n")
"""Marks without a space before them."""
_CLOSE_RIGHT = frozenset("([{‘“\n")
_SHOWN = {"\n": "\\n", "\t": "\\t", " ": "␣"}


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a text.

    Attributes:
        unit: one of ``UNITS``.
        tokens: characters or words from number 1 on; or joined byte pairs from number 256 on, in
            the order in which they are joined.
        lower_case: whether texts are converted to lower case first.
    """

    unit: str
    tokens: tuple[str, ...]
    lower_case: bool = False

    def __post_init__(self) -> None:
        if self.unit == CHARACTERS and any(len(token) != 1 for token in self.tokens):
            raise AttributeProblem("each token must be one character", port="tokens")
        if self.unit == BYTE_PAIRS and not set("".join(self.tokens)) <= set(LETTERS):
            raise AttributeProblem("the tokens are not letters of bytes", port="tokens")
        if len(set(self.tokens)) < len(self.tokens):
            raise AttributeProblem("a token occurs twice", port="tokens")

    def __len__(self) -> int:
        return len(self.tokens) + (BYTES if self.unit == BYTE_PAIRS else 1)

    @property
    def has_unknown(self) -> bool:
        """True if a text may have unknown tokens."""
        return self.unit != BYTE_PAIRS

    @cached_property
    def names(self) -> tuple[str, ...]:
        r"""A displayed name for each number, such as ``\n`` for a line end."""
        if self.unit == BYTE_PAIRS:
            return tuple(_shown(bytes_of(token)) for token in (*LETTERS, *self.tokens))
        unknown = "�" if self.unit == CHARACTERS else "<unknown>"
        return (unknown, *(_SHOWN.get(token, token) for token in self.tokens))

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        first = BYTES if self.unit == BYTE_PAIRS else 1
        found = {token: first + i for i, token in enumerate(self.tokens)}
        return {**{c: i for i, c in enumerate(LETTERS)}, **found} if first == BYTES else found

    @cached_property
    def _ranks(self) -> Mapping[str, int]:
        return {token: rank for rank, token in enumerate(self.tokens)}

    def numbers_of(self, part: str) -> list[int]:
        """Return the token ids of one atom of a text: a character, a word, or a piece to pair."""
        if self.unit == BYTE_PAIRS:
            return [self._numbers[t] for t in join_pairs(letters_of(part), self._ranks)]
        return [self._numbers.get(part, UNKNOWN)]

    def encode(self, text: str) -> np.ndarray:
        """Return the numbers of a text's tokens, int64 (n,)."""
        text = text.lower() if self.lower_case else text
        parts = split_text(text, self.unit)
        return np.array([n for part in parts for n in self.numbers_of(part)], np.int64)

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text for token numbers.

        Words are joined by spaces, but not before marks such as a comma.
        """
        writer = self.writer()
        return "".join(map(writer.add, numbers)) + writer.end()

    def writer(self, before: Sequence[int] = ()) -> Writer:
        """Return a writer that turns tokens into text one by one, after earlier tokens."""
        writer = Writer(self)
        for number in before:
            writer.add(number)
        return writer


class Writer:
    """A converter of tokens to text, one token at a time.

    A character of several bytes appears with its last byte.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self._last = "\n"

    def add(self, number: int) -> str:
        """Return the text that a token adds.

        Raises:
            IndexError: the vocabulary has no token with this number.
        """
        vocabulary = self._vocabulary
        if not 0 <= number < len(vocabulary):
            raise IndexError(f"{number} is no token: there are {len(vocabulary)}")
        if vocabulary.unit == BYTE_PAIRS:
            token = LETTERS[number] if number < BYTES else vocabulary.tokens[number - BYTES]
            return self._bytes.decode(bytes_of(token))
        token = vocabulary.names[0] if number == UNKNOWN else vocabulary.tokens[number - 1]
        if vocabulary.unit == CHARACTERS:
            return token
        joins = token in _CLOSE_LEFT or self._last in _CLOSE_RIGHT
        self._last = token
        return token if joins else f" {token}"

    def end(self) -> str:
        """Return the text for bytes of an incomplete character at the end."""
        return self._bytes.decode(b"", final=True)


def learn_vocabulary(
    counts: Mapping[str, int], unit: str, most: int, *, lower_case: bool, needed: str = ""
) -> Vocabulary:
    """Return the vocabulary of a text's parts.

    Args:
        counts: how often each part occurs.
        most: the largest number of tokens, including the one for unknown tokens.
        needed: a part that is in the vocabulary in any case.

    Raises:
        SoftwareMissing, NotOffered: no installed integration learns byte pairs.
    """
    if unit == BYTE_PAIRS:
        return Vocabulary(unit, tuple(learn_pairs(counts, most - BYTES)), lower_case)
    kept = sorted(counts, key=lambda part: (part != needed, -counts[part], part))[: most - 1]
    return Vocabulary(unit, tuple(sorted(kept)), lower_case)


def _shown(content: bytes) -> str:
    """Return a displayed name for a token's bytes."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "".join(f"<{byte:02X}>" for byte in content)
    return "".join(_SHOWN.get(c, c) for c in text)
