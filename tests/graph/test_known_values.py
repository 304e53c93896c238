"""Integers that are followed through inference: never wrong, and known where they follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.types import TensorType

F = nf.functions
MOVES: list[Callable[[nf.Tensor], nf.Tensor]] = [
    lambda v: v * 2 + 1,
    lambda v: v[1:],
    lambda v: v[::2],
    lambda v: F.concat([v, nf.constant([3, 4])], axis=0),
    lambda v: F.maximum(v, 4),
    lambda v: F.minimum(v, 5),
    lambda v: v // 2,
    lambda v: v % 3,
    lambda v: F.reshape(F.reduce_prod(v), shape=[1]),
    lambda v: F.reshape(F.reduce_max(v), shape=[1]),
    lambda v: F.cast(F.cast(v, dtype="int64") - 1, dtype="int32"),
    lambda v: F.gather(v, nf.constant([0, 0])),
    lambda v: F.squeeze(F.expand_dims(v, axis=1), axis=1),
    lambda v: nf.zeros_like(v) + v,
    lambda v: F.tile(v, [2]),
]


@pytest.mark.thorough
@given(
    st.lists(st.one_of(st.none(), st.integers(1, 5)), min_size=1, max_size=4),
    st.lists(st.integers(0, len(MOVES) - 1), max_size=6),
    st.lists(st.integers(1, 5), min_size=4, max_size=4),
)
@settings(max_examples=150)
def test_what_is_known_is_what_a_run_finds(
    shape: list[int | None], moves: list[int], fed: list[int]
) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", shape)
        vectors = [nf.shape(x)]
        for move in moves:
            if vectors[-1].shape[0] != 0:
                vectors.append(MOVES[move](vectors[-1]))
    real = [f if d is None else d for d, f in zip(shape, fed, strict=False)]
    with Session(graph, tier="reference") as session:
        found = session.run(vectors, {x: np.zeros(real, "float32")})
        _, plan = session._prepared.executors.popitem()
    for vector, values in zip(vectors, found, strict=True):
        known = vector.type.value
        if known is not None:
            assert len(known) == len(values)
            assert all(k in (None, int(v)) for k, v in zip(known, values, strict=True))
        if None not in shape:
            assert known == tuple(values.tolist()), "all sizes are known while it is built"
    types = dict(zip(plan.schedule.slots, plan.types, strict=True))
    for vector, values in zip(vectors, found, strict=True):
        assert types[vector].value == tuple(values.tolist()), "a run knows all of it"


def test_elements_are_known_apart() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 28, 28])
        sizes = nf.shape(x)
        assert sizes.type.value == (None, 28, 28)
        assert (sizes[1] * sizes[2]).type.value == (784,)
        assert (sizes[0] * sizes[2]).type.value is None
        assert F.reshape(x, [sizes[0], sizes[1] * sizes[2]]).shape == (None, 784)
        n = nf.placeholder("int32", [])
        assert nf.zeros([n, 3]).shape == (None, 3)
        assert nf.rank(x).type.value == (3,)
        assert nf.size(x).type.value is None
        assert nf.size(x, axis=[1, 2]).type.value == (784,)


@pytest.mark.parametrize("op", ["negative", "cumsum", "sort", "relu"])
def test_what_is_not_followed_is_not_known(op: str) -> None:
    """An op that returns its input's type does not keep its input's values."""
    declared = nf.REGISTRY.lookup(op)
    given = TensorType("int32", (3,), (3, 1, 2))
    (out,) = infer_types(declared, [given], declared.bind_attrs({}))
    assert out.value in (None, tuple(np.negative([3, 1, 2]).tolist()))


def test_floats_and_large_constants_are_not_followed() -> None:
    with nf.Graph():
        assert nf.constant([1.0, 2.0]).type.value is None
        assert nf.constant(np.arange(100)).type.value is None
        assert nf.constant([1, 2]).type.value == (1, 2)
