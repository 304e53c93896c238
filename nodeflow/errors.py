"""The errors shown to users: one class per cause, each with place, message and hint.

A message names the expected and the actual value. ``hint`` tells the user what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

Surface = Literal["python", "cli", "window"]
"""The place where a text is read: in Python, on the command line, in the window."""


class SurfaceText(str):
    """A text, such as a hint, with a version in the terms of each surface.

    The string itself is the text for Python. `said` returns the version of a surface.

    >>> hint = SurfaceText("Call f().", cli="Use --f.", window="Choose Run → F.")
    >>> hint, said(hint, "cli"), said("Plain.", "window")
    ('Call f().', 'Use --f.', 'Plain.')
    """

    cli: str
    window: str

    def __new__(cls, python: str, *, cli: str | None = None, window: str) -> SurfaceText:
        """Create a message text with different wordings for Python, command line and window.
        Without ``cli``, the command line shows the window's wording.
        """
        text = super().__new__(cls, python)
        text.cli, text.window = window if cli is None else cli, window
        return text

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (str(self),), {"cli": self.cli, "window": self.window}


def said(text: str, surface: Surface) -> str:
    """Return the version of a text for a surface."""
    if isinstance(text, SurfaceText) and surface != "python":
        return text.cli if surface == "cli" else text.window
    return str(text)


class NodeflowError(Exception):
    """Base of all errors shown to users.

    Args:
        message: the problem: expected and actual value.
        node: name of the node where it happened, if any.
        port: name of the port or attribute of that node, if any.
        hint: advice for fixing it; a `SurfaceText` where the advice depends on the surface.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        port: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.port = port
        self.hint = hint

    def at(self, node: str | None, port: str | None = None) -> NodeflowError:
        """Set the node and port where the error occurred, unless they are already set.

        If the error's node begins with ``/``, it lies inside a loop or branch, and ``node`` is that
        loop or branch.
        """
        if node and self.node and self.node.startswith("/"):
            self.node = node + self.node
        self.node = self.node or node
        self.port = self.port or port
        return self

    def inside(self, node: str) -> NodeflowError:
        """Set the error's node to a node inside a loop or branch. Later, `at` adds the name of that
        loop or branch in front.
        """
        within = self.node if self.node and self.node.startswith("/") else ""
        self.node = f"/{node}{within}"
        return self

    @property
    def where(self) -> str:
        """``node:port``, ``node``, or an empty string."""
        if self.node and self.port:
            return f"{self.node}:{self.port}"
        return self.node or ""

    def __str__(self) -> str:
        return self.text("python")

    def text(self, surface: Surface) -> str:
        """Return the error's location, message and hint as text, with the terms of a surface such
        as the window or the command line.
        """
        return full_text(self.where, self.message, self.hint, surface)

    def __reduce__(self) -> tuple:
        state = {"node": self.node, "port": self.port, "hint": self.hint}
        return _rebuild, (type(self), self.message, state)


def a_type(value: object) -> str:
    """Return the type of a wrong value with its article: ``a list``, ``an int``, ``None``."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"


def full_text(where: str, message: str, hint: str | None, surface: Surface) -> str:
    """Return the location, message and hint of an error as text, with the terms of a surface such
    as the window or the command line.
    """
    message = said(message, surface)
    text = f"{where}: {message}" if where else message
    return f"{text.rstrip('.')}. {said(hint, surface)}" if hint else text


def _rebuild(cls: type[NodeflowError], message: str, state: dict) -> NodeflowError:
    error = cls.__new__(cls)
    NodeflowError.__init__(error, message, **state)
    return error


# ---- building a graph -----------------------------------------------------------------------


class GraphError(NodeflowError):
    """The graph cannot be built.

    Remedy: Change the node or call that the message names.
    """


class NameProblem(GraphError):
    """A node name is malformed or already taken.

    Remedy: Give the node another name: letters, digits and underscores, joined by /.
    """


class ShapeError(GraphError):
    """Shapes do not match.

    Remedy: Change one of the shapes in the message: reshape, transpose or broadcast to what is
    expected.
    """


class MissingShape(ShapeError):
    """A variable is still a single number where an array is needed.

    Remedy: Set the variable's shape or value, or accept the fix that gives it the shape it needs.
    """


class UnknownRank(ShapeError):
    """The number of axes of a tensor is needed before the run that determines it.

    Remedy: Declare the shape with as many axes as it has, unknown sizes as None, or reshape it.
    """


class DtypeError(GraphError):
    """Dtypes do not match; nodeflow never casts silently.

    Remedy: Cast one of the tensors, or declare it with the dtype of the other.
    """


class AttributeProblem(GraphError):
    """An attribute is unknown, or its value has the wrong type or range.

    Remedy: Set the attribute to one of the values that the message lists.
    """


class WiredAttribute(AttributeProblem):
    """A value is set for an attribute that a wire gives, so it would be ignored.

    Remedy: Change the node that the message names, or remove its wire.
    """


class LiteralError(GraphError):
    """A literal is not exactly representable in the dtype it needs.

    Remedy: Write a number that the dtype holds exactly, or declare another dtype.
    """


class CycleError(GraphError):
    """Wires form a loop.

    Remedy: Remove one of the wires in the loop; a loop over time is a while_loop or a variable.
    """


class MissingInput(GraphError):
    """Nothing is connected to a required input.

    Remedy: Connect the port that the message names.
    """


class ArgumentProblem(GraphError, TypeError):
    """A function is called with too many, too few or the wrong kind of arguments.

    Remedy: Call the function as the message shows; help(function) says more.
    """


class UnknownOp(GraphError):
    """No op has this id.

    Remedy: Use the name that the message suggests; nodeflow ops lists all.
    """


class UserOpError(GraphError):
    """The declaration of a user's own op is wrong, or its file does not load.

    Remedy: Correct the file and line that the message names; it is loaded again when it is saved.
    """


class UnknownName(GraphError):
    """No node or tensor has this name.

    Remedy: Use one of the names that the message lists.
    """


class GradientError(GraphError):
    """This gradient does not exist.

    Remedy: Let the loss depend on the variable by ops that have gradients, all in floats.
    """


# ---- running --------------------------------------------------------------------------------


class RunError(NodeflowError):
    """A run failed.

    Remedy: Look at the node that the message names, and at its inputs.
    """


class MissingFeed(RunError):
    """A placeholder that a fetch depends on has no value.

    Remedy: Feed the placeholder, wire a data set into it, or give it a sample.
    """


class FeedError(RunError):
    """A fed value does not match the type of its placeholder.

    Remedy: Feed a value of the dtype and shape in the message.
    """


class FetchError(RunError):
    """A fetch is not fetchable, or there is nothing to fetch.

    Remedy: Fetch a node that has a value.
    """


class NotInitialized(RunError):
    """A variable is read before it has a value.

    Remedy: Run nf.global_variables_initializer() first, or restore a checkpoint.
    """


class OutOfRangeError(RunError):
    """A data set that feeds placeholders has no further elements.

    Remedy: Begin the data set anew, let it repeat, or end the loop at this error.
    """


class AssignOrderError(RunError):
    """Two assigns to one variable run in no defined order.

    Remedy: Put one assign after the other with control dependencies.
    """


class NonFiniteError(RunError):
    """A loss, an update or a variable is infinite or not a number, which ends a training.

    Remedy: Lower the learning rate, clip gradients, or keep zero out of logarithms and divisions;
    the message names the node, step and inputs.

    ``node`` is the op that made the first such value, if it is known, else `watched`.

    Attributes:
        step: the step with the value, from 1; 0 if no step produced it.
        inputs: the inputs of the op, as `nodeflow.train.diagnosis.culprit.Operand`: name, dtype,
            shape, low, high, and the element (``at``, ``value``) that caused the value.
        watched: name of the loss or variable that is not finite.
    """

    def __init__(
        self,
        message: str,
        *,
        step: int = 0,
        inputs: tuple[Any, ...] = (),
        watched: str = "",
        **place: str | None,
    ) -> None:
        super().__init__(message, **place)
        self.step = step
        self.inputs = inputs
        self.watched = watched or self.node or ""

    def __reduce__(self) -> tuple:
        make, (kind, message, state) = super().__reduce__()
        more = {"step": self.step, "inputs": self.inputs, "watched": self.watched}
        return make, (kind, message, state), more


class OutOfBoundsError(RunError):
    """A value left the bounds that are set on its node, which ends a training.

    Remedy: Look at what computes the value, lower the learning rate, or set other bounds; the
    message names the node, step and element.

    Attributes:
        step: the step with the value, from 1.
        value: the element that is farthest out.
        index: the index of that element; None if unknown.
        bounds: the lower and the upper bound; None where there is none.
    """

    def __init__(
        self,
        message: str,
        *,
        step: int = 0,
        value: float = 0.0,
        index: tuple[int, ...] | None = None,
        bounds: tuple[float | None, float | None] = (None, None),
        **place: Any,
    ) -> None:
        super().__init__(message, **place)
        self.step, self.value, self.index, self.bounds = step, value, index, bounds

    def __reduce__(self) -> tuple:
        make, (kind, message, state) = super().__reduce__()
        more = {"step": self.step, "value": self.value, "index": self.index, "bounds": self.bounds}
        return make, (kind, message, state), more


class Cancelled(RunError):
    """The user stopped the run.

    Remedy: Run it again when the result is wanted.
    """


class OverBudget(RunError):
    """A live value would exceed its limit of memory or time; Run computes it.

    Remedy: Press Run to compute it, or raise the budget in Run → Engine.
    """


class EngineDied(RunError):
    """The engine process ended unexpectedly.

    Remedy: The engine is started again and nothing is lost; if it repeats, start with nodeflow
    --safe, without own ops.
    """


class EngineBusy(RunError):
    """Too many requests wait for an engine process that does not accept them.

    Remedy: Wait for the engine, or restart it in Run → Engine.
    """


# ---- files and data -------------------------------------------------------------------------


class FileProblem(NodeflowError):
    """A file is missing, unreadable, damaged or of the wrong format.

    Remedy: Check path, permissions and free space of the file in the message.
    """


class FlowFormatError(FileProblem):
    """A .flow file is not valid; the message says where.

    Remedy: Correct the file at the place in the message, or open an earlier version of it.
    """


class DataError(NodeflowError):
    """A data set is missing or damaged, or lacks a needed part.

    Remedy: Look at the file or source that the message names.
    """


class ReadRefused(DataError, FileProblem):
    """A file is not a regular file, or takes more memory to read than the limit allows.

    Remedy: Copy the content into a regular file, or raise the limit on memory if the file is the
    right one.
    """


class DownloadError(DataError):
    """A download failed; an existing file is left as it was.

    Remedy: Free some space, or choose a folder that you may write to.
    """


SYNONYMS = {
    "absolute": "abs", "all": "reduce_all", "any": "reduce_any", "astype": "cast",
    "cat": "concat", "concatenate": "concat", "dim": "axis",
    "div": "divide", "dot": "matmul", "keep_dims": "keepdims", "keepdim": "keepdims",
    "logsumexp": "reduce_logsumexp", "max": "reduce_max", "mean": "reduce_mean",
    "min": "reduce_min", "mm": "matmul", "mod": "modulo", "mul": "multiply", "neg": "negative",
    "permute": "transpose", "pow": "power", "prod": "reduce_prod", "remainder": "modulo",
    "repeat": "tile", "sub": "subtract", "sum": "reduce_sum", "to": "cast",
    "true_divide": "divide",
}  # fmt: skip
"""Names in numpy, PyTorch and other versions of TensorFlow, with the name in nodeflow."""


def suggest(name: str, names: Iterable[str], prefix: str = "Did you mean") -> str | None:
    """Return a hint with the names similar to ``name``, or None if there are none.

    >>> suggest("matmull", ["matmul", "add"])
    'Did you mean matmul?'
    >>> suggest("sum", ["einsum", "reduce_sum"])
    'Did you mean reduce_sum?'
    """
    from difflib import get_close_matches

    names = list(dict.fromkeys(names))
    if (known := SYNONYMS.get(name.lower())) in names:
        return f"{prefix} {known}?"
    lowered = {n.lower(): n for n in names}
    near = [lowered[n] for n in get_close_matches(name.lower(), lowered, n=3, cutoff=0.65)]
    if not near:
        near = [n for n in names if name and name.lower() in n.lower()][:3]
    return f"{prefix} {' or '.join(near)}?" if near else None


def suggest_or_list(name: str, names: Iterable[str], most: int = 8) -> str | None:
    """Return the hint of `suggest`, or a list of all names if none is similar. None without names.

    >>> suggest_or_list("zz", ["a", "b"])
    'There are a, b.'
    """
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    listed = f"There are {', '.join(names[:most])}{more}." if names else None
    return suggest(name, names) or listed
