"""The TensorFlow 1 code of ops."""

from __future__ import annotations

from nodeflow.integrations.code.dialect import (
    Call,
    Dialect,
    Expression,
    axes_text,
    literal,
    pair,
    permutation,
)
from nodeflow.integrations.code.shared_ops import random_draws
from nodeflow.integrations.code.shared_ops.array_ops import (
    alike,
    limited,
    reshaped,
    silu,
    sizes_text,
)
from nodeflow.integrations.code.shared_ops.training_phases import NORMS, batch_norm, dropout
from nodeflow.integrations.code.shared_ops.warping_helpers import TENSORFLOW, projective_transform
from nodeflow.integrations.code.tensorflow1.tensorflow1_helpers import HELPERS
from nodeflow.ops.composed import resolve
from nodeflow.ops.training_mode import is_flag


def _reduced(function: str) -> Expression:
    def write(call: Call) -> str:
        keep = ", keepdims=True" if call.attrs["keepdims"] else ""
        axis = call.attrs["axis"]
        text = "" if axis is None else f", axis={axes_text(axis, call.rank)}"
        return f"tf.{function}({call.args[0]}{text}{keep})"

    return write


def _found(function: str) -> Expression:
    def write(call: Call) -> str | None:
        axis = call.attrs["axis"]
        plain = axis is not None and not call.attrs["keepdims"]
        return f"tf.{function}({call.args[0]}, axis={axis})" if plain else None

    return write


def _matmul(call: Call) -> str | None:
    if any(len(t.shape) < 2 for t in call.node.inputs):
        return None
    turned = "".join(
        f", transpose_{ours}=True"
        for ours, theirs in zip("ab", "xy", strict=True)
        if call.attrs[f"transpose_{theirs}"]
    )
    return f"tf.matmul({', '.join(call.args)}{turned})"


def _conv2d(call: Call) -> str | None:
    attrs = call.attrs
    layouts = (attrs["layout"], attrs["filter_layout"], attrs["pads"], attrs["groups"])
    if layouts != ("NHWC", "HWIO", None, 1) or pair(attrs["dilations"]) != (1, 1):
        return None
    strides = [1, *pair(attrs["strides"]), 1]
    return f'tf.nn.conv2d({", ".join(call.args)}, {strides}, "{attrs["padding"].upper()}")'


def _pool(function: str) -> Expression:
    def write(call: Call) -> str | None:
        attrs = call.attrs
        plain = attrs["layout"] == "NHWC" and attrs["pads"] is None and not attrs["ceil_mode"]
        if not plain or pair(attrs["dilations"]) != (1, 1):
            return None
        size = list(pair(attrs["size"]))
        strides, padding = list(pair(attrs["strides"] or size)), attrs["padding"].upper()
        return f'tf.nn.{function}({call.args[0]}, {size}, {strides}, "{padding}")'

    return write


def _recurrent(function: str) -> Expression:
    def write(call: Call) -> str | None:
        known = len(call.args) == 4 and call.node.inputs[0].shape[1] is not None
        plain = known and not call.attrs["reverse"]
        return f"{function}({', '.join(call.args)})" if plain else None

    return write


def _clip(call: Call) -> str | None:
    low, high = call.attrs["min"], call.attrs["max"]
    if low is None or high is None:
        return None
    return f"tf.clip_by_value({call.args[0]}, {literal(low)}, {literal(high)})"


def _one_hot(call: Call) -> str | None:
    attrs = call.attrs
    plain = (attrs["on_value"], attrs["off_value"], attrs["axis"]) == (1, 0, -1)
    made = f"tf.one_hot({call.args[0]}, {attrs['depth']}, dtype=tf.{call.dtype})"
    return made if len(call.args) == 1 and plain else None


def _dropout(call: Call) -> str | None:
    rate = "tf.where({phase}, {rate}, 0.0)"
    if call.dtype != "float32":
        rate = f"tf.cast({rate}, tf.{call.dtype})"
    always = "tf.nn.dropout({x}, rate={rate})"
    return dropout(f"tf.nn.dropout({{x}}, rate={rate})", always)(call)


def _range(call: Call) -> str | None:
    if call.args:
        names = [port.name for port in call.node.op.inputs]
        wired = dict(zip(names, call.args, strict=False))
        parts = [wired.get(name, call.attrs[name]) for name in ("start", "limit", "delta")]
        return None if None in parts else f"tf.range({', '.join(map(str, parts))})"
    start, limit, delta = (call.attrs[name] for name in ("start", "limit", "delta"))
    first, last = (0, start) if limit is None else (start, limit)
    if call.dtype in ("int8", "int16", "uint8"):
        return f"tf.cast(tf.range({first}, {last}, {delta}), tf.{call.dtype})"
    return f"tf.range({first}, {last}, {delta}, dtype=tf.{call.dtype})"


def _reshape(call: Call) -> str:
    sizes = reshaped(call, "{}")
    plain = len(call.args) > 1 and sizes == call.args[1]
    return f"tf.reshape({call.args[0]}, {sizes if plain else f'[{sizes}]'.replace('[()]', '[]')})"


def _expand(call: Call) -> str:
    axis, rank = call.attrs["axis"], len(call.node.outputs[0].shape)
    axes = [axis] if isinstance(axis, int) else sorted(a % rank for a in axis)
    text = call.args[0]
    for one in axes:
        text = f"tf.expand_dims({text}, {one})"
    return text


def _where(call: Call) -> str:
    condition, yes, no = call.args
    if is_flag(resolve(call.node.inputs[0])):
        return f"tf.cond({condition}, lambda: {yes}, lambda: {no})"
    return f"tf.where_v2({condition}, {yes}, {no})"  # because tf.where takes rows by a vector


def _slice(call: Call) -> str:
    if not call.rank:
        return call.args[0]
    names = [port.name for port in call.node.op.inputs]
    wired = dict(zip(names, call.args, strict=False))
    parts = [wired.get(n) or _listed(call.attrs[n]) for n in ("begin", "size")]
    known = [call.sizes(n) for n in ("begin", "size")]
    texts = [p if k is None else _listed(k) for p, k in zip(parts, known, strict=True)]
    return f"tf.slice({call.args[0]}, {', '.join(texts)})"


def _pad(call: Call) -> str | None:
    attrs = call.attrs
    if not attrs["paddings"]:
        return call.args[0]
    pairs = [list(two) for two in attrs["paddings"]]
    if attrs["mode"] in ("reflect", "symmetric"):
        most = zip(call.types[0].shape, pairs, strict=True)
        if any(n is not None and max(two) > n - (attrs["mode"] == "reflect") for n, two in most):
            return None  # TensorFlow mirrors once
        return f'tf.pad({call.args[0]}, {pairs}, "{attrs["mode"].upper()}")'
    if attrs["mode"] != "constant":
        return None
    value = f", constant_values={literal(attrs['value'])}" if attrs["value"] else ""
    return f"tf.pad({call.args[0]}, {pairs}{value})"


def _fill(call: Call) -> str:
    names = [port.name for port in call.node.op.inputs]
    value = dict(zip(names, call.args, strict=False)).get("value")
    written = f"tf.constant({literal(call.attrs['value'])}, tf.{call.dtype})"
    return f"tf.fill({sizes_text(call, '{}')}, {written if value is None else value})"


def _size(call: Call) -> str:
    axis, x = call.attrs["axis"], call.args[0]
    if axis is None:
        return f"tf.size({x}, out_type=tf.{call.dtype})"
    shape = f"tf.shape({x}, out_type=tf.{call.dtype})"
    if isinstance(axis, int):
        return f"{shape}[{axis}]"
    axes = [one % call.rank for one in axis]
    return (
        f"tf.reduce_prod(tf.gather({shape}, {axes}))"
        if axes
        else f"tf.constant(1, tf.{call.dtype})"
    )


def _sort(function: str) -> Expression:
    def write(call: Call) -> str:
        down = ', "DESCENDING"' if call.attrs["descending"] else ""
        made = f"tf.{function}({call.args[0]}, {call.attrs['axis']}{down})"
        return (
            made if function == "sort" else f"tf.cast({made[:-1]}, stable=True), tf.{call.dtype})"
        )

    return write


def _cumulative(function: str) -> Expression:
    def write(call: Call) -> str:
        more = "".join(f", {name}=True" for name in ("exclusive", "reverse") if call.attrs[name])
        return f"tf.{function}({call.args[0]}, {call.attrs['axis']}{more})"

    return write


def _take_along(call: Call) -> str | None:
    axis = call.attrs["axis"] % call.rank
    x, indices = call.args
    return (
        f"tf.gather({x}, {indices}, axis={axis}, batch_dims={axis})"
        if axis == call.rank - 1
        else None
    )


def _positions(call: Call) -> str:
    length = f"tf.shape({call.args[0]})[{call.attrs['axis']}]"
    return f"tf.cast(tf.range({length}), tf.{call.dtype})"


def _reverse(call: Call) -> str:
    axis = call.attrs["axis"]
    axes = range(call.rank) if axis is None else [axis] if isinstance(axis, int) else axis
    return f"tf.reverse({call.args[0]}, {list(axes)})"


def _embedded(call: Call) -> str | None:
    dims = call.attrs["batch_dims"]
    return f"tf.gather_nd({', '.join(call.args)}{f', batch_dims={dims}' if dims else ''})"


def _listed(values: object) -> str:
    return f"[{', '.join(map(str, values))}]"  # type: ignore[call-overload]


def _joined(function: str) -> Expression:
    return lambda c: f"tf.{function}([{', '.join(c.args)}], axis={c.attrs['axis']})"


OPS: dict[str, Expression] = {
    **alike("tf"),
    **random_draws.TENSORFLOW1,
    **{f"a{arc}": f"tf.a{arc}({{0}})" for arc in "sin cos tan sinh cosh tanh".split()},
    "atan2": "tf.atan2({0}, {1})",
    "erf": "tf.erf({0})",
    "where": _where,
    "divide_no_nan": "tf.div_no_nan({0}, {1})",
    "is_finite": "tf.is_finite({0})",
    "is_nan": "tf.is_nan({0})",
    "is_inf": "tf.is_inf({0})",
    "squared_difference": "tf.squared_difference({0}, {1})",
    "prelu": "tf.where_v2({0} > 0, {0}, {1} * {0})",
    "broadcast_like": "tf.broadcast_to({0}, tf.shape({1}))",
    "reshape_like": "tf.reshape({0}, tf.shape({1}))",
    "stop_gradient": "tf.stop_gradient({0})",
    "silu": silu("tf.nn.swish", "tf.sigmoid"),
    "mish": "{0} * tf.tanh(tf.nn.softplus({0}))",
    "softsign": "tf.nn.softsign({0})",
    "log_sigmoid": "tf.log_sigmoid({0})",
    "gelu": "0.5 * {0} * (1.0 + tf.erf({0} / math.sqrt(2.0)))",
    **limited("tf", "clip_by_value"),
    "clip": "tf.clip_by_value({0}, {1}, {2})",
    "projective_transform": projective_transform,
    "pad": _pad,
    "tile": lambda c: f"tf.tile({c.args[0]}, {sizes_text(c, '{}', 'multiples')})",
    "broadcast_to": lambda c: f"tf.broadcast_to({c.args[0]}, {sizes_text(c, '{}')})",
    "fill": _fill,
    "shape": "tf.shape({0}, out_type=tf.{out_type})",
    "rank": "tf.rank({0})",
    "size": _size,
    "positions": _positions,
    "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"),
    "sort": _sort("sort"),
    "argsort": _sort("argsort"),
    "take_along_axis": _take_along,
    "gather_nd": _embedded,
    "boolean_mask": lambda c: (
        f"tf.boolean_mask({', '.join(c.args)}, axis={c.attrs['axis'] % c.rank})"
    ),
    "unstack": "tf.unstack({0}, axis={axis})",
    "reverse": _reverse,
    "slice": _slice,
    **dict.fromkeys(NORMS, batch_norm),
    "equal": "tf.equal({0}, {1})",
    "not_equal": "tf.not_equal({0}, {1})",
    "constant": lambda c: f"tf.constant({literal(c.attrs['value'])}, tf.{c.dtype})",
    "rsqrt": "tf.rsqrt({0})",
    "cast": "tf.cast({0}, tf.{dtype})",
    "matmul": _matmul,
    **{f"reduce_{name}": _reduced(f"reduce_{name}")
       for name in ("sum", "mean", "max", "min", "prod", "all", "any", "logsumexp")},
    "argmax": _found("argmax"),
    "argmin": _found("argmin"),
    "clip_by_value": _clip,
    "relu": "tf.nn.relu({0})",
    "relu6": "tf.nn.relu6({0})",
    "sigmoid": "tf.sigmoid({0})",
    "softmax": "tf.nn.softmax({0}, axis={axis})",
    "log_softmax": "tf.nn.log_softmax({0}, axis={axis})",
    "softplus": "tf.nn.softplus({0})",
    "elu": lambda c: f"tf.nn.elu({c.args[0]})" if c.attrs["alpha"] == 1 else None,
    "selu": "tf.nn.selu({0})",
    "leaky_relu": "tf.nn.leaky_relu({0}, {alpha})",
    "reshape": _reshape,
    "flatten": lambda c: f"tf.reshape({c.args[0]}, [-1, {c.node.outputs[0].shape[1]}])",
    "transpose": lambda c: f"tf.transpose({c.args[0]}, {_listed(permutation(c))})",
    "range": _range,
    "expand_dims": _expand,
    "squeeze": lambda c: f"tf.squeeze({c.args[0]}, {axes_text(c.attrs['axis'], 0)})",
    "concat": _joined("concat"),
    "stack": _joined("stack"),
    "split": lambda c: f"tf.split({c.args[0]}, {literal(c.attrs['parts'])}, {c.attrs['axis']})",
    "gather": "tf.gather({0}, {1}, axis={axis})",
    "embedding_lookup": "tf.nn.embedding_lookup({0}, {1})",
    "one_hot": _one_hot,
    "conv2d": _conv2d,
    "max_pool2d": _pool("max_pool2d"),
    "average_pool2d": _pool("avg_pool2d"),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
    "dropout": _dropout,
    "softmax_cross_entropy_with_logits": (
        "tf.nn.softmax_cross_entropy_with_logits_v2(labels={0}, logits={1})"
    ),
    "sparse_softmax_cross_entropy": (
        "tf.nn.sparse_softmax_cross_entropy_with_logits(labels={0}, logits={1})"
    ),
    "sigmoid_cross_entropy_with_logits": (
        "tf.nn.sigmoid_cross_entropy_with_logits(labels={0}, logits={1})"
    ),
    "mean_squared_error": "tf.reduce_mean(tf.squared_difference({0}, {1}))",
}  # fmt: skip

TENSORFLOW1 = Dialect(
    "tensorflow1", "TensorFlow 1", OPS, HELPERS | TENSORFLOW, size_of="tf.shape({})[{}]"
)
