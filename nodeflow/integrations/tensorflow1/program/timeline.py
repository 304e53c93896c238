"""`tf.python.client.timeline`: the recorded events of a run, for Chrome's viewer of traces."""

from __future__ import annotations

import json
from typing import Any

from nodeflow.errors import RunError

__all__ = ["Timeline"]


class Timeline:
    """The recorded events of a run, to be written for the viewer ``chrome://tracing``.

    Raises:
        RunError: nothing has been recorded.
    """

    def __init__(self, step_stats: dict[str, Any] | None, graph: Any = None) -> None:
        if not isinstance(step_stats, dict):
            raise RunError(
                "there is no recorded run",
                hint="Run with options=RunOptions(trace_level=RunOptions.FULL_TRACE) and "
                "run_metadata, and give run_metadata.step_stats.",
            )
        self._trace = step_stats

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False
    ) -> str:
        """Return the trace as JSON.

        Args:
            show_dataflow, show_memory: accepted for TensorFlow 1, without effect: each kernel
                always shows its nodes and the bytes that it moves.
        """
        return json.dumps(self._trace)
