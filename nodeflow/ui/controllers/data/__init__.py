"""Data sets and their connection to a graph."""
