"""A graph as TensorFlow's GraphDef, which TensorBoard draws.

The fields are defined in
``tensorflow/core/framework/{graph,node_def,attr_value,tensor_shape,types}.proto``.
"""

from __future__ import annotations

from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.types import TensorType
from nodeflow.ops.summaries import protobuf as pb

DTYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8,
    "int64": 9, "bool": 10, "bfloat16": 14, "uint16": 17, "complex128": 18, "float16": 19,
    "uint32": 22, "uint64": 23,
}  # fmt: skip
PRODUCER = 24
"""A graph version that every TensorBoard reads."""


def graph_def(graph: Graph) -> bytes:
    """Return the serialized GraphDef of a graph, including generated nodes."""
    nodes = b"".join(pb.message(1, _node_def(node)) for node in graph.nodes)
    return nodes + pb.message(4, pb.integer(1, PRODUCER))


def _node_def(node: Node) -> bytes:
    inputs = [_input(tensor) for tensor in node.inputs]
    inputs += [f"^{other.name}" for other in node.control_inputs]
    attrs = []
    if node.outputs:
        shapes = b"".join(pb.message(7, _shape(t.type)) for t in node.outputs)
        attrs.append(("_output_shapes", pb.message(1, shapes)))
        if node.outputs[0].dtype in DTYPES:
            attrs.append(("dtype", pb.integer(6, DTYPES[node.outputs[0].dtype])))
    return b"".join(
        [
            pb.text(1, node.name),
            pb.text(2, node.op.id),
            *(pb.message(3, name.encode()) for name in inputs),
            *(pb.message(5, pb.text(1, key) + pb.message(2, value)) for key, value in attrs),
        ]
    )


def _input(tensor: Tensor) -> str:
    return f"{tensor.node.name}:{tensor.index}" if tensor.index else tensor.node.name


def _shape(type_: TensorType) -> bytes:
    if not type_.has_rank:
        return pb.integer(3, 1)
    sizes = (-1 if size is None else size for size in type_.shape)
    return b"".join(pb.message(2, pb.integer(1, size)) for size in sizes)
