"""``nodeflow generate``: the same text as Python writes, and errors in words."""

from __future__ import annotations

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.resources import example
from tests.document.test_generation import recurrent


def test_python_and_the_command_line_write_the_same(tmp_path, nodeflow):
    document = recurrent(tmp_path)
    flow.save(document, tmp_path / "net.flow")
    graph = nf.load(tmp_path / "net.flow")
    with nf.Session(graph, seed=1) as session:
        session.initialize()
        tokens = list(nf.train.generate(session, prompt="fox ", length=20, seed=9))
    options = ("--prompt", "fox ", "--length", "20", "--seed", "9")
    printed = nodeflow("generate", "net.flow", *options)
    assert (printed.code, printed.err) == (0, "")
    assert printed.out == "fox " + "".join(token.text for token in tokens) + "\n"
    found = nodeflow("generate", "net.flow", *options, "--json").json
    assert found["tokens"] == [token.number for token in tokens] and found["prompt"] == "fox "


def test_settings_of_the_node_and_another_text(tmp_path, nodeflow):
    flow.save(recurrent(tmp_path), tmp_path / "net.flow")
    plain = nodeflow("generate", "net.flow")
    cold = nodeflow("generate", "net.flow", "--set", "generate.temperature=0")
    assert plain.code == cold.code == 0 and plain.out != cold.out
    assert plain.out.startswith("the ") and len(plain.out) == len("the ") + 40 + 1


def test_a_graph_that_writes_nothing_is_refused(tmp_path, nodeflow):
    document = recurrent(tmp_path)
    flow.save(document, tmp_path / "net.flow")
    wrong = nodeflow("generate", "net.flow", "--node", "writer")
    assert wrong.code == 1 and "no node 'writer' that generates" in wrong.err
    assert "generate" in wrong.err.partition("\n")[2] or "There are generate" in wrong.err
    lone = nodeflow("generate", example("regression.flow"))
    assert lone.code == 1 and "no node that generates" in lone.err
