"""Commands that print what there is: data, ops, doctor."""
