"""Verbs that take a node out, or put another op in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nodeflow.errors import suggest, suggest_or_list
from nodeflow.integrations.onnx.errors import CannotEdit, onnx_package
from nodeflow.integrations.onnx.surgery.operation import Equal, Operation, read_others, title


def bypass(operation: Operation, options: Mapping[str, Any]) -> None:
    """Remove a node from an ONNX model, and connect the readers of its output to its first input.

    Both tensors need the same dtype, and the same shape where both are known. A node whose output
    is an output of the model becomes an Identity, so that the output keeps its name.

    Raises:
        CannotEdit: the node has no input, more outputs are read, or dtype or shape differ.
    """
    node = operation.node(options["node"])
    name = title(node)
    used = [o for o in node.output if o and (operation.read_count(o) or operation.is_output(o))]
    if not node.input or not node.input[0]:
        raise CannotEdit("it has no input that could replace its result", node=name)
    if used[1:] or used != list(node.output[:1])[: len(used)]:
        raise CannotEdit(f"other nodes read {', '.join(used)} of it", node=name)
    source, result = node.input[0], node.output[0]
    _check_alike(operation, source, result, name)
    changed = operation.after([result])
    operation.forget_types(changed)
    index = operation.index(node)
    if operation.is_output(result):
        del node.attribute[:], node.input[1:], node.output[1:]
        node.op_type, node.domain = "Identity", ""
        operation.done.append(f"{name} is an Identity, because {result} is an output")
    else:
        del operation.graph.node[index]
        read_others(operation.graph.node, {result: source})
        operation.done.append(f"{name} is out; its readers read {source}")
    operation.drop_dead()
    _expect_others(operation, changed)


def replace(operation: Operation, options: Mapping[str, Any]) -> None:
    """Put another op of ONNX in the place of a node, between the same tensors.

    Attributes of the node stay if the op stays, so this also changes single attributes. Inputs
    that the new op does not take are dropped.
    """
    onnx = onnx_package()
    node, op = operation.node(options["node"]), options["op"]
    name, given = title(node), options.get("attribute") or {}
    try:
        schema = onnx.defs.get_schema(op, operation.opset)
    except Exception:  # its error has another class in each version
        known = {s.name for s in onnx.defs.get_all_schemas() if not s.domain}
        raise CannotEdit(
            f"ONNX has no op {op!r} in opset {operation.opset}", node=name, hint=suggest(op, known)
        ) from None
    unknown = next((key for key in given if key not in schema.attributes), None)
    if unknown is not None:
        raise CannotEdit(
            f"{op} has no attribute {unknown!r}",
            node=name,
            hint=suggest_or_list(unknown, sorted(schema.attributes)),
        )
    if len(node.input) < schema.min_input or len(node.output) > schema.max_output:
        raise CannotEdit(
            f"{op} takes {schema.min_input} inputs or more and has up to {schema.max_output} "
            f"outputs; the node has {len(node.input)} and {len(node.output)}",
            node=name,
        )
    results = list(filter(None, node.output))
    stays = node.op_type == op and not node.domain
    for index in reversed(range(len(node.attribute))):
        if not stays or node.attribute[index].name in given:
            del node.attribute[index]
    dropped = list(node.input[schema.max_input :])
    del node.input[schema.max_input :]
    before, node.op_type, node.domain = node.op_type, op, ""
    for key, value in given.items():
        node.attribute.append(_attribute(onnx, schema, key, value, name))
    missing = [
        key for key, a in schema.attributes.items()
        if a.required and key not in {each.name for each in node.attribute}
    ]  # fmt: skip
    if missing:
        raise CannotEdit(f"{op} needs the attribute {missing[0]!r}", node=name)
    changed = operation.after(results)
    operation.forget_types(changed)
    operation.drop_dead()
    shown = "".join(f", {key} {value}" for key, value in given.items())
    less = f"; it reads {', '.join(dropped)} no more" if dropped else ""
    operation.done.append(f"{name} is {op}{shown} instead of {before}{less}")
    _expect_others(operation, changed)


def _attribute(onnx: Any, schema: Any, key: str, value: Any, node: str) -> Any:
    """Return an attribute from a Python value, or from text that may be JSON.

    Raises:
        CannotEdit: the value has another type than the attribute.
    """
    kind = schema.attributes[key].type
    if isinstance(value, str) and kind != onnx.defs.OpSchema.AttrType.STRING:
        try:
            value = json.loads(value)
        except ValueError:
            raise CannotEdit(
                f"{value!r} is not a value of the attribute {key!r}",
                node=node,
                hint="Give a number, or a list such as [1, 2].",
            ) from None
    number = int(getattr(kind, "value", kind))
    try:
        if number == onnx.AttributeProto.FLOAT:
            value = float(value)
        elif number == onnx.AttributeProto.FLOATS:
            value = [float(each) for each in value]
        made = onnx.helper.make_attribute(key, value)
    except (TypeError, ValueError):
        made = None
    if made is None or made.type != number:
        wanted = onnx.AttributeProto.AttributeType.Name(number)
        raise CannotEdit(f"the attribute {key!r} is {wanted}, and {value!r} is not", node=node)
    return made


def _check_alike(operation: Operation, source: str, result: str, node: str) -> None:
    kinds = operation.kind(source), operation.kind(result)
    if all(kinds) and kinds[0] != kinds[1]:
        name = onnx_package().TensorProto.DataType.Name
        raise CannotEdit(
            f"its input {source} is {name(kinds[0])} and its result {result} {name(kinds[1])}",
            node=node,
            hint="Replace the node by one that gives the same dtype.",
        )
    old, new = operation.dims(source), operation.dims(result)
    if old is None or new is None:
        return
    pairs = zip(old, new, strict=False)
    if len(old) != len(new) or any(
        isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs
    ):
        raise CannotEdit(
            f"its input {source} has the shape {_shape(old)} and its result {result} {_shape(new)}",
            node=node,
            hint="Bypass only nodes that keep the shape.",
        )


def _shape(dims: list[int | str]) -> str:
    return f"({', '.join(str(d or '?') for d in dims)})"


def _expect_others(operation: Operation, changed: set[str]) -> None:
    """Declare that all outputs of the model except ``changed`` must have the same values after the
    edit. This is verified later.
    """
    names = [value.name for value in operation.graph.output]
    operation.outputs = [Equal(name, name) for name in names if name not in changed]
