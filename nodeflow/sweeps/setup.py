"""The setup that all trials of a sweep share, as sent to the processes that train them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from nodeflow.errors import Surface

if TYPE_CHECKING:
    from nodeflow.engine.runtime.context import Tier


@dataclass(frozen=True)
class Setup:
    """A graph to train with many values, and how to train it.

    Attributes:
        text: the graph as .flow text.
        name: name of the sweep, which tags its runs.
        file: file of the graph; empty without one.
        allowed: paths outside that file's folder that it may read.
        surface: ``window``, ``cli`` or ``python``: where the sweep was started.
        tier: execution tier.
        threads: threads of each process.
        data_dir: folder with MNIST's files; None for the usual places.
        plugins: folder with the user's own ops; None for the usual one.
        nice: by how much the priority of the processes is lowered.
    """

    text: str
    name: str
    file: str = ""
    allowed: tuple[str, ...] = ()
    surface: Surface = "cli"
    tier: Tier = "compiled"
    threads: int = 1
    data_dir: str | None = None
    plugins: str | None = None
    nice: int = 0

    def dumps(self) -> str:
        """Return the setup as one line of JSON."""
        return json.dumps(asdict(self))


def setup_of(line: str) -> Setup:
    """Return the setup that `Setup.dumps` wrote."""
    fields = json.loads(line)
    return Setup(**{**fields, "allowed": tuple(fields["allowed"])})
