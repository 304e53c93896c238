"""Work that the engine does while no request waits."""

from __future__ import annotations

import gc
from dataclasses import dataclass

from nodeflow.engine.warm_up import warm_up
from nodeflow.free_memory import give_back


@dataclass
class IdleWork:
    """The work left for an idle engine.

    Attributes:
        is_warm: whether the code for the first values is compiled and loaded.
        has_garbage: whether a previous document waits to be collected; its objects form cycles.
    """

    is_warm: bool = False
    has_garbage: bool = False

    def warm_up(self) -> None:
        """Compile and load the code that the first evaluation needs, so that it does not have to
        wait.
        """
        self.is_warm = True
        warm_up()

    def clear_up(self, collects: bool) -> None:
        """Return freed memory to the system; first collect garbage if there is any.

        Args:
            collects: whether this thread may collect garbage.
        """
        if self.has_garbage and collects:
            self.has_garbage = False
            gc.collect()
        give_back()
