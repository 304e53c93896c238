"""Learning byte pairs with SentencePiece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import repeat

LONGEST = 1 << 20
"""Bytes of the longest word that takes part."""


def learn(counts: Mapping[str, int], most: int) -> list[str]:
    """Return at most ``most`` tokens of two or more letters, in the order in which they are joined.

    Args:
        counts: how often each word occurs.
    """
    import sentencepiece

    found = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_repeated(counts),
        model_writer=found,
        model_type="bpe",
        vocab_size=len(set("".join(counts))) + most + 1,  # 1 for unknown letters
        hard_vocab_limit=False,
        character_coverage=1.0,
        max_sentence_length=LONGEST,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_by_unicode_script=False,
        split_by_number=False,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,  # the tokens do not depend on it
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(model_proto=found.getvalue())
    tokens = map(model.id_to_piece, range(1, model.vocab_size()))
    return [token for token in tokens if len(token) > 1][:most]


def _repeated(counts: Mapping[str, int]) -> Iterator[str]:
    for word, count in counts.items():
        yield from repeat(word, count)
