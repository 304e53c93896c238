"""Ops as TensorFlow 1 writes them."""

from __future__ import annotations

from nodeflow.exchange.code.array_ops import alike
from nodeflow.exchange.code.dialect import (
    Call,
    Dialect,
    Expression,
    axes_text,
    literal,
    pair,
    permutation,
)

HELPERS = {
    "lstm": '''\
def lstm(
    x: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """All outputs, and the last h and c; gates in the order i, f, g, o."""
    sums = tf.tensordot(x, kernel, axes=1) + bias
    h = c = tf.zeros([tf.shape(x)[0], recurrent.shape[0]], x.dtype)
    outputs = []
    for step in tf.unstack(sums, axis=1):
        i, f, g, o = tf.split(step + tf.matmul(h, recurrent), 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        outputs.append(h)
    return tf.stack(outputs, axis=1), h, c
''',
    "gru": '''\
def gru(
    x: tf.Tensor, kernel: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """All outputs, and the last h; gates in the order z, r, n."""
    sums = tf.tensordot(x, kernel, axes=1) + bias
    h = tf.zeros([tf.shape(x)[0], recurrent.shape[0]], x.dtype)
    outputs = []
    for step in tf.unstack(sums, axis=1):
        z, r, n = tf.split(step, 3, axis=1)
        h_z, h_r, h_n = tf.split(tf.matmul(h, recurrent), 3, axis=1)
        n = tf.tanh(n + tf.sigmoid(r + h_r) * h_n)
        h = n + tf.sigmoid(z + h_z) * (h - n)
        outputs.append(h)
    return tf.stack(outputs, axis=1), h
''',
}


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
    plain = len(call.args) == 1 and call.attrs["noise_shape"] is None
    rate = f"tf.where(training, {call.attrs['rate']}, 0.0)"
    if call.dtype != "float32":
        rate = f"tf.cast({rate}, tf.{call.dtype})"
    return f"tf.nn.dropout({call.args[0]}, rate={rate})" if plain else None


def _range(call: Call) -> str | None:
    start, limit, delta = (call.attrs[name] for name in ("start", "limit", "delta"))
    first, last = (0, start) if limit is None else (start, limit)
    made = f"tf.range({first}, {last}, {delta}, dtype=tf.{call.dtype})"
    return None if call.args else made


def _listed(values: object) -> str:
    return f"[{', '.join(map(str, values))}]"  # type: ignore[call-overload]


def _joined(function: str) -> Expression:
    return lambda c: f"tf.{function}([{', '.join(c.args)}], axis={c.attrs['axis']})"


OPS: dict[str, Expression] = {
    **alike("tf"),
    "equal": "tf.equal({0}, {1})",
    "not_equal": "tf.not_equal({0}, {1})",
    "where": "tf.where_v2({0}, {1}, {2})",  # tf.where takes rows by a vector
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
    "reshape": lambda c: f"tf.reshape({c.args[0]}, {_listed(c.attrs['shape'])})"
    if len(c.args) == 1
    else None,
    "flatten": lambda c: f"tf.reshape({c.args[0]}, [-1, {c.node.outputs[0].shape[1]}])",
    "transpose": lambda c: f"tf.transpose({c.args[0]}, {_listed(permutation(c))})",
    "range": _range,
    "expand_dims": lambda c: f"tf.expand_dims({c.args[0]}, {axes_text(c.attrs['axis'], 0)})",
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

TENSORFLOW1 = Dialect("tensorflow1", "TensorFlow 1", OPS, HELPERS)
