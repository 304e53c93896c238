"""Data sets, and wiring them to a graph."""
