"""Type inference of nodes, including sizes that follow from the types of other tensors."""
