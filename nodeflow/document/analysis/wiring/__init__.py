"""Ports as the canvas shows them, checks of new wires, and ops that fit at the end of a wire."""
