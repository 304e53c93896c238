"""Running means of the weights, which an optimizer with ``average_decay`` maintains.

Polyak and Juditsky, 1992: the mean of recent weights often generalizes better than the last ones,
which fluctuate. Steps update the weights themselves; evaluation and the final result use the means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nodeflow.engine.session import Session
from nodeflow.errors import GraphError
from nodeflow.graph.graph import Node
from nodeflow.ops.macro_ops import average_names


class Averages:
    """The variables of a session that have a running mean.

    Raises:
        GraphError: the optimizer maintains no running means.
    """

    def __init__(self, session: Session, optimizers: Sequence[Node]) -> None:
        self._variables = session.variables
        self._names: dict[str, str] = {}
        for optimizer in optimizers:
            self._names |= average_names(optimizer)
        if not self._names:
            raise GraphError(
                f"{optimizers[0].name} keeps no running means of the weights",
                node=optimizers[0].name,
                port="average_decay",
                hint="Set its average_decay, such as 0.99, or switch use_averages off.",
            )

    @contextmanager
    def used(self) -> Iterator[None]:
        """In the managed block, set the variables to their running means. Restore the trained
        values afterwards.
        """
        weights = {name: self._variables[name] for name in self._names}
        self.keep()
        try:
            yield
        finally:
            self._variables.update(weights)

    def keep(self) -> None:
        """Set the variables to their means permanently."""
        self._variables.update({n: self._variables[mean] for n, mean in self._names.items()})
