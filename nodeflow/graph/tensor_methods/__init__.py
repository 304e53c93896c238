"""The methods of tensors, variables and nodes, and the conversion of their arguments."""
