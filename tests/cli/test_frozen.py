"""A layer and an instance of a subgraph are frozen by `--set`."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import load_file

from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from tests.train.test_frozen_weights import network


@pytest.mark.thorough
@pytest.mark.parametrize("node", ["first", "part"])
def test_a_frozen_node_keeps_its_weights(nodeflow, tmp_path: Path, node: str) -> None:
    path = tmp_path / "net.flow"
    document = network()
    if node == "part":
        create(document, [document.node_named("first").id], "part")
    flow.save(document, path)
    saved = {}
    for epochs, kept in ((1, "once"), (2, "twice")):
        target = tmp_path / f"{kept}.safetensors"
        done = nodeflow("train", path, "--set", f"{node}.trainable=false", "--no-run",
                        "--set", f"training.epochs={epochs}", "--save-weights", target)  # fmt: skip
        assert done.code == 0, done.err
        saved[kept] = load_file(target)
    same = {n for n, value in saved["once"].items() if (value == saved["twice"][n]).all()}
    assert {n for n in same if not n.startswith("train/")} == {
        n for n in saved["once"] if "first/" in n and not n.startswith("train/")
    }
