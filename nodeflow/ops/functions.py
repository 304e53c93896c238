"""Every op as a function that adds it to a graph: ``functions.exp(x)``, ``functions.add(x, y)``.

The functions are made from the registry when first asked for, so a new op needs no entry here, and
gradient rules can use ops that are defined in any file.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY


def make_function(op: Op) -> Callable[..., Any]:
    """A function ``op(*inputs, *attributes, name=None, **attributes)``.

    Positional arguments fill the in-ports first (a variadic port takes one list, or all that is
    left), then the attributes in their declared order. Where a port and an attribute share a name,
    tensors and arrays go into the port.
    """

    def apply(*args: Any, name: str | None = None, **kwargs: Any) -> Any:
        inputs, attrs = split_arguments(op, args, kwargs)
        return graph_of(inputs).apply(op, *inputs, name=name, **attrs)

    apply.__name__ = apply.__qualname__ = op.short_id
    apply.__doc__ = op.doc
    apply.__signature__ = signature(op)  # type: ignore[attr-defined]
    return apply


def signature(op: Op) -> Signature:
    """The Python signature of an op's function."""
    kind, keyword = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    settings = {a.name for a in op.attrs}
    parameters = [
        Parameter(
            p.name,
            keyword if p.keyword else kind,
            default=Parameter.empty if not p.optional else () if p.variadic else None,
        )
        for p in op.inputs
        if p.name not in settings
    ]
    for attr in op.attrs:
        default = Parameter.empty if attr.required else attr.default
        parameters.append(Parameter(attr.name, keyword, default=default))
    parameters.append(Parameter("name", Parameter.KEYWORD_ONLY, default=None))
    return Signature(parameters)


def split_arguments(op: Op, args: tuple, kwargs: dict) -> tuple[list[Any], dict[str, Any]]:
    """Sort a call's arguments into inputs and attributes."""
    attrs = dict(kwargs)
    inputs: list[Any] = []
    value: Any
    rest = list(args)
    for port in op.inputs:
        if port.name in attrs and not _is_setting(op, port.name, attrs[port.name]):
            value = attrs.pop(port.name)
        elif not rest or port.keyword:
            if not port.optional or port.variadic:
                break
            value = None  # a later port may be given
        elif port.variadic and not isinstance(rest[0], (list, tuple)):
            inputs.extend(rest)
            rest = []
            break
        else:
            value = rest.pop(0)
        inputs.extend(value if port.variadic else [value])
    names = [a.name for a in op.attrs]
    if len(rest) > len(names):
        raise GraphError(f"{op.short_id} takes at most {len(op.inputs) + len(names)} arguments")
    for name, value in zip(names, rest, strict=False):
        if name in attrs:
            raise GraphError(f"{op.short_id} got {name!r} twice")
        attrs[name] = value
    return inputs, attrs


def _is_setting(op: Op, name: str, value: Any) -> bool:
    """Whether an argument that a port could take is an attribute of the same name."""
    if isinstance(value, (Tensor, Node, np.ndarray)):
        return False
    return any(attr.name == name for attr in op.attrs)


def graph_of(values: list[Any]) -> Graph:
    """The graph of the first tensor among the values, else the default graph."""
    for value in values:
        if isinstance(value, (Tensor, Node)):
            return value.graph
    return get_default_graph()


def __getattr__(name: str) -> Callable[..., Any]:
    if name in REGISTRY:
        op = REGISTRY.lookup(name)
        function = make_function(op)
        if not op.own:
            globals()[name] = function
        return function
    raise AttributeError(f"module 'nodeflow.ops.functions' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *(op_id for op_id in REGISTRY.ids() if op_id.isidentifier())]
