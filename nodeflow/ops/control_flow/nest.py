"""Nested structures of tensors as in TensorFlow 1: lists, tuples, named tuples, dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nodeflow.errors import GraphError


class Composite:
    """An object made of tensors, such as a tensor array. Loops and branches carry its tensors."""

    def parts(self) -> list[Any]:
        """Return the tensors of the object."""
        raise NotImplementedError

    def rebuilt(self, parts: list[Any]) -> Any:
        """Return a copy of this object that holds the given tensors."""
        raise NotImplementedError


def flatten(structure: Any) -> list[Any]:
    """Return the leaves in order; the leaves of a dict in the order of its sorted keys.

    >>> flatten([1, (2, {"b": 4, "a": 3})])
    [1, 2, 3, 4]
    """
    return [leaf for _, leaf in _walk(structure, "")]


def names(structure: Any, root: str) -> list[str]:
    """Return a name for each leaf.

    >>> names([1, {"a": 3}], "loop_vars")
    ['loop_vars[0]', "loop_vars[1]['a']"]
    """
    return [name for name, _ in _walk(structure, root)]


def pack(structure: Any, leaves: Sequence[Any]) -> Any:
    """Return a structure nested like ``structure``, with its leaves replaced by ``leaves`` in
    order.

    >>> pack((1, [2, 3]), "abc")
    ('a', ['b', 'c'])
    """
    rest = iter(leaves)
    return _pack(structure, rest)


def check_same(one: Any, other: Any, what: str) -> None:
    """Raise an error if two structures differ in more than their leaves.

    Args:
        what: words for the error that describe the structures: "true_fn and false_fn return".

    Raises:
        GraphError: the structures differ.
    """
    if _shape(one) != _shape(other):
        raise GraphError(
            f"{what} different structures, {_said(one)} and {_said(other)}",
            hint="Return the same number of tensors, nested in the same way.",
        )


def _walk(structure: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            yield from _walk(structure[key], f"{name}[{key!r}]")
    elif isinstance(structure, (list, tuple)):
        for index, part in enumerate(structure):
            yield from _walk(part, f"{name}[{index}]")
    elif isinstance(structure, Composite):
        yield from ((name, part) for part in structure.parts())
    else:
        yield name, structure


def _pack(structure: Any, rest: Iterator[Any]) -> Any:
    if isinstance(structure, Mapping):
        packed = {key: _pack(structure[key], rest) for key in sorted(structure)}
        return type(structure)((key, packed[key]) for key in structure)  # type: ignore[call-arg]
    if isinstance(structure, (list, tuple)):
        parts = [_pack(part, rest) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    if isinstance(structure, Composite):
        return structure.rebuilt([next(rest) for _ in structure.parts()])
    return next(rest)


def _shape(structure: Any) -> Any:
    """Return the nesting of a structure of dicts, lists and tuples, with None for each leaf. Tuples
    become lists, so that both compare equal.
    """
    if isinstance(structure, Mapping):
        return {key: _shape(part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_shape(part) for part in structure]
    if isinstance(structure, Composite):
        return type(structure).__name__
    return None


def _said(structure: Any) -> str:
    count = len(flatten(structure))
    kind = type(structure).__name__ if _shape(structure) is not None else "one"
    return "one tensor" if kind == "one" else f"a {kind} of {count}"


def composites(structure: Any) -> list[Composite]:
    """Return the composite objects of a structure, in order."""
    if isinstance(structure, Mapping):
        return [c for key in sorted(structure) for c in composites(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [c for part in structure for c in composites(part)]
    return [structure] if isinstance(structure, Composite) else []


def replaced(structure: Any, change: Callable[[Composite], Composite]) -> Any:
    """Return a copy of a nested structure. Each `Composite` object in it, such as a `TensorArray`,
    is replaced by the result of ``change``.
    """
    if isinstance(structure, Mapping):
        return type(structure)((k, replaced(v, change)) for k, v in structure.items())  # type: ignore[call-arg]
    if isinstance(structure, (list, tuple)):
        parts = [replaced(part, change) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return change(structure) if isinstance(structure, Composite) else structure
