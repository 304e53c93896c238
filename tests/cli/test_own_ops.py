"""The command line with ops of the user's own."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document

TRIPLE = """
import nodeflow

@nodeflow.op{options}
def triple(x):
    \"\"\"Three times x.\"\"\"
    return x * {factor}
"""


@pytest.fixture
def triple(plugin_files):
    file = plugin_files / "triple.py"

    def write(options: str = "", factor: str = "3") -> None:
        file.write_text(TRIPLE.format(options=options, factor=factor))

    write()
    return write


@pytest.fixture
def graph(tmp_path):
    doc = Document()
    two = commands.add_node(doc, "variable", (0, 0), name="w", attrs={"value": 2.0})
    six = commands.add_node(doc, "triple", (200, 0), name="six")
    train = commands.add_node(doc, "gradient_descent", (400, 0), name="train")
    x = commands.add_node(doc, "placeholder", (0, 90), name="x", attrs={"sample": 1.0})
    commands.connect(doc, two, "out", six, "x")
    commands.connect(doc, six, "out", train, "loss")
    assert x
    path = tmp_path / "six.flow"
    flow.save(doc, path)
    return path


def test_a_graph_runs_with_the_plugin_folder_in_every_tier(nodeflow, triple, graph) -> None:
    for tier in ("reference", "compiled", "auto"):
        result = nodeflow("run", graph, "--fetch", "six", "--json", "--tier", tier)
        assert result.json == {"fetches": {"six": 6.0}}, result


def test_a_folder_can_be_given(nodeflow, plugin_files, graph, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "triple.py").write_text(TRIPLE.format(options="", factor="5"))
    assert nodeflow("run", graph, "--fetch", "six", "--plugins", "other").out == "six = 10.0\n"
    result = nodeflow("run", graph, "--fetch", "six", "--plugins", "nowhere")
    assert result.code == 1 and "there is no folder" in result.err


def test_without_the_file_the_op_is_unknown(nodeflow, plugin_files, graph) -> None:
    result = nodeflow("run", graph, "--fetch", "six")
    assert result.code == 1
    assert "six: there is no op 'triple'" in result.err and str(plugin_files) in result.err


def test_a_file_that_does_not_load_is_a_warning_and_others_run(nodeflow, triple, graph) -> None:
    from nodeflow.ops.user import plugin_folder

    (plugin_folder() / "bad.py").write_text("1 / 0")
    result = nodeflow("run", graph, "--fetch", "six", "--json")
    assert result.code == 0 and result.json == {"fetches": {"six": 6.0}}
    assert result.err == "nodeflow: warning: bad.py, line 1: ZeroDivisionError: division by zero\n"


def test_a_failure_in_a_run_names_node_file_and_line(nodeflow, triple, graph) -> None:
    triple(options='(infer="same as x")', factor="x.nothing")
    for tier in ("reference", "compiled"):
        result = nodeflow("run", graph, "--fetch", "six", "--tier", tier)
        assert result.code == 1 and "Traceback" not in result.err
        assert result.err.startswith("nodeflow: six: triple failed (triple.py, line 7): ")


def test_training_through_it_needs_a_gradient_and_check_says_so(nodeflow, triple, graph) -> None:
    result = nodeflow("check", graph)
    assert result.code == 1
    assert "triple has no gradient" in result.out and "triple.py, line 4" in result.out


def test_the_reference_lists_it(nodeflow, triple) -> None:
    assert "Own ops" in nodeflow("ops").out
    assert "Three times x." in nodeflow("ops", "triple").out


def test_a_graph_with_it_is_drawn(nodeflow, triple, graph, tmp_path) -> None:
    assert nodeflow("render", graph, "-o", "six.svg").code == 0
    assert "unknown op" not in (tmp_path / "six.svg").read_text()


def test_a_safe_start_opens_the_window_without_own_ops(monkeypatch, tmp_path):
    from nodeflow.cli import main as cli
    from nodeflow.ui import app

    opened = []
    monkeypatch.setattr(app, "run", lambda path, safe, is_new: opened.append((path, safe)) or 0)
    monkeypatch.setattr(cli, "no_display", lambda: None)
    file = tmp_path / "graph.flow"
    file.write_text("{}")
    assert cli.main(["--safe"]) == 0 and cli.main(["--safe", str(file)]) == 0
    assert cli.main([str(file)]) == 0
    assert opened == [(None, True), (file, True), (file, False)]
