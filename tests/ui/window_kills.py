"""Kills a window that is edited, again and again: ``window_kills.py FOLDER FIRST COUNT``.

Each time a window in a process of its own, with a fake engine, is edited at random, saves, undoes
and says through a pipe what its document is; it is killed at a random moment. What the next start
would show, the journal that is offered or else the file, must be the last state that was reported,
or one that came after it. Prints a line for what is lost.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
LONGEST_S = 1.0
PATIENCE_S = 120.0
READY, MAYBE, DONE = b"R", b"M", b"D"
DIGEST = 32
FILE = "graph.flow"


def edit(folder: Path, seed: int) -> None:
    """Edit a window without end; each state is reported when it begins, and when it is kept."""
    from fake_engine import FakeClient
    from PySide6.QtWidgets import QApplication

    from nodeflow.document.io import flow
    from nodeflow.document.io.journal import Journal
    from nodeflow.document.model.document import Document
    from nodeflow.document.model.records import Change
    from nodeflow.ui.app import make_application, make_window
    from nodeflow.ui.core.state.user_settings import Settings
    from tests.document.journal_kills import digest
    from tests.host.random_edits import RandomEdits

    record = Journal._record

    def reported(journal: Journal, change: Change) -> None:
        os.write(1, MAYBE + digest(journal._doc))
        record(journal, change)

    Journal._record = reported  # before a window, and its journal, is made
    app = make_application(["window_kills"])
    window = make_window(Settings(folder / "window.ini"), factory=FakeClient)
    window.show()
    flow.save(Document(), folder / FILE)
    assert window.files.load(folder / FILE)
    document = window.workspace.root
    edits = RandomEdits.__new__(RandomEdits)
    edits.random, edits.document, edits.subgraphs = random.Random(seed), document, True
    os.write(1, READY)
    while True:
        what = edits.random.random()
        if what < 0.05 and document.is_modified:
            assert window.files.save()
        elif what < 0.2 and document.can_undo:
            window.actions_.trigger("undo")
        else:
            edits.edit()
        os.write(1, DONE + digest(document))
        QApplication.processEvents()
        assert app is QApplication.instance()


def killed(folder: Path, seed: int) -> tuple[bytes | None, list[bytes]]:
    """The last state that a killed window kept, and those that it may have kept after it."""
    environment = {
        **os.environ,
        **{f"XDG_{name}_HOME": str(folder / name) for name in ("CONFIG", "DATA", "STATE")},
        "QT_QPA_PLATFORM": "offscreen",
        "NODEFLOW_RUNS": "off",
    }
    command = [sys.executable, __file__, "edit", str(folder), str(seed)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert child.stdout is not None and child.stderr is not None
    try:
        assert child.stdout.read(1) == READY, child.stderr.read().decode()
        time.sleep(random.Random(seed).random() * LONGEST_S)
        assert child.poll() is None, child.stderr.read().decode()
    finally:
        child.kill()
        child.wait(PATIENCE_S)
    data = child.stdout.read()
    child.stdout.close()
    child.stderr.close()
    last, after = None, []
    for at in range(0, len(data) - DIGEST, DIGEST + 1):
        kind, digest = data[at : at + 1], data[at + 1 : at + 1 + DIGEST]
        if kind == DONE:
            last, after = digest, []
        else:
            after.append(digest)
    return last, after


def lost(folder: Path, last: bytes | None, after: list[bytes]) -> str | None:
    """What is wrong with what the next start shows; None if it is the last state, or a later."""
    from nodeflow.document.io import flow
    from nodeflow.document.io.journal import pending
    from nodeflow.document.model.document import Document
    from tests.document.journal_kills import digest

    found = pending(folder / "STATE" / "nodeflow" / "journals")
    if found and found[0].problem:
        return f"the journal is damaged: {found[0].problem}"
    document = found[0].recover().document if found else flow.load(folder / FILE)
    wanted = [digest(Document()) if last is None else last, *after]
    return None if digest(document) in wanted else f"{len(found)} journals, another state"


def main(folder: Path, first: int, count: int) -> int:
    wrong = states = 0
    for seed in range(first, first + count):
        here = folder / str(seed)
        here.mkdir(parents=True)
        last, after = killed(here, seed)
        states += last is not None
        if text := lost(here, last, after):
            wrong += 1
            print(f"seed {seed}: {text}")
    print(f"{count} kills, {states} of an edited document, {wrong} with a loss")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1] == "edit":
        edit(Path(sys.argv[2]), int(sys.argv[3]))
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
