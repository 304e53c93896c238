"""A text as pairs of nearby words, the training data of word2vec.

Mikolov and others, "Efficient Estimation of Word Representations in Vector Space", 2013: for each
word, the words within a window around it in the same line are its neighbours.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.errors import DataFormatError
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import SPLIT_OPTIONS, split_by
from nodeflow.engine.columns import Column
from nodeflow.file_reading import allow, read_bytes
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType

OPTIONS = (
    Attr("window", "int", 2, "Largest distance between neighbours, in words.", minimum=1),
    Attr("vocabulary", "int", 1000, "Size of the vocabulary: the most frequent words.", minimum=2),
    *SPLIT_OPTIONS,
)
TEXT_COPIES = 30
"""Memory for a text, as a multiple of its bytes: each word is a separate string."""
PAIR_BYTES = 160
COLUMNS = ("words", "neighbours")
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def columns(location: Location, **_: object) -> dict[str, TensorType]:
    return {name: TensorType("int64", (None,)) for name in COLUMNS}


def open_skipgrams(location: Location, **options: Any) -> DataSplits:
    """Return ``words`` and ``neighbours``, int64 (n,): all pairs of nearby words as numbers.

    Words are lower case and numbered by first appearance. Infrequent words are removed before
    pairing, as in word2vec.

    Raises:
        DataNotFound: there is no such file.
        DataFormatError: the file is not UTF-8 text, or has no line with two words.
    """
    file = location.file()
    status = file.stat()
    return _open(location.path, file, (status.st_mtime_ns, status.st_size), tuple(options.items()))


@lru_cache(maxsize=4)
def _open(path: str, file: Path, _: Any, given: tuple[tuple[str, Any], ...]) -> DataSplits:
    options = dict(given)
    try:
        text = read_bytes(file, copies=TEXT_COPIES).decode("utf-8").lower()
    except UnicodeDecodeError:
        raise DataFormatError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    lines = [WORD.findall(line) for line in text.splitlines()]
    vocabulary = words_that_count(lines, options["vocabulary"])
    window = options["window"]
    allow(sum(2 * min(window, len(line)) * len(line) for line in lines) * PAIR_BYTES, path)
    pairs = near_pairs(lines, vocabulary, options["window"])
    if not len(pairs):
        raise DataFormatError(f"{path} has no line with two words")
    parts = split_by(options, len(pairs))
    names = tuple(vocabulary)
    return DataSplits(
        name=file.stem,
        source=f"text:{path}",
        splits={
            split: {name: Column(pairs[rows, i]) for i, name in enumerate(COLUMNS)}
            for split, rows in parts.items()
        },
        location=str(file),
        classes=dict.fromkeys(COLUMNS, names),
    )


def words_that_count(lines: list[list[str]], most: int) -> dict[str, int]:
    """Return the ``most`` most frequent words, each with its number by first appearance."""
    counts = Counter(word for line in lines for word in line)
    kept = {word for word, _ in counts.most_common(most)}
    return {word: i for i, word in enumerate(word for word in counts if word in kept)}


def near_pairs(lines: list[list[str]], vocabulary: dict[str, int], window: int) -> np.ndarray:
    """Return all pairs (word, neighbour) as numbers, int64 (n, 2), in the order of the text."""
    pairs = []
    for line in lines:
        numbers = [vocabulary[word] for word in line if word in vocabulary]
        for i, number in enumerate(numbers):
            near = numbers[max(0, i - window) : i] + numbers[i + 1 : i + 1 + window]
            pairs += [(number, other) for other in near]
    return np.array(pairs, np.int64).reshape(-1, 2)


SOURCE = Source(
    "text",
    "Text: neighbouring words",
    "Pairs of neighbouring words of a text, as word numbers: for word2vec.",
    OPTIONS,
    open_skipgrams,
    columns,
    takes_path=True,
    ending="txt",
)
