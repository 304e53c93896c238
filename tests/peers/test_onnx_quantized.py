"""Quantized ops compute the same integers here as in onnxruntime.

``make test-peers ONNX_PYTHON=...``; skipped where that has no onnxruntime.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import nodeflow as nf
from nodeflow.integrations.onnx.reading import graph_of
from tests.peers.test_onnx_runtime import release, theirs

pytestmark = pytest.mark.skipif(not release(), reason="ONNX_PYTHON has no onnxruntime")

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(4, 6, 16)).astype("f4")
ROWS = RNG.integers(0, 256, (9, 300)).astype("u1")
PIXELS = RNG.integers(0, 256, (2, 40, 9, 8)).astype("u1")
# Seven bits: where processors have no VNNI, onnxruntime adds pairs of products of eight bits in 16
# bits, and cuts off what is larger.
MATRIX = RNG.integers(-64, 64, (300, 7)).astype("i1")
FILTERS = RNG.integers(-64, 64, (6, 40, 3, 3)).astype("i1")


def scales(*shape: int) -> np.ndarray:
    return RNG.uniform(0.01, 0.05, shape).astype("f4")


def zeros(*shape: int, kind: str = "u1") -> np.ndarray:
    return RNG.integers(0, 100, shape).astype(kind)


X = {"xs": np.float32(0.02), "xz": np.uint8(120)}
Y = {"ys": np.float32(1.1), "yz": np.uint8(128)}
BIAS = {"bias": RNG.integers(-9999, 9999, 6).astype("i4")}
BLOCKS = {"axis": 2, "block_size": 8}
PADS = {"pads": [1, 1, 1, 1]}
OURS = {"domain": "com.microsoft"}
CASES: dict[str, tuple[str, np.ndarray, dict[str, Any], dict[str, Any], int]] = {
    "a tensor": ("QuantizeLinear", NUMBERS, {"s": np.float32(0.013), "z": np.int8(9)}, {}, 1),
    "16 bits": ("QuantizeLinear", NUMBERS, {"s": np.float32(1e-4), "z": np.uint16(9)}, {}, 1),
    "an axis": ("QuantizeLinear", NUMBERS, {"s": scales(6), "z": zeros(6)}, {"axis": -2}, 1),
    "blocks": ("QuantizeLinear", NUMBERS, {"s": scales(4, 6, 2), "z": zeros(4, 6, 2)}, BLOCKS, 1),
    "back": ("DequantizeLinear", ROWS, {"s": scales(300), "z": zeros(300)}, {}, 1),
    "back by rows": ("DequantizeLinear", ROWS, {"s": scales(9), "z": zeros(9)}, {"axis": 0}, 1),
    "back by blocks": (
        "DequantizeLinear", ROWS, {"s": scales(9, 3)}, {"axis": 1, "block_size": 100}, 1,
    ),
    "a range of the run": ("DynamicQuantizeLinear", NUMBERS, {}, {}, 3),
    "a range of zeros": ("DynamicQuantizeLinear", NUMBERS * 0, {}, {}, 3),
    "products": (
        "MatMulInteger", ROWS, {"b": MATRIX, "az": np.uint8(120), "bz": zeros(7, kind="i1")}, {}, 1,
    ),
    "scaled products": (
        "QLinearMatMul", ROWS,
        {**X, "b": MATRIX, "bs": scales(7), "bz": zeros(7, kind="i1"), **Y}, {}, 1,
    ),
    "convolution": ("ConvInteger", PIXELS, {"w": FILTERS, "z": np.uint8(100)}, PADS, 1),
    "scaled convolution": (
        "QLinearConv", PIXELS,
        {**X, "w": FILTERS, "ws": scales(6), "wz": np.zeros(6, "i1"), **Y, **BIAS}, PADS, 1,
    ),
    "sum": (
        "QLinearAdd", ROWS,
        {**X, "b": ROWS[::-1], "bs": np.float32(0.1), "bz": np.uint8(30), **Y}, OURS, 1,
    ),
    "sigmoid": (
        "QLinearSigmoid", ROWS, {**X, "ys": np.float32(1 / 256), "yz": np.uint8(0)}, OURS, 1,
    ),
}  # fmt: skip
"""The op, its first input, the others, its attributes, and the number of its outputs."""


@pytest.mark.parametrize("what", CASES)
def test_an_op_computes_the_same(what, tmp_path):
    op, x, given, how, outputs = CASES[what]
    names = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, ["x", *given], names, "q", **how)
    fixed = [numpy_helper.from_array(np.asarray(a), name) for name, a in given.items()]
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_empty_tensor_value_info(name) for name in names],
        fixed,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    opened = graph_of(model)
    assert not opened.missing
    with nf.Session(opened.graph) as session:
        session.variables.update(opened.weights)
        found = session.run(list(opened.outputs.values()), {opened.inputs["x"]: x})
    for ours, other in zip(found, theirs(tmp_path / "m.onnx", {"x": x}, tmp_path), strict=True):
        assert np.asarray(ours).dtype == other.dtype
        np.testing.assert_array_equal(ours, other)


def test_weights_of_four_bits_in_blocks(tmp_path):
    packed = helper.make_tensor("w", TensorProto.INT4, [16, 8], RNG.integers(-8, 8, 128).tolist())
    zero = helper.make_tensor("z", TensorProto.INT4, [4, 8], RNG.integers(-8, 8, 32).tolist())
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=0, block_size=4),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 6, 16])],
        [helper.make_empty_tensor_value_info("y")],
        [packed, zero, numpy_helper.from_array(scales(4, 8), "s")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    opened = graph_of(model)
    with nf.Session(opened.graph) as session:
        session.variables.update(opened.weights)
        found = session.run(opened.outputs["y"], {opened.inputs["x"]: NUMBERS})
    (other,) = theirs(tmp_path / "m.onnx", {"x": NUMBERS}, tmp_path)
    np.testing.assert_allclose(found, other, rtol=1e-4, atol=1e-6)
