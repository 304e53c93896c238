"""The message about edits on their way to a training; `protocol` has them all."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.host.messages.error_data import ErrorData


@dataclass(frozen=True)
class EditState:
    """How far edits are that are to reach the training that runs.

    Attributes:
        state: ``preparing``; ``waits`` for the next epoch; ``invalid``, so that the training goes
            on without them; or empty: there are none.
        problem: why they are invalid.
    """

    state: str = ""
    problem: ErrorData | None = None
