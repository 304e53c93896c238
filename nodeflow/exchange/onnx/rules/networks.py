"""Normalisation, dropout and recurrent layers, as they are in inference."""

from __future__ import annotations

import numpy as np

from nodeflow.exchange.onnx.emit import Emitter, NotInOnnx, rule
from nodeflow.exchange.onnx.rules.numbers import axes_of
from nodeflow.graph.graph import Node


@rule("dropout")
def dropout(e: Emitter, node: Node) -> str:
    return e.node("Identity", [e.value(node.inputs[0])])


@rule("batch_normalize")
def batch_normalize(e: Emitter, node: Node) -> str:
    """ONNX's op has channels as axis 1 and needs all of its inputs."""
    rank = node.inputs[0].type.rank
    plain = len(node.inputs) == 5 and node.attrs["axis"] % rank == 1
    if plain and all(t.type.ndims == 1 for t in node.inputs[1:]):
        x, mean, variance, offset, scale = (e.value(t) for t in node.inputs)
        inputs = [x, scale, offset, mean, variance]
        return e.node("BatchNormalization", inputs, epsilon=float(node.attrs["epsilon"]))
    alias = node.alias[0]
    if alias is None:
        raise NotInOnnx("a batch normalisation without a result")
    return e.value(alias)


@rule("layer_normalization")
def layer_normalization(e: Emitter, node: Node) -> str:
    """ONNX's op normalises the last axes and needs a scale."""
    rank = node.inputs[0].type.rank
    axes = sorted(a % rank for a in axes_of(node) or range(rank))
    if len(node.inputs) > 1 and axes == list(range(axes[0], rank)):
        inputs = [e.value(t) for t in node.inputs]
        epsilon = float(node.attrs["epsilon"])
        return e.node("LayerNormalization", inputs, axis=axes[0] - rank, epsilon=epsilon)
    alias = node.alias[0]
    assert alias is not None
    return e.value(alias)


@rule("instance_normalization")
def instance_normalization(e: Emitter, node: Node) -> str:
    rank = node.inputs[0].type.rank
    if len(node.inputs) == 3 and node.attrs["axis"] % rank == 1:
        inputs = [e.value(t) for t in node.inputs]
        return e.node("InstanceNormalization", inputs, epsilon=float(node.attrs["epsilon"]))
    alias = node.alias[0]
    assert alias is not None
    return e.value(alias)


GATES = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "rnn": (0,)}
"""For each of ONNX's gates which of ours it is: ours of an LSTM are i, f, g, o."""


@rule("lstm", "gru", "rnn")
def recurrent(e: Emitter, node: Node) -> list[str]:
    """Kernels are turned and their gates put into ONNX's order; the first axis is the direction."""
    kind, attrs = node.op.id, node.attrs
    x, kernel, inner, bias, *states = (e.value(t) for t in node.inputs)
    type_, units = node.inputs[0].type, node.inputs[2].type.shape[0]
    if units is None:
        raise NotInOnnx("a recurrent layer of a size that only a run knows")
    order = GATES[kind]
    rows = e.ints([g * units + i for g in order for i in range(units)], "order")
    zero, one = e.ints([0], "direction"), e.ints([1], "steps")
    weights = []
    for value in (kernel, inner):
        turned = e.node("Transpose", [value], perm=[1, 0], type=type_)
        picked = e.node("Gather", [turned, rows], axis=0, type=type_)
        weights.append(e.node("Unsqueeze", [picked, zero], type=type_))
    picked = e.node("Gather", [bias, rows], axis=0, type=type_)
    none = e.array(np.zeros(len(order) * units, type_.dtype), f"{e.node_name}_none")
    joined = e.node("Concat", [picked, none], axis=0, type=type_)
    weights.append(e.node("Unsqueeze", [joined, zero], type=type_))
    first = e.node("Transpose", [x], perm=[1, 0, 2], type=type_)
    begun = [e.node("Unsqueeze", [s, zero], type=type_) for s in states]
    theirs = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}[kind]
    made = e.node(
        theirs, [first, *weights, "", *begun], outputs=3 if kind == "lstm" else 2,
        hidden_size=units, direction="reverse" if attrs["reverse"] else None,
        linear_before_reset=1 if kind == "gru" else None,
        activations=["Relu"] if kind == "rnn" and attrs["activation"] == "relu" else None,
    )  # fmt: skip
    flat = e.node("Squeeze", [made[0], one], type=type_)
    outputs = [e.node("Transpose", [flat], perm=[1, 0, 2], type=type_)]
    return [*outputs, *(e.node("Squeeze", [m, zero], type=type_) for m in made[1:])]
