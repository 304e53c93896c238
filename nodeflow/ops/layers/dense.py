"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.layers.layer import (
    ACTIVATIONS,
    TRAINABLE,
    VERSION,
    ZEROS,
    Layer,
    Weights,
    activate,
    activation_attr,
    initializer_attr,
    known_size,
)
from nodeflow.ops.samples import values

UNITS = Attr("units", "int", 64, "Number of units: the size of the output's last axis.", minimum=1)
USE_BIAS = Attr("use_bias", "bool", True, "Add a bias.", advanced=True)


@register
class Dense(Layer):
    """A fully connected layer."""

    can_share = True
    id = "layers/dense"
    keywords = (
        *("fully connected", "linear", "layer", "perceptron", "affine", "inner product", "mlp"),
    )
    doc = (
        "A fully connected layer: activation(x @ kernel + bias).\n\nx (rows, features) gives "
        "(rows, units); axes between are kept. The node has the variables NAME/kernel "
        "(features, units) and NAME/bias (units,). The number of features follows from x."
    )
    inputs = (Port("x", "Rows of features.", FLOATS),)
    attrs = (
        UNITS,
        activation_attr(),
        USE_BIAS,
        initializer_attr("kernel_initializer", {"op": "glorot_uniform"}, "Initial kernel."),
        initializer_attr("bias_initializer", ZEROS, "Initial bias."),
        TRAINABLE,
        VERSION,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        self.check_weights(*types, **attrs)
        return x.with_shape((*x.shape[:-1], attrs["units"]))

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        x, units = types[0], attrs["units"]
        if x.rank < 2:
            raise ShapeError(
                f"dense needs rows of features, not shape {shape_text(x.shape)}",
                port="x",
                hint="Give it two axes: (rows, features).",
            )
        kernel = (known_size(x, -1, "features"), units)
        found: Weights = {"kernel": (kernel, attrs["kernel_initializer"])}
        if attrs["use_bias"]:
            found["bias"] = ((units,), attrs["bias_initializer"])
        return found

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        made = self.make_weights(*inputs, **attrs)
        out = F.matmul(inputs[0], made["kernel"])
        if attrs["use_bias"]:
            out = out + made["bias"]
        return activate(out, attrs["activation"])

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        return ("kernel", "bias") if attrs["use_bias"] else ("kernel",)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((4, 3), dtype),), {"units": 2}, smooth=dtype == "float64")
        for activation in ACTIVATIONS:
            attrs = {"units": 3, "activation": activation, "trainable": False}
            yield Sample((values((4, 2)),), attrs, smooth=activation != "leaky_relu")
        drawn = {"op": "random_normal", "stddev": 0.5}
        begin = {"kernel_initializer": drawn, "bias_initializer": drawn}
        yield Sample((values((2, 3, 4)),), {"units": 5, **begin}, smooth=True)
        yield Sample((values((4, 3)),), {"units": 2, "use_bias": False}, smooth=True)
        yield Sample((values((0, 3)),), {"units": 2})
        yield Sample((values((2, 0)),), {"units": 3})
        yield Sample((values((1, 1)),), {"units": 1}, smooth=True)
