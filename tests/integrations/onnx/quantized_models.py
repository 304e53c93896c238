"""A small network, and copies of it whose layers are quantized here, one of them badly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.integrations.onnx.models import model, value

SIZES = (16, 24, 20, 24, 16, 20, 24, 20, 16, 12, 8)
"""Width of the input and of ten layers."""


def arrays() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    pairs = pairwise(SIZES)
    return [(rng.normal(size=pair) / np.sqrt(pair[0] / 2)).astype("f4") for pair in pairs]


def inputs(count: int = 4) -> np.ndarray:
    return np.random.default_rng(4).normal(size=(count, SIZES[0])).astype("f4")


def network() -> onnx.ModelProto:
    nodes, weights = [], []
    for i, array in enumerate(arrays()):
        nodes += [
            helper.make_node("MatMul", [f"h{i}", f"w{i}"], [f"p{i}"], f"/layers.{i}/MatMul"),
            helper.make_node("Relu", [f"p{i}"], [f"h{i + 1}"], f"/layers.{i}/Relu"),
        ]
        weights.append(numpy_helper.from_array(array, f"w{i}"))
    ends = [value("h0", ["n", SIZES[0]])], [value(f"h{len(SIZES) - 1}", ["n", SIZES[-1]])]
    return model(nodes, *ends, weights)


def activations(x: np.ndarray) -> list[np.ndarray]:
    """The products of all layers."""
    made = []
    for array in arrays():
        made.append(x @ array)
        x = np.maximum(made[-1], 0)
    return made


def _scaled(array: np.ndarray, coarse: float = 1) -> tuple[np.ndarray, np.ndarray]:
    scale = np.float32(np.abs(array).max() / 127 * coarse)
    return scale, np.clip(np.rint(array / scale), -127, 127).astype("i1")


def with_pairs(spoilt: int | None = None, named: Sequence[str] = ()) -> onnx.ModelProto:
    """The network with QuantizeLinear and DequantizeLinear before each product.

    Args:
        spoilt: a layer whose weights get a coarse scale.
        named: names of all tensors and nodes of the network begin with this if given.
    """
    other = named[0] if named else ""
    nodes, weights = [], []
    states = [inputs(), *(np.maximum(p, 0) for p in activations(inputs()))]
    for i, array in enumerate(arrays()):
        scale, whole = _scaled(array, 40 if i == spoilt else 1)
        held = {
            f"w{i}_q": whole, f"w{i}_s": scale, f"z{i}": np.int8(0),
            f"s{i}": np.float32(np.abs(states[i]).max() / 127),
        }  # fmt: skip
        weights += [numpy_helper.from_array(np.asarray(a), name) for name, a in held.items()]
        x = f"{other}h{i}"
        nodes += [
            helper.make_node("QuantizeLinear", [x, f"s{i}", f"z{i}"], [f"{x}_Q"]),
            helper.make_node("DequantizeLinear", [f"{x}_Q", f"s{i}", f"z{i}"], [f"{x}_DQ"]),
            helper.make_node("DequantizeLinear", [f"w{i}_q", f"w{i}_s", f"z{i}"], [f"w{i}_DQ"]),
            helper.make_node(
                "MatMul", [f"{x}_DQ", f"w{i}_DQ"], [f"{other}p{i}"], f"{other}/layers.{i}/MatMul"
            ),
            helper.make_node(
                "Relu", [f"{other}p{i}"], [f"{other}h{i + 1}"], f"{other}/layers.{i}/Relu"
            ),
        ]
    last = f"{other}h{len(SIZES) - 1}"
    return model(nodes, [value(f"{other}h0", ["n", 16])], [value(last, ["n", 8])], weights)


def with_integers(spoilt: int | None = None) -> onnx.ModelProto:
    """The network with products of integers.

    No tensor has its name of the network, and the ranges of the products replace the Relus.
    """
    states = [inputs(), *(np.maximum(p, 0) for p in activations(inputs()))]
    scales = [np.float32(np.ptp(a) / 255) for a in states]
    zeros = [
        np.int8(np.rint(-a.min() / scale) - 128) for a, scale in zip(states, scales, strict=True)
    ]
    held: dict[str, np.ndarray] = {"z": np.int8(0), "s0": scales[0], "z0": zeros[0]}
    nodes = [helper.make_node("QuantizeLinear", ["h0", "s0", "z0"], ["t0"], "first")]
    for i, array in enumerate(arrays()):
        scale, whole = _scaled(array, 40 if i == spoilt else 1)
        held |= {f"w{i}_q": whole, f"w{i}_s": scale}
        held |= {f"s{i + 1}": scales[i + 1], f"z{i + 1}": zeros[i + 1]}
        x, weights, y = [f"t{i}", f"s{i}", f"z{i}"], [f"w{i}_q", f"w{i}_s", "z"], [f"s{i + 1}"]
        node = [*x, *weights, *y, f"z{i + 1}"]
        nodes.append(helper.make_node("QLinearMatMul", node, [f"t{i + 1}"], f"product{i}"))
    end = len(SIZES) - 1
    last = [f"t{end}", f"s{end}", f"z{end}"]
    nodes.append(helper.make_node("DequantizeLinear", last, ["y"], "last"))
    fixed = [numpy_helper.from_array(np.asarray(a), name) for name, a in held.items()]
    return model(nodes, [value("h0", ["n", 16])], [value("y", ["n", 8])], fixed)
