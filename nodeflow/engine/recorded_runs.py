"""The options and the metadata of a recorded run, which `Session.run` takes.

The figures come from `Session.profile`: kernels, threads, microseconds and the bytes they move.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from nodeflow.errors import ArgumentProblem, a_type


def whole_run(seconds: float) -> dict[str, Any]:
    """Return a trace with a single entry, for a run that is timed as a whole."""
    event = {"ph": "X", "name": "run", "cat": "run", "pid": os.getpid(), "tid": 0, "ts": 0.0,
             "dur": round(seconds * 1e6, 3), "args": {}}  # fmt: skip
    return {"traceEvents": [event], "displayTimeUnit": "ms"}


class RunOptions:
    """Options for recording a run.

    Args:
        trace_level: `FULL_TRACE` records every kernel; `NO_TRACE` nothing.
        timeout_in_ms, output_partition_graphs, report_tensor_allocations_upon_oom: accepted for
            TensorFlow 1, without effect.
    """

    NO_TRACE = 0
    SOFTWARE_TRACE = 1
    HARDWARE_TRACE = 2
    FULL_TRACE = 3

    def __init__(
        self,
        trace_level: int = NO_TRACE,
        timeout_in_ms: int = 0,
        output_partition_graphs: bool = False,
        report_tensor_allocations_upon_oom: bool = False,
    ) -> None:
        self.trace_level = trace_level


class RunMetadata:
    """The record of a run with `RunOptions`.

    Attributes:
        step_stats: the trace in Chrome's format, a dict to be written as JSON. None before a run.
    """

    def __init__(self) -> None:
        self.step_stats: dict[str, Any] | None = None


def check_recording(options: object, run_metadata: object) -> None:
    """Check that ``options`` and ``run_metadata`` have the right types. None is accepted for both.

    Raises:
        ArgumentProblem: names the argument.
    """
    for name, value, kind in (
        ("options", options, RunOptions),
        ("run_metadata", run_metadata, RunMetadata),
    ):
        if value is not None and not isinstance(value, kind):
            raise ArgumentProblem(
                f"{name} must be a {kind.__name__}, not {a_type(value)}",
                hint=f"Give a {kind.__name__}, or leave {name} out.",
            )


def check_callable_options(names: Iterable[str], accepted: bool) -> None:
    """Refuse keyword arguments that a callable of `Session.make_callable` does not take.

    Raises:
        ArgumentProblem: names the argument.
    """
    for name in names:
        if name not in ("options", "run_metadata"):
            raise ArgumentProblem(
                f"a callable has no argument {name}", hint="Give the values that are fed in order."
            )
        if not accepted:
            raise ArgumentProblem(
                f"this callable takes no {name}",
                hint="Make it with make_callable(..., accept_options=True).",
            )
