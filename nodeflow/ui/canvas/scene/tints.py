"""The colours of nodes and wires by a measure of their outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtGui import QColor

from nodeflow.host.protocol import Measured
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.core.theming.colorings import Coloring, ColorScale, ramp_color
from nodeflow.ui.core.theming.theme import Theme

LEVELS = 64
"""The number of different colours."""
PLAIN = -1


@dataclass(frozen=True)
class Tints:
    """Measured values by node id and output index. Some outputs may have none.

    Attributes:
        scale: None if nothing has a value.
        why: the reason why nothing has a value; empty if each output has its own reason.
    """

    coloring: Coloring
    measured: Mapping[str, Mapping[int, Measured]] = field(default_factory=dict)
    scale: ColorScale | None = None
    why: str = ""
    _levels: dict[tuple[str, str], int] = field(default_factory=dict, compare=False, repr=False)
    """Cached colours by node id and port (empty for the node itself). They are used in every
    painting.
    """

    @classmethod
    def of(
        cls, coloring: Coloring, measured: Mapping[str, Mapping[int, Measured]], why: str = ""
    ) -> Tints:
        """Return tints whose scale fits the measured values."""
        found = (m.value for each in measured.values() for m in each.values())
        values = [value for value in found if value is not None]
        return cls(coloring, measured, ColorScale.of(coloring, values), why)

    def level(self, node_id: str, index: int | None = None) -> int:
        """Return the level on the colour scale for the measured value of a node's output. By
        default use the first output with a value. Return `PLAIN` without a value.
        """
        each = self.measured.get(node_id)
        if each is None or self.scale is None:
            return PLAIN
        chosen = sorted(each) if index is None else [index]
        for place in chosen:
            value = each[place].value if place in each else None
            if value is not None:
                return round(self.scale.part(value) * (LEVELS - 1))
        return PLAIN

    def of_nodes(self, scene: SceneModel, slots: np.ndarray) -> np.ndarray:
        """Return the colours of nodes by slot."""
        key, known = scene.nodes.key, self._levels
        levels = np.full(len(slots), PLAIN, np.int64)
        for place, slot in enumerate(slots.tolist()):
            which = key(slot), ""
            if which not in known:
                known[which] = self.level(which[0])
            levels[place] = known[which]
        return levels

    def of_wires(self, scene: SceneModel, slots: np.ndarray) -> np.ndarray:
        """Return for each wire the level on the colour scale of the output that it comes from.

        Args:
            slots: the array indices of the wires.
        """
        levels = np.full(len(slots), PLAIN, np.int64)
        wires, table = scene.document.wires, scene.wires
        if not self.coloring.on_wires:
            return levels
        for place, slot in enumerate(slots.tolist()):
            wire = wires.get(table.slots.key(slot))
            if wire is None or wire.source not in self.measured:
                continue
            which = wire.source, wire.source_port
            if which not in self._levels:
                self._levels[which] = self.level(wire.source, output_index(scene, *which))
            levels[place] = self._levels[which]
        return levels

    def lines(self, node_id: str, index: int | None = None) -> list[str]:
        """Return the tooltip lines about a node's outputs, or about one output."""
        each = self.measured.get(node_id, {})
        chosen = (sorted(each) or [0]) if index is None else [index]
        return [self._line(each.get(i), f" of output {i}" if i else "") for i in chosen]

    def _line(self, found: Measured | None, which: str) -> str:
        what = f"{self.coloring.title}{which}"
        if found is None:
            return f"{what}: none, {self.why or 'it has no value'}"
        if found.value is None:
            return f"{what}: none, {found.why}"
        return f"{what}: {self.coloring.text(found.value)}{found.why and f', {found.why}'}"


def level_color(theme: Theme, level: int) -> QColor:
    """Return the colour for a level of a measured value. `PLAIN`, the level of a node without a
    value, is a quiet grey.
    """
    if level == PLAIN:
        return theme.color("border_strong")
    return ramp_color(theme, level / (LEVELS - 1))


def output_index(scene: SceneModel, node_id: str, port: str) -> int:
    """Return the index of the output that has this port name; 0 if unknown."""
    slot = scene.nodes.get(node_id)
    outputs = scene.card(slot).outputs if slot is not None else ()
    names = [each.name for each in outputs if each.kind != "control"]
    return names.index(port) if port in names else 0
