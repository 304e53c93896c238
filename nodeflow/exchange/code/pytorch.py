"""Ops as PyTorch writes them."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.exchange.code.array_ops import alike
from nodeflow.exchange.code.dialect import (
    Call,
    Dialect,
    Expression,
    axes_text,
    channels_first_pads,
    literal,
    pair,
    permutation,
)

HELPERS = {
    "lstm": '''\
def lstm(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    """All outputs, and the last h and c; gates in the order i, f, g, o."""
    h = c = x.new_zeros(x.shape[0], recurrent.shape[0])
    outputs = []
    for step in (x @ kernel + bias).unbind(1):
        i, f, g, o = (step + h @ recurrent).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c
''',
    "gru": '''\
def gru(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    """All outputs, and the last h; gates in the order z, r, n."""
    h = x.new_zeros(x.shape[0], recurrent.shape[0])
    outputs = []
    for step in (x @ kernel + bias).unbind(1):
        z, r, n = step.chunk(3, dim=1)
        h_z, h_r, h_n = (h @ recurrent).chunk(3, dim=1)
        n = torch.tanh(n + torch.sigmoid(r + h_r) * h_n)
        h = n + torch.sigmoid(z + h_z) * (h - n)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h
''',
    "conv2d": '''\
def conv2d(x: Tensor, kernel: Tensor, stride: tuple[int, int], padding: str | int) -> Tensor:
    """A convolution of (n, height, width, channels) by (height, width, in, out)."""
    y = F.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), None, stride, padding)
    return y.permute(0, 2, 3, 1)
''',
    "max_pool2d": '''\
def max_pool2d(x: Tensor, size: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """The largest of each window of (n, height, width, channels)."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)
''',
    "average_pool2d": '''\
def average_pool2d(x: Tensor, size: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """The mean of each window of (n, height, width, channels)."""
    return F.avg_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)
''',
}


def constant(call: Call) -> str:
    return f"torch.tensor({literal(call.attrs['value'])}{dtype(call.dtype)})"


def dtype(name: str) -> str:
    """The argument for a dtype; PyTorch's own default needs none."""
    return "" if name == "float32" else f", dtype=torch.{name}"


def _reduced(function: str, several: bool = True) -> Expression:
    def write(call: Call) -> str | None:
        axis, keep = call.attrs["axis"], call.attrs["keepdims"]
        if axis is None and not keep:
            return f"torch.{function}({call.args[0]})"
        text = axes_text(tuple(range(call.rank)) if axis is None else axis, call.rank)
        if not several and "(" in text:
            return None
        return f"torch.{function}({call.args[0]}, dim={text}{', keepdim=True' if keep else ''})"

    return write


def _matmul(call: Call) -> str | None:
    if any(len(t.shape) < 2 for t in call.node.inputs):
        return None
    x, y = (
        f"{arg}.mT" if call.attrs[f"transpose_{name}"] else arg
        for name, arg in zip("xy", call.args, strict=True)
    )
    return f"{x} @ {y}"


def conv2d(call: Call) -> str | None:
    attrs = call.attrs
    pads = channels_first_pads(call, True)
    if pads is not None:
        x, kernel = call.args
        (top, bottom), (left, right) = pads
        around = (top, left)
        if (top, left) != (bottom, right):
            x, around = f"F.pad({x}, ({left}, {right}, {top}, {bottom}))", (0, 0)
        how = f"{pair(attrs['strides'])}, {around}, {pair(attrs['dilations'])}, {attrs['groups']}"
        return f"F.conv2d({x}, {kernel}, None, {how})"
    plain = (
        (attrs["layout"], attrs["filter_layout"], attrs["pads"], attrs["groups"])
        == ("NHWC", "HWIO", None, 1)
        and pair(attrs["dilations"]) == (1, 1)
        and (attrs["padding"] == "valid" or pair(attrs["strides"]) == (1, 1))
    )
    padding = '"same"' if attrs["padding"] == "same" else "0"
    return f"conv2d({', '.join(call.args)}, {pair(attrs['strides'])}, {padding})" if plain else None


def _pool(function: str) -> Expression:
    def write(call: Call) -> str | None:
        attrs = call.attrs
        pads = channels_first_pads(call, False)
        if pads is not None:
            return _pool_first(function, call, pads)
        plain = attrs["layout"] == "NHWC" and attrs["pads"] is None and not attrs["ceil_mode"]
        plain = plain and attrs["padding"] == "valid" and pair(attrs["dilations"]) == (1, 1)
        size = pair(attrs["size"])
        stride = pair(attrs["strides"] or size)
        return f"{function}({call.args[0]}, {size}, {stride})" if plain else None

    return write


def _pool_first(function: str, call: Call, pads: Sequence[tuple[int, int]]) -> str | None:
    """Pooling of images whose channels come first."""
    attrs, size = call.attrs, pair(call.attrs["size"])
    around = tuple(before for before, _ in pads)
    fits = all(b == a and 2 * b <= n for (b, a), n in zip(pads, size, strict=True))
    if attrs["ceil_mode"] or not fits or (any(around) and function != "max_pool2d"):
        return None
    stride, steps = pair(attrs["strides"] or size), pair(attrs["dilations"])
    if function == "max_pool2d":
        return f"F.max_pool2d({call.args[0]}, {size}, {stride}, {around}, {steps})"
    return f"F.avg_pool2d({call.args[0]}, {size}, {stride})" if steps == (1, 1) else None


def _recurrent(function: str) -> Expression:
    def write(call: Call) -> str | None:
        plain = len(call.args) == 4 and not call.attrs["reverse"]
        return f"{function}({', '.join(call.args)})" if plain else None

    return write


def _clip(call: Call) -> str:
    bounds = [f"{k}={literal(call.attrs[k])}" for k in ("min", "max") if call.attrs[k] is not None]
    return f"torch.clamp({', '.join((call.args[0], *bounds))})"


def _argmax(function: str) -> Expression:
    def write(call: Call) -> str:
        axis = call.attrs["axis"]
        keep = ", keepdim=True" if call.attrs["keepdims"] and axis is not None else ""
        return f"torch.{function}({call.args[0]}, dim={axis}{keep})"

    return write


def _one_hot(call: Call) -> str | None:
    attrs = call.attrs
    if len(call.args) > 1 or (attrs["on_value"], attrs["off_value"], attrs["axis"]) != (1, 0, -1):
        return None
    return f"F.one_hot({call.args[0]}.long(), {attrs['depth']}).to(torch.{call.dtype})"


def _split(call: Call) -> str | None:
    parts, axis = call.attrs["parts"], call.attrs["axis"]
    if isinstance(parts, int):
        return f"torch.tensor_split({call.args[0]}, {parts}, dim={axis})"
    return f"torch.split({call.args[0]}, {list(parts)}, dim={axis})"


def _joined(function: str) -> Expression:
    return lambda call: f"torch.{function}([{', '.join(call.args)}], dim={call.attrs['axis']})"


def _layer_norm(call: Call) -> str | None:
    axis = call.attrs["axis"]
    size = call.node.inputs[0].shape[-1]
    if axis not in (-1, (-1,)) or size is None or len(call.args) != 3:
        return None
    x, scale, offset = call.args
    return f"F.layer_norm({x}, ({size},), {scale}, {offset}, {call.attrs['epsilon']})"


def _expand(call: Call) -> str:
    axis, rank = call.attrs["axis"], len(call.node.outputs[0].shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    if len(axes) > 1:
        axes = sorted(a % rank for a in axes)
    return call.args[0] + "".join(f".unsqueeze({a})" for a in axes)


def _range(call: Call) -> str | None:
    start, limit, delta = (call.attrs[name] for name in ("start", "limit", "delta"))
    if call.args:
        return None
    first, last = (0, start) if limit is None else (start, limit)
    return f"torch.arange({first}, {last}, {delta}, dtype=torch.{call.dtype})"


def _squeeze(call: Call) -> str:
    axis = call.attrs["axis"]
    return f"{call.args[0]}.squeeze({'' if axis is None else axes_text(axis, call.rank)})"


ACTIVATIONS = {
    "linear": "{}", "relu": "torch.relu({})", "sigmoid": "torch.sigmoid({})",
    "tanh": "torch.tanh({})", "softmax": "torch.softmax({}, dim=-1)", "elu": "F.elu({})",
    "gelu": "F.gelu({})", "selu": "F.selu({})", "softplus": "F.softplus({})",
}  # fmt: skip


def _dense(call: Call) -> str | None:
    found = ACTIVATIONS.get(call.attrs["activation"])
    return found and found.format(f"self.{call.name}({call.args[0]})")


def _conv_layer(call: Call) -> str | None:
    attrs, found = call.attrs, ACTIVATIONS.get(call.attrs["activation"])
    plain = attrs["groups"] == 1 and tuple(attrs["dilation_rate"]) == (1, 1)
    plain = plain and (attrs["padding"] == "valid" or pair(attrs["strides"]) == (1, 1))
    if found is None or not plain:
        return None
    inner = f"self.{call.name}({call.args[0]}.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)"
    return found.format(inner)


OPS: dict[str, Expression] = {
    **alike("torch"),
    "constant": constant,
    "rsqrt": "torch.rsqrt({0})",
    "cast": "{0}.to(torch.{dtype})",
    "matmul": _matmul,
    "reduce_sum": _reduced("sum"),
    "reduce_mean": _reduced("mean"),
    "reduce_max": _reduced("amax"),
    "reduce_min": _reduced("amin"),
    "reduce_prod": _reduced("prod", several=False),
    "reduce_all": _reduced("all"),
    "reduce_any": _reduced("any"),
    "reduce_logsumexp": _reduced("logsumexp"),
    "argmax": _argmax("argmax"),
    "argmin": _argmax("argmin"),
    "clip_by_value": _clip,
    "relu": "torch.relu({0})",
    "relu6": "F.relu6({0})",
    "sigmoid": "torch.sigmoid({0})",
    "softmax": "torch.softmax({0}, dim={axis})",
    "log_softmax": "torch.log_softmax({0}, dim={axis})",
    "softplus": "F.softplus({0})",
    "elu": "F.elu({0}, {alpha})",
    "selu": "F.selu({0})",
    "gelu": "F.gelu({0})",
    "leaky_relu": "F.leaky_relu({0}, {alpha})",
    "reshape": lambda c: (
        f"{c.args[0]}.reshape{_tuple(c.attrs['shape'])}" if len(c.args) == 1 else None
    ),
    "flatten": "{0}.flatten(1)",
    "transpose": lambda c: f"{c.args[0]}.permute{_tuple(permutation(c))}",
    "range": _range,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "concat": _joined("cat"),
    "stack": _joined("stack"),
    "split": _split,
    "gather": lambda c: f"{c.args[0]}[{c.args[1]}]" if c.attrs["axis"] == 0 else None,
    "embedding_lookup": "F.embedding({1}, {0})",
    "one_hot": _one_hot,
    "conv2d": conv2d,
    "max_pool2d": _pool("max_pool2d"),
    "average_pool2d": _pool("average_pool2d"),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
    "layer_normalization": _layer_norm,
    "layers/dense": _dense,
    "layers/conv2d": _conv_layer,
    "dropout": lambda c: (
        f"F.dropout({c.args[0]}, {c.attrs['rate']}, self.training)"
        if len(c.args) == 1 and c.attrs["noise_shape"] is None
        else None
    ),
    "softmax_cross_entropy_with_logits": lambda c: (
        f'F.cross_entropy({c.args[1]}, {c.args[0]}, reduction="none")' if c.rank == 2 else None
    ),
    "sparse_softmax_cross_entropy": lambda c: (
        f'F.cross_entropy({c.args[1]}, {c.args[0]}.long(), reduction="none")'
        if c.rank == 1
        else None
    ),
    "sigmoid_cross_entropy_with_logits": (
        'F.binary_cross_entropy_with_logits({1}, {0}, reduction="none")'
    ),
    "mean_squared_error": "F.mse_loss({1}, {0})",
}


def _tuple(values: object) -> str:
    return f"({', '.join(map(str, values))})"  # type: ignore[call-overload]


PYTORCH = Dialect("pytorch", "PyTorch", OPS, HELPERS)
