"""Kills a process that edits a document, again and again: ``journal_kills.py FOLDER FIRST COUNT``.

Each time a fork of this process edits with a crash journal and says through a pipe after each edit
what the document is then; it is killed at a random moment, and the journal is recovered. Prints a
line for what is lost.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import sys
import time
from pathlib import Path

from nodeflow.document.io import flow
from nodeflow.document.io.journal import Journal, pending
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from tests.host.random_edits import RandomEdits

LONGEST_S = 0.06
DIGEST = 32


def digest(document: Document) -> bytes:
    """Of the document; ids that a refused edit took are in no journal, and in no node either."""
    text = re.sub(r'"next_id": \d+', "", flow.dumps(document), count=1)
    return hashlib.sha256(text.encode()).digest()


def edit(folder: Path, seed: int, pipe: int) -> None:
    """Edit without end; each edit is reported when it is done."""
    edits = RandomEdits(seed)
    Journal(edits.document, folder)
    while True:
        edits.edit()
        os.write(pipe, digest(edits.document))


def killed(folder: Path, seed: int) -> list[bytes]:
    """The reports of a process that was killed at a random moment."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            edit(folder, seed, writing)
        finally:
            os._exit(1)
    os.close(writing)
    time.sleep(random.Random(seed).random() * LONGEST_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    return [data[i : i + DIGEST] for i in range(0, len(data) // DIGEST * DIGEST, DIGEST)]


def is_next(document: Document, seed: int, count: int) -> bool:
    """Whether a document is what so many edits and one more make of it: killed before its report,
    perhaps in a part of an edit."""
    edits = RandomEdits(seed)
    seen: list[bytes] = []
    edits.document.subscribe(lambda _: seen.append(digest(edits.document)))
    for _ in range(count + 1):
        edits.edit()
    return digest(document) in seen


def is_unmodified(seed: int, count: int) -> bool:
    """Whether the document equals its saved state after this many edits, which include undos. Then
    there is nothing to recover."""
    edits = RandomEdits(seed)
    for _ in range(count):
        edits.edit()
    return not edits.document.is_modified


def lost(folder: Path, seed: int, reports: list[bytes]) -> str | None:
    """What is wrong with what can be recovered; None if no reported edit is lost."""
    found = pending(folder)
    if not found or found[0].problem:
        kept = not reports or (not found and is_unmodified(seed, len(reports)))
        return None if kept else f"{len(reports)} edits, and no journal"
    try:
        got = found[0].recover()
    except NodeflowError as error:
        return None if not reports else f"{len(reports)} edits, and {error}"
    last = digest(got.document)
    if not reports or last == reports[-1] or is_next(got.document, seed, len(reports)):
        return None
    where = f"as after edit {reports.index(last) + 1}" if last in reports else "as it never was"
    return f"{len(reports)} edits, and the document is {where}"


def main(folder: Path, first: int, count: int) -> int:
    edits = wrong = 0
    for seed in range(first, first + count):
        here = folder / str(seed)
        here.mkdir(parents=True)
        reports = killed(here, seed)
        edits += len(reports)
        if text := lost(here, seed, reports):
            wrong += 1
            print(f"seed {seed}: {text}")
    print(f"{count} kills, {edits} edits, {wrong} with a loss")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
