"""The smallest parts of a text, numbered: characters, words and marks, or pieces for byte pairs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.data.text.growing_array import GrowingArray
from nodeflow.data.text_encoding import encoding_of
from nodeflow.errors import NodeflowError
from nodeflow.file_reading import allow, opened

CHARACTERS, WORDS, BYTE_PAIRS = UNITS = ("characters", "words", "byte_pairs")
NEWLINE = "\n"
CHUNK = 1 << 21
"""Characters that are read at once, and the rest of their line."""
LONGEST_LINE = 1 << 24
ATOM_BYTES = 160
"""Memory for a different word: its text and its place in a dictionary."""
_PATTERNS = {
    WORDS: re.compile(r"\n|\w+(?:['’]\w+)*|[^\w\s]"),
    BYTE_PAIRS: re.compile(r"\n| ?[^\W\d_]+| ?\d+| ?[^\w\s]+|[^\S\n]+|_+"),
}
_CODE_POINTS = 0x110000


@dataclass(frozen=True)
class Atoms:
    """A text as numbers.

    Attributes:
        texts: the different parts, in the order of their first appearance.
        numbers: the number of each part in the text, in order.
    """

    texts: tuple[str, ...]
    numbers: np.ndarray

    def number(self, text: str) -> int:
        """Return the index of an atom, such as a character, among the distinct ones, or -1."""
        return self.texts.index(text) if text in self.texts else -1


def split_text(text: str, unit: str) -> list[str]:
    """Return the parts of a text: characters, words and marks, or pieces, by ``unit``."""
    return list(text) if unit == CHARACTERS else _PATTERNS[unit].findall(text)


def read_chunks(path: Path) -> Iterator[str]:
    r"""Yield a text file in pieces that end at line ends, unless lines are very long.

    Line ends become ``\n``.

    Raises:
        DataFormatError: the file is not text.
        ReadRefused: it is no regular file.
    """
    try:
        encoding = encoding_of(path, False)[0]
        with opened(path) as stream, io.TextIOWrapper(stream, encoding) as text:
            while piece := text.read(CHUNK):
                if not piece.endswith(NEWLINE):
                    piece += text.readline(LONGEST_LINE)
                yield piece
    except UnicodeError as error:
        raise DataFormatError(f"{path} is not text: {error}", hint="Save it as UTF-8.") from error
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error


def text_start(path: Path) -> str:
    """Return the first 4096 characters of a file; "" if it is no text or cannot be read."""
    try:
        encoding = encoding_of(path, True)[0]
        with opened(path) as stream, io.TextIOWrapper(stream, encoding) as text:
            return text.read(4096)
    except (UnicodeError, OSError, NodeflowError):
        return ""


def as_lines(chunks: Iterable[str]) -> Iterator[str]:
    """Yield a text as lines; skip empty ones, and begin with a line end."""
    last = ""
    for chunk in chunks:
        kept = re.sub(r"\s*\n\s*", NEWLINE, chunk)
        if last in ("", NEWLINE):
            kept = kept.lstrip()
        if not last:
            kept = NEWLINE + kept
        if kept:
            yield kept
            last = kept[-1]
    if last not in ("", NEWLINE):
        yield NEWLINE


def read_atoms(chunks: Iterable[str], unit: str, *, lower_case: bool, path: Path) -> Atoms:
    """Return the parts of a text, numbered.

    Raises:
        ReadRefused: it has so many different words that they take more memory than the limit.
    """
    numbers = GrowingArray(np.uint32)
    number_of = _number_characters if unit == CHARACTERS else _number_words
    known: dict[str, int] = {}
    table = np.full(_CODE_POINTS if unit == CHARACTERS else 0, -1, np.int32)
    for chunk in chunks:
        text = chunk.lower() if lower_case else chunk
        numbers.append(number_of(text, unit, known, table))
        allow(len(known) * ATOM_BYTES, path)
    return Atoms(tuple(known), numbers.array())


def _number_characters(text: str, _: str, known: dict[str, int], table: np.ndarray) -> np.ndarray:
    """Replace each character of a text by its number in the vocabulary.

    Args:
        known: the number of each character so far; new characters are added.
        table: the same numbers by code point; -1 for unknown characters.
    """
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    if (table[points] < 0).any():
        for character in dict.fromkeys(text):
            table[ord(character)] = known.setdefault(character, len(known))
    return table[points]


def _number_words(text: str, unit: str, known: dict[str, int], _: np.ndarray) -> np.ndarray:
    parts = _PATTERNS[unit].findall(text)
    return np.fromiter((known.setdefault(p, len(known)) for p in parts), np.uint32, len(parts))
