"""A text as a data set: windows of numbered tokens, and the tokens that follow them.

The text is split by position. The vocabulary comes only from its training part, so a token that
occurs only later is unknown. A notice tells how many tokens are unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.data_paths import file_stamp
from nodeflow.data.data_splits import SPLITS, DataSplits, split_edges
from nodeflow.data.errors import DataFormatError
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import SPLIT_OPTIONS, NameList, split_rows
from nodeflow.data.survey_types import HEAD_ROWS, MOST_LISTED, ColumnSurvey, Guess, Survey
from nodeflow.data.text.atoms import (
    BYTE_PAIRS,
    CHARACTERS,
    NEWLINE,
    UNITS,
    Atoms,
    as_lines,
    read_atoms,
    read_chunks,
)
from nodeflow.data.text.growing_array import GrowingArray
from nodeflow.data.text.text_facts import TextFacts
from nodeflow.data.text.vocabulary import UNKNOWN, Vocabulary, learn_vocabulary
from nodeflow.data.text.windows import Windows, places_in_lines, places_in_text
from nodeflow.engine.columns import Column
from nodeflow.errors import AttributeProblem, suggest
from nodeflow.file_reading import allow
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType

EVERY, LAST = "every", "last"
WHOLE, LINES = "whole", "lines"
OPTIONS = (
    Attr(
        "unit",
        "choice",
        CHARACTERS,
        "Tokens: characters; words and marks; or byte_pairs, frequent sequences of bytes.",
        choices=UNITS,
    ),
    Attr("window", "int", 64, "Number of tokens in a window.", minimum=1),
    Attr(
        "stride",
        "int",
        None,
        "Distance between the beginnings of two windows, in tokens; none: the window, or 1 where "
        "targets is last.",
        minimum=1,
        optional=True,
    ),
    Attr(
        "targets",
        "choice",
        EVERY,
        "The tokens to predict: after every token of a window, int64 (n, window), or after the "
        "last one, int64 (n).",
        choices=(EVERY, LAST),
    ),
    Attr(
        "texts",
        "choice",
        WHOLE,
        "whole: the file is one text; lines: every line is a text of its own, which begins and "
        "ends with the token of a line end.",
        choices=(WHOLE, LINES),
    ),
    Attr(
        "column",
        "string",
        None,
        "Of a table: the column whose cells are the texts; none: the file is text.",
        optional=True,
    ),
    Attr(
        "vocabulary",
        "int",
        1000,
        "Largest number of tokens: the most frequent ones of the train split, with one for unknown "
        "tokens; of byte pairs, the 256 bytes and the first pairs.",
        minimum=2,
    ),
    NameList(
        "tokens",
        "json",
        None,
        "The tokens in the order of their numbers; none: learn them from the train split.",
    ),
    Attr("lower_case", "bool", False, "Convert the text to lower case."),
    SPLIT_OPTIONS[0],
    Attr("shuffle", "bool", False, "Shuffle lines before they are split; a whole text is not."),
    SPLIT_OPTIONS[2],
)
COLUMNS = ("tokens", "targets")
LEAST_LIST = 20
"""The least number of lines of one word each that look like a list."""
EXAMPLES = 3
"""The number of unknown tokens that a notice shows."""


@dataclass(frozen=True)
class Tokens:
    """A text as numbers.

    Attributes:
        numbers: the number of each token.
        ends: the positions of line ends, if every line is a separate text; else None.
        parts: for each split, the numbers of its lines, or its first position and the position
            after its last.
        notice: a notice about unknown tokens, or None.
    """

    vocabulary: Vocabulary
    numbers: np.ndarray
    ends: np.ndarray | None
    parts: dict[str, np.ndarray]
    notice: str | None


def open_tokens(location: Location, **options: Any) -> DataSplits:
    """Return ``tokens`` int64 (n, window), and ``targets`` int64 (n, window) or (n).

    Raises:
        DataNotFound: there is no such file.
        DataFormatError: the file is not text, or shorter than a window.
        SoftwareMissing: byte pairs are to be learned, and the software for it is not installed.
    """
    file = location.file()
    return _open(location.path, file, file_stamp(file), json.dumps(options))


def columns(location: Location, **options: Any) -> dict[str, TensorType]:
    """Return the type of each column, which depends only on the options."""
    location.file()
    row = (options["window"],)
    targets = row if options["targets"] == EVERY else ()
    return {
        n: TensorType("int64", (None, *s)) for n, s in zip(COLUMNS, (row, targets), strict=True)
    }


def pin(location: Location, **options: Any) -> dict[str, Any]:
    """Return the options with the tokens of this text as explicit vocabulary."""
    file = location.file()
    found = _read(file, file_stamp(file), json.dumps(options))
    return {**options, "tokens": list(found.vocabulary.tokens) or None}


@lru_cache(maxsize=2)
def _open(source: str, file: Path, stamp: Any, given: str) -> DataSplits:
    options = json.loads(given)
    found = _read(file, stamp, given)
    every, width = options["targets"] == EVERY, options["window"]
    stride = options["stride"] or (width if every else 1)
    inputs, targets = _windows(file, given, 0), _windows(file, given, 1)
    splits: dict[str, dict[str, Column]] = {}
    for split, part in found.parts.items():
        if found.ends is not None:
            places = places_in_lines(found.ends, part, stride=stride, path=file)
        else:
            start, stop = part.tolist()
            places = places_in_text(start, stop, width=width, stride=stride, every=every, path=file)
        if len(places):
            after = targets.column(places) if every else Column(found.numbers[places], "int64")
            splits[split] = {"tokens": inputs.column(places), "targets": after}
    if not splits:
        raise DataFormatError(
            f"{file} has {len(found.numbers)} tokens, too few for a window of {width} and the next "
            "token in any split",
            hint="Set a smaller window, or splits to [1.0].",
        )
    vocabulary = found.vocabulary
    return DataSplits(
        file.name,
        f"tokens:{source}",
        splits,
        notice=found.notice,
        location=str(file),
        classes=dict.fromkeys(COLUMNS, vocabulary.names),
        text=TextFacts(vocabulary, width, found.ends is not None),
    )


def _windows(file: Path, given: str, later: int) -> Windows:
    """Return a reader of token windows from a text file.

    Args:
        given: the options of the source, as JSON.
        later: offset of each window, in tokens: 0 for input windows, 1 for target windows.
    """
    options = json.loads(given)
    found = _read(file, file_stamp(file), given)
    first = -1 if options["targets"] == EVERY else -options["window"]
    again = (_windows, (file, given, later))
    return Windows(found.numbers, options["window"], first + later, found.ends, again)


@lru_cache(maxsize=2)
def _read(file: Path, stamp: Any, given: str) -> Tokens:
    """Read a text, split it into parts, and number its tokens.

    Raises:
        DataFormatError: the file has no text.
    """
    options = json.loads(given)
    unit, lines = options["unit"], options["texts"] == LINES or bool(options["column"])
    if options["shuffle"] and not lines:
        raise AttributeProblem(
            "a whole text is split by position, not shuffled",
            port="shuffle",
            hint="Set texts to lines, or shuffle to false.",
        )
    chunks = as_lines(_chunks(file, options["column"])) if lines else _chunks(file, None)
    atoms = read_atoms(chunks, unit, lower_case=options["lower_case"], path=file)
    if not len(atoms.numbers) or (lines and len(atoms.texts) < 2):
        raise DataFormatError(f"{file} has no text")
    parts, train, ends = _split(atoms, options, lines, file)
    counts = np.bincount(train, minlength=len(atoms.texts))
    if options["tokens"]:
        vocabulary = Vocabulary(unit, tuple(options["tokens"]), options["lower_case"])
    else:
        vocabulary = learn_vocabulary(
            {text: int(n) for text, n in zip(atoms.texts, counts, strict=True) if n},
            unit,
            options["vocabulary"],
            lower_case=options["lower_case"],
            needed=NEWLINE if lines else "",
        )
    numbers, starts = _encoded(atoms, vocabulary)
    if starts is not None:
        ends = ends if ends is None else starts(ends)
        parts = parts if lines else {split: starts(edges) for split, edges in parts.items()}
    notice = _unknown(file, atoms, vocabulary) if vocabulary.has_unknown else None
    return Tokens(vocabulary, numbers, ends, parts, notice)


def _chunks(file: Path, column: str | None) -> Iterator[str]:
    """Yield the text of a file, or of a column of a table, with a line for each cell."""
    if not column:
        yield from read_chunks(file)
        return
    from nodeflow.data.tables.table import kept_table

    table = kept_table(file)
    if column not in table.names:
        raise AttributeProblem(
            f"{file} has no column {column!r}",
            port="column",
            hint=suggest(column, table.names) or f"It has {', '.join(table.names)}.",
        )
    cells = table.columns[table.names.index(column)].cells()
    allow(sum(map(len, cells)) * 4, file)
    yield "".join(f"{' '.join(cell.split())}{NEWLINE}" for cell in cells)


def _split(
    atoms: Atoms, options: dict[str, Any], lines: bool, file: Path
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
    """Return the parts of the splits (see `Tokens`), the training part's atoms, and the line
    ends.
    """
    if lines:
        ends = np.flatnonzero(atoms.numbers == atoms.number(NEWLINE))
        parts = split_rows(len(ends) - 1, options["splits"], options["shuffle"], options["seed"])
        chosen = next(iter(parts.values()), np.zeros(0, np.int64))
        places = places_in_lines(ends, chosen, stride=1, path=file)
        return parts, atoms.numbers[places], ends
    edges = split_edges(len(atoms.numbers), options["splits"])
    found = zip(SPLITS, edges[:-1], edges[1:], strict=False)
    parts = {name: np.array([start, stop]) for name, start, stop in found if stop > start}
    start, stop = next(iter(parts.values()), np.array([0, 0])).tolist()
    return parts, atoms.numbers[start:stop], None


def _encoded(atoms: Atoms, vocabulary: Vocabulary) -> tuple[np.ndarray, Any]:
    """Encode a text; return the ids of its tokens, and where the tokens of each atom begin.

    An atom is a character or a word, which byte pairs can split into several tokens. The second
    result maps the index of an atom to the index of its first token; it is None if every atom is
    one token.
    """
    dtype = np.min_scalar_type(len(vocabulary) - 1)
    dtype = np.int32 if dtype.itemsize > 2 else dtype
    tokens = [vocabulary.numbers_of(text) for text in atoms.texts]
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    flat = np.array([number for each in tokens for number in each], dtype)
    first = np.cumsum(lengths) - lengths
    numbers = GrowingArray(dtype)
    for start in range(0, len(atoms.numbers), 1 << 20):
        part = atoms.numbers[start : start + (1 << 20)]
        counts = lengths[part]
        inside = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        numbers.append(flat[np.repeat(first[part], counts) + inside])
    if vocabulary.unit != BYTE_PAIRS:
        return numbers.array(), None
    edges = np.concatenate([[0], np.cumsum(lengths[atoms.numbers])])
    return numbers.array(), edges.__getitem__


def _unknown(file: Path, atoms: Atoms, vocabulary: Vocabulary) -> str | None:
    """Return a sentence with the number of unknown tokens and examples, or None if all are
    known.
    """
    known = np.array([vocabulary.numbers_of(text) != [UNKNOWN] for text in atoms.texts])
    counts = np.bincount(atoms.numbers, minlength=len(known))
    total = int(counts[~known].sum())
    if not total:
        return None
    often = sorted(np.flatnonzero(~known).tolist(), key=lambda i: -counts[i])[:EXAMPLES]
    shown = ", ".join(repr(atoms.texts[i]) for i in often)
    verb = "is" if total == 1 else "are"
    return f"{file.name}: {total} of {len(atoms.numbers)} tokens {verb} unknown, such as {shown}"


def survey(path: Path, limit: int | None = None) -> Survey:
    """Return the survey of a text: its lines, and its most frequent characters."""
    options = {option.name: option.default for option in OPTIONS}
    found = _read(path, file_stamp(path), json.dumps({**options, "splits": [1.0]}))
    vocabulary = found.vocabulary
    counts = np.bincount(found.numbers, minlength=len(vocabulary))
    often = np.argsort(-counts, kind="stable")[:MOST_LISTED].tolist()
    head = next(read_chunks(path)).splitlines()[:HEAD_ROWS]
    column = ColumnSurvey(
        "text",
        "text",
        distinct=int((counts > 0).sum()),
        categories=tuple((vocabulary.names[i], int(counts[i])) for i in often if counts[i]),
    )
    return Survey(
        f"tokens:{path}",
        path.name,
        "text",
        len(found.numbers),
        (column,),
        tuple((line,) for line in head),
        (),
        Guess("text", _guess(head)),
        found.notice,
    )


def _guess(head: list[str]) -> dict[str, Any]:
    """Guess the options for a text from its first lines: whether it is a list of words, one per
    line, or running text.
    """
    words = [line for line in head if line.strip()]
    if len(words) < LEAST_LIST or any(len(line.split()) > 1 for line in words):
        return {"unit": CHARACTERS, "window": OPTIONS[1].default}
    longest = max(map(len, words)) + 1
    return {"unit": CHARACTERS, "window": longest, "texts": LINES, "shuffle": True}


SOURCE = Source(
    "tokens",
    "Text: next characters or words",
    "Windows of a text as numbers of characters, words or byte pairs, and the tokens after them.",
    OPTIONS,
    open_tokens,
    columns,
    takes_path=True,
    ending="txt",
    more_endings=("text",),
    pin=pin,
    survey=survey,
)
