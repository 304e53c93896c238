"""A model that a verb changes in place: its tensors and nodes by name, and the verb's promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.errors import suggest_or_list
from nodeflow.integrations.onnx.errors import CannotEdit, onnx_package
from nodeflow.integrations.onnx.file import array_of, load_external, opsets


def unchanged(array: np.ndarray) -> np.ndarray:
    return array


@dataclass(frozen=True)
class Equal:
    """A tensor of the new model that equals a tensor of the old one, after a change in numpy."""

    new: str
    old: str
    change: Callable[[np.ndarray], np.ndarray] = unchanged


class Operation:
    """A model that a verb changes in place.

    Attributes:
        done: what the verb changed, in words.
        inputs: the tensor of the old model that feeds each input of the new one; None: the same.
        outputs: the tensor of the old model that each output equals; None: the same names.
        relative: largest difference, relative to the largest number, that is no finding; None if
            the outputs may be anything.
    """

    def __init__(self, model: Any, path: Path) -> None:
        self.model, self.graph, self._path = model, model.graph, path
        self.done: list[str] = []
        self.inputs: list[Equal] | None = None
        self.outputs: list[Equal] | None = None
        self.relative: float | None = 1e-4
        self._live = _live(self.graph)

    @property
    def opset(self) -> int:
        return opsets(self.model).get("", 1)

    @cached_property
    def known(self) -> dict[str, Any]:
        """Name -> type and shape of each tensor of the old model, as far as ONNX can infer them."""
        onnx = onnx_package()
        try:
            graph = onnx.shape_inference.infer_shapes(self.model).graph
        except Exception:  # it may raise anything at unusual models
            graph = self.graph
        found = {each.name: each for each in (*graph.value_info, *graph.input, *graph.output)}
        for tensor in self.graph.initializer:
            found[tensor.name] = onnx.helper.make_tensor_value_info(
                tensor.name, tensor.data_type, list(tensor.dims)
            )
        return found

    def kind(self, name: str) -> int:
        """Return the number of a tensor's dtype in ONNX, or 0."""
        return self.known[name].type.tensor_type.elem_type if name in self.known else 0

    def dims(self, name: str) -> list[int | str] | None:
        """Return the sizes of a tensor: a number, or a name (possibly empty) for a size that is not
        fixed. Return None if the rank is unknown.
        """
        value = self.known.get(name)
        if value is None or not value.type.tensor_type.HasField("shape"):
            return None
        dims = value.type.tensor_type.shape.dim
        return [d.dim_value if d.HasField("dim_value") else d.dim_param for d in dims]

    def typed(self, name: str) -> Any:
        """Return a declaration of a tensor, for an input or output.

        Raises:
            CannotEdit: its dtype is unknown.
        """
        value = self.known.get(name)
        if value is None or not value.type.WhichOneof("value"):
            raise CannotEdit(
                f"the dtype of the tensor {name!r} is unknown",
                node=self.made_by(name),
                hint="The op is not ONNX's own. Choose a tensor before or after it.",
            )
        made = type(value)()
        made.CopyFrom(value)
        return made

    def made_by(self, tensor: str) -> str | None:
        node = self.makers.get(tensor)
        return None if node is None else title(node)

    @property
    def makers(self) -> dict[str, Any]:
        """The node that computes each tensor."""
        return {name: node for node in self.graph.node for name in node.output if name}

    @property
    def weights(self) -> dict[str, Any]:
        """The initializers by name."""
        return {tensor.name: tensor for tensor in self.graph.initializer}

    @property
    def fed(self) -> list[str]:
        """The inputs that have no initializer."""
        held = self.weights
        return [value.name for value in self.graph.input if value.name not in held]

    def node(self, name: str) -> Any:
        """Return a node by its name or by a tensor that it computes.

        Raises:
            CannotEdit: there is none, or several have the name.
        """
        found = [n for n in self.graph.node if n.name == name] or [
            n for n in self.graph.node if name in n.output
        ]
        if len(found) == 1:
            return found[0]
        if found:
            tensors = ", ".join(n.output[0] for n in found)
            raise CannotEdit(
                f"{len(found)} nodes have the name {name!r}",
                hint=f"Give a tensor that the node computes: {tensors}.",
            )
        names = [title(n) for n in self.graph.node]
        hint = suggest_or_list(name, names)
        raise CannotEdit(f"the model has no node {name!r}", hint=hint)

    def tensor(self, name: str) -> str:
        """Return the name of a tensor that a node computes, or of an input.

        Raises:
            CannotEdit: there is none.
        """
        names = [*self.fed, *self.makers]
        if name not in names:
            what = "is a weight" if name in self.weights else "is not in the model"
            hint = suggest_or_list(name, names)
            raise CannotEdit(f"the tensor {name!r} {what}", hint=hint)
        return name

    def array(self, name: str) -> np.ndarray | None:
        """Return the array of an initializer or of a node Constant; None for other tensors."""
        onnx = onnx_package()
        weights = self.weights
        if name in weights:
            if name in {value.name for value in self.graph.input} and self.model.ir_version < 4:
                return None if name in self.fed else self._loaded(weights[name])
            return self._loaded(weights[name])
        node = self.makers.get(name)
        if node is None or node.op_type != "Constant" or node.domain or not node.attribute:
            return None
        held = node.attribute[0]
        if held.name == "value":
            return self._loaded(held.t)
        kind = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
        if held.name not in kind:
            return None
        return np.array(onnx.helper.get_attribute_value(held), kind[held.name])

    def _loaded(self, tensor: Any) -> np.ndarray:
        copy = type(tensor)()
        copy.CopyFrom(tensor)
        if copy.data_location == copy.EXTERNAL:
            load_external(copy, self._path)
        return array_of(copy)

    def fresh(self, wanted: str) -> str:
        """Return a name that no tensor or node has, similar to the wanted one."""
        taken = {name for graph in graphs_in(self.graph) for name in names_in(graph)}
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        return name

    def add_weight(self, name: str, array: np.ndarray) -> str:
        """Add an initializer, and return its name."""
        made = self.fresh(name)
        self.graph.initializer.append(onnx_package().numpy_helper.from_array(array, made))
        return made

    def insert(self, index: int, op: str, inputs: list[str], output: str, **attributes: Any) -> Any:
        """Insert a node of ONNX before the node with this index."""
        taken = any(node.name == output for node in self.graph.node)
        name = self.fresh(output) if taken else output
        node = onnx_package().helper.make_node(op, inputs, [output], name, **attributes)
        self.graph.node.insert(index, node)
        return node

    def index(self, node: Any) -> int:
        return next(i for i, each in enumerate(self.graph.node) if each is node)

    def is_output(self, name: str) -> bool:
        return any(value.name == name for value in self.graph.output)

    def read_count(self, name: str) -> int:
        """Return how many nodes read a tensor, directly or in their subgraphs."""
        return sum(name in set(reads(node)) for node in self.graph.node)

    def forget_types(self, names: Iterable[str]) -> None:
        """Delete the declared types of inner tensors, which may be others now."""
        gone = set(names)
        _delete(self.graph.value_info, lambda value: value.name in gone)

    def after(self, names: Iterable[str]) -> set[str]:
        """Return the tensors that depend on some tensors."""
        found = set(names)
        for node in self.graph.node:
            if found.intersection(reads(node)):
                found.update(filter(None, node.output))
        return found

    def drop_dead(self, only_new: bool = True) -> None:
        """Delete the nodes, weights and types that no output needs.

        Args:
            only_new: keep those that no output of the old model needed, either.
        """
        live = _live(self.graph)

        def is_dead(names: Iterable[str]) -> bool:
            found = [name for name in names if name]
            if any(name in live for name in found):
                return False
            return not only_new or any(name in self._live for name in found)

        held = {value.name for value in self.graph.input} if only_new else set()
        _delete(self.graph.node, lambda node: is_dead(node.output))
        _delete(self.graph.initializer, lambda t: t.name not in held and is_dead([t.name]))
        _delete(self.graph.sparse_initializer, lambda t: is_dead([t.values.name]))
        _delete(self.graph.value_info, lambda value: is_dead([value.name]))
        _delete(self.graph.quantization_annotation, lambda each: is_dead([each.tensor_name]))
        if not only_new:
            _delete(self.graph.input, lambda value: value.name not in live)


def title(node: Any) -> str:
    """Return the name of a node, or the first tensor that it computes."""
    return node.name or next(filter(None, node.output), node.op_type)


def bodies(node: Any) -> Iterator[Any]:
    """Yield the graphs inside a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def graphs_in(graph: Any) -> Iterator[Any]:
    """Yield a graph and all graphs inside it."""
    yield graph
    for node in graph.node:
        for body in bodies(node):
            yield from graphs_in(body)


def reads(node: Any) -> Iterator[str]:
    """Yield the names of the tensors that an ONNX node reads, including the outer tensors that its
    subgraphs read.
    """
    yield from filter(None, node.input)
    for body in bodies(node):
        own = {value.name for value in body.input} | {t.name for t in body.initializer}
        own |= {t.values.name for t in body.sparse_initializer}
        own |= {name for each in body.node for name in each.output}
        for each in body.node:
            yield from (name for name in reads(each) if name not in own)
        yield from (value.name for value in body.output if value.name not in own)


def names_in(graph: Any) -> Iterator[str]:
    """Yield the names of all tensors and nodes of an ONNX graph. Subgraphs in attributes are not
    searched.
    """
    yield from (value.name for value in (*graph.input, *graph.output, *graph.value_info))
    yield from (tensor.name for tensor in graph.initializer)
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    for node in graph.node:
        yield from (node.name, *node.input, *node.output)


def read_others(nodes: Iterable[Any], new: Mapping[str, str]) -> None:
    """Let nodes and their bodies read other tensors."""
    for node in nodes:
        for index, name in enumerate(node.input):
            if name in new:
                node.input[index] = new[name]
        for body in bodies(node):
            read_others(body.node, new)
            for value in body.output:
                value.name = new.get(value.name, value.name)


def _live(graph: Any) -> set[str]:
    """Return the tensors that the outputs of a graph depend on."""
    live = {value.name for value in graph.output}
    for node in reversed(graph.node):
        if live.intersection(node.output):
            live.update(reads(node))
            live.update(node.output)
    return live


def _delete(held: Any, is_gone: Callable[[Any], bool]) -> None:
    for index in reversed(range(len(held))):
        if is_gone(held[index]):
            del held[index]
