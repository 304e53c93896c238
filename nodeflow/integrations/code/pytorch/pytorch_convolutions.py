"""The PyTorch code of convolutions, pooling and layers."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.integrations.code.dialect import Call, Expression, channels_first_pads, pair


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
    layouts = (attrs["layout"], attrs["filter_layout"], attrs["pads"], attrs["groups"])
    if layouts != ("NHWC", "HWIO", None, 1) or pair(attrs["dilations"]) != (1, 1):
        return None
    (x, kernel), strides = call.args, pair(attrs["strides"])
    padding = '"same"' if attrs["padding"] == "same" else "0"
    if attrs["padding"] == "same" and strides != (1, 1):
        x, padding = f"same({x}, {kernel}.shape[:2], {strides})", "0"
    return f"conv2d({x}, {kernel}, {strides}, {padding})"


def pool(function: str) -> Expression:
    def write(call: Call) -> str | None:
        attrs = call.attrs
        pads = channels_first_pads(call, False)
        if pads is not None:
            return _pool_first(function, call, pads)
        plain = attrs["layout"] == "NHWC" and attrs["pads"] is None and not attrs["ceil_mode"]
        if not plain or pair(attrs["dilations"]) != (1, 1):
            return None
        x, size = call.args[0], pair(attrs["size"])
        stride = pair(attrs["strides"] or size)
        if attrs["padding"] == "valid":
            return f"{function}({x}, {size}, {stride})"
        if function != "max_pool2d":
            return None
        return f"{function}(same({x}, {size}, {stride}, -math.inf), {size}, {stride})"

    return write


def _pool_first(function: str, call: Call, pads: Sequence[tuple[int, int]]) -> str | None:
    """Return the PyTorch expression for the pooling of channels-first images.

    Return None if PyTorch cannot express it.

    Args:
        function: ``max_pool2d`` or ``avg_pool2d``.
        call: the pooling op, with the expressions of its inputs.
        pads: the padding before and after the image, for height and width.
    """
    attrs, size = call.attrs, pair(call.attrs["size"])
    around = tuple(before for before, _ in pads)
    fits = all(b == a and 2 * b <= n for (b, a), n in zip(pads, size, strict=True))
    if attrs["ceil_mode"] or not fits or (any(around) and function != "max_pool2d"):
        return None
    stride, steps = pair(attrs["strides"] or size), pair(attrs["dilations"])
    if function == "max_pool2d":
        return f"F.max_pool2d({call.args[0]}, {size}, {stride}, {around}, {steps})"
    return f"F.avg_pool2d({call.args[0]}, {size}, {stride})" if steps == (1, 1) else None


ACTIVATIONS = {
    "linear": "{}", "relu": "torch.relu({})", "sigmoid": "torch.sigmoid({})",
    "tanh": "torch.tanh({})", "softmax": "torch.softmax({}, dim=-1)", "elu": "F.elu({})",
    "gelu": "F.gelu({})", "selu": "F.selu({})", "softplus": "F.softplus({})",
}  # fmt: skip


def dense(call: Call) -> str | None:
    found = ACTIVATIONS.get(call.attrs["activation"])
    return found and found.format(f"self.{call.name}({call.args[0]})")


def conv_layer(call: Call) -> str | None:
    attrs, found = call.attrs, ACTIVATIONS.get(call.attrs["activation"])
    plain = attrs["groups"] == 1 and tuple(attrs["dilation_rate"]) == (1, 1)
    plain = plain and (attrs["padding"] == "valid" or pair(attrs["strides"]) == (1, 1))
    if found is None or not plain:
        return None
    inner = f"self.{call.name}({call.args[0]}.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)"
    return found.format(inner)
