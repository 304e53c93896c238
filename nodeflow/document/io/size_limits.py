"""Limits on the size of files with graphs. Larger files are refused before they are parsed."""

from __future__ import annotations

FLOW_BYTES = 256 * 2**20
"""The largest .flow file. No graph drawn by hand is larger."""

EMBEDDED_BYTES = 64 * 2**20
"""The largest picture with a graph in it, and the largest text of that graph."""
