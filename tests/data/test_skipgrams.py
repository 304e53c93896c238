"""Texts as pairs of near words."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nodeflow.data.catalog import dataset_columns, open_dataset
from nodeflow.data.errors import DataFormatError, DataNotFound, UnknownSource
from nodeflow.errors import AttributeProblem

WHOLE = {"splits": (1.0,), "shuffle": False}


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("The cat sat.\nA dog, the dog!\n\nalone\n", encoding="utf-8")
    return f"text:{path}"


def pairs(data):
    words = data.classes["words"]
    columns = data.split("train")
    numbers = (columns[name].rows(slice(None)) for name in ("words", "neighbours"))
    return [(words[a], words[b]) for a, b in zip(*numbers, strict=True)]


def test_neighbours_within_the_window_of_a_line(text):
    data = open_dataset(text, window=1, **WHOLE)
    assert data.classes["neighbours"] == ("the", "cat", "sat", "a", "dog", "alone")
    assert pairs(data) == [
        ("the", "cat"), ("cat", "the"), ("cat", "sat"), ("sat", "cat"),
        ("a", "dog"), ("dog", "a"), ("dog", "the"), ("the", "dog"), ("the", "dog"), ("dog", "the"),
    ]  # fmt: skip
    wider = pairs(open_dataset(text, window=2, **WHOLE))
    assert ("the", "sat") in wider and len(wider) == 6 + 10


def test_words_that_are_rare_do_not_count_and_neighbours_move_together(text):
    data = open_dataset(text, window=1, vocabulary=2, **WHOLE)
    assert data.classes["words"] == ("the", "dog")
    assert pairs(data) == [("dog", "the"), ("the", "dog"), ("the", "dog"), ("dog", "the")]


def test_columns_are_known_before_the_pairs_and_rows_are_split(text):
    types = dataset_columns(text)
    data = open_dataset(text, window=1)
    assert {name: str(t) for name, t in types.items()} == {
        name: str(t) for name, t in data.columns.items()
    }
    assert sum(data.size(split) for split in data.splits) == 10
    assert data.split("train")["words"].rows(slice(0, 1)).dtype == np.int64


def test_what_is_no_text_is_refused(tmp_path, text):
    with pytest.raises(DataNotFound):
        open_dataset("text:missing.txt", base_dir=tmp_path)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 noir")
    with pytest.raises(DataFormatError, match="UTF-8"):
        open_dataset("text:latin.txt", base_dir=tmp_path)
    (tmp_path / "short.txt").write_text("one\ntwo\n")
    with pytest.raises(DataFormatError, match="no line with two words"):
        open_dataset("text:short.txt", base_dir=tmp_path)
    with pytest.raises(AttributeProblem, match="window"):
        open_dataset(text, window=0)
    with pytest.raises(UnknownSource, match=r"tokens:a\.txt"):
        open_dataset("a.txt")


def test_the_sample_text_is_what_its_script_makes(root):
    script = root / "tools" / "make_sentences.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
