"""``nodeflow export --to nodeflow``: a document as code that builds it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.resources import example


def test_code_of_a_document_that_was_changed(nodeflow, tmp_path: Path):
    graph = example("spirals")
    options = ("--to", "nodeflow", "-o", "out", "--set", "training.epochs=3")
    assert nodeflow("export", graph, *options).code == 0
    program = "import spirals; print(spirals.document().text())"
    made = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "out", capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    document = flow.load(graph)
    commands.set_training(document, epochs=3)
    assert made == flow.dumps(document) + "\n"
    refused = nodeflow("export", graph, "--to", "nodeflow", "--weights", "w.safetensors")
    assert refused.code == 1 and "--weights" in refused.err


def test_a_python_file_as_the_output_of_code_is_refused(nodeflow, tmp_path):
    result = nodeflow("export", example("expression"), "--to", "nodeflow", "-o", "graph.py")
    assert result.code == 1 and not list(tmp_path.glob("graph*"))
    assert "names a file, and code is several files" in result.err and "-o graph" in result.err
