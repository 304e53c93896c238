"""Verbs that choose what a model computes: more outputs, or a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.integrations.onnx.errors import CannotEdit
from nodeflow.integrations.onnx.surgery.operation import Equal, Operation, reads, title


def add_output(operation: Operation, options: Mapping[str, Any]) -> None:
    """Add inner tensors of an ONNX model to its outputs, after the existing ones. No node is
    removed.

    Raises:
        CannotEdit: there is no such tensor, its dtype is unknown, or it is already an output.
    """
    for name in options["tensor"]:
        operation.tensor(name)
        if operation.is_output(name):
            raise CannotEdit(
                f"the tensor {name!r} is already an output", node=operation.made_by(name)
            )
        operation.graph.output.append(operation.typed(name))
        operation.done.append(f"{name} is an output")


def cut(operation: Operation, options: Mapping[str, Any]) -> None:
    """Keep the range between some tensors as a model of its own.

    ``start`` tensors become the inputs and ``end`` tensors the outputs. Inputs of the model that
    the range also needs stay inputs. Nodes, weights and types outside of the range are deleted.
    """
    starts, ends = options.get("start") or [], options["end"]
    for name in (*starts, *ends):
        operation.tensor(name)
    graph, given = operation.graph, set(starts)
    wanted, seen = set(ends), set[str]()
    for node in reversed(graph.node):
        if wanted.intersection(node.output) - given:
            seen.update(reads(node))
            wanted.update(reads(node))
    for name in starts:
        if name not in seen:
            raise CannotEdit(
                f"no end depends on the tensor {name!r}",
                node=operation.made_by(name),
                hint=f"Choose a tensor before {', '.join(ends)}.",
            )
    inner = next((name for name in ends if name in given), None)
    if inner is not None:
        raise CannotEdit(
            f"the tensor {inner!r} is both start and end", node=operation.made_by(inner)
        )
    outputs = [operation.typed(name) for name in ends]
    old = {value.name for value in graph.input}
    inputs = [operation.typed(name) for name in starts if name not in old]
    split = next(
        (n for n in graph.node if given.intersection(n.output) and wanted & set(n.output) - given),
        None,
    )
    if split is not None:
        raise CannotEdit(
            "one of its tensors is a start, and the range needs another one",
            node=title(split),
            hint="Make all its tensors starts, or choose starts before it.",
        )
    before = len(graph.node)
    for index in reversed(range(before)):
        if given.intersection(graph.node[index].output):
            del graph.node[index]
    del graph.output[:]
    graph.output.extend(outputs)
    graph.input.extend(inputs)
    operation.drop_dead(only_new=False)
    names = operation.fed
    operation.inputs = [Equal(name, name) for name in names]
    operation.done.append(
        f"{len(graph.node)} of {before} nodes, from {', '.join(names) or 'nothing'} to "
        f"{', '.join(ends)}"
    )
