"""A second, small evaluator, independent of the engine: runs references in graph order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import nodeflow as nf
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.reference_evaluation import evaluate as reference_of
from nodeflow.graph.types import dtype_name, is_half

Arrays = Mapping[Tensor, np.ndarray]


class NumpyStream:
    """Stands in for the engine's random stream."""

    def __init__(self, seed: int = 7) -> None:
        self.generator = np.random.default_rng(seed)

    def uniform(self, shape: Sequence[int], dtype: str) -> np.ndarray:
        return self.generator.random(shape).astype(dtype)

    def normal(self, shape: Sequence[int], dtype: str) -> np.ndarray:
        return self.generator.standard_normal(shape).astype(dtype)

    def truncated_normal(self, shape: Sequence[int], dtype: str) -> np.ndarray:
        return np.clip(self.generator.standard_normal(shape), -2, 2).astype(dtype)


def assert_equal(found: np.ndarray, expected: np.ndarray) -> None:
    """Elements are equal, NaN and NaN too; numpy does not know that bfloat16 has NaN."""
    np.testing.assert_array_equal(*(widened(a) for a in (found, expected)))


def widened(array: np.ndarray) -> np.ndarray:
    """Half floats as float32, anything else as it is."""
    return array.astype(np.float32) if is_half(array.dtype) else array


def evaluate(tensors: Sequence[Tensor], given: Arrays) -> list[np.ndarray]:
    """The values of tensors, taking those in ``given`` as they are (variables start anew)."""
    wanted = [resolve(t) for t in tensors]
    known = dict(given)
    needed = ancestors([t.node for t in wanted])
    for node in sorted(needed, key=lambda n: n.index):
        if not node.op.macro and not all(t in known for t in node.outputs):
            outputs = run_reference(node.op, [known[resolve(t)] for t in node.inputs], node.attrs)
            known.update(zip(node.outputs, outputs, strict=True))
    return [known[t] for t in wanted]


def resolve(tensor: Tensor) -> Tensor:
    """The tensor that a macro node's output stands for."""
    while tensor.node.alias:
        target = tensor.node.alias[tensor.index]
        assert target is not None, f"{tensor.name} stands for nothing"
        tensor = target
    return tensor


def run_reference(op: Op, arrays: Sequence[np.ndarray], attrs: Mapping) -> list[np.ndarray]:
    """An op's outputs as a list."""
    extra = {"stream": NumpyStream()} if op.random else {}
    result = reference_of(op, arrays, attrs, **extra)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def build(
    op: Op, sample: Sample, *, unknown: bool | tuple[int, ...] = False
) -> tuple[Node, list[Tensor]]:
    """A new graph with one application of ``op`` to placeholders.

    Args:
        unknown: whether all sizes are unknown, or only those axes of the first input.
    """
    graph = nf.Graph()
    inputs = []
    for index, array in enumerate(sample.inputs):
        axes = range(array.ndim) if unknown is True else unknown if unknown and not index else ()
        shape = [None if a in axes else d for a, d in enumerate(array.shape)]
        inputs.append(
            graph.apply(
                "placeholder", dtype=dtype_name(array.dtype), shape=shape, name=f"in{index}"
            )
        )
    return graph.add_node(op, inputs, sample.attrs), inputs
