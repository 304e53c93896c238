"""Conversion of an ONNX file to a graph and its weights.

Weights become variables, and small arrays constants. Layers in files written by nodeflow keep
their initializers. Names, scopes and functions are those of the file. Equal parts are folded
into subgraphs, as in a graph made in Python.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.exchange.importing import Imported
from nodeflow.file_reading import within_memory
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.integrations.onnx import names
from nodeflow.integrations.onnx.blocks import names_in_blocks
from nodeflow.integrations.onnx.errors import OnnxFileError
from nodeflow.integrations.onnx.file import array_of, read_model
from nodeflow.integrations.onnx.translate import Translator, type_of
from nodeflow.integrations.onnx.values import Scope


def graph_of(model: Any, *, trainable: bool = False, fold: bool = True) -> Imported:
    """Return a model as a graph, with its variables' initial values in `Imported.weights`.

    Args:
        trainable: whether weights are trained. Statistics of batches never are.
        fold: give each repeated block of nodes without scopes a scope.

    Raises:
        OnnxFileError: a node reads a value that no node makes, or an array is damaged.
    """
    try:
        with within_memory("the model"):
            return _graph_of(model, trainable, fold)
    except NodeflowError:
        raise
    except Exception as error:  # names that are no text, among others
        raise OnnxFileError(f"the model is damaged: {error}") from None


def _graph_of(model: Any, trainable: bool, fold: bool) -> Imported:
    proto = model.graph
    graph = Graph()
    with graph:
        translator = Translator(model, graph, trainable)
        scope = Scope(translator.weights)
        arrays = {t.name: t for t in proto.initializer}
        _check_once([t.name for t in proto.initializer], "initializers")
        _check_once([v.name for v in proto.input], "inputs")
        _check_once([v.name for v in proto.output], "outputs")
        inputs: dict[str, Tensor] = {}
        for value in proto.input:
            if value.name in arrays:
                continue
            type_ = type_of(value)
            if type_ is None:
                raise OnnxFileError(
                    f"the input {value.name!r} is no tensor of a dtype that nodeflow has"
                )
            shape = list(type_.shape) if type_.has_rank else None
            tensor = nf.placeholder(type_.dtype, shape, name=names.value_name(value.name))
            _keep_names(graph, tensor, value)
            scope.put(value.name, tensor)
            scope.put_narrow(value.name, value.type.tensor_type.elem_type)
            inputs[value.name] = tensor
        for name, tensor in arrays.items():
            kind = "variable" if translator.made_here else ""
            scope.put_array(name, array_of(tensor), kind=kind)
            scope.put_narrow(name, tensor.data_type)
        translator.weights.frozen = _statistics(model)
        if fold and not translator.made_here:
            translator.in_blocks = names_in_blocks(proto)
        translator.nodes(proto.node, scope)
        outputs: dict[str, Tensor] = {}
        for value in proto.output:
            named = {*inputs.values(), *outputs.values()}
            outputs[value.name] = _output(value, scope, translator, named)
        keep = {t.node for t in (*outputs.values(), *inputs.values())}
        graph.discard_since(0, keep=keep)
    translator.weights.forget_missing()
    missing = {n: why for n, why in translator.missing.items() if n in graph}
    arrays = translator.weights.arrays
    graph.stored = {graph.node(name).stream: array for name, array in arrays.items()}
    return Imported(graph, inputs, outputs, arrays, missing, translator.folded)


def _check_once(given: Sequence[str], what: str) -> None:
    twice = next((name for name, count in Counter(given).items() if count > 1), None)
    if twice is not None:
        raise OnnxFileError(
            f"two {what} are called {twice!r}",
            hint="Export the model again, or check it with onnx.checker.",
        )


def _output(value: Any, scope: Scope, translator: Translator, named: Set[Tensor]) -> Tensor:
    """Return the tensor of a graph output, and make it available under its name in the file. Add an
    identity node if necessary.

    Args:
        named: the inputs and outputs made so far.

    Raises:
        OnnxFileError: no node or input makes the output.
    """
    name, graph = value.name, translator.graph
    if scope.holder(name) is None:
        raise OnnxFileError(f"nothing makes the output {name!r}")
    made, called = scope.tensor(name), names.value_name(name)
    if made.node.name != called or made.index or made in named:
        if called in graph and not named & set(graph.node(called).outputs):
            translator.give_way(called)
        with graph.name_scope(None):
            made = nf.identity(made, name=called)
    own = name.partition(":")[0]
    # `x:0` would mean another tensor
    if own != name and own in graph and graph.tensor(name) is not made:
        other = translator.give_way(own)
        if named & set(other.outputs):
            graph.aliases.setdefault(own, other.outputs[0])
    _keep_names(graph, made, value)
    return made


def _keep_names(graph: Graph, tensor: Tensor, value: Any) -> None:
    """Record in the graph the names that an ONNX file gives to a tensor and to its symbolic
    sizes.
    """
    if tensor.name != value.name:
        graph.aliases[value.name] = tensor
    dims = value.type.tensor_type.shape.dim
    sizes = tuple(
        d.dim_param if d.dim_param and d.dim_param != f"{value.name}_{i}" else None
        for i, d in enumerate(dims)
    )
    if any(sizes):
        graph.size_names[tensor] = sizes


def _statistics(model: Any) -> set[str]:
    found: set[str] = set()
    for nodes in (model.graph.node, *(f.node for f in model.functions)):
        for node in nodes:
            if node.op_type == "BatchNormalization":
                found.update(node.input[3:5])
    return found


def read(path: Path, *, trainable: bool = False) -> Imported:
    """Import an ONNX file as a graph.

    Args:
        trainable: whether weights become trainable variables.

    Raises:
        OnnxFileError, ReadRefused: as `read_model`.
    """
    return graph_of(read_model(path), trainable=trainable)
