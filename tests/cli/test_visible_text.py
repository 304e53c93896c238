"""What a file says does not steer the terminal."""

from __future__ import annotations

import json
import re

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document

STEERING = "\x1b[2J\x1b]0;title\x07\r\x9b31m\u202eabc\u2066\u2028"
CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"


@pytest.mark.thorough
def test_no_output_holds_control_characters(nodeflow, tmp_path) -> None:
    doc = Document()
    commands.add_node(doc, "dataset", (0, 0), "rows", {"source": f"csv:{STEERING}.csv"})
    commands.add_node(doc, "constant", (0, 0), "c", {"value": 1.0})
    path = tmp_path / "a.flow"
    flow.save(doc, path)
    text = json.loads(path.read_text())
    text["nodes"][1]["op"], text["nodes"][1]["attrs"] = STEERING, {STEERING: STEERING}
    path.write_text(json.dumps(text))
    other = tmp_path / "b.flow"
    flow.save(Document(), other)
    for arguments in (
        ("check", path), ("run", path), ("train", path), ("diff", other, path), ("ops", STEERING),
        ("check", path, "--json"), ("diff", other, path, "--json"), ("data", "show", STEERING),
    ):  # fmt: skip
        result = nodeflow(*arguments)
        shown = result.out + result.err
        assert shown and not re.search(CONTROL, shown)
        if "--json" in arguments:
            assert r"\u001b[2J" in json.dumps(json.loads(result.out))
