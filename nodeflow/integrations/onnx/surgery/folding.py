"""Verbs that compute once what is the same in every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.surgery.operation import Operation, bodies, reads, title

MOST_GROWTH = 2**20
"""Bytes by which a folded array may be larger than the arrays that it comes from."""
SHOWN = 5
"""Maximum number of folded nodes to name."""
KEPT = {
    "Constant", "DequantizeLinear", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout",
}  # fmt: skip
"""Ops that are not folded: they draw numbers, or keep weights small."""


def fold_constants(operation: Operation, options: Mapping[str, Any]) -> None:
    """Replace nodes that read only constants by their results.

    Shapes that are known in advance are constants, too. Quantized weights stay quantized, nodes
    that draw numbers stay, and so do results that would make the file more than 1 MB larger.
    """
    graph = operation.graph
    found: dict[str, np.ndarray] = {}
    folded = []
    names = {
        *operation.weights,
        *(n for n, node in operation.makers.items() if node.op_type == "Constant"),
    }

    def array(name: str) -> np.ndarray | None:
        if not name:
            return None
        if name in found:
            return found[name]
        return operation.array(name) if name in names else None

    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type in KEPT or any(bodies(node)):
            continue
        if any(map(operation.is_output, node.output)):
            continue
        results = _results(operation, node, array)
        if results is not None:
            found.update(zip(node.output, results, strict=False))
            folded.append(node.output[0])
    gone = set(folded)
    left = [node for node in graph.node if not gone.intersection(node.output)]
    read = {name for node in left for name in reads(node)}
    for index in reversed(range(len(graph.node))):
        if gone.intersection(graph.node[index].output):
            del graph.node[index]
    for name, made in found.items():
        if name in read:
            graph.initializer.append(onnx_package().numpy_helper.from_array(made, name))
    operation.drop_dead()
    operation.done.append(f"{len(folded)} nodes are constants" if folded else "no node is constant")


def _results(operation: Operation, node: Any, array: Any) -> list[np.ndarray] | None:
    """Return the results of a node if they are constant and small enough."""
    if node.op_type == "Shape":
        dims = operation.dims(node.input[0])
        if dims is None or not all(isinstance(d, int) for d in dims):
            return None
        of = {a.name: a.i for a in node.attribute}
        return [np.array(dims[of.get("start", 0) : of.get("end", len(dims))], "i8")]
    inputs = {name: array(name) for name in node.input if name}
    if not inputs or any(value is None for value in inputs.values()):
        return None
    results = _computed(operation, node, inputs)
    if results is None:
        return None
    growth = sum(r.nbytes for r in results) - sum(a.nbytes for a in inputs.values())
    return results if growth <= MOST_GROWTH else None


def _computed(
    operation: Operation, node: Any, inputs: Mapping[str, Any]
) -> list[np.ndarray] | None:
    """Return the results of a node by ONNX's own evaluator, or None if it cannot compute it."""
    from onnx.reference import ReferenceEvaluator

    onnx = onnx_package()
    helper = onnx.helper
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in inputs.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "one", values, outputs)
    model = helper.make_model(graph, opset_imports=list(operation.model.opset_import))
    model.ir_version = operation.model.ir_version
    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(model).run(None, dict(inputs))
    except Exception:  # the evaluator may raise anything
        return None
    if len(found) != len(node.output) or not all(
        isinstance(a, (np.ndarray, np.generic)) for a in found
    ):
        return None
    results = [np.asarray(each) for each in found]
    wanted = [operation.kind(name) for name in node.output]
    same = all(
        not k or k == helper.np_dtype_to_tensor_dtype(r.dtype)
        for k, r in zip(wanted, results, strict=True)
    )
    return results if same else None


def fold_batchnorm(operation: Operation, options: Mapping[str, Any]) -> None:
    """Merge batch normalization into the convolution or Gemm before it.

    Weights and bias change so that the result is the same. A normalization stays if its numbers
    are not constants, or if something else reads the convolution.
    """
    graph, folded = operation.graph, []
    for node in list(graph.node):
        if node.op_type == "BatchNormalization" and not node.domain and _fold(operation, node):
            folded.append(title(node))
    operation.drop_dead()
    operation.relative = 1e-3
    shown = ", ".join(folded[:SHOWN]) + (", ..." if len(folded) > SHOWN else "")
    operation.done.append(
        f"{len(folded)} batch normalizations are folded: {shown}"
        if folded
        else "no batch normalization can be folded"
    )


def _fold(operation: Operation, norm: Any) -> bool:
    """Fold a batch normalization into the node before it, if that is possible."""
    layer = operation.makers.get(norm.input[0])
    if layer is None or layer.domain or layer.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return False
    settings = {a.name: a for a in norm.attribute}
    if len(list(filter(None, norm.output))) != 1:
        return False
    if "training_mode" in settings and settings["training_mode"].i:
        return False
    if operation.read_count(norm.input[0]) != 1 or operation.is_output(norm.input[0]):
        return False
    numbers = [operation.array(name) for name in norm.input[1:5]]
    weight = operation.array(layer.input[1])
    has_bias = len(layer.input) > 2 and bool(layer.input[2])
    bias = operation.array(layer.input[2]) if has_bias else np.zeros((), "f4")
    of = {a.name: a for a in layer.attribute}
    if weight is None or bias is None or any(n is None for n in numbers):
        return False
    if layer.op_type == "Gemm" and "beta" in of and of["beta"].f != 1:
        return False
    gamma, beta, mean, variance = (np.asarray(n, "f8") for n in numbers)
    epsilon = settings["epsilon"].f if "epsilon" in settings else 1e-5
    factor = gamma / np.sqrt(variance + epsilon)
    shape = _along_channels(layer.op_type, weight, of, factor)
    new_weight = (weight.astype("f8").reshape(shape[0]) * factor.reshape(shape[1])).reshape(
        weight.shape
    )
    new_bias = (np.asarray(bias, "f8") - mean) * factor + beta
    layer.input[1] = operation.add_weight(
        f"{layer.input[1]}_folded", new_weight.astype(weight.dtype)
    )
    base = layer.input[2] if has_bias else f"{norm.output[0]}_bias"
    name = operation.add_weight(f"{base}_folded", new_bias.astype(weight.dtype))
    del layer.input[2:]
    layer.input.append(name)
    del operation.graph.node[operation.index(norm)]
    layer.output[0] = norm.output[0]
    return True


def _along_channels(
    op: str, weight: np.ndarray, of: Mapping[str, Any], factor: np.ndarray
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return two shapes: reshape the weight to the first and the factors to the second, and their
    product scales each output channel of the op.
    """
    if op == "Conv" or (op == "Gemm" and "transB" in of and of["transB"].i):
        return weight.shape, (-1, *[1] * (weight.ndim - 1))
    if op == "Gemm":
        return weight.shape, (1, -1)
    groups = of["group"].i if "group" in of else 1
    rest = weight.shape[1:]
    split = (groups, weight.shape[0] // groups, *rest)
    return split, (groups, 1, rest[0], *[1] * (len(rest) - 1))
