"""Tensors, nodes and graphs, as in TensorFlow 1: a graph only grows, a node never changes.

The order of ``Graph.nodes`` is topological, because the inputs of a node exist before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Self

from nodeflow.errors import GraphError, NameProblem, NodeflowError, UnknownName, suggest_or_list
from nodeflow.graph.devices import GraphDevices
from nodeflow.graph.dtype_objects import OBJECTS, DType
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.node_names import GraphNames, lawful
from nodeflow.graph.op import Op
from nodeflow.graph.read_inputs import values_read
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.tensor_methods.input_conversion import as_inputs, as_tensor
from nodeflow.graph.tensor_methods.inspect_and_run import NodeMethods, TensorMethods
from nodeflow.graph.tensor_methods.notebook_display import NotebookDisplay
from nodeflow.graph.tensor_methods.operators import TensorOperators
from nodeflow.graph.tensor_methods.variable_methods import VariableMethods
from nodeflow.graph.types import INTEGERS, TensorType
from nodeflow.number_text import whole_number
from nodeflow.public import public_methods


class Tensor(NotebookDisplay, TensorMethods, VariableMethods, TensorOperators):
    """One output of a node: a symbolic value with dtype and shape.

    Python's operators build nodes: ``a + b``, ``2 * a``, ``a @ b``, ``-a``, ``a < b``, ``a[1:]``.

    ``==`` and ``!=`` compare identity, as in TensorFlow 1, so that tensors can be keys of
    dictionaries and members of lists. For values, use ``nf.equal`` and ``nf.not_equal``: comparing
    a tensor with a number, bool, array or list raises a `GraphError`.
    """

    __slots__ = ("index", "node", "type")

    def __init__(self, node: Node, index: int, type_: TensorType) -> None:
        self.node = node
        self.index = index
        self.type = type_

    @property
    def graph(self) -> Graph:
        return self.node.graph

    @property
    def dtype(self) -> DType:
        return OBJECTS[self.type.dtype]

    @property
    def name(self) -> str:
        """The tensor's name: ``add`` for a node's first output, ``split:1`` for a further one."""
        return f"{self.node.name}:{self.index}" if self.index else self.node.name

    @property
    def op(self) -> Node:
        """The node that computes the tensor."""
        return self.node

    def _apply(self, op: str, *inputs: Any, **attrs: Any) -> Any:
        if op == "divide" and self.dtype in INTEGERS:
            outermost = self.graph
            while outermost.outer is not None:
                outermost = outermost.outer
            if outermost.quotient is not None:
                return outermost.quotient(*inputs)
        return self.graph.apply(op, *inputs, **attrs)

    def __repr__(self) -> str:
        return f"<Tensor {self.name!r} {self.type}>"


@public_methods("get_attr")
class Node(NodeMethods):
    """One application of an op; immutable.

    Attributes:
        inputs: input tensors, variadic ones flattened.
        control_inputs: nodes that run before this one.
        derived_from: name of the macro node (optimizer, gradients) that derived this node; None for
            nodes made by the user.
        made_by: like ``derived_from``, but the innermost macro node if one derived another.
        stream: identifies its random numbers, together with the run's seed: the node's first name,
            even after it is renamed.
        alias: for a macro node, the tensors that its outputs stand for.
        device: device where it should be computed, ``/device:GPU:0``; empty by default.
    """

    __slots__ = (
        "alias",
        "attrs",
        "control_inputs",
        "derived_from",
        "device",
        "graph",
        "index",
        "inputs",
        "made_by",
        "name",
        "op",
        "outputs",
        "stream",
    )

    def __init__(
        self,
        graph: Graph,
        index: int,
        name: str,
        op: Op,
        attrs: Mapping[str, Any],
        inputs: tuple[Tensor, ...],
        control_inputs: tuple[Node, ...],
        types: Sequence[TensorType],
        derived_from: str | None,
        alias: tuple[Tensor | None, ...],
        stream: str | None = None,
        made_by: str | None = None,
    ) -> None:
        self.graph = graph
        self.index = index
        self.name = name
        self.op = op
        self.attrs = MappingProxyType(dict(attrs))
        self.inputs = inputs
        self.control_inputs = control_inputs
        self.outputs = tuple(Tensor(self, i, t) for i, t in enumerate(types))
        self.derived_from = derived_from
        self.made_by = made_by
        self.alias = alias
        self.stream = name if stream is None else stream
        self.device = graph._device

    def __repr__(self) -> str:
        return f"<Node {self.name!r} {self.op.id}>"


@public_methods(
    *("node", "tensor", "get_operation_by_name", "get_tensor_by_name", "get_collection"),
    *("add_to_collection", "as_graph_element"),
)
class Graph(NotebookDisplay, GraphNames, GraphDevices):
    """A dataflow graph that tensors and nodes are added to.

    ``with Graph() as g:``, or ``with g.as_default():``, makes it the default graph for the
    functions of the API.

    Attributes:
        seed: the seed from `set_random_seed`, or None.
        origin: the source of the graph, if it is needed to save the graph again; see
            `document.build.origin`.
        task: the training settings in the file that the graph was loaded from, see `train.api`;
            None if the graph was made in Python.
        awaited: while a macro node derives others, the nodes that it waits for.
        streams: placeholder -> the component of the next element of a stream that it takes, and
            initializer -> the stream that it starts; see `engine.input_streams`.
        stored: stream of a variable -> its initial value, if its initializer is `stored`; see
            `document.build.stored_values`.
        aliases: name in the file of an imported graph, such as ``input:0`` -> tensor.
        size_names: tensor -> the names of its sizes in that file, None for an unnamed size.
    """

    outer: Graph | None = None
    """The graph that uses this one as the body of a loop or branch (`body_graph`)."""

    quotient: Callable[[Any, Any], Tensor] | None = None
    """What ``/`` does with integers; None: an error, because the op divides no integers."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.task: Any = None
        self.streams: dict[Tensor | Node, Any] = {}
        self.collections: dict[str, list[Any]] = {}
        self.initializers: dict[Node, Node] = {}
        self.stored: Mapping[str, Any] = {}
        self.aliases: dict[str, Tensor] = {}
        self.size_names: dict[Tensor, tuple[str | None, ...]] = {}
        self.seed: int | None = None
        self.origin: object = None
        self._finalized = False

    # ---- building -----------------------------------------------------------------------------

    def apply(self, op: str | Op, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
        """Add one application of an op.

        Args:
            op: the op or its id.
            inputs: tensors, numpy arrays or Python literals. A variadic port takes all remaining
                ones, or one list. A literal takes the dtype of the tensors in its port's group.
            name: requested name; made unique (``add``, ``add_1``) and prefixed by the scopes.
            attrs: attributes of the op.

        Returns:
            The output tensor, a tuple of tensors, or the node if the op has no outputs.

        Raises:
            GraphError: an input or attribute does not fit; names the node and port.
        """
        node = self.add_node(op, inputs, attrs, name=name)
        if not node.outputs:
            return node
        single = len(node.op.outputs) == 1 and not node.op.outputs[0].variadic
        return node.outputs[0] if single else node.outputs

    def add_node(
        self,
        op: str | Op,
        inputs: Iterable[Any] = (),
        attrs: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        control_inputs: Iterable[Node] = (),
        stream: str | None = None,
    ) -> Node:
        """Add one application of an op as ``apply`` does, but always return the node.

        Args:
            stream: identifies its random numbers; default: its full name.
        """
        if (body := self._open_body()) is not self:
            return body.add_node(
                op, inputs, attrs, name=name, control_inputs=control_inputs, stream=stream
            )
        if self._finalized:
            raise GraphError(
                "the graph is finalized: nothing can be added to it",
                hint="Build everything before graph.finalize().",
            )
        op = REGISTRY.lookup(op) if isinstance(op, str) else op
        full_name = self.unique_name(op.short_id if name is None else name)
        mark = len(self.nodes)
        try:
            bound = op.bind_attrs(attrs or {})
            tensors = as_inputs(self, op, list(inputs), full_name, bound)
            types = infer_types(op, [t.type for t in tensors], bound, full_name)
            op.check_inputs(tensors)
            stream = self._stream(full_name) if stream is None else stream
            return self._append(op, full_name, tensors, bound, types, tuple(control_inputs), stream)
        except NodeflowError as error:
            self.discard_since(mark, keep=())
            raise error.at(full_name) from None

    def _open_body(self) -> Graph:
        """Return the innermost body of this graph that is being built, else this graph."""
        body = graph = get_default_graph()
        while graph.outer is not None:
            graph = graph.outer
            if graph is self:
                return body
        return self

    def _append(
        self,
        op: Op,
        name: str,
        inputs: tuple[Tensor, ...],
        attrs: dict[str, Any],
        types: Sequence[TensorType],
        control_inputs: tuple[Node, ...],
        stream: str,
    ) -> Node:
        controls = dict.fromkeys(control_inputs)
        for scope in self._controls:
            controls.update(dict.fromkeys(scope))
        alias: tuple[Tensor | None, ...] = ()
        self._taken.setdefault(name, 1)
        if op.macro:
            before, self.awaited = self.awaited, tuple(controls)
            try:
                with self.deriving(name, stream):
                    expansion = op.expand(self, name, inputs, **attrs)
            except NodeflowError:
                del self._taken[name]
                raise
            finally:
                self.awaited = before
            alias = expansion.alias
            controls.update(dict.fromkeys(expansion.control_inputs))
        node = Node(
            self, len(self.nodes), name, op, attrs, inputs, tuple(controls), types,
            self._derived_from, alias, stream, self._made_by,
        )  # fmt: skip
        self.nodes.append(node)
        self._by_name[name] = node
        if stream != name and op.random:
            self._kept_streams.add(stream)
        return node

    def _stream(self, name: str) -> str:
        """Return the random stream of a new node: its name, preceded by its macro node's stream."""
        owner = self._derived_from
        if owner is None and name in self._kept_streams:  # the stream of a renamed node
            return f"{name}@{len(self.nodes)}"
        if owner is None or owner == self._owner_stream:
            return name
        return f"{self._owner_stream}/{name.removeprefix(f'{owner}/')}"

    def discard_since(self, mark: int, keep: Iterable[Node]) -> None:
        """Remove the nodes added after the first ``mark`` nodes, except those that ``keep``
        depends on.
        """
        needed = ancestors(keep)
        kept = self.nodes[:mark]
        for node in self.nodes[mark:]:
            if node in needed:
                node.index = len(kept)
                kept.append(node)
            else:
                del self._by_name[node.name]
                self._taken.pop(node.name, None)
        self.nodes[:] = kept

    def as_tensor(self, value: Any, dtype: str | None = None) -> Tensor:
        """Return a value as a tensor of this graph; an array or literal becomes a constant.

        Args:
            dtype: dtype of a bare literal; arrays keep their own.

        Raises:
            GraphError: a tensor of another graph, or a value that cannot be a tensor.
        """
        return as_tensor(self, value, dtype)

    # ---- order ------------------------------------------------------------------------------

    @contextmanager
    def control_dependencies(
        self, control_inputs: Iterable[Node | Tensor | str] | Node | Tensor | None
    ) -> Iterator[None]:
        """Let nodes made in this block run after these nodes, tensors or names.

        None removes all such dependencies in the block.

        Raises:
            GraphError: an item is not a node, or belongs to another graph.
        """
        saved = self._controls
        given = control_inputs
        if given is None:
            self._controls = []
        else:
            given = [given] if isinstance(given, (Node, Tensor, str)) else given
            if not isinstance(given, Iterable):
                raise GraphError(
                    f"{type(given).__name__} is not a list of nodes and tensors",
                    hint="Write control_dependencies([a, b]).",
                )
            self._controls = [*saved, tuple(self._as_node(n) for n in given)]
        try:
            yield
        finally:
            self._controls = saved

    def _as_node(self, item: Any) -> Node:
        element = self.as_graph_element(item)
        return element.node if isinstance(element, Tensor) else element

    def finalize(self) -> None:
        """Forbid adding further nodes to this graph."""
        self._finalized = True

    @property
    def finalized(self) -> bool:
        return self._finalized

    # ---- looking up ---------------------------------------------------------------------------

    def node(self, name: str) -> Node:
        """Return the node called ``name``.

        Raises:
            UnknownName: there is no such node; the hint lists similar names.
        """
        node = self._by_name.get(name)
        if node is None and name in self.aliases:
            return self.aliases[name].node
        if node is None:
            try:
                node = self._by_name[lawful(name)]  # `layer-1` is called `layer_1` here
            except (KeyError, NameProblem):
                raise UnknownName(
                    f"there is no node {name!r}", hint=suggest_or_list(str(name), self._by_name)
                ) from None
        return node

    def tensor(self, name: str) -> Tensor:
        """Return the tensor called ``add``, ``split:1`` or ``split:PORT``.

        Raises:
            UnknownName: no such node or output.
        """
        node_name, _, output = name.partition(":")
        if node_name not in self._by_name and name in self.aliases:
            return self.aliases[name]
        node = self.node(node_name)
        names = [node.op.output_name(i) for i in range(len(node.outputs))]
        if output in names:
            return node.outputs[names.index(output)]
        index = whole_number(output or "0")
        if index is not None and 0 <= index < len(node.outputs):
            return node.outputs[index]
        known = f"It has {', '.join(names)}." if names else f"{node.op.id} has no outputs."
        raise UnknownName(f"{node_name} has no output {output or 0!r}", hint=known)

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """Return the tensor or node of this graph that an object or a name refers to.

        Args:
            obj: a Tensor, a Node, or a name: ``x:0`` means a tensor, and ``x`` a node.

        Raises:
            GraphError: it is neither, belongs to another graph, or is of a kind that is not
                allowed.
            UnknownName: nothing has this name.
        """
        if isinstance(obj, str):
            is_tensor = ":" in obj or not allow_operation
            obj = self.tensor(obj) if is_tensor else self.node(obj)
        if not isinstance(obj, (Tensor, Node)):
            raise GraphError(
                f"{type(obj).__name__} is neither a tensor nor a node",
                hint="Give a tensor, a node, or the name of one.",
            )
        if obj.graph is not self:
            raise GraphError(f"{obj.name} belongs to another graph", hint="Build both in one.")
        if not (allow_tensor if isinstance(obj, Tensor) else allow_operation):
            raise GraphError(
                f"{obj.name} is a {type(obj).__name__.lower()}, which is not allowed here"
            )
        return obj

    def get_operation_by_name(self, name: str) -> Node:
        """Return the node called ``name``, like `node`."""
        return self.node(name)

    def get_tensor_by_name(self, name: str) -> Tensor:
        """Return the tensor with this name: ``x``, ``x:0`` or ``split:1``. This is TensorFlow 1's
        name for `tensor`.
        """
        return self.tensor(name)

    def get_operations(self) -> list[Node]:
        """Return all nodes, in creation order."""
        return list(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def variables(self) -> list[Tensor]:
        return [n.outputs[0] for n in self.nodes if n.op.id == "variable"]

    @property
    def trainable_variables(self) -> list[Tensor]:
        return [v for v in self.variables if v.node.attrs["trainable"]]

    @property
    def placeholders(self) -> list[Tensor]:
        return [n.outputs[0] for n in self.nodes if n.op.id == "placeholder"]

    def add_to_collection(self, name: str, value: Any) -> None:
        self.collections.setdefault(name, []).append(value)

    def get_collection(self, name: str) -> list[Any]:
        """Return a collection's items. ``trainable_variables`` and ``update_ops`` are filled
        automatically.
        """
        if name == "trainable_variables":
            return list(self.trainable_variables)
        kept = self.update_ops if name == "update_ops" else ()
        return [*kept, *self.collections.get(name, ())]

    @property
    def update_ops(self) -> list[Tensor]:
        """The assigns of layers that update moving averages in each step of an optimizer."""
        return [node.outputs[0] for node in self.nodes if moves_average(node)]

    # ---- the default graph --------------------------------------------------------------------

    def __enter__(self) -> Self:
        _stack().append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        stack = _stack()
        del stack[len(stack) - 1 - stack[::-1].index(self)]

    @contextmanager
    def as_default(self) -> Iterator[Self]:
        """Make this graph the default one in this block, in this thread."""
        with self:
            yield self

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes>"


def moves_average(node: Node) -> bool:
    """Return whether a node is a layer's assign that runs in each step of an optimizer."""
    if node.op.id != "assign" or not node.attrs["each_step"] or node.derived_from is None:
        return False
    return node.derived_from in node.graph and (
        node.graph.node(node.derived_from).op.category != "Training"
    )


def ancestors(nodes: Iterable[Node]) -> set[Node]:
    """Return the nodes and all nodes they depend on: inputs, control inputs and aliases."""
    seen: set[Node] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        stack.extend(t.node for t in values_read(node))
        stack.extend(node.control_inputs)
        stack.extend(t.node for t in node.alias if t is not None)
    return seen


def descendants(nodes: Iterable[Node], users: Mapping[Node, Iterable[Node]]) -> set[Node]:
    """Return the nodes and all nodes that depend on them.

    Args:
        users: node -> the nodes that read it.
    """
    stack = list(nodes)
    seen = set(stack)
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in seen:
                seen.add(user)
                stack.append(user)
    return seen


_local = threading.local()
_fallback = Graph()


def _stack() -> list[Graph]:
    if not hasattr(_local, "graphs"):
        _local.graphs = []
    return _local.graphs


def get_default_graph() -> Graph:
    """Return the graph of this thread's innermost ``with graph:``, else the process-wide
    default.
    """
    return _stack()[-1] if _stack() else _fallback


def reset_default_graph() -> None:
    """Replace the process-wide default graph by an empty one."""
    global _fallback
    _fallback = type(_fallback)()


def use_graphs_of(kind: type[Graph]) -> None:
    """Convert the process-wide default graph to another class, with all its nodes."""
    _fallback.__class__ = kind
