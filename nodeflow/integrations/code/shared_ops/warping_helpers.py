"""The helper functions that warp images, for each library."""

from __future__ import annotations

from nodeflow.integrations.code.dialect import Call

ARRAYS = {
    "projective_transform": '''\
def projective_transform(
    x: Array,
    transforms: Array,
    interpolation: str,
    fill_mode: str,
    fill_value: float = 0.0,
) -> Array:
    """Pictures whose pixels come from other places, by eight numbers for each."""
    (height, width), t = x.shape[1:3], transforms[:, :, None, None]
    across = lib.arange(width, dtype=x.dtype)
    down = lib.arange(height, dtype=x.dtype)[:, None]
    depth = t[:, 6] * across + t[:, 7] * down + 1
    rows = (t[:, 3] * across + t[:, 4] * down + t[:, 5]) / depth
    columns = (t[:, 0] * across + t[:, 1] * down + t[:, 2]) / depth
    rows, columns = within(rows, height, fill_mode), within(columns, width, fill_mode)
    picture = lib.arange(len(x))[:, None, None]
    out = lib.zeros_like(x)
    for row, share in neighbours(rows, interpolation):
        for column, part in neighbours(columns, interpolation):
            place = held(row, height, fill_mode), held(column, width, fill_mode)
            found = x[picture, place[0], place[1]]
            if fill_mode == "constant":
                seen = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                found = lib.where(seen[..., None], found, fill_value)
            out = out + found * (share * part)[..., None]
    return out
''',
    "within": '''\
def within(point: Array, size: int, mode: str) -> Array:
    """Places within the border: held there, reflected at it, or from the other side."""
    if mode == "constant":
        return point
    if mode == "wrap":
        return point % size
    if mode == "reflect":
        turn = lib.abs(point + 0.5) % (2 * size)
        point = lib.minimum(turn, 2 * size - turn) - 0.5
    return lib.clip(point, 0, size - 1)
''',
    "neighbours": '''\
def neighbours(point: Array, method: str) -> list[tuple[Array, Array]]:
    """The pixels around a place along one axis, and the weight of each."""
    if method == "nearest":
        nearest = lib.sign(point) * lib.floor(lib.abs(point) + 0.5)
        return [(nearest, lib.ones_like(point))]
    first = lib.floor(point)
    return [(first, 1 - (point - first)), (first + 1, point - first)]
''',
    "held": '''\
def held(place: Array, size: int, mode: str) -> Array:
    """Return indices of pixels inside the picture."""
    place = place % size if mode == "wrap" else place
    return lib.clip(place, 0, size - 1).astype(int)
''',
}


def array_helpers(array: str, module: str) -> dict[str, str]:
    """Return the source code of helper functions by name, adapted to numpy, JAX or PyTorch.

    Args:
        array: the type of arrays.
    """
    found = {}
    for name, text in ARRAYS.items():
        text = text.replace("Array", array).replace("lib.", f"{module}.")
        if module == "torch":
            text = text.replace(".astype(int)", ".long()").replace(
                "arange(len(x))", "arange(len(x), device=x.device)"
            )
        found[name] = text
    return found


TENSORFLOW = {
    **array_helpers("tf.Tensor", "tf"),
    "projective_transform": '''\
def projective_transform(
    x: tf.Tensor,
    transforms: tf.Tensor,
    interpolation: str,
    fill_mode: str,
    fill_value: float = 0.0,
) -> tf.Tensor:
    """Pictures whose pixels come from other places, by eight numbers for each."""
    (height, width), t = x.shape.as_list()[1:3], transforms[:, :, None, None]
    across = tf.range(width, dtype=x.dtype)
    down = tf.range(height, dtype=x.dtype)[:, None]
    depth = t[:, 6] * across + t[:, 7] * down + 1
    rows = (t[:, 3] * across + t[:, 4] * down + t[:, 5]) / depth
    columns = (t[:, 0] * across + t[:, 1] * down + t[:, 2]) / depth
    rows, columns = within(rows, height, fill_mode), within(columns, width, fill_mode)
    out = tf.zeros_like(x)
    for row, share in neighbours(rows, interpolation):
        for column, part in neighbours(columns, interpolation):
            place = held(row, height, fill_mode), held(column, width, fill_mode)
            found = tf.gather_nd(x, tf.stack(place, axis=-1), batch_dims=1)
            if fill_mode == "constant":
                seen = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                value = tf.cast(fill_value, x.dtype)
                found = tf.where_v2(seen[..., None], found, value)
            out = out + found * (share * part)[..., None]
    return out
''',
    "within": ARRAYS["within"]
    .replace("Array", "tf.Tensor")
    .replace("lib.clip(point, 0, size - 1)", "tf.clip_by_value(point, 0, size - 1)")
    .replace("lib.", "tf."),
    "held": '''\
def held(place: tf.Tensor, size: int, mode: str) -> tf.Tensor:
    """Return indices of pixels inside the picture."""
    place = place % size if mode == "wrap" else place
    return tf.cast(tf.clip_by_value(place, 0, size - 1), tf.int32)
''',
}


def projective_transform(call: Call) -> str | None:
    """Return the code of a projective image transform as a call of a helper function, which takes
    float images and eight numbers for each. Return None if the node does not fit the helper.
    """
    attrs, (x, transforms) = call.attrs, call.types
    plain = x.is_float and len(x.shape) == 4 and len(transforms.shape) == 2
    if not plain or x.dtype != transforms.dtype or attrs["size"] is not None:
        return None
    if x.shape[0] != transforms.shape[0]:
        return None
    fill = f", {attrs['fill_value']}" if attrs["fill_mode"] == "constant" else ""
    how = f'"{attrs["interpolation"]}", "{attrs["fill_mode"]}"{fill}'
    return f"projective_transform({', '.join(call.args)}, {how})"
