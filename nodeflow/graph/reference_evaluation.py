"""Computation of an op in numpy by its reference. Half floats are computed in float32.

float16 and bfloat16 are formats for storage. Arithmetic on them uses float32, and the result of an
op is rounded once. So a sum of many numbers is accumulated in float32, and a reference needs no
special case for these dtypes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.inference.infer_types import infer_outputs
from nodeflow.graph.op import Op
from nodeflow.graph.types import is_half, numpy_dtype, type_of_array


def evaluate(op: Op, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any], **given: Any) -> Any:
    """Compute an op by its reference implementation on arrays, with complete attributes. Return the
    result.

    If the op computes half floats in float32, convert the arrays before and round the result.

    Args:
        given: further arguments of some ops, such as ``stream``.
    """
    if not op.widens or not any(is_half(a.dtype) for a in arrays):
        return op.reference(*arrays, **attrs, **given)
    types = infer_outputs(op, [type_of_array(a) for a in arrays], attrs)
    wide = [a.astype(np.float32) if is_half(a.dtype) else a for a in arrays]
    result = op.reference(*wide, **attrs, **given)
    if result is None:
        return None
    results = result if isinstance(result, (tuple, list)) else (result,)
    with np.errstate(all="ignore"):
        rounded = [_rounded(r, numpy_dtype(t.dtype)) for r, t in zip(results, types, strict=True)]
    return rounded if isinstance(result, (tuple, list)) else rounded[0]


def _rounded(result: Any, dtype: np.dtype) -> np.ndarray:
    array = np.asarray(result)
    return array.astype(dtype, copy=False) if is_half(dtype) else array
