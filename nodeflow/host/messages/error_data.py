"""An error as data, to be sent from the engine to the window."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.errors import NodeflowError, Surface


@dataclass(frozen=True)
class ErrorData:
    """An error as data; ``kind`` is the class name."""

    kind: str
    message: str
    node: str | None = None
    port: str | None = None
    hint: str | None = None
    details: str = ""

    @classmethod
    def of(cls, error: BaseException, details: str = "") -> ErrorData:
        if isinstance(error, NodeflowError):
            return cls(
                type(error).__name__, error.message, error.node, error.port, error.hint, details
            )
        return cls(type(error).__name__, f"{type(error).__name__}: {error}", details=details)

    def __str__(self) -> str:
        return self.text("python")

    def text(self, surface: Surface) -> str:
        """Return the error's location, message and hint as text, with the terms of a surface such
        as the window or the command line.
        """
        error = NodeflowError(self.message, node=self.node, port=self.port, hint=self.hint)
        return error.text(surface)
