"""The ops of graphs that TensorFlow wrote, each as a call of TensorFlow 1's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nodeflow.errors import FileProblem
from nodeflow.graph.graph import Tensor
from nodeflow.integrations.tensorflow1.arithmetic import reduce_mean, truediv
from nodeflow.integrations.tensorflow1.decoding import decode_jpeg, decode_png
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces import image, nn
from nodeflow.ops.program.basics import placeholder_with_default

Write = Callable[[Sequence[Tensor], Mapping[str, Any], str], Any]
"""A function of inputs, attributes and the name of a node."""


def _simple(function: Callable[..., Tensor]) -> Write:
    """Return a function that imports an op of a TensorFlow graph by calling ``function`` with the
    op's inputs and name.
    """
    return lambda inputs, attrs, name: function(*inputs, name=name)


def _first(function: Callable[..., Tensor]) -> Write:
    """Return a function that imports an op of a TensorFlow graph by applying ``function`` to the
    op's first input. Further inputs are ignored.
    """
    return lambda inputs, attrs, name: function(inputs[0], name=name)


def _text(attrs: Mapping[str, Any], key: str, default: str) -> str:
    return attrs[key].decode() if attrs.get(key) else default


def _numbers(tensor: Tensor) -> list[int]:
    """Return the whole numbers of a constant.

    Raises:
        FileProblem: it is no constant.
    """
    while tensor.node.op.id == "identity":
        tensor = tensor.node.inputs[0]
    if tensor.node.op.id != "constant":
        raise FileProblem(f"{tensor.name} must be a constant")
    value = tensor.node.attrs["value"]
    return [int(n) for n in (value if isinstance(value, (list, tuple)) else value.reshape(-1))]


def _conv2d(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    return nn.conv2d(
        inputs[0], inputs[1], strides=attrs["strides"], padding=attrs["padding"].decode(),
        data_format=_text(attrs, "data_format", "NHWC"),
        dilations=attrs.get("dilations") or [1, 1, 1, 1], name=name,
    )  # fmt: skip


def _depthwise(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    return nn.depthwise_conv2d(
        inputs[0], inputs[1], attrs["strides"], attrs["padding"].decode(), name=name
    )


def _pooled(function: Callable[..., Tensor]) -> Write:
    def write(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
        layout = _text(attrs, "data_format", "NHWC")
        padding = attrs["padding"].decode()
        return function(inputs[0], attrs["ksize"], attrs["strides"], padding, layout, name=name)

    return write


def _matmul(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    a = bool(attrs.get("transpose_a") or attrs.get("adj_x"))
    b = bool(attrs.get("transpose_b") or attrs.get("adj_y"))
    return F.matmul(*inputs, transpose_x=a, transpose_y=b, name=name)


def _bias_add(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    return nn.bias_add(*inputs, data_format=_text(attrs, "data_format", "NHWC"), name=name)


def _lrn(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    return nn.local_response_normalization(
        inputs[0], attrs.get("depth_radius", 5), attrs.get("bias", 1.0), attrs.get("alpha", 1.0),
        attrs.get("beta", 0.5), name=name,
    )  # fmt: skip


def _fused_norm(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> list[Tensor]:
    if attrs.get("is_training", True):
        raise FileProblem(f"{name} normalizes batches of a training, which is not frozen")
    x, scale, offset, mean, variance = inputs
    axis = 1 if _text(attrs, "data_format", "NHWC") == "NCHW" else -1
    if axis == 1:
        stats = (F.reshape(t, shape=[1, -1, 1, 1]) for t in (scale, offset, mean, variance))
        scale, offset, mean, variance = stats
    epsilon = attrs.get("epsilon", 1e-4)
    y = nn.batch_normalization(x, mean, variance, offset, scale, epsilon, name=name)
    return [y, mean, variance]


def _global_norm(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    x, mean, variance, beta, gamma = inputs
    scale = gamma if attrs.get("scale_after_normalization") else None
    epsilon = attrs["variance_epsilon"]
    return nn.batch_normalization(x, mean, variance, beta, scale, epsilon, name=name)


def _reduced(function: Callable[..., Tensor]) -> Write:
    def write(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
        axis = tuple(_numbers(inputs[1]))
        return function(inputs[0], axis=axis, keepdims=bool(attrs.get("keep_dims")), name=name)

    return write


def _arg(function: Callable[..., Tensor]) -> Write:
    def write(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
        found = function(inputs[0], axis=_numbers(inputs[1])[0])
        return F.cast(found, dtype=attrs.get("output_type") or "int64", name=name)

    return write


def _concat(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    *values, axis = inputs
    return F.concat(values, axis=_numbers(axis)[0], name=name)


def _old_concat(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    axis, *values = inputs
    return F.concat(values, axis=_numbers(axis)[0], name=name)


def _squeeze(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    axis = tuple(attrs.get("squeeze_dims") or ()) or None
    return F.squeeze(inputs[0], axis=axis, name=name)


def _pad(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
    flat = _numbers(inputs[1])
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    return F.pad(inputs[0], paddings=pairs, name=name)


def _split(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Any:
    axis, x = inputs
    return F.split(x, parts=attrs["num_split"], axis=_numbers(axis)[0], name=name)


def _resized(method: str) -> Write:
    def write(inputs: Sequence[Tensor], attrs: Mapping[str, Any], name: str) -> Tensor:
        if attrs.get("half_pixel_centers"):
            raise FileProblem(f"{name} has half_pixel_centers, which TensorFlow 1 has not")
        function = getattr(image, f"resize_{method}")
        return function(inputs[0], inputs[1], bool(attrs.get("align_corners")), name=name)

    return write


OPS: Mapping[str, Write] = {
    **{op: _simple(getattr(F, op.lower())) for op in (
        "Abs", "Ceil", "Cos", "Elu", "Exp", "Floor", "Log", "Maximum", "Minimum", "Relu", "Relu6",
        "Rsqrt", "Selu", "Sigmoid", "Sign", "Sin", "Softmax", "Softplus", "Softsign", "Sqrt",
        "Square", "Tanh", "Equal", "Greater", "Less", "Identity",
    )},
    "Add": _simple(F.add), "AddV2": _simple(F.add), "Sub": _simple(F.subtract),
    "Mul": _simple(F.multiply), "RealDiv": _simple(truediv), "Div": _simple(truediv),
    "Neg": _simple(F.negative), "Pow": _simple(F.power),
    "SquaredDifference": _simple(F.squared_difference), "LogSoftmax": _simple(F.log_softmax),
    "Shape": _first(F.shape), "StopGradient": _first(F.stop_gradient),
    "CheckNumerics": _first(F.identity), "Snapshot": _first(F.identity),
    "ZerosLike": _first(F.zeros_like), "Assert": lambda inputs, attrs, name: (),
    "PlaceholderWithDefault": lambda inputs, attrs, name: placeholder_with_default(
        inputs[0], attrs.get("shape"), name
    ),
    "AddN": lambda inputs, attrs, name: F.add_n(list(inputs), name=name),
    "Cast": lambda inputs, attrs, name: F.cast(inputs[0], dtype=attrs["DstT"], name=name),
    "Reshape": lambda inputs, attrs, name: F.reshape(inputs[0], shape=inputs[1], name=name),
    "ExpandDims": lambda inputs, attrs, name: F.expand_dims(
        inputs[0], axis=_numbers(inputs[1])[0], name=name
    ),
    "Transpose": lambda inputs, attrs, name: F.transpose(
        inputs[0], perm=tuple(_numbers(inputs[1])), name=name
    ),
    "Pack": lambda inputs, attrs, name: F.stack(
        list(inputs), axis=attrs.get("axis") or 0, name=name
    ),
    "GatherV2": lambda inputs, attrs, name: F.gather(
        inputs[0], inputs[1], axis=_numbers(inputs[2])[0], name=name
    ),
    "DecodeJpeg": lambda inputs, attrs, name: decode_jpeg(
        inputs[0], attrs.get("channels") or 0, name=name
    ),
    "DecodePng": lambda inputs, attrs, name: decode_png(
        inputs[0], attrs.get("channels") or 0, name=name
    ),
    "Conv2D": _conv2d, "DepthwiseConv2dNative": _depthwise, "BiasAdd": _bias_add, "LRN": _lrn,
    "MaxPool": _pooled(nn.max_pool), "AvgPool": _pooled(nn.avg_pool),
    "MatMul": _matmul, "BatchMatMul": _matmul, "BatchMatMulV2": _matmul,
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), _fused_norm),
    "BatchNormWithGlobalNormalization": _global_norm,
    "Mean": _reduced(reduce_mean), "Sum": _reduced(F.reduce_sum), "Max": _reduced(F.reduce_max),
    "Min": _reduced(F.reduce_min), "Prod": _reduced(F.reduce_prod),
    "ArgMax": _arg(F.argmax), "ArgMin": _arg(F.argmin),
    "ConcatV2": _concat, "Concat": _old_concat, "Squeeze": _squeeze, "Pad": _pad, "Split": _split,
    "ResizeBilinear": _resized("bilinear"), "ResizeNearestNeighbor": _resized("nearest_neighbor"),
}  # fmt: skip
"""TensorFlow's op -> its writer."""
