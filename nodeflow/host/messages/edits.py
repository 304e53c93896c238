"""The message about edits that are being applied to a training. `protocol` collects all
messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.host.messages.error_data import ErrorData


@dataclass(frozen=True)
class EditState:
    """The progress of edits that are being applied to the running training.

    Attributes:
        state: ``preparing``; ``waits`` for the next epoch; ``invalid``: the training continues
            without the edits; empty: there are no edits.
        problem: the reason why they are invalid.
    """

    state: str = ""
    problem: ErrorData | None = None
