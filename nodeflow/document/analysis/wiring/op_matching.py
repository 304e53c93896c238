"""The types that an op can take and produce, for searches that start from a dragged wire.

The dtypes of outputs are not declared. They are found by running the op's inference on inputs of
every kind that its ports accept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import input_names, split_port
from nodeflow.document.model.document import Document
from nodeflow.errors import AttributeProblem, NodeflowError
from nodeflow.graph.declaration import REQUIRED, NodeDeclaration, Port
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.types import DTYPES, TensorType

RANKS, SIZE = range(5), 4
_SHAPING = ("shape", "axes")
"""Kinds of attributes that determine the accepted shapes; the user sets them after adding the
node."""
_TAKES: WeakKeyDictionary[NodeDeclaration, dict[TensorType, bool]] = WeakKeyDictionary()
_GIVES: WeakKeyDictionary[NodeDeclaration, dict[str, frozenset[str]]] = WeakKeyDictionary()
_WRONG_INPUT = (ArithmeticError, TypeError, ValueError, LookupError, RuntimeError)


def takes(op: NodeDeclaration, given: TensorType) -> bool:
    """Return whether any input of an op can take a type, whatever types the other inputs have."""
    known = _TAKES.setdefault(op, {})
    if given not in known:
        known[given] = any(
            given.dtype in port.dtypes and _takes_at(op, index, given)
            for index, port in enumerate(op.inputs)
        )
    return known[given]


def gives(op: NodeDeclaration, taking: Iterable[str] = DTYPES) -> frozenset[str]:
    """Return the possible dtypes of an op's outputs if its main inputs have one of the dtypes
    `taking`.

    If inference fails, assume the dtypes that the op's first input accepts.
    """
    if op not in _GIVES:
        _GIVES[op] = {dtype: _gives(op, dtype) for dtype in DTYPES}
    return frozenset().union(*(_GIVES[op][dtype] for dtype in taking))


def _gives(op: NodeDeclaration, dtype: str) -> frozenset[str]:
    if any(attr.kind == "dtype" for attr in op.attrs):
        return frozenset(DTYPES)
    for types in _trials(op, dtype):
        try:
            return frozenset(t.dtype for t in infer_types(op, types, _attrs(op)))
        except (NodeflowError, *_WRONG_INPUT):
            continue
    return frozenset({dtype} if op.inputs and dtype in op.inputs[0].dtypes else ())


def accepts(doc: Document, analysis: Analysis, node: str, port: str) -> frozenset[str]:
    """Return the dtypes that an input port of a node takes, given the wires into the other ports.

    Raises:
        NoSuchNode: there is no node with this id.
    """
    record = doc.node(node)
    op = declaration(record, doc)
    if op is None:
        return frozenset(DTYPES)
    wired = {wire.target_port: None for wire in doc.wires_into(node)}
    names = input_names(op.inputs, {**wired, port: None})
    if port not in names or split_port(port)[0] not in [p.name for p in op.inputs]:
        return frozenset(DTYPES)
    declared = op.input_port(names.index(port))
    result = set(declared.dtypes)
    for index, name in enumerate(names):
        kind = analysis.type_of(node, name) if name in wired and name != port else None
        if kind is not None and declared.group and op.input_port(index).group == declared.group:
            result &= {kind.dtype}
    return frozenset(result)


def _takes_at(op: NodeDeclaration, index: int, given: TensorType) -> bool:
    """Return whether the input at this index can take a type.

    Return False only if inference fails at this input for every tried shape of the other inputs.
    """
    at_fault = False
    if any(attr.kind in _SHAPING for attr in op.attrs):
        return True
    count = max(index + 1, sum(not (p.optional or p.variadic) for p in op.inputs))
    for shape in (given.shape, *((None,) * rank for rank in RANKS)):
        types = [_beside(op, i, index, given, shape) for i in range(count)]
        types[index] = given
        try:
            infer_types(op, types, _attrs(op))
        except AttributeProblem:
            return True
        except NodeflowError as error:
            at_fault |= error.port in (None, op.inputs[index].name)
        except _WRONG_INPUT:
            continue
        else:
            return True
    return not at_fault


def _beside(op: NodeDeclaration, i: int, index: int, given: TensorType, shape: tuple) -> TensorType:
    """Return a type to try at input `i` while input `index` has the type `given`.

    Inputs of one group get the same dtype.
    """
    port, chosen = op.inputs[i], op.inputs[index]
    same = port.group is not None and port.group == chosen.group
    return TensorType(given.dtype if same else _first(port), shape)


def _trials(op: NodeDeclaration, dtype: str) -> Iterator[list[TensorType]]:
    ports = [p for p in op.inputs if not p.optional]
    if ports and not any(dtype in p.dtypes for p in ports):
        return
    if any(p.group is not None and dtype not in p.dtypes for p in ports):
        return
    for offset in (0, -1, 1):
        for rank in RANKS:
            ranks = [rank, *[max(rank + offset, 0)] * len(ports)]
            yield [
                TensorType(dtype if dtype in p.dtypes else _first(p), (SIZE,) * r)
                for p, r in zip(ports, ranks, strict=False)
            ]


def _first(port: Port) -> str:
    return port.dtypes[0]


def _attrs(op: NodeDeclaration) -> dict:
    return {a.name: a.default for a in op.attrs if a.default is not REQUIRED}
