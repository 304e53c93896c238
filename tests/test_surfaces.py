"""Each surface speaks its own terms: hints for Python, the command line and the window differ."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.errors import NodeflowError, SurfaceText, full_text, said
from nodeflow.host.protocol import ErrorData

PACKAGE = Path(nf.__file__).parent
ELSEWHERE = re.compile(
    r"session\.|Session\b|\bnf\.|--[a-z]|feed_dict|array[.\[]|nodeflow data|tier="
)
"""What only Python and the command line know."""
PYTHON_ONLY = (
    "cli/", "data/pipeline/", "data/sources/npz_file.py",
    "document/to_graph/python_graphs/save_and_load.py",
    "document/from_graph/convert.py", "engine/fetches.py", "engine/input_streams.py",
    "engine/runtime/context.py", "engine/recorded_runs.py", "engine/session.py", "graph/graph.py",
    "graph/session_hooks/default_session.py", "graph/tensor_methods/indexing.py",
    "graph/tensor_methods/input_conversion.py", "graph/tensor_methods/operators.py",
    "graph/tensor_methods/variable_methods.py",
    "integrations/tensorboard/writer.py", "integrations/tensorflow1/", "ops/graph_building.py",
    "ops/control_flow/control_flow_functions.py", "ops/control_flow/tensor_array.py", "ops/layers/",
    "ops/namespaces/", "ops/program/basics.py",
    "ops/rnn/", "ops/training/rates_by_global_step.py", "ops/training/optimizers.py", "ops/user/",
    "ops/variables/", "summary/", "train/train_and_fit.py", "train/saving/checkpoint.py",
    "train/saving/saver.py", "train/stepping/datasets.py",
)  # fmt: skip
"""Modules whose errors only Python or only the command line can raise, or that speak of files
written by numpy."""
OF_COMMANDS = re.compile(r"integrations/\w+/cli/")
"""Modules of integrations that only the command line reaches."""


def hints() -> list[tuple[str, int, str]]:
    """File, line and text of each hint that is a plain text."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(PYTHON_ONLY) or OF_COMMANDS.match(name):
            continue
        text = path.read_text()
        if "hint" not in text and "window" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.keyword) or node.arg not in ("hint", "window"):
                continue
            if isinstance(node.value, ast.Call):
                continue
            parts = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
            found.append((name, node.value.lineno, "".join(p for p in parts if isinstance(p, str))))
    return found


@pytest.mark.thorough
def test_no_hint_that_the_window_shows_names_python_or_options():
    found = hints()
    assert len(found) > 100
    wrong = [hint for hint in found if ELSEWHERE.search(hint[2])]
    assert wrong == [], "say it with SurfaceText"


def test_a_text_differs_by_surface_and_survives_pickling():
    hint = SurfaceText("Call f().", cli="Use --f.", window="Choose Run → F.")
    error = pickle.loads(pickle.dumps(NodeflowError("it is off", node="a", hint=hint)))
    assert str(error) == error.text("python") == "a: it is off. Call f()."
    assert error.text("cli") == "a: it is off. Use --f."
    data = pickle.loads(pickle.dumps(ErrorData.of(error)))
    assert data.text("window") == "a: it is off. Choose Run → F."
    assert said("plain", "window") == "plain"
    assert full_text("", "it is off.", None, "cli") == "it is off."


def test_without_a_text_for_the_command_line_it_reads_the_windows():
    assert said(SurfaceText("f()", window="Do it."), "cli") == "Do it."


@pytest.mark.parametrize(
    ("graph", "arguments", "python", "cli"),
    [
        ("feed", ["--fetch", "y"], "session.run(", "--feed x=VALUE"),
        ("order", ["--fetch", "one", "--fetch", "two"], "control_dependencies", "done port"),
    ],
)
def test_the_same_error_speaks_python_and_command_line(graph, arguments, python, cli, tmp_path):
    import io

    from nodeflow.cli.environment import Environment
    from nodeflow.cli.main import main

    made = GRAPHS[graph]()
    with pytest.raises(NodeflowError) as caught:
        nf.Session(made).run(["y"] if graph == "feed" else ["one", "two"])
    assert python in str(caught.value) and cli not in str(caught.value)
    nf.save(made, tmp_path / "g.flow")
    environment = Environment(io.StringIO(), io.StringIO(), tmp_path)
    assert main(["run", "g.flow", *arguments], environment) == 1
    text = environment.stderr.getvalue()
    assert cli in text and python not in text


def feed_graph() -> nf.Graph:
    with nf.Graph() as graph:
        nf.multiply(nf.placeholder("float32", [None, 2], name="x"), 2.0, name="y")
    return graph


def order_graph() -> nf.Graph:
    with nf.Graph() as graph:
        v = nf.variable(1.0, name="v")
        nf.assign(v, 2.0, name="one")
        nf.assign(v, 3.0, name="two")
    return graph


GRAPHS = {"feed": feed_graph, "order": order_graph}
