"""Ops made of others compute in a session on JAX what they compute by reference.

All of them take long to compile, so a usual run has every twentieth, and NODEFLOW_NIGHTLY all.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("jax")

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.composed import Composed
from tests.integrations.jax.every_op import compare, few

COMPOSED = [op for op in REGISTRY if isinstance(op, Composed)]
CHOSEN = COMPOSED if os.environ.get("NODEFLOW_NIGHTLY") else COMPOSED[::20]


@pytest.mark.thorough
@pytest.mark.parametrize("op", CHOSEN, ids=lambda op: op.id)
def test_a_session_on_jax_equals_the_reference(op):
    for sample in few(op, list(op.samples()))[:3]:
        with nf.Graph() as graph:
            fed = [
                graph.apply("placeholder", dtype=a.dtype.name, shape=a.shape) for a in sample.inputs
            ]
            tensors = list(graph.add_node(op, fed, sample.attrs).outputs)
        found = []
        for options in ({"backend": "jax"}, {"tier": "reference"}):
            with Session(graph, seed=5, **options) as session:
                session.initialize()
                try:
                    feeds = dict(zip(fed, sample.inputs, strict=True))
                    found.append([np.asarray(a) for a in session.run(tensors, feeds)])
                except RunError as error:
                    found.append(str(error))
        compare(op, sample, *found)
