"""Devices: named as in TensorFlow 1, kept with the nodes and in files, and said once."""

from __future__ import annotations

import warnings

import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.document.to_graph.build import build
from nodeflow.errors import GraphError
from nodeflow.graph.devices import DeviceKept
from nodeflow.ops.graph_building import device


def test_nodes_have_the_device_that_is_open():
    with nf.Graph() as graph:
        free = nf.constant(1.0)
        with device("/gpu:1"):
            first = nf.square(free)
            with graph.device("/job:worker/task:3"):
                inner = nf.add(first, 2.0)
            with device("/cpu:0"):
                other = nf.square(inner)
            with device(None):
                none = nf.square(other)
            last = nf.square(none)
    assert free.device == none.device == ""
    assert first.device == last.device == first.op.device == "/device:GPU:1"
    assert inner.device == "/job:worker/task:3/device:GPU:1"
    assert other.device == "/device:CPU:0"


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("/cpu:0", "/device:CPU:0"),
        ("gpu:2", "/device:GPU:2"),
        ("/GPU", "/device:GPU:0"),
        ("/device:XLA_CPU:1", "/device:XLA_CPU:1"),
        ("/replica:1/job:ps/task:0", "/job:ps/replica:1/task:0"),
        ("/job:ps/task:7/device:gpu:3", "/job:ps/task:7/device:GPU:3"),
        ("", ""),
    ],
)
def test_names_of_devices_are_written_in_full(given, full):
    with nf.Graph(), device(given):
        assert nf.constant(1.0).device == full


@pytest.mark.parametrize("wrong", ["x", "/gpu:x", "/cpu:0/gpu:1", "/task:a", 3, lambda op: "/cpu"])
def test_what_is_no_device_is_refused(wrong):
    with nf.Graph() as graph, pytest.raises(GraphError, match="device") as error, device(wrong):
        pass
    assert "/gpu:" in str(error.value)
    with graph:
        assert nf.constant(1.0).device == ""


def test_a_file_keeps_devices(tmp_path):
    with nf.Graph() as graph, device("/gpu:0"):
        x = nf.variable([1.0, 2.0], name="x")
        nf.gradient_descent(nf.reduce_sum(x), learning_rate=0.1, name="train")
    nf.save(graph, tmp_path / "a.flow")
    assert (tmp_path / "a.flow").read_text().count('"device": "/device:GPU:0"') == 3
    loaded = nf.load(tmp_path / "a.flow")
    assert {n.name: n.device for n in loaded.nodes} == {n.name: n.device for n in graph.nodes}


def test_scopes_on_different_devices_are_not_alike(tmp_path):
    with nf.Graph() as graph:
        x = nf.constant(1.0)
        for number in range(2):
            with nf.name_scope("tower"), device(f"/gpu:{number}"):
                nf.square(nf.square(nf.square(x)))
    nf.save(graph, tmp_path / "a.flow")
    doc = flow.load(tmp_path / "a.flow")
    assert not doc.subgraphs and len(doc.frames) == 2
    loaded = nf.load(tmp_path / "a.flow")
    assert {n.name: n.device for n in loaded.nodes} == {n.name: n.device for n in graph.nodes}


def test_a_device_that_is_none_in_a_file_is_kept_and_ignored():
    text = (
        '{"format": "nodeflow", "version": 3, "nodes": [{"id": "n1", "op": "constant", '
        '"name": "a", "attrs": {"value": 1.0}, "pos": [0, 0], "device": "nowhere at all"}]}'
    )
    doc = flow.loads(text)
    assert build(doc).graph.node("a").device == ""
    assert '"device": "nowhere at all"' in flow.dumps(doc)


def test_the_engine_says_once_that_it_computes_on_the_cpu():
    with nf.Graph() as graph:
        with device("/cpu:0"):
            x = nf.constant(3.0)
        y = nf.square(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nf.Session(graph).run(y) == 9  # there is nothing to say
    with nf.Graph() as graph, device("/gpu:0"):
        y = nf.square(nf.constant(3.0))
    with pytest.warns(DeviceKept, match="on the CPU; the device of 2 nodes is kept in the file"):
        assert nf.Session(graph).run(y) == 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nf.Session(graph).run(y) == 9
