"""TensorFlow 1's functions to create, join and rearrange tensors, composed of several ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nodeflow.errors import AttributeProblem, GraphError, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.shapes import TensorShape
from nodeflow.graph.types import (
    broadcast_shapes,
    compatible,
    dtype_name,
    literal,
    normalize_axis,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import one_axis, scoped, spelled
from nodeflow.ops.namespaces.arguments import tensor as of
from nodeflow.public import publish

__all__ = [
    "argsort",
    "broadcast_dynamic_shape",
    "broadcast_static_shape",
    "einsum",
    "ensure_shape",
    "identity_n",
    "invert_permutation",
    "newaxis",
    "ones_like",
    "pad",
    "parallel_stack",
    "reverse_sequence",
    "sequence_mask",
    "setdiff1d",
    "shape_n",
    "sort",
    "split",
    "strided_slice",
    "unravel_index",
    "zeros_like",
]

newaxis = None
"""A new axis of size 1, as in ``x[:, nf.newaxis]``."""


def known(value: Any) -> Any:
    """Return the numbers of a constant, or of sizes that are known while the graph is built.

    Raises:
        GraphError: only a run knows the numbers.
    """
    if not isinstance(value, Tensor):
        return value
    if value.node.op.id == "constant":
        return literal(value.node.attrs["value"], value.dtype)
    numbers = value.type.array
    if numbers is None:
        raise GraphError(
            f"{value.name} is known only in a run", hint="Give numbers or a constant here."
        )
    return numbers


# ---- like another tensor ------------------------------------------------------------------------


@spelled
def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Return zeros in the shape of a tensor.

    Args:
        dtype: dtype of the zeros; None: the dtype of the tensor.
        optimize: accepted for TensorFlow 1; has no effect.
    """
    return _like(F.zeros_like, tensor, dtype, name)


@spelled
def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Return ones in the shape of a tensor; arguments are the same as for `zeros_like`."""
    return _like(F.ones_like, tensor, dtype, name)


def _like(op: Any, x: Any, dtype: Any, name: str | None) -> Tensor:
    x = of(x)
    if dtype is None or dtype_name(dtype) == x.dtype:
        return op(x, name=name)
    with scoped(name, op.__name__, [x]):
        return op(F.cast(x, dtype=dtype_name(dtype)))


def identity_n(input: Sequence[Any], name: str | None = None) -> list[Tensor]:
    """Return each tensor under its own new name."""
    with scoped(name, "identity_n", list(input)):
        return [F.identity(x) for x in input]


def shape_n(input: Sequence[Any], out_type: Any = "int32", name: str | None = None) -> list[Tensor]:
    """Return the shape of each tensor."""
    with scoped(name, "shape_n", list(input)):
        return [F.shape(x, out_type=dtype_name(out_type)) for x in input]


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return x after checking its shape: known sizes at once, the others in each run.

    Args:
        shape: sizes, None for any size; None alone fits every shape.

    Raises:
        ShapeError: a known size differs.
    """
    x = of(x)
    if shape is None:
        return F.identity(x, name=name)
    wanted = tuple(shape)
    if not compatible(x.shape, wanted):
        raise ShapeError(
            f"{x.name} has shape {shape_text(x.shape)}, not {shape_text(wanted)}", node=x.name
        )
    with scoped(name, "ensure_shape", [x]):
        checked = _checked_sizes(x, wanted)
        with x.graph.control_dependencies([checked]):
            fits = F.identity(x)
    fits.set_shape(wanted)
    return fits


def _checked_sizes(x: Tensor, wanted: tuple[int | None, ...]) -> Any:
    """Add an assertion that makes a run fail unless x has the wanted sizes. Return its node. None
    accepts any size.
    """
    sizes = F.shape(x, out_type="int64")
    expected = np.array([-1 if d is None else d for d in wanted], "int64")
    if not x.type.has_rank:
        ranks = F.equal(F.rank(x), len(wanted))
        return F.assert_true(ranks, message=f"rank {len(wanted)} is expected")
    fits = F.logical_or(F.equal(expected, -1), F.equal(sizes, expected))
    text = f"the shape is {{}}, and {shape_text(wanted)} is expected"
    return F.assert_true(fits, sizes, message=text)


# ---- joined and cut -----------------------------------------------------------------------------


def parallel_stack(values: Sequence[Any], name: str | None = None) -> Tensor:
    """Join tensors of one shape along a new first axis, as `stack` does."""
    return F.stack(list(values), name=name or "parallel_stack")


@spelled
def split(
    value: Any,
    num_or_size_splits: Any,
    axis: int = 0,
    num: int | None = None,
    name: str | None = None,
) -> list[Tensor]:
    """Split a tensor into parts along an axis.

    Args:
        num_or_size_splits: number of equal parts, or a list (or constant) of their sizes, one of
            which may be -1 for the rest.
        num: number of sizes; ignored, because the list has it.

    Raises:
        GraphError: the sizes do not fit, or only a run knows them.
    """
    x, parts = of(value), known(num_or_size_splits)
    if isinstance(parts, np.ndarray):
        parts = parts.tolist()
    if isinstance(parts, (list, tuple)) and -1 in parts:
        whole = x.shape[normalize_axis(axis, len(x.shape))]
        if whole is None or list(parts).count(-1) > 1:
            raise AttributeProblem(
                f"the size for -1 in {list(parts)} is unknown", port="num_or_size_splits"
            )
        parts = [whole - sum(parts) - 1 if p == -1 else p for p in parts]
    return F.split(x, parts=parts, axis=axis, name=name)


@spelled
def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: Any = 0,
) -> Tensor:
    """Pad a tensor with a border.

    Args:
        paddings: a pair [before, after] for each axis: numbers, or a constant.
        mode: "CONSTANT", "REFLECT" or "SYMMETRIC"; "edge" and "wrap" as in numpy.
        constant_values: the number of a constant border.

    Raises:
        AttributeProblem: the pairs do not fit the tensor.
        GraphError: only a run knows them.
    """
    pairs, number = (np.asarray(known(v)).tolist() for v in (paddings, constant_values))
    return F.pad(tensor, paddings=pairs, value=number, mode=mode.lower(), name=name)


def einsum(*inputs: Any, equation: str | None = None, name: str | None = None) -> Tensor:
    """Sum products over named axes: ``nf.einsum("ij,jk->ik", a, b)``.

    Args:
        inputs: the equation, if it is not given by name, and the tensors, or a list of them.

    Raises:
        AttributeProblem: the equation is invalid, or does not fit the tensors.
    """
    if equation is None and inputs:
        equation, *inputs = inputs  # type: ignore[assignment]
    if not isinstance(equation, str):
        raise AttributeProblem(
            f"einsum takes an equation first, not {equation!r:.80}",
            port="equation",
            hint='Write nf.einsum("ij,jk->ik", a, b).',
        )
    listed = len(inputs) == 1 and isinstance(inputs[0], (list, tuple))
    return F.einsum(list(inputs[0] if listed else inputs), equation=equation, name=name)


@spelled
def strided_slice(
    input_: Any,
    begin: Any = (0,),
    end: Any = (None,),
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """Take the part of a tensor that the Python slices begin:end:strides select.

    Args:
        begin_mask, end_mask: bit i ignores begin[i], or end[i].
        ellipsis_mask: bit i is the place of ``...``.
        new_axis_mask: bit i adds an axis of size 1.
        shrink_axis_mask: bit i takes the single element begin[i] and removes its axis.
        var: accepted for TensorFlow 1; it changes nothing here.

    Raises:
        GraphError: the slices do not fit, or masks are used with numbers that only a run knows.
    """
    masks = begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask
    if not any(masks):
        return F.strided_slice(input_, begin=begin, end=end, strides=strides, name=name)
    starts, ends = _listed_numbers(begin), _listed_numbers(end)
    steps = [1] * len(starts) if strides is None else _listed_numbers(strides)
    key: list[Any] = []
    for i, (start, stop, step) in enumerate(zip(starts, ends, steps, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append(...)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(start)
        else:
            begins = None if begin_mask & bit else start
            key.append(slice(begins, None if end_mask & bit else stop, step))
    with scoped(name, "strided_slice", [input_]):
        return of(input_)[tuple(key)]


def _listed_numbers(value: Any) -> list[Any]:
    found = np.asarray(known(value)).tolist()
    return found if isinstance(found, list) else [found]


# ---- order --------------------------------------------------------------------------------------


@spelled
def sort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    name: str | None = None,
    *,
    descending: bool | None = None,
) -> Tensor:
    """Sort the elements along an axis. NaN counts as the largest.

    Args:
        direction: "ASCENDING" or "DESCENDING".
        descending: the direction as a bool.
    """
    return F.sort(values, axis=axis, descending=_falls(direction, descending), name=name)


@spelled
def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
    *,
    descending: bool | None = None,
    dtype: Any = "int32",
) -> Tensor:
    """Return the indices that sort along an axis.

    Args:
        direction: "ASCENDING" or "DESCENDING".
        stable: accepted for TensorFlow 1; sorting is always stable.
        descending: the direction as a bool.
        dtype: dtype of the indices.
    """
    falls = _falls(direction, descending)
    if dtype_name(dtype) == "int64":
        return F.argsort(values, axis=axis, descending=falls, name=name)
    with scoped(name, "argsort", [values]):
        return F.cast(F.argsort(values, axis=axis, descending=falls), dtype=dtype_name(dtype))


def _falls(direction: str, descending: bool | None) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise AttributeProblem(
            f"direction must be ASCENDING or DESCENDING, not {direction!r}", port="direction"
        )
    return direction == "DESCENDING" if descending is None else descending


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse permutation: the place of each number from 0 on in x.

    Repeated or missing numbers are not detected.
    """
    x = of(x)
    with scoped(name, "invert_permutation", [x]):
        return F.cast(F.argsort(x), dtype=x.dtype)


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """Convert flat indices into a tensor to an index along each axis.

    Args:
        indices: any shape; the result has a new first axis, of the tensor's axes.
        dims: sizes of the tensor: numbers, or an integer tensor.
    """
    with scoped(name, "unravel_index", [indices, dims]):
        sizes = of(dims, indices)
        flat = of(indices, sizes)
        after = F.cumprod(sizes, exclusive=True, reverse=True)
        shape = F.concat(
            [F.shape(sizes), F.cast(F.ones_like(F.shape(flat)), dtype="int32")], axis=0
        )
        after, around = (F.reshape(t, shape) for t in (after, sizes))
        return F.modulo(F.floor_divide(F.expand_dims(flat, axis=0), after), around)


# ---- sequences ----------------------------------------------------------------------------------


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: str | None = None
) -> Tensor:
    """Return, for each length, a row that is true up to it.

    Args:
        lengths: integers of any shape.
        maxlen: size of the rows: a number or a scalar tensor; None: the largest length.
        dtype: dtype of the result; true becomes 1 in numbers.
    """
    lengths = of(lengths)
    with scoped(name, "sequence_mask", [lengths]):
        if maxlen is None:
            maxlen = F.maximum(F.reduce_max(F.reshape(lengths, shape=[-1])), 0)
        places = F.range(of(maxlen, lengths))
        if places.dtype != lengths.dtype:
            places = F.cast(places, dtype=lengths.dtype)
        mask = F.less(places, F.expand_dims(lengths, axis=-1))
        return mask if dtype_name(dtype) == "bool" else F.cast(mask, dtype=dtype_name(dtype))


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """Reverse the first elements of each sequence. The rest stays in place.

    Args:
        seq_lengths: number of elements to reverse, one per sequence of the batch.
        seq_axis, batch_axis: axes of time and of sequences; older programs say seq_dim and
            batch_dim.

    Raises:
        GraphError: the axis of time is not given.
    """
    axis = one_axis("reverse_sequence", seq_axis, seq_dim, None)
    batch = one_axis("reverse_sequence", batch_axis, batch_dim, 0)
    if axis is None:
        raise GraphError("reverse_sequence needs a seq_axis", hint="1 for (batch, time, ...).")
    x = of(input)
    rank = len(x.shape)
    time, rows = normalize_axis(axis, rank), normalize_axis(batch, rank)
    with scoped(name, "reverse_sequence", [x]):
        along = F.reshape(F.positions(x, axis=time), shape=_only(time, rank))
        lengths = F.cast(of(seq_lengths), dtype="int64")
        lengths = F.reshape(lengths, shape=_only(rows, rank))
        source = F.where(along < lengths, lengths - 1 - along, along)
        return F.take_along_axis(x, F.broadcast_like(source, x), axis=time)


def _only(axis: int, rank: int) -> list[int]:
    """Return a shape that is 1 along all axes except one, whose size is -1."""
    return [-1 if a == axis else 1 for a in range(rank)]


class ListDiff(NamedTuple):
    """The two results of `setdiff1d`."""

    out: Tensor
    idx: Tensor


def setdiff1d(x: Any, y: Any, index_dtype: Any = "int32", name: str | None = None) -> ListDiff:
    """Return the elements of vector x that are not in y, in order, and their indices in x."""
    x = of(x)
    y = of(y, x)
    with scoped(name, "setdiff1d", [x]):
        same = F.equal(F.expand_dims(x, axis=1), F.expand_dims(y, axis=0))
        new = F.logical_not(F.reduce_any(same, axis=1))
        places = F.cast(F.positions(x, axis=0), dtype=dtype_name(index_dtype))
        return ListDiff(F.boolean_mask(x, new), F.boolean_mask(places, new))


# ---- shapes -------------------------------------------------------------------------------------


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """Return the shape of two shapes after broadcasting.

    Raises:
        ShapeError: they do not fit.
    """
    return TensorShape(broadcast_shapes(tuple(shape_x), tuple(shape_y)))


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """Broadcast two shapes that are integer tensors, as `broadcast_static_shape` does."""
    x = of(shape_x)
    y = of(shape_y, x)
    with x.graph.name_scope("broadcast_dynamic_shape"):
        ranks = [F.size(t) for t in (x, y)]
        rank = F.maximum(*ranks)
        wide = []
        for sizes, own in zip((x, y), ranks, strict=True):
            ones = F.fill(F.reshape(rank - own, shape=[1]), F.cast(1, dtype=x.dtype))
            wide.append(F.concat([ones, sizes], axis=0))
        first, second = wide
        fits = F.logical_or(
            F.equal(first, second), F.logical_or(F.equal(first, 1), F.equal(second, 1))
        )
        text = "the shapes {} and {} do not broadcast"
        checked = F.assert_true(fits, x, y, message=text)
        with x.graph.control_dependencies([checked]):
            return F.where(F.equal(first, 1), second, first)


publish(globals(), __all__)
