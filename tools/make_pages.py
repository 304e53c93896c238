"""Write a web page of each example for the documentation, two of them as recorded trainings.

.venv/bin/python tools/make_pages.py FOLDER
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.host.past.record_for_page import record
from nodeflow.run_store.store import RunStore

EXAMPLES = Path(__file__).parents[1] / "examples"
RECORDED = ("spirals", "mnist_layers")


def main(folder: Path) -> None:
    """Write the pages into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as runs:
        os.environ["NODEFLOW_RUNS"] = runs
        for path in EXAMPLES.glob("*.flow"):
            page = recorded(path) if path.stem in RECORDED else page_of_graph(path)
            (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")
            print(f"{folder / path.stem}.html: {len(page.encode()) / 1e3:.0f} kB")


def recorded(path: Path) -> str:
    """Train a graph, and return the page of its recording."""
    nf.train.fit(nf.load(path), run_name=path.stem)
    with RunStore(write=False) as store:
        recording = record(store, store.find(path.stem))
    return page_file(recording.document, title=path.stem, recording=recording)


def page_of_graph(path: Path) -> str:
    return page_file(flow.load(path), title=path.stem)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
