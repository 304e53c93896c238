"""Train two examples, and write their recordings as web pages for the documentation.

.venv/bin/python tools/make_pages.py FOLDER
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nodeflow as nf
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.host.past.record_for_page import record
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore

EXAMPLES = ("spirals", "mnist_layers")


def main(folder: Path) -> None:
    """Write the pages into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as runs:
        os.environ["NODEFLOW_RUNS"] = runs
        for name in EXAMPLES:
            nf.train.fit(nf.load(example(name)), run_name=name)
            with RunStore(write=False) as store:
                recording = record(store, store.find(name))
            page = page_file(recording.document, title=name, recording=recording)
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
            print(f"{folder / name}.html: {len(page.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
