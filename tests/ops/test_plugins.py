"""The plugin folder: what is loaded, what stays when a file breaks, and where the folder is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import FileProblem, UserOpError
from nodeflow.graph.types import TensorType
from nodeflow.ops.user import PLUGINS, folder, load_plugins, make_folder, plugin_folder
from nodeflow.ops.user.plugins import Plugins

LEAKY = """
import numpy as np
import nodeflow

@nodeflow.op
def leaky(x, slope: float = 0.1):
    return np.where(x > 0, x, slope * x)
"""


def test_ops_of_every_file_are_known_after_loading(plugin_files: Path) -> None:
    (plugin_files / "leaky.py").write_text(LEAKY)
    (plugin_files / "_shared.py").write_text("FACTOR = 7")
    (plugin_files / "notes.txt").write_text("not python")
    (plugin_files / "times.py").write_text(
        "import nodeflow\nfrom . import _shared\n@nodeflow.op\n"
        "def times(x):\n    return x * _shared.FACTOR\n"
    )
    assert load_plugins() == ["leaky", "times"]
    assert PLUGINS.problems == ()
    with nf.Graph() as graph:
        out = nf.times(nf.leaky(nf.constant([-2.0, 1.0]), slope=0.5))
    with nf.Session(graph) as session:
        assert session.run(out).tolist() == [-7.0, 7.0]


def test_only_a_change_loads_again(plugin_files: Path) -> None:
    file = plugin_files / "leaky.py"
    file.write_text(LEAKY)
    assert PLUGINS.load() == {"leaky"}
    first = nf.REGISTRY.lookup("leaky")
    assert PLUGINS.load() == set() and nf.REGISTRY.lookup("leaky") is first
    assert PLUGINS.load(again=True) == {"leaky"}
    file.write_text(LEAKY.replace("slope", "tilt"))
    assert PLUGINS.load() == {"leaky"}
    assert [a.name for a in nf.REGISTRY.lookup("leaky").attrs] == ["tilt"]
    file.unlink()
    assert PLUGINS.load() == {"leaky"} and "leaky" not in nf.REGISTRY


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("def (", 1, "SyntaxError: invalid syntax"),
        ("import nodeflow\n\n1 / 0", 3, "ZeroDivisionError: division by zero"),
        ("import nodeflow\nimport nowhere_at_all", 2, "ModuleNotFoundError"),
        ("raise SystemExit(3)", 1, "SystemExit: 3"),
        ("import nodeflow\n@nodeflow.op\ndef f(**k): pass", 2, "neither a port nor an attribute"),
        ("import nodeflow\n@nodeflow.op\ndef add(x): return x", 2, "nodeflow has an op of this"),
        ("\0", None, "null bytes"),
        (b"\xff\xfe\xfa", None, "SyntaxError"),
    ],
)
def test_a_file_that_fails_says_where_and_harms_no_other(plugin_files, text, line, said) -> None:
    (plugin_files / "leaky.py").write_text(LEAKY)
    bad = plugin_files / "bad.py"
    bad.write_bytes(text) if isinstance(text, bytes) else bad.write_text(text)
    assert load_plugins() == ["leaky"]
    (problem,) = PLUGINS.problems
    assert said in problem.message and Path(problem.file) == bad
    assert line is None or problem.line == line
    assert str(problem).startswith("bad.py" + (f", line {line}: " if line else ""))
    assert "add" in nf.REGISTRY and not nf.REGISTRY.lookup("add").own


def test_an_op_of_a_file_that_broke_keeps_its_ports_and_says_what_broke(plugin_files) -> None:
    file = plugin_files / "leaky.py"
    file.write_text(LEAKY)
    PLUGINS.load()
    for _ in range(2):
        file.write_text(LEAKY + f"\n\nthis is no python # {_}")
        assert PLUGINS.load() == {"leaky"}
        op = nf.REGISTRY.lookup("leaky")
        assert [p.name for p in op.inputs] == ["x"] and [a.name for a in op.attrs] == ["slope"]
        with pytest.raises(UserOpError, match=r"leaky.py, line 10: SyntaxError"):
            op.infer(TensorType("float32", (2,)), slope=0.1)
    file.write_text(LEAKY)
    PLUGINS.load()
    assert nf.REGISTRY.lookup("leaky").infer(TensorType("float32", (2,)), slope=0.1)
    assert PLUGINS.problems == ()


def test_two_files_cannot_have_one_op(plugin_files: Path) -> None:
    (plugin_files / "a.py").write_text(LEAKY)
    (plugin_files / "b.py").write_text(LEAKY)
    assert load_plugins() == ["leaky"]
    (problem,) = PLUGINS.problems
    assert problem.place == "b.py, line 5" and "another op is called 'leaky' (a.py" in str(problem)


def test_what_a_file_prints_is_not_on_standard_output(plugin_files, capsys) -> None:
    (plugin_files / "loud.py").write_text("print('hello')")
    PLUGINS.load()
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == "hello\n"


def test_a_file_that_never_ends_is_ended(plugin_files, monkeypatch) -> None:
    monkeypatch.setattr("nodeflow.ops.user.plugins.IMPORT_SECONDS", 0.05)
    (plugin_files / "slow.py").write_text("while True:\n    pass\n")
    PLUGINS.load()
    assert "longer than 0.05 seconds" in PLUGINS.problems[0].message


def test_the_folder_is_named_by_environment_choice_or_default(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("NODEFLOW_PLUGINS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("sys.platform", "linux")
    assert plugin_folder() == tmp_path / "data" / "nodeflow" / "plugins"
    folder.choose_folder(tmp_path / "mine")
    assert plugin_folder() == tmp_path / "mine" and not folder.is_named()
    monkeypatch.setenv("NODEFLOW_PLUGINS", str(tmp_path / "named"))
    assert plugin_folder() == tmp_path / "named" and folder.is_named()
    monkeypatch.delenv("NODEFLOW_PLUGINS")
    folder.choose_folder(None)
    assert plugin_folder() == tmp_path / "data" / "nodeflow" / "plugins"


def test_a_new_folder_has_a_sample_that_works_in_both_tiers(plugin_files, tmp_path) -> None:
    place = make_folder(tmp_path / "new" / "plugins")
    assert load_plugins(place) == ["leaky"] and PLUGINS.problems == ()
    data = np.array([[-2.0, 0.0, 3.0]], "float32")
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        y = nf.leaky(x)
        (slope,) = nf.gradients(nf.reduce_sum(y), [x])
    for tier in ("reference", "compiled"):
        with nf.Session(graph, tier=tier) as session:
            found = session.run([y, slope], {x: data})
        np.testing.assert_allclose(found, [[[-0.2, 0.0, 3.0]], [[0.1, 0.1, 1.0]]], rtol=1e-6)
    (place / "leaky.py").write_text("# mine")
    make_folder(place)
    assert (place / "leaky.py").read_text() == "# mine"


def test_the_commented_op_of_the_sample_works_too(plugin_files, tmp_path) -> None:
    text = (make_folder(tmp_path / "new") / "leaky.py").read_text()
    head, _, rest = text.partition("# @nodeflow.op\n")
    body = rest.replace("# ", "", 1).replace("\n# ", "\n")
    (plugin_files / "row.py").write_text(f"{head}@nodeflow.op\n{body}")
    assert load_plugins() == ["leaky", "row_norm"]
    with nf.Graph() as graph:
        out = nf.row_norm(nf.constant([[3.0, 4.0]]))
    with nf.Session(graph) as session:
        np.testing.assert_allclose(session.run(out), [[0.6, 0.8]], rtol=1e-5)
    assert out.dtype == "float32"


def test_a_new_file_has_an_op_of_its_name(plugin_files: Path) -> None:
    path = folder.new_file("soft_step")
    assert path == plugin_files / "soft_step.py"
    assert load_plugins() == ["soft_step"]
    with pytest.raises(FileProblem, match="already"):
        folder.new_file("soft_step")


def test_a_folder_that_is_named_must_be_there(tmp_path) -> None:
    with pytest.raises(FileProblem, match="there is no folder"):
        load_plugins(tmp_path / "nowhere")


def test_a_folder_that_is_not_there_is_empty(tmp_path) -> None:
    plugins = Plugins()
    assert plugins.load(tmp_path / "nowhere") == set()
    assert plugins.ops == [] and plugins.problems == ()
