"""The fraction of pairs in which a positive scores above a negative (the area under the ROC
curve).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.kernels.expressions import kernel_text, numpy_name
from nodeflow.engine.kernels.kernel import Array, CallKernel, KernelCall
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import PairsInOrder


@handles(PairsInOrder)
class PairsInOrderKernel(CallKernel[PairsInOrder]):
    """The kernel of the fraction of pairs in order, by one pass over the sorted scores."""

    label = "pairs in order"

    def calls(self, lowering: PairsInOrder, types: Sequence[TensorType]) -> list[KernelCall]:
        n = types[0].size or 0
        args = (n, *map(Array, range(len(types))))
        return [KernelCall(pairs_source(types[1].dtype), args, 1, n * 4.0)]


@cache
def pairs_source(dtype: str) -> str:
    """Return the kernel source of the AUC: the fraction of (positive, negative) pairs whose scores
    are ordered correctly. Tied pairs count half.

    Kernel arguments: n, labels, scores, the order that sorts the scores, out (float32).
    """
    name = numpy_name(dtype)
    return kernel_text(
        "slot, store, view1",
        f"""    n, out = slot(args, 0), slot(args, 4)
    labels, scores = view1(slot(args, 1), n, np.uint8), view1(slot(args, 2), n, {name})
    order = view1(slot(args, 3), n, np.int64)
    positives, negatives, twice = 0, 0, 0
    k = 0
    while k < n:
        score = scores[order[k]]
        tied_positives, tied_negatives = 0, 0
        while k < n and scores[order[k]] == score:
            if labels[order[k]]:
                tied_positives += 1
            else:
                tied_negatives += 1
            k += 1
        if score != score:
            break
        twice += tied_positives * (2 * negatives + tied_negatives)
        positives += tied_positives
        negatives += tied_negatives
    if k < n or positives * negatives == 0:
        store(out, np.float32(np.nan))
    else:
        store(out, np.float32(np.float64(twice) / np.float64(2 * positives * negatives)))
""",
    )
