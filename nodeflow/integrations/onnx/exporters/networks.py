"""Rules for normalisation, dropout and recurrent layers in inference."""

from __future__ import annotations

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.integrations.onnx.emit import Emitter, NotInOnnx, rule
from nodeflow.integrations.onnx.exporters.numbers import axes_of
from nodeflow.ops.lowering import NEVER


@rule("dropout")
def dropout(e: Emitter, node: Node) -> str:
    return e.node("Identity", [e.value(node.inputs[0])])


@rule("batch_normalize")
def batch_normalize(e: Emitter, node: Node) -> str:
    """Export batch normalization to ONNX, whose op has the channels as axis 1 and needs all of its
    inputs. Otherwise export the simpler ops that it is composed of.
    """
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
    """Export layer normalization to ONNX, whose op normalizes the last axes and needs a scale.
    Otherwise export the simpler ops that it is composed of.
    """
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
"""For each position in ONNX's order, the index of nodeflow's gate. nodeflow's LSTM has i, f, g,
o.
"""


@rule("lstm", "gru", "rnn")
def recurrent(e: Emitter, node: Node) -> list[str]:
    """Export a recurrent layer to ONNX.

    Kernels are transposed, with gates in ONNX's order and a leading axis for directions.
    """
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


@rule("tiled_attention")
def attention(e: Emitter, node: Node) -> list[str | None]:
    """Export attention to ONNX by its formula, softmax(query @ key^T * scale) @ value."""
    query, key, value = node.inputs[:3]
    t, size = query.type, query.type.shape[-1]
    scale = node.attrs["scale"]
    if scale is None and size is None:
        raise NotInOnnx("attention over features whose number only a run knows")
    rank = key.type.rank
    order = [*range(rank - 2), rank - 1, rank - 2]
    turned = e.node("Transpose", [e.value(key)], perm=order, type=t)
    scores = e.node("MatMul", [e.value(query), turned], type=t)
    factor = e.number(1 / np.sqrt(size or 1) if scale is None else scale, t.dtype, "scale")
    scores = e.node("Mul", [scores, factor], type=t)
    none = e.number(NEVER, t.dtype, "none")
    for mask in node.inputs[3:]:
        if mask.type.dtype == "bool":
            scores = e.node("Where", [e.value(mask), scores, none], type=t)
        else:
            scores = e.node("Add", [scores, e.value(mask)], type=t)
    if node.attrs["causal"]:
        scores = e.node("Where", [_not_later(e, node), scores, none], type=t)
    weights = e.node("Softmax", [scores], axis=-1, type=t)
    return [e.node("MatMul", [weights, e.value(value)], type=t), None]


def _not_later(e: Emitter, node: Node) -> str:
    """Export the causal mask of attention to ONNX: a bool matrix (queries, keys), true where the
    key is not later than the query.
    """
    kind, bools = TensorType("int64", ()), TensorType("bool", ())
    sides = []
    for tensor in node.inputs[:2]:
        whole = e.node("Shape", [e.value(tensor)], type=kind)
        place = e.ints(tensor.type.rank - 2, "place")
        count = e.node("Gather", [whole, place], axis=0, type=kind)
        sides.append(e.node("Range", [e.ints(0, "start"), count, e.ints(1, "delta")], type=kind))
    queries = e.node("Unsqueeze", [sides[0], e.ints([1], "last")], type=kind)
    latest = e.node("Add", [queries, e.ints(node.attrs["offset"], "offset")], type=kind)
    return e.node("LessOrEqual", [sides[1], latest], type=bools)
