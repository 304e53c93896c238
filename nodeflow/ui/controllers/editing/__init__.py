"""Edits of the graph, by menu, key and popup."""
