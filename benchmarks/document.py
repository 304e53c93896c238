"""Time edits and files of large documents, without a window.

Usage: python benchmarks/document.py [--nodes N]. Prints one JSON line per case: the best of three
runs, in milliseconds. The graph has two wires per node.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.layout.layered import layout
from nodeflow.document.model.document import Document


def many(count: int) -> tuple[Document, list[str]]:
    """Make nodes that each read the previous node and the node at half their number."""
    doc = Document()
    with doc.transaction("Many"):
        ids = [commands.add_node(doc, "constant", (0, 0))]
        for i in range(1, count):
            ids.append(commands.add_node(doc, "add", (i % 100, i // 100)))
            commands.connect(doc, ids[i - 1], "out", ids[i], "x")
            commands.connect(doc, ids[i // 2], "out", ids[i], "y")
    return doc, ids


def cases(count: int) -> dict[str, Callable[[], object]]:
    """Return the functions to time, by name."""
    doc, ids = many(count)
    text, analysis = flow.dumps(doc), Analysis(doc)
    small, _ = many(1000)

    def remove_half() -> None:
        commands.remove(doc, ids[count // 4 : 3 * count // 4])

    def edit() -> None:
        commands.set_attr(doc, ids[-count // 10], "no_such", time.perf_counter())

    doc.subscribe(analysis.update)
    return {
        "dumps": lambda: flow.dumps(doc),
        "loads": lambda: flow.loads(text),
        "analyse": lambda: Analysis(doc),
        "edit and infer a tenth": edit,
        "verdict on a wire": lambda: check_wire(doc, analysis, ids[-1], "out", ids[5], "x"),
        "remove half": remove_half,
        "undo it": doc.undo,
        "lay out 1 000 nodes": lambda: layout(small),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    count = parser.parse_args().nodes
    best: dict[str, float] = {}
    for _ in range(3):
        for name, run in cases(count).items():
            start = time.perf_counter()
            run()
            taken = (time.perf_counter() - start) * 1000
            best[name] = min(best.get(name, taken), taken)
    for name, taken in best.items():
        print(json.dumps({"case": name, "nodes": count, "ms": round(taken, 3)}))


if __name__ == "__main__":
    main()
