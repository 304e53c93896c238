"""No command waits for a pipe that stands where a file should be, unless the user allows it."""

from __future__ import annotations

import os
import threading

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.manifests import offers
from nodeflow.resources import example

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")

OF_A_GRAPH = [
    "run PIPE",
    "bench PIPE",
    "train PIPE --no-run",
    "export PIPE --to numpy -o out",
    *(f"verify PIPE --against {each.name}" for each in offers("peer")),
    "verify PIPE",
    "check PIPE",
    "check-gradients PIPE",
    "diff PIPE GRAPH",
    "diff GRAPH PIPE",
    "merge PIPE GRAPH GRAPH -o out.flow",
    "merge GRAPH PIPE GRAPH -o out.flow",
    "merge GRAPH GRAPH PIPE -o out.flow",
    "resolve PIPE",
    "render PIPE -o out.svg",
    "sweep PIPE --set a.b=[1]",
]
OF_OTHER_FILES = {
    "new PIPE -o out.flow": "pipe.csv",
    "import PIPE -o out.flow": "pipe.onnx",
    "data show PIPE": "pipe.csv",
    "run GRAPH --feed x=@pipe.npy": "pipe.npy",
    "run GRAPH --feed x=@pipe.npz": "pipe.npz",
    "run GRAPH --feed x=@pipe.csv": "pipe.csv",
    "run GRAPH --feed x=@pipe.png": "pipe.png",
    "run GRAPH --weights PIPE": "pipe.safetensors",
    "run GRAPH --dataset csv:pipe.csv": "pipe.csv",
    "doctor --bundle out.zip --with PIPE": "pipe.txt",
}
REFUSED = "pipe{0} is a pipe, not a regular file. Copy it into a file, or give --any-file."


@pytest.fixture
def graph(tmp_path):
    document = Document()
    data = commands.add_node(document, "dataset", (0, 0), attrs={"source": "csv:data.csv"})
    x = commands.add_node(
        document, "placeholder", (0, 0), name="x", attrs={"dtype": "float32", "shape": [None, 2]}
    )
    commands.connect(document, data, "features", x, "feed")
    (tmp_path / "data.csv").write_text("a,b,c\n1,2,0\n3,4,1\n")
    flow.save(document, tmp_path / "graph.flow")
    return tmp_path / "graph.flow"


def words(command: str, pipe, graph) -> list[str]:
    return [str({"PIPE": pipe, "GRAPH": graph}.get(word, word)) for word in command.split()]


@pytest.mark.parametrize("command", OF_A_GRAPH)
def test_a_pipe_as_graph_is_refused(nodeflow, unwritten_pipe, graph, command):
    result = nodeflow(*words(command, unwritten_pipe("pipe.flow"), graph))
    assert result.code == 1 and REFUSED.format(".flow") in result.err + result.out


@pytest.mark.parametrize("command", OF_OTHER_FILES)
def test_a_pipe_as_another_file_is_refused(nodeflow, unwritten_pipe, graph, command):
    if command.startswith("import"):
        pytest.importorskip("onnx")
    name = OF_OTHER_FILES[command]
    result = nodeflow(*words(command, unwritten_pipe(name), graph))
    assert result.code == 1
    assert REFUSED.format(os.path.splitext(name)[1]) in result.err


@pytest.mark.parametrize("command", ["diff PIPE GRAPH", "check PIPE", "resolve PIPE"])
def test_a_pipe_is_read_where_the_option_says_so(nodeflow, tmp_path, graph, command):
    pipe = tmp_path / "pipe.flow"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(graph.read_bytes()))
    writer.start()
    result = nodeflow(*words(command, pipe, graph), "--any-file")
    writer.join()
    assert result.code == 0, result.err


def test_a_pipe_among_the_users_own_ops_is_reported_and_the_rest_runs(nodeflow, unwritten_pipe):
    folder = unwritten_pipe("ops/pipe.py").parent
    result = nodeflow("run", example("expression"), "--plugins", folder)
    assert result.code == 0 and "the file cannot be read" in result.err


def test_a_pipe_as_lines_of_a_dataset_is_refused(unwritten_pipe):
    import nodeflow as nf

    lines = nf.data.TextLineDataset(unwritten_pipe("lines.txt"))
    with pytest.raises(nf.errors.ReadRefused, match="is a pipe"):
        list(lines)
