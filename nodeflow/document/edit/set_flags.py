"""Edits of the flags of nodes and wires: breakpoints, plots, modes, cards, wires, views."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from nodeflow.document.analysis.folded_values import FOLDED, is_folded, values_at
from nodeflow.document.analysis.node_flags import (
    has_breakpoint,
    hidden_ports,
    is_collapsed,
    is_plotted,
    is_unfolded,
    with_field,
)
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadValue
from nodeflow.document.model.records import BYPASSED, MUTED, Json, mode_of
from nodeflow.errors import GraphError
from nodeflow.graph.devices import device_name, parse_device
from nodeflow.number_text import counted

ROOM = 48.0
"""Distance between a value that gets its card back and its reader."""


def toggle_breakpoint(doc: Document, ids: Iterable[str]) -> None:
    """Set breakpoints at nodes, or remove them if all these nodes have one."""
    ids = [i for i in ids if doc.node(i).op != REROUTE]
    every = all(has_breakpoint(doc.node(i)) for i in ids)
    verb = "Remove the breakpoint of" if every else "Set a breakpoint at"
    _set(doc, verb, ids, "breakpoint", None if every else True)


def toggle_plotted(doc: Document, ids: Iterable[str]) -> None:
    """Plot the values of nodes over the steps of a training; stop plotting if all are plotted."""
    ids = [i for i in ids if doc.node(i).op != REROUTE]
    every = all(is_plotted(doc.node(i)) for i in ids)
    _set(doc, "Do not plot" if every else "Plot", ids, "plotted", None if every else True)


def set_mode(doc: Document, ids: Iterable[str], mode: str) -> None:
    """Mute or bypass nodes; "" makes them active again."""
    verb = {MUTED: "Mute", BYPASSED: "Bypass"}.get(mode, "Activate")
    _set(doc, verb, [i for i in ids if doc.node(i).op != REROUTE], "mode", mode or None)


def toggle_mode(doc: Document, ids: Iterable[str], mode: str) -> None:
    """Set the mode of nodes, or reset it if all of them have it."""
    ids = [i for i in ids if doc.node(i).op != REROUTE]
    every = all(mode_of(doc.node(i)) == mode for i in ids)
    set_mode(doc, ids, "" if every else mode)


def toggle_collapsed(doc: Document, ids: Iterable[str]) -> None:
    """Collapse nodes to their titles, or open them if all are collapsed."""
    ids = [i for i in ids if doc.node(i).op != REROUTE]
    every = all(is_collapsed(doc.node(i)) for i in ids)
    _set(doc, "Open" if every else "Collapse", ids, "collapsed", None if every else True)


def toggle_unfolded(doc: Document, ids: Iterable[str]) -> None:
    """Show the in-ports of nodes that only override settings, or fold them if all show them."""
    ids = list(ids)
    every = all(is_unfolded(doc.node(i)) for i in ids)
    verb = "Fold the ports of" if every else "Unfold the ports of"
    _set(doc, verb, ids, "unfolded", None if every else True)


def toggle_values(doc: Document, ids: Iterable[str]) -> None:
    """Fold constants and variables into their readers, or give them cards if all are folded.

    Args:
        ids: these values themselves, or nodes that read them.
    """
    values = list(values_at(doc, ids))
    shows = all(is_folded(doc, record) for record in values)
    verb = "Show as nodes:" if shows else "Fold into readers:"
    with doc.transaction(f"{verb} {counted(len(values), 'value')}") as t:
        beside: dict[str, int] = {}
        for record in values:
            record = with_field(record, FOLDED, None if shows else True)
            if shows:
                reader = next(iter(doc.wires_out_of(record.id))).target
                beside[reader] = beside.get(reader, 0) + 1
                x, y = doc.nodes[reader].pos
                width, height = node_size(doc, record)
                pos = (x - width - ROOM, y + (beside[reader] - 1) * (height + ROOM / 2))
                record = replace(record, pos=pos)
            t.put_node(record)


def set_view(doc: Document, node_id: str, view: dict[str, Json] | None) -> None:
    """Show a view instead of a node's value (see `node_flags.view_of`); None shows the value."""
    if doc.node(node_id).op == REROUTE:
        return
    verb = f"Show {view['kind']} on" if view else "Show the value on"
    _set(doc, verb, [node_id], "view", view or None)


def set_slider(doc: Document, node_id: str, ends: tuple[float, float] | None) -> None:
    """Show a slider with these two ends on a node (see `node_flags.slider_of`); None removes it.

    Raises:
        BadValue: the first is not less than the second, or one is not finite.
    """
    if ends is not None and not (-math.inf < ends[0] < ends[1] < math.inf):
        raise BadValue("a slider goes from a smaller to a greater number", hint="Write 0 to 1.")
    verb = "Show a slider on" if ends else "Remove the slider of"
    _set(doc, verb, [node_id], "slider", list(ends) if ends else None)


def set_bounds(
    doc: Document, ids: Iterable[str], low: float | None = None, high: float | None = None
) -> None:
    """Set bounds for the values of nodes (see `node_flags.bounds_of`); remove them if both are
    None.

    Raises:
        BadValue: the lower bound is greater than the upper one, or one is not finite.
    """
    if not all(edge is None or math.isfinite(edge) for edge in (low, high)):
        raise BadValue("a bound is a finite number", hint="Leave the bound out if there is none.")
    if low is not None and high is not None and low > high:
        raise BadValue("the lower bound is greater than the upper one", hint="Write -10 to 10.")
    ids = [i for i in ids if doc.node(i).op != REROUTE]
    bounds = None if low is None and high is None else [low, high]
    _set(
        doc,
        "Set the allowed range of" if bounds else "Remove the allowed range of",
        ids,
        "bounds",
        bounds,
    )


def set_device(doc: Document, ids: Iterable[str], device: str) -> None:
    """Set the device to compute nodes on (see `node_flags.device_of`); "" removes it.

    Raises:
        BadValue: this is no name of a device.
    """
    try:
        name = device_name(parse_device(device))
    except GraphError as error:
        raise BadValue(error.message, hint=error.hint) from None
    verb = "Set the device of" if name else "Remove the device of"
    _set(doc, verb, [i for i in ids if doc.node(i).op != REROUTE], "device", name or None)


def remove_device(doc: Document, node_id: str) -> None:
    """Remove the device of a node (see `node_flags.device_of`)."""
    _set(doc, "Remove the device of", [node_id], "device", None)


def set_hidden(doc: Document, keys: Iterable[tuple[str, str]], hidden: bool) -> None:
    """Hide wires, given by (target id, port), or show them."""
    keys = [key for key in keys if key in doc.wires]
    label = f"{'Hide' if hidden else 'Show'} {'a wire' if len(keys) == 1 else f'{len(keys)} wires'}"
    with doc.transaction(label) as t:
        for target, port in keys:
            record = doc.node(target)
            ports = [p for p in hidden_ports(record) if p != port and (target, p) in doc.wires]
            ports = sorted([*ports, port]) if hidden else ports
            t.put_node(with_field(record, "hidden", ports or None))


def _set(doc: Document, verb: str, ids: list[str], name: str, value: Json) -> None:
    if not ids:
        return
    what = doc.node(ids[0]).name if len(ids) == 1 else f"{len(ids)} nodes"
    with doc.transaction(f"{verb} {what}") as t:
        for node_id in ids:
            t.put_node(with_field(doc.node(node_id), name, value))
