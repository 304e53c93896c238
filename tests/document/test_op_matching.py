"""What a search by an open wire finds, against the ops' own inference on real graphs."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.analysis.wiring.op_matching import gives, takes
from nodeflow.graph.types import COMPLEX, DTYPES, FLOATS, NUMBERS, TensorType, type_of_array
from nodeflow.ops import REGISTRY


def type_of(dtype: str, *shape: int | None) -> TensorType:
    return TensorType(dtype, shape)


@pytest.mark.parametrize(
    ("op", "given", "expected"),
    [
        ("matmul", type_of("float32", None, 784), True),
        ("matmul", type_of("float32"), False),
        ("matmul", type_of("bool", 2, 2), False),
        ("gradient_descent", type_of("float32"), True),
        ("gradient_descent", type_of("float32", 3), False),
        ("conv2d", type_of("float32", None, 28, 28, 1), True),
        ("conv2d", type_of("float32", None, 784), False),
        ("lstm_cell", type_of("float32", None, 28), True),
        ("broadcast_to", type_of("float32", 3), True),  # what it is given decides its attribute
        ("logical_and", type_of("bool", 3), True),
        ("logical_and", type_of("float32", 3), False),
        ("constant", type_of("float32"), False),
        ("gather", type_of("int64", None), True),
        ("one_hot", type_of("int32", None), True),
    ],
)
def test_ops_take_what_their_inference_takes(op, given, expected):
    assert takes(REGISTRY.lookup(op), given) is expected


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("equal", {"bool"}),
        ("argmax", {"int64"}),
        ("softmax", set(FLOATS)),
        ("reduce_any", {"bool"}),
        ("cast", set(DTYPES)),
        ("constant", set(DTYPES)),
        ("identity", set(DTYPES)),
        ("matmul", {*NUMBERS, *COMPLEX}),
        ("accuracy", {"float32"}),
        ("sparse_softmax_cross_entropy", set(FLOATS)),
    ],
)
def test_ops_give_what_their_inference_gives(op, expected):
    assert gives(REGISTRY.lookup(op)) == expected


@pytest.mark.thorough
def test_every_op_with_inputs_takes_something_and_gives_something():
    shapes = [*((4,) * rank for rank in range(5)), (4, 1)]
    kinds = [type_of(dtype, *shape) for dtype in DTYPES for shape in shapes]
    for op in declarations():
        samples = [a for sample in getattr(op, "samples", list)() for a in sample.inputs]
        own = [type_of_array(array) for array in samples]
        assert not op.inputs or any(takes(op, kind) for kind in (*kinds, *own)), op.id
        assert gives(op) or not op.outputs, op.id
