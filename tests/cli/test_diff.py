"""``nodeflow diff``: by id, in names, and as git's external diff."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document


@pytest.fixture
def files(tmp_path):
    """A file and a copy to edit: ``a = constant, b = relu(a)``, trained on ``b``."""
    doc = Document()
    a = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    b = commands.add_node(doc, "relu", (200, 0))
    commands.connect(doc, a, "out", b, "x")
    commands.set_training(doc, loss=b, epochs=3)
    flow.save(doc, tmp_path / "a.flow")
    return flow.load(tmp_path / "a.flow"), tmp_path


def changed(nodeflow, files, *options):
    doc, folder = files
    flow.save(doc, folder / "b.flow")
    return nodeflow("diff", "a.flow", "b.flow", *options)


def test_equal_files_print_nothing(nodeflow, files):
    result = changed(nodeflow, files)
    assert (result.code, result.out, result.err) == (0, "", "")


def test_a_renamed_node_is_one_that_changed(nodeflow, files):
    commands.rename(files[0], "n2", "activation")
    result = changed(nodeflow, files)
    assert result.code == 1
    assert result.out == "~ node activation: name relu -> activation\n", "the loss is still n2"


def test_positions_count_only_if_asked(nodeflow, files):
    commands.move(files[0], {"n1": (40, 50)})
    assert changed(nodeflow, files).code == 0
    result = changed(nodeflow, files, "--layout")
    assert (result.code, result.out) == (1, "~ node constant: pos [0, 0] -> [40, 50]\n")


def test_every_kind_of_change_is_said_in_names(nodeflow, files):
    doc, _ = files
    commands.set_attr(doc, "n1", "value", 2.5)
    new = commands.add_node(doc, "tanh", (0, 90))
    commands.connect(doc, "n1", "out", new, "x")
    commands.connect(doc, new, "out", "n2", "x")
    commands.set_training(doc, loss="n2", epochs=4)
    commands.add_frame(doc, (0, 0, 50, 50), title="Net", note="long " * 40)
    commands.set_weights(doc, "w.safetensors")
    create(doc, [new], "block")
    lines = changed(nodeflow, files).out.splitlines()
    assert "~ training.epochs: 3 -> 4" in lines
    assert "+ weights: w.safetensors" in lines
    assert "~ node constant: value 1.0 -> 2.5" in lines
    assert any(line.startswith("+ node block (subgraph)") for line in lines)
    assert any(line.startswith("~ wire relu:x <- constant -> block:") for line in lines)
    frame = next(line for line in lines if line.startswith("+ frame Net: note = long"))
    assert frame.endswith("...") and len(frame) < 100
    inside = lines[lines.index("in the subgraph block:") + 1 :]
    assert "  + node tanh (tanh)" in inside and all(line.startswith("  ") for line in inside)


def test_what_is_gone_is_listed(nodeflow, files):
    commands.remove(files[0], ["n1"])
    result = changed(nodeflow, files)
    assert result.out.splitlines() == ["- node constant (constant)", "- wire relu:x <- constant"]


def test_json_leaves_out_what_a_side_lacks(nodeflow, files):
    commands.set_attr(files[0], "n1", "later", [1])
    commands.disconnect(files[0], ("n2", "x"))
    result = changed(nodeflow, files, "--json")
    node, wire = result.json
    assert result.code == 1
    assert node == {
        "kind": "node",
        "change": "changed",
        "name": "constant",
        "subgraph": None,
        "path": ["node", "n1"],
        "fields": [{"field": "later", "after": [1]}],
    }
    assert wire["path"] == ["wire", "n2", "x"]
    assert wire["fields"] == [{"field": "source", "before": "constant"}]


def test_a_damaged_file_is_an_error_and_not_a_difference(nodeflow, files):
    (files[1] / "b.flow").write_text("{")
    result = nodeflow("diff", "a.flow", "b.flow")
    assert result.code == 1 and "b.flow" in result.err and not result.out


def test_three_files_are_too_many(nodeflow, files):
    result = nodeflow("diff", "a.flow", "a.flow", "a.flow")
    assert result.code == 1 and "--git" in result.err


def test_a_terminal_gets_colours_beside_signs(files, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    doc, folder = files
    commands.set_attr(doc, "n1", "value", 2.5)
    flow.save(doc, folder / "b.flow")
    out = Terminal()
    assert main(["diff", "a.flow", "b.flow"], Environment(out, io.StringIO(), folder)) == 1
    assert out.getvalue() == "\x1b[33m~ node constant: value 1.0 -> 2.5\x1b[0m\n"
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    main(["diff", "a.flow", "b.flow"], Environment(out, io.StringIO(), folder))
    assert out.getvalue().startswith("~")


def git(folder, *arguments):
    settings = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=False, capture_output=True, text=True
    )


@pytest.mark.thorough
def test_git_diff_uses_it(files):
    doc, folder = files
    (folder / ".gitattributes").write_text("*.flow diff=flow\n")
    git(folder, "init", "-q")
    command = f"{sys.executable} -m nodeflow diff --git"
    git(folder, "config", "diff.flow.command", command)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    commands.rename(doc, "n1", "two")
    flow.save(doc, folder / "a.flow")
    shown = git(folder, "diff")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "nodeflow diff a.flow\n~ node two: name constant -> two\n"
    (folder / "a.flow").unlink()
    assert "- node constant (constant)" in git(folder, "diff").stdout
