"""Type inference of nodes, with sizes that follow from other types."""
