"""The appearance of cards, shared by the canvas and by drawings: radii, colors and icons by
state.
"""

from __future__ import annotations

RADIUS = 10.0
FRAME_RADIUS = 14.0
FRAME_TINT = 0.08
"""The part of its colour in the ground of a frame."""
PORT_RADIUS = 5.0
DEVICE_STRIP = 5.0
SIGN_RADIUS = 8.0
"""Radius of the signs for breakpoints, plots, bounds and frozen weights on a card's corners."""
CURVE = ((-0.5, -0.4), (-0.2, 0.15), (0.1, -0.05), (0.5, 0.4))
"""The sign of a plot, in radii."""
CRYSTAL = ((0.0, 0.62), (0.54, 0.31), (0.54, -0.31))
"""One end of each bar of the sign of frozen weights, in radii; the bars cross at the centre."""
BESIDE = 2.3
"""Distance of the sign of frozen weights from the sign of bounds, in radii."""
GRID, GRID_DOT = 24.0, 1.5
"""Spacing of the dots of the background, and their size."""
DIM = 0.3
"""Opacity of dimmed nodes, and of the wires of nodes without outputs."""

STATUS_ICONS = {
    "running": ("loader-circle", "accent"),
    "done": ("circle-check", "ok"),
    "stale": ("history", "ink_faint"),
    "muted": ("eye-off", "ink_faint"),
    "inactive": ("pause", "ink_faint"),
    "bypassed": ("route", "ink_muted"),
    "outer": ("external-link", "ink_faint"),
    "hit": ("pause", "error"),
}

THICK = {"running": "accent", "hit": "error"}
"""States with a thick border, and its colour."""
OFF = ("muted", "bypassed")
FAINT = (*OFF, "inactive")
LOUD = {"warning": "warning", "error": "error", "incomplete": "ink_faint"}
"""Levels of problems that a card shows at every zoom, and the colour of border, port and name."""
PROBLEM_LOOKS = {
    "error": ("error", "error_soft", "circle-alert"),
    "warning": ("warning", "warning_soft", "triangle-alert"),
    "incomplete": ("ink_muted", "sunken", "plug"),
    "info": ("ink_muted", "accent_soft", "info"),
}
