"""What a data file may take, said on the command line."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.file_reading import current_limit


@pytest.fixture
def graph(tmp_path):
    """A graph whose placeholder takes the rows of ``data.npz``."""
    np.savez(tmp_path / "data.npz", features=np.ones((400_000, 4), np.float32))
    document = Document()
    data = commands.add_node(document, "dataset", (0, 0), attrs={"source": "npz:data.npz"})
    x = commands.add_node(
        document, "placeholder", (0, 0), name="x", attrs={"dtype": "float32", "shape": [None, 4]}
    )
    commands.connect(document, data, "features", x, "feed")
    path = tmp_path / "graph.flow"
    flow.save(document, path)
    return path


@pytest.mark.thorough
def test_the_limit_of_a_run_is_an_option(nodeflow, graph):
    before = current_limit()
    refused = nodeflow("run", graph, "--fetch", "x", "--read-limit", "5MB")
    assert refused.code == 1
    assert "data.npz takes 12.8 MB of memory, and reading a file may take 5 MB" in refused.err
    assert "Give --read-limit" in refused.err and "Traceback" not in refused.err
    assert nodeflow("run", graph, "--fetch", "x", "--read-limit", "20MB").code == 0
    assert current_limit() == before


def test_a_limit_that_is_no_size_is_a_wrong_option(nodeflow, graph):
    result = nodeflow("run", graph, "--read-limit", "lots")
    assert result.code == 2 and "'lots' is not a size such as 800MB or 4GB" in result.err


def test_a_pipe_is_read_where_the_option_says_so(nodeflow, tmp_path):
    pipe = tmp_path / "rows.csv"
    os.mkfifo(pipe)
    refused = nodeflow("data", "show", "rows.csv")
    assert refused.code == 1
    assert "is a pipe, not a regular file. Copy it into a file, or give --any-file" in refused.err
    text = "a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(50))
    writer = threading.Thread(target=lambda: pipe.write_text(text))
    writer.start()
    shown = nodeflow("data", "show", "rows.csv", "--any-file")
    writer.join()
    assert shown.code == 0, shown.err
    assert "50 rows" in shown.out
