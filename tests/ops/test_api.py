"""The Python API: every op as a function, scopes, lazy parts, and quick to import."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError, UnknownName
from nodeflow.graph.registry import REGISTRY

BY_HAND = {op.id for op in REGISTRY} & {*nf.__all__, *nf.LAZY}
"""Ops whose function in `nf` is not made from the registry."""


@pytest.mark.thorough
def test_every_op_is_a_function_with_its_documentation() -> None:
    for op in REGISTRY:
        if "/" in op.id:
            continue  # functions of a namespace
        function = getattr(nf, op.id)
        assert op.id in dir(nf)
        if op.id in BY_HAND:
            continue  # written by hand
        assert function.__doc__ == op.doc
        names = list(inspect.signature(function).parameters)
        settings = {a.name for a in op.attrs}
        attrs = [a.name for a in op.attrs if a.name not in op.twins]
        ports = [p.name for p in op.inputs if not (p.keyword and p.name in settings)]
        assert names == [*ports, *attrs, "name"]  # a setting by keyword may be a tensor


def test_attributes_may_follow_the_inputs() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 4], name="x")
        assert nf.reduce_sum(x, 1).shape == (None,)
        assert nf.clip_by_value(x, -1.0, 2.0).node.attrs["max"] == 2.0
        assert [t.shape for t in nf.split(x, 2, axis=1)] == [(None, 2), (None, 2)]
        assert nf.concat([x, x], 1).shape == nf.concat(x, x, axis=1).shape == (None, 8)
        assert nf.random_normal([2, 3], stddev=0.1).shape == (2, 3)
        assert nf.where(x > 0, x=x, y=0).type == x.type
        with pytest.raises(GraphError, match="at most"):
            nf.relu(x, x, x)
        with pytest.raises(GraphError, match="twice"):
            nf.reduce_sum(x, 1, axis=0)


def test_the_tutorials_program_builds() -> None:
    with nf.Graph() as g:
        b = nf.placeholder("float32", [None, 1], name="b")
        c = nf.variable(1.0, name="c")
        a = nf.multiply(b + c, c + 2, name="a")
    assert a.type == nf.TensorType("float32", (None, 1))
    assert [n.name for n in g.nodes] == ["b", "c", "add", "constant", "add_1", "a"]


def test_zeros_and_ones() -> None:
    with nf.Graph():
        assert nf.zeros([2, 3]).type == nf.TensorType("float32", (2, 3))
        assert nf.ones([2], "bool").node.attrs["value"] is True
        assert nf.zeros([2], np.int64).dtype == "int64"


def test_group_runs_nodes_and_tensors() -> None:
    with nf.Graph():
        v = nf.variable(1.0)
        step = nf.gradient_descent(v * v)
        both = nf.group(step, nf.assign(v, 0.0), name="both")
    assert both.outputs == ()
    assert both.control_inputs == (step,)
    assert [t.name for t in both.inputs] == ["assign"]


def test_scopes_and_control_dependencies() -> None:
    with nf.Graph():
        v = nf.variable(1.0, name="v")
        first = nf.assign(v, 2.0)
        with nf.name_scope("layer"), nf.control_dependencies([first]):
            after = v + 1
    assert after.name == "layer/add"
    assert after.node.control_inputs == (first.node,)


def test_unknown_names_get_suggestions() -> None:
    with pytest.raises(AttributeError, match="Did you mean matmul"):
        nf.matmull  # noqa: B018
    with nf.Graph() as graph:
        nf.constant(1.0, name="weights")
        with pytest.raises(UnknownName, match="Did you mean weights"):
            graph.node("weight")


def test_import_is_light() -> None:
    """Neither scipy, numba nor Qt comes with ``import nodeflow``."""
    heavy = ("numba", "llvmlite", "scipy", "PySide6", "pyqtgraph", "nodeflow.engine")
    code = f"import sys, nodeflow; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
