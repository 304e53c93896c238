"""Random sequences of edits: undone, redone, replayed and saved, they are the same bytes."""

from __future__ import annotations

import re

import pytest

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from tests.host.random_edits import RandomEdits
from tests.volumes import seeds

EDITS, BATCH = 12, 50
SEEDS = seeds("edit sequences")


@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_undone_redone_replayed_and_saved(first: int) -> None:
    for seed in range(first, min(first + BATCH, SEEDS.stop)):
        check(seed)


def check(seed: int) -> None:
    edits = RandomEdits(seed)
    document = edits.document
    start = flow.dumps(document)
    changes: list[str] = []
    document.subscribe(lambda change: changes.append(change.text))
    for _ in range(EDITS):
        edits.edit()
    end = flow.dumps(document)
    replayed = flow.loads(start)
    for text in changes:
        replayed.apply_change(Change.from_text(text))
    assert without_next_id(replayed) == without_next_id(document), f"seed {seed}: replayed"
    assert flow.dumps(flow.loads(end)) == end, f"seed {seed}: saved"
    depth = undo_all(document)
    empty = flow.dumps(document)
    for _ in range(depth):
        document.redo()
    assert flow.dumps(document) == end, f"seed {seed}: redone"
    undo_all(document)
    assert flow.dumps(document) == empty, f"seed {seed}: undone again"


def without_next_id(document: Document) -> str:
    """The text, without the ids that refused edits took: they are in no change."""
    return re.sub(r'"next_id": \d+', "", flow.dumps(document), count=1)


def undo_all(document: Document) -> int:
    """Undo all there is; returns how many steps that were."""
    steps = 0
    while document.can_undo:
        document.undo()
        steps += 1
    return steps
