"""Type inference for ops that need the rank of an input of unknown rank: every rank is tried.

The result is the common part of the types for all ranks that the op accepts. A convolution
accepts one rank only, so the rank of its output is known; the maximum along an axis has a different
rank for each input rank. Inference fails if the number of outputs depends on the rank, or if the op
accepts a rank only with known sizes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from nodeflow.errors import NodeflowError, UnknownRank
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.shapes import UNKNOWN, Shape
from nodeflow.graph.types import TensorType

HIGHEST = {1: 8, 2: 6, 3: 4, 4: 3}
"""The highest rank that is tried, by the number of inputs of unknown rank."""


def infer_for_ranks(
    op: NodeDeclaration,
    types: Sequence[TensorType],
    attrs: Mapping[str, Any],
    error: UnknownRank,
) -> tuple[TensorType, ...]:
    """Return the types of the outputs, as far as they are equal for every valid rank.

    Args:
        error: the error of the op for inputs of unknown rank.

    Raises:
        UnknownRank: the op needs the rank; the error names the port.
        GraphError: the inputs are wrong for every rank, always with the same error.
    """
    unknown = [i for i, t in enumerate(types) if not t.has_rank]
    port = op.input_name(unknown[0])
    found: list[tuple[TensorType, ...]] = []
    failures: dict[str, NodeflowError] = {}
    needs_sizes = False
    for ranks in _ranks(len(unknown)):
        by_rank = dict(zip(unknown, ranks, strict=True))
        try:
            found.append(_infer_with(None, op, types, attrs, by_rank))
        except NodeflowError as failure:
            failures.setdefault(failure.message, failure)
            with contextlib.suppress(NodeflowError):
                needs_sizes = needs_sizes or bool(_infer_with(1, op, types, attrs, by_rank))
    if not found and len(failures) == 1:
        raise next(iter(failures.values()))
    if needs_sizes or not found or len({len(outs) for outs in found}) > 1:
        raise UnknownRank(
            f"the rank of {port} is unknown", port=error.port or port, hint=error.hint
        )
    if len(unknown) not in HIGHEST:  # not all combinations were tried
        return tuple(t.with_shape(UNKNOWN) for t in found[0])
    return tuple(map(_common, zip(*found, strict=True)))


def _infer_with(
    size: int | None,
    op: NodeDeclaration,
    types: Sequence[TensorType],
    attrs: Mapping[str, Any],
    ranks: Mapping[int, int],
) -> tuple[TensorType, ...]:
    """Return the output types of an op if its inputs of unknown rank have the given ranks, with
    ``size`` as each of their dimensions.
    """
    tried = list(types)
    for index, rank in ranks.items():
        tried[index] = tried[index].with_shape((size,) * rank)
    result = op.infer(*tried, **attrs)
    return (result,) if isinstance(result, TensorType) else tuple(result)


def _ranks(count: int) -> Iterator[tuple[int, ...]]:
    """Return combinations of ranks for several inputs; only equal ranks if there are too many."""
    highest = HIGHEST.get(count)
    if highest is None:
        return ((rank,) * count for rank in range(max(HIGHEST.values()) + 1))
    return product(range(highest + 1), repeat=count)


def _common(types: Sequence[TensorType]) -> TensorType:
    """Return the most specific type that includes all given types, which have the same dtype.
    Dimensions that differ between them are unknown.
    """
    shapes = {t.shape for t in types}
    return types[0] if len(shapes) == 1 else types[0].with_shape(_common_shape(shapes))


def _common_shape(shapes: set[Shape]) -> Shape:
    if UNKNOWN in shapes or len({len(s) for s in shapes}) > 1:
        return UNKNOWN
    return tuple(dims[0] if len(set(dims)) == 1 else None for dims in zip(*shapes, strict=True))
