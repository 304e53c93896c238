"""The programs in `examples/python`: TensorFlow 1's with another import, run, saved and laid out.

Each is run for some steps here, and by `make test-nightly` to the figure that TensorFlow reaches.
"""

from __future__ import annotations

import importlib
import math
import os
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.integrations.tensorflow1.converter.convert import convert

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "python"
NIGHTLY = bool(os.environ.get("NODEFLOW_NIGHTLY"))
SCREENS = 3 * 1920
READABLE = 0.5
"""The scale at which ports' labels are readable."""

FIGURES = {
    "autoencoder": (0.0, 0.025),
    "char_rnn": (0.0, 0.03),
    "dcgan": (0.0, 0.05),
    "dynamic_rnn": (0.98, 1.0),
    "gan": (0.0, 0.06),
    "kmeans": (0.9, 1.0),
    "linear_regression": (0.0, 1e-3),
    "logistic_regression": (0.91, 0.925),
    "lstm_classifier": (0.93, 1.0),
    "mnist_deep": (0.96, 1.0),
    "mnist_network": (0.975, 0.985),
    "nearest_neighbour": (0.93, 0.93),
    "q_learning": (8, 8),
    "seq2seq_attention": (0.99, 1.0),
    "transformer_sort": (0.99, 1.0),
    "variational_autoencoder": (150, 180),
    "word2vec": (0.95, 1.0),
}
"""What `main()` returns after all its steps, with the whole of MNIST: the least and the most."""


@pytest.fixture(autouse=True)
def path_of_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def run(name: str, *steps: int) -> tuple[float, nf.Graph]:
    """The figure of a program, and the graph that it built."""
    with nf.Graph() as graph:
        return importlib.import_module(name).main(*steps), graph


def test_every_program_has_its_figure() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")} - {"digits"}
    assert names == FIGURES.keys() == {p.stem for p in (FOLDER / "tensorflow1").glob("*.py")}
    assert len(names) >= 15


@pytest.mark.parametrize("name", FIGURES)
def test_a_program_is_tensorflows_with_another_import(name: str) -> None:
    converted = convert(text(f"tensorflow1/{name}.py"))
    assert converted.problems == ()
    assert converted.text == text(f"{name}.py"), "convert it again"
    assert len(converted.text.splitlines()) < 120


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", FIGURES)
def test_a_program_runs_and_its_graph_is_a_file_that_reads_well(name: str, tmp_path: Path) -> None:
    figure, graph = run(name, 3)
    assert math.isfinite(figure)
    first, again = tmp_path / "first.flow", tmp_path / "again.flow"
    nf.save(graph, first)
    nf.save(nf.load(first), again)
    assert again.read_bytes() == first.read_bytes()
    doc = flow.load(first)
    assert not [p for p in Analysis(doc).all_problems() if p.severity == "error"]
    assert width(doc) * READABLE <= SCREENS


def width(doc: Document) -> float:
    """From the left edge of the first card to the right edge of the last."""
    analysis = Analysis(doc)
    right = (n.pos[0] + node_size(doc, n, analysis)[0] for n in doc.nodes.values())
    return max(right) - min(n.pos[0] for n in doc.nodes.values())


@pytest.mark.skipif(not NIGHTLY, reason="runs every program to its end: make test-nightly")
@pytest.mark.parametrize("name", FIGURES)
def test_a_program_reaches_its_figure(name: str) -> None:
    least, most = FIGURES[name]
    figure, _ = run(name)
    assert least <= figure <= most
