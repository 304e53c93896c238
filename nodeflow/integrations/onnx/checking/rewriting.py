"""Models rewritten for a check: all tensors as outputs, or given tensors as inputs."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.integrations.onnx.errors import onnx_package

REAL, GIVEN = "__real", "__given"
"""Suffixes of new names: the numbers that quantized integers stand for, and given values."""
_SCALES = {
    "QLinearConv": 6, "QLinearMatMul": 6, "QLinearAdd": 6, "QLinearMul": 6, "QLinearSigmoid": 3,
    "QLinearLeakyRelu": 3, "QLinearGlobalAveragePool": 3, "QLinearConcat": 0, "QGemm": 7,
}  # fmt: skip
"""The input with the scale of the result, by op. The next input is its zero point."""
_KEEPS_SCALE = (
    "MaxPool", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Identity",
)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """How integers stand for numbers: the names of their scale and of their zero point."""

    scale: str
    zero: str


def with_all_outputs(model: Any) -> Any:
    """Return a copy of a model whose outputs are all tensors that its nodes compute.

    Functions are inlined, so that their tensors are outputs as well.
    """
    onnx = onnx_package()
    made = type(model)()
    made.CopyFrom(onnx.inliner.inline_local_functions(model) if model.functions else model)
    graph = made.graph
    known = {value.name for value in graph.output}
    for node in graph.node:
        for name in node.output:
            if name and name not in known and node.op_type != "Constant":
                known.add(name)
                graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return made


def only_with(model: Any, names: Container[str]) -> Any:
    """Return a copy of a model that computes only the tensors in ``names``. Constants stay."""
    made = type(model)()
    made.CopyFrom(model)
    graph = made.graph
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if node.op_type != "Constant" and not any(name in names for name in node.output):
            del graph.node[index]
    for index in reversed(range(len(graph.output))):
        if graph.output[index].name not in names:
            del graph.output[index]
    return made


def with_real_values(model: Any) -> tuple[Any, dict[str, Scale]]:
    """Add outputs to a copy of a model: for each quantized tensor, its dequantized values, under
    the tensor's name with the suffix `REAL`. Return the copy, and a dict from tensor names to
    scales.
    """
    onnx = onnx_package()
    made = type(model)()
    made.CopyFrom(model)
    graph, scales = made.graph, dict[str, Scale]()
    known = {t.name for t in graph.initializer} | {v.name for v in graph.input}
    nodes = []
    for node in list(graph.node):
        nodes.append(node)
        found = _scale_of(node, scales)
        if node.op_type == "Constant":
            known.update(node.output)
        if found is None or not {found.scale, found.zero} <= known:
            continue
        scales[node.output[0]] = found
        inputs = [node.output[0], found.scale, found.zero]
        name = node.output[0] + REAL
        nodes.append(onnx.helper.make_node("DequantizeLinear", inputs, [name], name))
    del graph.node[:]
    graph.node.extend(nodes)
    return made, scales


def _scale_of(node: Any, scales: Mapping[str, Scale]) -> Scale | None:
    """Return the scale and zero point of the first output of an ONNX node if this output is
    quantized. Otherwise return None.
    """
    if node.op_type in _KEEPS_SCALE and node.input:
        return scales.get(node.input[0])
    at = _SCALES.get(node.op_type)
    if at is None or len(node.input) < at + 2:
        return None
    return Scale(node.input[at], node.input[at + 1])


def with_given(
    model: Any, given: Mapping[str, np.ndarray], scales: Mapping[str, Scale]
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return a copy of a model in which each node reads given values instead of the results of
    other nodes, and the feeds for these values.

    Each node then shows its own error only. Quantized integers are made from the given numbers
    with the scale of the model.

    Args:
        given: numbers by tensor; for quantized integers, the numbers that they stand for.
    """
    onnx = onnx_package()
    helper = onnx.helper
    made = type(model)()
    made.CopyFrom(model)
    graph = made.graph
    inputs = {value.name for value in graph.input}
    read = {name for node in graph.node for name in node.input}
    feeds, first = {}, []
    new: dict[str, str] = {}
    for name, array in given.items():
        if name in inputs or name not in read:
            continue
        place = name + GIVEN
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        graph.input.append(helper.make_tensor_value_info(place, kind, array.shape))
        feeds[place] = array
        new[name] = place
        if name in scales:
            of = scales[name]
            new[name] = f"{place}_integers"
            ins = [place, of.scale, of.zero]
            first.append(helper.make_node("QuantizeLinear", ins, [new[name]], new[name]))
    constants = {name for of in scales.values() for name in (of.scale, of.zero)}
    early = [n for n in graph.node if n.op_type == "Constant" and n.output[0] in constants]
    nodes = [*early, *first]
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in constants:
            continue
        if not node.output[0].endswith(REAL):
            for index, name in enumerate(node.input):
                node.input[index] = new.get(name, name)
        nodes.append(node)
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return made, feeds
