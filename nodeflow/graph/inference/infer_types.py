"""Type inference of a node from its declaration. Errors name node, port, expected, actual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, MissingInput, NodeflowError, UnknownRank
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.inference.constant_propagation import with_values
from nodeflow.graph.inference.unknown_rank import infer_for_ranks
from nodeflow.graph.types import COMPLEX, FLOATS, INTEGERS, TensorType, numpy_dtype


def infer_types(
    op: NodeDeclaration,
    types: Sequence[TensorType],
    attrs: Mapping[str, Any],
    node: str | None = None,
) -> tuple[TensorType, ...]:
    """Return the output types of one node that ``op`` declares.

    Args:
        types: input types, variadic ones flattened.
        attrs: attributes as ``op.bind_attrs`` returns them.
        node: name for errors.

    Raises:
        GraphError: an input or attribute does not fit; names the node and port.
    """
    try:
        check_count(op, len(types))
        check_dtypes(op, types)
        outs = infer_outputs(op, types, attrs)
    except NodeflowError as error:
        raise error.at(node) from None
    for type_ in types:
        if type_.value is not None:
            return with_values(op, types, attrs, outs)
    return outs


def infer_outputs(
    op: NodeDeclaration, types: Sequence[TensorType], attrs: Mapping[str, Any]
) -> tuple[TensorType, ...]:
    """Return the output types that an op infers from its input types, as a tuple. If the op needs a
    rank that is unknown, return what all valid ranks have in common.
    """
    try:
        result = op.infer(*types, **attrs)
    except UnknownRank as error:
        return infer_for_ranks(op, types, attrs, error)
    return (result,) if isinstance(result, TensorType) else tuple(result)


def check_count(op: NodeDeclaration, count: int) -> None:
    """Raise MissingInput (or DtypeError for too many) if ``count`` inputs are not valid."""
    required = sum(not (p.optional or p.variadic) for p in op.inputs)
    if count < required:
        port = op.input_name(count)
        raise MissingInput(
            f"{op.short_id} has no input at {port!r}",
            port=port,
            hint=f"Connect a tensor to {port!r}.",
        )
    if not op.variadic and count > len(op.inputs):
        raise MissingInput(f"{op.short_id} takes {len(op.inputs)} inputs, not {count}")


def check_dtypes(op: NodeDeclaration, types: Sequence[TensorType]) -> None:
    """Raise DtypeError if a port rejects a dtype or ports of one group differ."""
    first: dict[str, tuple[str, str]] = {}
    for index, tensor_type in enumerate(types):
        port, name = op.input_port(index), op.input_name(index)
        if tensor_type.dtype not in port.dtypes:
            raise DtypeError(
                f"{op.short_id} takes {any_of(port.dtypes)} at {name!r}, not {tensor_type.dtype}",
                port=name,
                hint=_cast_hint(op, name, port.dtypes),
            )
        if port.group is None:
            continue
        other, dtype = first.setdefault(port.group, (name, tensor_type.dtype))
        if dtype != tensor_type.dtype:
            raise DtypeError(
                f"{name!r} is {tensor_type.dtype} but {other!r} is {dtype}; "
                "nodeflow does not cast silently",
                port=name,
                hint=_cast_one(op, (name, tensor_type.dtype), (other, dtype)),
            )


def _cast_one(op: NodeDeclaration, one: tuple[str, str], other: tuple[str, str]) -> str:
    """Return a hint to cast one of two ports, the one that loses less: the narrower or the
    non-float.

    A value that is stored in a variable is always cast, even with loss.
    """
    (name, dtype), (other_name, wanted) = one, other
    if op.id != "assign" and keeps_more(wanted, dtype):
        name, wanted = other_name, dtype
    return f"Insert a Cast to {wanted} before {name!r}."


def keeps_more(dtype: str, wanted: str) -> bool:
    """Return whether casting ``dtype`` to ``wanted`` loses less than the opposite direction.

    >>> keeps_more("int64", "float64"), keeps_more("float64", "int64")
    (True, False)
    """
    is_exact = np.can_cast(numpy_dtype(dtype), numpy_dtype(wanted), "safe")
    return is_exact or (wanted in FLOATS and dtype not in FLOATS)


_FAMILIES = (("any float", FLOATS), ("any integer", INTEGERS), ("any complex number", COMPLEX))


def any_of(dtypes: Sequence[str]) -> str:
    """Return dtypes as an English list with "or". If there are more than four, use names of
    families of dtypes, such as all integers.
    """
    words = list(dtypes)
    if len(words) > 4:
        whole = [family for family in _FAMILIES if set(family[1]) <= set(words)]
        named = {word for _, members in whole for word in members}
        words = [*(name for name, _ in whole), *(word for word in words if word not in named)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


_INSTEAD = {
    ("divide", "x"): "Use floor_divide for integers",
    ("divide", "y"): "Use floor_divide for integers",
    ("softmax_cross_entropy_with_logits", "labels"): (
        "Use sparse_softmax_cross_entropy for class numbers"
    ),
    ("categorical_cross_entropy", "labels"): "Use sparse_softmax_cross_entropy for class numbers",
}
"""Op and port -> the advice for integers there."""


def _cast_hint(op: NodeDeclaration, port: str, dtypes: Sequence[str]) -> str:
    other = _INSTEAD.get((op.id, port))
    return f"{other}, or insert a Cast to float32." if other else f"Insert a Cast to {dtypes[0]}."
