"""Small models as other programs write them, and what ONNX's own evaluator says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

RNG = np.random.default_rng(5)


def weight(name: str, *shape: int, scale: float = 0.3) -> TensorProto:
    return numpy_helper.from_array((RNG.normal(size=shape) * scale).astype("f4"), name)


def ints(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, "i8"), name)


def value(name: str, shape: Any, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Any, inputs: Any, outputs: Any, weights: Any = (), opset: int = 18, functions: Any = ()
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(weights))
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid("local", 1)] if functions else []
    made = helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=8)
    onnx.checker.check_model(made)
    return made


def expected(made: onnx.ModelProto, fed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [o.name for o in made.graph.output]
    return dict(zip(names, ReferenceEvaluator(made).run(None, fed), strict=True))


def mlp() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h"], "/fc1/Gemm", transB=1),
        helper.make_node("Relu", ["h"], ["r"], "/act/Relu"),
        helper.make_node(
            "Gemm", ["r", "fc2.weight", "fc2.bias"], ["logits"], "/fc2/Gemm", transB=1
        ),
        helper.make_node("Softmax", ["logits"], ["probs"], "/Softmax", axis=-1),
    ]
    weights = [
        *(weight("fc1.weight", 32, 20), weight("fc1.bias", 32)),
        *(weight("fc2.weight", 7, 32), weight("fc2.bias", 7)),
    ]
    return model(nodes, [value("x", ["batch", 20])], [value("probs", ["batch", 7])], weights)


def cnn() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], "Conv_0", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "g", "o", "m", "v"], ["n"], "BN_1"),
        helper.make_node("Relu", ["n"], ["r"], "Relu_2"),
        helper.make_node("MaxPool", ["r"], ["p"], "Pool_3", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"], "Flatten_4"),
        helper.make_node("MatMul", ["f", "w2"], ["y"], "MatMul_5"),
    ]
    weights = [
        *(weight("w1", 6, 3, 3, 3), weight("b1", 6), weight("g", 6), weight("o", 6)),
        *(weight("m", 6), numpy_helper.from_array(np.linspace(0.5, 2, 6).astype("f4"), "v")),
        weight("w2", 6 * 4 * 5, 10),
    ]
    return model(nodes, [value("x", ["n", 3, 8, 10])], [value("y", ["n", 10])], weights)


def recurrent(kind: str, direction: str = "forward", **attrs: Any) -> onnx.ModelProto:
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    count = 2 if direction == "bidirectional" else 1
    states = ["h0", "c0"] if kind == "LSTM" else ["h0"]
    ends = ["hn", "cn"] if kind == "LSTM" else ["hn"]
    nodes = [
        helper.make_node(
            kind,
            ["x", "W", "R", "B", "", *states],
            ["y", *ends],
            "rnn",
            hidden_size=5,
            direction=direction,
            **attrs,
        )
    ]
    weights = [
        *(weight("W", count, gates * 5, 4), weight("R", count, gates * 5, 5)),
        weight("B", count, 2 * gates * 5),
    ]
    inputs = [value("x", ["time", "n", 4]), *(value(s, [count, "n", 5]) for s in states)]
    outputs = [value("y", ["time", count, "n", 5]), *(value(e, [count, "n", 5]) for e in ends)]
    return model(nodes, inputs, outputs, weights)


def block() -> onnx.FunctionProto:
    """A feed-forward block with a residual connection, as a function."""
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["p"], "product"),
        helper.make_node("Add", ["p", "b"], ["s"], "sum"),
        helper.make_node("Tanh", ["s"], ["a"], "act"),
        helper.make_node("Add", ["a", "x"], ["y"], "residual"),
    ]
    ref = onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    nodes[0].attribute.append(ref)
    return helper.make_function(
        "local", "Block", ["x", "w", "b"], ["y"], nodes, [helper.make_opsetid("", 18)], ["slope"]
    )


def with_functions() -> onnx.ModelProto:
    nodes = [
        helper.make_node(
            "Block",
            [f"h{i}", f"layers.{i}.w", f"layers.{i}.b"],
            [f"h{i + 1}"],
            f"layers.{i}",
            domain="local",
            slope=0.2,
        )
        for i in range(3)
    ]
    weights = [weight(f"layers.{i}.w", 6, 6) for i in range(3)]
    weights += [weight(f"layers.{i}.b", 6) for i in range(3)]
    inputs, outputs = [value("h0", ["n", 6])], [value("h3", ["n", 6])]
    return model(nodes, inputs, outputs, weights, functions=[block()])


def flat_blocks(count: int = 8) -> onnx.ModelProto:
    """A chain of equal blocks without scopes."""
    nodes, weights = [], []
    for i in range(count):
        nodes += [
            helper.make_node("MatMul", [f"h{i}", f"w{i}"], [f"p{i}"], f"MatMul_{4 * i}"),
            helper.make_node("Add", [f"p{i}", f"b{i}"], [f"s{i}"], f"Add_{4 * i + 1}"),
            helper.make_node("Sigmoid", [f"s{i}"], [f"g{i}"], f"Sigmoid_{4 * i + 2}"),
            helper.make_node("Mul", [f"s{i}", f"g{i}"], [f"h{i + 1}"], f"Mul_{4 * i + 3}"),
        ]
        weights += [weight(f"w{i}", 6, 6), weight(f"b{i}", 6)]
    inputs, outputs = [value("h0", ["n", 6])], [value(f"h{count}", ["n", 6])]
    return model(nodes, inputs, outputs, weights)


def branches() -> onnx.ModelProto:
    yes = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["yes"], "m")], "yes", [], [value("yes", ["n", 6])]
    )
    no = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["no"], "neg")], "no", [], [value("no", ["n", 6])]
    )
    nodes = [
        helper.make_node("If", ["flag"], ["y"], "choose", then_branch=yes, else_branch=no),
    ]
    inputs = [value("x", ["n", 6]), value("flag", [], TensorProto.BOOL)]
    return model(nodes, inputs, [value("y", ["n", 6])], [weight("w", 6, 6)])


def looping() -> onnx.ModelProto:
    """x doubled three times, or until it is over a limit."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["a", "a"], ["b"], "twice"),
            helper.make_node("ReduceMax", ["b"], ["top"], "top", keepdims=0),
            helper.make_node("Less", ["top", "limit"], ["more"], "more"),
        ],
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("a", ["n"])],
        [value("more", [], TensorProto.BOOL), value("b", ["n"])],
    )
    nodes = [helper.make_node("Loop", ["count", "go0", "x"], ["y"], "loop", body=body)]
    weights = [
        numpy_helper.from_array(np.array(3, "i8"), "count"),
        numpy_helper.from_array(np.array(True), "go0"),
        numpy_helper.from_array(np.array(50, "f4"), "limit"),
    ]
    return model(nodes, [value("x", ["n"])], [value("y", ["n"])], weights)


def dynamic_shapes() -> onnx.ModelProto:
    """Sizes that only a run knows: a reshape by them, a slice, a resize."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], "shape"),
        helper.make_node("Gather", ["s", "zero"], ["n"], "batch"),
        helper.make_node("Unsqueeze", ["n", "first"], ["n1"], "one"),
        helper.make_node("Concat", ["n1", "rest"], ["to"], "sizes", axis=0),
        helper.make_node("Reshape", ["x", "to"], ["y"], "turned"),
        helper.make_node("Resize", ["x", "", "scales"], ["z"], "larger", mode="linear"),
    ]
    weights = [
        numpy_helper.from_array(np.array(0, "i8"), "zero"),
        *(ints("first", 0), ints("rest", 2, -1)),
        numpy_helper.from_array(np.array([1, 1, 2.0], "f4"), "scales"),
    ]
    outputs = [value("y", ["n", 2, "k"]), value("z", ["n", 4, "twice"])]
    return model(nodes, [value("x", ["n", 4, "t"])], outputs, weights)


def with_unknown_op() -> onnx.ModelProto:
    """Two branches; one goes through an op that nobody has."""
    nodes = [
        helper.make_node("Relu", ["x"], ["known"], "relu"),
        helper.make_node("Wobble", ["x", "w"], ["u"], "wobble", domain="com.example", speed=1.5),
        helper.make_node("Add", ["u", "x"], ["unknown"], "after"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", ["n", 6])],
        [value("known", ["n", 6]), value("unknown", ["n", 6])],
        [weight("w", 6, 6)],
        value_info=[value("u", ["n", 6])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def steps_of(
    kind: str, x: np.ndarray, states: list[np.ndarray], W: Any, R: Any, B: Any, after: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A recurrent layer in one direction, as the documentation of ONNX's op has its equations."""
    H = R.shape[1]
    Wb, Rb = B[: len(B) // 2], B[len(B) // 2 :]
    h, *rest = states
    outputs = []
    for row in x:
        p, q = row @ W.T + Wb, h @ R.T + Rb
        if kind == "RNN":
            h = np.tanh(p + q)
        elif kind == "LSTM":
            i, o, f, c = (sigmoid(p + q)[:, k * H : (k + 1) * H] for k in range(4))
            c = np.tanh((p + q)[:, 3 * H :])
            rest = [f * rest[0] + i * c]
            h = o * np.tanh(rest[0])
        else:
            z, r = (sigmoid(p + q)[:, k * H : (k + 1) * H] for k in range(2))
            inner = r * q[:, 2 * H :] if after else (r * h) @ R[2 * H :].T + Rb[2 * H :]
            h = (1 - z) * np.tanh(p[:, 2 * H :] + inner) + z * h
        outputs.append(h)
    return np.stack(outputs), [h, *rest]


FED = {
    "mlp": (mlp, {"x": (5, 20)}),
    "cnn": (cnn, {"x": (2, 3, 8, 10)}),
    "functions": (with_functions, {"h0": (4, 6)}),
    "flat blocks": (flat_blocks, {"h0": (4, 6)}),
    "sizes of a run": (dynamic_shapes, {"x": (3, 4, 6)}),
    "loop": (looping, {"x": (4,)}),
}
"""Name -> the model, and shapes of what is fed."""


def feeds(shapes: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: RNG.normal(size=shape).astype("f4") for name, shape in shapes.items()}


def renamed(name: str, fed: str = "input.1:0") -> onnx.ModelProto:
    """A layer whose input and output no node can be called as."""
    nodes = [
        helper.make_node("MatMul", [fed, "w"], ["h"], "/fc/MatMul"),
        helper.make_node("Sigmoid", ["h"], [name], "y"),
    ]
    sizes = ["batch", 4], ["batch", 3]
    return model(nodes, [value(fed, sizes[0])], [value(name, sizes[1])], [weight("w", 4, 3)])
