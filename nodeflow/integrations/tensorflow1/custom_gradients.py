"""`tf.custom_gradient`: functions of tensors that compute their gradients themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from nodeflow.errors import GradientError, GraphError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Expansion, Op
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow import nest

__all__ = ["custom_gradient", "grad_pass_through"]


class CustomGradient(Op):
    """The results of a function, with the gradients that the function defined for them.

    The inputs are the results, followed by the tensors that gradients flow back to.
    """

    id = "custom_gradient"
    category = "Internal"
    hidden = True
    of_program = True
    doc = "The first inputs, with the gradients of a Python function."
    inputs = (Port("inputs", "Results, then arguments and variables.", variadic=True),)
    macro = True
    own_gradient = True
    differentiable = True

    def __init__(self, count: int, gradients: Callable[..., Sequence[Tensor | None]]) -> None:
        self.count, self.gradients = count, gradients
        self.outputs = tuple(Port(f"out_{i}" if i else "out") for i in range(count))

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return types[: self.count]

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        return Expansion(tuple(inputs[: self.count]))

    def gradient(self, node: Node, *grads: Any) -> Sequence[Tensor | None]:
        flowing = [
            F.zeros_like(y) if grad is None else grad
            for y, grad in zip(node.outputs, grads, strict=True)
        ]
        return [None] * self.count + list(self.gradients(*flowing))


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that defines the gradients of its results itself.

    Args:
        f: takes tensors, and returns a tensor or a list of tensors and a function. That
            function takes the gradient of each result, and returns the gradient of each
            argument. If ``f`` uses trainable variables, it also takes ``variables``, a list,
            and returns a pair: the gradients of the arguments, and a list of the gradients of
            the variables.

    Returns:
        A function of tensors that returns the results. A graph with such a function runs only
        in this program: `nf.save` refuses it.

    Raises:
        GraphError: ``f`` returns something else, or it uses variables and its gradient function
            does not take ``variables``.
    """

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        graph = F.graph_of(list(args))
        sources = [graph.as_tensor(each) for each in args]
        with graph:
            found = f(*sources, **kwargs)
        if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
            raise GraphError(
                "a function with a custom gradient returns results and a function of gradients",
                hint="Write: return y, grad",
            )
        ys = [graph.as_tensor(each) for each in nest.flatten(found[0])]
        used = _variables_between(sources, ys)
        gradients = _in_order(found[1], sources, used)
        node = graph.add_node(CustomGradient(len(ys), gradients), [*ys, *sources, *used])
        return nest.pack(found[0], list(node.outputs))

    return call


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with the same result, through which gradients pass unchanged."""

    @custom_gradient
    def passing(x: Any, *args: Any, **kwargs: Any) -> Any:
        def gradients(dy: Tensor, variables: Any = None) -> Any:
            rest = [None] * len(args)
            return ([dy, *rest], [None] * len(variables)) if variables else [dy, *rest]

        return f(x, *args, **kwargs), gradients

    return passing


def _variables_between(sources: Sequence[Tensor], ys: Sequence[Tensor]) -> list[Tensor]:
    """Return the trainable variables that ``ys`` depend on. The search goes backwards and stops at
    ``sources``.
    """
    needed: list[Node] = []
    seen = {source.node for source in sources}
    stack = [y.node for y in ys]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op.id == "variable" and node.attrs.get("trainable"):
            needed.append(node)
        stack += [t.node for t in (*node.inputs, *node.alias) if t is not None]
    return [n.outputs[0] for n in sorted(needed, key=lambda n: n.index)]


def _in_order(
    function: Callable[..., Any], sources: Sequence[Tensor], used: Sequence[Tensor]
) -> Callable[..., list[Tensor | None]]:
    """Wrap a user's gradient function. The wrapper takes the gradients of results, and returns the
    gradients of arguments and then of variables.

    Raises:
        GraphError: there are variables, and the function does not take them.
    """
    known = inspect.signature(function).parameters
    takes = "variables" in known or any(p.kind is p.VAR_KEYWORD for p in known.values())
    if used and not takes:
        names = ", ".join(variable.name for variable in used)
        raise GraphError(
            f"the function uses {names}, and its gradients do not take variables",
            hint="Write: def grad(dy, variables=None), and return the gradients of both.",
        )

    def gradients(*grads: Tensor) -> list[Tensor | None]:
        found = function(*grads, variables=list(used)) if used else function(*grads)
        of_sources, of_variables = found if used else (found, [])
        listed = [*_listed(of_sources), *_listed(of_variables)]
        if len(listed) != len(sources) + len(used):
            raise GradientError(
                f"a custom gradient gave {len(listed)} gradients for "
                f"{len(sources) + len(used)} arguments and variables"
            )
        targets = [*sources, *used]
        pairs = zip(listed, targets, strict=True)
        return [None if g is None else t.graph.as_tensor(g, t.dtype) for g, t in pairs]

    return gradients


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, (list, tuple)) else [found]
