"""The machine's own limits: the least bytes and operations of a case, at measured rates.

The rate of operations is the fastest that any library reaches in this run for any product of its
dtype. Bytes move at the speed of the fastest copy of an equally large working set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import model_workloads as models
import numpy as np
import row_workloads as rows
import workloads
from turns import Failed, Worker, take_turns

SECONDS, ROUNDS = 0.15, 3
COPIED = tuple(1 << k for k in range(16, 27))
"""Working sets that are copied, in bytes: half is read, half written. There is one for every power
of two, because a set that fits into a core's second cache is several times as fast as a set of
twice that size."""


@dataclass(frozen=True)
class Cost:
    """The least that a case must do: operations, bytes, and the size of its working set in
    memory."""

    flops: float
    bytes: float
    working_set: float = 0.0
    dtype: str = "float32"


MOVES = {"sgd": 2, "momentum": 4, "adam": 6}
"""How often an update reads or writes a number for each weight: the weight itself and its means."""


def cost(case: str) -> Cost | None:
    """Return the cost of a case, or None if a limit says nothing, as for many calls of tiny
    kernels."""
    kind = case.split("_")[0]
    if case in models.PRODUCTS:
        _, shape, dtype = case.split("_")
        count, m, n, k = models.SHAPES[shape]
        moved = count * (m * k + k * n + m * n) * np.dtype(dtype).itemsize
        return Cost(2.0 * count * m * n * k, moved, moved, dtype)
    if case in models.FORMULAS:
        _, _, size, dtype = case.split("_")
        moved = 2 * models.BYTES[size]
        return Cost(0, moved, moved * {"4K": 64, "256K": 4, "16M": 1}[size], dtype)
    if case in models.TRAINED:
        model = models.TRAINED[case]
        rule = {"deep": "momentum" if "cnn" in case else "adam", "gru": "sgd"}.get(kind, "adam")
        weights = 4 * sum(w.size for w in model.weights().values())
        return Cost(model.flops(), weights * MOVES[rule], weights * MOVES[rule] / 2)
    if case in models.INFER:
        return Cost(models.inference_flops(case), 0)
    if case in workloads.TRAINING:
        rule, batch = workloads.training_case(case)
        weights = 4 * (785 * 300 + 301 * 10)
        flops = 2 * batch * (2 * 784 * 300 + 3 * 300 * 10)
        return Cost(flops, weights * MOVES[rule] + batch * 784, weights * MOVES[rule] / 2)
    if case in workloads.WORDS:
        named = 2 * workloads.WORDS_BATCH + workloads.WORDS_FAR
        products = 6 * workloads.WORDS_BATCH * workloads.WORDS_FAR * workloads.WORDS_WIDTH
        rule, width = workloads.words_rule(case), workloads.WORDS_WIDTH
        if rule == "adam":  # the means of all rows decay
            moved = 2 * 4 * int(case.rpartition("_")[2]) * width * MOVES[rule]
            return Cost(products, moved, moved / 2)
        return Cost(products, 4 * named * width * MOVES[{"touched": "adam"}.get(rule, rule)], 64e6)
    if case in rows.CASES:
        moved = rows.moved_bytes(case)
        return Cost(0, moved, moved)
    if kind == "reduce":
        return Cost(0, 64 * 256 * 250 * 4, 64 * 256 * 250 * 4)
    return {
        "elem": Cost(0, 48e6, 48e6),
        "wide": Cost(2.0 * 128 * 256 * 128 * 64, 64 * 256 * 128 * 4, 64 * 256 * 128 * 4),
        "rnn": Cost(2.0 * 32 * 50 * 512 * (3 * 128 + 2 * 28), 0),
        "cnn": Cost(64 * 2.0 * 25 * (2 * 28 * 28 * 32 + 3 * 14 * 14 * 32 * 64), 0),
    }.get(case)


@dataclass
class Limits:
    """The rates that have been measured so far."""

    flops: dict[str, float] = field(default_factory=dict)
    copies: dict[int, float] = field(default_factory=dict)

    @staticmethod
    def of(rates: Mapping[str, Mapping[str, float]]) -> Limits:
        """Return the limits from which ``rates`` were written."""
        flops = {k: v * 1e3 for k, v in rates["gflops"].items()}
        return Limits(flops, {int(k): v * 1e3 for k, v in rates["copy_gb_per_s"].items()})

    def rates(self) -> dict[str, dict[str, float]]:
        """Return the rates to write down: 10^9 operations and GB per second."""
        return {
            "gflops": {k: round(v / 1e3, 1) for k, v in self.flops.items()},
            "copy_gb_per_s": {str(k): round(v / 1e3, 1) for k, v in self.copies.items()},
        }

    def measure(self, workers: Sequence[Worker]) -> None:
        """Measure copies of all sizes and a large product of each dtype, in each library that has
        them."""
        for size in COPIED:
            self._fastest(f"copy_{size}", workers)
        for dtype in models.KINDS:
            self._fastest(f"matmul_1024_{dtype}", workers)

    def _fastest(self, case: str, workers: Sequence[Worker]) -> None:
        able = []
        for worker in workers:
            try:
                worker.prepare(case)
                able.append(worker)
            except Failed:
                continue
        take_turns(case, able, ROUNDS, SECONDS)
        for worker in able:
            self.learn(case, worker.median(case))

    def learn(self, case: str, us: float) -> None:
        """Take in a time, which may raise a rate."""
        if case.startswith("copy_"):
            size = int(case.removeprefix("copy_"))
            self.copies[size] = max(self.copies.get(size, 0), size / us)
        elif case in models.PRODUCTS and (spent := cost(case)) is not None:
            reached = spent.flops / us
            self.flops[spent.dtype] = max(self.flops.get(spent.dtype, 0), reached)

    def us(self, case: str) -> float | None:
        """Return the microseconds that no library can undercut."""
        spent = cost(case)
        if spent is None or not self.copies or not self.flops:
            return None
        size = min(COPIED, key=lambda s: abs(math.log(s / max(spent.working_set, 1.0))))
        return max(spent.bytes / self.copies[size], spent.flops / self.flops[spent.dtype])
