"""Nested structures of tensors, as TensorFlow 1 has them: lists, tuples, named tuples, dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nodeflow.errors import GraphError


class Composite:
    """Something that is made of tensors, which loops and branches carry instead."""

    def parts(self) -> list[Any]:
        """The tensors that it is made of."""
        raise NotImplementedError

    def rebuilt(self, parts: list[Any]) -> Any:
        """The same with other tensors."""
        raise NotImplementedError


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; a dict's in the order of its sorted keys.

    >>> flatten([1, (2, {"b": 4, "a": 3})])
    [1, 2, 3, 4]
    """
    return [leaf for _, leaf in _walk(structure, "")]


def names(structure: Any, root: str) -> list[str]:
    """What to call each leaf.

    >>> names([1, {"a": 3}], "loop_vars")
    ['loop_vars[0]', "loop_vars[1]['a']"]
    """
    return [name for name, _ in _walk(structure, root)]


def pack(structure: Any, leaves: Sequence[Any]) -> Any:
    """The same structure with other leaves.

    >>> pack((1, [2, 3]), "abc")
    ('a', ['b', 'c'])
    """
    rest = iter(leaves)
    return _pack(structure, rest)


def check_same(one: Any, other: Any, what: str) -> None:
    """Refuse two structures that differ in more than their leaves.

    Args:
        what: says which they are: "true_fn and false_fn return".

    Raises:
        GraphError: they differ.
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
    """The structure without its leaves; a list is as good as a tuple."""
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
    """What is made of tensors, in order."""
    if isinstance(structure, Mapping):
        return [c for key in sorted(structure) for c in composites(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [c for part in structure for c in composites(part)]
    return [structure] if isinstance(structure, Composite) else []


def replaced(structure: Any, change: Callable[[Composite], Composite]) -> Any:
    """The structure with what is made of tensors changed."""
    if isinstance(structure, Mapping):
        return type(structure)((k, replaced(v, change)) for k, v in structure.items())  # type: ignore[call-arg]
    if isinstance(structure, (list, tuple)):
        parts = [replaced(part, change) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return change(structure) if isinstance(structure, Composite) else structure
