"""The verb that gives inputs, outputs and dimensions other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.errors import suggest_or_list
from nodeflow.integrations.onnx.errors import CannotEdit
from nodeflow.integrations.onnx.surgery.operation import Equal, Operation, graphs_in, names_in


def rename(operation: Operation, options: Mapping[str, Any]) -> None:
    """Rename inputs, outputs and open dimensions.

    Nodes that read or compute a renamed tensor refer to the new name, also in the bodies of If,
    Loop and Scan. Nodes keep their names.
    """
    new, dims = options.get("name") or {}, options.get("dimension") or {}
    if not new and not dims:
        raise CannotEdit("nothing to rename", hint="Give a new name for a tensor or a dimension.")
    graph = operation.graph
    ends = [*operation.fed, *(value.name for value in graph.output)]
    taken = {name for each in graphs_in(graph) for name in names_in(each)}
    for old, name in new.items():
        if old not in ends:
            raise CannotEdit(
                f"{old!r} is neither an input nor an output", hint=suggest_or_list(old, ends)
            )
        if not name or name in taken:
            raise CannotEdit(f"the name {name!r} for {old!r} is taken", hint="Choose another one.")
        taken.add(name)
    operation.inputs = [Equal(new.get(name, name), name) for name in operation.fed]
    operation.outputs = [Equal(new.get(v.name, v.name), v.name) for v in graph.output]
    open_names = {d.dim_param for v in _values(graph) for d in _dims(v) if d.dim_param}
    for old, name in dims.items():
        if old not in open_names:
            raise CannotEdit(
                f"no dimension has the name {old!r}", hint=suggest_or_list(old, sorted(open_names))
            )
        if not name:
            raise CannotEdit(f"the new name of the dimension {old!r} is empty")
    for each in graphs_in(graph):
        _rename(each, new)
        for value in _values(each):
            for dim in _dims(value):
                if dim.dim_param in dims:
                    dim.dim_param = dims[dim.dim_param]
    operation.done += [f"{old} is {name} now" for old, name in (*new.items(), *dims.items())]


def _rename(graph: Any, new: Mapping[str, str]) -> None:
    """Rename tensors of one graph, without its bodies."""
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name in new:
                    names[index] = new[name]
    for held in (graph.input, graph.output, graph.value_info, graph.initializer):
        for each in held:
            if each.name in new:
                each.name = new[each.name]
    for note in graph.quantization_annotation:
        if note.tensor_name in new:
            note.tensor_name = new[note.tensor_name]


def _values(graph: Any) -> list[Any]:
    return [*graph.input, *graph.output, *graph.value_info]


def _dims(value: Any) -> Any:
    return value.type.tensor_type.shape.dim
