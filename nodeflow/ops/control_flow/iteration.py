"""One iteration of a loop, or the branch that runs, with the value of every node inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.graph.op import Op
from nodeflow.graph.session_hooks.interrupt import check_interrupt
from nodeflow.ops.control_flow.scan import Parts
from nodeflow.ops.control_flow.scan_body import Ran, run_body


@dataclass(frozen=True)
class Iteration:
    """The results of one iteration.

    Attributes:
        number: number of the iteration, from 0; for a scan, the number of its slice.
        count: number of iterations; 1 for a branch.
        ran: computed nodes, by their names inside.
        taken: for a branch, whether the condition is true; else None.
        outputs: outputs of the iteration: the carried values and its results.
    """

    number: int
    count: int
    ran: Mapping[str, Ran]
    taken: bool | None = None
    outputs: Sequence[np.ndarray] = ()


def watch(
    op: Op,
    attrs: Mapping[str, Any],
    arrays: Sequence[np.ndarray],
    stream: Any,
    number: int | None = None,
) -> Iteration:
    """Run a ``cond``, ``while_loop`` or ``scan`` again, and return one iteration.

    Args:
        arrays: inputs of the op.
        number: number of the iteration. None, or a number past the end, means the last one.

    Raises:
        RunError: a node inside fails.
    """
    seen: list[Ran] = []
    if op.id == "cond":
        taken = bool(arrays[0])
        body = attrs["true_body" if taken else "false_body"]
        made = run_body(body, arrays[1:], stream, 0, seen)
        return Iteration(0, 1, _by_name(seen), taken, made)
    find: Callable[..., tuple[int, int, list[np.ndarray]]]
    find = _in_while if op.id == "while_loop" else _in_scan
    at, count, given = find(attrs, arrays, stream, number)
    if op.id == "while_loop":
        run_body(attrs["cond"], given, stream, at, seen)
    made = run_body(attrs["body"], given, stream, at, seen) if count else []
    return Iteration(at, count, _by_name(seen), outputs=made)


def _by_name(seen: Sequence[Ran]) -> dict[str, Ran]:
    return {ran.node.name or ran.node.op.short_id: ran for ran in seen}


def _in_while(
    attrs: Mapping[str, Any], arrays: Sequence[np.ndarray], stream: Any, number: int | None
) -> tuple[int, int, list[np.ndarray]]:
    """Run a while loop in numpy. Return the index of the chosen iteration, the number of iterations
    that ran, and the inputs of the chosen iteration.

    Args:
        number: index of the iteration; the last one if it is None or too large.
    """
    carried, limit = attrs["carried"], attrs["maximum_iterations"]
    given = last = chosen = list(arrays)
    count = 0
    while (limit is None or count < limit) and run_body(attrs["cond"], given, stream, count)[0]:
        check_interrupt()
        last = given
        if count == number:
            chosen = given
        made = run_body(attrs["body"], given, stream, count)
        given = [*made[:carried], *arrays[carried:]]
        count += 1
    if number is None or number >= count:
        return max(count - 1, 0), count, last
    return number, count, chosen


def _in_scan(
    attrs: Mapping[str, Any], arrays: Sequence[np.ndarray], stream: Any, number: int | None
) -> tuple[int, int, list[np.ndarray]]:
    parts = Parts.of(arrays, attrs)
    count = len(parts.sequences[0])
    order = range(count - 1, -1, -1) if attrs["reverse"] else range(count)
    end = 0 if not count else order[-1] if number is None else min(number, count - 1)
    carried = list(parts.carried)
    for step in order:
        check_interrupt()
        given = [*carried, *(s[step] for s in parts.sequences), *parts.constants]
        if step == end:
            return end, count, given
        carried = run_body(attrs["body"], given, stream, step)[: len(carried)]
    return 0, 0, list(arrays)
