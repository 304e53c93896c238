"""Texts as windows of tokens, against the same in plain Python."""

from __future__ import annotations

import pickle
import random
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from nodeflow.data.catalog import dataset_columns, open_dataset, pinned_options, source_at
from nodeflow.data.errors import DataFormatError
from nodeflow.data.survey import survey
from nodeflow.data.text.byte_pairs import LETTERS, join_pairs
from nodeflow.data.text.vocabulary import Vocabulary
from nodeflow.engine import mapped_rows
from nodeflow.errors import AttributeProblem
from nodeflow.file_reading import ReadLimit, ReadRefused, limited
from nodeflow.manifests import NotOffered, SoftwareMissing

STORY = "The cat sat. The dog ran; the cat ran, too!\nWho saw the cats? Nobody did.\n" * 6


@pytest.fixture
def write(tmp_path):
    def written(text: str, name: str = "story.txt", encoding: str = "utf-8") -> str:
        path = tmp_path / name
        path.write_text(text, encoding=encoding, newline="")
        return f"tokens:{path}"

    return written


def vocabulary_of(data) -> Vocabulary:
    return data.text.vocabulary


def rows(data, split="train", column="tokens"):
    return data.split(split)[column].rows(slice(None)).tolist()


def texts(data, split="train", column="tokens"):
    names = data.classes[column]
    found = rows(data, split, column)
    return ["".join(names[i] for i in (row if isinstance(row, list) else [row])) for row in found]


@pytest.mark.parametrize(("window", "stride"), [(1, None), (7, None), (7, 3), (5, 11)])
def test_windows_of_characters_are_those_of_plain_python(write, window, stride):
    text = STORY
    edges = [0, int(0.8 * len(text) + 0.5), int(0.9 * len(text) + 0.5), len(text)]
    known = sorted(set(text[: edges[1]]))
    numbers = [known.index(c) + 1 if c in known else 0 for c in text]
    data = open_dataset(write(text), window=window, stride=stride)
    for split, start, stop in zip(("train", "validation", "test"), edges, edges[1:], strict=False):
        part = numbers[start:stop]
        begins = range(0, len(part) - window, stride or window)
        assert rows(data, split) == [part[i : i + window] for i in begins]
        after = [part[i + 1 : i + window + 1] for i in begins]
        assert rows(data, split, "targets") == after
        last = open_dataset(write(text), window=window, targets="last", stride=stride)
        begins = range(0, len(part) - window, stride or 1)
        assert rows(last, split) == [part[i : i + window] for i in begins]
        assert rows(last, split, "targets") == [part[i + window] for i in begins]
    assert vocabulary_of(data).decode(numbers) == text.replace("\r\n", "\n")


def test_types_follow_from_the_options(write):
    for options in ({"window": 5}, {"window": 5, "targets": "last"}):
        source = write(STORY)
        assert dataset_columns(source, options) == open_dataset(source, **options).columns


def test_what_occurs_only_after_the_train_split_is_unknown_counted_and_said(write):
    source = write("abab" * 20 + "abzz" * 3 + "ab!a" * 2)
    data = open_dataset(source, window=4)
    assert data.classes["tokens"] == ("�", "a", "b")
    assert data.notice == "story.txt: 8 of 100 tokens are unknown, such as 'z', '!'"
    assert 0 not in np.array(rows(data)) and 0 in np.array(rows(data, "validation"))
    assert open_dataset(write("ab" * 50), window=4).notice is None
    one = open_dataset(write("ab" * 49 + "a?"), window=4).notice or ""
    assert "1 of 100 tokens is unknown" in one


def test_the_most_frequent_words_are_kept_and_marks_are_words(write):
    words = re.findall(r"\n|\w+|[^\w\s]", STORY)
    train = words[: int(0.8 * len(words) + 0.5)]
    often = sorted(Counter(train).items(), key=lambda each: (-each[1], each[0]))[:5]
    kept = sorted(word for word, _ in often)
    data = open_dataset(write(STORY), unit="words", window=4, vocabulary=6)
    shown = ["\\n" if word == "\n" else word for word in kept]
    assert list(data.classes["tokens"]) == ["<unknown>", *shown]
    numbers = [kept.index(word) + 1 if word in kept else 0 for word in train]
    assert rows(data) == [numbers[i : i + 4] for i in range(0, len(train) - 4, 4)]
    lower = open_dataset(write(STORY), unit="words", window=4, lower_case=True)
    assert "The" not in lower.classes["tokens"] and "the" in lower.classes["tokens"]


def test_words_are_written_with_spaces_where_they_belong():
    text = "Who came (again)? The cat, it's said.\nNobody else!"
    words = Vocabulary("words", tuple(dict.fromkeys(re.findall(r"\n|\w+(?:'\w+)?|[^\w\s]", text))))
    assert words.decode(words.encode(text)) == text


def test_every_line_is_a_text_that_begins_and_ends_with_a_line_end(write):
    source = write("anna\r\nbob\n\n  eve \n")
    data = open_dataset(source, window=3, texts="lines", targets="last", splits=[1.0])
    pairs = []
    for name in ("anna", "bob", "eve"):
        padded = "\n\n\n" + name + "\n"
        pairs += [(padded[i : i + 3], padded[i + 3]) for i in range(len(padded) - 3)]
    found = zip(texts(data), texts(data, column="targets"), strict=True)
    assert [(a.replace("\\n", "\n"), b.replace("\\n", "\n")) for a, b in found] == pairs
    every = open_dataset(source, window=3, texts="lines", splits=[1.0])
    assert texts(every) == [r"\nan", r"na\n", r"\nbo", r"b\n\n", r"\nev", r"e\n\n"]
    assert texts(every, column="targets") == ["ann", r"a\n\n", "bob", r"\n\n\n", "eve", r"\n\n\n"]


def test_lines_are_shuffled_as_wholes_and_a_whole_text_is_not(write):
    names = [a + b + "x" for a in "abcdefghij" for b in "klmnopqrst"]
    source = write("\n".join(names))
    options = {"window": 4, "stride": 4, "texts": "lines", "targets": "every", "shuffle": True}
    data = open_dataset(source, seed=3, **options)
    assert [data.size(split) for split in ("train", "validation", "test")] == [80, 10, 10]
    found = [text[2:5] for split in data.splits for text in texts(data, split)]
    assert sorted(found) == sorted(names) and found != names
    again = open_dataset(source, seed=3, **options)
    assert rows(again) == rows(data) and rows(open_dataset(source, seed=4, **options)) != rows(data)
    with pytest.raises(AttributeProblem, match="split by position, not shuffled"):
        open_dataset(source, shuffle=True)


def test_a_column_of_a_table_is_a_list_of_texts(write):
    source = write("id,name,size\n1,anna,3\n2,bob,4\n3,eve,5\n", "people.csv")
    options = {"column": "name", "window": 3, "targets": "last", "splits": [1.0]}
    data = open_dataset(source, **options)
    plain = write("anna\nbob\neve\n")
    del options["column"]
    assert rows(data) == rows(open_dataset(plain, texts="lines", **options))
    with pytest.raises(AttributeProblem, match="no column 'nmae'") as refused:
        open_dataset(source, column="nmae")
    assert refused.value.port == "column" and "name" in (refused.value.hint or "")


def learned(words: Counter, most: int) -> list[str]:
    """Learn byte pairs: join the most frequent pair, again and again."""
    parts = {word: [LETTERS[b] for b in word.encode()] for word in words}
    found: list[str] = []
    for _ in range(most):
        pairs: Counter = Counter()
        for word, count in words.items():
            for a, b in pairwise(parts[word]):
                pairs[a + b] += count
        best = max(pairs, key=lambda pair: (pairs[pair], -len(pair), pair))
        found.append(best)
        for word, own in parts.items():
            for at in range(1, len(best)):
                own = joined(own, (best[:at], best[at:]))
            parts[word] = own
    return found


def joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out


def test_byte_pairs_are_those_of_the_algorithm_and_give_the_text_back(write):
    text = "\n".join(["zq"] * 50 + ["zqk"] * 31 + ["mn"] * 17 + ["mnzq"] * 9)
    data = open_dataset(write(text), unit="byte_pairs", vocabulary=260, window=4, splits=[1.0])
    vocabulary = vocabulary_of(data)
    pieces = Counter(re.findall(r"\n|\w+", text))
    assert list(vocabulary.tokens) == learned(pieces, 4) == ["zq", "zqk", "mn", "mnzq"]
    for word in pieces:  # joined in the order of learning
        parts = [LETTERS[b] for b in word.encode()]
        for token in vocabulary.tokens:
            for a in range(1, len(token)):
                parts = joined(parts, (token[:a], token[a:]))
        ranks = {token: rank for rank, token in enumerate(vocabulary.tokens)}
        assert join_pairs("".join(LETTERS[b] for b in word.encode()), ranks) == parts
    numbers = vocabulary.encode(text)
    assert len(numbers) < 0.7 * len(text) and vocabulary.decode(numbers) == text
    assert data.notice is None and vocabulary.decode(vocabulary.encode("ναί 😀!")) == "ναί 😀!"
    flat = [n for row in rows(data) for n in row]
    assert flat == numbers[: len(flat)].tolist()


def test_a_character_of_several_bytes_is_written_with_its_last_byte():
    writer = Vocabulary("byte_pairs", ()).writer()
    assert [writer.add(byte) for byte in "é".encode()] == ["", "é"]
    assert writer.add(0xC3) == "" and writer.end() == "�"


def test_pinned_tokens_number_another_text_alike(write):
    source = write(STORY)
    for unit in ("characters", "words", "byte_pairs"):
        options = pinned_options(source, {"unit": unit, "vocabulary": 280, "window": 4})
        assert options["tokens"]
        other = open_dataset(write("the cat zzz\n" * 9, "b.txt"), **options, splits=[1.0])
        assert other.classes == open_dataset(source, **options).classes
        own = open_dataset(source, unit=unit, vocabulary=280, window=4)
        assert rows(own) == rows(open_dataset(source, **options))
        assert ("zzz" in (other.notice or "") or "'z'" in (other.notice or "")) == (
            unit != "byte_pairs"
        )


@pytest.mark.parametrize("unit", ["characters", "words", "byte_pairs"])
def test_a_large_text_stays_in_a_file_and_gives_the_same_rows(write, unit, monkeypatch):
    rng = random.Random(1)
    text = "".join(rng.choice("abcde \n") for _ in range(30_000))
    options = {"unit": unit, "window": 16, "stride": 5, "vocabulary": 300}
    small = open_dataset(write(text), **options)
    monkeypatch.setattr(mapped_rows, "LARGE_BYTES", 1000)
    monkeypatch.setattr("nodeflow.data.text.atoms.CHUNK", 1000)
    large = open_dataset(write(text, "copy.txt"), **options)
    assert large.split("train")["tokens"].lazy
    for split in small.splits:
        for column in small.columns:
            assert rows(large, split, column) == rows(small, split, column)
    part = large.split("train")["tokens"].take([5, 2])
    assert pickle.loads(pickle.dumps(part)).rows(slice(None)).tolist() == [
        rows(small)[5],
        rows(small)[2],
    ]


def test_encodings_and_line_ends_do_not_matter(write):
    plain = rows(open_dataset(write("é\nü\n" * 40), window=4))
    assert rows(open_dataset(write("é\r\nü\r\n" * 40, "a.txt", "utf-16"), window=4)) == plain
    assert rows(open_dataset(write("é\nü\n" * 40, "b.txt", "cp1252"), window=4)) == plain


def test_what_is_no_text_or_too_short_is_refused_in_words(write, tmp_path):
    with pytest.raises(DataFormatError, match="5 tokens, too few for a window of 64") as short:
        open_dataset(write("short"))
    assert "smaller window" in (short.value.hint or "")
    with pytest.raises(DataFormatError, match="has no text"):
        open_dataset(write(""))
    with pytest.raises(DataFormatError, match="has no text"):
        open_dataset(write("\n\n", "lines.txt"), texts="lines")
    (tmp_path / "x.txt").write_bytes(b"a\x00b" * 40)
    with pytest.raises(DataFormatError, match="is not text"):
        open_dataset(f"tokens:{tmp_path / 'x.txt'}")
    with limited(ReadLimit(10_000)), pytest.raises(ReadRefused):
        open_dataset(write(STORY * 500), window=64, stride=1)
    with pytest.raises(AttributeProblem, match="occurs twice"):
        open_dataset(write(STORY), tokens=["a", "a"])


def test_learning_pairs_without_the_software_says_how_to_get_it(write, monkeypatch):
    monkeypatch.setattr("nodeflow.manifests.find_spec", lambda name: None)
    with pytest.raises(SoftwareMissing, match="is not installed") as missing:
        open_dataset(write(STORY), unit="byte_pairs", window=4)
    assert "sentencepiece>=" in (missing.value.hint or "")
    known = open_dataset(write(STORY), unit="byte_pairs", window=4, tokens=["th", "the"])
    assert len(vocabulary_of(known)) == 258
    monkeypatch.setattr("nodeflow.data.text.byte_pairs.offers", lambda purpose: ())
    with pytest.raises(NotOffered, match="learns byte pairs"):
        open_dataset(write(STORY, "again.txt"), unit="byte_pairs", window=4)


def test_a_txt_file_is_a_text_and_is_surveyed(write, tmp_path):
    source = write(STORY)
    path = source.partition(":")[2]
    assert source_at(path) == source
    found = survey(path)
    assert (found.kind, found.source, found.guess.task) == ("text", source, "text")
    assert found.rows == len(STORY) and found.head[0] == (STORY.splitlines()[0],)
    counts = Counter(STORY)
    assert dict(found.columns[0].categories)["e"] == counts["e"]
    assert found.columns[0].distinct == len(counts)


def test_the_library_is_not_imported_at_start():
    code = "import nodeflow.data.sources.tokens, sys; sys.exit('sentencepiece' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
