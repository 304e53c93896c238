"""Queries for nodes by op, attribute, dtype, shape and number of parameters.

A query consists of terms, and a node must match all of them:

- `1x64x*`: the shape of an output; `?` stands for one size, `*` for any number of sizes;
- `int64`, `f32`: the dtype of an output;
- `params > 1M`: the number of parameters that a node reads or holds (`<`, `>`, `<=`, `>=`, `=`);
- `strides 2 2`, `kernel 3 3`: an attribute, by the beginning of its name, or the sizes of a
  convolution's filter;
- any other word: a part of the op or of the name.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.types import DTYPES, TensorType

SHORT = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"} | {
    f"{kind[0]}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}
"""Short names of dtypes, as cards show them."""
KERNEL, KERNEL_PORT = "kernel", "filter"
"""The word for the sizes of a convolution's filter along its spatial axes, and its in-port."""
UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}
_SIZE = re.compile(r"params\s*(>=|<=|>|<|=)\s*(\d+(?:\.\d+)?)\s*([kmg]?)\b")
_SHAPE = re.compile(r"(\d+|\*|\?)([x×](\d+|\*|\?))+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Subject(NamedTuple):
    """A node as a query sees it. `types` are those of its outputs, as far as known."""

    name: str
    record: NodeRecord
    op: NodeDeclaration | None
    types: Sequence[TensorType]
    kernel: TensorType | None
    params: int


Term = Callable[[Subject], bool]


def subject(
    doc: Document,
    record: NodeRecord,
    name: str,
    op: NodeDeclaration | None,
    type_of: Callable[[str, str], TensorType | None],
    types: Iterable[TensorType],
) -> Subject:
    """Return a node with the facts that queries compare.

    Args:
        type_of: returns the type of an input or output by node id and port.
    """
    kernel, params = None, 0
    for wire in doc.wires_into(record.id):
        found = type_of(wire.source, wire.source_port)
        if wire.target_port == KERNEL_PORT:
            kernel = found
        if doc.nodes[wire.source].op == "variable":
            params += _elements(found)
    types = list(types)
    if record.op == "variable":
        params = sum(map(_elements, types))
    return Subject(name, record, op, types, kernel, params)


def parsed(query: str) -> list[Term] | None:
    """Return the terms of a query; None if it is a single word without a special meaning."""
    text, terms = query.lower(), []
    for found in _SIZE.finditer(text):
        compare, bound = _COMPARISONS[found[1]], float(found[2]) * UNITS[found[3]]
        terms.append(_by_params(compare, bound))
    words = _SIZE.sub(" ", text).split()
    special = bool(terms)
    while words:
        word = words.pop(0)
        numbers: list[float] = []
        while words and _NUMBER.fullmatch(words[0]):
            numbers.append(float(words.pop(0)))
        dtype = SHORT.get(word, word)
        if _SHAPE.fullmatch(word):
            terms.append(_by_shape(re.split("[x×]", word)))
        elif dtype in DTYPES:
            terms.append(_by_dtype(dtype))
        elif numbers:
            terms.append(_by_attribute(word, numbers))
        else:
            terms.append(_by_word(word))
            continue
        special = True
    return terms if special or len(terms) > 1 else None


def matches(terms: Sequence[Term], node: Subject) -> bool:
    """Return whether a node matches all terms."""
    return all(term(node) for term in terms)


def _by_params(compare: Callable[[float, float], bool], bound: float) -> Term:
    return lambda node: node.params > 0 and compare(node.params, bound)


def _by_shape(pattern: Sequence[str]) -> Term:
    return lambda node: any(t.has_rank and _fits(pattern, t.shape) for t in node.types)


def _fits(pattern: Sequence[str], shape: Sequence[int | None]) -> bool:
    if not pattern:
        return not shape
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        return any(_fits(rest, shape[skip:]) for skip in range(len(shape) + 1))
    if not shape or (first != "?" and shape[0] != int(first)):
        return False
    return _fits(rest, shape[1:])


def _by_dtype(dtype: str) -> Term:
    return lambda node: any(t.dtype == dtype for t in node.types)


def _by_attribute(word: str, numbers: Sequence[float]) -> Term:
    def has(node: Subject) -> bool:
        if word == KERNEL and _spatial(node)[: len(numbers)] == list(numbers):
            return True
        attrs = node.op.attrs if node.op is not None else ()
        return any(
            _values(node.record.attrs.get(attr.name, attr.default))[: len(numbers)] == list(numbers)
            for attr in attrs
            if attr.name.startswith(word)
        )

    return has


def _by_word(word: str) -> Term:
    def has(node: Subject) -> bool:
        title = node.op.title.lower() if node.op is not None else ""
        return word in node.record.op or word in title or word in node.name.lower()

    return has


def _spatial(node: Subject) -> list[Any]:
    """Return the sizes of a convolution's filter along its spatial axes."""
    if node.kernel is None or not node.kernel.has_rank:
        return []
    first = node.record.attrs.get("filter_layout") == "OIHW"
    return list(node.kernel.shape[2:] if first else node.kernel.shape[:-2])


def _values(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    return [] if value is None else [value]


def _elements(found: TensorType | None) -> int:
    if found is None or not found.has_rank or None in found.shape:
        return 0
    return math.prod(size for size in found.shape if size is not None)
