"""The text of pages; `tests/pages` uses them in a browser."""

from __future__ import annotations

import json
import re

import numpy as np

from nodeflow import resources
from nodeflow.document.edit import commands
from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.model.document import Document
from nodeflow.drawing.formats.html_page import page_file
from nodeflow.host.evaluation.previews import make_preview

HOSTILE = "</script></metadata><img src=x onerror=alert(1)>\"'&amp;\u2028\x1b"


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="graph">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def test_a_page_has_the_facts_about_each_node_and_the_insides_of_groups():
    document = flow.load(resources.example("mandelbrot"))
    data = data_of(page_file(document, title="mandelbrot"))
    whole = data["scopes"][0]
    assert {node["name"] for node in whole["nodes"]} == {r.name for r in document.nodes.values()}
    node = next(node for node in whole["nodes"] if node["name"] == "c_x")
    assert ["start", "-2.25"] in node["attributes"] and node["outputs"] == [["out", "f32 256"]]
    group = next(node for node in whole["nodes"] if node["name"] == "ten_steps")
    inside = data["scopes"][group["inside"]]
    assert inside["parent"] == 0 and inside["title"] == "ten_steps"


def test_a_page_gives_back_its_graph():
    document = flow.load(resources.example("mandelbrot"))
    text = embedded_graph.text_in_svg(page_file(document).encode())
    assert text == flow.dumps(document)


def test_hostile_texts_neither_end_an_element_nor_begin_one():
    document = Document()
    commands.add_node(document, "hologram" + HOSTILE, (0, 0), "a")
    commands.add_frame(document, (-50, -80, 600, 300), title=HOSTILE)
    text = type(make_preview(np.float32(1)))("text", text=HOSTILE)
    page = page_file(document, title=HOSTILE, values={"a": text})
    assert "<img" not in page and page.count("</script>") == 2 and page.count("</metadata>") == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None and "default-src 'none'" in policy[1]
    assert "script-src 'sha256-" in policy[1]
