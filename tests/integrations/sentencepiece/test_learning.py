"""Byte pairs that SentencePiece learns, and a data set without it."""

from __future__ import annotations

import pytest

from nodeflow.data.catalog import open_dataset, pinned_options
from nodeflow.integrations.sentencepiece.learning import learn
from nodeflow.manifests import NotOffered


def test_the_most_frequent_pairs_come_first_and_never_more_than_wanted():
    counts = {"abab": 5, "abc": 3, "cd": 4}
    assert learn(counts, 2) == ["ab", "abab"]
    assert learn(counts, 1) == ["ab"]
    assert {"ab", "abab", "abc", "cd"} <= set(learn(counts, 100))
    assert learn(counts, 100) == learn(counts, 100)


def test_a_text_with_learned_pairs_opens_without_it(tmp_path, without):
    path = tmp_path / "a.txt"
    path.write_text("the theme of the thesis\n" * 20)
    source = f"tokens:{path}"
    options = {"unit": "byte_pairs", "window": 4, "vocabulary": 260}
    pinned = pinned_options(source, options)
    before = open_dataset(source, **options)
    without("sentencepiece")
    after = open_dataset(source, **pinned)
    for split in before.splits:
        for name, column in before.split(split).items():
            assert (
                after.split(split)[name].rows(slice(None)).tolist()
                == column.rows(slice(None)).tolist()
            )
    path.write_text("another text\n" * 20)
    with pytest.raises(NotOffered, match="no integration here learns byte pairs"):
        open_dataset(source, **options)
