"""Every op treats the rows of a batch alone, joins them, or stands here with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from nodeflow.graph.op import Op
from tests.engine.rows.test_ops import OPS, build, flow_at, placements

SAMPLES = 40
LEAST = 400
"""So many ops, at least, do not mix rows."""

SIZES_FROM_VALUES = "how many elements come out depends on values"
COMPARES = "each row is compared with the others"
BY_NUMBER = "rows change places by numbers"
A_SHAPE = "its input is a shape, not a batch"
NO_INPUT = "nothing of a batch goes in"
SIX_INPUTS = "rows have to be in more inputs than `placements` tries"

ALL_ROWS = {
    SIZES_FROM_VALUES: (
        "boolean_mask", "nonzero", "unmask_like", "unique_with_counts", "non_max_suppression",
        "batched_non_max_suppression",
    ),
    COMPARES: ("unique", "auc"),
    BY_NUMBER: ("tensor_scatter", "random_shuffle", "random_crop"),
    A_SHAPE: (
        "fill", "random_normal", "truncated_normal", "random_uniform", "random_gumbel",
        "random_gamma", "random_beta", "random_poisson", "orthogonal", "glorot_uniform",
        "glorot_normal", "he_uniform", "he_normal", "variance_scaling", "uniform_unit_scaling",
    ),
    SIX_INPUTS: ("tiled_attention_gradient",),
    NO_INPUT: (
        "eye", "constant", "placeholder", "sinusoidal_positions", "range", "unit_forget_bias",
        "identity_matrix", "fill_in_order", "stored", "initialize", "linear_to_mel_weight_matrix",
        "hann_window", "hamming_window", "group", "summary/scalar", "summary/histogram",
        "summary/image", "summary/text", "summary/merge",
    ),
}  # fmt: skip
"""What needs all rows, or has none. What follows such an op may have rows of its own."""


def treats_rows_alone(op: Op) -> bool:
    """Whether rows along the first axes of some of its inputs are not mixed, in some sample."""
    return any(not mixed for mixed in _mixed(op))


def _mixed(op: Op) -> Iterator[bool]:
    for sample in islice(op.samples(), SAMPLES):
        for axes in placements(replace(sample, inputs=tuple(map(np.asarray, sample.inputs)))):
            if 0 in axes:
                _, feeds, outs = build(op, sample)
                if (found := flow_at(outs, feeds, axes)) is not None:
                    yield found.first_mixing is not None


@pytest.mark.thorough
def test_every_op_decides() -> None:
    listed = [op for ops in ALL_ROWS.values() for op in ops]
    decided = {op.id for op in OPS if treats_rows_alone(op)}
    assert {op.id for op in OPS} - decided == set(listed)
    assert len(listed) == len(set(listed)) and len(decided) >= LEAST
