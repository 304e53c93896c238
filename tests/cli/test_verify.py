"""``nodeflow verify``: one line that says whether another program computes the same."""

from __future__ import annotations

import pytest

from nodeflow.resources import example


def test_a_graph_is_verified(nodeflow):
    result = nodeflow("verify", example("mnist_layers"), "--tier", "reference")
    assert result.code == 0, result.err
    assert result.out.startswith("verified, largest difference ") and " at node " in result.out


@pytest.mark.thorough
def test_as_json(nodeflow):
    result = nodeflow("verify", example("mnist_cnn"), "--tier", "reference", "--json")
    assert result.json["verified"] and result.json["difference"] < 1e-5
    assert result.json["left_out"] == {}


def test_a_missing_feed_is_named(nodeflow, tmp_path):
    import nodeflow as nf

    with nf.Graph() as graph:
        nf.relu(nf.placeholder("float32", [None, 2], name="x"), name="y")
    nf.save(graph, tmp_path / "g.flow")
    result = nodeflow("verify", "g.flow")
    assert result.code == 1 and "x" in result.err and "feed" in result.err
