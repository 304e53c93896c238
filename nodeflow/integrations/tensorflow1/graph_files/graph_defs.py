"""`tf.GraphDef` and the functions that make, read and write one. Its text is a ``.flow`` file.

Nodes of a graph are never removed, so a `GraphDef` refers to the nodes that the graph has at
that moment. Only when its bytes or text are needed, it is written as the JSON of nodeflow's
files, which the window opens.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from nodeflow.atomic_write import write_atomically
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.to_graph.python_graphs.save_and_load import graph_of
from nodeflow.errors import FileProblem, GraphError
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors, get_default_graph
from nodeflow.integrations.tensorflow1.graph_files.frozen_graphs import read_frozen
from nodeflow.integrations.tensorflow1.texts import is_text, mark
from nodeflow.ops.composed import resolve

__all__ = [
    "GraphDef",
    "NodeDef",
    "convert_variables_to_constants",
    "extract_sub_graph",
    "import_graph_def",
    "write_graph",
]

_NAMES = ("variables", "share")
"""Attributes that contain names of other nodes."""


class NodeDef:
    """A node of a `GraphDef`.

    Attributes:
        name, op, device: its name, the id of its op here, and its device.
        input: the names of its inputs, and ``^NAME`` of the nodes that it waits for.
        attr: its attributes.
    """

    def __init__(self, node: Node) -> None:
        self.name, self.op, self.device = node.name, node.op.id, node.device
        self.input = [t.name for t in node.inputs] + [f"^{n.name}" for n in node.control_inputs]
        self.attr = dict(node.attrs)

    def __repr__(self) -> str:
        return f"<NodeDef {self.name!r} {self.op}>"


class GraphDef:
    """The nodes of a graph.

    Attributes:
        graph: a graph with these nodes.
    """

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = _with_nodes(graph, graph.nodes) if graph is not None else Graph()

    @property
    def node(self) -> list[NodeDef]:
        """The nodes, without generated nodes."""
        return [NodeDef(node) for node in self.graph.nodes if node.derived_from is None]

    def SerializeToString(self) -> bytes:
        """Return the graph in the format of ``.flow`` files.

        Raises:
            NotInFile: a node runs a function of the program.
        """
        return str(self).encode()

    def ParseFromString(self, serialized: bytes) -> int:
        """Replace the graph by a serialized one: the result of `SerializeToString`, or a GraphDef
        of TensorFlow.

        A GraphDef of TensorFlow must be frozen, and may only have ops that `frozen_ops` supports.

        Raises:
            FileProblem: the bytes are neither.
        """
        if serialized.lstrip().startswith(b"{"):
            self.graph = graph_of(flow.loads(serialized.decode(errors="replace")))
        else:
            self.graph = read_frozen(serialized)
        return len(serialized)

    @classmethod
    def FromString(cls, serialized: bytes) -> Self:
        """Return the graph that `SerializeToString` returned."""
        made = cls()
        made.ParseFromString(serialized)
        return made

    def CopyFrom(self, other: GraphDef) -> None:
        """Replace the nodes by the nodes of another `GraphDef`."""
        self.graph = other.graph

    def ByteSize(self) -> int:
        """Return the number of bytes of the text."""
        return len(self.SerializeToString())

    def __str__(self) -> str:
        return flow.dumps(from_graph(self.graph))


def _with_nodes(graph: Graph, nodes: Iterable[Node]) -> Graph:
    """Return a graph with some of the nodes of another graph."""
    made = copy.copy(graph)
    made.nodes = list(nodes)
    made._by_name = {node.name: node for node in made.nodes}
    return made


def import_graph_def(
    graph_def: GraphDef,
    input_map: Mapping[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Tensor | Node] | None:
    """Add the nodes of a `GraphDef` to the default graph.

    Args:
        input_map: name of a tensor of the `GraphDef` -> the tensor that takes its place.
        return_elements: names of nodes (``"logits"``) and tensors (``"logits:0"``) to return.
        name: the scope of the nodes; None: ``import``; empty: none.

    Raises:
        GraphError: there is no `GraphDef`.
        UnknownName: a name of the maps is not in it.
    """
    if not isinstance(graph_def, GraphDef):
        raise GraphError("import_graph_def takes a GraphDef", hint="graph.as_graph_def() is one.")
    source, target = graph_def.graph, get_default_graph()
    known = {source.tensor(key): target.as_tensor(t) for key, t in (input_map or {}).items()}
    with target.name_scope("import" if name is None else name) as scope:
        copying = _Copying(target, known)
        copying.add(source.nodes)
        for alias, tensor in source.aliases.items():
            target.aliases.setdefault(f"{scope}{alias}", copying.tensor(tensor))
    if return_elements is None:
        return None
    return [
        copying.tensor(source.tensor(each)) if ":" in each else copying.node(source.node(each))
        for each in return_elements
    ]


class _Copying:
    """The nodes and tensors of a graph, and their copies in another one."""

    def __init__(self, target: Graph, known: Mapping[Tensor, Tensor]) -> None:
        self.target = target
        self._tensors = dict(known)
        self._nodes: dict[Node, Node] = {}

    def add(self, nodes: Iterable[Node]) -> None:
        """Add copies of nodes. The copy of a macro node generates its inner nodes again."""
        for node in nodes:
            if node.derived_from is None and not self._is_replaced(node):
                inputs = [self.tensor(tensor) for tensor in node.inputs]
                before = [n for n in node.control_inputs if n.derived_from != node.name]
                self._nodes[node] = self.target.add_node(
                    node.op,
                    inputs,
                    self._attributes(node),
                    name=node.name,
                    control_inputs=[self.node(other) for other in before],
                )
                for old, new in zip(node.outputs, self._nodes[node].outputs, strict=True):
                    if is_text(old):
                        mark(new)

    def _is_replaced(self, node: Node) -> bool:
        return bool(node.outputs) and all(tensor in self._tensors for tensor in node.outputs)

    def tensor(self, tensor: Tensor) -> Tensor:
        """Return the tensor of the target graph that is the copy of a given tensor."""
        if tensor not in self._tensors:
            self._tensors[tensor] = self.node(tensor.node).outputs[tensor.index]
        return self._tensors[tensor]

    def node(self, node: Node) -> Node:
        """Return the node of the target graph that is the copy of a given node.

        Raises:
            GraphError: the node was not copied.
        """
        if node in self._nodes:
            return self._nodes[node]
        owner = node.graph.node(node.derived_from or node.name)
        if owner not in self._nodes:
            raise GraphError(f"{node.name} is not copied", node=node.name)
        return self.target.node(self._nodes[owner].name + node.name.removeprefix(owner.name))

    def _attributes(self, node: Node) -> dict[str, Any]:
        names = {old.name: new.name for old, new in self._nodes.items()}

        def renamed(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return type(value)(map(renamed, value))
            return names.get(value, value) if isinstance(value, str) else value

        attrs = dict(node.attrs)
        return attrs | {key: renamed(attrs[key]) for key in _NAMES if attrs.get(key)}


def extract_sub_graph(graph_def: GraphDef, dest_nodes: Sequence[str]) -> GraphDef:
    """Return the given nodes and all nodes that they depend on."""
    graph = graph_def.graph
    needed = ancestors(graph.node(name) for name in dest_nodes)
    needed |= {graph.node(n.derived_from) for n in needed if n.derived_from is not None}
    return GraphDef(_with_nodes(graph, (node for node in graph.nodes if node in needed)))


def convert_variables_to_constants(
    sess: Any,
    input_graph_def: GraphDef,
    output_node_names: Sequence[str],
    variable_names_whitelist: Sequence[str] | None = None,
    variable_names_blacklist: Sequence[str] | None = None,
) -> GraphDef:
    """Return the nodes that some nodes depend on, with variables replaced by their values in a
    session.

    Args:
        output_node_names: the names of the nodes.
        variable_names_whitelist: the variables to replace; None: all.
        variable_names_blacklist: the variables to keep.
    """
    source, made = input_graph_def.graph, Graph()
    wanted = [source.node(name) for name in output_node_names]
    needed = sorted(ancestors(wanted), key=lambda node: node.index)
    frozen = [
        node
        for node in needed
        if node.op.id == "variable"
        and (variable_names_whitelist is None or node.name in variable_names_whitelist)
        and node.name not in (variable_names_blacklist or ())
    ]
    values = dict(zip(frozen, sess.run([node.outputs[0] for node in frozen]), strict=True))
    known: dict[Tensor, Tensor] = {}
    for node in needed:
        if node.alias:  # the nodes that it derived are copied
            known.update({t: known[resolve(t)] for t in node.outputs})
        elif node in values:
            constant = made.apply("constant", name=node.name, value=values[node])
            known[node.outputs[0]] = constant
        else:
            inputs = [known[resolve(tensor)] for tensor in node.inputs]
            copied = made.add_node(node.op, inputs, dict(node.attrs), name=node.name)
            known.update(zip(node.outputs, copied.outputs, strict=True))
    made.discard_since(0, keep=[known[t].node for node in wanted for t in node.outputs])
    return GraphDef(made)


def write_graph(
    graph_or_graph_def: Graph | GraphDef, logdir: str, name: str, as_text: bool = True
) -> str:
    """Write a graph in the format of ``.flow`` files, and return the path of the file."""
    given = graph_or_graph_def
    graph_def = given if isinstance(given, GraphDef) else GraphDef(given)
    path = Path(logdir) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, graph_def.SerializeToString())
    except OSError as error:
        raise FileProblem(f"cannot write {path}: {error.strerror or error}") from None
    return os.fspath(path)
