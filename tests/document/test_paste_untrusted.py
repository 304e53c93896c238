"""Text on the clipboard is not trusted: whatever it holds is pasted whole or refused in words."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, 1e400, float("nan"), 10**400, "", "x" * 100_000, "\0", "n1", "a/b"),
    *("../../etc", "\ud800", [], {}, [[]], {"a": {}}, ["n1", "out", "n2", "x"]),
)


def places(tree: Any, at: tuple = ()) -> Iterator[tuple]:
    """The ways to every value within a tree of dicts and lists."""
    if not isinstance(tree, (dict, list)):
        return
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*at, key)
        yield from places(value, (*at, key))


def spoilt(tree: Any, dice: random.Random) -> Any:
    """A copy with one to three values replaced, removed or repeated."""
    tree = copy.deepcopy(tree)
    for _ in range(dice.randint(1, 3)):
        *way, last = dice.choice(list(places(tree)))
        within = tree
        for key in way:
            within = within[key]
        action = dice.random()
        if action < 0.6:
            within[last] = dice.choice(VALUES)
        elif action < 0.8:
            del within[last]
        elif isinstance(within, list):
            within.append(copy.deepcopy(dice.choice(within)))
        else:
            within["unknown"] = dice.choice(VALUES)
    return tree


@pytest.mark.thorough
def test_spoilt_text_is_refused_in_words_or_pasted_whole():
    dice = random.Random(1)
    doc = Document()
    sources = [commands.add_node(doc, "variable", (0, i), f"w{i}") for i in range(3)]
    target = commands.add_node(doc, "concat", (300, 0), "all")
    after = commands.add_node(doc, "negative", (600, 0), "after")
    for i, source in enumerate(sources):
        commands.connect(doc, source, "out", target, f"values.{i}")
    commands.connect(doc, target, "out", after, "x")
    frame = commands.add_frame(doc, (0, 0, 900, 300), "All", "a **note**", "math")
    clip = json.loads(clipboard.copy_json(doc, [sources[0], target, after, frame]))
    assert clip["outside"], "wires from outside are spoilt, too"
    tables = lambda: (dict(doc.nodes), dict(doc.wires), dict(doc.frames))  # noqa: E731
    outcomes = set()
    for _ in range(1500):
        text, before = json.dumps(spoilt(clip, dice)), tables()
        try:
            new = clipboard.paste(doc, text, (0, 0), lambda wire: True)
        except NodeflowError as error:
            outcomes.add("refused")
            assert str(error) and tables() == before
            continue
        outcomes.add("pasted")
        Analysis(doc)
        assert flow.dumps(flow.loads(flow.dumps(doc))) == flow.dumps(doc)
        if new or doc.frames.keys() != before[2].keys():
            doc.undo()
        assert tables() == before
    assert outcomes == {"refused", "pasted"}
