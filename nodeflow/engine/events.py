"""Events that the engine reports in addition to the results of runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CompileFailure:
    """A failed compilation in the background. The reference tier continues.

    Attributes:
        nodes: names of the nodes whose kernel cannot be compiled; empty if no node is the cause.
        message: the compiler's error.
    """

    nodes: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        what = ", ".join(self.nodes) or "kernels"
        return f"cannot compile {what}; the run goes on by reference. {self.message}"
