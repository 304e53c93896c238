"""The command line says once that nodes with another device are computed on the CPU."""

from __future__ import annotations

import nodeflow as nf
from nodeflow.ops.graph_building import device


def test_a_run_notes_devices_on_standard_error(nodeflow, tmp_path):
    with nf.Graph() as graph, device("/gpu:0"):
        nf.square(nf.constant(3.0), name="y")
    nf.save(graph, tmp_path / "a.flow")
    result = nodeflow("run", "a.flow")
    assert result.code == 0 and result.out == "y = 9.0\n"
    assert result.err.count("the device of 2 nodes is kept in the file") == 1
