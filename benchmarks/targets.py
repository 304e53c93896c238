"""The targets of each case: a share of a peer's time, or a time near the machine's limit.

The page about performance shows for each row whether it is met (report.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from row_workloads import CASES as ROWS
from workloads import TRAINING

AT_LIMIT = 1.15
"""A row within this multiple of its limit counts as met."""
EQUAL = 1.03
"""Tolerance of a target of 1.00: two runs of one program differ by as much."""


@dataclass(frozen=True)
class Target:
    """At most ``ratio`` of a peer's median; with ``best_calls``, also at most that ratio of best
    calls."""

    peer: str
    ratio: float
    best_calls: float | None = None

    def is_met(self, ratios: Mapping[str, float], best: Mapping[str, float]) -> bool | None:
        """Return whether it is met, or None if the peer did not run or cannot be compared."""
        if self.peer not in ratios:
            return None
        most = EQUAL if self.ratio == 1.0 else self.ratio
        calls = self.best_calls is None or best[self.peer] <= self.best_calls
        return round(ratios[self.peer], 2) <= most and calls


BEST = "best_stepwise"
_MNIST = {"mnist": 0.60, "mnist_10": 0.45, "mnist_1000": 0.70, "adam": 0.48, "momentum": 0.48}
_FAMILIES = {
    "transformer": (Target(BEST, 0.85),),
    "causal": (Target(BEST, 0.85),),
    "gru": (Target(BEST, 0.75),),
    "deep_cnn": (Target("torch", 0.60), Target("tensorflow", 0.60)),
    "matmul": (Target(BEST, 1.00),),
    "elementwise": (Target(BEST, 0.90),),
    "reduce": (Target(BEST, 0.85),),
    "infer_mlp": (Target("onnxruntime", 1.00), Target("torch", 0.70)),
    "infer_cnn": (Target("onnxruntime", 1.00), Target("torch", 0.70)),
    "infer_lstm": (Target("onnxruntime", 1.30), Target("torch", 0.70), Target(BEST, 0.75)),
    "infer_transformer": (Target("onnxruntime", 1.30), Target("torch", 0.70)),
}
_SINGLE = {
    "elem": (Target(BEST, 0.90),),
    "chain": (Target("jax", 0.20, best_calls=0.50),),
    "wide": (Target(BEST, 0.90),),
    "rnn": (Target(BEST, 0.75),),
    "word2vec_50000": (Target("torch", 0.70),),
    "word2vec_touched_50000": (Target("torch", 0.70),),
    "word2vec_touched_1000000": (Target("torch", 0.70),),
}
_ROWS = (Target(BEST, 1.00), Target("numpy", 1.00))


def targets(case: str, cpu: str | None, load: int = 0) -> tuple[Target, ...]:
    """Return the targets of a case; empty if it has none.

    Beside busy processes all cases have the same target: the time of the best peer. The target for
    onnxruntime stays the same as without busy processes.
    """
    if load:
        scan = (Target("jaxscan", 1.00),) if case in (*TRAINING, "rnn") else ()
        return (
            Target(BEST, 1.00),
            *scan,
            *(t for t in targets(case, cpu) if t.peer == "onnxruntime"),
        )
    if case in TRAINING:
        own = (Target(BEST, _MNIST[case]),) if case in _MNIST else ()
        return (*own, Target("jaxscan", 0.90))
    if case == "cnn":
        return Target("torch", 0.60), Target("tensorflow", 0.60 if cpu == "avx2" else 0.85)
    if case in ROWS:
        return _ROWS
    if case in _SINGLE:
        return _SINGLE[case]
    family = max((f for f in _FAMILIES if case.startswith(f"{f}_")), key=len, default="")
    return _FAMILIES.get(family, ())


LOCAL = {
    "first step after Train, cold cache": 0.5,
    "first compiled step after Train, cold cache": 1.5,
    "first compiled step after Train, warm cache": 0.1,
    "first trained step of nodeflow train --tier auto, cold cache": 1.0,
    "planning 10000 nodes": 0.3,
    "planning 100000 nodes": 2.5,
    "1000 layers of distinct formulas": 30.0,
    "1000 layers of distinct sizes": 30.0,
    "resident while training MNIST, less the data": 250.0,
}
"""Seconds, or MB, of the cases without peers."""
