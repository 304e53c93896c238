"""Runs in an interpreter that has onnx: writes its single-node backend cases as plain Python data.

Usage: ``python onnx_cases.py TARGET``. Each case is a dict: name, op, domain, version, attrs,
inputs and outputs as (name, array or None), and why it cannot be written as numpy arrays, if so.
An expanded case (the op as a function of simpler ops) has the node of the case that it expands.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

NODES = Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"
DTYPES = (
    "float32", "float64", "float16", "bfloat16", "bool",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
)  # fmt: skip


def attribute(a: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(a)
    if a.type == onnx.AttributeProto.TENSOR:
        return numpy_helper.to_array(value)
    if a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
        return "graph"
    if isinstance(value, bytes):
        return value.decode()
    if a.type == onnx.AttributeProto.STRINGS:
        return [v.decode() for v in value]
    return list(value) if isinstance(value, (list, tuple)) or a.ints or a.floats else value


def arrays(folder: Path, kind: str, values: Any) -> tuple[list[tuple[str, Any]], str]:
    """The arrays of one side, and the first kind of value that has no counterpart."""
    found: list[tuple[str, Any]] = []
    odd = ""
    for index, value in enumerate(values):
        which = value.type.WhichOneof("value")
        if which != "tensor_type":
            odd = odd or which.removesuffix("_type")
            found.append((value.name, None))
            continue
        tensor = onnx.TensorProto()
        tensor.ParseFromString((folder / f"{kind}_{index}.pb").read_bytes())
        name = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
        name = {"float": "float32", "double": "float64"}.get(name, name)
        if name not in DTYPES:
            odd = odd or name
            found.append((value.name, None))
            continue
        found.append((value.name, np.asarray(numpy_helper.to_array(tensor))))
    return found, odd


def cases() -> list[dict[str, Any]]:
    models = {p.name: onnx.load(p / "model.onnx") for p in sorted(NODES.iterdir())}
    result = []
    for name, model in models.items():
        node = model.graph.node[0]
        reason = ""
        if len(model.graph.node) != 1:
            base = models.get(name.partition("_expanded")[0])
            if base is None or len(base.graph.node) != 1:
                reason = "several nodes"
            else:
                node = base.graph.node[0]
        folder = NODES / name / "test_data_set_0"
        inputs, odd_in = arrays(folder, "input", model.graph.input)
        outputs, odd_out = arrays(folder, "output", model.graph.output)
        odd = odd_in or odd_out
        result.append(
            {
                "name": name.removeprefix("test_"),
                "op": node.op_type,
                "domain": node.domain,
                "version": max((o.version for o in model.opset_import if not o.domain), default=0),
                "attrs": {a.name: attribute(a) for a in node.attribute},
                "node_inputs": list(node.input),
                "node_outputs": list(node.output),
                "inputs": inputs,
                "outputs": outputs,
                "single": len(model.graph.node) == 1,
                "reason": reason or (f"no dtype {odd}" if odd else ""),
            }
        )
    return result


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(pickle.dumps((onnx.__version__, cases())))
