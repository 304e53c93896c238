"""Events that the engine reports besides the results of runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CompileFailure:
    """A failed compilation in the background. The reference tier continues.

    Attributes:
        nodes: names of the nodes whose kernel does not compile; empty if none is at fault.
        message: the compiler's error.
    """

    nodes: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        what = ", ".join(self.nodes) or "kernels"
        return f"cannot compile {what}; the run goes on by reference. {self.message}"
