"""The PyTorch code of ops."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.integrations.code.dialect import (
    Call,
    Dialect,
    Expression,
    axes_text,
    literal,
    permutation,
)
from nodeflow.integrations.code.pytorch import pytorch_helpers
from nodeflow.integrations.code.pytorch.pytorch_convolutions import conv2d, conv_layer, dense, pool
from nodeflow.integrations.code.shared_ops import random_draws
from nodeflow.integrations.code.shared_ops.array_ops import (
    alike,
    indexed_part,
    limited,
    reshaped,
    silu,
    sizes_text,
)
from nodeflow.integrations.code.shared_ops.random_draws import torch_dtype
from nodeflow.integrations.code.shared_ops.training_phases import NORMS, batch_norm, dropout
from nodeflow.integrations.code.shared_ops.warping_helpers import (
    array_helpers,
    projective_transform,
)


def constant(call: Call) -> str:
    return f"torch.tensor({literal(call.attrs['value'])}{torch_dtype(call.dtype)})"


def _reduced(function: str, several: bool = True) -> Expression:
    def write(call: Call) -> str | None:
        axis, keep = call.attrs["axis"], call.attrs["keepdims"]
        if axis == () or (function == "mean" and not call.types[0].is_float):
            return call.args[0] if axis == () and call.types[0].is_float else None
        if axis is None and not keep and function != "logsumexp":
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


def _recurrent(function: str) -> Expression:
    def write(call: Call) -> str | None:
        plain = len(call.args) == 4 and not call.attrs["reverse"]
        return f"{function}({', '.join(call.args)})" if plain else None

    return write


def _clip(call: Call) -> str:
    bounds = [f"{k}={literal(call.attrs[k])}" for k in ("min", "max") if call.attrs[k] is not None]
    return f"torch.clamp({', '.join((call.args[0], *bounds))})" if bounds else call.args[0]


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
    weights = [call.weights[name] for name in ("gamma", "beta") if name in call.weights]
    given, last = [*call.args, *weights], call.rank - 1
    size = call.node.inputs[0].shape[-1]
    if call.attrs["axis"] not in (-1, (-1,), last, (last,)) or size is None or len(given) != 3:
        return None
    x, scale, offset = given
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


def _tuple(values: Iterable[object]) -> str:
    """Return the code of a tuple of sizes or axes, for an argument of a call."""
    return f"({', '.join(map(str, values))})"


def _reshape(call: Call) -> str:
    return f"{call.args[0]}.reshape({reshaped(call, '{}.tolist()')})"


def _integers(text: str) -> Expression:
    """Return a function that writes the code of a tensor of sizes."""
    return lambda c: f"torch.tensor({text.format(*c.args)}, dtype=torch.{c.dtype})"


def _size(call: Call) -> str:
    axis, x = call.attrs["axis"], call.args[0]
    axes = [axis] if isinstance(axis, int) else list(axis or ())
    sizes = " * ".join(f"{x}.shape[{a}]" for a in axes) or "1"
    return _made(f"{x}.numel()" if axis is None else sizes, call.dtype)


def _made(text: str, kind: str) -> str:
    return f"torch.tensor({text}, dtype=torch.{kind})"


def _pad(call: Call) -> str | None:
    attrs = call.attrs
    if not attrs["paddings"]:
        return call.args[0]
    if attrs["mode"] != "constant":
        return None
    flat = tuple(int(n) for two in reversed(attrs["paddings"]) for n in two)
    value = f", value={literal(attrs['value'])}" if attrs["value"] else ""
    return f"F.pad({call.args[0]}, {flat}{value})"


def _fill(call: Call) -> str:
    names = [port.name for port in call.node.op.inputs]
    value = dict(zip(names, call.args, strict=False)).get("value")
    shape = sizes_text(call, "{}.tolist()")
    if value is not None:
        return f"{value}.expand({shape})"
    return f"torch.full({shape}, {literal(call.attrs['value'])}, dtype=torch.{call.dtype})"


def _sort(function: str, result: str) -> Expression:
    def write(call: Call) -> str:
        down = ", descending=True" if call.attrs["descending"] else ""
        return f"torch.{function}({call.args[0]}, dim={call.attrs['axis']}{down}{result}"

    return write


def _cumulative(function: str) -> Expression:
    def write(call: Call) -> str | None:
        plain = not call.attrs["exclusive"] and not call.attrs["reverse"]
        return f"torch.{function}({call.args[0]}, dim={call.attrs['axis']})" if plain else None

    return write


def _reverse(call: Call) -> str:
    axis = call.attrs["axis"]
    axes = range(call.rank) if axis is None else [axis] if isinstance(axis, int) else axis
    return f"{call.args[0]}.flip{_tuple(axes)}" if list(axes) else call.args[0]


def _gather(call: Call) -> str:
    x, indices, axis = *call.args, call.attrs["axis"] % call.rank
    return f"{x}[{', '.join([*[':'] * axis, indices])}]"


def _gather_nd(call: Call) -> str:
    dims = call.attrs["batch_dims"]
    return f"gather_nd({', '.join(call.args)}{f', {dims}' if dims else ''})"


def _cross_entropy(labels: str) -> Expression:
    """Return a function that writes the code of a cross-entropy. In PyTorch, the classes are the
    second axis.

    Args:
        labels: a template for the labels.
    """

    def write(call: Call) -> str:
        rank = len(call.node.inputs[1].shape)
        target, logits = labels.format(call.args[0]), call.args[1]
        if rank > 2:
            logits = f"{logits}.movedim(-1, 1)"
            target = target if call.rank < rank else f"{target}.movedim(-1, 1)"
        return f'F.cross_entropy({logits}, {target}, reduction="none")'

    return write


def _squeeze(call: Call) -> str:
    axis = call.attrs["axis"]
    return f"{call.args[0]}.squeeze({'' if axis is None else axes_text(axis, call.rank)})"


HARD_SIGMOID = limited("torch", "clamp")["hard_sigmoid"]
OPS: dict[str, Expression] = {
    **alike("torch"),
    **random_draws.PYTORCH,
    **limited("torch", "clamp"),
    "hard_sigmoid": lambda c: (
        f"F.hardsigmoid({c.args[0]})"
        if (c.attrs["alpha"], c.attrs["beta"]) == (1 / 6, 0.5)
        else HARD_SIGMOID(c)
    ),
    "hard_swish": "F.hardswish({0})",
    "hard_tanh": "F.hardtanh({0}, {min}, {max})",
    "clip": "torch.clamp({0}, {1}, {2})",
    "silu": silu("F.silu", "torch.sigmoid"),
    "mish": "F.mish({0})",
    "softsign": "F.softsign({0})",
    "log_sigmoid": "F.logsigmoid({0})",
    "celu": "F.celu({0}, {alpha})",
    "gelu_tanh": 'F.gelu({0}, approximate="tanh")',
    "erf": "torch.erf({0})",
    "stop_gradient": "{0}.detach()",
    "projective_transform": projective_transform,
    "pad": _pad,
    "tile": lambda c: f"{c.args[0]}.tile({sizes_text(c, '{}.tolist()', 'multiples')})",
    "broadcast_to": lambda c: f"{c.args[0]}.expand({sizes_text(c, '{}.tolist()')})",
    "fill": _fill,
    "shape": "torch.tensor({0}.shape, dtype=torch.{out_type})",
    "rank": _integers("{0}.ndim"),
    "size": _size,
    "positions": lambda c: (
        f"torch.arange({c.args[0]}.shape[{c.attrs['axis']}], dtype=torch.{c.dtype})"
    ),
    "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"),
    "sort": _sort("sort", ").values"),
    "argsort": _sort("argsort", ", stable=True)"),
    "boolean_mask": lambda c: "{}[{}]".format(*c.args) if not c.attrs["axis"] else None,
    "unstack": "{0}.unbind({axis})",
    "reverse": _reverse,
    "slice": lambda c: indexed_part(c, "part({0}, {1}, {sizes})"),
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
    "reshape": _reshape,
    "flatten": lambda c: f"{c.args[0]}.flatten(1)" if c.rank > 1 else f"{c.args[0]}.unsqueeze(1)",
    "transpose": lambda c: f"{c.args[0]}.permute{_tuple(permutation(c))}" if c.rank else c.args[0],
    "range": _range,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "concat": _joined("cat"),
    "stack": _joined("stack"),
    "split": _split,
    "gather": _gather,
    "gather_nd": _gather_nd,
    "take_along_axis": "torch.take_along_dim({0}, {1}.long(), {axis})",
    "embedding_lookup": "F.embedding({1}, {0})",
    "one_hot": _one_hot,
    "conv2d": conv2d,
    "max_pool2d": pool("max_pool2d"),
    "average_pool2d": pool("average_pool2d"),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
    "layer_normalization": _layer_norm,
    "layers/dense": dense,
    "layers/conv2d": conv_layer,
    "layers/layer_normalization": _layer_norm,
    "dropout": dropout("F.dropout({x}, {rate}, {phase})"),
    **dict.fromkeys(NORMS, batch_norm),
    "softmax_cross_entropy_with_logits": _cross_entropy("{}"),
    "sparse_softmax_cross_entropy": _cross_entropy("{}.long()"),
    "sigmoid_cross_entropy_with_logits": (
        'F.binary_cross_entropy_with_logits({1}, {0}, reduction="none")'
    ),
    "mean_squared_error": "F.mse_loss({1}, {0})",
}


PYTORCH = Dialect(
    "pytorch",
    "PyTorch",
    OPS,
    pytorch_helpers.HELPERS | array_helpers("Tensor", "torch"),
    flag="self.training",
    flag_tensor="torch.tensor(self.training)",
    modules=frozenset(("layers/dense", "layers/conv2d")),
)
