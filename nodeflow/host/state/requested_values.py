"""The values that the window wants to see."""

from __future__ import annotations

from dataclasses import dataclass, field

from nodeflow.host import protocol as p


@dataclass
class RequestedValues:
    """The values that the window shows, and the data that they are computed from.

    Attributes:
        followed: the names of the shown tensors; None for all.
        pending: the request whose answer still lacks values of derived nodes.
        choice: the shown data; None for the first rows.
        override: values that replace computed ones.
        iterations: the shown iteration of each loop; None for the last.
        measure: a measure in previews; empty for none.
    """

    followed: tuple[str, ...] | None = None
    pending: p.Evaluate | None = None
    choice: p.ShowData | None = None
    override: p.Override = field(default_factory=p.Override)
    iterations: dict[str, int | None] = field(default_factory=dict)
    measure: str = ""

    def begin_again(self) -> None:
        """Drop everything that belongs to the previous document."""
        self.followed = self.choice = None
        self.override = p.Override()
