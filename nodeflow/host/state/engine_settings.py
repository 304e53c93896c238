"""The settings of the engine that the window chooses."""

from __future__ import annotations

from dataclasses import dataclass, field

from nodeflow.engine.backend import NUMBA
from nodeflow.engine.memory import Budget


@dataclass
class EngineSettings:
    """The settings by which values are computed, and their limits.

    Attributes:
        threads: the number of threads; None for the default.
        backend: the backend that executes trainings.
        memory: the limit of a run's memory in bytes; None for no limit.
        budget: the limits of live values.
        history: bytes for copies of the variables; 0 for the default.
        follows: whether edits reach a running training.
    """

    threads: int | None = None
    backend: str = NUMBA
    memory: int | None = None
    budget: Budget = field(default_factory=Budget)
    history: int = 0
    follows: bool = True
