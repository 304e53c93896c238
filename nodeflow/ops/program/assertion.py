"""Checks that end a run: a condition holds; tensors are equal, positive or finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import BOOL, DTYPES, FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.program import output
from nodeflow.ops.program.texts import texts_and_tensors
from nodeflow.ops.samples import values


@register
class AssertTrue(Op):
    """A check that ends the run unless a condition holds everywhere."""

    id = "assert_true"
    widens = False
    category = "Utility"
    keywords = ("assert", "check", "require", "debug")
    doc = (
        "The condition itself; ends the run with an error unless all of it is true.\n\nThe error "
        "contains the message and the data; each `{}` in the message is replaced by the next "
        "tensor. The check runs if it is fetched, or if a fetched node depends on it by a control "
        "dependency."
    )
    stateful = True
    inputs = (
        Port("condition", "Condition that must be true everywhere.", BOOL, accepts_bool=False),
        Port("data", "Tensors to show in the error.", DTYPES, variadic=True),
    )
    attrs = (
        Attr("message", "string", "", "Text of the error."),
        output.SUMMARIZE,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0]

    def reference(self, *arrays: np.ndarray, message: str, summarize: int | None) -> np.ndarray:
        if not arrays[0].all():
            text = output.filled(message, arrays[1:], summarize)
            raise RunError(f"assertion failed{': ' if text else ''}{text}", port="condition")
        return arrays[0].copy()

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            data = (values((2, 3), dtype), values((0,), dtype), values((1,), dtype))
            yield Sample((np.array([True, True]), *data), {"message": "x is {}"})
        yield Sample((np.zeros((0, 2), "bool"),), {"summarize": 3})


@register
class CheckNumerics(Op):
    """A check that a tensor is finite."""

    id = "check_numerics"
    category = "Utility"
    keywords = ("nan", "infinity", "finite", "debug", "assert")
    doc = (
        "x itself; ends the run with an error if a value is infinite or NaN.\n\nThe error "
        "contains the message and the number of such values."
    )
    stateful = True
    differentiable = True
    inputs = (Port("x", "", FLOATS),)
    attrs = (Attr("message", "string", "", "Text of the error."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0]

    def reference(self, *arrays: np.ndarray, message: str) -> np.ndarray:
        (x,) = arrays
        if not np.isfinite(x).all():
            counts = {"NaN": np.isnan(x).sum(), "infinite": np.isinf(x).sum()}
            found = " and ".join(f"{count} {kind}" for kind, count in counts.items() if count)
            raise RunError(f"{message or 'not finite'}: {found} of {x.size} values", port="x")
        return x.copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return grads

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            for shape in ((2, 3), (0, 2), (1,)):
                yield Sample((values(shape, dtype),), {"message": "x"}, dtype == "float64")


def Assert(
    condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None
) -> Node:
    """Add a node that ends the run with an error unless ``condition`` is true everywhere.

    It runs if it is fetched, or under ``nf.control_dependencies([node])``.

    Args:
        data: tensors, and texts between them, for the error.
        summarize: how many numbers of each tensor to show; None: 3, -1: all.

    Raises:
        GraphError: the condition is no bool tensor, or the data no list.
    """
    text, tensors = texts_and_tensors("data", data)
    return _assert(
        condition, tensors, text, 3 if summarize is None else summarize, name or "Assert"
    )


def _assert(condition: Any, data: Sequence[Any], text: str, summarize: Any, name: str) -> Node:
    graph = F.graph_of([condition, *data])
    if isinstance(condition, (bool, np.bool_)):
        condition = graph.as_tensor(np.bool_(condition))
    attrs = {"message": text, "summarize": summarize}
    return graph.add_node("assert_true", [condition, *data], attrs, name=name)


def _comparison(name: str, op: str, words: str) -> Callable[..., Node]:
    def check(
        x: Any,
        y: Any,
        data: Sequence[Any] | None = None,
        summarize: int | None = None,
        message: str | None = None,
        name: str | None = None,
    ) -> Node:
        graph = F.graph_of([x, y])
        with graph.name_scope(name or check.__name__) as scope:
            x, y = _pair(graph, x, y)
            holds = graph.apply(op, x, y)
        shown = f"x {words} y: x = {{}}, y = {{}}"
        return _checked(graph, scope, holds, [x, y], shown, data, summarize, message)

    return _named(check, name, f"x {words} y, elementwise with broadcasting")


def _pair(graph: Graph, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Return two values as tensors. A literal takes the dtype of the other value."""
    first = graph.as_tensor(x, y.dtype if isinstance(y, Tensor) else None)
    return first, graph.as_tensor(y, first.dtype)


def _sign(name: str, op: str, words: str) -> Callable[..., Node]:
    def check(
        x: Any,
        data: Sequence[Any] | None = None,
        summarize: int | None = None,
        message: str | None = None,
        name: str | None = None,
    ) -> Node:
        graph = F.graph_of([x])
        with graph.name_scope(name or check.__name__) as scope:
            x = graph.as_tensor(x)
            holds = graph.apply(op, x, 0)
        shown = f"x {words}: x = {{}}"
        return _checked(graph, scope, holds, [x], shown, data, summarize, message)

    return _named(check, name, f"every element of x is {words}")


def _checked(
    graph: Graph,
    scope: str,
    holds: Tensor,
    tensors: list[Tensor],
    shown: str,
    data: Sequence[Any] | None,
    summarize: int | None,
    message: str | None,
) -> Node:
    """Add a node that ends the run with an error unless a condition holds, in a name scope.

    Args:
        holds: the condition, a bool tensor.
        shown: the text of the error, with ``{}`` for each of ``tensors``.
        data: texts and tensors to use instead of ``shown`` and ``tensors``.
    """
    if data is not None:
        shown, tensors = texts_and_tensors("data", data)
    text = f"{message}: {shown}" if message else shown
    return _assert(holds, tensors, text, 3 if summarize is None else summarize, scope)


def _named(check: Callable[..., Node], name: str, what: str) -> Callable[..., Node]:
    check.__name__ = check.__qualname__ = name
    check.__doc__ = (
        f"Add a node that ends the run with an error unless {what}.\n\n"
        "Args:\n"
        "    data: tensors and texts for the error, instead of the compared tensors.\n"
        "    summarize: how many numbers of each tensor to show; None: 3, -1: all.\n"
        "    message: text in front of the error."
    )
    return check


assert_equal = _comparison("assert_equal", "equal", "==")
assert_none_equal = _comparison("assert_none_equal", "not_equal", "!=")
assert_less = _comparison("assert_less", "less", "<")
assert_less_equal = _comparison("assert_less_equal", "less_equal", "<=")
assert_greater = _comparison("assert_greater", "greater", ">")
assert_greater_equal = _comparison("assert_greater_equal", "greater_equal", ">=")
assert_positive = _sign("assert_positive", "greater", "> 0")
assert_negative = _sign("assert_negative", "less", "< 0")
assert_non_negative = _sign("assert_non_negative", "greater_equal", ">= 0")
assert_non_positive = _sign("assert_non_positive", "less_equal", "<= 0")


def assert_near(
    x: Any,
    y: Any,
    rtol: float | None = None,
    atol: float | None = None,
    data: Sequence[Any] | None = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Node:
    """Add a node that ends the run with an error unless ``|x - y| <= atol + rtol * |y|``.

    Args:
        rtol, atol: tolerances; None: ten times the precision of the dtype.
        data, summarize, message: as for `assert_equal`.
    """
    graph = F.graph_of([x, y])
    with graph.name_scope(name or "assert_near") as scope:
        x, y = _pair(graph, x, y)
        default = 10 * float(np.finfo(x.dtype).eps) if x.type.is_float else 0
        wide = graph.apply(
            "add",
            graph.apply("multiply", graph.apply("abs", y), default if rtol is None else rtol),
            default if atol is None else atol,
        )
        holds = graph.apply("less_equal", graph.apply("abs", graph.apply("subtract", x, y)), wide)
    shown = "x and y are not near: x = {}, y = {}"
    return _checked(graph, scope, holds, [x, y], shown, data, summarize, message)
