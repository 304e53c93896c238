"""The progress bar of a training in a notebook."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.ops.variables.scope import Variable
from nodeflow.train.events import Edited, Epoch, Resumed, Started, Steps
from nodeflow.train.notebook_progress import ProgressBar, notebook_display

NOTEBOOK = """
import numpy as np
import nodeflow as nf

with nf.Graph() as graph:
    x = nf.placeholder("float32", (None, 1), name="x")
    w = nf.variable(np.zeros((1, 1), np.float32), name="w")
    loss = nf.reduce_mean(nf.square(nf.matmul(x, w) - x), name="loss")
    nf.gradient_descent(loss, learning_rate=0.1)
rows = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
history = nf.train.fit(graph, data={x: rows}, epochs=3, batch_size=10, keep_run=False)
""".strip()


@pytest.fixture
def graph():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", (None, 1), name="x")
        w = Variable(np.zeros((1, 1), np.float32), name="w")
        loss = nf.reduce_mean(nf.square(nf.matmul(x, w) - x), name="loss")
        GradientDescentOptimizer(0.1).minimize(loss)
    return graph


@pytest.fixture
def notebook(monkeypatch):
    """A stand-in for the part of IPython that a notebook offers; returns what it shows."""
    shown: list[str] = []

    def display(bar, display_id):
        assert display_id
        shown.append(bar._repr_html_())
        return SimpleNamespace(update=lambda bar: shown.append(bar._repr_html_()))

    shell = SimpleNamespace(kernel=object())
    ipython, displaying = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython, displaying.display = lambda: shell, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displaying)
    return SimpleNamespace(shown=shown, shell=shell)


def rows() -> dict[str, np.ndarray]:
    return {"x": np.linspace(-1, 1, 40, dtype=np.float32)[:, None]}


def share(html: str) -> tuple[int, int]:
    bar = ET.fromstring(html).find("progress")
    return int(bar.get("value")), int(bar.get("max"))


def test_a_notebook_shows_the_progress_and_the_events_stay_the_same(graph, notebook) -> None:
    options = {"data": rows(), "epochs": 3, "batch_size": 10, "keep_run": False}

    def by_reference() -> nf.Session:
        """A session whose sums do not change their order when compiled kernels are ready."""
        return nf.Session(graph, tier="reference")

    losses = [
        loss
        for event in nf.train.train(graph, session=by_reference(), **options)
        if isinstance(event, Steps)
        for loss in event.losses
    ]
    assert share(notebook.shown[-1]) == (12, 12) and "Done · loss " in notebook.shown[-1]
    assert any("Epoch 2 of 3" in each for each in notebook.shown)
    notebook.shell.kernel = None
    count = len(notebook.shown)
    assert notebook_display() is None, "IPython in a terminal"
    assert nf.train.fit(graph, session=by_reference(), **options).steps.tolist() == losses
    assert len(notebook.shown) == count


def test_a_training_that_is_left_says_so_and_ends(graph, notebook) -> None:
    session = nf.Session(graph)
    events = nf.train.train(
        graph, session=session, data=rows(), epochs=500, batch_size=10, keep_run=False
    )
    for event in events:
        if isinstance(event, Epoch):
            break
    events.close()
    assert "Left at step" in notebook.shown[-1]
    done, total = share(notebook.shown[-1])
    assert 4 <= done < total == 2000
    session.close()


def test_counts_of_resumed_and_edited_trainings() -> None:
    bar = ProgressBar()
    bar.take(Started(2, 10, first_epoch=3))
    assert str(bar) == "Epoch 3 of 4" and (bar.done, bar.total) == (0, 40)
    bar.take(Resumed(25, 3, np.zeros(5), (), first=21))
    bar.take(Steps(26, np.array([0.5, 0.25]), seconds=2.0))
    assert bar.done == 27 and str(bar) == "Epoch 3 of 4 · loss 0.25 · 14 steps/s"
    bar.take(Edited(27, 3, 7, ("batch_size",), epochs=2, steps_per_epoch=20))
    assert bar.total == 80


def test_names_of_metrics_are_escaped() -> None:
    bar = ProgressBar()
    bar.take(Started(2, 10))
    bar.take(Epoch(1, 0.5, {"<b>": 0.25}, 10, 1.0))
    text = ET.fromstring(bar._repr_html_()).find("progress").tail
    assert "<b> 0.25" in text


@pytest.mark.thorough
def test_a_real_notebook_shows_the_bar(tmp_path) -> None:
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    kernel = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, timeout=120, kernel_name="python3", resources=kernel).execute()
    (output,) = book.cells[0].outputs
    assert output.output_type == "display_data"
    assert share(output.data["text/html"]) == (12, 12)
    assert output.data["text/plain"].startswith("Done · loss ")
