# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Ops that rearrange elements."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import Call, LeftOut, NotKnown, dtype_of, op, reshaped, size


@op("Reshape")
def reshape(call: Call) -> nf.Tensor:
    """Translate ONNX's Reshape. A zero in the shape stands for the input's size on that axis."""
    x, as_it_is = call.x(), call.flag("allowzero")
    if call.known(1) is None:
        wanted = call.x(1)
        known = wanted.type.value
        if known is None and not as_it_is:
            return nf.reshape(x, shape=_without_zeros(call, wanted))
        if as_it_is or known is None or 0 not in known:
            return nf.reshape(x, shape=wanted)
        parts = nf.unstack(wanted, num=len(known))
        return reshaped(x, [size(x, i) if d == 0 else parts[i] for i, d in enumerate(known)])
    shape = call.ints(1) or ()
    if as_it_is or 0 not in shape:
        return nf.reshape(x, shape=shape)
    return reshaped(x, [size(x, i) if d == 0 else d for i, d in enumerate(shape)])


def _without_zeros(call: Call, wanted: nf.Tensor) -> nf.Tensor:
    """Return a shape that is known only at run time, with the input's sizes in place of zeros."""
    (count,) = wanted.type.shape if wanted.type.has_rank else (None,)
    if count is None or not call.x().type.has_rank:
        return wanted
    own = nf.shape(call.x(), out_type="int64")[:count]
    if count > call.rank:
        own = nf.pad(own, paddings=[[0, count - call.rank]], value=1)
    return nf.where(nf.equal(wanted, np.int64(0)), own, wanted)


@op("Flatten")
def flatten(call: Call) -> nf.Tensor:
    x, shape, axis = call.x(), call.shape(0), call.get("axis", 1)
    axis += call.rank if axis < 0 else 0
    if axis == 1:
        return nf.flatten(x)
    if None not in shape[axis:]:
        return nf.reshape(x, shape=[-1, int(np.prod(shape[axis:], dtype=int))])
    if None not in shape[:axis]:
        return nf.reshape(x, shape=[int(np.prod(shape[:axis], dtype=int)), -1])
    before = [size(x, i) for i in range(axis)]
    rows = before[0]
    for one in before[1:]:
        rows = rows * one
    return nf.reshape(x, shape=nf.stack([rows, np.int64(-1)]))


@op("Transpose")
def transpose(call: Call) -> nf.Tensor:
    return nf.transpose(call.x(), perm=call.get("perm"))


@op("Squeeze")
def squeeze(call: Call) -> nf.Tensor:
    return nf.squeeze(call.x(), axis=call["axes"] if "axes" in call.attrs else call.ints(1))


@op("Unsqueeze")
def unsqueeze(call: Call) -> nf.Tensor:
    axes = call["axes"] if "axes" in call.attrs else call.ints(1) or ()
    rank = call.rank + len(axes)
    return nf.expand_dims(call.x(), axis=sorted(a % rank for a in axes))


@op("Concat")
def concat(call: Call) -> nf.Tensor:
    return nf.concat(call.all(), axis=call["axis"])


@op("Split")
def split(call: Call) -> Any:
    axis = call.get("axis", 0)
    sizes = call["split"] if "split" in call.attrs else call.ints(1)
    if sizes is None:
        count, whole = call.get("num_outputs", len(call.outputs)), call.shape(0)[axis]
        each = None if whole is None else -(-whole // count)
        if whole is None or each is None:
            sizes = count
        else:
            sizes = [min(each, whole - i * each) for i in range(count)]
    return nf.split(call.x(), parts=sizes, axis=axis)


@op("Slice")
def slice_(call: Call) -> nf.Tensor:
    if call.version < 10:
        starts, ends, axes, steps = call["starts"], call["ends"], call.get("axes"), None
    else:
        try:
            starts, ends, axes, steps = (call.ints(i) for i in (1, 2, 3, 4))
        except NotKnown:
            return _runtime_slice(call)
    axes = axes or range(len(starts))
    steps = steps or (1,) * len(starts)
    begin: list[int | None] = [None] * call.rank
    end: list[int | None] = [None] * call.rank
    strides = [1] * call.rank
    for start, stop, axis, step in zip(starts, ends, axes, steps, strict=True):
        whole = call.shape(0)[axis]
        if whole is None:
            whole = FARTHEST
        begin[axis], strides[axis] = max(start, -whole) if step > 0 else start, step
        end[axis] = None if (step < 0 and stop < -whole) or stop >= FARTHEST else stop
        if step < 0 and start >= whole:
            begin[axis] = None
    if strides == [1] * call.rank and not any(begin) and end == [None] * call.rank:
        return nf.identity(call.x())
    return nf.strided_slice(call.x(), begin=begin, end=end, strides=strides)


FARTHEST = 2**31 - 1
"""The end index that exporters write for the end of an axis. They may also write larger numbers."""


def _runtime_slice(call: Call) -> nf.Tensor:
    """Translate ONNX's Slice with bounds that are known only at run time.

    Raises:
        NotKnown: the number of bounds is unknown, or a step is negative.
    """
    axes, steps = call.ints(3), call.ints(4)
    count = call.shape(1)[0] if call.shape(1) else None
    if count is None:
        raise NotKnown(1)
    axes = [a % call.rank for a in axes or range(count)]
    steps = steps or (1,) * count
    if any(step < 0 for step in steps):
        raise NotKnown(1)
    begin: list[Any] = [np.int64(0)] * call.rank
    end: list[Any] = [np.int64(FARTHEST)] * call.rank
    strides = [1] * call.rank
    for i, (axis, step) in enumerate(zip(axes, steps, strict=True)):
        begin[axis], end[axis] = _bound(call, 1, i), _bound(call, 2, i)
        strides[axis] = step
    return nf.strided_slice(call.x(), begin=_vector(begin), end=_vector(end), strides=strides)


def _bound(call: Call, index: int, place: int) -> Any:
    known = call.known(index)
    if known is not None:
        return np.int64(min(known.ravel()[place], FARTHEST))
    return nf.cast(call.x(index), "int64")[place]


def _vector(parts: list[Any]) -> Any:
    if any(isinstance(part, nf.Tensor) for part in parts):
        return nf.stack(parts)
    return np.array(parts, "int64")


@op("Pad")
def pad(call: Call) -> nf.Tensor:
    pads = call["pads"] if call.version < 11 else call.ints(1) or ()
    half = len(pads) // 2
    axes = (call.ints(3) if call.version >= 18 else None) or range(call.rank)
    pairs = [[0, 0] for _ in range(call.rank)]
    for axis, before, after in zip(axes, pads[:half], pads[half:], strict=True):
        pairs[axis] = [before, after]
    if min(pads) < 0:
        raise LeftOut("negative pads")
    value = call.value(2) if call.version >= 11 else np.array(call.get("value", 0.0))
    mode = call.get("mode", "constant")
    fill = 0 if value is None or value.size != 1 else value.item()
    return nf.pad(call.x(), paddings=pairs, mode=mode, value=fill)


@op("Tile")
def tile(call: Call) -> nf.Tensor:
    return nf.tile(call.x(), multiples=call.x(1) if call.known(1) is None else call.ints(1) or ())


@op("Expand")
def expand(call: Call) -> nf.Tensor:
    """Translate ONNX's Expand. It broadcasts x and the shape with each other, so a 1 in the shape
    keeps the input's size.
    """
    x, shape = call.x(), call.shape(0)
    if call.known(1) is not None and None not in shape and not call.ours:
        shape = np.broadcast_shapes(call.sizes(0), call.ints(1) or ())
        return nf.broadcast_to(x, shape=shape)
    wanted = call.x(1)
    if call.ours:
        return nf.broadcast_to(x, shape=wanted if call.known(1) is None else call.ints(1) or ())
    ones = wanted.type.value
    if ones is not None and len(ones) >= len(shape) and None not in ones:
        more = len(ones) - len(shape)
        if all(d != 1 or (i >= more and shape[i - more] == 1) for i, d in enumerate(ones)):
            return nf.broadcast_to(x, shape=ones)
    if wanted.type.value is not None and all(d == 1 for d in shape):
        return nf.broadcast_to(x, shape=wanted)
    like = nf.fill(shape=wanted, value=_one(x.type.dtype), dtype=x.type.dtype)
    return nf.logical_and(x, like) if x.type.dtype == "bool" else x * like


def _one(dtype: str) -> Any:
    return True if dtype == "bool" else 1


@op("Gather")
def gather(call: Call) -> nf.Tensor:
    """Translate Gather. Negative indices count from the end."""
    x, axis = call.x(), call.get("axis", 0)
    known = call.known(1)
    if known is not None and known.size and known.min() < 0:
        whole = call.shape(0)[axis]
        if known.ndim == 0 and whole is None:
            return x[(*[slice(None)] * (axis % call.rank), int(known))]
        if whole is not None and known.size <= 64:
            return nf.gather(x, nf.constant(known % whole), axis=axis)
    return nf.gather(x, call.x(1), axis=axis)


@op("GatherElements")
def gather_elements(call: Call) -> nf.Tensor:
    axis = call.get("axis", 0) % call.rank
    pairs = enumerate(zip(call.shape(0), call.shape(1), strict=True))
    if any(a != b or None in (a, b) for i, (a, b) in pairs if i != axis):
        raise LeftOut("indices of another shape than the data")
    return nf.take_along_axis(call.x(), call.x(1), axis=call.get("axis", 0))


@op("GatherND")
def gather_nd(call: Call) -> nf.Tensor:
    return nf.gather_nd(call.x(), call.x(1), batch_dims=call.get("batch_dims", 0))


@op("ScatterND")
def scatter_nd(call: Call) -> nf.Tensor:
    mode = {"none": "update", "mul": "multiply"}.get(call.get("reduction", "none"))
    return nf.tensor_scatter(*call.all(), mode=mode or call["reduction"])


@op("ScatterElements", "Scatter")
def scatter_elements(call: Call) -> nf.Tensor:
    mode = {"none": "update", "mul": "multiply"}.get(call.get("reduction", "none"))
    axis = call.get("axis", 0)
    x, indices, updates = call.all()
    shape = indices.shape
    if any(i != axis % call.rank and shape[i] != x.shape[i] for i in range(call.rank)):
        rest = np.indices(call.sizes(1)).reshape(call.rank, -1).T.copy()
        rest[:, axis % call.rank] = call.value(1).ravel() % call.sizes(0)[axis]
        places = nf.constant(rest)
        flat = nf.reshape(updates, shape=[-1])
        return nf.tensor_scatter(x, places, flat, mode=mode or call["reduction"])
    return nf.put_along_axis(x, indices, updates, axis=axis, mode=mode or call["reduction"])


@op("OneHot")
def one_hot(call: Call) -> nf.Tensor:
    depth, (off, on) = int(np.ravel(call.value(1))[0]), call.value(2)
    indices = nf.cast(call.x(), "int64") if call.dtype(0).startswith("float") else call.x()
    attrs = {"on_value": on.item(), "off_value": off.item(), "dtype": on.dtype.name}
    if call.ours:
        return nf.one_hot(indices, depth=depth, axis=call.get("axis", -1), **attrs)
    wrapped = nf.where(indices < 0, indices + depth, indices)
    return nf.one_hot(wrapped, depth=depth, axis=call.get("axis", -1), **attrs)


@op("Trilu")
def trilu(call: Call) -> nf.Tensor:
    offset = (call.ints(1) or (0,))[0]
    return (nf.triu if call.get("upper", 1) else nf.tril)(call.x(), offset=offset)


@op("EyeLike")
def eye_like(call: Call) -> nf.Tensor:
    rows, columns = call.sizes(0)
    kind = dtype_of(call["dtype"]) if "dtype" in call.attrs else call.dtype(0)
    return nf.eye(rows, columns, dtype=kind, offset=call.get("k", 0))


@op("ConstantOfShape")
def constant_of_shape(call: Call) -> nf.Tensor:
    value = call.get("value", np.zeros(1, "float32"))
    shape = call.x(0) if call.known(0) is None else call.ints(0)
    return nf.fill(shape=shape, value=value.item(), dtype=value.dtype.name)


@op("Constant")
def constant(call: Call) -> nf.Tensor:
    return nf.constant(call["value"])


@op("Range")
def range_(call: Call) -> nf.Tensor:
    known = [call.known(i) for i in range(3)]
    later = any(array is None for array in known)
    ends = [
        _number(call.x(i)) if array is None or (later and i < 2) else array.item()
        for i, array in enumerate(known)
    ]
    return nf.range(*ends, dtype=call.dtype(0))


def _number(x: nf.Tensor) -> nf.Tensor:
    """Return a tensor with one element as a scalar, because some files have a list of one element
    instead.
    """
    return x if x.type.ndims == 0 else nf.reshape(x, shape=[])


@op("Shape")
def shape_(call: Call) -> nf.Tensor:
    found = nf.shape(call.x(), out_type="int64")
    start, end = call.get("start", 0), call.get("end")
    if start == 0 and end is None:
        return found
    start = max(start, -call.rank)
    return nf.strided_slice(found, begin=[start], end=[end])


@op("Size")
def size_(call: Call) -> nf.Tensor:
    return nf.size(call.x(), dtype="int64")


@op("ReverseSequence")
def reverse_sequence(call: Call) -> nf.Tensor:
    """Translate ONNX's ReverseSequence: gather the first elements of each sequence in reverse
    order.
    """
    batch, time = call.get("batch_axis", 1), call.get("time_axis", 0)
    lengths = call.ints(1) or ()
    steps = np.arange(call.sizes(0)[time])
    own = np.stack([np.where(steps < n, n - 1 - steps, steps) for n in lengths])
    own = own if batch < time else own.T
    full = own.reshape([*own.shape, *[1] * (call.rank - 2)])
    places = nf.broadcast_to(nf.constant(full), shape=call.sizes(0))
    return nf.take_along_axis(call.x(), places, axis=time)


@op("DepthToSpace", "SpaceToDepth")
def depth_to_space(call: Call) -> nf.Tensor:
    ours = nf.depth_to_space if call.op == "DepthToSpace" else nf.space_to_depth
    mode = call.get("mode", "DCR")
    return ours(call.x(), block_size=call["blocksize"], mode=mode, layout="NCHW")


@op("CenterCropPad")
def center_crop_pad(call: Call) -> nf.Tensor:
    axes = [a % call.rank for a in call.get("axes", range(call.rank))]
    begin, end = [0] * call.rank, list(call.sizes(0))
    pairs = [[0, 0] for _ in range(call.rank)]
    for axis, wanted in zip(axes, call.ints(1) or (), strict=True):
        more = wanted - end[axis]
        if more < 0:
            begin[axis] = -more // 2
            end[axis] = begin[axis] + wanted
        else:
            pairs[axis] = [more // 2, more - more // 2]
    cut = nf.strided_slice(call.x(), begin=begin, end=end)
    return nf.pad(cut, paddings=pairs)


@op("Compress")
def compress(call: Call) -> nf.Tensor:
    axis, mask = call.get("axis"), call.x(1)
    x = call.x() if axis is not None else nf.reshape(call.x(), shape=[-1])
    count, whole = mask.type.shape[0], x.type.shape[axis or 0]
    if count is None or whole is None:
        raise LeftOut("the length of its condition has to be known before a run")
    if count < whole:
        mask = nf.pad(mask, paddings=[[0, whole - count]])
    if axis in (None, 0):
        return nf.boolean_mask(x, mask)
    return nf.swap_axes(nf.boolean_mask(nf.swap_axes(x, axis, 0), mask), axis, 0)


@op("NonZero")
def non_zero(call: Call) -> nf.Tensor:
    return nf.transpose(nf.nonzero(call.x()))


@op("Unique")
def unique(call: Call) -> Any:
    raise LeftOut("distinct values in other orders, and of unknown number")


@op("ArrayFeatureExtractor", domain="ai.onnx.ml")
def array_feature_extractor(call: Call) -> nf.Tensor:
    return nf.gather(call.x(), nf.reshape(call.x(1), shape=[-1]), axis=-1)


@op("Binarizer", domain="ai.onnx.ml")
def binarizer(call: Call) -> nf.Tensor:
    return nf.cast(call.x() > call.get("threshold", 0.0), call.dtype(0))


@op("TensorScatter")
def tensor_scatter(call: Call) -> nf.Tensor:
    """Translate ONNX's TensorScatter, as for a cache of keys and values: in each row of the batch,
    replace a range along one axis.
    """
    past, update = call.sizes(0), call.sizes(1)
    axis = call.get("axis", -2) % call.rank
    starts = np.zeros(past[0], int) if not call.has(2) else call.value(2)
    places = np.arange(update[axis]) + starts[:, None]
    if call.get("mode", "linear") == "circular":
        places = places % past[axis]
    shape = [1] * call.rank
    shape[0], shape[axis] = places.shape
    indices = nf.broadcast_to(nf.constant(places.reshape(shape)), shape=update)
    return nf.put_along_axis(call.x(), indices, call.x(1), axis=axis)
