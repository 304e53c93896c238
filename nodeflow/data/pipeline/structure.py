"""Nested elements: tuples and dicts of components, flattened in TensorFlow's order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def flatten(value: Any) -> list[Any]:
    """Return the components of an element, in the order of sorted keys for a dict.

    >>> flatten({"b": (1, 2), "a": 3})
    [3, 1, 2]
    """
    if isinstance(value, Mapping):
        return [leaf for key in sorted(value) for leaf in flatten(value[key])]
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in flatten(part)]
    return [value]


def pack(template: Any, leaves: Iterable[Any]) -> Any:
    """Return components in the structure of ``template``.

    >>> pack({"b": (0, 0), "a": 0}, [3, 1, 2])
    {'b': (1, 2), 'a': 3}
    """
    return _pack(template, iter(leaves))


def _pack(template: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(template, Mapping):
        found = {key: _pack(template[key], leaves) for key in sorted(template)}
        return {key: found[key] for key in template}
    if isinstance(template, tuple):
        parts = [_pack(part, leaves) for part in template]
        return type(template)(*parts) if hasattr(template, "_fields") else tuple(parts)
    return next(leaves)


def same_structure(a: Any, b: Any) -> bool:
    """Return whether two templates nest in the same way, with the same keys."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_structure(a[key], b[key]) for key in a)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same_structure, a, b))
    return not isinstance(a, (Mapping, tuple)) and not isinstance(b, (Mapping, tuple))


def paths(template: Any, prefix: str = "") -> list[str]:
    """Return a name for each component: its path of keys and positions; empty for a single one.

    >>> paths(({"x": 0}, 0))
    ['0/x', '1']
    """
    if isinstance(template, Mapping):
        parts = [(str(key), template[key]) for key in sorted(template)]
    elif isinstance(template, tuple):
        parts = [(str(index), part) for index, part in enumerate(template)]
    else:
        return [prefix]
    return [p for key, part in parts for p in paths(part, f"{prefix}/{key}".lstrip("/"))]
