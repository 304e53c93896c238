"""`tf.contrib.learn.preprocessing.VocabularyProcessor`: texts as rows of word numbers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CategoricalVocabulary", "VocabularyProcessor", "tokenizer"]

WORD = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|[\'\w\-]+", re.UNICODE)
"""Words as TensorFlow's tokenizer finds them."""


def tokenizer(iterator: Iterable[str]) -> Iterator[list[str]]:
    """Yield the words of each text."""
    for text in iterator:
        yield WORD.findall(text)


class CategoricalVocabulary:
    """Words and their numbers; an unknown word has number 0."""

    def __init__(self, unknown_token: str = "<UNK>", support_reverse: bool = True) -> None:
        self._numbers: dict[str, int] = {unknown_token: 0}
        self._words = [unknown_token]
        self._counts: Counter[str] = Counter()
        self._is_frozen = False

    def __len__(self) -> int:
        return len(self._numbers)

    def freeze(self, freeze: bool = True) -> None:
        """Stop adding words. With ``freeze`` False, add words again."""
        self._is_frozen = freeze

    def get(self, category: str) -> int:
        """Return the number of a word.

        A new word gets a new number, unless the vocabulary is frozen.
        """
        if category not in self._numbers:
            if self._is_frozen:
                return 0
            self._numbers[category] = len(self._numbers)
            self._words.append(category)
        return self._numbers[category]

    def add(self, category: str, count: int = 1) -> None:
        """Increase the count of a word."""
        if self.get(category) > 0:
            self._counts[category] += count

    def trim(self, min_frequency: int, max_frequency: int = -1) -> None:
        """Keep the words with more than min and fewer than max counts, most frequent first."""
        first = self._words[0]
        kept = [
            word
            for word, count in sorted(self._counts.items(), key=lambda p: (-p[1], p[0]))
            if count > min_frequency and (max_frequency <= 0 or count < max_frequency)
        ]
        self._words = [first, *kept]
        self._numbers = {word: number for number, word in enumerate(self._words)}
        self._counts = Counter({word: self._counts[word] for word in kept})

    def reverse(self, class_id: int) -> str:
        """Return the word with a number."""
        return self._words[class_id]

    @property
    def _mapping(self) -> dict[str, int]:
        """Word -> its number. TensorFlow 1's programs read the dict under this name."""
        return self._numbers


class VocabularyProcessor:
    """Turns texts into rows of word numbers, cut or padded with 0 to one length.

    Args:
        max_document_length: the length of a row.
        min_frequency: keep words with more counts than this.
        vocabulary: words that are known already.
        tokenizer_fn: yields the words of each text.
    """

    def __init__(
        self,
        max_document_length: int,
        min_frequency: int = 0,
        vocabulary: CategoricalVocabulary | None = None,
        tokenizer_fn: Callable[[Iterable[str]], Iterable[list[str]]] | None = None,
    ) -> None:
        self.max_document_length = max_document_length
        self.min_frequency = min_frequency
        self.vocabulary_ = vocabulary or CategoricalVocabulary()
        self._tokenizer = tokenizer_fn or tokenizer

    def fit(self, raw_documents: Iterable[str], unused_y: Any = None) -> VocabularyProcessor:
        """Learn the words of texts."""
        for words in self._tokenizer(raw_documents):
            for word in words:
                self.vocabulary_.add(word)
        if self.min_frequency > 0:
            self.vocabulary_.trim(self.min_frequency)
        self.vocabulary_.freeze()
        return self

    def fit_transform(
        self, raw_documents: Iterable[str], unused_y: Any = None
    ) -> Iterator[np.ndarray]:
        """Learn the words of texts, and yield their rows."""
        texts = list(raw_documents)
        self.fit(texts)
        return self.transform(texts)

    def transform(self, raw_documents: Iterable[str]) -> Iterator[np.ndarray]:
        """Yield a row of word numbers for each text."""
        for words in self._tokenizer(raw_documents):
            row = np.zeros(self.max_document_length, np.int64)
            for place, word in enumerate(words[: self.max_document_length]):
                row[place] = self.vocabulary_.get(word)
            yield row

    def reverse(self, documents: Iterable[Iterable[int]]) -> Iterator[str]:
        """Yield the words of rows, with spaces between them."""
        for row in documents:
            yield " ".join(self.vocabulary_.reverse(number) for number in row)

    def save(self, filename: str) -> None:
        """Write the processor to a file: JSON, without its own tokenizer."""
        known = {
            "length": self.max_document_length,
            "min_frequency": self.min_frequency,
            "words": self.vocabulary_._words,
        }
        Path(filename).write_text(json.dumps(known), encoding="utf-8")

    @classmethod
    def restore(cls, filename: str) -> VocabularyProcessor:
        """Read a processor from a file that `save` wrote."""
        known = json.loads(Path(filename).read_text(encoding="utf-8"))
        first, *words = known["words"]
        vocabulary = CategoricalVocabulary(first)
        for word in words:
            vocabulary.get(word)
        vocabulary.freeze()
        return cls(known["length"], known["min_frequency"], vocabulary)
