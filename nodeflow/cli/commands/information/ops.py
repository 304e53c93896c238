"""``nodeflow ops``: the op reference, from the declarations in the registry."""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import Any

from nodeflow.cli.environment import Environment
from nodeflow.cli.output_format import json_line
from nodeflow.document.analysis.declarations import declarations
from nodeflow.errors import UnknownOp, suggest
from nodeflow.graph.declaration import Attr, NodeDeclaration, Port


def ops(arguments: argparse.Namespace, environment: Environment) -> None:
    """List every op by category, or describe one.

    Raises:
        UnknownOp: there is no op of this name.
    """
    known = {op.id: op for op in declarations() if not op.hidden}
    if arguments.name is None:
        chosen = list(known.values())
    elif arguments.name in known:
        chosen = [known[arguments.name]]
    elif f"layers/{arguments.name}" in known:
        chosen = [known[f"layers/{arguments.name}"]]
    else:
        raise UnknownOp(
            f"there is no op {arguments.name!r}",
            hint=suggest(arguments.name, known) or "See nodeflow ops.",
        )
    if arguments.json:
        environment.print(json_line([describe(op) for op in chosen]))
    elif arguments.name is None:
        environment.print(listing(chosen))
    else:
        environment.print(reference(chosen[0]))


def listing(ops: list[NodeDeclaration]) -> str:
    """Return every op's id and first sentence, by category."""
    width = max(len(op.id) for op in ops) + 2
    lines = []
    by_category = sorted(ops, key=lambda op: op.category)
    for category, members in groupby(by_category, key=lambda op: op.category):
        lines.append(category)
        lines += [f"  {op.id:<{width}}{op.summary}" for op in sorted(members, key=lambda o: o.id)]
    return "\n".join(lines)


def reference(op: NodeDeclaration) -> str:
    """Return the full description of an op."""
    lines = [f"{op.id}  ({op.category})", "", op.doc.strip(), ""]
    if op.inputs:
        lines += ["Inputs", *(f"  {_input_text(p)}" for p in op.inputs), ""]
    if op.outputs:  # their dtypes follow from inputs and attributes, as the text says
        lines += [
            "Outputs",
            *(f"  {p.name}{f':  {p.doc}' if p.doc else ''}" for p in op.outputs),
            "",
        ]
    if op.attrs:
        lines += ["Attributes", *(f"  {_attr_text(a)}" for a in op.attrs), ""]
    return "\n".join(lines).rstrip()


def _input_text(port: Port) -> str:
    marks = [m for m, on in (("several", port.variadic), ("optional", port.optional)) if on]
    extra = f" ({', '.join(marks)})" if marks else ""
    doc = f"  {port.doc}" if port.doc else ""
    return f"{port.name}{extra}: {', '.join(port.dtypes)}{doc}"


def _attr_text(attr: Attr) -> str:
    kind = " | ".join(attr.choices) if attr.choices else attr.kind
    default = "required" if attr.required else f"default {attr.default!r}"
    return f"{attr.name}: {kind}, {default}.  {attr.doc}".rstrip()


def describe(op: NodeDeclaration) -> dict[str, Any]:
    """Return an op as JSON data."""
    return {
        "id": op.id,
        "version": op.version,
        "category": op.category,
        "doc": op.doc.strip(),
        "inputs": [_input_json(p) for p in op.inputs],
        "outputs": [{"name": p.name, "doc": p.doc} for p in op.outputs],
        "attrs": [
            {
                "name": a.name,
                "kind": a.kind,
                "required": a.required,
                "default": None if a.required else a.default,
                "choices": a.choices,
                "doc": a.doc,
            }
            for a in op.attrs
        ],
    }


def _input_json(port: Port) -> dict[str, Any]:
    return {
        "name": port.name,
        "dtypes": port.dtypes,
        "variadic": port.variadic,
        "optional": port.optional,
        "doc": port.doc,
    }
