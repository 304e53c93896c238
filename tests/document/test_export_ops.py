"""Exported Python: every op whose function has TensorFlow 1's arguments comes back as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import dtype_name
from nodeflow.ops import functions as F

OPS = [
    op
    for op in REGISTRY
    if nf.LAZY.get(op.id, "").startswith("nodeflow.ops.namespaces")
]  # fmt: skip


def node_of(graph: nf.Graph) -> nf.Node:
    return graph.node("made")


@pytest.mark.sample(15)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.id)
def test_an_op_comes_back_as_it_was(op: Op) -> None:
    for sample in op.samples():
        graph = nf.Graph()
        with graph:
            getattr(F, op.id)(*arguments(op, sample), **attributes(op, sample), name="made")
        doc = from_graph(graph)
        record = doc.node_named("made")
        assert record is not None
        exported = nf.Graph()
        with exported:
            exec(python_code(doc, record.id), {})
        before, after = node_of(graph), node_of(exported)
        assert after.op.id == op.id
        assert repr(after.attrs) == repr(before.attrs), sample
        assert [t.type for t in after.outputs] == [t.type for t in before.outputs]


def arguments(op: Op, sample: Sample) -> list[Any]:
    inputs: list[Any] = [
        nf.placeholder(dtype_name(a.dtype), a.shape, name=f"in{i}")
        for i, a in enumerate(sample.inputs)
    ]
    return [inputs] if op.variadic else inputs


def attributes(op: Op, sample: Sample) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in sample.attrs.items()}
