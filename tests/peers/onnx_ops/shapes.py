"""Ops that arrange elements."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf

from . import Case, LeftOut, op


@op("Reshape")
def reshape(case: Case) -> nf.Tensor:
    shape = case.ints(1) or ()
    if not case.get("allowzero", 0):
        shape = [case.value(0).shape[i] if d == 0 else d for i, d in enumerate(shape)]
    return nf.reshape(case.x(), shape=shape)


@op("Flatten")
def flatten(case: Case) -> nf.Tensor:
    shape, axis = case.value(0).shape, case.get("axis", 1)
    axis += case.rank if axis < 0 else 0
    return nf.reshape(case.x(), shape=[int(np.prod(shape[:axis])), int(np.prod(shape[axis:]))])


@op("Transpose")
def transpose(case: Case) -> nf.Tensor:
    return nf.transpose(case.x(), perm=case.get("perm"))


@op("Squeeze")
def squeeze(case: Case) -> nf.Tensor:
    return nf.squeeze(case.x(), axis=case.get("axes", case.ints(1)))


@op("Unsqueeze")
def unsqueeze(case: Case) -> nf.Tensor:
    axes = case.get("axes", case.ints(1))
    rank = case.rank + len(axes)
    return nf.expand_dims(case.x(), axis=sorted(a % rank for a in axes))


@op("Concat")
def concat(case: Case) -> nf.Tensor:
    return nf.concat(case.all(), axis=case["axis"])


@op("Split")
def split(case: Case) -> Any:
    axis = case.get("axis", 0)
    sizes = case.get("split", case.ints(1)) or [a.shape[axis] for _, a in case.expected]
    return nf.split(case.x(), parts=sizes, axis=axis)


@op("Slice")
def slice_(case: Case) -> nf.Tensor:
    starts, ends = case.ints(1), case.ints(2)
    assert starts is not None and ends is not None
    axes = case.ints(3) or range(len(starts))
    steps = case.ints(4) or (1,) * len(starts)
    begin: list[int | None] = [None] * case.rank
    end: list[int | None] = [None] * case.rank
    strides = [1] * case.rank
    for start, stop, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = case.value(0).shape[axis]
        begin[axis], strides[axis] = max(start, -size) if step > 0 else start, step
        end[axis] = None if step < 0 and stop < -size else stop
    return nf.strided_slice(case.x(), begin=begin, end=end, strides=strides)


@op("Pad")
def pad(case: Case) -> nf.Tensor:
    pads = case.ints(1) or ()
    half = len(pads) // 2
    axes = case.ints(3) or range(case.rank)
    pairs = [[0, 0] for _ in range(case.rank)]
    for axis, before, after in zip(axes, pads[:half], pads[half:], strict=True):
        pairs[axis] = [before, after]
    if min(pads) < 0:
        raise LeftOut("negative pads")
    value = case.value(2)
    mode = case.get("mode", "constant")
    fill = 0 if value is None else value.item()
    return nf.pad(case.x(), paddings=pairs, mode=mode, value=fill)


@op("Tile")
def tile(case: Case) -> nf.Tensor:
    return nf.tile(case.x(), multiples=case.ints(1) or ())


@op("Expand")
def expand(case: Case) -> nf.Tensor:
    shape = np.broadcast_shapes(case.value(0).shape, case.ints(1) or ())
    return nf.broadcast_to(case.x(), shape=shape)


@op("Gather")
def gather(case: Case) -> nf.Tensor:
    return nf.gather(case.x(), case.x(1), axis=case.get("axis", 0))


@op("GatherElements")
def gather_elements(case: Case) -> nf.Tensor:
    if case.value(0).shape != case.value(1).shape:
        raise LeftOut("indices of another shape than the data")
    return nf.take_along_axis(case.x(), case.x(1), axis=case.get("axis", 0))


@op("GatherND")
def gather_nd(case: Case) -> nf.Tensor:
    return nf.gather_nd(case.x(), case.x(1), batch_dims=case.get("batch_dims", 0))


@op("ScatterND")
def scatter_nd(case: Case) -> nf.Tensor:
    mode = {"none": "update", "mul": "multiply"}.get(case.get("reduction", "none"))
    return nf.tensor_scatter(*case.all(), mode=mode or case["reduction"])


@op("ScatterElements", "Scatter")
def scatter_elements(case: Case) -> nf.Tensor:
    mode = {"none": "update", "mul": "multiply"}.get(case.get("reduction", "none"))
    axis = case.get("axis", 0)
    x, indices, updates = case.all()
    size = indices.shape
    if any(i != axis % case.rank and size[i] != x.shape[i] for i in range(case.rank)):
        rest = np.indices(size).reshape(case.rank, -1).T.copy()
        rest[:, axis % case.rank] = case.value(1).ravel() % x.shape[axis]
        places = nf.constant(rest)
        flat = nf.reshape(updates, shape=[-1])
        return nf.tensor_scatter(x, places, flat, mode=mode or case["reduction"])
    return nf.put_along_axis(x, indices, updates, axis=axis, mode=mode or case["reduction"])


@op("OneHot")
def one_hot(case: Case) -> nf.Tensor:
    depth, (off, on) = int(np.ravel(case.value(1))[0]), case.value(2)
    indices = nf.cast(case.x(), "int64") if case.value(0).dtype.kind == "f" else case.x()
    attrs = {"on_value": on.item(), "off_value": off.item(), "dtype": on.dtype.name}
    wrapped = nf.where(indices < 0, indices + depth, indices)
    return nf.one_hot(wrapped, depth=depth, axis=case.get("axis", -1), **attrs)


@op("Trilu")
def trilu(case: Case) -> nf.Tensor:
    offset = (case.ints(1) or (0,))[0]
    return (nf.triu if case.get("upper", 1) else nf.tril)(case.x(), offset=offset)


@op("EyeLike")
def eye_like(case: Case) -> nf.Tensor:
    rows, columns = case.value(0).shape
    kind = case.expected[0][1].dtype.name
    return nf.eye(rows, columns, dtype=kind, offset=case.get("k", 0))


@op("ConstantOfShape")
def constant_of_shape(case: Case) -> nf.Tensor:
    value = case.get("value", np.zeros(1, "float32"))
    return nf.fill(shape=case.ints(0), value=value.item(), dtype=value.dtype.name)


@op("Constant")
def constant(case: Case) -> nf.Tensor:
    return nf.constant(case["value"])


@op("Range")
def range_(case: Case) -> nf.Tensor:
    start, limit, delta = (case.value(i).item() for i in range(3))
    return nf.range(start, limit, delta, dtype=case.value(0).dtype.name)


@op("Shape")
def shape_(case: Case) -> nf.Tensor:
    found = nf.shape(case.x(), out_type="int64")
    start, end = case.get("start", 0), case.get("end")
    if start == 0 and end is None:
        return found
    start = max(start, -case.rank)
    return nf.strided_slice(found, begin=[start], end=[end])


@op("Size")
def size_(case: Case) -> nf.Tensor:
    return nf.size(case.x(), dtype="int64")


@op("ReverseSequence")
def reverse_sequence(case: Case) -> nf.Tensor:
    """Each sequence gathers its own steps, from its last to its first."""
    batch, time = case.get("batch_axis", 1), case.get("time_axis", 0)
    lengths = case.ints(1) or ()
    steps = np.arange(case.value(0).shape[time])
    own = np.stack([np.where(steps < n, n - 1 - steps, steps) for n in lengths])
    own = own if batch < time else own.T
    full = own.reshape([*own.shape, *[1] * (case.rank - 2)])
    places = nf.broadcast_to(nf.constant(full), shape=case.value(0).shape)
    return nf.take_along_axis(case.x(), places, axis=time)


@op("DepthToSpace", "SpaceToDepth")
def depth_to_space(case: Case) -> nf.Tensor:
    n, c, h, w = case.value(0).shape
    b = case["blocksize"]
    if case.op == "SpaceToDepth":
        parts = nf.reshape(case.x(), shape=[n, c, h // b, b, w // b, b])
        moved = nf.transpose(parts, perm=[0, 3, 5, 1, 2, 4])
        return nf.reshape(moved, shape=[n, c * b * b, h // b, w // b])
    first = case.get("mode", "DCR") == "DCR"
    sizes = [n, b, b, c // b**2, h, w] if first else [n, c // b**2, b, b, h, w]
    perm = [0, 3, 4, 1, 5, 2] if first else [0, 1, 4, 2, 5, 3]
    moved = nf.transpose(nf.reshape(case.x(), shape=sizes), perm=perm)
    return nf.reshape(moved, shape=[n, c // b**2, h * b, w * b])


@op("CenterCropPad")
def center_crop_pad(case: Case) -> nf.Tensor:
    axes = [a % case.rank for a in case.get("axes", range(case.rank))]
    begin, end = [0] * case.rank, list(case.value(0).shape)
    pairs = [[0, 0] for _ in range(case.rank)]
    for axis, wanted in zip(axes, case.ints(1) or (), strict=True):
        more = wanted - end[axis]
        if more < 0:
            begin[axis] = -more // 2
            end[axis] = begin[axis] + wanted
        else:
            pairs[axis] = [more // 2, more - more // 2]
    cut = nf.strided_slice(case.x(), begin=begin, end=end)
    return nf.pad(cut, paddings=pairs)


@op("Compress")
def compress(case: Case) -> nf.Tensor:
    axis, kept = case.get("axis"), case.value(1)
    x = case.x() if axis is not None else nf.reshape(case.x(), shape=[-1])
    mask = nf.placeholder("bool", list(kept.shape))
    case.fed[mask] = kept
    size = x.shape[axis or 0]
    if kept.size != size:
        mask = mask if kept.size > size else nf.pad(mask, paddings=[[0, size - kept.size]])
    if axis in (None, 0):
        return nf.boolean_mask(x, mask)
    return nf.swap_axes(nf.boolean_mask(nf.swap_axes(x, axis, 0), mask), axis, 0)


@op("NonZero")
def non_zero(case: Case) -> nf.Tensor:
    return nf.transpose(nf.nonzero(case.x()))


@op("Unique")
def unique(case: Case) -> Any:
    raise LeftOut("distinct values in other orders, and of unknown number")


@op("ArrayFeatureExtractor")
def array_feature_extractor(case: Case) -> nf.Tensor:
    return nf.gather(case.x(), nf.reshape(case.x(1), shape=[-1]), axis=-1)


@op("Binarizer")
def binarizer(case: Case) -> nf.Tensor:
    return nf.cast(case.x() > case.get("threshold", 0.0), case.value(0).dtype.name)


@op("TensorScatter")
def tensor_scatter(case: Case) -> nf.Tensor:
    """Of each row of the batch a stretch along one axis is replaced."""
    past, update = case.value(0), case.value(1)
    axis = case.get("axis", -2) % case.rank
    starts = np.zeros(past.shape[0], int) if not case.has(2) else case.value(2)
    places = np.arange(update.shape[axis]) + starts[:, None]
    if case.get("mode", "linear") == "circular":
        places = places % past.shape[axis]
    shape = [1] * case.rank
    shape[0], shape[axis] = places.shape
    indices = nf.broadcast_to(nf.constant(places.reshape(shape)), shape=update.shape)
    return nf.put_along_axis(case.x(), indices, case.x(1), axis=axis)
