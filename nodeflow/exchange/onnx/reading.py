"""Conversion of an ONNX file to a document and its weights, for ``nodeflow import`` and the window.

Weights become variables, whose initial values are in a file beside the document; small arrays
become constants. Layers in files by nodeflow keep their initializers, and their weights also go
into a file of weights. Names, scopes and functions are the file's. Equal parts are folded into
subgraphs, as with a graph made in Python.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.document.analysis.outside_data import INITIAL_VALUES
from nodeflow.document.build.build import build
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.exchange.onnx import names
from nodeflow.exchange.onnx.blocks import names_in_blocks
from nodeflow.exchange.onnx.errors import OnnxFileError
from nodeflow.exchange.onnx.file import array_of, read_model
from nodeflow.exchange.onnx.own import OUTPUTS
from nodeflow.exchange.onnx.translate import Translator, type_of
from nodeflow.exchange.onnx.values import Scope
from nodeflow.file_reading import within_memory
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.ops.variables.stored import is_stored
from nodeflow.train.saving.weights import save_weights, write_arrays
from nodeflow.visible_text import without_halves

WEIGHTS_SUFFIX = ".safetensors"
INITIAL_SUFFIX = ".initial.safetensors"
"""Suffix of the file of initial values. Its name differs from the weights', so that training never
replaces it."""


@dataclass(frozen=True)
class Opened:
    """A model as a graph.

    Attributes:
        inputs: placeholders by name in the file.
        outputs: tensors by name in the file.
        weights: values by variable.
        missing: the reason for each node without a counterpart.
        folded: names of the subgraphs by scope that becomes one.
    """

    graph: Graph
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    weights: Mapping[str, np.ndarray]
    missing: Mapping[str, str]
    folded: Mapping[str, str] = field(default_factory=dict)


def graph_of(model: Any, *, trainable: bool = False, fold: bool = True) -> Opened:
    """Return a model as a graph, with its variables' initial values in `Opened.weights`.

    Args:
        trainable: whether weights are trained; statistics of batches never are.
        fold: give each repeated block of nodes without scopes a scope.

    Raises:
        OnnxFileError: a node reads a value that nothing makes, or an array is damaged.
    """
    try:
        with within_memory("the model"):
            return _graph_of(model, trainable, fold)
    except NodeflowError:
        raise
    except Exception as error:  # names that are no text, among others
        raise OnnxFileError(f"the model is damaged: {error}") from None


def _graph_of(model: Any, trainable: bool, fold: bool) -> Opened:
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
            inputs[value.name] = tensor
        for name, tensor in arrays.items():
            kind = "variable" if translator.made_here else ""
            scope.put_array(name, array_of(tensor), kind=kind)
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
    return Opened(graph, inputs, outputs, arrays, missing, translator.folded)


def _check_once(given: Sequence[str], what: str) -> None:
    twice = next((name for name, count in Counter(given).items() if count > 1), None)
    if twice is not None:
        raise OnnxFileError(
            f"two {what} are called {twice!r}",
            hint="Export the model again, or check it with onnx.checker.",
        )


def _output(value: Any, scope: Scope, translator: Translator, named: Set[Tensor]) -> Tensor:
    """Return an output of the graph, under its name in the file.

    Args:
        named: the inputs and outputs made so far.
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
    """Keep the names that the file has for a tensor and its sizes."""
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


def document_of(opened: Opened) -> Document:
    """Return the document of a model, laid out."""
    document = from_graph(opened.graph, folded=opened.folded)
    document.extra = {**document.extra, OUTPUTS: [t.name for t in opened.outputs.values()]}
    return document


def import_model(path: Path, target: Path, *, trainable: bool = False) -> Opened:
    """Write an ONNX file as a ``.flow`` file with its weights beside it.

    Raises:
        OnnxMissing, OnnxFileError, ReadRefused: as `read_model`.
        FileProblem: the target cannot be written.
    """
    opened = graph_of(read_model(path), trainable=trainable)
    document = document_of(opened)
    stored, inner = _by_stream(document, opened)
    if stored:
        place = beside(target, INITIAL_SUFFIX)
        write_arrays(place, stored)
        document.extra = {**document.extra, INITIAL_VALUES: place.name}
    if inner:
        place = beside(target, WEIGHTS_SUFFIX)
        save_weights(place, opened.weights)
        document.fill("weights", "", place.name)
    flow.save(document, target)
    return opened


def beside(target: Path, suffix: str) -> Path:
    """Return the path for a document's arrays. Its name is UTF-8, so the document can hold it."""
    stem = without_halves(target.stem)
    return target.with_name(f"{stem if stem == target.stem else names.lawful(stem)}{suffix}")


def _by_stream(document: Document, opened: Opened) -> tuple[dict[str, np.ndarray], bool]:
    """Return initial values by the streams of variables, and whether layers have other values."""
    found, inner = {}, False
    for tensor in build(document, partial=True).graph.variables:
        node = tensor.node
        if is_stored(node):
            found[node.stream] = opened.weights[node.name]
        else:
            inner = inner or node.name in opened.weights
    return found, inner


__all__ = ["Opened", "document_of", "graph_of", "import_model"]
