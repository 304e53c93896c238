"""Other spellings of arguments and of their values, in TensorFlow, numpy and PyTorch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("input", "input_", "features", "tensor", "t"), ("x",)),
    **dict.fromkeys(("input_tensor", "arr", "value", "values", "a"), ("x",)),
    **dict.fromkeys(("reduction_indices", "dim", "dimension", "squeeze_dims"), ("axis",)),
    **dict.fromkeys(("concat_dim", "split_dim", "dims"), ("axis", "shape")),
    **dict.fromkeys(("keep_dims", "keepdim"), ("keepdims",)),
    **dict.fromkeys(("b", "other"), ("y",)),
    **dict.fromkeys(("inputs", "tensors"), ("x", "values")),
    **dict.fromkeys(("out_type", "output_type", "Tout"), ("dtype",)),
    **dict.fromkeys(("stride", "step"), ("strides",)),
    **dict.fromkeys(("dilation", "dilation_rate", "rate"), ("dilations",)),
    **dict.fromkeys(("ksize", "kernel_size", "pool_size"), ("size",)),
    "bias": ("offset",),
    "clip_value_max": ("max",),
    "clip_value_min": ("min",),
    "constant_values": ("value",),
    "data": ("x",),
    "dtype_hint": ("preferred_dtype",),
    "filepattern": ("ckpt_dir_or_file",),
    "fn_output_signature": ("dtype",),
    **dict.fromkeys(("image", "images", "matrix"), ("x",)),
    "data_format": ("layout",),
    "filters": ("filter",),
    "ids": ("indices",),
    "logits": ("x",),
    "loc": ("mean",),
    "maxval": ("high",),
    "minval": ("low",),
    "num_classes": ("classes",),
    "num_or_size_splits": ("parts",),
    "num_segments": ("count",),
    "params": ("x", "table"),
    "predictions": ("logits",),
    "ref": ("variable", "x"),
    "reps": ("multiples",),
    "scale": ("stddev",),
    "segment_ids": ("segments",),
    "std": ("stddev",),
    "transpose_a": ("transpose_x",),
    "transpose_b": ("transpose_y",),
}
"""Another library's argument -> what it may be called here; the first that a function has."""

WITHOUT_EFFECT = frozenset(
    ("use_cudnn_on_gpu", "validate_indices", "parallel_iterations", "swap_memory", "gate_gradients",
     "use_locking", "validate_shape")
)  # fmt: skip
"""Arguments of TensorFlow 1 that say how something is computed, not what."""

_LAYOUTS = {"channels_last": ("NHWC", "NWC", "NDHWC"), "channels_first": ("NCHW", "NCW", "NCDHW")}
_WINDOWS = ("strides", "dilations", "size", "pads")


def spelled_here(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return arguments under the names that a function of nodeflow has; unknown names stay.

    >>> spelled_here({"keep_dims": True, "reduction_indices": 1}, ("x", "axis", "keepdims"))
    {'keepdims': True, 'axis': 1}
    """
    result: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known and name in WITHOUT_EFFECT:
            continue
        result[here(name, [k for k in known if k not in given]) if name not in known else name] = (
            value
        )
    return result


def here(name: str, known: Iterable[str]) -> str:
    """Return the name that an argument has in nodeflow; the given name if no other is known."""
    known = list(known)
    return next((own for own in SPELLINGS.get(name, ()) if own in known), name)


def valued_here(name: str, value: Any, choices: Collection[str], layout: str | None) -> Any:
    """Translate an argument's value from another library's notation to nodeflow's: ``"SAME"``
    becomes ``"same"``, and strides ``[1, 2, 2, 1]`` become ``[2, 2]``.

    Args:
        choices: the values that the attribute takes, if it takes only some.
        layout: the order of an op's axes of rows, channels and space.

    >>> valued_here("padding", "SAME", ("same", "valid"), None)
    'same'
    >>> valued_here("strides", [1, 2, 3, 1], (), "NHWC")
    [2, 3]
    >>> valued_here("pads", [[0, 0], [1, 2], [0, 3], [0, 0]], (), "NHWC")
    [[1, 2], [0, 3]]
    """
    if choices and isinstance(value, str) and value not in choices:
        same = (c for c in choices if c.lower() == value.lower() or c in _LAYOUTS.get(value, ()))
        return next(same, value)
    is_window = layout is not None and name in _WINDOWS and isinstance(value, (list, tuple))
    if is_window and len(value) == len(layout or ""):
        sizes = list(zip(value, layout or "", strict=True))
        nothing = [[0, 0]] if name == "pads" else [1]
        if all(_plain(size) in nothing for size, axis in sizes if axis in "NC"):
            return [size for size, axis in sizes if axis not in "NC"]
    return value


def _plain(size: Any) -> Any:
    return list(size) if isinstance(size, tuple) else size
