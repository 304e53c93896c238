"""``nodeflow merge``: exit status, conflicts in the file, and as git's merge driver."""

from __future__ import annotations

import json
import sys

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from tests.cli.test_diff import git


@pytest.fixture
def documents(tmp_path):
    """A base file ``w = variable, loss, adam``, and two copies to edit."""
    doc = Document()
    w = commands.add_node(doc, "variable", (0, 0), attrs={"value": 3.0})
    loss = commands.add_node(doc, "square", (200, 0))
    commands.connect(doc, w, "out", loss, "x")
    adam = commands.add_node(doc, "adam", (400, 0), attrs={"learning_rate": 0.1})
    commands.connect(doc, loss, "out", adam, "loss")
    commands.set_training(doc, optimizer=adam, epochs=1)
    flow.save(doc, tmp_path / "base.flow")
    return flow.load(tmp_path / "base.flow"), flow.load(tmp_path / "base.flow")


def merged(nodeflow, folder, documents, *options):
    for doc, name in zip(documents, ("ours", "theirs"), strict=True):
        flow.save(doc, folder / f"{name}.flow")
    return nodeflow("merge", "base.flow", "ours.flow", "theirs.flow", "-o", "out.flow", *options)


def test_changes_that_go_together_are_merged(nodeflow, tmp_path, documents):
    ours, theirs = documents
    commands.rename(ours, "n2", "loss")
    commands.add_node(ours, "tanh", (0, 300))
    commands.add_node(theirs, "tanh", (0, 200))
    commands.set_attr(theirs, "n3", "learning_rate", 0.2)
    result = merged(nodeflow, tmp_path, documents)
    assert (result.code, result.out) == (0, "")
    assert result.err == "nodeflow: note: theirs' node tanh is now called tanh_1\n"
    found = flow.load(tmp_path / "out.flow")
    assert found.nodes["n3"].attrs["learning_rate"] == 0.2
    assert {n.name for n in found.nodes.values()} >= {"loss", "tanh", "tanh_1"}


def test_conflicts_are_listed_and_keep_the_file_from_training(nodeflow, tmp_path, documents):
    for doc, rate in zip(documents, (0.2, 0.3), strict=True):
        commands.set_attr(doc, "n3", "learning_rate", rate)
    result = merged(nodeflow, tmp_path, documents)
    assert result.code == 1
    assert result.err.splitlines() == [
        "nodeflow: conflict: adam.learning_rate",
        "nodeflow: out.flow has ours and lists 1 conflict",
        "nodeflow: decide them with `nodeflow resolve`",
    ]
    written = json.loads((tmp_path / "out.flow").read_text())
    assert written["conflicts"] == [
        {
            "path": ["node", "n3", "attrs", "learning_rate"],
            "base": 0.1,
            "ours": 0.2,
            "theirs": 0.3,
        }
    ]
    check = nodeflow("check", "out.flow")
    assert check.code == 1 and check.out == (
        "out.flow: error: adam:learning_rate: a merge could not decide: ours 0.2, "
        "theirs 0.3, base 0.1. Decide it with `nodeflow resolve FILE --keep SIDE`.\n"
    )
    train = nodeflow("train", "out.flow", "--tier", "reference")
    assert train.code == 1 and "adam.learning_rate" in train.err
    assert merged(nodeflow, tmp_path, documents, "--json").json["conflicts"] == written["conflicts"]


def test_resolve_lists_conflicts_and_decides_those_that_are_named(nodeflow, tmp_path, documents):
    for doc, rate, epochs in zip(documents, (0.2, 0.3), (5, 6), strict=True):
        commands.set_attr(doc, "n3", "learning_rate", rate)
        commands.set_training(doc, optimizer="n3", epochs=epochs)
    merged(nodeflow, tmp_path, documents)
    listed = nodeflow("resolve", "out.flow")
    assert listed.code == 1 and listed.out.splitlines() == [
        "adam.learning_rate: base 0.1, ours 0.2, theirs 0.3",
        "training.epochs: base 1, ours 5, theirs 6",
    ]
    typo = nodeflow("resolve", "out.flow", "adam.learning_rat", "--keep", "ours")
    assert typo.code == 1 and "adam.learning_rate" in typo.err
    one = nodeflow("resolve", "out.flow", "adam", "--keep", "theirs", "-o", "half.flow")
    assert (one.code, one.err) == (1, "nodeflow: 1 conflict left\n")
    assert flow.load(tmp_path / "half.flow").nodes["n3"].attrs["learning_rate"] == 0.3
    assert len(flow.load(tmp_path / "out.flow").conflicts) == 2
    both = nodeflow("resolve", "half.flow", "--keep", "ours")
    assert (both.code, both.err) == (0, "")
    found = flow.load(tmp_path / "half.flow")
    assert found.conflicts is None and found.training["epochs"] == 5
    assert nodeflow("train", "half.flow", "--tier", "reference").code == 0
    assert nodeflow("resolve", "half.flow").out == ""


def test_resolve_needs_a_side_for_places(nodeflow, tmp_path, documents):
    flow.save(documents[0], tmp_path / "out.flow")
    result = nodeflow("resolve", "out.flow", "adam")
    assert result.code != 0 and "--keep" in result.err


def test_resolve_says_what_it_cannot_decide(nodeflow, tmp_path, documents):
    ours, theirs = documents
    create(ours, ["n1"], "block")
    commands.connect(theirs, "n1", "out", commands.add_node(theirs, "tanh", (200, 200)), "x")
    merged(nodeflow, tmp_path, documents)
    result = nodeflow("resolve", "out.flow", "--keep", "theirs")
    assert result.code == 1 and result.err.splitlines() == [
        "nodeflow: not decided: the wire into tanh:x starts at variable, which is now in the "
        "subgraph `block`. Decide what becomes of that node first, or keep another side.",
        "nodeflow: 1 conflict left",
    ]


def test_a_damaged_side_leaves_the_output_alone(nodeflow, tmp_path, documents):
    (tmp_path / "out.flow").write_text("kept")
    flow.save(documents[0], tmp_path / "ours.flow")
    (tmp_path / "theirs.flow").write_text("{")
    result = nodeflow("merge", "base.flow", "ours.flow", "theirs.flow", "-o", "out.flow")
    assert result.code == 1 and "theirs.flow" in result.err
    assert (tmp_path / "out.flow").read_text() == "kept"


def test_without_a_common_ancestor_both_are_kept(nodeflow, tmp_path, documents):
    commands.set_attr(documents[1], "n1", "value", 4.0)
    for doc, name in zip(documents, ("ours", "theirs"), strict=True):
        flow.save(doc, tmp_path / f"{name}.flow")
    (tmp_path / "empty").touch()
    result = nodeflow("merge", "empty", "ours.flow", "theirs.flow", "-o", "out.flow")
    found = flow.load(tmp_path / "out.flow")
    values = sorted(n.attrs["value"] for n in found.nodes.values() if n.op == "variable")
    assert values == [3.0, 4.0], result.err


def commit(folder, doc, message):
    flow.save(doc, folder / "base.flow")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", message)


@pytest.mark.thorough
@pytest.mark.parametrize("conflict", [False, True])
def test_git_merges_with_it(tmp_path, documents, conflict):
    ours, theirs = documents
    (tmp_path / ".gitattributes").write_text("*.flow merge=flow\n")
    git(tmp_path, "init", "-q")
    driver = f"{sys.executable} -m nodeflow merge %O %A %B -o %A"
    git(tmp_path, "config", "merge.flow.driver", driver)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "base")
    git(tmp_path, "checkout", "-qb", "other")
    commands.set_attr(theirs, "n3", "learning_rate", 0.3)
    commit(tmp_path, theirs, "theirs")
    git(tmp_path, "checkout", "-q", "main")
    commands.rename(ours, "n1", "W")
    if conflict:
        commands.set_attr(ours, "n3", "learning_rate", 0.2)
    commit(tmp_path, ours, "ours")
    done = git(tmp_path, "merge", "-q", "-m", "both", "other")
    found = flow.load(tmp_path / "base.flow")
    assert done.returncode == int(conflict), done.stderr
    assert found.nodes["n1"].name == "W"
    assert found.nodes["n3"].attrs["learning_rate"] == (0.2 if conflict else 0.3)
    assert ("conflicts" in found.extra) is conflict
