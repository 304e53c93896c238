"""Graphs, tensors, sessions and histories as HTML for notebooks."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

import nodeflow as nf
from nodeflow.drawing.formats.notebook_html import MOST_NODES
from nodeflow.train.events import Epoch
from nodeflow.train.training_history import History


def cells(html: str) -> list[str]:
    return [cell.text or "" for cell in ET.fromstring(html).iter("td")]


def test_a_graph_is_drawn_and_its_tensors_and_session_are_tables():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", (None, 2), name="x")
        total = nf.reduce_sum(x * 2.0, name="total")
    root = ET.fromstring(graph._repr_html_())
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "total" in texts and "f32 ?×2" in texts
    assert cells(x._repr_html_())[:6] == ["name", "x", "dtype", "float32", "shape", "?×2"]
    assert "total" in total._repr_html_()
    with nf.Session(graph) as session:
        session.run(total, {x: np.ones((3, 2))})
        assert cells(session._repr_html_())[:4] == ["graph", "4 nodes", "runs", "1"]


def test_a_large_graph_is_a_short_table_of_its_ops():
    with nf.Graph() as graph:
        value = nf.constant(1.0)
        for _ in range(MOST_NODES):
            value = nf.sin(value)
    html = graph._repr_html_()
    assert len(html) < 2000 and cells(html)[:2] == ["sin", str(MOST_NODES)]


def test_a_graph_that_no_file_can_hold_is_a_table():
    with nf.Graph() as graph:
        nf.py_func(lambda: np.float32(1), [], nf.float32)
    assert "py_func" in cells(graph._repr_html_())


def test_a_history_shows_its_last_epochs_and_escapes_names():
    epochs = [Epoch(i, 1.0 / i, {"<b>": 0.5} if i > 1 else {}, i, 1.0) for i in range(1, 31)]
    html = History(epochs, np.zeros(30))._repr_html_()
    assert "<b>" not in html and "the last 12 of 30 epochs" in html
    assert cells(html)[-3:] == ["30", "0.03333", "0.5"]
