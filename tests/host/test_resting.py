"""An engine that rests has given back what earlier documents took."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p

from .conftest import Talk

SIDE = 1500
MEGABYTES = SIDE * SIDE * 4 >> 20
DOCUMENTS = 12


def large(number: int) -> Document:
    """A few tensors of 9 MB; no other document has the same."""
    document = Document()
    attrs = {"shape": [SIDE, SIDE], "value": float(number)}
    start = commands.add_node(document, "fill", (0, 0), name="start", attrs=attrs)
    for name in ("a", "b", "c"):
        node = commands.add_node(document, "square", (0, 0), name=name)
        commands.connect(document, start, "out", node, "x")
        start = node
    return document


def held(pid: int) -> int:
    """Megabytes of a process's own."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = (int(line.split()[1]) for line in text.splitlines() if line.startswith("Anonymous:"))
    return next(found) >> 10


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_documents_that_were_closed_take_no_memory() -> None:
    talk = Talk()
    pid = talk.client.pid
    assert pid is not None
    sizes = []
    for number in range(DOCUMENTS):
        document = large(number)
        talk.sync(document)
        talk.send(p.Evaluate(document.revision, number + 1))
        talk.wait_for(p.Previews)
        if number == 1:
            time.sleep(3)  # it rests
            sizes.append(held(pid))
    end = time.monotonic() + 30
    while held(pid) > sizes[0] + 6 * MEGABYTES and time.monotonic() < end:
        time.sleep(0.1)
    sizes.append(held(pid))
    talk.client.close()
    assert sizes[1] <= sizes[0] + 6 * MEGABYTES, f"{sizes} MB"
