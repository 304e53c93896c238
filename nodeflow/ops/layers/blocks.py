"""Blocks: layers composed of other layers, with residual connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nodeflow.errors import NodeflowError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.layers.attention import CAUSAL, HEADS, KEY_DIM, MASK
from nodeflow.ops.layers.layer import (
    TRAINABLE,
    VERSION,
    Layer,
    activate,
    activation_attr,
    initializer_attr,
    known_size,
    shared_op,
    shared_with,
)
from nodeflow.ops.samples import values

RATE = Attr(
    "rate", "float", 0.0, "Share of elements dropped during training.", minimum=0, maximum=1
)


class Part(NamedTuple):
    """A layer inside a block: its name there, its op, and attributes."""

    name: str
    op: str
    attrs: dict[str, Any]


class Block(Layer):
    """The base class of blocks: a sequence of parts and their connections.

    A block that shares with another block consists of parts that share with the parts of the other.
    """

    can_share = True

    def parts(self, attrs: dict[str, Any]) -> list[Part]:
        """Return the inner layers that a block with these attributes consists of, in order."""
        raise NotImplementedError(self.id)

    def check(self, x: TensorType, part: Part, *more: TensorType) -> TensorType:
        """Return the output type of an inner layer for inputs of these types.

        Raises:
            NodeflowError: the types do not fit. `port` is a port or attribute of the block.
        """
        op = REGISTRY.lookup(part.op)
        ports = {port.name for port in self.inputs}
        try:
            return infer_types(op, [x, *more], op.bind_attrs(part.attrs))[0]
        except NodeflowError as error:
            known = error.port in ports or any(a.name == error.port for a in self.attrs)
            error.port = error.port if known else "x"
            raise

    def add(self, part: Part, *inputs: Tensor, trainable: bool = True) -> Tensor:
        """Add one of the block's inner layers to the graph, and return its output.

        In a block that shares variables, the inner layer uses the variables of the owner's layer.
        """
        graph, op = inputs[0].graph, REGISTRY.lookup(part.op)
        own = {a.name for a in op.attrs}
        given = {**part.attrs, **({"trainable": trainable} if "trainable" in own else {})}
        owner = shared_with()
        if owner is not None and isinstance(op, Layer):
            whole = _part_of(owner, part, self)
            return graph.add_node(
                shared_op(op.id), [whole, *inputs], given, name=part.name
            ).outputs[0]
        out = graph.apply(op, *inputs, name=part.name, **given)
        assert isinstance(out, Tensor)
        return out

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        found: list[str] = []
        for part in self.parts(attrs):
            op = REGISTRY.lookup(part.op)
            found += [f"{part.name}/{own}" for own in op.variables(op.bind_attrs(part.attrs))]
        return tuple(found)


def _part_of(owner: Node, part: Part, block: Block) -> Tensor:
    """Return the variable-owning layer in block ``owner`` that corresponds to the given inner
    layer.

    Raises:
        ShapeError: the owner has no such layer.
    """
    name = f"{owner.name}/{part.name}"
    if name in owner.graph:
        return owner.graph.tensor(name)
    raise ShapeError(
        f"{block.short_id} needs a {part.name}, but the block that it shares with has none",
        port="owner",
        hint="Give both the same settings and inputs of the same size.",
    )


KERNEL = initializer_attr("kernel_initializer", {"op": "he_normal"}, "Initial kernels.")
NORMS = ("none", "layer", "batch")


def _norm(name: str, kind: str) -> list[Part]:
    return [] if kind == "none" else [Part(name, f"layers/{kind}_normalization", {})]


def _dropout(name: str, rate: float) -> list[Part]:
    return [Part(name, "dropout", {"rate": rate})] if rate else []


@register
class ResidualDense(Block):
    """Two dense layers with a residual connection."""

    id = "layers/residual_dense"
    keywords = ("skip connection", "layer", "resnet", "fully connected", "block")
    doc = (
        "x + dense(activation(dense(norm(x)))): two dense layers with a residual connection.\n\nx "
        "(rows, features) gives the same shape, so such blocks can be chained. The normalization "
        "comes first and the last layer has no activation, so that the connection passes x "
        "unchanged (He and others, 2016). Inside are NAME/norm, NAME/hidden, NAME/dropout and "
        "NAME/back."
    )
    inputs = (Port("x", "Rows of features.", FLOATS),)
    attrs = (
        Attr("units", "int", 64, "Number of units of the hidden layer.", minimum=1),
        activation_attr("relu", "Activation of the hidden layer."),
        Attr("normalization", "choice", "layer", "Normalisation of x.", choices=NORMS),
        RATE,
        KERNEL,
        TRAINABLE,
        VERSION,
    )

    def parts(self, attrs: dict[str, Any]) -> list[Part]:
        begin = {"kernel_initializer": attrs["kernel_initializer"]}
        hidden = {"units": attrs["units"], "activation": attrs["activation"], **begin}
        return [
            *_norm("norm", attrs["normalization"]),
            Part("hidden", "layers/dense", hidden),
            *_dropout("dropout", attrs["rate"]),
            Part("back", "layers/dense", {"units": attrs.get("features", 1), **begin}),
        ]

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if x.rank < 2:
            raise ShapeError(
                f"residual_dense needs rows of features, not shape {shape_text(x.shape)}",
                port="x",
                hint="Give it two axes: (rows, features).",
            )
        known_size(x, -1, "features")
        found = x
        for part in self.parts(attrs)[:-1]:
            found = self.check(found, part)
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = found = inputs[0]
        for part in self.parts({**attrs, "features": x.shape[-1]}):
            found = self.add(part, found, trainable=attrs["trainable"])
        return x + found

    def samples(self) -> Iterator[Sample]:
        smooth = {"activation": "tanh"}
        for dtype in FLOATS:
            attrs = {"units": 2, **smooth}
            yield Sample((values((4, 3), dtype),), attrs, smooth=dtype == "float64")
        for activation in activation_attr().choices:
            attrs = {"units": 3, "activation": activation, "normalization": "none"}
            yield Sample((values((4, 2)),), {**attrs, "trainable": False})
        attrs = {"units": 3, "normalization": "batch", "rate": 0.5, **smooth}
        yield Sample((values((4, 2)),), attrs, smooth=True)
        yield Sample((values((2, 4, 3)),), {"units": 2, **smooth}, smooth=True)
        yield Sample((values((0, 3)),), {"units": 2})
        yield Sample((values((1, 1)),), {"units": 1, "normalization": "none"})


@register
class ResidualConv(Block):
    """Two convolutions with a residual connection."""

    id = "layers/residual_conv"
    keywords = ("skip connection", "layer", "resnet", "convolution", "cnn", "block")
    shown_attrs = ("filters", "strides")
    doc = (
        "activation(x + norm(conv(activation(norm(conv(x)))))): the block of a ResNet.\n\nx "
        "(rows, height, width, channels) gives (rows, height / strides, width / strides, "
        "filters). If strides or filters change the shape, x passes a convolution of size 1. He "
        "and others, 2015. Inside are NAME/conv1, NAME/norm1, NAME/conv2, NAME/norm2, and "
        "NAME/shortcut with NAME/shortcut_norm."
    )
    inputs = (Port("x", "Images: (rows, height, width, channels).", FLOATS),)
    attrs = (
        Attr("filters", "int", 32, "Number of filters of both convolutions.", minimum=1),
        Attr("kernel_size", "ints", (3, 3), "Height and width of a filter, or one number."),
        Attr("strides", "ints", (1, 1), "Steps of the first convolution."),
        activation_attr("relu", "Activation after the first convolution and at the end."),
        Attr("normalization", "choice", "batch", "Normalisation.", choices=NORMS),
        KERNEL,
        TRAINABLE,
        VERSION,
    )

    def parts(self, attrs: dict[str, Any]) -> list[Part]:
        kind = attrs["normalization"]
        shared = {
            "filters": attrs["filters"],
            "padding": "same",
            "use_bias": kind == "none",
            "kernel_initializer": attrs["kernel_initializer"],
        }
        size, strides = attrs["kernel_size"], attrs["strides"]
        first = {**shared, "kernel_size": size, "strides": strides}
        around = {**shared, "kernel_size": (1, 1), "strides": strides}
        return [
            Part("conv1", "layers/conv2d", first),
            *_norm("norm1", kind),
            Part("conv2", "layers/conv2d", {**shared, "kernel_size": size}),
            *_norm("norm2", kind),
            Part("shortcut", "layers/conv2d", around),
            *_norm("shortcut_norm", kind),
        ]

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        found = types[0]
        for part in self.parts(attrs):
            if not part.name.startswith("shortcut"):
                found = self.check(found, part)
        return found

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = found = around = inputs[0]
        fits = set(attrs["strides"]) == {1} and x.shape[-1] == attrs["filters"]
        for part in self.parts(attrs):
            if not part.name.startswith("shortcut"):
                found = self.add(part, found, trainable=attrs["trainable"])
                if part.name == ("conv1" if attrs["normalization"] == "none" else "norm1"):
                    found = activate(found, attrs["activation"])
            elif not fits:
                around = self.add(part, around, trainable=attrs["trainable"])
        return activate(found + around, attrs["activation"])

    def samples(self) -> Iterator[Sample]:
        small: dict[str, Any] = {"filters": 2, "kernel_size": (2,), "activation": "tanh"}
        for dtype in FLOATS:
            x = values((2, 3, 4, 5), dtype)
            yield Sample((x,), small, smooth=dtype == "float64")
        yield Sample((values((1, 3, 4, 2)),), {**small, "normalization": "none"}, smooth=True)
        for activation in activation_attr().choices:
            attrs = {**small, "activation": activation, "trainable": False}
            yield Sample((values((1, 3, 2, 2)),), attrs)
        attrs = {**small, "strides": (2,), "normalization": "layer"}
        yield Sample((values((2, 3, 4, 2)),), attrs, smooth=True)
        yield Sample((values((0, 3, 4, 2)),), small)
        yield Sample((values((1, 1, 1, 1)),), {**small, "filters": 1, "normalization": "none"})


@register
class TransformerBlock(Block):
    """Self attention and two dense layers, each with a residual connection."""

    id = "layers/transformer_block"
    keywords = ("attention", "layer", "encoder", "gpt", "language model", "sequence", "block")
    shown_attrs = ("num_heads", "units")
    doc = (
        "Self attention, then two dense layers per step, each with a residual connection.\n\nx "
        "(rows, steps, features) gives the same shape. Each sum is normalized, as in the paper "
        "(Vaswani and others, 2017). With `norm_first`, the input of attention and of the dense "
        "layers is normalized instead, which makes deep stacks easier to train. With `causal`, "
        "steps do not attend to later steps. Inside are NAME/attention, NAME/attention_norm, "
        "NAME/hidden, NAME/back, NAME/norm and the dropouts."
    )
    inputs = (Port("x", "Sequences: (rows, steps, features).", FLOATS), MASK)
    attrs = (
        HEADS,
        Attr("units", "int", 128, "Number of units of the hidden layer.", minimum=1),
        KEY_DIM,
        activation_attr("relu", "Activation of the hidden layer."),
        Attr("rate", "float", 0.1, "Share of elements dropped in training.", minimum=0, maximum=1),
        CAUSAL,
        Attr("norm_first", "bool", False, "Normalise the input of the parts, not the sums."),
        initializer_attr("kernel_initializer", {"op": "glorot_uniform"}, "Initial kernels."),
        TRAINABLE,
        VERSION,
    )

    def parts(self, attrs: dict[str, Any]) -> list[Part]:
        begin = {"kernel_initializer": attrs["kernel_initializer"]}
        names = ("num_heads", "key_dim", "causal")
        hidden = {"units": attrs["units"], "activation": attrs["activation"], **begin}
        norm = {"epsilon": 1e-5}
        return [
            Part("attention", "layers/multi_head_attention", {n: attrs[n] for n in names} | begin),
            *_dropout("attention_dropout", attrs["rate"]),
            Part("attention_norm", "layers/layer_normalization", norm),
            Part("hidden", "layers/dense", hidden),
            Part("back", "layers/dense", {"units": attrs.get("features", 1), **begin}),
            *_dropout("dropout", attrs["rate"]),
            Part("norm", "layers/layer_normalization", norm),
        ]

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        parts = {part.name: part for part in self.parts(attrs)}
        memory = [x] if len(types) > 1 else []
        self.check(x, parts["attention"], *memory, *types[1:])
        self.check(x, parts["hidden"])
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, mask = inputs[0], inputs[1:]
        parts = {part.name: part for part in self.parts({**attrs, "features": x.shape[-1]})}

        def chain(value: Tensor, names: Sequence[str]) -> Tensor:
            for name in names:
                if name in parts:
                    more = (value, *mask) if name == "attention" and mask else ()
                    value = self.add(parts[name], value, *more, trainable=attrs["trainable"])
            return value

        for norm, names in (
            ("attention_norm", ("attention", "attention_dropout")),
            ("norm", ("hidden", "back", "dropout")),
        ):
            if attrs["norm_first"]:
                x = x + chain(x, (norm, *names))
            else:
                x = chain(x + chain(x, names), (norm,))
        return x

    def samples(self) -> Iterator[Sample]:
        small: dict[str, Any] = {"num_heads": 2, "units": 3, "activation": "tanh"}
        for dtype in FLOATS:
            yield Sample((values((3, 2, 4), dtype),), small, smooth=dtype == "float64")
        x, mask = values((2, 3, 4)), np.array([[True, False, True]] * 3)
        yield Sample((x, mask), {**small, "rate": 0.0, "key_dim": 3}, smooth=True)
        attrs = {**small, "norm_first": True, "causal": True, "trainable": False}
        yield Sample((x,), attrs, smooth=True)
        for activation in activation_attr().choices:
            yield Sample((values((1, 2, 4)),), {**small, "activation": activation})
        yield Sample((values((0, 3, 4)),), small)
        yield Sample((values((1, 1, 1)),), {**small, "num_heads": 1})
