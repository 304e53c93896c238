"""Rules for branches and loops, and for nodes that came from an ONNX file and are written back
unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Graph, Node
from nodeflow.graph.types import TensorType
from nodeflow.integrations.onnx import opaque
from nodeflow.integrations.onnx.emit import NUMBERS, Emitter, NotInOnnx, rule
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.own import FOREIGN
from nodeflow.ops.control_flow.scan_body import add_input, inline


@rule(FOREIGN)
def kept(e: Emitter, node: Node) -> list[str]:
    """Export a node that was imported from an ONNX file unchanged, except for the names of its
    inputs and outputs.
    """
    proto = onnx_package().NodeProto.FromString(opaque.decoded(node.attrs["node"]))
    read = [name for name in [*proto.input, *opaque.read_inside(proto)] if name]
    given = [e.value(t) for t in node.inputs]
    for index, number in node.attrs["narrow"]:
        name = f"{e.node_name}/narrow_{index}"
        cast = onnx_package().helper.make_node("Cast", [given[index]], [name], name, to=number)
        e.nodes.append(cast)
        given[index] = name
    new = dict(zip(read, given, strict=True))
    opaque.rename_inside(proto, new)
    inputs = [new.get(name, "") for name in proto.input]
    del proto.input[:], proto.output[:]
    proto.input.extend(inputs)
    made = [e.node_name, *(f"{e.node_name}:{i}" for i in range(1, len(node.outputs)))]
    proto.output.extend(made)
    proto.name = e.node_name
    e.nodes.append(proto)
    return made


# ---- branches and loops -----------------------------------------------------------------------


def body_of(
    e: Emitter, text: str, inputs: Sequence[tuple[TensorType, str]], formals: int, role: str
) -> tuple[Emitter, list[str], Any]:
    """Export the body of a branch or loop as a subgraph of ONNX.

    Args:
        inputs: types and names of its inputs. The first ones become inputs of the graph; the others
            are visible from the surrounding graph.
        formals: number of inputs that become inputs of the graph.

    Returns:
        The emitter of its nodes, the names of its outputs, and a function that makes the graph once
        both are complete.
    """
    onnx = onnx_package()
    graph = Graph()
    inner = Emitter(e.opset)
    inner.types = dict(e.types)
    with graph, graph.name_scope(f"{e.node_name}_{role}"):
        tensors = [add_input(graph, type_) for type_, _ in inputs]
        results = inline(graph, text, tensors)
    for tensor, (type_, name) in zip(tensors, inputs, strict=True):
        inner.names[tensor] = name
        inner.types[name] = type_
    given = [name for _, name in inputs]
    outputs = []
    for index, tensor in enumerate(results):
        name = inner.value(tensor)
        if name in given or name in outputs:
            inner.node_name = f"{e.node_name}_{role}/out_{index}"
            name = inner.node("Identity", [name], type=tensor.type)
        outputs.append(name)
    types = [t.type for t in results]

    def made(names: Sequence[str], kinds: Sequence[TensorType], before: Sequence[Any] = ()) -> Any:
        return onnx.helper.make_graph(
            inner.nodes,
            role,
            [*before, *(declared(name, type_) for type_, name in inputs[:formals])],
            [declared(name, type_) for name, type_ in zip(names, kinds, strict=True)],
        )

    return inner, outputs, lambda names=outputs, kinds=types, before=(): made(names, kinds, before)


def declared(name: str, type_: TensorType) -> Any:
    """Declare an input or output of a subgraph in an ONNX node. Unknown sizes get no names."""
    shape = list(type_.shape) if type_.has_rank else None
    return onnx_package().helper.make_tensor_value_info(name, NUMBERS[type_.dtype], shape)


@rule("cond")
def cond(e: Emitter, node: Node) -> list[str]:
    """Export a conditional as ONNX's If. Its branches are subgraphs that refer to outer values by
    name.
    """
    pred, *values = node.inputs
    name = e.value(pred)
    seen = [(t.type, e.value(t)) for t in values]
    graphs = {
        f"{role}_branch": body_of(e, node.attrs[attr], seen, 0, role)[2]()
        for role, attr in (("then", "true_body"), ("else", "false_body"))
    }
    made = e.node("If", [name], outputs=len(node.outputs), **graphs)
    return [made] if isinstance(made, str) else made


@rule("scan")
def scan(e: Emitter, node: Node) -> list[str]:
    if node.attrs["history"]:
        raise NotInOnnx("a loop that keeps its history")
    carried, sequences = node.attrs["carried"], node.attrs["sequences"]
    count = carried + sequences
    if not sequences:
        raise NotInOnnx("a scan without sequences")
    values = [e.value(t) for t in node.inputs]
    types = [t.type for t in node.inputs]
    slices = [t.with_shape(t.shape[1:]) for t in types[carried:count]]
    own = [f"{e.node_name}_step/in_{i}" for i in range(count)]
    pairs = [*zip([*types[:carried], *slices], own, strict=True)]
    pairs += zip(types[count:], values[count:], strict=True)
    _, outputs, graph = body_of(e, node.attrs["body"], pairs, count, "step")
    way = int(node.attrs["reverse"])
    results = len(outputs) - carried
    made = e.node(
        "Scan", values[:count], outputs=len(node.outputs), body=graph(), num_scan_inputs=sequences,
        scan_input_directions=[way] * sequences if way else None,
        scan_output_directions=[way] * results if way and results else None,
    )  # fmt: skip
    return [made] if isinstance(made, str) else made


@rule("while_loop")
def while_loop(e: Emitter, node: Node) -> list[str]:
    """Export a while loop as ONNX's Loop. The condition is exported twice, because ONNX needs its
    value before the first iteration and after each iteration.

    Raises:
        NotInOnnx: the loop keeps the values of all its iterations.
    """
    if node.attrs["history"]:
        raise NotInOnnx("a loop that keeps its history")
    onnx, carried = onnx_package(), node.attrs["carried"]
    values = [e.value(t) for t in node.inputs]
    types = [t.type for t in node.inputs]
    first, ends, _ = body_of(
        e, node.attrs["cond"], list(zip(types, values, strict=True)), 0, "first"
    )
    e.nodes += first.nodes
    e.types.update({name: TensorType("bool", ()) for name in ends})
    own = [f"{e.node_name}_again/in_{i}" for i in range(carried)]
    pairs = [
        *zip(types[:carried], own, strict=True),
        *zip(types[carried:], values[carried:], strict=True),
    ]
    inner, outputs, graph = body_of(e, node.attrs["body"], pairs, carried, "again")
    after = [*zip(types[:carried], outputs, strict=True)]
    after += zip(types[carried:], values[carried:], strict=True)
    test, more, _ = body_of(e, node.attrs["cond"], after, 0, "test")
    inner.nodes += test.nodes
    begin = [
        onnx.helper.make_tensor_value_info(f"{e.node_name}_again/i", NUMBERS["int64"], []),
        onnx.helper.make_tensor_value_info(f"{e.node_name}_again/go", NUMBERS["bool"], []),
    ]
    made_body = graph([*more, *outputs], [TensorType("bool", ()), *types[:carried]], begin)
    most = node.attrs["maximum_iterations"]
    limit = "" if most is None else e.ints(most, "most")
    made = e.node("Loop", [limit, *ends, *values[:carried]], outputs=carried, body=made_body)
    return [made] if isinstance(made, str) else made
