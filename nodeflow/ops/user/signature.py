"""The in-ports and attributes of an op, from a Python function's signature.

A parameter without annotation and default is a tensor. So are ``mask=None`` (optional) and
``*values`` (any number). All others are attributes of the kind of their annotation or default:
``slope: float = 0.1``, ``mode: Literal["same", "valid"] = "same"``.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from itertools import pairwise
from typing import Any

import numpy as np

from nodeflow.errors import UserOpError
from nodeflow.graph.declaration import REQUIRED, Attr, Port

_KINDS: dict[Any, str] = {bool: "bool", int: "int", float: "float", str: "string"}
_EXAMPLE = "Write it as in `slope: float = 0.1`."


def read_signature(
    function: Callable[..., Any],
    dtypes: Mapping[str, Sequence[str]],
    group: str | None,
    choices: Mapping[str, Sequence[str]],
) -> tuple[tuple[Port, ...], tuple[Attr, ...]]:
    """Return the in-ports and attributes of a function.

    Args:
        dtypes: dtypes that an in-port accepts, by its name; "" for all others.
        group: name of a group of all in-ports, which makes their dtypes equal.
        choices: values that a text attribute can take.

    Raises:
        UserOpError: a parameter is neither a tensor nor an attribute.
    """
    ports: list[Port] = []
    attrs: list[Attr] = []
    annotations = _annotations(function)
    for parameter in inspect.signature(function).parameters.values():
        annotation = annotations.get(parameter.name, Parameter.empty)
        if parameter.kind is Parameter.VAR_KEYWORD:
            raise UserOpError(f"**{parameter.name} is neither a port nor an attribute")
        if parameter.name == "name":
            raise UserOpError("no parameter can be called 'name', which is the node's name")
        if _is_tensor(parameter, annotation):
            ports.append(_port(parameter, dtypes, group))
        else:
            attrs.append(_attr(parameter, annotation, choices.get(parameter.name, ())))
    _check_order(ports)
    unknown = {*choices, *dtypes} - {p.name for p in ports} - {a.name for a in attrs} - {""}
    if unknown:
        raise UserOpError(f"there is no parameter {sorted(unknown)[0]!r}")
    return tuple(ports), tuple(attrs)


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's type annotations, with strings resolved to types.

    If the names in them cannot be resolved, return the annotations as they are.
    """
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return dict(getattr(function, "__annotations__", {}))


def _is_tensor(parameter: Parameter, annotation: Any) -> bool:
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return True
    if annotation is not Parameter.empty:
        return annotation is np.ndarray or "ndarray" in str(annotation)
    return parameter.default is Parameter.empty or parameter.default is None


def _port(parameter: Parameter, dtypes: Mapping[str, Sequence[str]], group: str | None) -> Port:
    return Port(
        parameter.name,
        dtypes=tuple(dtypes.get(parameter.name, dtypes[""])),
        group=group,
        variadic=parameter.kind is Parameter.VAR_POSITIONAL,
        optional=parameter.default is None,
    )


def _check_order(ports: Sequence[Port]) -> None:
    for first, second in pairwise(ports):
        if first.optional and not second.optional:
            text = f"the tensor {second.name!r} comes after {first.name!r}, which may be left out"
            raise UserOpError(text, hint="Put the optional ones last.")
    if any(port.variadic and port is not ports[-1] for port in ports):
        raise UserOpError("a tensor comes after *values")


def _attr(parameter: Parameter, annotation: Any, choices: Sequence[str]) -> Attr:
    kind, optional, named = _kind(parameter, annotation)
    choices = tuple(choices or named)
    default = REQUIRED if parameter.default is Parameter.empty else parameter.default
    attr = Attr(
        parameter.name, "choice" if choices else kind, default, choices=choices, optional=optional
    )
    if default is not REQUIRED:
        attr = Attr(attr.name, attr.kind, attr.check(default), choices=choices, optional=optional)
    return attr


def _kind(parameter: Parameter, annotation: Any) -> tuple[str, bool, tuple[str, ...]]:
    """Derive an op's attribute from a function's parameter. Return its kind, whether it may be
    None, and its choices.

    Raises:
        UserOpError: the annotation is not a type that an attribute can have.
    """
    if annotation is Parameter.empty:
        annotation = type(parameter.default)
    optional = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = [m for m in typing.get_args(annotation) if m is not type(None)]
        optional = len(members) < len(typing.get_args(annotation))
        annotation = members[0] if len(members) == 1 else annotation
    if typing.get_origin(annotation) is typing.Literal:
        names = typing.get_args(annotation)
        if all(isinstance(name, str) for name in names):
            return "choice", optional, tuple(names)
    if annotation in _KINDS:
        return _KINDS[annotation], optional, ()
    if (typing.get_origin(annotation) or annotation) in (list, tuple):
        return "ints", optional, ()
    raise UserOpError(
        f"{parameter.name!r} is {_name(annotation)}; an attribute is a float, int, bool or str, "
        "a Literal of texts, or a list of whole numbers",
        hint=_EXAMPLE,
    )


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)
