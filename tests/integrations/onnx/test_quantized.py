"""Quantized ops compute their formulas, written here with numpy's integers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import nodeflow as nf
from nodeflow.exchange.importing import document_of
from nodeflow.integrations.onnx.reading import graph_of
from tests.integrations.onnx.models import value
from tests.integrations.onnx.test_writing import export

KINDS = {np.dtype(n): getattr(TensorProto, n.upper()) for n in ("int8", "uint8", "int32")}
KINDS[np.dtype("float32")] = TensorProto.FLOAT


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def integers(*shape: int, kind: str = "uint8", seed: int = 1) -> np.ndarray:
    info = np.iinfo(kind)
    return rng(seed).integers(info.min, info.max + 1, shape).astype(kind)


@pytest.fixture(params=["reference", pytest.param("compiled", marks=pytest.mark.thorough)])
def computed(request) -> Callable[..., Any]:
    return partial(outputs_of, request.param)


def outputs_of(tier: str, op: str, arrays: dict[str, Any], outputs: int = 1, **how: Any) -> Any:
    """The outputs of one node. All inputs but ``x`` are initializers."""
    domain = how.pop("domain", "")
    names = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, list(arrays), names, "q", domain=domain, **how)
    fixed = [
        numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items() if name != "x"
    ]
    x = arrays["x"]
    graph = helper.make_graph(
        [node], "g", [value("x", x.shape, KINDS[x.dtype])], [value(n, None) for n in names], fixed
    )
    opsets = [helper.make_opsetid("", 21)] + [helper.make_opsetid(domain, 1)] * bool(domain)
    opened = graph_of(helper.make_model(graph, opset_imports=opsets, ir_version=10))
    assert not opened.missing
    with nf.Session(opened.graph, tier=tier) as session:
        session.variables.update(opened.weights)
        found = session.run(list(opened.outputs.values()), {opened.inputs["x"]: x})
    return found if outputs > 1 else found[0]


def limited(y: np.ndarray, zero: Any, kind: str) -> np.ndarray:
    info = np.iinfo(kind)
    return np.clip(np.rint(y) + np.float32(zero), info.min, info.max).astype(kind)


def spread(values: np.ndarray, rank: int, axis: int, block: int, size: int) -> np.ndarray:
    """One value per element, from one per tensor, index along the axis, or block along it."""
    if block:
        return values.repeat(block, axis).take(range(size), axis)
    return values.reshape([-1 if i == axis else 1 for i in range(rank)]) if values.ndim else values


LAYOUTS = {
    "tensor": ((), {}, (0, 0)),
    "axis 1": ((6,), {}, (1, 0)),
    "last axis": ((8,), {"axis": -1}, (2, 0)),
    "first axis": ((3,), {"axis": 0}, (0, 0)),
    "blocks": ((3, 2, 8), {"axis": 1, "block_size": 3}, (1, 3)),
    "a last block that is smaller": ((3, 6, 3), {"axis": 2, "block_size": 3}, (2, 3)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_to_integers_and_back(layout, kind, computed):
    shape, how, (axis, block) = LAYOUTS[layout]
    scale = rng(2).uniform(0.01, 0.05, shape).astype("f4")
    zero = integers(*shape, kind=kind, seed=3)
    each = [spread(a, 3, axis, block, (3, 6, 8)[axis]) for a in (scale, zero)]
    x = rng().normal(size=(3, 6, 8)).astype("f4")
    found = computed("QuantizeLinear", {"x": x, "scale": scale, "zero": zero}, **how)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, limited(x / each[0], each[1], kind))
    q = integers(3, 6, 8, kind=kind)
    found = computed("DequantizeLinear", {"x": q, "scale": scale, "zero": zero}, **how)
    np.testing.assert_array_equal(found, (q.astype("f4") - each[1].astype("f4")) * each[0])


def test_a_scale_of_one_element_is_that_of_the_tensor(computed):
    x = rng().normal(size=5).astype("f4")
    scale, zero = np.array([0.1], "f4"), np.array([9], "u1")
    found = computed("QuantizeLinear", {"x": x, "scale": scale, "zero": zero})
    np.testing.assert_array_equal(found, limited(x / scale, 9, "uint8"))


def test_halves_round_to_even_and_results_are_limited(computed):
    x = np.array([0.5, 1.5, 2.5, -0.5, 300, -300], "f4")
    arrays = {"x": x, "scale": np.float32(1), "zero": np.int8(3)}
    found = computed("QuantizeLinear", arrays)
    np.testing.assert_array_equal(found, [3, 5, 5, 3, 127, -128])


@pytest.mark.parametrize(("kind", "low", "high"), [("INT4", -8, 7), ("UINT4", 0, 15)])
def test_integers_of_four_bits(kind, low, high):
    number = getattr(TensorProto, kind)
    values = rng(4).integers(low, high + 1, (4, 6))
    packed = helper.make_tensor("w", number, [4, 6], values.ravel().tolist())
    x = rng().normal(size=(2, 4)).astype("f4")
    scale = rng(2).uniform(0.1, 0.5, (2, 6)).astype("f4")
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0, block_size=2),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
        helper.make_node("QuantizeLinear", ["y", "t", "z"], ["q"]),
    ]
    fixed = [
        packed,
        numpy_helper.from_array(scale, "s"),
        numpy_helper.from_array(np.float32(1), "t"),
    ]
    fixed.append(helper.make_tensor("z", number, [], [2]))
    graph = helper.make_graph(
        nodes, "g", [value("x", [2, 4])], [value("y", [2, 6]), value("q", [2, 6], number)], fixed
    )
    opset = helper.make_opsetid("", 21)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.checker.check_model(made)
    opened = graph_of(made)
    assert not opened.missing
    with nf.Session(opened.graph) as session:
        session.variables.update(opened.weights)
        found = session.run([opened.outputs[n] for n in "yq"], {opened.inputs["x"]: x})
    wanted = x @ (values * scale.repeat(2, 0)).astype("f4")
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5)
    np.testing.assert_array_equal(found[1], np.clip(np.rint(found[0]) + 2, low, high))


@pytest.mark.parametrize("x", [[-1.0, 0.3, 2.0], [0.0, 0.0], [1.0, 3.0], [-3.0, -1.0]])
def test_a_range_that_is_found_at_run_time(x, computed):
    x = np.array(x, "f4")
    q, scale, zero = computed("DynamicQuantizeLinear", {"x": x}, outputs=3)
    low, high = min(x.min(), 0), max(x.max(), 0)
    wanted = np.float32((high - low) / np.float32(255)) if high > low else np.float32(1)
    np.testing.assert_allclose(scale, wanted, rtol=1e-6)
    assert zero == np.rint(-low / wanted) and zero.dtype == q.dtype == np.uint8
    np.testing.assert_array_equal(q, limited(x / scale, zero, "uint8"))


@pytest.mark.parametrize("inner", [7, 400])
@pytest.mark.parametrize("by_row", [False, True])
def test_products_of_integers(inner, by_row, computed):
    a, b = integers(5, inner), integers(inner, 4, kind="int8", seed=2)
    a_zero = integers(5, seed=3) if by_row else np.uint8(131)
    b_zero = integers(4, kind="int8", seed=4) if by_row else np.int8(-7)
    arrays = {"x": a, "b": b, "az": a_zero, "bz": b_zero}
    rows = np.reshape(a_zero, (-1, 1)).astype("i4")
    wanted = (a.astype("i4") - rows) @ (b.astype("i4") - b_zero.astype("i4"))
    found = computed("MatMulInteger", arrays)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, wanted)
    a_scale = rng(5).uniform(0.01, 0.02, a_zero.shape).astype("f4")
    b_scale = rng(6).uniform(0.01, 0.02, b_zero.shape).astype("f4")
    y_scale, y_zero = np.float32(0.3), np.uint8(100)
    given = {"x": a, "as": a_scale, "az": a_zero, "b": b, "bs": b_scale, "bz": b_zero}
    found = computed("QLinearMatMul", {**given, "ys": y_scale, "yz": y_zero})
    scale = np.reshape(a_scale, (-1, 1)) * b_scale / y_scale
    np.testing.assert_array_equal(found, limited(wanted.astype("f4") * scale, 100, "uint8"))


def convolved(x: np.ndarray, w: np.ndarray, groups: int) -> np.ndarray:
    """A convolution of int64 with a border of one 0."""
    x = np.pad(x.astype("i8"), ((0, 0), (0, 0), (1, 1), (1, 1)))
    count, size = w.shape[0] // groups, w.shape[1]
    rows, columns = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    y = np.zeros((x.shape[0], w.shape[0], rows, columns), "i8")
    for o in range(w.shape[0]):
        part = x[:, o // count * size : (o // count + 1) * size]
        for i in range(rows):
            for j in range(columns):
                window = part[:, :, i : i + w.shape[2], j : j + w.shape[3]]
                y[:, o, i, j] = (window * w[o]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("by_channel", [False, True])
@pytest.mark.parametrize("channels", [4, 40])
def test_convolutions_of_integers(groups, by_channel, channels, computed):
    x = integers(2, channels, 5, 4)
    w = integers(6, channels // groups, 3, 3, kind="int8", seed=2)
    zero = integers(6, kind="int8", seed=3) if by_channel else np.int8(5)
    filters = w.astype("i8") - np.reshape(zero, (-1, 1, 1, 1)).astype("i8")
    wanted = convolved(x.astype("i8") - 120, filters, groups)
    how = {"pads": [1, 1, 1, 1], "group": groups}
    x_zero = np.uint8(120)
    found = computed("ConvInteger", {"x": x, "w": w, "xz": x_zero, "wz": zero}, **how)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, wanted)
    scale = rng(4).uniform(0.01, 0.02, zero.shape).astype("f4")
    bias = rng(5).integers(-(2**25), 2**25, 6).astype("i4")
    given = {"x": x, "xs": np.float32(0.02), "xz": x_zero, "w": w, "ws": scale, "wz": zero}
    rest = {"ys": np.float32(15), "yz": np.uint8(128), "bias": bias}
    found = computed("QLinearConv", {**given, **rest}, **how)
    total = (wanted + bias.reshape(1, 6, 1, 1)).astype("f4")
    scales = np.float32(0.02) * np.reshape(scale, (-1, 1, 1)) / np.float32(15)
    np.testing.assert_array_equal(found, limited(total * scales, 128, "uint8"))


def test_ops_of_onnxruntime(computed):
    a, b = integers(3, 4), integers(3, 4, seed=2)
    given = {"x": a, "as": np.float32(0.02), "az": np.uint8(100)}
    given |= {"b": b, "bs": np.float32(0.03), "bz": np.uint8(90)}
    rest = {"ys": np.float32(0.05), "yz": np.uint8(120)}
    x = (a.astype("f4") - 100) * np.float32(0.02)
    other = (b.astype("f4") - 90) * np.float32(0.03)
    for op, wanted in (("QLinearAdd", x + other), ("QLinearMul", x * other)):
        found = computed(op, {**given, **rest}, domain="com.microsoft")
        np.testing.assert_array_equal(found, limited(wanted / np.float32(0.05), 120, "uint8"))
    first = {"ys": rest["ys"], "yz": rest["yz"], **given}
    found = computed("QLinearConcat", first, domain="com.microsoft", axis=1)
    wanted = np.concatenate([x, other], 1)
    np.testing.assert_array_equal(found, limited(wanted / np.float32(0.05), 120, "uint8"))


def test_an_unknown_op_keeps_its_integers_of_four_bits():
    packed = helper.make_tensor("w", TensorProto.INT4, [2, 3], [1, -8, 7, 0, 2, -1])
    nodes = [
        helper.make_node("Wobble", ["x", "w"], ["y"], "wobble", domain="com.example"),
        helper.make_node("Relu", ["x"], ["z"]),
    ]
    graph = helper.make_graph(nodes, "g", [value("x", [2])], [value("y", [2]), value("z", [2])])
    graph.initializer.append(packed)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.example", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    written = export(document_of(graph_of(made)), dict(graph_of(made).weights))
    (function,) = written.functions
    cast, wobble = function.node
    assert (cast.op_type, cast.attribute[0].i) == ("Cast", TensorProto.INT4)
    assert (wobble.op_type, wobble.input[1]) == ("Wobble", cast.output[0])
