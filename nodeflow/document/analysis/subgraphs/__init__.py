"""Subgraphs, loops and branches: interfaces, instances, paths."""
