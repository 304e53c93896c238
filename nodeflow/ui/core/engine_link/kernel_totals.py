"""The cost of kernels in a step or run, added up from a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Total:
    """The cost of one kernel in one step or run: microseconds on all threads, bytes."""

    nodes: tuple[str, ...]
    kind: str
    name: str
    micros: float = 0.0
    tasks: float = 0.0
    bytes: float = 0.0
    threads: frozenset[int] = frozenset()


def totals(trace: dict[str, Any], times: int) -> list[Total]:
    """Return the kernels of a trace, slowest first.

    Args:
        times: the number of steps to average over; 0 for a single run.
    """
    found: dict[tuple[str, str], Total] = {}
    for event in trace["traceEvents"]:
        if event["ph"] != "X":
            continue
        arguments = event["args"]
        key = (event["name"], event["cat"])
        if key not in found:
            found[key] = Total(tuple(arguments["nodes"]), event["cat"], event["name"])
        total = found[key]
        total.micros += event["dur"] / max(1, times)
        total.tasks += 1 / max(1, times)
        total.bytes += arguments["bytes"] / max(1, times)
        total.threads |= {event["tid"]}
    return sorted(found.values(), key=lambda t: -t.micros)
