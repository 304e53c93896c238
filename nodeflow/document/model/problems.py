"""Problems of nodes, as data that canvas, command line and build share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from nodeflow.errors import NodeflowError, Surface, full_text

LONGEST = 400
"""The maximum number of characters of an unforeseen error's message."""
_MISSING = ("MissingInput", "MissingShape")


@dataclass(frozen=True, slots=True)
class Problem:
    """One error, warning or note.

    `node` is the node's name ("" for the document's training settings), `port` the port or
    attribute at fault. `severity` is `error`, `warning` or `info`; only errors stop a node from
    running. `kind` is the name of the error class that a run would raise. `file` is the file and
    line of a problem without a node, such as a plugin that does not load.
    """

    node: str
    port: str | None
    message: str
    hint: str | None = None
    severity: str = "error"
    kind: str = ""
    file: str = ""

    @property
    def level(self) -> str:
        """The level at which the problem is shown: its severity, or `incomplete` for a missing
        input or shape.
        """
        missing = self.kind in _MISSING and self.severity == "error"
        return "incomplete" if missing else self.severity

    def __str__(self) -> str:
        return self.text("python")

    def text(self, surface: Surface) -> str:
        """Return the whole problem as one text: where it is, the message, and the hint in the terms
        of a surface (Python, command line or window).
        """
        where = f"{self.node}:{self.port}" if self.port and self.node else self.node
        return full_text(where or self.file, self.message, self.hint, surface)

    @classmethod
    def of(cls, error: NodeflowError, node: str, severity: str = "error") -> Problem:
        """Convert an error that a node raised into a problem to show in the document."""
        return cls(node, error.port, error.message, error.hint, severity, type(error).__name__)

    @classmethod
    def unforeseen(cls, error: Exception, node: str, what: str) -> Problem:
        """Return the problem of a node whose code raised an error that nodeflow does not define.

        An opened file or a user's op may hold anything, so such an error is a problem of its node
        alone. The message names the error and the line that raised it.
        """
        said = str(error)
        text = f"{what}: {type(error).__name__} at {_place(error)}" + (f": {said}" if said else "")
        hint = "The node is kept as it is. Correct its attributes and wires."
        return cls(node, None, _short(text), hint, kind=type(error).__name__)

    def as_error(self) -> NodeflowError:
        """Return the problem as an exception of the class that it came from, to raise when the node
        is needed.
        """
        cause = _error_classes().get(self.kind, NodeflowError)
        error = cause.__new__(cause)
        NodeflowError.__init__(
            error, self.message, node=self.node or None, port=self.port, hint=self.hint
        )
        return error


def _place(error: Exception) -> str:
    """Return where an error was raised, as its file name and line number."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _error_classes() -> dict[str, type[NodeflowError]]:
    """Return all loaded error classes, by name."""
    found: dict[str, type[NodeflowError]] = {}
    waiting: list[type[NodeflowError]] = [NodeflowError]
    while waiting:
        cause = waiting.pop()
        found.setdefault(cause.__name__, cause)
        waiting += cause.__subclasses__()
    return found
