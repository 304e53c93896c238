"""Tooltips of the canvas: descriptions of ports, nodes and wires as rich text."""

from __future__ import annotations

import html

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.frozen_weights import is_frozen
from nodeflow.document.analysis.node_flags import (
    bounds_text,
    device_of,
    has_breakpoint,
    is_plotted,
    is_unfolded,
)
from nodeflow.document.analysis.wiring.shown_ports import in_ports
from nodeflow.document.model.problems import Problem
from nodeflow.document.to_graph.expansion.expand import opens
from nodeflow.drawing.cards import value_preview
from nodeflow.drawing.message_text import brief
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.tints import Tints, output_index
from nodeflow.ui.core.user_messages import in_window

_STATES = {
    "muted": "Muted: skipped, with its dependents.",
    "bypassed": "Bypassed: passes its input through.",
    "inactive": "Inactive: it depends on a muted node.",
    "running": "Running.",
    "stale": "Out of date: this value is from before the last edit.",
    "breakpoint": "Breakpoint: training pauses when this becomes NaN, infinite or true.",
    "plotted": "Plotted: trainings record its value of each step.",
    "frozen": "Frozen: optimizers do not change its weights.",
    "hit": "Training paused here: the value is NaN, infinite or true.",
}

OVERRIDE_TIP = "This value replaces the computed one. Click to remove it."


def tooltip(scene: SceneModel, hit: Hit, tints: Tints | None = None) -> str:
    """Return the tooltip for the thing under the pointer as rich text; empty for nothing.

    Args:
        tints: the measure that colours nodes and wires; its numbers are added.
    """
    if hit.kind == "port" and hit.port is not None:
        return _port_tip(scene, hit)
    if hit.kind in ("title", "body"):
        lines = tints.lines(hit.node) if tints is not None else []
        return "<br>".join([_node_tip(scene, hit.node), *map(escape, lines)])
    if hit.kind == "frame" and hit.frame:
        note = scene.document.frames[hit.frame].note
        return escape(note).replace("\n", "<br>") if note else ""
    if hit.kind == "wire" and hit.wire is not None:
        return _wire_tip(scene, hit.wire, tints)
    return ""


def fold_tip(scene: SceneModel, hit: Hit) -> str:
    """Describe what a click on the arrow below a card's ports does."""
    record = scene.document.nodes[hit.node]
    names = [port.name for port in in_ports(scene.document, record) if port.folds]
    fold = "Fold" if is_unfolded(record) else "Unfold"
    return f"{fold} the ports of settings: {escape(', '.join(names))}"


def _port_tip(scene: SceneModel, hit: Hit) -> str:
    assert hit.port is not None
    kind = scene.analysis.type_of(hit.node, hit.port.name)
    lines = [f"<b>{escape(hit.port.name)}</b> {escape(str(kind)) if kind else ''}"]
    wire = scene.document.wires.get((hit.node, hit.port.name)) if hit.side == "in" else None
    source = scene.document.nodes[wire.source] if wire is not None else None
    if source is not None and is_folded(scene.document, source):
        lines.append(f"{escape(source.name)}: folded into this node. Click to select it.")
    if hit.port.optional:
        lines.append("optional")
    problems = _problems(scene, hit.node)
    lines += [escape(in_window(p.message)) for p in problems if p.port == hit.port.name]
    return "<br>".join(lines)


def _node_tip(scene: SceneModel, node_id: str) -> str:
    record = scene.document.nodes[node_id]
    slot = scene.nodes.get(node_id)
    subtitle = scene.card(slot).subtitle if slot is not None else record.op
    lines = [f"<b>{escape(record.name)}</b> {escape(subtitle)}"]
    status = scene.card(slot).status if slot is not None else ""
    lines += [_STATES[status]] if status in _STATES else []
    if has_breakpoint(record) and status not in ("breakpoint", "hit"):
        lines.append(_STATES["breakpoint"])
    if is_plotted(record):
        lines.append(_STATES["plotted"])
    if is_frozen(scene.document, record):
        lines.append(_STATES["frozen"])
    if bounds := bounds_text(record):
        lines.append(f"Allowed range: {escape(bounds)}. Training ends if a value is outside.")
    if node_id in scene.builder.overridden:
        lines.append("Overridden: shown only; trainings and runs compute their own value.")
    if badge := scene.badges.get(node_id):
        lines.append(escape(badge.tip))
    if device := device_of(record):
        lines.append(f"Device: {escape(device)}")
    for problem in _problems(scene, node_id):
        lines.append(escape(in_window(problem.message)))
        if problem.hint:
            lines.append(f"<i>{escape(in_window(problem.hint))}</i>")
    value = scene.builder.values.get(node_id)
    shown = value_preview.plain_text(value)
    if shown:
        lines.append(escape(shown))
    if getattr(value, "is_what_if", False) and node_id not in scene.builder.overridden:
        lines.append("What if: computed from overridden values.")
    of = value_preview.origin_text(value)
    if of:
        lines.append(f"Shown: {escape(of)}")
    if opens(scene.document, node_id):
        lines.append("Double click opens it.")
    return "<br>".join(lines)


def _wire_tip(scene: SceneModel, key: tuple[str, str], tints: Tints | None) -> str:
    wire = scene.document.wires.get(key)
    if wire is None:
        return ""
    source, target = scene.document.nodes[wire.source], scene.document.nodes[wire.target]
    kind = scene.analysis.type_of(wire.source, wire.source_port)
    ends = f"{source.name}:{wire.source_port} → {target.name}:{wire.target_port}"
    lines = [escape(ends), *([escape(str(kind))] if kind else [])]
    if tints is not None and tints.coloring.on_wires:
        index = output_index(scene, wire.source, wire.source_port)
        lines += map(escape, tints.lines(wire.source, index))
    return "<br>".join(lines)


def _problems(scene: SceneModel, node_id: str) -> list[Problem]:
    return scene.analysis.problems.get(node_id, [])


def escape(text: str) -> str:
    """Escape a text from a file, so that rich text shows it literally."""
    return html.escape(brief(text))
