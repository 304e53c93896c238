"""Shapes for variables that are still a single number, derived from their connections.

A new variable is a scalar. Connected to a matrix product, a convolution or a bias it has to be an
array, and most of its sizes follow from the other input. Only the number of units does not. It is
found downstream, where the result meets labels, a bias or the next layer. If nothing there
determines it, the sizes of other placeholders and a usual number of units are offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.errors import NodeflowError
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType

TypeOf = Callable[[str, str], TensorType | None]
"""A function that returns the type at a port, given node and port; None if unknown."""

Sizes = tuple[int, ...]

MOST_STEPS = 60
"""The maximum number of nodes to visit downstream."""
UNITS, FEW_UNITS, FILTERS = 64, 16, 16
_KERNEL = 3
_SPATIAL = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
_ROWS = ("Math", "Loss")
"""Categories of ops whose inputs have rows of equal length."""
_PROBE = TensorType("float32", (7, 5))


def is_scalar_variable(doc: Document, node_id: str) -> bool:
    """Return whether a node is a variable without shape, values and initializer."""
    record = doc.nodes.get(node_id)
    if record is None or record.op != "variable" or (node_id, "initial") in doc.wires:
        return False
    attrs = record.attrs
    unset = attrs.get("shape") is None and attrs.get("initializer") is None
    return unset and not isinstance(attrs.get("value", 0.0), list)


def likely_shapes(doc: Document, type_of: TypeOf, wire: Wire) -> list[Sizes]:
    """Return the shapes that a scalar variable at the start of a wire may need, likeliest first.

    Return no shapes if the target expects a single number, or if its other inputs are unknown.
    """
    target, port = doc.nodes[wire.target], wire.target_port
    if target.op == "matmul":
        return _of_matmul(doc, type_of, target, port, lambda n: _units(doc, type_of, target, n))
    if target.op in _SPATIAL and port == "filter":
        found = _size_downstream(doc, type_of, target)
        return _of_filter(type_of, target, [*([found] if found else []), FILTERS, 2 * FILTERS])
    if target.op == "add":
        other = type_of(target.id, "y" if wire.target_port == "x" else "x")
        return _of_bias(other)
    return []


def example_shape(doc: Document, type_of: TypeOf, wire: Wire) -> Sizes | None:
    """Return a shape that fits at the end of a wire, derived from the target's other inputs
    alone.
    """
    target, port = doc.nodes[wire.target], wire.target_port
    shapes: list[Sizes] = []
    if target.op == "matmul":
        shapes = _of_matmul(doc, type_of, target, port, lambda n: [_usual(n)])
    elif target.op in _SPATIAL and port == "filter":
        shapes = _of_filter(type_of, target, [FILTERS])
    return shapes[0] if shapes else None


def sizes_text(shape: Sizes) -> str:
    """Return a shape as a person writes it: ``784 × 300``."""
    return " × ".join(map(str, shape))


def _of_matmul(
    doc: Document,
    type_of: TypeOf,
    target: NodeRecord,
    port: str,
    units_of: Callable[[int], list[int]],
) -> list[Sizes]:
    transposed = target.attrs.get("transpose_y" if port == "y" else "transpose_x", False)
    other = type_of(target.id, "x" if port == "y" else "y")
    if other is None or (other.ndims or 0) < 2:
        return []
    flipped = target.attrs.get("transpose_x" if port == "y" else "transpose_y", False)
    inner = other.shape[-1 if (port == "y") != bool(flipped) else -2]
    if inner is None:
        return []
    pairs = [(inner, n) if port == "y" else (n, inner) for n in units_of(inner)]
    return [(b, a) for a, b in pairs] if transposed else pairs


def _of_filter(type_of: TypeOf, target: NodeRecord, counts: list[int]) -> list[Sizes]:
    images = type_of(target.id, "x")
    spatial = _SPATIAL[target.op]
    if images is None or images.ndims != spatial + 2:
        return []
    channels = images.shape[1 if target.attrs.get("layout", "").startswith("NC") else -1]
    if channels is None:
        return []
    kernel, first = (_KERNEL,) * spatial, target.attrs.get("filter_layout", "").startswith("OI")
    return [
        (count, channels, *kernel) if first else (*kernel, channels, count)
        for count in dict.fromkeys(counts)
    ]


def _of_bias(other: TensorType | None) -> list[Sizes]:
    """Return the shape of a bias with one element per unit; no shape if a scalar is enough."""
    if other is None or (other.ndims or 0) < 2 or other.shape[-1] in (None, 1):
        return []
    assert other.shape[-1] is not None
    return [(other.shape[-1],)]


def _units(doc: Document, type_of: TypeOf, target: NodeRecord, inner: int) -> list[int]:
    found = _size_downstream(doc, type_of, target)
    if found is not None:
        return [found]
    return list(dict.fromkeys([*_other_sizes(doc, type_of, inner), _usual(inner)]))


def _usual(inner: int) -> int:
    return UNITS if inner >= UNITS else FEW_UNITS


def _other_sizes(doc: Document, type_of: TypeOf, inner: int) -> Iterator[int]:
    """Yield the row lengths of placeholders that differ from `inner`, such as labels or targets."""
    for record in doc.nodes.values():
        fed = type_of(record.id, "out") if record.op == "placeholder" else None
        if fed is not None and fed.ndims == 2 and fed.shape[1] not in (None, inner):
            assert fed.shape[1] is not None
            yield fed.shape[1]


def _size_downstream(doc: Document, type_of: TypeOf, target: NodeRecord) -> int | None:
    """Return the last dimension that a node's result must have for its consumers; None if
    unknown.
    """
    waiting, seen = [target.id], {target.id}
    while waiting and len(seen) < MOST_STEPS:
        for wire in doc.wires_out_of(waiting.pop(0)):
            record = doc.nodes[wire.target]
            if record.op not in REGISTRY:
                continue
            size, goes_on = _meets(doc, type_of, record, REGISTRY.lookup(record.op), wire)
            if size is not None:
                return size
            if goes_on and record.id not in seen:
                seen.add(record.id)
                waiting.append(record.id)
    return None


def _meets(
    doc: Document, type_of: TypeOf, record: NodeRecord, op: Op, wire: Wire
) -> tuple[int | None, bool]:
    """Return the size that an op's other input requires, and whether the result has the same
    size.
    """
    if record.op == "matmul":
        weights = type_of(record.id, "y") if wire.target_port == "x" else None
        inner = weights.shape[-2] if weights is not None and (weights.ndims or 0) >= 2 else None
        return inner, False
    for other in (port.name for port in op.inputs if port.name != wire.target_port):
        if op.category not in _ROWS or is_scalar_variable(doc, _source(doc, record, other)):
            continue
        met = type_of(record.id, other)
        size = met.shape[-1] if met is not None and met.ndims else None
        if size is not None and size > 1 and met is not None and met.dtype.startswith("float"):
            return size, False
    return None, _keeps_rows(op, record)


def _keeps_rows(op: Op, record: NodeRecord) -> bool:
    """Return whether an op's result has rows of the same length, as elementwise ops and softmax
    do."""
    if op.category == "Math":
        return True
    if len([port for port in op.inputs if not port.optional]) != 1 or op.variadic:
        return False
    try:
        (out,) = infer_types(op, [_PROBE], op.bind_attrs(record.attrs))
    except (NodeflowError, ValueError):
        return False
    return out.shape == _PROBE.shape


def _source(doc: Document, record: NodeRecord, port: str) -> str:
    wire = doc.wires.get((record.id, port))
    return "" if wire is None else wire.source
