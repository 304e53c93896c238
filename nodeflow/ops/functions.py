"""Every op as a function that adds it to a graph: ``functions.exp(x)``, ``functions.add(x, y)``.

The functions are created from the registry at the first access. So a new op needs no entry here,
and gradient rules can use ops from any file.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, WiredAttribute
from nodeflow.foreign_names.arguments import spelled_here, valued_here
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import dtype_name


def make_function(op: Op) -> Callable[..., Any]:
    """Return a function ``op(*inputs, *attributes, name=None, **attributes)`` that adds an op to
    the graph.

    Positional arguments fill the input ports first (a variadic port takes one list, or all
    remaining arguments), then the attributes in their declared order. If a port and an attribute
    share a name, tensors and arrays go to the port.
    """

    def apply(*args: Any, name: str | None = None, **kwargs: Any) -> Any:
        inputs, attrs = split_arguments(op, args, kwargs)
        _refuse_ignored(op, inputs, attrs)
        return graph_of(inputs).apply(op, *inputs, name=name, **attrs)

    apply.__name__ = apply.__qualname__ = op.short_id
    apply.__doc__ = op.doc
    apply.__signature__ = signature(op)  # type: ignore[attr-defined]
    return apply


def signature(op: Op) -> Signature:
    """Return the Python signature of an op's function."""
    kind, keyword = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    settings = {a.name: Parameter.empty if a.required else a.default for a in op.attrs}
    parameters = [
        Parameter(
            p.name,
            keyword if p.keyword else kind,
            default=_default(p, settings),
        )
        for p in op.inputs
        if p.name in op.twins or p.name not in settings
    ]
    parameters += [
        Parameter(name, keyword, default=default)
        for name, default in settings.items()
        if name not in op.twins
    ]
    parameters.append(Parameter("name", keyword, default=None))
    return Signature(parameters)


def _default(port: Port, settings: dict[str, Any]) -> Any:
    """Return the default value of an input port as a function parameter. If the port is optional,
    it is the value of the attribute with the same name, or None.
    """
    if not port.optional:
        return Parameter.empty
    return () if port.variadic else settings.get(port.name)


def split_arguments(op: Op, args: tuple, kwargs: dict) -> tuple[list[Any], dict[str, Any]]:
    """Split a call's arguments into inputs and attributes.

    If a port and an attribute share a name, a tensor goes to the port, any other value to the
    attribute.
    """
    attrs = _spelled(op, kwargs)
    if op.twins:
        inputs, attrs = _with_twins(op, op.twins, args, attrs)
        return inputs, _valued(op, attrs)
    inputs = []
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
    return inputs, _valued(op, attrs)


def _spelled(op: Op, given: dict[str, Any]) -> dict[str, Any]:
    """Rename keyword arguments in the spelling of TensorFlow 1 or similar libraries to the op's own
    argument names.
    """
    known = [*(p.name for p in op.inputs), *(a.name for a in op.attrs)]
    return dict(given) if given.keys() <= set(known) else spelled_here(given, known)


def _valued(op: Op, attrs: dict[str, Any]) -> dict[str, Any]:
    """Return attributes in nodeflow's spelling: ``same`` for ``SAME``, ``[2, 2]`` for ``[1, 2,
    2, 1]``.
    """
    declared = {a.name: a for a in op.attrs}
    if "pads" in declared and isinstance(attrs.get("padding"), (int, list, tuple)):
        attrs = {"pads" if name == "padding" else name: value for name, value in attrs.items()}
    if "layout" not in declared:
        layout = None
    else:
        own = declared["layout"]
        layout = valued_here("layout", attrs.get("layout", own.default), own.choices, None)
    return {
        name: valued_here(name, value, declared[name].choices, layout)
        if name in declared
        else value
        for name, value in attrs.items()
    }


def _is_setting(op: Op, name: str, value: Any) -> bool:
    """Return whether a positional argument sets the attribute ``name`` and not the input port of
    the same name: there is such an attribute, and the value is no tensor or array.
    """
    if isinstance(value, np.ndarray) or holds_tensor(value):
        return False
    return any(attr.name == name for attr in op.attrs)


def _with_twins(
    op: Op, twins: tuple[str, ...], args: tuple, attrs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Split the arguments of a call into inputs and attributes, for an op with names that are both
    an input port and an attribute (``twins``).

    A twin becomes an input if it is a tensor, and an attribute otherwise.

    Raises:
        GraphError: there are too many arguments, or one is given twice.
    """
    names = [*(p.name for p in op.inputs), *(a.name for a in op.attrs if a.name not in twins)]
    if len(args) > len(names):
        raise GraphError(f"{op.short_id} takes at most {len(names)} arguments")
    for name, value in zip(names, args, strict=False):
        if name in attrs:
            raise GraphError(f"{op.short_id} got {name!r} twice")
        attrs[name] = value
    ports = [port.name for port in op.inputs]
    while ports and ports[-1] in twins and not holds_tensor(attrs.get(ports[-1])):
        ports.pop()
    defaults = {name: op.attr(name).default for name in ports if name in twins}
    return [attrs.pop(name, defaults.get(name)) for name in ports], attrs


def _refuse_ignored(op: Op, inputs: list[Any], attrs: dict[str, Any]) -> None:
    """Raise an error if an attribute is given together with a tensor that overrides it.

    Raises:
        WiredAttribute: the message names the attribute and the tensor's argument.
    """
    given = {port.name: value for port, value in zip(op.inputs, inputs, strict=False)}
    for name, value in attrs.items():
        for port in op.givers.get(name, ()):
            tensor = given.get(port)
            if value is None or tensor is None:
                continue
            own = getattr(tensor, "dtype", None)  # a literal takes the given dtype
            if name == "dtype" and (own is None or dtype_name(own) == dtype_name(value)):
                continue
            raise WiredAttribute(
                f"{op.short_id} got {name}={value!r}, which the tensor at {port} overrides",
                port=name,
                hint=f"Leave {name} or {port} out.",
            )


def holds_tensor(value: Any) -> bool:
    """Return whether a value is a tensor, or a list with one."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_tensor, value))
    return isinstance(value, (Tensor, Node))


def graph_of(values: list[Any]) -> Graph:
    """Return the graph of the first tensor among the values, else the default graph."""
    for value in values:
        if isinstance(value, (Tensor, Node)):
            return value.graph
        if isinstance(value, (list, tuple)) and holds_tensor(value):
            return graph_of(list(value))
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
