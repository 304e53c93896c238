"""Ops that JAX cannot compute, each with the reason. A graph with such an op is refused with an
error that names the node.

Every other op of the registry has a rule, or a lowering that has one.
"""

from __future__ import annotations

_MASK = "Use where, or multiply by the mask, so that sizes stay."
_BOXES = "Take a fixed number of boxes with top_k of their scores."

REFUSED: dict[str, tuple[str, str]] = {
    "boolean_mask": ("how many slices a mask chooses, only its values tell", _MASK),
    "nonzero": ("how many elements are not 0, only their values tell", _MASK),
    "unique_with_counts": (
        "how many elements differ, only their values tell",
        "Use unique with a size, which pads what it finds.",
    ),
    "non_max_suppression": ("how many boxes remain, only their values tell", _BOXES),
    "batched_non_max_suppression": ("how many boxes remain, only their values tell", _BOXES),
    "py_func": (
        "what a Python function returns, only a call tells",
        "Write it with ops, or declare it as an op of your own with the types that it returns.",
    ),
}
"""For each op, the reason and a hint."""
