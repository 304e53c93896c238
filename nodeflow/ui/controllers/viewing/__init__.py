"""The displayed part of the graph, and its colours."""
