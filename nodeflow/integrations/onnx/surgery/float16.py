"""The verb that computes a model in float16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.surgery.operation import Operation, bodies, read_others, reads

FLOAT, HALF = 1, 10
"""The numbers of both dtypes in ONNX."""
LARGEST = float(np.finfo(np.float16).max)
KEPT = {
    "QuantizeLinear", "DequantizeLinear", "Range", "CumSum", "Resize", "Upsample", "EyeLike",
    "ConstantOfShape", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
    "Bernoulli", "Multinomial", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix",
}  # fmt: skip
"""Ops that stay in float32: they need its precision, or name their dtype."""


def float16(operation: Operation, options: Mapping[str, Any]) -> None:
    """Convert float32 weights and computations to float16.

    Inputs and outputs keep float32. Nodes stay in float32 if float16 is too coarse for them, if
    their ops lack it, if they have bodies, or if you ``keep`` them; casts join both parts.
    """
    conversion = _Conversion(operation, options.get("keep") or [])
    conversion.convert()
    half, kept = conversion.half_nodes, len(conversion.kept)
    operation.relative = None
    operation.done.append(f"{half} nodes compute in float16, {kept} in float32")
    if conversion.clipped:
        operation.done.append(f"{conversion.clipped} weights over {LARGEST:g} are {LARGEST:g}")


class _Conversion:
    """The conversion of one model.

    Attributes:
        clipped: number of weights that are too large for float16.
    """

    def __init__(self, operation: Operation, keep: list[str]) -> None:
        self._operation, self._graph = operation, operation.graph
        self._nodes = list(self._graph.node)  # protobuf makes other objects, with other ids, later
        self.clipped = 0
        chosen = {operation.node(name).output[0] for name in keep}
        self.kept = {
            node.output[0]
            for node in self._graph.node
            if node.output and (node.output[0] in chosen or self._must_stay(node))
        }
        self._wants = {
            id(node): [self._wanted(node, i) for i in range(len(node.input))]
            for node in self._nodes
        }
        self.half_nodes = 0
        self._now = dict.fromkeys((v.name for v in self._graph.input), FLOAT)
        self._casts: dict[tuple[str, int], str] = {}

    def _kinds(self, node: Any) -> list[int]:
        return [self._operation.kind(n) for n in (*node.input, *node.output) if n]

    def _must_stay(self, node: Any) -> bool:
        kinds = self._kinds(node)
        if node.op_type == "Constant" and not node.domain:
            return False
        if FLOAT not in kinds:
            return False
        if node.domain or node.op_type in KEPT or any(bodies(node)) or 0 in kinds:
            return True
        schema = self._schema(node)
        return schema is None or not self._has_half(schema)

    def _schema(self, node: Any) -> Any:
        onnx = onnx_package()
        try:
            return onnx.defs.get_schema(node.op_type, self._operation.opset)
        except Exception:  # its error has another class in each version
            return None

    @staticmethod
    def _has_half(schema: Any) -> bool:
        """Return whether an ONNX op's schema accepts float16 wherever it accepts float32."""
        types = [set(each.allowed_type_strs) for each in schema.type_constraints]
        return all("tensor(float16)" in each for each in types if "tensor(float)" in each)

    def _wanted(self, node: Any, index: int) -> int:
        """Return the dtype in which a node reads a float32 tensor; 0 for other tensors."""
        if self._operation.kind(node.input[index]) != FLOAT:
            return 0
        return FLOAT if node.output[0] in self.kept else self._formal(node, "inputs", index)

    def _formal(self, node: Any, side: str, index: int) -> int:
        """Return float32 if an ONNX op's schema requires it for this input or output. Otherwise
        return float16.
        """
        schema = self._schema(node)
        formal = getattr(schema, side) if schema is not None else ()
        fixed = formal and formal[min(index, len(formal) - 1)].type_str == "tensor(float)"
        return FLOAT if fixed else HALF

    def convert(self) -> None:
        graph, operation = self._graph, self._operation
        self._convert_weights()
        for node in self._nodes:
            if node.op_type == "Constant" and not node.domain:
                self._constant(node)
                continue
            is_kept = bool(node.output) and node.output[0] in self.kept
            for index, name in enumerate(node.input):
                wanted = self._wants[id(node)][index]
                if name and wanted and self._now.get(name, FLOAT) != wanted:
                    node.input[index] = self._cast(name, wanted, node)
            inside = set(reads(node)) - set(node.input) if any(bodies(node)) else set()
            new = {n: self._cast(n, FLOAT, node) for n in inside if self._now.get(n) == HALF}
            read_others_inside(node, new)
            floats = [i for i, n in enumerate(node.output) if n and operation.kind(n) == FLOAT]
            for index in floats:
                kind = FLOAT if is_kept else self._formal(node, "outputs", index)
                self._now[node.output[index]] = kind
                if kind == HALF and node.op_type == "Cast":
                    next(a for a in node.attribute if a.name == "to").i = HALF
            self.half_nodes += any(self._now[node.output[i]] == HALF for i in floats)
        for value in graph.output:
            if self._now.get(value.name) == HALF:
                inner = operation.fresh(f"{value.name}_half")
                read_others(graph.node, {value.name: inner})
                node = operation.makers[value.name]
                place = list(node.output).index(value.name)
                node.output[place] = inner
                operation.insert(len(graph.node), "Cast", [inner], value.name, to=FLOAT)
                self._now[inner] = HALF
        for value in graph.value_info:
            if self._now.get(value.name) == HALF:
                value.type.tensor_type.elem_type = HALF
        operation.drop_dead()

    def _convert_weights(self) -> None:
        """Convert to float16 the weights that converted nodes read. A weight that other nodes read
        as float32 is kept, and a float16 copy is added.
        """
        onnx, graph = onnx_package(), self._graph
        half, whole = set[str](), {value.name for value in graph.output}
        whole |= {value.name for value in graph.input}
        for node in self._nodes:
            for name, wanted in zip(node.input, self._wants[id(node)], strict=True):
                (half if wanted == HALF else whole).add(name)
            if any(bodies(node)):
                whole |= set(reads(node)) - set(node.input)
        for index, tensor in enumerate(list(graph.initializer)):
            name = tensor.name
            if tensor.data_type != FLOAT or name not in half:
                continue
            array = self._operation.array(name)
            if array is None:
                continue
            made = self._halved(array)
            if name in whole:
                self._casts[name, HALF] = self._operation.add_weight(f"{name}_half", made)
                self._now[name] = FLOAT
            else:
                graph.initializer[index].CopyFrom(onnx.numpy_helper.from_array(made, name))
                self._now[name] = HALF

    def _halved(self, array: np.ndarray) -> np.ndarray:
        over = np.isfinite(array) & (np.abs(array) > LARGEST)
        self.clipped += int(over.sum())
        return np.where(over, np.sign(array) * LARGEST, array).astype("f2")

    def _constant(self, node: Any) -> None:
        """Convert a constant if all its readers read it as float16."""
        name = node.output[0]
        if self._operation.kind(name) != FLOAT:
            return
        self._now[name] = FLOAT
        wanted = {
            want
            for each in self._nodes
            for read, want in zip(each.input, self._wants[id(each)], strict=True)
            if read == name
        }
        inside = any(name in set(reads(n)) - set(n.input) for n in self._nodes if any(bodies(n)))
        held = node.attribute[0]
        if (
            wanted == {HALF}
            and not inside
            and held.name == "value"
            and not self._operation.is_output(name)
        ):
            array = self._operation.array(name)
            if array is not None:
                held.t.CopyFrom(
                    onnx_package().numpy_helper.from_array(self._halved(array), held.t.name)
                )
                self._now[name] = HALF

    def _cast(self, name: str, kind: int, before: Any) -> str:
        """Return the name under which a tensor is available in another dtype. Insert a Cast node
        before its first reader, if there is none yet.
        """
        if (name, kind) not in self._casts:
            made = self._operation.fresh(f"{name}_{'half' if kind == HALF else 'float'}")
            self._operation.insert(self._operation.index(before), "Cast", [name], made, to=kind)
            self._casts[name, kind] = made
        return self._casts[name, kind]


def read_others_inside(node: Any, new: Mapping[str, str]) -> None:
    """Rename outer tensors where the subgraphs of a node read them or return them.

    Args:
        new: old name -> new name.
    """
    for body in bodies(node) if new else ():
        read_others(body.node, new)
        for value in body.output:
            value.name = new.get(value.name, value.name)
