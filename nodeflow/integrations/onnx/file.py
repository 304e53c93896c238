"""Reads the bytes of a file as a checked ONNX model. Nothing in the file is executed.

Weights in other files are read only from the folder of the file, after resolving links.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.errors import NodeflowError
from nodeflow.file_reading import allow, opened, read_bytes, size_of, within_memory
from nodeflow.integrations.onnx.call import CARRIERS, ODD_NAMES, carrier
from nodeflow.integrations.onnx.errors import OnnxFileError, onnx_package

OLDEST = 7
"""The first opset with today's broadcasting of elementwise ops."""
LARGEST = 2 * 2**30
"""Maximum size of a message in bytes: protobuf's own limit."""


def read_model(path: Path, *, with_weights: bool = True) -> Any:
    """Return the model in a file.

    Args:
        with_weights: also load the weights that it keeps in other files.

    Raises:
        SoftwareMissing: the package onnx is not installed.
        ReadRefused: it is no regular file, or needs more memory than the limit.
        FileProblem: it is missing or unreadable.
        OnnxFileError: it is damaged, too old, or names weights outside its folder.
    """
    onnx = onnx_package()
    try:
        with within_memory(f"the model {path}"):
            content = read_bytes(path, copies=3)
            if len(content) > LARGEST:
                raise OnnxFileError(f"{path.name} is larger than 2 GB, which no message can be")
            model = onnx.ModelProto()
            model.ParseFromString(content)
            check_model(model, path.name)
            for tensor in tensors_of(model) if with_weights else ():
                if tensor.data_location == onnx.TensorProto.EXTERNAL:
                    load_external(tensor, path)
            return model
    except NodeflowError:
        raise
    except OSError as error:
        raise OnnxFileError(f"cannot read {path}: {error.strerror}") from None
    except Exception:  # a parser may raise anything at damaged content
        raise OnnxFileError(
            f"{path.name} is damaged or not a file of ONNX",
            hint="Choose a file that a program exported as ONNX.",
        ) from None


def check_model(model: Any, name: str) -> None:
    """Check that an ONNX model can be imported.

    Raises:
        OnnxFileError: it is empty, or has an opset before 7.
    """
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise OnnxFileError(
            f"{name} holds no graph", hint="Choose a file that a program exported as ONNX."
        )
    version = opsets(model).get("", OLDEST)
    if version < OLDEST:
        raise OnnxFileError(
            f"{name} has opset {version}; the oldest that opens is {OLDEST}",
            hint="Export it again with a newer opset, or convert it with onnx.version_converter.",
        )


def opsets(model: Any) -> dict[str, int]:
    """Return the opset of each domain. ONNX's own domain is empty."""
    return {own_domain(entry.domain): entry.version for entry in model.opset_import}


def own_domain(domain: str) -> str:
    """Return a domain, with the empty name for ``ai.onnx``."""
    return "" if domain == "ai.onnx" else domain


def array_of(tensor: Any) -> np.ndarray:
    """Return the array of a tensor.

    Raises:
        OnnxFileError: its bytes do not fit its shape, or nodeflow has no such dtype.
    """
    onnx = onnx_package()
    dtype = carrier(tensor.data_type)
    if dtype is None:
        kind = ODD_NAMES.get(tensor.data_type, tensor.data_type)
        raise OnnxFileError(
            f"the tensor {tensor.name!r} has the dtype {kind}, which nodeflow lacks"
        )
    count = math.prod(tensor.dims)
    if any(d < 0 for d in tensor.dims) or count > held(tensor):
        raise OnnxFileError(
            f"the tensor {tensor.name!r} of shape {tuple(tensor.dims)} holds other bytes"
        )
    try:
        found = np.array(onnx.numpy_helper.to_array(tensor))
        return found.astype(dtype) if tensor.data_type in CARRIERS else found
    except Exception as error:  # it may raise anything at damaged content
        raise OnnxFileError(f"the tensor {tensor.name!r} is damaged: {error}") from None


def held(tensor: Any) -> int:
    """Return the maximum number of elements that the stored data of a tensor can contain."""
    lists = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
    packed = 4 if tensor.data_type in CARRIERS else 1
    return packed * max(len(tensor.raw_data), *(len(getattr(tensor, name)) for name in lists))


def tensors_of(model: Any) -> Iterator[Any]:
    """Yield every tensor of a model, including those in attributes and in graphs inside nodes."""
    yield from _in_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _in_node(node)


def _in_graph(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _in_node(node)


def _in_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _in_graph(graph)


def load_external(tensor: Any, model_path: Path) -> None:
    """Load the content of another file into a tensor.

    Raises:
        OnnxFileError: the file is not in the folder of the model, or too short.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    folder = model_path.resolve().parent
    wrong = not location or "\0" in location or Path(location).is_absolute()
    place = folder if wrong else (folder / location).resolve()
    if wrong or not place.is_relative_to(folder):
        raise OnnxFileError(
            f"the tensor {tensor.name!r} names weights outside the model's folder: {location!r}",
            hint="Move the file of weights beside the model.",
        )
    if not place.is_file():
        raise OnnxFileError(
            f"the weights {location!r} are missing", hint=f"Put the file beside {model_path.name}."
        )
    try:
        start, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
    except ValueError:
        raise OnnxFileError(f"the place of the tensor {tensor.name!r} is no number") from None
    with opened(place) as file:
        whole = size_of(file)
        length = whole - start if length < 0 else length
        if start < 0 or start + length > whole:
            raise OnnxFileError(f"{location!r} ends before the tensor {tensor.name!r} does")
        allow(length * 2, place)
        file.seek(start)
        tensor.raw_data = file.read(length)
    tensor.data_location = type(tensor).DEFAULT
    del tensor.external_data[:]
